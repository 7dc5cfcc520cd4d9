// Package sqlite keeps the metadata of one process in an SQLite file: one writer goroutine with group commit,
// a pool of readers, a checkpointer, migrations. The SQL is in sqlmeta.
package sqlite

import (
	"log/slog"
	"runtime"
	"time"
)

// Options say where the store is and how it is opened. Path is required.
type Options struct {
	// Path of the database; it is made when it is not there. Files beside it: -wal, -shm, .new while it is made,
	// .before-<version>, copies made before migrations, -wal.damaged-<time>, logs that were given up,
	// -wal.judged, one that may be, .acked, how far the log goes at least, .acked.judged, that of a log that may be given
	// up, and .ballast, 4 MiB that take up room until a full disk needs it. All belong together; none of them is anything
	// but a plain file.
	Path string
	// ReadConns is how many Views can run at a time; 0: twice the cores, at least 4.
	ReadConns int
	// Hook is called by the writer at named points, "commit.before" and "commit.after", and by Open at "log.aside", "log.cut",
	// "log.judged" and "log.kept", the steps of giving up a log. nil in production.
	Hook func(point string)
	// Committed hears of each commit after it: how many Updates were in it, and how long it took to make them durable.
	// The writer calls it and waits. nil: nobody asks.
	Committed func(updates int, took time.Duration)
	// DropDamagedLog opens a store whose log is damaged, without the commits that cannot be read any more. The log is
	// kept beside, and core.SettingLostCommits is set.
	DropDamagedLog bool
	// Log gets what nobody is there to be told; nil: nothing is logged.
	Log *slog.Logger
	// MaxPages makes the disk full at so many pages of 8 KiB, for tests; 0: no limit.
	MaxPages int
}

const (
	pageSize = 8192
	// applicationID marks the file as Trivium's: "Triv".
	applicationID = 0x54726976
	busyTimeout   = 5 * time.Second
	// Sizes of page caches, in KiB: readers keep the upper pages of the trees and, if they share the whole among few, the
	// pages of a listing; the writer keeps what it changes.
	leastCache, mostCache, readCaches = 2 << 10, 16 << 10, 64 << 10
	writeCache                        = 64 << 10
)

// readCache is the size of one reader's page cache, in KiB.
func (o *Options) readCache() int {
	return min(mostCache, max(leastCache, readCaches/o.readConns()))
}

// readConns is the size of the pool of readers.
func (o *Options) readConns() int {
	if o.ReadConns > 0 {
		return o.ReadConns
	}
	return max(4, 2*runtime.GOMAXPROCS(0))
}

// log is where to log.
func (o *Options) log() *slog.Logger {
	if o.Log != nil {
		return o.Log
	}
	return slog.New(slog.DiscardHandler)
}

// hook marks a named point.
func (o *Options) hook(point string) {
	if o.Hook != nil {
		o.Hook(point)
	}
}
