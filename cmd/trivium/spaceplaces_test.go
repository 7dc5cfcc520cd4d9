package main

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"trivium/drivers"
)

func TestPublicAddresses(t *testing.T) {
	for _, addr := range []string{"8.8.8.8", "2a00:1450:4001:82a::200e", "::ffff:8.8.8.8"} {
		if !public(netip.MustParseAddr(addr)) {
			t.Errorf("%s is refused", addr)
		}
	}
	for _, addr := range []string{
		"127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1", "255.255.255.255",
		"::1", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
	} {
		if public(netip.MustParseAddr(addr)) {
			t.Errorf("%s is taken", addr)
		}
	}
	_, err := dialPublic(t.Context(), "tcp", "127.0.0.1:1")
	if !errors.Is(err, drivers.ErrDenied) || !strings.Contains(err.Error(), "private-endpoints") {
		t.Errorf("a connection to loopback: %v", err)
	}
}

func TestSpacePaths(t *testing.T) {
	d := &dataDir{path: "/srv/trivium"}
	for _, path := range []string{"space", "spaces/2", "/mnt/disk", "/srv/trivium2"} {
		if err := d.checkSpacePath(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{"", "meta", "disk", "spaces/../meta", "/srv/trivium", "/srv/trivium/meta", "/srv", "/", "../x", "/mnt/\x00"} {
		if err := d.checkSpacePath(path); err == nil {
			t.Errorf("%s is taken", path)
		}
	}
}

// TestCloudsOfUsersReachNoPrivateAddresses: whoever is no administrator gets at nothing behind the server by naming a host.
func TestCloudsOfUsersReachNoPrivateAddresses(t *testing.T) {
	settings := map[string]drivers.Config{
		"WebDAV": {"url": "http://127.0.0.1:9/dav"},
		"SFTP":   {"host": "127.0.0.1", "port": "9", "path": "p", "user": "u", "password": "p"},
	}
	for _, kind := range userKinds(&dataDir{path: t.TempDir()}, new(meters), false) {
		cfg, ok := settings[kind.Name]
		if !ok {
			continue
		}
		delete(settings, kind.Name)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := kind.Open(ctx, "x", cfg); !errors.Is(err, drivers.ErrDenied) || !strings.Contains(err.Error(), "private-endpoints") {
			t.Errorf("%s on loopback: %v", kind.Name, err)
		}
	}
	if len(settings) > 0 {
		t.Errorf("there is no kind %v", settings)
	}
}
