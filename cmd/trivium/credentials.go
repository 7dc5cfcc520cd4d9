package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"trivium/core"
	"trivium/core/plainfile"
)

// credentials are what the first start makes: the way in, and the way back.
type credentials struct {
	User, Password       string
	AccessKey, SecretKey string
	RecoveryKey          string
}

// fields are the names of the file, in its order; a shell can source it, and aws finds its keys there. The others
// configure nothing: a shell that exports the file must not make the next server one with the same password.
func (c *credentials) fields() []struct {
	name  string
	value *string
} {
	return []struct {
		name  string
		value *string
	}{
		{"TRIVIUM_ADMIN_USER", &c.User},
		{"TRIVIUM_ADMIN_PASSWORD", &c.Password},
		{"AWS_ACCESS_KEY_ID", &c.AccessKey},
		{"AWS_SECRET_ACCESS_KEY", &c.SecretKey},
		{"TRIVIUM_RECOVERY_KEY", &c.RecoveryKey},
	}
}

// fileOnly tells whether name is a variable of the file that is no setting.
func fileOnly(name string) bool {
	for _, f := range new(credentials).fields() {
		if f.name == name {
			return true
		}
	}
	return false
}

// marshal renders the file.
func (c *credentials) marshal() []byte {
	var b bytes.Buffer
	b.WriteString("# Made by the first start; a shell can source it. What a later start sets for this user by TRIVIUM_ROOT_* is\n" +
		"# noted here, and no other change of passwords and keys. No server takes these variables from its environment.\n")
	for _, f := range c.fields() {
		if *f.value == "" {
			continue
		}
		fmt.Fprintf(&b, "%s=%s\n", f.name, quote(*f.value))
	}
	return b.Bytes()
}

// quote makes s one word of a shell.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("-_./+=@:", r)
	}
	if s != "" && strings.TrimFunc(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// parseCredentials is the reverse of marshal. Lines it does not know are left out.
func parseCredentials(b []byte) credentials {
	var c credentials
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		for _, f := range c.fields() {
			if f.name == name {
				*f.value = unquote(value)
			}
		}
	}
	return c
}

// unquote is the reverse of quote.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '\'' || s[len(s)-1] != '\'' {
		return s
	}
	return strings.ReplaceAll(s[1:len(s)-1], `'\''`, "'")
}

// readCredentials reads the file; all is empty when it is missing.
func readCredentials(d *dataDir) (credentials, error) {
	b, err := plainfile.Read(d.credentials(), maxSecrets)
	if errors.Is(err, fs.ErrNotExist) {
		return credentials{}, nil
	}
	if err != nil {
		return credentials{}, fmt.Errorf("read credentials: %w", err)
	}
	return parseCredentials(b), nil
}

// override returns c with what is set in by put in place.
func (c credentials) override(by credentials) credentials {
	from := by.fields()
	for i, f := range c.fields() {
		if *from[i].value != "" {
			*f.value = *from[i].value
		}
	}
	return c
}

// check judges what TRIVIUM_ROOT_* give, before anything is made of it. The error shows no value.
func (c *credentials) check() error {
	for _, v := range []struct {
		name string
		opts core.BootstrapOptions
	}{
		{"TRIVIUM_ROOT_USER", core.BootstrapOptions{User: c.User}},
		{"TRIVIUM_ROOT_PASSWORD", core.BootstrapOptions{Password: c.Password}},
		{"TRIVIUM_ROOT_ACCESS_KEY", core.BootstrapOptions{AccessKey: c.AccessKey}},
		{"TRIVIUM_ROOT_SECRET_KEY", core.BootstrapOptions{AccessKey: c.AccessKey, SecretKey: c.SecretKey}},
	} {
		if err := v.opts.Validate(); err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
	}
	return nil
}

// options are c for core.
func (c *credentials) options() core.BootstrapOptions {
	return core.BootstrapOptions{
		User: c.User, Password: c.Password, AccessKey: c.AccessKey, SecretKey: c.SecretKey, RecoveryKey: c.RecoveryKey,
	}
}

// fill draws what is missing.
func (c *credentials) fill() {
	if c.User == "" {
		c.User = "admin"
	}
	if c.Password == "" {
		c.Password = rand.Text()
	}
	if c.AccessKey == "" {
		c.AccessKey = "TRIV" + rand.Text()[:16]
		c.SecretKey = (rand.Text() + rand.Text())[:40]
	}
	if c.RecoveryKey == "" {
		c.RecoveryKey = core.NewRecoveryKey().Reveal()
	}
}
