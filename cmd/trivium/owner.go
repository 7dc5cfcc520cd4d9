package main

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"github.com/rs/zerolog"
)

// checkOwner refuses root on the store of another user: what root makes in it the owner could not use any more. A file
// system on which root's files belong to that user too, such as one that a host shares, is no obstacle.
func (d *dataDir) checkOwner(euid int) error {
	owner, ok := ownerOf(d.metaFile())
	if euid != 0 || !ok || owner == 0 {
		return nil
	}
	probe, err := os.CreateTemp(d.path, ".owner-")
	if err == nil {
		_ = probe.Close()
		mine, ok := ownerOf(probe.Name())
		if err := os.Remove(probe.Name()); err != nil {
			return d.unusable(err)
		}
		if ok && mine == owner {
			return nil
		}
	}
	return fmt.Errorf("data directory %s: the store in it belongs to %s: run trivium as its owner, %s, not as %s",
		d.path, userName(owner), userName(owner), userName(euid))
}

// warnOpen warns of those of the named files that others than their owner may read or write.
func warnOpen(log zerolog.Logger, names ...string) {
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm()&0o066 == 0 {
			continue
		}
		log.Warn().Str("file", name).Str("mode", fmt.Sprintf("%04o", info.Mode().Perm())).
			Msg("a file of secrets is open to others than its owner: chmod 600 " + quote(name))
	}
}

// ownerOf tells whose a file is; ok is false when that is not to be known.
func ownerOf(name string) (uid int, ok bool) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}

// userName names a user, for people.
func userName(id int) string {
	if u, err := user.LookupId(strconv.Itoa(id)); err == nil {
		return u.Username
	}
	return "user " + strconv.Itoa(id)
}
