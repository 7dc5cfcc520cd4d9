package sqlite

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"trivium/core"
)

// TestIdleLog is empty a while after the last write, not before, and so is one that a long View held.
func TestIdleLog(t *testing.T) {
	if _, err := template(); err != nil { // made outside of the bubble, which its database would not leave
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := tempStore(t, Options{})
		put := func(id int64) {
			t.Helper()
			if err := s.Update(t.Context(), putInline(id, 10)); err != nil {
				t.Fatal(err)
			}
		}
		after := func(d time.Duration, empty bool) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if n := s.walSize(); (n == 0) != empty {
				t.Errorf("the log has %d bytes %v later, want it empty: %v", n, d, empty)
			}
		}
		put(1)
		for i := range int64(5) {
			after(idleTime-checkpointPause, false)
			put(i + 2)
		}
		after(idleTime+2*checkpointPause, true)

		var view sync.WaitGroup
		inside, leave := make(chan struct{}), make(chan struct{})
		view.Go(func() {
			_ = s.View(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
				_, err := tx.Inlines(ctx, 0, 1)
				close(inside)
				<-leave
				return err
			})
		})
		<-inside
		put(20)
		after(5*idleTime, false)
		close(leave)
		view.Wait()
		after(idleTime+2*checkpointPause, true)
		after(time.Hour, true)
	})
}

// TestEmptyLog leaves a log that a View or a batch holds, and says whether to come again.
func TestEmptyLog(t *testing.T) {
	s := quietStore(t)
	if !s.emptyLog() {
		t.Error("emptyLog() of an empty log = false")
	}
	if err := s.Update(t.Context(), putInline(1, 10)); err != nil {
		t.Fatal(err)
	}
	s.writing.Lock()
	if again := !s.emptyLog(); again || s.walSize() == 0 {
		t.Errorf("beside a batch: come again %v, %d bytes, want the end of the batch to call", again, s.walSize())
	}
	s.writing.Unlock()

	var view sync.WaitGroup
	inside, leave := make(chan struct{}), make(chan struct{})
	view.Go(func() {
		_ = s.View(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
			_, err := tx.Inlines(ctx, 0, 1)
			close(inside)
			<-leave
			return err
		})
	})
	<-inside
	if err := s.Update(t.Context(), putInline(2, 10)); err != nil {
		t.Fatal(err)
	}
	s.afterBatch()
	if s.emptyLog() {
		t.Error("emptyLog() beside a View = true")
	}
	if err := s.Update(t.Context(), putInline(3, 10)); err != nil {
		t.Errorf("Update() after it = %v", err)
	}
	close(leave)
	view.Wait()
	s.afterBatch()
	if !s.emptyLog() || s.walSize() != 0 {
		t.Errorf("emptyLog() of an idle store leaves %d bytes", s.walSize())
	}
}

// TestLateNote notes how far a log was copied after the next one has begun: of that nothing is copied.
func TestLateNote(t *testing.T) {
	s := quietStore(t)
	commit := func(id int64) {
		t.Helper()
		if err := s.Update(t.Context(), putInline(id, 100_000)); err != nil {
			t.Fatal(err)
		}
		s.afterBatch()
	}
	commit(1)
	log, salts := s.checkpointer.openLog(), s.logSalts()
	if salts == [8]byte{} {
		t.Fatal("the salts of the log are not known")
	}
	log.noteCopied(salts, frameSize)
	if got := log.sums().copied.Load(); got != frameSize {
		t.Errorf("copied are %d bytes, want %d", got, frameSize)
	}
	s.copyLog("RESTART")
	commit(2)
	if s.logSalts() == salts {
		t.Fatal("no log has begun")
	}
	log.noteCopied(salts, 10*frameSize)
	if got := log.sums().copied.Load(); got != 0 {
		t.Errorf("copied are %d bytes of the new log, want none", got)
	}
}

// afterBatch waits for the end of the batch whose members have their answers.
func (s *Store) afterBatch() {
	s.writing.Lock()
	defer s.writing.Unlock()
}

// TestDamageInCheckpoint ends the store, also when an earlier checkpoint failed for another reason.
func TestDamageInCheckpoint(t *testing.T) {
	s := quietStore(t)
	if err := s.Update(t.Context(), putInline(1, 1<<20)); err != nil {
		t.Fatal(err)
	}
	s.afterBatch()
	if !s.emptyLog() {
		t.Fatal("the log is not empty")
	}
	if err := s.Update(t.Context(), putInline(2, 10)); err != nil {
		t.Fatal(err)
	}
	s.checkpointer.broken = errors.New("of an earlier checkpoint")
	s.copyLog("PASSIVE")
	if err := s.View(t.Context(), func(context.Context, core.MetaTx) error { return nil }); err != nil {
		t.Fatalf("View() after an earlier error = %v", err)
	}
	if err := s.Update(t.Context(), putInline(3, 10)); err != nil {
		t.Fatal(err)
	}
	s.checkpointer.broken = errors.New("of an earlier checkpoint")
	if err := os.Truncate(s.opts.Path, pageSize); err != nil { // less than the log can make up for
		t.Fatal(err)
	}
	s.copyLog("PASSIVE")
	err := s.View(t.Context(), func(context.Context, core.MetaTx) error { return nil })
	if core.CodeOf(err) != core.Corrupt {
		t.Errorf("View() of a damaged store = %v, want Corrupt", err)
	}
	if err := s.Update(t.Context(), putInline(4, 10)); core.CodeOf(err) != core.Corrupt {
		t.Errorf("Update() of a damaged store = %v, want Corrupt", err)
	}
	if err := s.Close(); core.CodeOf(err) != core.Corrupt {
		t.Errorf("Close() of a damaged store = %v, want Corrupt", err)
	}
}

// TestCheckpointThreshold copies what was written since the last checkpoint once it is enough, however long the file is,
// also while a View keeps the WAL from starting over.
func TestCheckpointThreshold(t *testing.T) {
	s := quietStore(t)
	id := int64(0)
	put := func(size int) {
		t.Helper()
		id++
		if err := s.Update(t.Context(), putInline(id, size)); err != nil {
			t.Fatal(err)
		}
		s.afterBatch()
	}
	want := func(what string, copies bool) {
		t.Helper()
		before := s.copierLog().sums().uncopied()
		s.checkpoint()
		after := s.copierLog().sums().uncopied()
		if copied := after < before; copied != copies || copies && after > walHeader {
			t.Errorf("%s: %d bytes were to be copied, then %d, want copies: %v", what, before, after, copies)
		}
	}
	put(10)
	want("a small write", false)
	put(walCopy + 1<<20)
	want("a large one", true)
	put(10)
	if n := s.walSize(); n < walCopy {
		t.Fatalf("the file has %d bytes, want one that is long", n)
	}
	want("a small one into a long file", false)
	err := s.View(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		if _, err := tx.Inlines(ctx, 0, 1); err != nil {
			return err
		}
		put(walCopy)
		put(10)
		s.checkpoint() // only what the View sees
		put(10)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want("what the View held", true)
	put(10)
	want("a small one behind it", false)
	put(walCopy)
	want("a large one behind it", true)
}
