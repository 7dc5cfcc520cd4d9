package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"trivium/drivers"
)

// spacesDir is the directory below the data directory in which spaces have theirs that were given no path.
const spacesDir = "spaces"

// checkSpacePath refuses a directory for a space that is not absolute, or is the data directory's.
func (d *dataDir) checkSpacePath(path string) error {
	name, own := strings.CutPrefix(path, spacesDir+"/")
	switch {
	case own && drivers.CheckName(name) == nil && !strings.Contains(name, "/"), path == spaceName:
		return nil
	case !filepath.IsAbs(path) || strings.ContainsRune(path, 0):
		return fmt.Errorf("path %q: it must be absolute; without one the space gets a directory in the data directory", path)
	}
	data, err := filepath.Abs(d.path)
	if err != nil {
		return err
	}
	if within(filepath.Clean(path), data) || within(data, filepath.Clean(path)) {
		return fmt.Errorf("path %q: it must not be in or around the data directory %s; without one the space gets a directory there", path, data)
	}
	return nil
}

// within tells whether path is dir or in it.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// dialPublic connects to public addresses alone: what users name must not reach into the network of the server.
func dialPublic(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{
		Timeout: 10 * time.Second,
		// It is called with what the name was resolved to.
		Control: func(_, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("address %q: %w", address, drivers.ErrDenied)
			}
			if !public(to.Addr()) {
				return fmt.Errorf("%s is no public address; an administrator can make the space, or allow it with private-endpoints: %w",
					to.Addr(), drivers.ErrDenied)
			}
			return nil
		},
	}
	return d.DialContext(ctx, network, addr)
}

// public tells whether an address may belong to anybody on the Internet (IANA's special-purpose registries).
func public(ip netip.Addr) bool {
	ip = ip.Unmap()
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	return !slices.ContainsFunc([]string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
	}, func(prefix string) bool { return netip.MustParsePrefix(prefix).Contains(ip) })
}
