package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"trivium/nativeapi/client"
	v1 "trivium/nativeapi/v1"
)

// listed is what a listing prints with --json.
type listed struct {
	Prefixes []string    `json:"prefixes"`
	Objects  []v1.Object `json:"objects"`
}

// objectList lists buckets, packages or objects.
func objectList() *cobra.Command {
	var c config
	var out printer
	var all bool
	cmd := &cobra.Command{
		Use: "ls [BUCKET[/PREFIX]]", Short: "List buckets, the packages of a bucket, or objects",
		Args: betweenArguments(0, 1, "a bucket with the prefix of keys"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withAPI(cmd, &c, func(ctx context.Context, a client.API) error {
				if len(args) == 0 {
					return listAllBuckets(ctx, cmd, a, &out)
				}
				p := parsePlace(args[0])
				if p.pkg == "" && p.path == "" {
					return listAllPackages(ctx, cmd, a, &out, p.bucket)
				}
				pkg, err := p.inPackage(ctx, a)
				if err != nil {
					return fmt.Errorf("%s: %w", args[0], err)
				}
				return listObjects(ctx, cmd, a, &out, objectListing{pkg.PackageID, p, all})
			})
		},
	}
	adminFlags(cmd, &c, &out)
	cmd.Flags().BoolVar(&all, "recursive", false, "all objects below the prefix; else what has a slash behind it is shown as one line")
	return cmd
}

// inPackage finds the package of a prefix; a prefix without a slash that is the name of a package is that package.
func (p *place) inPackage(ctx context.Context, a client.API) (v1.Package, error) {
	if p.pkg == "" {
		if pkg, err := a.Package(ctx, p.bucket, p.path); err == nil || !missing(err) {
			p.pkg, p.path = p.path, ""
			return pkg, err
		}
	}
	return a.Package(ctx, p.bucket, p.pkg)
}

// listAllBuckets prints the buckets.
func listAllBuckets(ctx context.Context, cmd *cobra.Command, a client.API, out *printer) error {
	buckets, err := a.Buckets(ctx)
	if err != nil {
		return err
	}
	rows := [][]string{{"BUCKET"}}
	for _, b := range buckets {
		rows = append(rows, []string{b.Name + "/"})
	}
	return out.table(cmd, buckets, rows)
}

// listAllPackages prints the packages of a bucket.
func listAllPackages(ctx context.Context, cmd *cobra.Command, a client.API, out *printer, bucket string) error {
	b, err := a.Bucket(ctx, bucket)
	if err != nil {
		return fmt.Errorf("%s: %w", bucket, err)
	}
	packages, err := a.Packages(ctx, b.BucketID)
	if err != nil {
		return err
	}
	rows := [][]string{{"PACKAGE", "SINCE"}}
	for _, p := range packages {
		name := p.Name + "/"
		if p.Name == "" {
			name = "(objects without a package)"
		}
		rows = append(rows, []string{name, p.CreateTime.Format(time.DateTime)})
	}
	return out.table(cmd, packages, rows)
}

// objectListing is which objects of which package are listed.
type objectListing struct {
	pkg int64
	place
	all bool
}

// listObjects prints the objects of a prefix. Lines come as they are read; with --json all at the end.
func listObjects(ctx context.Context, cmd *cobra.Command, a client.API, out *printer, l objectListing) error {
	found := listed{Prefixes: []string{}, Objects: []v1.Object{}}
	for o := (client.ListOptions{Prefix: l.path, Folded: !l.all}); ; {
		page, err := a.List(ctx, l.pkg, o)
		if err != nil {
			return err
		}
		if out.json {
			found.Prefixes, found.Objects = append(found.Prefixes, page.CommonPrefixes...), append(found.Objects, page.Objects...)
		} else if err := printPage(cmd, &page); err != nil {
			return err
		}
		if o.Token = page.NextContinuationToken; !page.IsTruncated || o.Token == "" {
			break
		}
	}
	if out.json {
		return out.print(cmd, found)
	}
	return nil
}

// printPage writes a line for each prefix and object, in order.
func printPage(cmd *cobra.Command, page *v1.ObjectPage) error {
	w, prefixes := cmd.OutOrStdout(), page.CommonPrefixes
	folders := func(before string, rest bool) error {
		for len(prefixes) > 0 && (rest || prefixes[0] < before) {
			if _, err := fmt.Fprintf(w, "%15s  %-19s  %s\n", "", "", prefixes[0]); err != nil {
				return err
			}
			prefixes = prefixes[1:]
		}
		return nil
	}
	for i := range page.Objects {
		o := &page.Objects[i]
		if err := folders(o.Path, false); err != nil {
			return err
		}
		note := ""
		if o.Redundancy.Type == v1.RedundancyUpload {
			note = "  (unfinished upload)"
		}
		if _, err := fmt.Fprintf(w, "%15d  %s  %s%s\n", int64(o.Size), o.UpdateTime.Format(time.DateTime), o.Path, note); err != nil {
			return err
		}
	}
	return folders("", true)
}
