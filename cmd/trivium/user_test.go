package main

import (
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	var token struct {
		Token, User string
		ExpireTime  time.Time
	}
	for _, args := range [][]string{nil, {"--user", "ann"}} {
		out := execute(t, append([]string{"user", "token", "--json", "--data", d.path}, args...)...)
		if err := json.Unmarshal(out, &token); err != nil || token.Token == "" || token.User != "ann" || time.Until(token.ExpireTime) < time.Hour {
			t.Errorf("user token %q --json = %s, %v", args, out, err)
		}
	}
	t.Setenv("TRIVIUM_TOKEN_LIFETIME", "90m")
	if out := execute(t, "user", "token", "--json", "--data", d.path); json.Unmarshal(out, &token) != nil || time.Until(token.ExpireTime).Round(time.Hour/2) != 90*time.Minute {
		t.Errorf("user token for 90 minutes = %s", out)
	}
	if got := string(execute(t, "user", "token", "--user", "ann", "--data", d.path)); !strings.Contains(got, "# good for ann until 20") {
		t.Errorf("user token = %s", got)
	}

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
