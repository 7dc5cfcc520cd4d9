package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"trivium/core/upkeep"
)

// gcCommand collects garbage.
func gcCommand() *cobra.Command {
	var c config
	var now bool
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Delete content that nothing refers to (with the server stopped)",
		Long: `Delete content that nothing refers to. A running server does this by itself; this command does one round while
none runs on the directory.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return offline(cmd, &c, func(ctx context.Context, st *store) error {
				rep, err := st.upkeep.All(ctx, upkeep.CollectOptions{Now: now})
				if err != nil {
					return fmt.Errorf("collect garbage: %w", err)
				}
				return say(cmd.OutOrStdout(), "deleted %d shards of %d blobs and %d orphans; %d blobs wait, %d steps failed",
					rep.Shards, rep.Blobs, rep.Orphans, rep.Waiting, rep.Failed)
			})
		},
	}
	c.addFlags(cmd, "data", "log-level", "master-key-file")
	cmd.Flags().BoolVar(&now, "now", false, "do not wait: skip the hour in the queue and the 24 h of orphans")
	return cmd
}
