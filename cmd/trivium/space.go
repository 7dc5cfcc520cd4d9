package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"trivium/core/nearest"
	"trivium/nativeapi/client"
	v1 "trivium/nativeapi/v1"
)

// spaceCommand administers spaces.
func spaceCommand() *cobra.Command {
	cmd := groupCommand("space", "Administer the spaces that keep the content", `Administer the spaces that keep the content: directories, buckets of clouds, WebDAV and SFTP servers.
"trivium space types" lists what a space can be, and the settings of each type.`)
	cmd.AddCommand(spaceAdd(), spaceList(), spaceTypes(), spaceTest(), spaceSet(), spaceDrain(), spaceRemove())
	return cmd
}

// maxSettings is how many arguments the commands take that have settings among them.
const maxSettings = 100

// spaceFlags are the options of add and set that are not settings of a type.
type spaceFlags struct {
	domain, workingDir, state, maxSize string
	weight                             float64
	noShards, noTest                   bool
}

// spaceAdd makes spaces.
func spaceAdd() *cobra.Command {
	var c config
	var out printer
	var f spaceFlags
	cmd := &cobra.Command{
		Use: "add NAME TYPE [SETTING=VALUE...]", Short: "Add a space",
		Long: `Add a space. It is tried first: written to, read, listed and cleaned up again.
A value that begins with @ is the name of a file which holds it, so that a secret is not in the list of processes:
  trivium space add minio S3 endpoint=https://minio:9000 bucket=b1 accessKeyId=AK secretAccessKey=@secret.txt`,
		Args: betweenArguments(2, maxSettings, "a name and a type"),
		RunE: func(cmd *cobra.Command, args []string) error {
			maxSize, err := parseBytes(f.maxSize)
			if err != nil {
				return fmt.Errorf("--max-size: %w", err)
			}
			return withAPI(cmd, &c, func(ctx context.Context, a client.API) error {
				storage, credential, err := spaceSettings(ctx, a, args[1], args[2:])
				if err != nil {
					return err
				}
				n := v1.NewUserSpace{
					Name: args[0], Storage: storage, Credential: credential, WorkingDir: f.workingDir, FailureDomain: f.domain,
					Weight: f.weight, State: f.state,
				}
				if !f.noShards {
					n.ShardStore = &v1.ShardStore{MaxSize: maxSize}
				}
				return addSpace(ctx, cmd, a, &out, spaceToAdd{n, !f.noTest})
			})
		},
	}
	adminFlags(cmd, &c, &out)
	cmd.Flags().StringVar(&f.workingDir, "working-dir", "", "directory of the storage below which all of Trivium's is; it must not be another store's")
	cmd.Flags().StringVar(&f.domain, "domain", "", "failure domain: pieces of an object lie in distinct ones; without it each path, or endpoint and account, is one")
	cmd.Flags().StringVar(&f.state, "state", "active", "active, readOnly, draining or down")
	cmd.Flags().StringVar(&f.maxSize, "max-size", "0", "most bytes of content, such as 500G; 0: no limit")
	cmd.Flags().Float64Var(&f.weight, "weight", 1, "share of new content relative to other spaces")
	cmd.Flags().BoolVar(&f.noShards, "no-content", false, "keep no content of objects in it: it is for import, export and sync alone")
	cmd.Flags().BoolVar(&f.noTest, "no-test", false, "do not try the space first")
	return cmd
}

// spaceToAdd is a space, and whether it is tried first.
type spaceToAdd struct {
	v1.NewUserSpace
	test bool
}

// addSpace tries a space, makes it and waits until it is in use.
func addSpace(ctx context.Context, cmd *cobra.Command, a client.API, out *printer, n spaceToAdd) error {
	if n.test {
		if err := a.TestSpace(ctx, v1.UserSpaceTest{Storage: n.Storage, Credential: n.Credential, WorkingDir: n.WorkingDir}); err != nil {
			return fmt.Errorf("space %s does not work, so it was not added: %w", n.Name, err)
		}
	}
	sp, err := a.CreateSpace(ctx, n.NewUserSpace)
	if err != nil {
		return err
	}
	line := fmt.Sprintf("space %s added with id %d, failure domain %q", sp.Name, sp.UserSpaceID, sp.FailureDomain)
	if !n.test {
		return out.print(cmd, sp, line)
	}
	st, err := settled(ctx, a, sp.UserSpaceID)
	if err != nil {
		return err
	}
	if st.State != "ok" {
		line += "\nit is not in use yet: " + st.Message
	}
	return out.print(cmd, sp, line)
}

// settled waits until a space was tried, for some seconds.
func settled(ctx context.Context, a client.API, id int64) (v1.UserSpaceStatus, error) {
	for end := time.Now().Add(startPatience); ; {
		st, err := a.SpaceStatus(ctx, id)
		if err != nil || st.State != "unknown" || time.Now().After(end) {
			return st, err
		}
		select {
		case <-ctx.Done():
			return st, ctx.Err()
		case <-time.After(startPause):
		}
	}
}

// spaceSettings makes the storage and credential of a type from SETTING=VALUE.
func spaceSettings(ctx context.Context, a client.API, kind string, settings []string) (storage, credential v1.Fields, err error) {
	kinds, err := a.SpaceKinds(ctx)
	if err != nil {
		return nil, nil, err
	}
	var known []string
	for _, k := range kinds {
		if strings.EqualFold(k.Type, kind) {
			return fillSettings(&k, settings)
		}
		known = append(known, k.Type)
	}
	return nil, nil, fmt.Errorf("unknown type %s of a space: %s", kind, nearest.Suggest("", kind, known))
}

// fillSettings is spaceSettings of a type.
func fillSettings(k *v1.SpaceKind, settings []string) (storage, credential v1.Fields, err error) {
	kind := []byte(strconv.Quote(k.Type))
	storage, credential = v1.Fields{"type": kind}, v1.Fields{"type": kind}
	var known []string
	for _, f := range k.Fields {
		known = append(known, f.Name)
	}
	for _, s := range settings {
		name, value, found := strings.Cut(s, "=")
		i := slices.IndexFunc(k.Fields, func(f v1.SpaceField) bool { return f.Name == name })
		switch {
		case !found:
			return nil, nil, fmt.Errorf("%q: give SETTING=VALUE", s)
		case i < 0:
			return nil, nil, fmt.Errorf("a space of type %s has no setting %s: %s", k.Type, name, nearest.Suggest("", name, known))
		}
		if file, is := strings.CutPrefix(value, "@"); is {
			raw, err := os.ReadFile(file)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", name, err)
			}
			value = strings.TrimRight(string(raw), "\r\n")
		}
		in := storage
		if k.Fields[i].Credential {
			in = credential
		}
		if in[name], err = jsonOf(&k.Fields[i], value); err != nil {
			return nil, nil, err
		}
	}
	return storage, credential, nil
}

// jsonOf is a setting in JSON.
func jsonOf(f *v1.SpaceField, value string) ([]byte, error) {
	switch f.Type {
	case "number":
		n, err := strconv.ParseUint(value, 10, 63)
		if err != nil {
			return nil, fmt.Errorf("%s: %q is no whole number", f.Name, value)
		}
		return strconv.AppendUint(nil, n, 10), nil
	case "boolean":
		b, err := strconv.ParseBool(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %q: give true or false", f.Name, value)
		}
		return strconv.AppendBool(nil, b), nil
	}
	return jsonText(value)
}

// spaceList lists spaces.
func spaceList() *cobra.Command {
	var c config
	var out printer
	cmd := &cobra.Command{
		Use: "list", Short: "List spaces with what they hold and how they do", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withAPI(cmd, &c, func(ctx context.Context, a client.API) error {
				spaces, err := a.Spaces(ctx)
				if err != nil {
					return err
				}
				type listed struct {
					v1.UserSpace
					Status v1.UserSpaceStatus `json:"status"`
				}
				docs := make([]listed, len(spaces))
				rows := [][]string{{"ID", "NAME", "TYPE", "FAILURE DOMAIN", "STATE", "PIECES", "BYTES", "LIMIT", "STATUS"}}
				for i, sp := range spaces {
					st, err := a.SpaceStatus(ctx, sp.UserSpaceID)
					if err != nil {
						return err
					}
					docs[i] = listed{sp, st}
					rows = append(rows, spaceLine(&sp, &st))
				}
				return out.table(cmd, docs, rows)
			})
		},
	}
	adminFlags(cmd, &c, &out)
	return cmd
}

// spaceLine is a space in a table.
func spaceLine(sp *v1.UserSpace, st *v1.UserSpaceStatus) []string {
	limit := "-"
	switch {
	case sp.ShardStore == nil:
		limit = "no content"
	case sp.ShardStore.MaxSize > 0:
		limit = strconv.FormatInt(sp.ShardStore.MaxSize, 10)
	}
	how := st.State
	if st.Message != "" {
		how += ": " + st.Message
	}
	return []string{
		strconv.FormatInt(sp.UserSpaceID, 10), sp.Name, fmt.Sprint(sp.Storage["type"]), sp.FailureDomain, sp.State,
		strconv.FormatInt(st.Pieces, 10), strconv.FormatInt(st.UsedBytes, 10), limit, how,
	}
}

// spaceTypes lists what a space can be.
func spaceTypes() *cobra.Command {
	var c config
	var out printer
	cmd := &cobra.Command{
		Use: "types", Short: "List what a space can be, with the settings of each type", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withAPI(cmd, &c, func(ctx context.Context, a client.API) error {
				kinds, err := a.SpaceKinds(ctx)
				if err != nil {
					return err
				}
				rows := [][]string{{"TYPE", "SETTING", "DEFAULT", "MEANING"}}
				for _, k := range kinds {
					rows = append(rows, typeLines(&k)...)
				}
				return out.table(cmd, kinds, rows)
			})
		},
	}
	adminFlags(cmd, &c, &out)
	return cmd
}

// typeLines are the settings of a type in a table.
func typeLines(k *v1.SpaceKind) [][]string {
	rows := [][]string{{k.Type, "", "", ""}}
	for _, f := range k.Fields {
		standard := f.Default
		if f.Required {
			standard = "(required)"
		}
		help := f.Help
		if f.Secret {
			help += " (secret)"
		}
		rows = append(rows, []string{"", f.Name, standard, help})
	}
	return rows
}

// spaceNamed finds a space by its name, or its id.
func spaceNamed(ctx context.Context, a client.API, name string) (v1.UserSpace, error) {
	spaces, err := a.Spaces(ctx)
	if err != nil {
		return v1.UserSpace{}, err
	}
	var found []v1.UserSpace
	var known []string
	for _, sp := range spaces {
		if sp.Name == name || strconv.FormatInt(sp.UserSpaceID, 10) == name {
			found = append(found, sp)
		}
		known = append(known, sp.Name)
	}
	switch len(found) {
	case 0:
		return v1.UserSpace{}, fmt.Errorf("there is no space %s: %s", name, nearest.Suggest("", name, known))
	case 1:
		return found[0], nil
	}
	return v1.UserSpace{}, fmt.Errorf("several users have a space %s: give its id, which trivium space list shows", name)
}
