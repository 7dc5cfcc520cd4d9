package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"trivium/nativeapi/client"
	"trivium/server"
)

const (
	// startPatience is how long a command waits for a server, or another command, that is just starting or ending.
	startPatience = 15 * time.Second
	startPause    = 50 * time.Millisecond
)

// adminFlags are the options of every command that administers a store.
func adminFlags(cmd *cobra.Command, c *config, out *printer) {
	c.addFlags(cmd, "data", "log-level", "master-key-file")
	cmd.Flags().StringVar(&c.server, serverFlag, "",
		"URL of a server to ask in place of the data directory ($"+serverVariable+"); $TRIVIUM_USER and $TRIVIUM_PASSWORD are an administrator's, or his access key and its secret")
	_ = cmd.RegisterFlagCompletionFunc(serverFlag, cobra.NoFileCompletions)
	out.addFlag(cmd)
}

// administer runs work with a client of the store's administration: that of the server that is named, or of the one
// which runs on the data directory, or, when none does, of this process, under the directory's lock.
func administer(cmd *cobra.Command, c *config, work func(ctx context.Context, a *client.Client) error) error {
	if err := c.load(cmd, os.Environ()); err != nil {
		return err
	}
	far, err := c.farServer()
	if err != nil {
		return err
	}
	if far != nil {
		return work(cmd.Context(), far)
	}
	dir := &dataDir{path: c.data}
	if err := dir.wantStore(); err != nil {
		return c.sourced(err, "data")
	}
	ctx := cmd.Context()
	for end := time.Now().Add(startPatience); ; {
		a, busy := dialServer(ctx, dir)
		if a != nil {
			return work(ctx, a)
		}
		if busy == nil {
			err := offline(cmd, c, func(ctx context.Context, st *store) error {
				return work(ctx, client.InProcess(newAdmin(st, ""), st.log))
			})
			if busy = err; !errors.Is(err, errInUse) {
				return err
			}
		}
		if time.Now().After(end) {
			return busy
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(startPause):
		}
	}
}

// dialServer returns a client of the server that runs on the directory, or why it cannot be asked yet; neither when
// nobody listens.
func dialServer(ctx context.Context, dir *dataDir) (*client.Client, error) {
	path, err := server.SocketPath(dir.socket())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a := client.Dial(path)
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	err = a.Ping(ctx)
	e, answered := errors.AsType[*client.Error](err)
	var op *net.OpError
	switch {
	case answered && e.Status == http.StatusServiceUnavailable && e.Code == "Starting":
		return nil, err
	case err == nil, answered:
		return a, nil
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist): // what a killed server left
		return nil, nil
	case errors.As(err, &op) && op.Op == "dial":
		return nil, fmt.Errorf("ask the server at %s: %w: run the command as the user who runs the server", dir.socket(), op.Err)
	}
	return nil, fmt.Errorf("ask the server at %s: %w", dir.socket(), err) // it is just ending, or hangs
}
