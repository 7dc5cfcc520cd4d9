package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trivium/core"
)

func samples() []credentials {
	return []credentials{
		{User: "admin", Password: "plain", AccessKey: "AK1", SecretKey: "a/b+c=", RecoveryKey: "AAAA-BBBB"},
		{User: "o'brien", Password: `$(rm) "x" \ ' '' #;&`, AccessKey: "A.B_c-d", SecretKey: "' ", RecoveryKey: "x"},
		{User: "ü", Password: "'", AccessKey: "", SecretKey: "", RecoveryKey: "= =="},
	}
}

func TestCredentialsFile(t *testing.T) {
	for _, want := range samples() {
		if diff := cmp.Diff(want, parseCredentials(want.marshal())); diff != "" {
			t.Errorf("file read back: %s", diff)
		}
	}
	if got := parseCredentials([]byte("# x\n\nOTHER=1\nTRIVIUM_ADMIN_USER=u\r\nnonsense\n")); got != (credentials{User: "u"}) {
		t.Errorf("file with other lines = %+v", got)
	}
}

// TestExportedFileConfiguresNothing starts in the environment of a shell that has exported the whole file.
func TestExportedFileConfiguresNothing(t *testing.T) {
	for _, file := range samples() {
		var environ []string
		for _, f := range file.fields() {
			environ = append(environ, f.name+"="+*f.value)
		}
		c, err := parse(t, nil, environ)
		if err != nil || c.root != (credentials{}) {
			t.Errorf("given are user %q and access key %q, %v, want none", c.root.User, c.root.AccessKey, err)
		}
		if diff := cmp.Diff([]string{"TRIVIUM_ADMIN_USER", "TRIVIUM_ADMIN_PASSWORD", "TRIVIUM_RECOVERY_KEY"}, c.notRead); diff != "" {
			t.Errorf("not read (-want +got):\n%s", diff)
		}
	}
}

// TestCredentialsFileInAShell lets sh read the file, as the banner tells people to do.
func TestCredentialsFileInAShell(t *testing.T) {
	for _, want := range samples() {
		script := string(want.marshal()) + `printf '%s\n' "$TRIVIUM_ADMIN_USER" "$TRIVIUM_ADMIN_PASSWORD" "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY"`
		out, err := exec.Command("sh", "-c", script).CombinedOutput()
		got := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
		if diff := cmp.Diff([]string{want.User, want.Password, want.AccessKey, want.SecretKey}, got); err != nil || diff != "" {
			t.Errorf("sh: %v %s", err, diff)
		}
	}
}

func TestFillAndOverride(t *testing.T) {
	var a, b credentials
	a.fill()
	b.fill()
	if a.User != "admin" || a.Password == b.Password || a.AccessKey == b.AccessKey || a.SecretKey == b.SecretKey ||
		len(a.Password) < 20 || len(a.SecretKey) < 40 || a.RecoveryKey == b.RecoveryKey {
		t.Errorf("two fills = %+v and %+v, want long and different secrets", a, b)
	}
	if _, err := core.ParseRecoveryKey(a.RecoveryKey); err != nil {
		t.Errorf("recovery key: %v", err)
	}
	filled := a
	filled.fill()
	if filled != a {
		t.Error("a second fill changed something")
	}
	got := a.override(credentials{User: "ann", SecretKey: "s"})
	want := a
	want.User, want.SecretKey = "ann", "s"
	if got != want {
		t.Errorf("override = %+v, want %+v", got, want)
	}
}
