package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
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
		Long: `List buckets, the packages of a bucket (BUCKET), or the objects whose keys begin with a prefix (BUCKET/PREFIX): at the
top of a bucket (BUCKET/), in a package (BUCKET/PACKAGE/). A prefix that nothing has is an error.`,
		Example: `  trivium object ls first/
  trivium object ls --recursive first`,
		Args: betweenArguments(0, 1, "a bucket with the prefix of keys"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withAPI(cmd, &c, func(ctx context.Context, a client.API) error {
				if len(args) == 0 {
					return listAllBuckets(ctx, cmd, a, &out)
				}
				p := parsePlace(args[0])
				l := &objectListing{cmd: cmd, a: a, json: out.json, all: all}
				switch {
				case p.bucket == "":
					return fmt.Errorf("%s names no bucket: give BUCKET/PREFIX", args[0])
				case p.pkg != "" || p.path != "":
					if err := l.prefix(ctx, args[0], p); err != nil {
						return err
					}
				case all || strings.HasSuffix(args[0], "/"):
					if err := l.bucket(ctx, p.bucket); err != nil {
						return err
					}
				default:
					return listAllPackages(ctx, cmd, a, &out, p.bucket)
				}
				return l.end(&out)
			})
		},
	}
	adminFlags(cmd, &c, &out)
	cmd.ValidArgsFunction = c.names(objectNames, false)
	cmd.Flags().BoolVar(&all, "recursive", false, "all objects below the prefix, of a bucket all there are; else what has a slash behind it is shown as one line")
	return cmd
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
		return about(bucket, err)
	}
	packages, err := a.Packages(ctx, b.BucketID)
	if err != nil {
		return err
	}
	rows := [][]string{{"PACKAGE", "SINCE"}}
	for _, p := range packages {
		name := p.Name + "/"
		if p.Name == "" {
			name = "(objects without a package: " + bucket + "/)"
		}
		rows = append(rows, []string{name, p.CreateTime.Format(time.DateTime)})
	}
	return out.table(cmd, packages, rows)
}

// objectListing prints objects and common prefixes by their keys. Lines come as they are read; with json all at the end.
type objectListing struct {
	cmd   *cobra.Command
	a     client.API
	json  bool
	all   bool // flat; else what has a slash behind the prefix is one line
	found listed
	lines int
}

// prefix lists what begins with a prefix that is more than a bucket.
func (l *objectListing) prefix(ctx context.Context, name string, p place) error {
	nothing := fmt.Errorf("%s: there is no object whose key begins so", name)
	pkg, err := l.packageOf(ctx, &p)
	if missing(err) {
		if _, err := l.a.Bucket(ctx, p.bucket); err != nil {
			return about(p.bucket, err)
		}
		return nothing
	}
	if err != nil {
		return about(p.bucket, err)
	}
	if err := l.objects(ctx, pkg, p.path); err != nil {
		return err
	}
	if l.lines == 0 && p.path != "" {
		return nothing
	}
	return nil
}

// packageOf finds the package of a prefix; a prefix without a slash that is the name of a package is that package.
func (l *objectListing) packageOf(ctx context.Context, p *place) (v1.Package, error) {
	if p.pkg == "" {
		if pkg, err := l.a.Package(ctx, p.bucket, p.path); err == nil || !missing(err) {
			p.pkg, p.path = p.path, ""
			return pkg, err
		}
	}
	return l.a.Package(ctx, p.bucket, p.pkg)
}

// bucket lists the packages of a bucket, with all their objects or by their names, and the objects beside them.
func (l *objectListing) bucket(ctx context.Context, name string) error {
	b, err := l.a.Bucket(ctx, name)
	if err != nil {
		return about(name, err)
	}
	packages, err := l.a.Packages(ctx, b.BucketID)
	if err != nil {
		return err
	}
	slices.SortFunc(packages, func(a, b v1.Package) int { return strings.Compare(a.Name, b.Name) })
	for _, p := range packages {
		if !l.all && p.Name != "" {
			if err := l.page(&v1.ObjectPage{CommonPrefixes: []string{p.Name + "/"}}, ""); err != nil {
				return err
			}
		}
	}
	for _, p := range packages {
		if l.all || p.Name == "" {
			if err := l.objects(ctx, p, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// objects lists those of a package whose paths have a prefix.
func (l *objectListing) objects(ctx context.Context, pkg v1.Package, prefix string) error {
	above := pkg.Name
	if above != "" {
		above += "/"
	}
	for o := (client.ListOptions{Prefix: prefix, Folded: !l.all}); ; {
		page, err := l.a.List(ctx, pkg.PackageID, o)
		if err != nil {
			return err
		}
		if !l.all { // the folder itself, which is no member of its own
			page.Objects = slices.DeleteFunc(page.Objects, func(o v1.Object) bool {
				return o.Path == prefix && o.Size == 0 && (prefix == "" || strings.HasSuffix(prefix, "/"))
			})
		}
		if err := l.page(&page, above); err != nil {
			return err
		}
		if o.Token = page.NextContinuationToken; !page.IsTruncated || o.Token == "" {
			return nil
		}
	}
}

// page takes a page, whose paths have above before them as keys.
func (l *objectListing) page(page *v1.ObjectPage, above string) error {
	first := l.lines == 0
	l.lines += len(page.CommonPrefixes) + len(page.Objects)
	if l.json {
		l.found.Prefixes, l.found.Objects = append(l.found.Prefixes, page.CommonPrefixes...), append(l.found.Objects, page.Objects...)
		return nil
	}
	if first && l.lines > 0 {
		if _, err := fmt.Fprintf(l.cmd.OutOrStdout(), "%15s  %-19s  %s\n", "SIZE", "SINCE", "KEY"); err != nil {
			return err
		}
	}
	return printPage(l.cmd, page, above)
}

// end prints what was kept for the end.
func (l *objectListing) end(out *printer) error {
	if !l.json {
		return nil
	}
	all := listed{Prefixes: []string{}, Objects: []v1.Object{}}
	all.Prefixes, all.Objects = append(all.Prefixes, l.found.Prefixes...), append(all.Objects, l.found.Objects...)
	return out.print(l.cmd, all)
}

// printPage writes a line for each prefix and object, in order.
func printPage(cmd *cobra.Command, page *v1.ObjectPage, above string) error {
	w, prefixes := cmd.OutOrStdout(), page.CommonPrefixes
	folders := func(before string, rest bool) error {
		for len(prefixes) > 0 && (rest || prefixes[0] < before) {
			if _, err := fmt.Fprintf(w, "%15s  %-19s  %s\n", "", "", above+prefixes[0]); err != nil {
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
		if _, err := fmt.Fprintf(w, "%15d  %s  %s%s\n", int64(o.Size), o.UpdateTime.Format(time.DateTime), above+o.Path, note); err != nil {
			return err
		}
	}
	return folders("", true)
}
