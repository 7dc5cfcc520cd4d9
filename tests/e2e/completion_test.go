package e2e

import (
	"strings"
	"testing"
)

// TestCompletionOfNames completes the names of what the running server has, as a shell asks for them.
func TestCompletionOfNames(t *testing.T) {
	t.Parallel()
	s := start(t, startOptions{})
	a := newAdmin(s.dir)
	a.do(t, "bucket", "create", "bkt")
	a.do(t, "bucket", "create", "other")
	a.do(t, "user", "add", "ann", "--no-password")
	file := write(t, "x")
	for _, key := range []string{"bkt/pkg/a/b", "bkt/top", "bkt/pkg/abc"} {
		a.do(t, "object", "put", file, key)
	}
	for words, want := range map[string]string{
		"user passwd |": "root ann :4", "user delete a|": "ann :4", "user delete ann |": ":4", "key create --user |": "root ann :4",
		"bucket create new --owner |": "root ann :4", "bucket delete |": "bkt other :4", "key revoke E2|": accessKey + " :4",
		"object ls |": "bkt/ other/ :6", "object get bkt/|": "bkt/pkg/ bkt/top :6", "object rm bkt/pkg/a|": "bkt/pkg/a/ bkt/pkg/abc :6",
		"object put " + file + " bkt/p|": "bkt/pkg/ :6", "object versions bkt/t|": "bkt/top :6", "object get nope/|": ":4",
	} {
		typed := strings.Fields(strings.TrimSuffix(words, "|"))
		args := append([]string{"__complete", typed[0], typed[1], "--data", a.dir}, typed[2:]...)
		if strings.HasSuffix(words, " |") {
			args = append(args, "")
		}
		out, err := a.try(t, "", args...)
		got, _, _ := strings.Cut(out, "Completion ended")
		if names := strings.Join(strings.Fields(got), " "); err != nil || names != want {
			t.Errorf("completion of %q = %q, %v, want %q", words, names, err, want)
		}
	}
}
