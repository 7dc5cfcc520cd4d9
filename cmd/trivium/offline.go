package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
)

// offline runs work on the store of a data directory on which no server runs, under its lock; errInUse when somebody
// else has that. c is loaded, and the directory has a store: a mistyped name must not make one.
func offline(cmd *cobra.Command, c *config, work func(ctx context.Context, st *store) error) (err error) {
	ctx := cmd.Context()
	log, endLog, err := startLog(ctx, c, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer endLog()
	dir, err := openDataDir(c.data)
	if err != nil {
		return c.sourced(err, "data")
	}
	defer func() { err = errors.Join(err, dir.close()) }()
	if err := dir.hold(cmd.CommandPath()); err != nil {
		return err
	}
	st, err := openStore(ctx, c, dir, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.close(context.WithoutCancel(ctx))) }()
	return work(ctx, st)
}
