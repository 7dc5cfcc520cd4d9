package main

import (
	"bytes"
	"encoding/json"
	"io"
	"path/filepath"
	"runtime"
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
	want := versionReport{version(), runtime.Version(), runtime.GOOS, runtime.GOARCH}
	var got versionReport
	if err := json.Unmarshal(execute(t, "version", "--json"), &got); err != nil || got != want {
		t.Errorf("version --json = %+v, %v, want %+v", got, err, want)
	}
	text := "trivium " + want.Version + " " + want.Go + " " + want.OS + "/" + want.Arch + "\n"
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
