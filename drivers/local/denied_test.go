//go:build linux || darwin

package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"trivium/drivers"
)

// Missing rights name the file, its owner and what to do; everything else stays as it is.
func TestDeniedNamesTheOwner(t *testing.T) {
	root, me := t.TempDir(), os.Geteuid()
	file := filepath.Join(root, "trivium.json")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	denied := func(name string) error { return &os.PathError{Op: "openat", Path: name, Err: syscall.EACCES} }
	move := &os.LinkError{Op: "renameat", Old: ".trivium-tmp/x", New: "shards/ab", Err: syscall.EACCES}
	whose := fmt.Sprintf("belongs to %s, and trivium runs as %s", userID(me), userID(me+1))
	for _, tt := range []struct {
		err  error
		euid int
		want string
	}{
		{denied("trivium.json"), me + 1, file + " " + whose},
		{denied(file), me + 1, file + " " + whose},
		{os.NewSyscallError("openat2", syscall.EACCES), me + 1, file + " " + whose},
		{denied("shards/ab"), me + 1, root + " " + whose},
		{move, me + 1, root + " " + whose},
		{denied("trivium.json"), me, ""},
		{&os.PathError{Op: "openat", Path: "trivium.json", Err: syscall.ENOENT}, me + 1, ""},
	} {
		got := owned(root, "trivium.json", tt.err, tt.euid)
		if tt.want == "" && got != tt.err { //nolint:errorlint // the very same
			t.Errorf("%v for user %d = %v, want it as it is", tt.err, tt.euid, got)
		}
		if !strings.Contains(got.Error(), tt.want) || !errors.Is(got, tt.err) {
			t.Errorf("%v for user %d = %v, want %q in it", tt.err, tt.euid, got, tt.want)
		}
		if tt.want != "" && drivers.Sentinel(classify(got)) != drivers.ErrDenied { //nolint:errorlint // a sentinel
			t.Errorf("%v is no ErrDenied any more", got)
		}
	}
}
