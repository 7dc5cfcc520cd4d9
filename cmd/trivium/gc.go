package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"trivium/core/upkeep"
)

// gcCommand collects garbage.
func gcCommand() *cobra.Command {
	var c config
	var out printer
	var now bool
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Delete content that nothing refers to (with the server stopped)",
		Long: `Delete content that nothing refers to. A running server does this by itself; this command does one round while
none runs on the directory. Content stays for an hour after it was found unused, what a crash left behind
for a day.

The numbers of --json:
  blobs    contents that were deleted: whole objects or parts
  orphans  files that were deleted because nothing ever referred to them
  files    all files that were deleted, orphans included
  waiting  contents that stay for their hour, or while they are read
  sighted  orphans that were found for the first time and stay for now
  failed   steps that failed, of which the log says more; the next round tries again`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return offline(cmd, &c, func(ctx context.Context, st *store) error {
				rep, err := st.upkeep.All(ctx, upkeep.CollectOptions{Now: now})
				if err != nil {
					return fmt.Errorf("collect garbage: %w", err)
				}
				return errors.Join(out.print(cmd, collection(rep), collected(rep, now)...), unfinished(rep))
			})
		},
	}
	c.addFlags(cmd, "data", "log-level", "master-key-file")
	c.addDropLog(cmd)
	cmd.Flags().BoolVar(&now, "now", false, "do not wait: delete at once what otherwise stays for an hour or a day")
	out.addFlag(cmd)
	return cmd
}

// gcReport is what --json tells of a round.
type gcReport struct {
	Blobs   int `json:"blobs"`   // deleted
	Orphans int `json:"orphans"` // orphaned shards deleted
	Files   int `json:"files"`   // shards deleted, orphans included
	Waiting int `json:"waiting"` // blobs that stay for their hour, or while they are read
	Sighted int `json:"sighted"` // orphaned shards found for the first time
	Failed  int `json:"failed"`  // steps that the next round tries again
}

// collection is the report for programs.
func collection(rep upkeep.Report) gcReport {
	return gcReport{
		Blobs: rep.Blobs, Orphans: rep.Orphans, Files: rep.Shards,
		Waiting: rep.Waiting, Sighted: rep.Sighted, Failed: rep.Failed,
	}
}

// collected says what a round has deleted, and of what it has not, why not and until when.
func collected(rep upkeep.Report, now bool) []string {
	lines := []string{fmt.Sprintf("deleted %s and %s (%s)",
		count(rep.Blobs, "blob"), count(rep.Orphans, "orphaned shard"), count(rep.Shards, "file"))}
	switch {
	case rep.Waiting > 0 && now:
		lines = append(lines, count(rep.Waiting, "blob")+" left: being read")
	case rep.Waiting > 0:
		lines = append(lines, count(rep.Waiting, "blob")+" left: content stays for an hour after it was found unused, "+
			"so a round in an hour deletes all of this, and `trivium gc --now` at once")
	}
	if rep.Sighted > 0 {
		lines = append(lines, count(rep.Sighted, "orphaned shard")+" left: found for the first time, "+
			"deleted a day after it was written and an hour after this at the earliest, or by `trivium gc --now` at once")
	}
	return lines
}

// unfinished is the error of a round in which steps failed; nil: none did.
func unfinished(rep upkeep.Report) error {
	if rep.Failed == 0 {
		return nil
	}
	return errors.New(count(rep.Failed, "step") + " failed: the log says why, the next round tries again")
}

// count is n of what a noun names.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
