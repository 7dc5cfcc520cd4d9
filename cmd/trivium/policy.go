package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"trivium/nativeapi/client"
	v1 "trivium/nativeapi/v1"
)

// policyCommand sets how the content of buckets is kept.
func policyCommand() *cobra.Command {
	cmd := groupCommand("policy", "Say how the content of buckets is kept", "Say how the content of buckets is kept: in how many pieces, and in which spaces.")
	cmd.AddCommand(policySet(), policyShow())
	return cmd
}

// policySet sets the redundancy of a bucket.
func policySet() *cobra.Command {
	var c config
	var out printer
	var spaces []string
	var strict, degraded bool
	cmd := &cobra.Command{
		Use: "set BUCKET REDUNDANCY", Short: "Set how new content of a bucket is kept",
		Long: `Set how new content of a bucket is kept. REDUNDANCY is
  none          one piece
  rep(3)        three copies
  ec(4,6)       six pieces of which any four suffice
  lrc(4,7,2,2)  seven pieces, four with the content in two groups of two, which have a parity each
Pieces of an object lie in distinct failure domains.`,
		Args: someArguments(2, "a bucket and a redundancy"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := parseRedundancy(args[1])
			if err != nil {
				return err
			}
			r.Strict, r.DegradedWrites = strict, degraded
			return withAPI(cmd, &c, func(ctx context.Context, a client.API) error {
				b, err := a.Bucket(ctx, args[0])
				if err != nil {
					return err
				}
				change := v1.PolicyChange{Redundancy: &r}
				if cmd.Flags().Changed("spaces") {
					ids, err := spaceIDs(ctx, a, spaces)
					if err != nil {
						return err
					}
					change.Spaces = &ids
				}
				p, err := a.SetPolicy(ctx, b.BucketID, change)
				if err != nil {
					return err
				}
				return out.print(cmd, p, "bucket "+b.Name+": "+promise(&p.Redundancy))
			})
		},
	}
	adminFlags(cmd, &c, &out)
	cmd.Flags().StringSliceVar(&spaces, "spaces", nil, "names of the spaces that new content may go to; all: all that the owner may use")
	cmd.Flags().BoolVar(&strict, "strict", false, "acknowledge a write only when every piece is durable")
	cmd.Flags().BoolVar(&degraded, "degraded-writes", false, "go on writing with just as many pieces as suffice when more spaces do not answer")
	return cmd
}

// policyShow shows the policy of a bucket.
func policyShow() *cobra.Command {
	var c config
	var out printer
	cmd := &cobra.Command{
		Use: "show BUCKET", Short: "Show how new content of a bucket is kept", Args: oneArgument("the name of a bucket"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withAPI(cmd, &c, func(ctx context.Context, a client.API) error {
				b, err := a.Bucket(ctx, args[0])
				if err != nil {
					return err
				}
				p, err := a.Policy(ctx, b.BucketID)
				if err != nil {
					return err
				}
				return out.print(cmd, p, "bucket "+b.Name+": "+promise(&p.Redundancy))
			})
		},
	}
	adminFlags(cmd, &c, &out)
	return cmd
}

// spaceIDs are the ids of named spaces; "all" stands for none, which means all.
func spaceIDs(ctx context.Context, a client.API, names []string) ([]int64, error) {
	ids := []int64{}
	if slices.Equal(names, []string{"all"}) {
		return ids, nil
	}
	for _, name := range names {
		sp, err := spaceNamed(ctx, a, name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, sp.UserSpaceID)
	}
	return ids, nil
}

// parseRedundancy reads none, rep(3), ec(4,6) or lrc(4,7,2,2).
func parseRedundancy(s string) (v1.Redundancy, error) {
	name, list, _ := strings.Cut(strings.TrimSuffix(s, ")"), "(")
	r := v1.Redundancy{Type: name}
	wrong := fmt.Errorf("redundancy %q: give none, rep(3), ec(4,6) or lrc(4,7,2,2)", s)
	var numbers []int
	if list != "" {
		for text := range strings.SplitSeq(list, ",") {
			n, err := strconv.Atoi(strings.TrimSpace(text))
			if err != nil || n < 1 {
				return r, wrong
			}
			numbers = append(numbers, n)
		}
	}
	switch {
	case name == v1.RedundancyNone && len(numbers) == 0, name == v1.RedundancyRep && len(numbers) == 0, name == v1.RedundancyEC && len(numbers) == 0:
	case name == v1.RedundancyRep && len(numbers) == 1:
		r.RepCount = numbers[0]
	case name == v1.RedundancyEC && len(numbers) == 2:
		r.K, r.N = numbers[0], numbers[1]
	case name == v1.RedundancyLRC && len(numbers) > 2:
		r.K, r.N, r.Groups = numbers[0], numbers[1], numbers[2:]
	default:
		return r, wrong
	}
	return r, nil
}

// redundancyText is a redundancy as parseRedundancy reads it.
func redundancyText(r *v1.Redundancy) string {
	switch r.Type {
	case v1.RedundancyRep:
		return fmt.Sprintf("rep(%d)", r.RepCount)
	case v1.RedundancyEC:
		return fmt.Sprintf("ec(%d,%d)", r.K, r.N)
	case v1.RedundancyLRC:
		numbers := []string{strconv.Itoa(r.K), strconv.Itoa(r.N)}
		for _, g := range r.Groups {
			numbers = append(numbers, strconv.Itoa(g))
		}
		return "lrc(" + strings.Join(numbers, ",") + ")"
	}
	return r.Type
}

// promise says in words what a redundancy means for writes and for losses.
func promise(r *v1.Redundancy) string {
	k, n, what := 1, 1, "none: one piece, which is lost with its space"
	switch r.Type {
	case v1.RedundancyRep:
		n = r.RepCount
		what = fmt.Sprintf("rep(%d): %d copies, any %d of which may be lost", n, n, n-1)
	case v1.RedundancyEC:
		k, n = r.K, r.N
		what = fmt.Sprintf("ec(%d,%d): %d pieces, any %d of which may be lost", k, n, n, n-k)
	case v1.RedundancyLRC:
		k, n = r.K, r.N
		what = fmt.Sprintf("lrc(%d,%d): %d pieces in %d groups", k, n, n, len(r.Groups))
	}
	switch {
	case n == 1:
		return what
	case r.Strict, n == k+1:
		return what + fmt.Sprintf("; a write waits until all %d are durable", n)
	case r.DegradedWrites:
		return what + fmt.Sprintf("; a write waits until %d are durable, %d if no more spaces answer; the others follow", k+1, k)
	}
	return what + fmt.Sprintf("; a write waits until %d are durable, the others have up to a second more and follow later", k+1)
}
