package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"

	"trivium/core"
)

// checkLog looks at the log before SQLite does, which would end at the first bad frame without a word: behind it may
// be acknowledged commits that have no second copy. lost tells that it was allowed to give some up, and did.
func checkLog(o *Options) (lost bool, err error) {
	st, err := scanLog(o.Path)
	if err != nil {
		return false, err
	}
	if st.commits > 0 {
		info, err := os.Stat(o.Path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
			return false, core.Errorf(core.Corrupt, o.Path, "the metadata store is missing, but its log %s has %d commits: "+
				"restore the data directory from a copy of yours", o.walPath(), st.commits)
		}
	}
	switch {
	case st.damaged && o.DropDamagedLog:
		return true, dropLog(o, st)
	case st.damaged:
		return false, core.Errorf(core.Corrupt, o.Path, "its log %s is damaged at byte %d: at least %d commits lie there and "+
			"behind, %d before: restore the data directory from a copy of yours, or start once with --drop-damaged-log, "+
			"which gives up what cannot be read any more and keeps the log", o.walPath(), st.damage, st.lost, st.commits)
	case st.torn > 0:
		o.log().Info("the log of the metadata store ends in a write that was cut off", "log", o.walPath(), "bytes", st.torn)
	}
	return false, nil
}

// walPath is where the log is.
func (o *Options) walPath() string { return o.Path + "-wal" }

// scanLog scans the log of the store at path; none is an empty one.
func scanLog(path string) (st walState, err error) {
	f, err := os.Open(path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return st, nil
	}
	if err != nil {
		return st, fmt.Errorf("read the log of the metadata store: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if st, err = scanWAL(f); err != nil {
		return st, fmt.Errorf("read the log of the metadata store: %w", err)
	}
	return st, nil
}

// dropLog keeps a damaged log beside and cuts it to what can be used of it: the commits before the damage, or, when
// a checkpoint has copied later ones already, nothing. Where a checkpoint was cut off in between there is no whole
// state, and the log stays as it is.
func dropLog(o *Options, st walState) error {
	wal := o.walPath()
	kept := wal + ".damaged-" + time.Now().UTC().Format("20060102T150405.000000Z")
	if err := copyDurably(wal, kept); err != nil {
		return fmt.Errorf("keep the damaged log: %w", err)
	}
	for _, length := range usable(o.Path, st) {
		if err := cutFile(wal, length); err != nil {
			return fmt.Errorf("cut the damaged log: %w", err)
		}
		whole, err := intact(o.Path)
		if err != nil {
			return fmt.Errorf("check the metadata store without its damaged log: %w", err)
		}
		if whole {
			o.log().Warn("the damaged log of the metadata store was given up", "kept", kept, "damagedAt", st.damage,
				"commitsLost", st.lost, "commitsBefore", st.commits, "bytesUsed", length)
			return nil
		}
	}
	if err := errors.Join(os.Rename(kept, wal), syncDir(filepath.Dir(wal))); err != nil {
		return fmt.Errorf("put the damaged log back: %w", err)
	}
	return core.Errorf(core.Corrupt, o.Path, "its log %s is damaged at byte %d, and a part of what lies behind is in the "+
		"database already: restore the data directory from a copy of yours", wal, st.damage)
}

// usable returns the lengths to which the log may be cut, the longest first. The index that a killed process leaves
// tells what a checkpoint has copied; after a power cut it may be gone: then both are tried.
func usable(path string, st walState) []int64 {
	begun, done, ok := checkpointed(path, st.salts)
	switch {
	case !ok:
		return []int64{st.good, 0}
	case begun <= frames(st.good, st):
		return []int64{st.good}
	case done >= frames(st.last, st):
		return []int64{0}
	}
	return nil
}

// frames is how many frames a log of that length has.
func frames(length int64, st walState) int64 {
	return max(0, length-walHeader) / int64(frameHeader+st.pageSize)
}

// Places in the index of the log (wal.c, WalIndexHdr and WalCkptInfo), in the byte order of this machine.
const (
	indexSalts = 32
	indexDone  = 96
	indexBegun = 128
)

// checkpointed returns up to which frame a checkpoint has copied the log into the database, and up to which one it
// wanted to. ok is false when the index is not of this log.
func checkpointed(path string, salts [8]byte) (begun, done int64, ok bool) {
	f, err := os.Open(path + "-shm")
	if err != nil {
		return 0, 0, false
	}
	defer func() { _ = f.Close() }() // it was only read
	var b [indexBegun + 4]byte
	if _, err := io.ReadFull(f, b[:]); err != nil || [8]byte(b[indexSalts:]) != salts {
		return 0, 0, false
	}
	done = int64(binary.NativeEndian.Uint32(b[indexDone:]))
	return max(done, int64(binary.NativeEndian.Uint32(b[indexBegun:]))), done, true
}

// intact tells whether the store is whole with the log as it is. It copies nothing into the database.
func intact(path string) (ok bool, err error) {
	c, err := openConn(path, sqlite3.SQLITE_OPEN_READWRITE)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.leaveLog(); err != nil {
		return false, err
	}
	answer, err := c.pragma("PRAGMA integrity_check(1)")
	if core.CodeOf(err) == core.Corrupt {
		return false, nil
	}
	return answer == "ok", err
}

// leaveLog makes Close not move the log into the database.
func (c *conn) leaveLog() error {
	const argument = 8 // bytes of each in a list of arguments
	list, err := c.malloc(2 * argument)
	if err != nil {
		return err
	}
	defer libc.Xfree(c.tls, list)
	args := libc.VaList(list, int32(1), uintptr(0))
	if rc := sqlite3.Xsqlite3_db_config(c.tls, c.db, sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, args); rc != sqlite3.SQLITE_OK {
		return c.fail(rc)
	}
	return nil
}

// copyDurably copies a file; to is whole or not there.
func copyDurably(from, to string) (err error) {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	part := to + ".part"
	dst, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if err = errors.Join(err, dst.Sync(), dst.Close()); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	if err := os.Rename(part, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

// cutFile shortens a file durably.
func cutFile(name string, length int64) (err error) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(length); err != nil {
		return err
	}
	return f.Sync()
}
