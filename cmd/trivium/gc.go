package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"trivium/nativeapi/adminapi"
	"trivium/nativeapi/client"
)

// gcCommand collects garbage.
func gcCommand() *cobra.Command {
	var c config
	var out printer
	var now bool
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Delete content that nothing refers to",
		Long: `Delete content that nothing refers to. A running server does this by itself; this command does one round, in
the server, or by itself while none runs on the directory. Content stays for an hour after it was found unused, what a
crash left behind for a day.

The numbers of --json:
  blobs    contents that were deleted: whole objects or parts
  orphans  files that were deleted because nothing ever referred to them
  files    all files that were deleted, orphans included
  waiting  contents that stay for their hour, or while they are read
  sighted  orphans that were found for the first time and stay for now
  failed   steps that failed, of which the log says more; the next round tries again`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return administer(cmd, &c, func(ctx context.Context, a *client.Client) error {
				done, err := a.Collect(ctx, now)
				if err != nil {
					return fmt.Errorf("collect garbage: %w", err)
				}
				return errors.Join(out.print(cmd, done, collected(done, now)...), unfinished(done))
			})
		},
	}
	adminFlags(cmd, &c, &out)
	c.addDropLog(cmd)
	cmd.Flags().BoolVar(&now, "now", false, "do not wait: delete at once what otherwise stays for an hour or a day")
	return cmd
}

// collected says what a round has deleted, and of what it has not, why not and until when.
func collected(done adminapi.Collected, now bool) []string {
	lines := []string{fmt.Sprintf("deleted %s and %s (%s)",
		count(done.Blobs, "blob"), count(done.Orphans, "orphaned shard"), count(done.Files, "file"))}
	switch {
	case done.Waiting > 0 && now:
		lines = append(lines, count(done.Waiting, "blob")+" left: being read")
	case done.Waiting > 0:
		lines = append(lines, count(done.Waiting, "blob")+" left: content stays for an hour after it was found unused, "+
			"so a round in an hour deletes all of this, and `trivium gc --now` at once")
	}
	if done.Sighted > 0 {
		lines = append(lines, count(done.Sighted, "orphaned shard")+" left: found for the first time, "+
			"deleted a day after it was written and an hour after this at the earliest, or by `trivium gc --now` at once")
	}
	return lines
}

// unfinished is the error of a round in which steps failed; nil: none did.
func unfinished(done adminapi.Collected) error {
	if done.Failed == 0 {
		return nil
	}
	return errors.New(count(done.Failed, "step") + " failed: the log says why, the next round tries again")
}

// count is n of what a noun names.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
