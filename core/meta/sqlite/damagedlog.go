package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"trivium/core"
	"trivium/core/meta/sqlmeta"
	"trivium/core/plainfile"
)

// checkLog looks at the log before SQLite does, which would end at the first bad frame without a word: behind it may
// be acknowledged commits that have no second copy.
func checkLog(ctx context.Context, o *Options) error {
	if err := restoreJudged(o); err != nil {
		return err
	}
	st, err := scanLog(o.Path)
	if err != nil {
		return err
	}
	if st.commits > 0 {
		info, err := os.Stat(o.Path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
			return core.Errorf(core.Corrupt, o.Path, "the metadata store is missing, but its log %s has %d commits: "+
				"restore the data directory from a copy of yours", o.walPath(), st.commits)
		}
	}
	switch {
	case st.damaged && o.DropDamagedLog:
		return dropLog(ctx, o, st)
	case st.damaged:
		return refuseDamaged(o, st)
	case st.torn > 0:
		o.log().Info("the log of the metadata store ends in a write that was cut off", "log", o.walPath(), "bytes", st.torn)
	}
	return checkFit(ctx, o, st)
}

// walPath is where the log is.
func (o *Options) walPath() string { return o.Path + "-wal" }

// scanLog scans the log of the store at path; none is an empty one.
func scanLog(path string) (st walState, err error) {
	f, err := plainfile.Open(path+"-wal", os.O_RDONLY, 0)
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

// asideSuffix is what is added to the names of a log and of its promise while the log is being judged. As long as a file
// has this name it is the log, whatever else was made of it meanwhile, and what it promised is not taken back: a process
// that ends in between leaves the log to be judged again, for the same reason.
const asideSuffix = ".judged"

// setAside gives the log its name for the time in which it is judged, then its promise: one that is aside without the
// log is of a judgement that has come to its end.
func setAside(o *Options) error {
	wal, promise := o.walPath(), o.Path+promiseSuffix
	err := os.Rename(wal, wal+asideSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		err = copyStart(os.DevNull, wal+asideSuffix, 0) // so that something is kept, which tells of the loss
	}
	if err := errors.Join(err, syncDir(filepath.Dir(wal))); err != nil {
		return fmt.Errorf("set the damaged log aside: %w", err)
	}
	o.hook("log.aside")
	if err := renameSynced(promise, promise+asideSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("set the promise of the damaged log aside: %w", err)
	}
	return nil
}

// restoreJudged makes what was set aside the log again, and its promise what is promised, in the reverse order: a judgement
// has not come to its end.
func restoreJudged(o *Options) error {
	wal, promise := o.walPath(), o.Path+promiseSuffix
	_, err := os.Lstat(wal + asideSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return removeJudged(o)
	}
	if err == nil {
		err = renameSynced(promise+asideSuffix, promise)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = renameSynced(wal+asideSuffix, wal)
	}
	if err != nil {
		return fmt.Errorf("put the damaged log back: %w", err)
	}
	return nil
}

// removeJudged removes the promise of a log that was given up.
func removeJudged(o *Options) error {
	name := o.Path + promiseSuffix + asideSuffix
	err := os.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = syncDir(filepath.Dir(name))
	}
	if err != nil {
		return fmt.Errorf("remove the promise of a log that was given up: %w", err)
	}
	return nil
}

// renameSynced renames a file within its directory durably. A missing one is fs.ErrNotExist.
func renameSynced(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

// refuseDamaged is the error of a damaged log. It advises to go on without only where the database allows that.
func refuseDamaged(o *Options, st walState) error {
	if r, err := replacements(o, st); err == nil && len(r.lengths) == 0 {
		return noWholeState(o, st)
	}
	return core.Errorf(core.Corrupt, o.Path, "its log %s is damaged at byte %d: at least %d commits lie there and behind, %d "+
		"before: restore the data directory from a copy of yours, or start once with --drop-damaged-log, which gives up what "+
		"cannot be read any more if the rest is whole, and keeps the log", o.walPath(), st.damage, st.lost, st.commits)
}

// dropLog keeps a damaged log beside and puts in its place what can be used of it.
func dropLog(ctx context.Context, o *Options, st walState) error {
	r, err := replacements(o, st)
	if err != nil {
		return err
	}
	return replaceLog(ctx, o, r)
}

// replacements are what can be used of a damaged log: the commits before the damage, or, when a checkpoint has copied all
// later ones already, nothing. Where a checkpoint was cut off in between there is no whole state, and none.
func replacements(o *Options, st walState) (r replacement, err error) {
	v, err := compareLog(o.Path, st)
	if err != nil {
		return r, fmt.Errorf("compare the damaged log with the metadata store: %w", err)
	}
	r.walState = st
	if v.all {
		r.lengths, r.lost = append(r.lengths, 0), 0
	}
	if !v.mixed {
		r.lengths = append(r.lengths, st.good)
	}
	r.what = "the damaged log of the metadata store was given up"
	r.facts = []any{"damagedAt", st.damage, "commitsLost", r.lost, "commitsBefore", st.commits, "framesUnknown", v.unknown}
	return r, nil
}

// replacement is what may take the place of a log: its first bytes, so many of them.
type replacement struct {
	walState
	lengths []int64
	// what and facts are the line in the operator's log about the one that is given up, and what is known of it.
	what  string
	facts []any
}

// replaceLog keeps a log beside and puts in its place the first of the replacements with which the store is whole.
// With none the log stays as it is.
func replaceLog(ctx context.Context, o *Options, r replacement) (err error) {
	if len(r.lengths) == 0 {
		return noWholeState(o, r.walState)
	}
	defer func() { err = errors.Join(err, restoreJudged(o)) }() // unless it got its last name
	if err := setAside(o); err != nil {
		return err
	}
	wal := o.walPath()
	for _, length := range r.lengths {
		if err := copyStart(wal+asideSuffix, wal, length); err != nil {
			return fmt.Errorf("copy the start of the damaged log: %w", err)
		}
		o.hook("log.cut")
		whole, err := intact(ctx, o.Path)
		if err != nil {
			return fmt.Errorf("check the metadata store without its damaged log: %w", err)
		}
		o.hook("log.judged")
		if !whole {
			continue
		}
		kept := wal + ".damaged-" + time.Now().UTC().Format("20060102T150405.000000Z")
		if err := renameSynced(wal+asideSuffix, kept); err != nil {
			return fmt.Errorf("keep the damaged log: %w", err)
		}
		o.hook("log.kept")
		o.log().Warn(r.what, append([]any{"kept", kept, "bytesUsed", length}, r.facts...)...)
		return nil
	}
	return noWholeState(o, r.walState)
}

// noWholeState refuses a store of which neither the start of the log nor the database alone is known to be whole.
func noWholeState(o *Options, st walState) error {
	if !st.damaged {
		return core.Errorf(core.Corrupt, o.Path, "the database is not whole without what its log %s lacks: restore the data "+
			"directory from a copy of yours", o.walPath())
	}
	return core.Errorf(core.Corrupt, o.Path, "its log %s is damaged at byte %d, and the database may have a part of what "+
		"lies behind, so that it is whole neither with it nor without: restore the data directory from a copy of yours",
		o.walPath(), st.damage)
}

// intact tells whether the store is whole with the log as it is. It then notes in the log that commits were lost, durably,
// and copies nothing into the database.
func intact(ctx context.Context, path string) (ok bool, err error) {
	c, err := openConn(path, sqlite3.SQLITE_OPEN_READWRITE)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.turnOn(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE); err != nil {
		return false, err
	}
	answer, err := c.pragma("PRAGMA integrity_check(1)")
	if core.CodeOf(err) == core.Corrupt {
		return false, nil
	}
	if err != nil || answer != "ok" {
		return false, err
	}
	return true, c.noteLoss(ctx)
}

// noteLoss sets core.SettingLostCommits, without a checkpoint.
func (c *conn) noteLoss(ctx context.Context) error {
	tables, err := c.number("SELECT count(*) FROM sqlite_schema WHERE name = 'settings'")
	if err != nil || tables == 0 { // the store was never used
		return err
	}
	for _, text := range []string{"PRAGMA wal_autocheckpoint = 0", "PRAGMA synchronous = FULL"} {
		if err := c.run(text); err != nil {
			return err
		}
	}
	return sqlmeta.New(c, dialect(), nil).PutSetting(ctx, core.SettingLostCommits, []byte{1})
}

// copyStart makes the file to of the first bytes of another, durably.
func copyStart(from, to string, length int64) (err error) {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	dst, err := plainfile.Open(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyN(dst, src, length)
	if err = errors.Join(err, dst.Sync(), dst.Close()); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

// cutFile shortens a file durably.
func cutFile(name string, length int64) (err error) {
	f, err := plainfile.Open(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(length); err != nil {
		return err
	}
	return f.Sync()
}
