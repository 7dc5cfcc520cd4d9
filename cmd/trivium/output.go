package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// printer prints what a command has to say: lines for people, or with --json one document for programs.
type printer struct {
	json bool
}

// addFlag declares --json on cmd.
func (p *printer) addFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.json, "json", false, "print one JSON document")
}

// print writes lines, or doc with --json.
func (p *printer) print(cmd *cobra.Command, doc any, lines ...string) error {
	if p.json {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(doc)
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), strings.Join(lines, "\n"))
	return err
}
