package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"trivium/nativeapi/client"
	v1 "trivium/nativeapi/v1"
)

// objectStatus tells where the pieces of an object are.
func objectStatus() *cobra.Command {
	var c config
	var out printer
	var ref objectRef
	cmd := &cobra.Command{
		Use: "status BUCKET/KEY", Short: "Tell which piece of an object lies where, and how it is", Args: betweenArguments(0, 1, "BUCKET/KEY"),
		Long: `Tell which piece of an object lies where, and how it is. The spaces are asked whether the pieces are there; what is
wrong inside of them "trivium scrub --deep" finds. The states of an object:
  healthy   all is as the policy of the bucket says
  pending   it waits to be kept as that policy says
  degraded  pieces are missing or damaged, or their space does not answer; it can be read
  lost      too many are missing or damaged: it cannot be read any more`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withAPI(cmd, &c, func(ctx context.Context, a client.API) error {
				id, _, err := ref.find(ctx, a, args)
				if err != nil {
					return err
				}
				st, err := a.RedundancyStatus(ctx, id)
				if err != nil || out.json {
					return orPrint(err, &out, cmd, st)
				}
				names, err := spaceNames(ctx, a)
				if err != nil {
					return err
				}
				if err := out.print(cmd, st, statusLine(&st)); err != nil || len(st.Blocks) == 0 {
					return err
				}
				return out.table(cmd, st, blockRows(&st, names))
			})
		},
	}
	adminFlags(cmd, &c, &out)
	cmd.ValidArgsFunction = c.names(objectNames, false)
	ref.addFlag(cmd)
	return cmd
}

// orPrint prints doc unless there is an error.
func orPrint(err error, out *printer, cmd *cobra.Command, doc any) error {
	if err != nil {
		return err
	}
	return out.print(cmd, doc)
}

// spaceNames are the names of the spaces that the caller sees, by id.
func spaceNames(ctx context.Context, a client.API) (map[int64]string, error) {
	spaces, err := a.Spaces(ctx)
	names := make(map[int64]string, len(spaces))
	for i := range spaces {
		names[spaces[i].UserSpaceID] = spaces[i].Name
	}
	return names, err
}

// statusLine says how the object is.
func statusLine(st *v1.RedundancyStatus) string {
	line := st.State + ": kept as " + redundancyText(&st.Redundancy)
	if want := redundancyText(&st.Policy); want != redundancyText(&st.Redundancy) {
		line += ", the policy of the bucket is " + want
	}
	if len(st.Blocks) == 0 {
		line += "; it lies in the metadata"
	}
	return line
}

// blockRows are the pieces in a table.
func blockRows(st *v1.RedundancyStatus, names map[int64]string) [][]string {
	rows := [][]string{{"PIECE", "SPACE", "SIZE", "STATE", "CHECKED"}}
	for _, b := range st.Blocks {
		space, checked := names[b.UserSpaceID], "not now"
		switch {
		case b.UserSpaceID == 0:
			space = "(nowhere)"
		case space == "":
			space = strconv.FormatInt(b.UserSpaceID, 10)
		}
		if b.CheckTime != nil {
			checked = b.CheckTime.Format(time.DateTime)
		}
		rows = append(rows, []string{strconv.Itoa(b.Index), space, fmt.Sprint(int64(b.Size)), b.State, checked})
	}
	return rows
}
