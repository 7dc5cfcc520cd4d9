// Package drivers holds the contract between Trivium and the sorts of storage that keep its content: the
// Driver interface, the Kind by which a sort of storage is registered, the errors every driver speaks, and
// As, which finds what a driver can do beyond the contract. Each sub-package is one driver or one decorator.
package drivers

import (
	"context"
	"io"
	"iter"
	"time"
)

// Driver is one opened storage: a flat map of names to immutable-once-written byte strings, shown as a tree.
//
// Names are relative slash-separated paths ("shards/3f/ab.0.0.1"): valid UTF-8, no empty, "." or ".."
// segment, no leading or trailing slash, no NUL; anything else is ErrName. The root is the empty name and is
// only valid as a List prefix. Drivers never change a name's bytes (no normalisation, no case folding).
//
// All methods are safe for concurrent use. Every error that leaves a driver wraps exactly one of the
// sentinels of this package, or is ctx's error, inside an *Error; Fail does that. When ctx ends a method returns
// within 5 s; only a body whose Read does not return can hold Put longer.
type Driver interface {
	// Put stores size bytes from body under name, replacing what was there. When it returns nil they are
	// durable (they survive a power cut) and visible to Open, Stat and List; on error the old content or
	// nothing is visible under name, never a torso, though for a store whose answer was lost the whole of the
	// new content may be. A body that ends before or goes on after size is ErrBody and stores nothing; an error
	// of body itself is ErrBody too and stays findable with errors.Is. Missing parent directories are made;
	// where the store has directories, the name of a directory or a name below a file is ErrDenied (with
	// IfAbsent ErrExist where a directory has the name). Put does not close body. Body and NewBody do the
	// checks of body.
	Put(ctx context.Context, name string, body io.Reader, size int64, opts PutOptions) error

	// Open reads length bytes of name from offset; length < 0 reads to the end, a length past the end is
	// clipped. offset == size gives an empty reader, offset > size or offset < 0 is ErrRange. A missing name
	// or a directory is ErrNotExist. The caller closes the reader; a reader whose source breaks returns an
	// error, never a short clean end.
	Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error)

	// Stat describes name; ErrNotExist if it is missing. Directories of stores that have them are IsDir.
	Stat(ctx context.Context, name string) (Info, error)

	// Delete removes name; a missing name is no error. Directories are not removed by Delete (ErrNotExist is
	// not returned either: a directory under that name is left alone and reported as ErrDenied).
	Delete(ctx context.Context, name string) error

	// List yields what lies below the directory prefix ("" is the root, a missing one yields nothing), in
	// bytewise order of the full name, directories compared as if their name ended in "/" (so "a.txt" comes
	// before "a/b"). Without Recursive it yields the direct members, directories included; with it every
	// file at any depth and, where the store has directories, the directories too (IsDir). Symbolic links
	// and other special files are skipped. The sequence ends after the first error it yields.
	List(ctx context.Context, prefix string, opts ListOptions) iter.Seq2[Info, error]

	// Traits tells what this storage is like. It does no I/O and its answer never changes.
	Traits() Traits

	// Close releases what the driver holds; calls after it are undefined. It does not wait for open readers.
	Close() error
}

// PutOptions modify one Put. The zero value is the common case.
type PutOptions struct {
	// IfAbsent refuses with ErrExist when name is there already, atomically against other Puts with IfAbsent.
	IfAbsent bool
	// ModTime, when not zero, becomes the modification time where Traits.KeepsModTime is true.
	ModTime time.Time
	// Immutable says that name is never written with other content: if it is there with the same size the
	// driver may return nil without writing.
	Immutable bool
}

// ListOptions modify one List. The zero value lists direct members from the beginning.
type ListOptions struct {
	Recursive bool
	// StartAfter is an Info.Key or any other string: only what has a greater Key is yielded. A directory whose
	// Key is smaller is not yielded again, but with Recursive its members that are greater are.
	StartAfter string
}

// Info describes one name.
type Info struct {
	Name    string    // full name, without a trailing slash
	Size    int64     // bytes; 0 for a directory
	ModTime time.Time // UTC; zero where unknown
	IsDir   bool
}

// Key is what List orders by and StartAfter compares with: the name, of a directory with a trailing "/".
func (i Info) Key() string {
	if i.IsDir {
		return i.Name + "/"
	}
	return i.Name
}

// Traits are facts about a storage that its users plan with.
type Traits struct {
	MaxInFlight  int           // calls worth running at once; 0: no limit known
	StaleLists   bool          // a List may miss recent Puts and show recent Deletes
	KeepsModTime bool          // PutOptions.ModTime is kept and reported
	ModTimeGrain time.Duration // granularity of the kept time; 0: nanoseconds
	Directories  bool          // has directories of its own (empty ones can exist)
	AtomicPut    bool          // a Put replaces in one step as seen by readers
	MaxName      int           // longest name in bytes; 0: no limit known
	MaxSegment   int           // longest segment in bytes; 0: no limit known
	Volatile     bool          // content is lost when the process ends (memory)
}
