package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

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

// table writes rows in columns, the first of them their names, or doc with --json.
func (p *printer) table(cmd *cobra.Command, doc any, rows [][]string) error {
	if p.json {
		return p.print(cmd, doc)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	for _, row := range rows {
		if _, err := fmt.Fprintln(w, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return w.Flush()
}

// some joins names for people, at most ten of them.
func some(names []string) string {
	const most = 10
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
