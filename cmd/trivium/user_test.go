package main

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

// TestUserCommands: a password is asked for when there is somebody to have it, and a user is deleted with his keys.
func TestUserCommands(t *testing.T) {
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
	execute(t, "user", "add", "ann", "--no-password", "--data", d.path)
	execute(t, "key", "create", "--user", "ann", "--data", d.path)

	stdin := strings.NewReader("a new password\n")
	root := newRoot()
	root.SetArgs([]string{"user", "passwd", "anm", "--data", d.path})
	root.SetIn(stdin)
	root.SetOut(io.Discard)
	root.SetErr(io.Discard)
	if err := root.ExecuteContext(t.Context()); err == nil || err.Error() != "anm: there is no such user: did you mean ann?" {
		t.Errorf("passwd of nobody = %v", err)
	}
	if stdin.Len() != len("a new password\n") {
		t.Error("passwd of nobody reads a password")
	}
	if got := string(execute(t, "user", "delete", "ann", "--data", d.path)); !strings.Contains(got, "user ann and his access keys deleted") {
		t.Errorf("user delete = %s", got)
	}
	if got := string(execute(t, "key", "list", "--data", d.path)); strings.Contains(got, "ann") {
		t.Errorf("key list = %s, want none of ann", got)
	}
}
