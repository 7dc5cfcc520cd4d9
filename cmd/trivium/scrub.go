package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"trivium/nativeapi/adminapi"
	"trivium/nativeapi/client"
)

// followPause is how often the server is asked how far it is.
const followPause = 500 * time.Millisecond

// scrubCommand looks at all shards.
func scrubCommand() *cobra.Command {
	var c config
	var out printer
	var deep bool
	cmd := &cobra.Command{
		Use:   "scrub",
		Short: "Look whether all content is where it should be",
		Long: `Look at every shard of all content: whether it is there and has the right size, or with --deep whether every block
matches its checksum. What is missing or damaged is queued for repair, which a running server does at once. A running
server looks by itself: every day whether all is there, and within 30 days at every block.
The exit code is 1 when something was found, or a space did not answer.

The numbers of --json:
  blobs    contents that were looked at: whole objects, parts, or packs of small ones
  shards   pieces of these that were looked at
  bytes    of these shards
  missing  shards that are gone
  corrupt  shards that are damaged
  queued   of the missing and the corrupt, those that were not queued for repair before
  unsure   shards whose space did not answer
  lost     contents that cannot be read any more`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return administer(cmd, &c, func(ctx context.Context, a *client.Client) error {
				var found adminapi.Scrubbed
				err := follow(ctx, cmd.ErrOrStderr(), a, "scrub", func() (err error) {
					found, err = a.Scrub(ctx, deep)
					return err
				})
				if err != nil {
					return fmt.Errorf("scrub: %w", err)
				}
				return errors.Join(out.print(cmd, found, scrubLines(&found)...), scrubVerdict(&found))
			})
		},
	}
	adminFlags(cmd, &c, &out)
	cmd.Flags().BoolVar(&deep, "deep", false, "read and verify every block")
	return cmd
}

// scrubLines say what a scrub has found.
func scrubLines(s *adminapi.Scrubbed) []string {
	lines := []string{fmt.Sprintf("looked at %s of %s, %d MiB: %d missing, %d damaged",
		count(int(s.Shards), "shard"), count(int(s.Blobs), "blob"), s.Bytes>>20, s.Missing, s.Corrupt)}
	for _, f := range s.Found {
		lines = append(lines, "  - "+f)
	}
	if s.Queued > 0 {
		lines = append(lines, count(int(s.Queued), "shard")+" queued for repair: the server rebuilds them, or `trivium repair` at once")
	}
	if s.Unsure > 0 {
		lines = append(lines, count(int(s.Unsure), "shard")+" could not be looked at: see `trivium space list`, and run this again")
	}
	if s.Lost > 0 {
		lines = append(lines, count(int(s.Lost), "blob")+" cannot be read any more: `trivium doctor --deep`, with the server stopped, says which objects are meant")
	}
	return lines
}

// scrubVerdict is the error of a scrub that found something; nil: it did not.
func scrubVerdict(s *adminapi.Scrubbed) error {
	switch {
	case s.Missing+s.Corrupt > 0:
		return errors.New(count(int(s.Missing+s.Corrupt), "shard") + " missing or damaged")
	case s.Unsure > 0:
		return errors.New("a space did not answer for " + count(int(s.Unsure), "shard"))
	}
	return nil
}

// repairCommand works off what is queued for repair.
func repairCommand() *cobra.Command {
	var c config
	var out printer
	cmd := &cobra.Command{
		Use:   "repair",
		Short: "Rebuild all shards that are known to be missing or damaged",
		Long: `Rebuild all shards that are known to be missing or damaged. A running server does this by itself, and waits longer and
longer where it fails; this command does not wait. "trivium scrub" finds what nobody knows of yet.
The exit code is 1 when something could not be repaired.

The numbers of --json:
  shards  that were rebuilt
  failed  contents that cannot be repaired now, of which the log says more
  queued  shards that are still queued; 1000 stands for 1000 and more`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return administer(cmd, &c, func(ctx context.Context, a *client.Client) error {
				var done adminapi.Repaired
				err := follow(ctx, cmd.ErrOrStderr(), a, "repair", func() (err error) {
					done, err = a.Repair(ctx)
					return err
				})
				if err != nil {
					return fmt.Errorf("repair: %w", err)
				}
				return errors.Join(out.print(cmd, done, repairLines(&done)...), unrepaired(&done))
			})
		},
	}
	adminFlags(cmd, &c, &out)
	return cmd
}

// repairLines say what a repair has done.
func repairLines(r *adminapi.Repaired) []string {
	lines := []string{"rebuilt " + count(r.Shards, "shard")}
	if r.Queued > 0 {
		lines = append(lines, count(r.Queued, "shard")+" left")
	}
	return lines
}

// unrepaired is the error of a repair that left something; nil: it did not.
func unrepaired(r *adminapi.Repaired) error {
	if r.Failed == 0 {
		return nil
	}
	return errors.New(count(r.Failed, "blob") + " could not be repaired: the log says why; is a space down, or are there too few?")
}

// follow tells how far the work is that the server does in run.
func follow(ctx context.Context, w io.Writer, a *client.Client, name string, run func() error) error {
	p := newCounter(w, name, "shards")
	ctx, stop := context.WithCancel(ctx)
	var asks sync.WaitGroup
	asks.Go(func() {
		t := time.NewTicker(followPause)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
			if now, err := a.Progress(ctx); err == nil && now.Work == name {
				p.set(now.Done, now.Total)
			}
		}
	})
	err := run()
	stop()
	asks.Wait()
	p.end(err == nil)
	return err
}
