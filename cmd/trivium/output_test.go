package main

import (
	"bytes"
	"encoding/json"
	"io"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/rs/zerolog"
)

// execute runs a command line and returns what it prints.
func execute(t *testing.T, args ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(io.Discard)
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("trivium %q: %v", args, err)
	}
	return out.Bytes()
}

func TestJSON(t *testing.T) {
	want := versionReport{Version: version(), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		want.Commit, want.Modified = commit(info.Settings)
	}
	var got versionReport
	if err := json.Unmarshal(execute(t, "version", "--json"), &got); err != nil || got != want {
		t.Errorf("version --json = %+v, %v, want %+v", got, err, want)
	}
	text := want.text() + "\n"
	if got := string(execute(t, "version")); got != text {
		t.Errorf("version = %q, want %q", got, text)
	}

	d := open(t, filepath.Join(t.TempDir(), "data"))
	st, err := openStore(t.Context(), &config{data: d.path}, d, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	if err := st.close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	doc := execute(t, "gc", "--json", "--data", d.path)
	fields := make(map[string]int)
	if err := json.Unmarshal(doc, &fields); err != nil || len(fields) != 6 {
		t.Errorf("gc --json = %s, %v, want 6 numbers", doc, err)
	}
	if got, want := string(execute(t, "gc", "--data", d.path)), "deleted 0 blobs and 0 orphaned shards (0 files)\n"; got != want {
		t.Errorf("gc = %q, want %q", got, want)
	}
}

func TestVersionNamesTheCommit(t *testing.T) {
	v := versionReport{Version: "v1", Go: "go1.26", OS: "linux", Arch: "amd64"}
	v.Commit, v.Modified = commit([]debug.BuildSetting{
		{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"},
	})
	if got, want := v.text(), "trivium v1 go1.26 linux/amd64 commit 0123456789abcdef modified"; got != want {
		t.Errorf("version = %q, want %q", got, want)
	}
}
