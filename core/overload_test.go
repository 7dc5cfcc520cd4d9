package core_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"trivium/core"
	"trivium/core/coretest"
)

// standing is a metadata store whose calls of requests stand still while it is shut.
type standing struct {
	core.MetaStore
	mu    sync.Mutex
	shut  map[string]chan struct{}
	stand map[string]int // calls that stand
}

// hold makes calls of that kind stand until the returned function is called.
func (s *standing) hold(call string) (open func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gate := make(chan struct{})
	s.shut[call] = gate
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.shut, call)
		close(gate)
	})
}

func (s *standing) pass(call string) {
	s.mu.Lock()
	gate := s.shut[call]
	if gate != nil {
		s.stand[call]++
	}
	s.mu.Unlock()
	if gate != nil {
		<-gate
	}
}

func (s *standing) at(call string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stand[call]
}

func (s *standing) Update(ctx context.Context, fn func(context.Context, core.MetaTx) error) error {
	s.pass("update")
	return s.MetaStore.Update(ctx, fn)
}

func (s *standing) View(ctx context.Context, fn func(context.Context, core.MetaTx) error) error {
	s.pass("view")
	return s.MetaStore.View(ctx, fn)
}

func (s *standing) Lookup(ctx context.Context, bucketID int64, key string, withContent bool) (core.Found, error) {
	s.pass("lookup")
	return s.MetaStore.Lookup(ctx, bucketID, key, withContent)
}

// flood is one kind of request, and what stands still below it.
type flood struct {
	name, stands string
	inside, wait int // how many are let in, and how many may wait
	do           func(e *coretest.Env, i int) error
	meanwhile    []func(e *coretest.Env, i int) error // what needs nothing that stands still
}

func floods() []flood {
	const slots, wait = 256, 64
	type request = func(e *coretest.Env, i int) error
	ctx := context.Background
	put := func(n int) request {
		return func(e *coretest.Env, i int) error {
			_, err := e.Admin.PutObject(ctx(), "bkt", fmt.Sprint(i), bytes.NewReader(make([]byte, n)), int64(n), core.PutOptions{})
			return err
		}
	}
	stat := func(e *coretest.Env, _ int) error {
		_, err := e.Admin.StatObject(ctx(), "bkt", "0", core.GetOptions{})
		return err
	}
	list := func(e *coretest.Env, _ int) error {
		_, err := e.Admin.ListSummaries(ctx(), "bkt", core.ListOptions{Limit: 10})
		return err
	}
	remove := func(e *coretest.Env, i int) error {
		_, err := e.Admin.DeleteObject(ctx(), "bkt", fmt.Sprint(i+1), core.DeleteOptions{})
		return err
	}
	return []flood{
		{"delete", "update", slots, wait, remove, []request{stat, list}},
		{"put", "update", slots, wait, put(100), []request{stat, list}},
		{"put empty", "update", slots, wait, put(0), []request{stat, list}},
		{"stat", "lookup", slots, wait, stat, []request{put(10), list}},
		{"list", "view", runtime.GOMAXPROCS(0), wait, list, []request{put(10), stat}},
	}
}

// TestOverload sends many more requests of each kind than are let in to a metadata store that stands still. As many as
// fit are at it, as many as may wait for them, and the others are refused at once. What needs nothing that stands
// still works meanwhile, and all that were let in succeed.
func TestOverload(t *testing.T) {
	for _, f := range floods() {
		t.Run(f.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &standing{shut: map[string]chan struct{}{}, stand: map[string]int{}}
				e := coretest.New(t, coretest.Options{WrapMeta: func(m core.MetaStore) core.MetaStore { store.MetaStore = m; return store }})
				if _, err := e.Bucket(t.Context(), "bkt", core.VersioningOff, core.BucketPolicy{}); err != nil {
					t.Fatal(err)
				}
				for _, other := range floods() {
					if err := other.do(e, 0); err != nil { // what is read once is known then
						t.Fatal(err)
					}
				}
				f.run(t, e, store)
			})
		})
	}
}

// run sends the flood.
func (f *flood) run(t *testing.T, e *coretest.Env, store *standing) {
	open := store.hold(f.stands)
	defer open()
	errs := make([]error, 5*(f.inside+f.wait)/2)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = f.do(e, i) })
	}
	synctest.Wait()
	if n := store.at(f.stands); n != f.inside {
		t.Errorf("%d are at the store, want %d", n, f.inside)
	}
	want := len(errs) - f.inside - f.wait
	if n := refused(errs); n != want {
		t.Errorf("%d of %d refused at once, want %d", n, len(errs), want)
	}
	for i, do := range f.meanwhile {
		if err := do(e, 0); err != nil {
			t.Errorf("request %d meanwhile = %v", i, err)
		}
	}
	open()
	wg.Wait()
	if n := refused(errs); n != want {
		t.Errorf("%d refused in the end, want %d", n, want)
	}
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil && core.CodeOf(err) != core.Overloaded }); i >= 0 {
		t.Errorf("request %d = %v", i, errs[i])
	}
}

// refused counts the requests that were told to come again.
func refused(errs []error) (n int) {
	for _, err := range errs {
		if core.CodeOf(err) == core.Overloaded {
			n++
		}
	}
	return n
}
