package metatest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"trivium/core"
)

// testRecount breaks a whole state in every way that Recount must see.
func testRecount(t *testing.T, open Open) {
	a, b := blobID(1, 1), blobID(1, 2)
	at := func(key string, id int64, ref core.ContentRef) core.Entry {
		e := entry(key, id)
		e.Version.Content, e.Version.Size = ref, 10
		return e
	}
	whole := func(ctx context.Context, tx core.MetaTx) error {
		blob, buffered := core.Blob{Refs: 2}, core.Blob{Refs: 1, State: core.BlobBuffered, Buffer: 3}
		blob.ID, buffered.ID = a, b
		older := at("", 0, inline(2)).Version
		return errors.Join(tx.PutBucket(ctx, theBucket()), tx.PutBlob(ctx, blob), tx.PutBlob(ctx, buffered),
			tx.PutList(ctx, core.List{ID: 1, Refs: 2, Extents: []core.Extent{{Blob: a, Length: 5}, {Blob: a, Length: 5}}}),
			tx.PutList(ctx, core.List{ID: 2, Refs: 1, Extents: []core.Extent{{Blob: b, Length: 10}}}),
			tx.PutEntry(ctx, at("list", 1, listed(1))), tx.PutEntry(ctx, at("inline", 2, inline(1))),
			tx.PutEntry(ctx, marker("marker", 3)), tx.PutVersion(ctx, 3, older),
			tx.PutUpload(ctx, core.Upload{ID: "u", BucketID: 1, Key: "u"}),
			tx.PutPart(ctx, core.UploadPart{UploadID: "u", Number: 1, Size: 10, Content: listed(1)}),
			tx.PutPart(ctx, core.UploadPart{UploadID: "u", Number: 2, Size: 10, Content: listed(2)}),
			tx.PutInline(ctx, 1, 0, nil), tx.PutInline(ctx, 2, 0, nil), tx.PutInline(ctx, 3, 0, nil),
			tx.AddUsage(ctx, 1, core.Usage{Objects: 2, Bytes: 50}))
	}
	for name, breakIt := range map[string]func(ctx context.Context, tx core.MetaTx) error{
		"":             func(context.Context, core.MetaTx) error { return nil },
		"holds":        func(ctx context.Context, tx core.MetaTx) error { return tx.AddUsage(ctx, 1, core.Usage{Bytes: 1}) },
		"blob":         func(ctx context.Context, tx core.MetaTx) error { _, err := tx.AddBlobRefs(ctx, a, 1); return err },
		"list":         func(ctx context.Context, tx core.MetaTx) error { _, _, err := tx.AddListRefs(ctx, 1, -1); return err },
		"missing":      func(ctx context.Context, tx core.MetaTx) error { return tx.DeleteInline(ctx, 3) },
		"is missing":   func(ctx context.Context, tx core.MetaTx) error { return tx.DeleteBlob(ctx, b) },
		"0 times":      func(ctx context.Context, tx core.MetaTx) error { return tx.PutInline(ctx, 9, 0, nil) },
		"2 times":      func(ctx context.Context, tx core.MetaTx) error { return tx.PutEntry(ctx, at("inline", 2, inline(2))) },
		"0 references": func(ctx context.Context, tx core.MetaTx) error { return tx.PutList(ctx, core.List{ID: 9, Refs: 1}) },
	} {
		s := fresh(t, open)
		update(t, s, whole)
		update(t, s, breakIt)
		err := Recount(t.Context(), s)
		if name == "" && err != nil {
			t.Errorf("Recount() = %v, want nil", err)
		}
		if name != "" && (err == nil || !strings.Contains(err.Error(), name)) {
			t.Errorf("Recount() = %v, want an error with %q", err, name)
		}
	}
}

// testRollback writes into every table and fails.
func testRollback(t *testing.T, open Open) {
	s := fresh(t, open)
	want := dump(t, s)
	errStop := errors.New("stop")
	big := entry("k", 1)
	big.Version = fullVersion(1, 9000)
	err := s.Update(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		_, err := tx.ReserveIDs(ctx, "x", 5)
		return errors.Join(err, tx.PutBucket(ctx, theBucket()), tx.PutEntry(ctx, big), tx.PutInline(ctx, 1, 1, []byte("x")),
			tx.PutList(ctx, core.List{ID: 1}), tx.PutVersion(ctx, 1, fullVersion(2, 9000)), tx.BumpConfig(ctx),
			tx.AddUsage(ctx, 1, core.Usage{Objects: 1}), tx.PutJob(ctx, core.Job{Name: "j"}), errStop)
	})
	if !errors.Is(err, errStop) {
		t.Fatalf("Update() = %v, want %v", err, errStop)
	}
	same(t, "after a failed transaction", want, dump(t, s))
	var first int64
	update(t, s, func(ctx context.Context, tx core.MetaTx) (err error) {
		first, err = tx.ReserveIDs(ctx, "x", 1)
		return err
	})
	if first != 1 {
		t.Errorf("ReserveIDs after a rollback = %d, want 1", first)
	}
}

// errExited stands for a caller whose goroutine was ended.
var errExited = errors.New("exited")

// together runs all functions at once, so that a store with group commit makes one batch of most of them, and
// returns what each Update answered.
func together(ctx context.Context, s core.MetaStore, fns []func(context.Context, core.MetaTx) error) []any {
	var ready, done sync.WaitGroup
	open := make(chan struct{})
	hold := make(chan struct{})
	done.Go(func() {
		_ = s.Update(ctx, func(context.Context, core.MetaTx) error {
			select {
			case <-hold:
			default:
				close(hold)
			}
			<-open
			return nil
		})
	})
	<-hold
	results := make([]any, len(fns))
	for i, fn := range fns {
		ready.Add(1)
		done.Go(func() {
			results[i] = errExited // unless Update returns or panics
			defer func() {
				if r := recover(); r != nil {
					results[i] = r
				}
			}()
			ready.Done()
			if err := s.Update(ctx, fn); err != nil {
				results[i] = err
			} else {
				results[i] = nil
			}
		})
	}
	ready.Wait()
	for range 1000 {
		runtime.Gosched()
	}
	close(open)
	done.Wait()
	return results
}

// testFailingMember lets some of 64 fail: the others stay.
func testFailingMember(t *testing.T, open Open) {
	s := plain(t, open)
	errStop := errors.New("stop")
	var fns []func(context.Context, core.MetaTx) error
	for i := range 64 {
		fns = append(fns, func(ctx context.Context, tx core.MetaTx) error {
			err := errors.Join(tx.PutInline(ctx, int64(i), 1, []byte("x")), tx.AddUsage(ctx, 1, core.Usage{Objects: 1}))
			switch {
			case err == nil && i%16 == 5:
				return errStop
			case err == nil && i%16 == 6: // fails in SQL as well
				return errors.Join(tx.PutEntry(ctx, entry("a", 1)), tx.PutEntry(ctx, entry("b", 1)))
			}
			return err
		})
	}
	for i, got := range together(t.Context(), s, fns) {
		err, _ := got.(error)
		switch {
		case i%16 == 5 && !errors.Is(err, errStop):
			t.Errorf("member %d: %v, want %v", i, got, errStop)
		case i%16 == 6 && core.CodeOf(err) != core.Exists:
			t.Errorf("member %d: %v, want Exists", i, got)
		case i%16 != 5 && i%16 != 6 && got != nil:
			t.Errorf("member %d: %v, want nil", i, got)
		}
	}
	update(t, s, put(core.MetaTx.PutBucket, theBucket()))
	d := dump(t, s)
	if len(d.Inline) != 56 || d.Usage[1].Objects != 56 || len(d.Entries) != 0 {
		t.Errorf("%d inline rows, %d objects, %d entries, want 56, 56, 0", len(d.Inline), d.Usage[1].Objects, len(d.Entries))
	}
}

// testPanic panics in one of several: its caller alone sees it, and nothing of it stays.
func testPanic(t *testing.T, open Open) {
	s := plain(t, open)
	var fns []func(context.Context, core.MetaTx) error
	for i := range 8 {
		fns = append(fns, func(ctx context.Context, tx core.MetaTx) error {
			err := tx.PutInline(ctx, int64(i), 1, nil)
			if i == 3 {
				panic("three")
			}
			return err
		})
	}
	check := func(results []any) {
		for i, got := range results {
			if (i == 3) != (got == "three") || i != 3 && got != nil {
				t.Errorf("member %d: %v", i, got)
			}
		}
	}
	check(together(t.Context(), s, fns))
	if n := len(dump(t, s).Inline); n != 7 {
		t.Errorf("%d rows, want 7", n)
	}
	for _, call := range []func(context.Context, func(context.Context, core.MetaTx) error) error{s.Update, s.View} {
		func() {
			defer func() {
				if r := recover(); r != "alone" {
					t.Errorf("recover() = %v, want alone", r)
				}
			}()
			_ = call(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
				_, _ = tx.Users(ctx, 0, 1)
				panic("alone")
			})
		}()
	}
	update(t, s, func(ctx context.Context, tx core.MetaTx) error { return tx.PutInline(ctx, 100, 1, nil) })
	if n := len(dump(t, s).Inline); n != 8 {
		t.Errorf("%d rows, want 8", n)
	}
}

// testExit ends the goroutine in the middle of a batch, as t.FailNow does: only the caller's ends.
func testExit(t *testing.T, open Open) {
	s := plain(t, open)
	var fns []func(context.Context, core.MetaTx) error
	for i := range 8 {
		fns = append(fns, func(ctx context.Context, tx core.MetaTx) error {
			err := tx.PutInline(ctx, int64(i), 1, nil)
			if i%4 == 3 {
				runtime.Goexit()
			}
			return err
		})
	}
	for i, got := range together(t.Context(), s, fns) {
		err, _ := got.(error)
		if want := i%4 == 3; want != errors.Is(err, errExited) || !want && got != nil {
			t.Errorf("member %d: %v", i, got)
		}
	}
	if n := len(dump(t, s).Inline); n != 6 {
		t.Errorf("%d rows, want 6", n)
	}
}

// testManyWriters moves amounts between buckets at once: the sum stays, and every View sees it.
func testManyWriters(t *testing.T, open Open) {
	const buckets, writers, rounds = 10, 64, 5
	s := fresh(t, open)
	update(t, s, func(ctx context.Context, tx core.MetaTx) error { return tx.AddUsage(ctx, 0, core.Usage{Bytes: 1000}) })
	sum := func() (total int64) {
		view(t, s, func(ctx context.Context, tx core.MetaTx) error {
			total = 0
			for b := range int64(buckets) {
				u, err := tx.Usage(ctx, b)
				if err != nil {
					return err
				}
				total += u.Bytes
			}
			return nil
		})
		return total
	}
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(w)))
			for range rounds {
				from, to, n := r.Int64N(buckets), r.Int64N(buckets), r.Int64N(100)
				err := s.Update(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
					return errors.Join(tx.AddUsage(ctx, from, core.Usage{Bytes: -n}), tx.AddUsage(ctx, to, core.Usage{Bytes: n}))
				})
				if err != nil {
					t.Errorf("Update() = %v", err)
				}
			}
		})
	}
	for range 20 {
		if got := sum(); got != 1000 {
			t.Errorf("sum = %d while writers run, want 1000", got)
		}
	}
	all.Wait()
	if got := sum(); got != 1000 {
		t.Errorf("sum = %d, want 1000", got)
	}
}

// testIncrements reads and writes one row from many: no increment is lost.
func testIncrements(t *testing.T, open Open) {
	const writers, rounds = 16, 8
	s := fresh(t, open)
	update(t, s, func(ctx context.Context, tx core.MetaTx) error { return tx.PutList(ctx, core.List{ID: 1}) })
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range rounds {
				err := s.Update(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
					l, _, err := tx.ListByID(ctx, 1, core.ListRead{})
					if err != nil {
						return err
					}
					l.Refs++
					return tx.PutList(ctx, l)
				})
				if err != nil {
					t.Errorf("Update() = %v", err)
				}
			}
		})
	}
	all.Wait()
	if got := dump(t, s).Lists[0].Refs; got != writers*rounds {
		t.Errorf("%d after %d increments", got, writers*rounds)
	}
}

// testLarge runs a transaction of 2,500 rows, and a move of as many, among small ones.
func testLarge(t *testing.T, open Open) {
	s := plain(t, open)
	var fns []func(context.Context, core.MetaTx) error
	for i := range 20 {
		fns = append(fns, func(ctx context.Context, tx core.MetaTx) error {
			if i != 7 {
				return tx.PutInline(ctx, int64(i), 1, nil)
			}
			for j := range 2500 {
				// The error is dropped: the store must know by itself that the transaction is to be run again.
				_ = tx.PutEntry(ctx, entry(fmt.Sprintf("a/%04d", j), int64(j+1)))
			}
			return nil
		})
	}
	for i, got := range together(t.Context(), s, fns) {
		if got != nil {
			t.Errorf("member %d: %v", i, got)
		}
	}
	moved := int64(0)
	fns[7] = func(ctx context.Context, tx core.MetaTx) (err error) {
		moved, err = tx.MoveEntries(ctx, 1, "a/", 1, "b/")
		return err
	}
	for i, got := range together(t.Context(), s, fns) {
		if got != nil {
			t.Errorf("member %d: %v", i, got)
		}
	}
	view(t, s, func(ctx context.Context, tx core.MetaTx) error {
		n, err := tx.CountEntries(ctx, 1, "b/", 10000)
		ids, err2 := tx.Inlines(ctx, -1, 100)
		if moved != 2500 || n != 2500 || len(ids) != 19 {
			t.Errorf("moved %d, %d entries, %d inline rows, want 2500, 2500, 19", moved, n, len(ids))
		}
		return errors.Join(err, err2)
	})
}

// testGivenUp cancels requests: before they are queued nothing happens, afterwards they learn the outcome.
func testGivenUp(t *testing.T, open Open) {
	s := plain(t, open)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Update(ctx, func(inner context.Context, tx core.MetaTx) error {
		cancel()
		if inner.Err() != nil {
			t.Error("the transaction's ctx was cancelled with the request's")
		}
		return tx.PutInline(inner, 1, 1, nil)
	})
	if err != nil {
		t.Errorf("Update() of a request that is given up in the middle = %v, want nil", err)
	}
	never := func(context.Context, core.MetaTx) error { t.Error("run after the request was given up"); return nil }
	if err := s.Update(ctx, never); core.CodeOf(err) != core.Canceled || !errors.Is(err, context.Canceled) {
		t.Errorf("Update() = %v, want Canceled", err)
	}
	if err := s.View(ctx, never); core.CodeOf(err) != core.Canceled {
		t.Errorf("View() = %v, want Canceled", err)
	}
	if n := len(dump(t, s).Inline); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

// testSnapshot writes while a View runs, which does not see it.
func testSnapshot(t *testing.T, open Open) {
	s := plain(t, open)
	write := func(id int64) {
		update(t, s, func(ctx context.Context, tx core.MetaTx) error { return tx.PutInline(ctx, id, 1, nil) })
	}
	write(1)
	view(t, s, func(ctx context.Context, tx core.MetaTx) error {
		before, err := tx.Inlines(ctx, 0, 9)
		if err != nil {
			return err
		}
		write(2)
		after, err := tx.Inlines(ctx, 0, 9)
		equal(t, "Inlines in one View", before, after)
		return err
	})
	if n := len(dump(t, s).Inline); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}

// testNested begins transactions inside others.
func testNested(t *testing.T, open Open) {
	s := plain(t, open)
	type call = func(context.Context, func(context.Context, core.MetaTx) error) error
	never := func(context.Context, core.MetaTx) error { t.Error("ran inside another transaction"); return nil }
	for _, outer := range []call{s.View, s.Update} {
		for _, inner := range []call{s.View, s.Update} {
			err := outer(t.Context(), func(ctx context.Context, _ core.MetaTx) error {
				if err := inner(ctx, never); err == nil {
					t.Error("a nested transaction = nil, want an error")
				}
				return nil
			})
			if err != nil {
				t.Errorf("the outer transaction = %v", err)
			}
		}
	}
}

// testViewWrites writes in a View, which fails.
func testViewWrites(t *testing.T, open Open) {
	s := plain(t, open)
	view(t, s, func(ctx context.Context, tx core.MetaTx) error {
		_, ids := tx.ReserveIDs(ctx, "x", 1)
		for name, err := range map[string]error{
			"PutInline": tx.PutInline(ctx, 1, 1, nil), "PutEntry": tx.PutEntry(ctx, entry("k", 1)), "ReserveIDs": ids,
			"AddUsage": tx.AddUsage(ctx, 1, core.Usage{Objects: 1}), "BumpConfig": tx.BumpConfig(ctx),
		} {
			if err == nil {
				t.Errorf("%s in a View = nil, want an error", name)
			}
		}
		return nil
	})
}

// testReopen closes the store and opens it again: everything is there, and a closed store refuses.
func testReopen(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir)
	big := entry("k", 1)
	big.Version = fullVersion(1, 9000)
	update(t, s, func(ctx context.Context, tx core.MetaTx) error {
		return errors.Join(tx.PutBucket(ctx, theBucket()), tx.PutEntry(ctx, big), tx.PutInline(ctx, 1, 1, []byte("x")),
			tx.AddUsage(ctx, 1, core.Usage{Objects: 1, Bytes: 2}), tx.PutVersion(ctx, 1, fullVersion(2, 9000)))
	})
	want := dump(t, s)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatalf("Close() = %v", err)
		}
	}
	err := s.View(t.Context(), func(context.Context, core.MetaTx) error { return nil })
	if core.CodeOf(err) != core.Unavailable {
		t.Errorf("View() after Close() = %v, want Unavailable", err)
	}
	again := open(t, dir)
	same(t, "after reopening", want, dump(t, again))
	if err := again.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
}
