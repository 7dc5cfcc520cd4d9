package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rs/zerolog"

	"trivium/server"
)

// startOn does what a start does on a directory, and ends it.
func startOn(t *testing.T, path string) (err error) {
	t.Helper()
	d, err := openDataDir(path)
	if err != nil {
		return err
	}
	defer func() {
		if err := d.close(); err != nil {
			t.Error(err)
		}
	}()
	if err := d.hold("a test"); err != nil {
		return err
	}
	admin := listenAdmin(t.Context(), d, server.NewMetrics(), zerolog.Nop())
	if admin != nil {
		defer func() {
			if err := admin.Close(); err != nil {
				t.Error(err)
			}
		}()
	}
	st, err := openStore(t.Context(), &config{data: d.path}, d, zerolog.Nop())
	if err != nil {
		return err
	}
	defer func() {
		if err := st.close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	if _, err = prepareAccounts(t.Context(), d, st.service, credentials{}); err != nil {
		return err
	}
	return st.service.Ready(t.Context())
}

// TestPlaces puts FIFOs, links and directories where a start looks for its files: it neither waits for them nor reads,
// writes or removes anything behind them. Where it does not go on without them it names them.
func TestPlaces(t *testing.T) {
	outside := t.TempDir()
	secret := filepath.Join(outside, "file")
	if err := os.WriteFile(secret, []byte("of somebody else"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		refused bool // else the start makes it anew, or does without
	}{
		{"lock", true},
		{"credentials", true},
		{"master.key", true},
		{"tmp", true},
		{"meta/trivium.db", true},
		{"meta/trivium.db-wal", true},
		{"meta/trivium.db.acked", true},
		{"meta/trivium.db.acked.judged", true},
		{"meta/trivium.db.ballast", true},
		{"space/trivium.json", true},
		{"admin.sock", false},
		{"tmp/probe", false},
		{"tmp/credentials", false},
		{"space/shards/probe", false},
	} {
		for _, kind := range []struct {
			name string
			put  func(path string) error
		}{
			{"a FIFO", func(path string) error { return syscall.Mkfifo(path, 0o600) }},
			{"a link to a file outside", func(path string) error { return os.Symlink(secret, path) }},
			{"a link to a directory outside", func(path string) error { return os.Symlink(outside, path) }},
			{"a link that dangles", func(path string) error { return os.Symlink(filepath.Join(outside, "none"), path) }},
			{"a link to itself", func(path string) error { return os.Symlink(path, path) }},
			{"a directory", func(path string) error { return os.Mkdir(path, 0o700) }},
		} {
			if tt.name == "tmp" && kind.name == "a directory" {
				continue
			}
			t.Run(tt.name+" is "+kind.name, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "data")
				if err := startOn(t, path); err != nil {
					t.Fatal(err)
				}
				at := filepath.Join(path, tt.name)
				if err := os.RemoveAll(at); err != nil {
					t.Fatal(err)
				}
				if err := kind.put(at); err != nil {
					t.Fatal(err)
				}
				err := startOn(t, path)
				if named := err != nil && strings.Contains(err.Error(), filepath.Base(tt.name)); tt.refused && !named {
					t.Errorf("start = %v, want an error that names %s", err, tt.name)
				}
				if !tt.refused && kind.name != "a directory" && err != nil {
					t.Errorf("start = %v", err)
				}
				if b, err := os.ReadFile(secret); err != nil || string(b) != "of somebody else" {
					t.Errorf("the file outside is %q, %v", b, err)
				}
				if left, err := os.ReadDir(outside); err != nil || len(left) != 1 {
					t.Errorf("outside are %v, %v, want one file", left, err)
				}
			})
		}
	}
}
