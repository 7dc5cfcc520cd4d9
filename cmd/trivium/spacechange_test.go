package main

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

// TestSpaceSetHostKey gives a space another key of its server, which names no place; where it is stays.
func TestSpaceSetHostKey(t *testing.T) {
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
	key := func(c string) string { return "SHA256:" + strings.Repeat(c, 42) + "A" }
	run := func(args ...string) string { return string(execute(t, append(args, "--data", d.path)...)) }
	run("space", "add", "far", "SFTP", "host=127.0.0.1", "port=1", "path=pieces", "user=u", "password=p", "hostKey="+key("A"), "--no-test", "--state", "down")
	run("space", "set", "far", "hostKey="+key("B"))
	run("space", "set", "far", "hostKey="+key("C"), "user=v")
	changed := func() {
		t.Helper()
		shown := run("space", "list", "--json")
		for _, want := range []string{key("C"), `"host":"127.0.0.1"`, `"user":"v"`, `"password":"******"`, `"revision":3`} {
			if !strings.Contains(shown, want) {
				t.Errorf("the space is %s, want %s", shown, want)
			}
		}
	}
	changed()
	for _, bad := range []string{"host=other", "hostKey=", "hostKey=x"} {
		root := newRoot()
		root.SetArgs([]string{"space", "set", "far", bad, "--data", d.path})
		root.SetOut(io.Discard)
		root.SetErr(io.Discard)
		if err := root.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), strings.Split(bad, "=")[0]) {
			t.Errorf("space set far %s = %v, want a refusal", bad, err)
		}
	}
	changed()
}
