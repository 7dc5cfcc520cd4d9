package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"trivium/core"
)

// logFit is what the marks and the promise tell of a log beside a database; see logmark.go and promise.go.
type logFit struct {
	strange bool    // it belongs to another state of the store, or to another store
	short   bool    // it is not all there: promised is more
	promise promise // of the log; what is found stale is dropped
	// behind: the database has pages of the log that was promised, or it may have.
	behind bool
}

// fitLog compares the log of the store at path, of which st was found, with the database and with what was promised.
// Neither is asked for where a crash can have left it otherwise: a first page that is torn is in the log, and a promise
// that is torn was never made.
func fitLog(o *Options, st walState) (fit logFit, err error) {
	db, known, err := readMark(o.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return fit, revokePromise(o.Path)
	}
	if err != nil {
		return fit, err
	}
	p, whole, err := readPromise(o.Path)
	if err != nil {
		return fit, err
	}
	if !whole {
		o.log().Warn("how far the log of the metadata store goes is not known: the file was damaged", "file", o.Path+promiseSuffix)
	}
	fit.strange = known && !st.marks.fit(db)
	if p.length == 0 {
		return fit, nil
	}
	later := known && db.serial() > p.serial || !fit.strange && st.marks.serial() > p.serial
	if later && p.salts != st.salts {
		o.log().Warn("how far the log of the metadata store goes is not known: the file is of an earlier time", "file", o.Path+promiseSuffix)
		return fit, revokePromise(o.Path)
	}
	fit.promise = p
	fit.short = p.salts != st.salts || st.good < p.length
	fit.behind = !known || p.copied || db.serial() >= p.serial
	return fit, nil
}

// checkFit refuses a log that does not belong to the database, and one of which acknowledged commits are gone; or goes on
// without it, if that is asked for.
func checkFit(ctx context.Context, o *Options, st walState) error {
	if inUse(o.walPath()) {
		return nil
	}
	fit, err := fitLog(o, st)
	switch {
	case err != nil:
		return err
	case !fit.strange && !fit.short:
		return nil
	case fit.promise.length > 0 && fit.behind:
		return core.Errorf(core.Corrupt, o.Path, "its log %s %s, and the database may have a part of the %d bytes that it had, so "+
			"that it is whole neither with it nor without: put back the log that was there, or restore the data directory from "+
			"a copy of yours", o.walPath(), fit.missing(st), fit.promise.length)
	case o.DropDamagedLog:
		return dropStrange(ctx, o, st, fit)
	case fit.strange:
		return core.Errorf(core.Corrupt, o.Path, "its log %s is of another moment or of another store: put the log beside it "+
			"that was there when the store was stopped, restore the whole data directory from one copy of yours, or start "+
			"once with --drop-damaged-log, which goes on without that log if the rest is whole, and keeps it", o.walPath())
	}
	return core.Errorf(core.Corrupt, o.Path, "its log %s %s, but commits up to byte %d of it were acknowledged: put the whole "+
		"log back, restore the data directory from a copy of yours, or start once with --drop-damaged-log, which goes on "+
		"without them if the rest is whole", o.walPath(), fit.missing(st), fit.promise.length)
}

// inUse tells whether a connection of this process has the log open, so that log and database change while one is read
// after the other.
func inUse(log string) bool {
	v, err := registered()
	if err != nil {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.logs[log] != nil
}

// missing says what a log lacks.
func (fit logFit) missing(st walState) string {
	switch {
	case st.salts == [8]byte{}:
		return "is missing or empty"
	case !fit.strange && st.salts == fit.promise.salts:
		return fmt.Sprintf("ends at byte %d", st.good)
	}
	return "is of another moment or of another store"
}

// dropStrange goes on with the start of a log that is not all there, or without one that does not belong to the database,
// which has no part of what is missing.
func dropStrange(ctx context.Context, o *Options, st walState, fit logFit) error {
	length := int64(0)
	if !fit.strange && st.salts == fit.promise.salts {
		length = st.good
	}
	what := "acknowledged commits that are missing in the log of the metadata store were given up"
	if fit.strange {
		what = "a log that does not belong to the metadata store was given up"
	}
	return replaceLog(ctx, o, replacement{
		walState: st, lengths: []int64{length}, what: what,
		facts: []any{"bytesPromised", fit.promise.length, "bytesFound", st.good, "commitsFound", st.commits},
	})
}
