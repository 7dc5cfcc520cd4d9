package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"trivium/nativeapi/adminapi"
	"trivium/nativeapi/client"
)

// bucketCommand administers buckets.
func bucketCommand() *cobra.Command {
	cmd := groupCommand("bucket", "Administer buckets", "Administer buckets of all users, beside a running server or without one.")
	cmd.AddCommand(bucketCreate(), bucketList(), bucketDelete())
	return cmd
}

// bucketCreate makes buckets.
func bucketCreate() *cobra.Command {
	var c config
	var out printer
	var owner string
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a bucket", Args: oneArgument("the name of a bucket"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return administer(cmd, &c, func(ctx context.Context, a *client.Client) error {
				if owner == "" {
					var err error
					if owner, err = onlyUser(ctx, a, "--owner"); err != nil {
						return err
					}
				}
				b, err := a.CreateBucket(ctx, adminapi.NewBucket{Name: args[0], Owner: owner})
				if err != nil {
					return meant(ctx, a, owner, userNames, err)
				}
				return out.print(cmd, b, "bucket "+b.Name+" of "+b.Owner+" made")
			})
		},
	}
	adminFlags(cmd, &c, &out)
	cmd.Flags().StringVar(&owner, "owner", "", "user it belongs to; may be left out in a store of one user")
	_ = cmd.RegisterFlagCompletionFunc("owner", c.names(userNames, true))
	return cmd
}

// bucketList lists buckets.
func bucketList() *cobra.Command {
	var c config
	var out printer
	cmd := &cobra.Command{
		Use: "list", Short: "List buckets with their owners and what they hold", Args: noArguments,
		Long: `List buckets with their owners and what they hold: OBJECTS counts those that a listing shows, BYTES all versions of
them, and the parts of unfinished uploads.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return administer(cmd, &c, func(ctx context.Context, a *client.Client) error {
				buckets, err := a.Buckets(ctx)
				if err != nil {
					return err
				}
				rows := [][]string{{"NAME", "OWNER", "OBJECTS", "BYTES", "VERSIONING", "SINCE"}}
				for _, b := range buckets {
					rows = append(rows, []string{
						b.Name, b.Owner, strconv.FormatInt(b.Objects, 10), strconv.FormatInt(b.Bytes, 10), b.Versioning,
						b.CreateTime.Format(time.DateTime),
					})
				}
				return out.table(cmd, buckets, rows)
			})
		},
	}
	adminFlags(cmd, &c, &out)
	return cmd
}

// bucketDelete removes buckets.
func bucketDelete() *cobra.Command {
	var c config
	var out printer
	var force bool
	cmd := &cobra.Command{
		Use: "delete NAME", Short: "Delete an empty bucket, or with --force one with all it holds", Args: oneArgument("the name of a bucket"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return administer(cmd, &c, func(ctx context.Context, a *client.Client) error {
				err := a.DeleteBucket(ctx, args[0], force)
				if e, ok := errors.AsType[*client.Error](err); ok && e.Code == "Conflict" && !force {
					return fmt.Errorf("%w: delete what it holds first, or all of it with --force", err)
				}
				if err != nil {
					return meant(ctx, a, args[0], bucketNames, err)
				}
				return out.print(cmd, adminapi.OldBucket{Name: args[0], Force: force}, "bucket "+args[0]+" deleted")
			})
		},
	}
	adminFlags(cmd, &c, &out)
	cmd.ValidArgsFunction = c.names(bucketNames, false)
	cmd.Flags().BoolVar(&force, "force", false, "also if it is not empty: objects, versions and unfinished uploads are gone for good")
	return cmd
}
