package main

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"trivium/nativeapi/client"
)

// completePatience is how long a shell waits for names, at most.
const completePatience = 2 * time.Second

// lister returns names that begin with what is typed; those that end in a slash can be gone on with.
type lister func(ctx context.Context, a *client.Client, typed string) ([]string, error)

// names completes arguments by asking the server that is named, or that runs on the data directory. Nobody opens a store
// for it: without a server there are none. Only the first argument is completed unless many.
func (c *config) names(list lister, many bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 && !many {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var found []string
		directive := cobra.ShellCompDirectiveNoFileComp
		for _, name := range c.ask(cmd, list, typed) {
			if strings.HasPrefix(name, typed) {
				found = append(found, name)
			}
			if strings.HasSuffix(name, "/") {
				directive |= cobra.ShellCompDirectiveNoSpace
			}
		}
		return found, directive
	}
}

// ask returns what the list has; nothing where it cannot be had: a shell shows no errors.
func (c *config) ask(cmd *cobra.Command, list lister, typed string) []string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), completePatience)
	defer cancel()
	if err := c.load(cmd, os.Environ()); err != nil {
		return nil
	}
	a, err := c.farServer()
	if err == nil && a == nil {
		a, err = dialServer(ctx, &dataDir{path: c.data})
	}
	if err != nil || a == nil {
		return nil
	}
	names, err := list(ctx, a, typed)
	if err != nil {
		return nil
	}
	return names
}

// userNames lists users.
func userNames(ctx context.Context, a *client.Client, _ string) ([]string, error) {
	users, err := a.Users(ctx)
	names := make([]string, len(users))
	for i := range users {
		names[i] = users[i].Name
	}
	return names, err
}

// keyNames lists access keys.
func keyNames(ctx context.Context, a *client.Client, _ string) ([]string, error) {
	keys, err := a.Keys(ctx, "")
	names := make([]string, len(keys))
	for i := range keys {
		names[i] = keys[i].AccessKey
	}
	return names, err
}

// bucketNames lists buckets.
func bucketNames(ctx context.Context, a *client.Client, _ string) ([]string, error) {
	buckets, err := a.API().Buckets(ctx)
	names := make([]string, len(buckets))
	for i := range buckets {
		names[i] = buckets[i].Name
	}
	return names, err
}

// objectNames lists buckets and, behind one, packages, and a page of the objects and prefixes that begin with what is
// typed.
func objectNames(ctx context.Context, a *client.Client, typed string) ([]string, error) {
	p := parsePlace(typed)
	if !strings.Contains(typed, "/") {
		names, err := bucketNames(ctx, a, typed)
		return withEach("", names, "/"), err
	}
	var found []string
	if p.pkg == "" {
		b, err := a.API().Bucket(ctx, p.bucket)
		if err != nil {
			return nil, err
		}
		packages, err := a.API().Packages(ctx, b.BucketID)
		if err != nil {
			return nil, err
		}
		for i := range packages {
			if name := packages[i].Name; name != "" {
				found = append(found, p.bucket+"/"+name+"/")
			}
		}
	}
	pkg, err := a.API().Package(ctx, p.bucket, p.pkg)
	if missing(err) {
		return found, nil
	}
	if err != nil {
		return nil, err
	}
	page, err := a.API().List(ctx, pkg.PackageID, client.ListOptions{Prefix: p.path, Folded: true})
	for i := range page.Objects {
		page.CommonPrefixes = append(page.CommonPrefixes, page.Objects[i].Path)
	}
	return append(found, withEach(place{p.bucket, p.pkg, ""}.String(), page.CommonPrefixes, "")...), err
}

// withEach puts something before and behind each name.
func withEach(before string, names []string, behind string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = before + name + behind
	}
	return out
}

// fileThen completes a file as the first argument, and names as the second.
func fileThen(second cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		switch len(args) {
		case 0:
			return nil, cobra.ShellCompDirectiveDefault
		case 1:
			return second(cmd, nil, typed)
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// thenFile completes names as the first argument, and a file as the second.
func thenFile(first cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 1 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return first(cmd, args, typed)
	}
}
