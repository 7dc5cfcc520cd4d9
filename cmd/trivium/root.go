package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// newRoot makes the command line.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "trivium",
		Short:         "An object store with an S3 door",
		SilenceErrors: true, // main prints them
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(flagError)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(serveCommand(), gcCommand(), versionCommand())
	return root
}

// flagError adds the nearest known name to the error of an unknown flag.
func flagError(cmd *cobra.Command, err error) error {
	unknown, ok := errors.AsType[interface {
		error
		GetSpecifiedName() string
	}](err)
	if !ok {
		return err
	}
	var known []string
	for _, o := range options(&config{}) {
		if cmd.Flags().Lookup(o.flag) != nil {
			known = append(known, o.flag)
		}
	}
	name := strings.TrimLeft(unknown.GetSpecifiedName(), "-")
	if best := nearest(name, known); best != "" {
		return fmt.Errorf("unknown flag --%s: did you mean --%s?", name, best)
	}
	return err
}

// nearest returns the known name that takes the fewest edits to reach from name, or "" without known ones.
func nearest(name string, known []string) string {
	best, least := "", 0
	for _, k := range known {
		if d := edits(name, k); best == "" || d < least {
			best, least = k, d
		}
	}
	return best
}

// edits is the Levenshtein distance of a and b in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			swap := diagonal
			if a[i] != b[j] {
				swap++
			}
			diagonal = row[j+1]
			row[j+1] = min(swap, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
