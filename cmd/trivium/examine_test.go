package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"trivium/core"
	"trivium/nativeapi/adminapi"
)

// TestDoctorChecks spoils one thing after the other: the check of that thing, and no other, says what is wrong and what
// to do.
func TestDoctorChecks(t *testing.T) {
	for _, tt := range []struct {
		name   string
		spoil  func(d *dataDir) error
		bad    string // checks
		advice string
	}{
		{"nothing", func(*dataDir) error { return nil }, "", ""},
		{"directory of everybody", func(d *dataDir) error { return os.Chmod(d.path, 0o770) }, "data directory", "chmod 700 "},
		{"key of everybody", func(d *dataDir) error { return os.Chmod(d.masterKeyPath(""), 0o640) }, "master key", "chmod 600 "},
		{"no key", func(d *dataDir) error { return os.Remove(d.masterKeyPath("")) }, "master key", "restore "},
		{"another key", func(d *dataDir) error {
			return os.WriteFile(d.masterKeyPath(""), core.GenerateMasterKeys().Marshal(), 0o600)
		}, "master key", "restore "},
		{"no key in the file", func(d *dataDir) error { return os.WriteFile(d.masterKeyPath(""), []byte("x"), 0o600) }, "master key", "restore "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := open(t, filepath.Join(t.TempDir(), "data"))
			st, err := openStore(t.Context(), &config{data: d.path}, d, zerolog.Nop())
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := st.close(t.Context()); err != nil {
					t.Error(err)
				}
			}()
			if err := tt.spoil(d); err != nil {
				t.Fatal(err)
			}
			found, err := st.doctor(t.Context(), true)
			if err != nil || len(found.Checks) != 8 {
				t.Fatalf("doctor = %+v, %v, want 8 checks", found, err)
			}
			var wrong []string
			for _, c := range found.Checks {
				if c.State != adminapi.CheckBad {
					continue
				}
				wrong = append(wrong, c.Name)
				if !strings.HasPrefix(c.Advice, tt.advice) || c.Message == "" {
					t.Errorf("%s: %q, advice %q, want %q", c.Name, c.Message, c.Advice, tt.advice)
				}
			}
			if got := strings.Join(wrong, ", "); got != tt.bad {
				t.Errorf("wrong is %q, want %q", got, tt.bad)
			}
			if err := verdict(found.Checks); (err != nil) != (tt.bad != "") {
				t.Errorf("verdict = %v", err)
			}
		})
	}
}

func TestCheckLines(t *testing.T) {
	got := strings.Join(checkLines([]adminapi.Check{
		{Name: "a", State: adminapi.CheckGood, Message: "fine"},
		{Name: "b", State: adminapi.CheckBad, Message: "not fine", Found: []string{"one", "two"}, Advice: "mend it"},
		{Name: "c", State: adminapi.CheckSkipped, Message: "not looked at"},
	}), "\n")
	want := "ok    a: fine\nBAD   b: not fine\n      - one\n      - two\n      what to do: mend it\nskip  c: not looked at"
	if got != want {
		t.Errorf("lines = %s, want %s", got, want)
	}
}

// TestBadCheckIsWhole: a script finds a list, though there is nothing in it.
func TestBadCheckIsWhole(t *testing.T) {
	b, err := json.Marshal(bad("store", "it does not open", ""))
	if err != nil || !strings.Contains(string(b), `"found":[]`) {
		t.Errorf("a bad check is %s, %v, want an empty list of what was found", b, err)
	}
}
