package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"trivium/nativeapi/client"
	v1 "trivium/nativeapi/v1"
)

// spaceTest tries a space.
func spaceTest() *cobra.Command {
	var c config
	var out printer
	cmd := &cobra.Command{
		Use: "test NAME", Short: "Try a space: write, read, list and delete a small file", Args: oneArgument("the name of a space"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withAPI(cmd, &c, func(ctx context.Context, a client.API) error {
				sp, err := spaceNamed(ctx, a, args[0])
				if err != nil {
					return err
				}
				storage, err := fieldsOf(sp.Storage)
				if err != nil {
					return err
				}
				credential, err := fieldsOf(sp.Credential)
				if err != nil {
					return err
				}
				err = a.TestSpace(ctx, v1.UserSpaceTest{
					Storage: storage, Credential: credential, WorkingDir: sp.WorkingDir, UserSpaceID: sp.UserSpaceID,
				})
				if err != nil {
					return fmt.Errorf("space %s does not work: %w", sp.Name, err)
				}
				return out.print(cmd, sp, "space "+sp.Name+" works")
			})
		},
	}
	adminFlags(cmd, &c, &out)
	return cmd
}

// fieldsOf makes what is sent of what was shown.
func fieldsOf(u v1.Union) (v1.Fields, error) {
	fields := make(v1.Fields, len(u))
	for name, value := range u {
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		fields[name] = raw
	}
	return fields, nil
}

// spaceSet changes spaces.
func spaceSet() *cobra.Command {
	var c config
	var out printer
	var f spaceFlags
	var name string
	cmd := &cobra.Command{
		Use: "set NAME [SETTING=VALUE...]", Short: "Change a space: its name, weight, limit, failure domain, state or credentials",
		Long: `Change a space: its name, weight, limit, failure domain, state or credentials. Where it is cannot be changed: add another
space and drain this one. A server of SFTP that got a new key is known again by hostKey=KEY.`,
		Args: betweenArguments(1, maxSettings, "the name of a space"),
		RunE: func(cmd *cobra.Command, args []string) error {
			change := v1.UserSpaceChange{}
			if err := f.change(cmd, &change, name); err != nil {
				return err
			}
			return withAPI(cmd, &c, func(ctx context.Context, a client.API) error {
				sp, err := spaceNamed(ctx, a, args[0])
				if err != nil {
					return err
				}
				if change.UserSpaceID = sp.UserSpaceID; len(args) > 1 {
					if err := changeSettings(ctx, a, &sp, args[1:], &change); err != nil {
						return err
					}
				}
				if sp, err = a.UpdateSpace(ctx, change); err != nil {
					return err
				}
				return out.print(cmd, sp, "space "+sp.Name+" changed")
			})
		},
	}
	adminFlags(cmd, &c, &out)
	cmd.Flags().StringVar(&name, "name", "", "another name")
	cmd.Flags().StringVar(&f.domain, "domain", "", "failure domain of content that comes from now on")
	cmd.Flags().StringVar(&f.state, "state", "", "active, readOnly, draining or down")
	cmd.Flags().StringVar(&f.maxSize, "max-size", "", "most bytes of content, such as 500G; 0: no limit")
	cmd.Flags().Float64Var(&f.weight, "weight", 0, "share of new content relative to other spaces")
	return cmd
}

// change is what the flags that were given change.
func (f *spaceFlags) change(cmd *cobra.Command, c *v1.UserSpaceChange, name string) error {
	given := cmd.Flags().Changed
	if given("name") {
		c.Name = &name
	}
	if given("domain") {
		c.FailureDomain = &f.domain
	}
	if given("state") {
		c.State = &f.state
	}
	if given("weight") {
		c.Weight = &f.weight
	}
	if given("max-size") {
		size, err := parseBytes(f.maxSize)
		if err != nil {
			return fmt.Errorf("--max-size: %w", err)
		}
		c.ShardStore = &v1.ShardStore{MaxSize: size}
	}
	return nil
}

// changeSettings adds to a change that of some settings of a space. Which may change, the server says.
func changeSettings(ctx context.Context, a client.API, sp *v1.UserSpace, settings []string, change *v1.UserSpaceChange) error {
	storage, credential, err := spaceSettings(ctx, a, fmt.Sprint(sp.Storage["type"]), settings)
	if err != nil {
		return err
	}
	if len(storage) > 1 { // it has a type
		change.Storage = storage
	}
	if len(credential) == 1 {
		return nil
	}
	if change.Credential, err = fieldsOf(sp.Credential); err != nil {
		return err
	}
	maps.Copy(change.Credential, credential)
	return nil
}

// spaceDrain empties spaces.
func spaceDrain() *cobra.Command {
	var c config
	var out printer
	cmd := &cobra.Command{
		Use: "drain NAME", Short: "Move all content of a space to others, so that it can be removed", Args: oneArgument("the name of a space"),
		Long: `Move all content of a space to others, so that it can be removed. The server does it in the background, also after a
restart; "trivium space list" shows what is left.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withAPI(cmd, &c, func(ctx context.Context, a client.API) error {
				sp, err := spaceNamed(ctx, a, args[0])
				if err != nil {
					return err
				}
				state := "draining"
				if sp, err = a.UpdateSpace(ctx, v1.UserSpaceChange{UserSpaceID: sp.UserSpaceID, State: &state}); err != nil {
					return err
				}
				return out.print(cmd, sp, "space "+sp.Name+" gets no new content; what it holds is moved to others")
			})
		},
	}
	adminFlags(cmd, &c, &out)
	return cmd
}

// spaceRemove removes spaces.
func spaceRemove() *cobra.Command {
	var c config
	var out printer
	var force bool
	cmd := &cobra.Command{
		Use: "remove NAME", Short: "Remove a space that holds no content any more; the storage itself is left as it is",
		Long: `Remove a space that holds no content any more; the storage itself is left as it is. A space that is gone for good is
given up with --force: nothing is read from it any more, what it held is rebuilt from others in the background, and it goes
with the last of it. Content of which too few pieces are left elsewhere is lost. "trivium space set NAME --state active" takes
a space back whose row is still there.`,
		Args: oneArgument("the name of a space"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withAPI(cmd, &c, func(ctx context.Context, a client.API) error {
				sp, err := spaceNamed(ctx, a, args[0])
				if err != nil {
					return err
				}
				st, err := a.SpaceStatus(ctx, sp.UserSpaceID)
				if err != nil {
					return err
				}
				if err := a.DeleteSpace(ctx, sp.UserSpaceID, force); err != nil {
					return err
				}
				if force && st.Pieces > 0 {
					return out.print(cmd, sp, fmt.Sprintf("space %s given up: %d pieces (%d bytes) are rebuilt from other spaces, where there are enough",
						sp.Name, st.Pieces, st.UsedBytes))
				}
				return out.print(cmd, sp, "space "+sp.Name+" removed; nothing in the storage was touched")
			})
		},
	}
	adminFlags(cmd, &c, &out)
	cmd.Flags().BoolVar(&force, "force", false, "give up a space that still holds content")
	return cmd
}

// parseBytes reads a number of bytes with one of the units K, M, G, T, which are powers of 1,024.
func parseBytes(s string) (int64, error) {
	text, shift := s, 0
	for i, unit := range []string{"K", "M", "G", "T"} {
		if cut, is := strings.CutSuffix(strings.TrimSuffix(strings.TrimSuffix(s, "iB"), "B"), unit); is {
			text, shift = cut, 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > (1<<62)>>shift {
		return 0, fmt.Errorf("%q is no number of bytes, such as 500G or 1073741824", s)
	}
	return n << shift, nil
}

// jsonText is a string in JSON.
func jsonText(s string) ([]byte, error) { return json.Marshal(s) }
