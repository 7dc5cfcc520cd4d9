package main

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"
)

// offline runs work on the store of a data directory on which no server runs, under its lock. A directory without
// a store is an error: a mistyped name must not make one.
func offline(cmd *cobra.Command, c *config, work func(ctx context.Context, st *store) error) (err error) {
	if err := c.load(cmd, os.Environ()); err != nil {
		return err
	}
	ctx := cmd.Context()
	log, endLog, err := startLog(ctx, c, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer endLog()
	if err := (&dataDir{path: c.data}).wantStore(); err != nil {
		return err
	}
	dir, err := openDataDir(c.data)
	if err != nil {
		return err
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
