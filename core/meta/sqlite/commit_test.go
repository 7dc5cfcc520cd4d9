package sqlite

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"trivium/core"
	"trivium/core/meta/metatest"
)

// tempStore opens an empty store and closes it with the test.
func tempStore(t testing.TB, o Options) *Store {
	t.Helper()
	o.Path = filepath.Join(t.TempDir(), "meta.db")
	if o.ReadConns == 0 {
		o.ReadConns = 2
	}
	s := openStore(t, o)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return s
}

func putInline(id int64, size int) func(context.Context, core.MetaTx) error {
	data := bytes.Repeat([]byte{byte(id)}, size)
	return func(ctx context.Context, tx core.MetaTx) error { return tx.PutInline(ctx, id, uint64(id), data) }
}

// batch makes one batch of fns: they are queued while the writer is held in a transaction of its own. It
// returns their results.
func batch(t *testing.T, s *Store, fns ...func(context.Context, core.MetaTx) error) []error {
	t.Helper()
	var all sync.WaitGroup
	held, release := make(chan struct{}), make(chan struct{})
	all.Go(func() {
		_ = s.Update(t.Context(), func(context.Context, core.MetaTx) error {
			close(held)
			<-release
			return errors.New("only to hold the writer")
		})
	})
	<-held
	errs := make([]error, len(fns))
	var answered atomic.Int64
	queued := true
	for i, fn := range fns {
		all.Go(func() { errs[i] = s.Update(t.Context(), fn); answered.Add(1) })
		if queued = s.queues(i+1, &answered); !queued { // order matters
			break
		}
	}
	close(release)
	all.Wait()
	if !queued {
		t.Fatalf("a call had its answer before the batch began: %v", errs)
	}
	return errs
}

// queues waits until so many calls are queued, and tells whether they are: not once one of them has its answer.
func (s *Store) queues(calls int, answered *atomic.Int64) bool {
	for len(s.queue) < calls {
		if answered.Load() > 0 {
			return false
		}
		runtime.Gosched() // the queue has no other sign
	}
	return true
}

// TestResultsAfterCommit holds the commit: nobody may have an answer before it is over.
func TestResultsAfterCommit(t *testing.T) {
	var commits, answered atomic.Int64
	hook := func(point string) {
		if n := answered.Load(); n != 0 {
			t.Errorf("%s: %d callers have their answer", point, n)
		}
		if point == "commit.after" {
			commits.Add(1)
		}
	}
	s := tempStore(t, Options{Hook: hook})
	var fns []func(context.Context, core.MetaTx) error
	errStop := errors.New("stop")
	for i := range 64 {
		fns = append(fns, func(ctx context.Context, tx core.MetaTx) error {
			// The answer leaves Update after this function returned; a caller who runs on is counted below.
			if i == 5 {
				return errStop
			}
			return putInline(int64(i+1), 10)(ctx, tx)
		})
	}
	var all sync.WaitGroup
	held, release := make(chan struct{}), make(chan struct{})
	all.Go(func() {
		_ = s.Update(t.Context(), func(context.Context, core.MetaTx) error { close(held); <-release; return errStop })
	})
	<-held
	for i, fn := range fns {
		all.Go(func() {
			err := s.Update(t.Context(), fn)
			answered.Add(1)
			if (i == 5) != errors.Is(err, errStop) {
				t.Errorf("member %d: %v", i, err)
			}
		})
	}
	queued := s.queues(len(fns), &answered)
	close(release)
	all.Wait()
	if !queued {
		t.Fatal("a call had its answer before the batch began")
	}
	if commits.Load() != 1 {
		t.Errorf("%d commits for one batch, want 1", commits.Load())
	}
}

// TestFullDisk fills the disk in the middle of a batch: what fits is kept, what does not is refused, and the
// store works on once there is room.
func TestFullDisk(t *testing.T) {
	s := tempStore(t, Options{MaxPages: 400})
	var fns []func(context.Context, core.MetaTx) error
	for i := range int64(20) {
		size := 100
		if i == 9 || i == 12 {
			size = 4 << 20 // more than 400 pages
		}
		fns = append(fns, putInline(i+1, size))
	}
	for i, err := range batch(t, s, fns...) {
		if full := i == 9 || i == 12; full != (core.CodeOf(err) == core.NoSpace) || !full && err != nil {
			t.Errorf("member %d: %v", i, err)
		}
	}
	d, err := metatest.Dump(t.Context(), s)
	if err != nil || len(d.Inline) != 18 {
		t.Errorf("%d rows, %v, want 18", len(d.Inline), err)
	}
	if err := s.Update(t.Context(), putInline(99, 4<<20)); core.CodeOf(err) != core.NoSpace {
		t.Errorf("alone: Update() = %v, want NoSpace", err)
	}
	swallow := func(ctx context.Context, tx core.MetaTx) error {
		_ = putInline(98, 4<<20)(ctx, tx)
		return nil
	}
	if err := s.Update(t.Context(), swallow); core.CodeOf(err) != core.NoSpace {
		t.Errorf("an error that was dropped: Update() = %v, want NoSpace", err)
	}
	if err := s.Update(t.Context(), putInline(50, 100)); err != nil {
		t.Errorf("afterwards: Update() = %v", err)
	}
}

// TestBatches counts the commits of what is queued together.
func TestBatches(t *testing.T) {
	many := func(n int, fn func(i int64) func(context.Context, core.MetaTx) error) (all []func(context.Context, core.MetaTx) error) {
		for i := range n {
			all = append(all, fn(int64(i+1)))
		}
		return all
	}
	rows := func(id int64) func(context.Context, core.MetaTx) error {
		return func(ctx context.Context, tx core.MetaTx) error {
			for j := range int64(maxShared + 1) {
				if id != 3 && j == 10 {
					break
				}
				if err := tx.PutInline(ctx, id<<20+j, 0, nil); err != nil {
					return err
				}
			}
			return nil
		}
	}
	for _, c := range []struct {
		name    string
		fns     []func(context.Context, core.MetaTx) error
		commits int64
	}{
		{"one", many(1, func(i int64) func(context.Context, core.MetaTx) error { return putInline(i, 10) }), 1},
		{"64 small", many(64, func(i int64) func(context.Context, core.MetaTx) error { return putInline(i, 10) }), 1},
		{"over 4 MiB", many(3, func(i int64) func(context.Context, core.MetaTx) error { return putInline(i, 3<<20) }), 2},
		{"one of many rows", many(5, rows), 2},
	} {
		var commits atomic.Int64
		s := tempStore(t, Options{Hook: func(point string) {
			if point == "commit.after" {
				commits.Add(1)
			}
		}})
		for i, err := range batch(t, s, c.fns...) {
			if err != nil {
				t.Errorf("%s: member %d: %v", c.name, i, err)
			}
		}
		if commits.Load() != c.commits {
			t.Errorf("%s: %d commits, want %d", c.name, commits.Load(), c.commits)
		}
	}
}

// TestUsageRow writes one row of usage for a batch.
func TestUsageRow(t *testing.T) {
	s := tempStore(t, Options{})
	add := func(ctx context.Context, tx core.MetaTx) error {
		return tx.AddUsage(ctx, 1, core.Usage{Objects: 1, Bytes: 5})
	}
	before, after := int64(0), int64(0)
	fns := []func(context.Context, core.MetaTx) error{
		func(ctx context.Context, tx core.MetaTx) error { before = s.writer.rows; return add(ctx, tx) }, add, add,
		func(ctx context.Context, tx core.MetaTx) error {
			err := add(ctx, tx)
			after = s.writer.rows
			return err
		},
	}
	for _, err := range batch(t, s, fns...) {
		if err != nil {
			t.Error(err)
		}
	}
	if before != after {
		t.Errorf("%d rows written by AddUsage itself, want 0", after-before)
	}
	err := s.View(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		u, err := tx.Usage(ctx, 1)
		if u != (core.Usage{Objects: 4, Bytes: 20}) {
			t.Errorf("Usage() = %+v, want 4 objects, 20 bytes", u)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// quietStore is a store without its checkpointer goroutine, whose work the test does.
func quietStore(t *testing.T) *Store {
	t.Helper()
	return quietStoreAt(t, filepath.Join(t.TempDir(), "meta.db"))
}

// quietStoreAt is quietStore at path.
func quietStoreAt(t *testing.T, path string) *Store {
	t.Helper()
	s := withoutCheckpoints(t, Options{Path: path, ReadConns: 2})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return s
}

// withoutCheckpoints makes a store whose WAL nobody copies but its test, who also closes it.
func withoutCheckpoints(t *testing.T, o Options) *Store {
	t.Helper()
	if err := openStore(t, o).Close(); err != nil {
		t.Fatal(err)
	}
	s := newStore(o)
	if err := s.connect(); err != nil {
		t.Fatal(err)
	}
	s.running.Go(s.write)
	return s
}

// TestCheckpoint lets the WAL grow over the bounds, with and without a View that holds it.
func TestCheckpoint(t *testing.T) {
	s := quietStore(t)
	s.walRest, s.walBlock = 1<<20, 2<<20
	grow := func(first int64) {
		for i := range int64(10) {
			if err := s.Update(t.Context(), putInline(first+i, 1<<20)); err != nil {
				t.Fatal(err)
			}
		}
	}
	grow(10)
	if n := s.walSize(); n < walCopy {
		t.Fatalf("the WAL has %d bytes, want more than %d", n, walCopy)
	}
	s.checkpoint()
	if err := s.Update(t.Context(), putInline(1, 10)); err != nil {
		t.Fatal(err)
	}
	if n := s.frames(t); n > 100 {
		t.Errorf("%d frames in the WAL after a checkpoint and a small write", n)
	}

	// A View holds the WAL: the checkpointer waits for it, and new Views for the checkpointer.
	var all sync.WaitGroup
	inside, leave := make(chan struct{}), make(chan struct{})
	all.Go(func() {
		_ = s.View(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
			_, err := tx.Inlines(ctx, 0, 1)
			close(inside)
			<-leave
			return err
		})
	})
	<-inside
	grow(30)
	done := make(chan struct{})
	all.Go(func() { defer close(done); s.checkpoint() })
	for waits := false; !waits; runtime.Gosched() {
		select {
		case <-done:
			t.Error("the checkpointer does not wait for the View")
			waits = true
		default:
			waits = s.readers.idle() == 0 // who comes now waits for the checkpointer
		}
	}
	close(leave)
	all.Wait()
	if err := s.Update(t.Context(), putInline(2, 10)); err != nil {
		t.Fatal(err)
	}
	if n := s.frames(t); n > 100 {
		t.Errorf("%d frames in the WAL after a checkpoint that waited", n)
	}
}

// frames is how many pages the WAL has in use.
func (s *Store) frames(t *testing.T) int64 {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.copying.Lock()
	defer s.copying.Unlock()
	done, err := s.checkpointer.checkpoint("PASSIVE")
	if err != nil {
		t.Errorf("checkpoint() = %v", err)
	}
	return done.length / frameSize
}

// TestAnsweringUpdatesCount counts references many times in one member: it is too large for a shared batch.
func TestAnsweringUpdatesCount(t *testing.T) {
	s := tempStore(t, Options{})
	ctx := t.Context()
	if err := s.Update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		return tx.PutList(ctx, core.List{ID: 1, Refs: 1})
	}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ updates, runs int }{{maxShared, 1}, {maxShared + 1, 2}} {
		runs := 0
		errs := batch(t, s, putInline(1, 1), func(ctx context.Context, tx core.MetaTx) error {
			runs++
			for range c.updates {
				if _, _, err := tx.AddListRefs(ctx, 1, 1); err != nil {
					return err
				}
			}
			return nil
		})
		if errors.Join(errs...) != nil || runs != c.runs {
			t.Errorf("%d updates: %v, run %d times, want %d", c.updates, errs, runs, c.runs)
		}
	}
}
