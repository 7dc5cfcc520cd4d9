package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"trivium/nativeapi/adminapi"
	"trivium/nativeapi/client"
)

// doctorCommand examines a store.
func doctorCommand() *cobra.Command {
	var c config
	var out printer
	var deep bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Examine the store and say what to do",
		Long: `Examine the store, beside a running server or without one: directory, master key, checksums of all pages of the
metadata, spaces, free space. With --deep every block of all content is read and compared with its checksum, and with
the server stopped all references are counted anew; that takes as long as reading the whole store. Nothing is changed.
The exit code is 1 when something is wrong.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := examine(cmd, &c, deep)
			if cmd.Context().Err() != nil {
				return err
			}
			if err != nil {
				found.Checks = append(found.Checks, bad("store", err.Error(), ""))
			}
			return errors.Join(out.print(cmd, found, checkLines(found.Checks)...), verdict(found.Checks))
		},
	}
	adminFlags(cmd, &c, &out)
	cmd.Flags().BoolVar(&deep, "deep", false, "read and verify all content, and count all references")
	return cmd
}

// examine asks the server, or looks itself.
func examine(cmd *cobra.Command, c *config, deep bool) (found adminapi.Examined, err error) {
	err = administer(cmd, c, func(ctx context.Context, a *client.Client) error {
		s, err := a.Status(ctx)
		if err != nil {
			return err
		}
		who := adminapi.Check{Name: "store", State: adminapi.CheckGood, Message: "it opens; no server runs on it", Found: []string{}}
		if s.Address != "" {
			who.Message = "the server on " + s.Address + " has it open"
		}
		found.Checks = append(found.Checks, who)
		rest, err := a.Doctor(ctx, deep)
		found.Checks = append(found.Checks, rest.Checks...)
		return err
	})
	return found, err
}

// checkLines are the checks for people.
func checkLines(checks []adminapi.Check) []string {
	marks := map[string]string{adminapi.CheckGood: "ok", adminapi.CheckBad: "BAD", adminapi.CheckSkipped: "skip"}
	var lines []string
	for _, c := range checks {
		lines = append(lines, fmt.Sprintf("%-5s %s: %s", marks[c.State], c.Name, c.Message))
		for _, f := range c.Found {
			lines = append(lines, "      - "+f)
		}
		if c.Advice != "" {
			lines = append(lines, "      what to do: "+c.Advice)
		}
	}
	return lines
}

// verdict is the error of an examination that found something; nil: it did not.
func verdict(checks []adminapi.Check) error {
	n := 0
	for _, c := range checks {
		if c.State == adminapi.CheckBad {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%d of %s found something wrong", n, count(len(checks), "check"))
}
