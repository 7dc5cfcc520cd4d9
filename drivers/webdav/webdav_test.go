package webdav_test

import (
	"fmt"
	"strings"
	"testing"

	"trivium/drivers"
	"trivium/drivers/drivertest"
	"trivium/drivers/webdav"
)

func reserved() []string { return []string{".trivium-tmp", ".Trivium-TMP"} }

// TestXNet runs the suite against golang.org/x/net/webdav.
func TestXNet(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) drivers.Driver {
		return open(t, webdav.Config{URL: newXNet(t, t.TempDir())}, webdav.Options{})
	}, drivertest.Options{Reserved: reserved()})
}

// TestApache runs the suite against Apache's mod_dav, each check in a collection of its own.
func TestApache(t *testing.T) {
	a := newApache(t)
	n := 0
	drivertest.Run(t, func(t *testing.T) drivers.Driver {
		n++
		return open(t, webdav.Config{URL: fmt.Sprintf("%s/dav/%d/with space", a.url, n)}, webdav.Options{})
	}, drivertest.Options{Reserved: reserved()})
}

// TestApacheLogin opens what wants a password.
func TestApacheLogin(t *testing.T) {
	a := newApache(t)
	cfg := webdav.Config{URL: a.url + "/locked/", User: "ann", Password: "open sesame"}
	d := open(t, cfg, webdav.Options{})
	defer d.Close()
	if err := put(t, d, "a/x", "content"); err != nil {
		t.Errorf("Put = %v", err)
	}
	if got, err := read(t, d, "a/x", 2, 3); got != "nte" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	for words, cfg := range map[string]webdav.Config{
		"refuses the user name": {URL: cfg.URL, User: "ann", Password: "pass-w0rd"},
		"or the token":          {URL: cfg.URL, BearerToken: "pass-w0rd"},
		"wants a user name":     {URL: cfg.URL},
		"403 Forbidden":         {URL: a.url + "/run/", User: "ann", Password: "pass-w0rd"},
	} {
		_, err := webdav.Open(t.Context(), "cloud", cfg, webdav.Options{})
		wantErr(t, "Open", err, drivers.ErrDenied)
		if err != nil && !strings.Contains(err.Error(), words) {
			t.Errorf("Open = %v, want words of %q", err, words)
		}
	}
}

func TestKind(t *testing.T) {
	kind := webdav.Kind(webdav.Options{})
	if got := fmt.Sprint(kind.Secrets()); got != "[password bearerToken]" || kind.Trusted {
		t.Errorf("secrets %s, trusted %v", got, kind.Trusted)
	}
	for _, tt := range []struct {
		cfg  drivers.Config
		want string // in the error; "": none
	}{
		{drivers.Config{"url": "https://host"}, ""},
		{drivers.Config{"url": "http://127.0.0.1:8080/dav/a%20b/", "user": "ann", "password": "pass-w0rd"}, ""},
		{drivers.Config{"url": "http://[::1]:8080/dav/é", "bearerToken": "t"}, ""},
		{drivers.Config{}, "url"},
		{drivers.Config{"url": "/dav"}, "url"},
		{drivers.Config{"url": "ftp://host/"}, "url"},
		{drivers.Config{"url": "https:host"}, "url"},
		{drivers.Config{"url": "https://ann:pass-w0rd@host/"}, "url"},
		{drivers.Config{"url": "https://host/?token=pass-w0rd"}, "url"},
		{drivers.Config{"url": "https://host/#x"}, "url"},
		{drivers.Config{"url": "https://host/a/../b"}, "url"},
		{drivers.Config{"url": "https://host/a%2Fb"}, "url"},
		{drivers.Config{"url": "https://host/%zz-pass-w0rd"}, "url"},
		{drivers.Config{"url": "https://host", "password": "pass-w0rd"}, "user"},
		{drivers.Config{"url": "https://host", "user": "a:b"}, "user"},
		{drivers.Config{"url": "https://host", "user": "a", "bearerToken": "pass-w0rd"}, "bearerToken"},
		{drivers.Config{"url": "https://host", "bearerToken": "pass-w0rd\r\nX: y"}, "bearerToken"},
	} {
		err := kind.Validate(tt.cfg)
		if (err != nil) != (tt.want != "") || err != nil && !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("Validate(%v) = %v, want an error about %q", tt.cfg, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "pass-w0rd") {
			t.Errorf("Validate tells a secret: %v", err)
		}
	}
	d, err := kind.Open(t.Context(), "my space", drivers.Config{"url": newXNet(t, t.TempDir())})
	if err != nil {
		t.Fatalf("Open = %v", err)
	}
	defer d.Close()
	if _, err = d.Stat(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "my space") {
		t.Errorf("Stat = %v, want the space named", err)
	}
}
