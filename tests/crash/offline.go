package crash

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/meta/metatest"
	"trivium/core/meta/sqlite"
)

// collect runs the collector on a stopped server's data, without its waits.
func collect(ctx context.Context, binary, data string) error {
	cmd := exec.CommandContext(ctx, binary, "gc", "--now", "--data", data)
	cmd.Env = cleanEnv()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("gc --now: %w\n%s", err, out)
	}
	return nil
}

// inspect compares the metadata of a stopped and collected server with itself and with the names in its space.
func inspect(ctx context.Context, data string) (err error) {
	meta, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(data, "meta", "trivium.db")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, meta.Close()) }()
	if err := metatest.Recount(ctx, meta); err != nil {
		return fmt.Errorf("recount: %w", err)
	}
	state, err := metatest.Dump(ctx, meta)
	if err != nil {
		return err
	}
	if len(state.Garbage) > 0 {
		return fmt.Errorf("%d rows of garbage are left after gc --now", len(state.Garbage))
	}
	found, err := shards(data)
	if err != nil {
		return err
	}
	return compareNames(named(&state), found)
}

// named returns the names of all shards that a layout has.
func named(state *metatest.State) []string {
	var names []string
	for _, b := range state.Blobs {
		if b.State != core.BlobStored {
			continue
		}
		for p := range b.Layout.Places() {
			if p.Space != 0 {
				names = append(names, content.ShardName("", b.ID, p))
			}
		}
	}
	slices.Sort(names)
	return names
}

// shards returns the names of all files of the space, but for its marker; what else lies there is a leak, too.
func shards(data string) ([]string, error) {
	root := filepath.Join(data, "space")
	var names []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err == nil && name != "trivium.json" {
			names = append(names, filepath.ToSlash(name))
		}
		return err
	})
	slices.Sort(names)
	return names, err
}

// compareNames tells what is missing in the space and what is too much there.
func compareNames(want, got []string) error {
	var errs []error
	for _, name := range want {
		if _, ok := slices.BinarySearch(got, name); !ok {
			errs = append(errs, fmt.Errorf("shard %s is missing", name))
		}
	}
	for _, name := range got {
		if _, ok := slices.BinarySearch(want, name); !ok {
			errs = append(errs, fmt.Errorf("%s is named by no layout", name))
		}
	}
	return errors.Join(errs...)
}

// copyTree copies a data directory.
func copyTree(from, to string) error { return os.CopyFS(to, os.DirFS(from)) }
