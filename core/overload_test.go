package core_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"trivium/core"
	"trivium/core/admission"
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
	makes        func(e *coretest.Env, n int) error   // what n requests need; nil: nothing
}

func floods() []flood {
	const slots, wait = admission.Slots, admission.Queue
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
	var uploads []string
	begin := func(e *coretest.Env, n int) error {
		for range n {
			u, err := e.Admin.CreateUpload(ctx(), core.Path{Bucket: "bkt", Key: "up"}, core.PutOptions{}, core.Checksum{})
			if err != nil {
				return err
			}
			uploads = append(uploads, u.ID)
		}
		return nil
	}
	abort := func(e *coretest.Env, i int) error {
		return e.Admin.AbortUpload(ctx(), core.Path{Bucket: "bkt", Key: "up"}, uploads[i])
	}
	document := func(e *coretest.Env, i int) error {
		return e.Admin.SetDoc(ctx(), "bkt", "tags", []byte(fmt.Sprint(i)))
	}
	nowhere := func(e *coretest.Env, i int) error {
		_, err := e.Service.Session(core.Anonymous()).StatObject(ctx(), fmt.Sprintf("nowhere%d", i), "key", core.GetOptions{})
		return unless(err, core.NoSuchBucket)
	}
	stranger := func(e *coretest.Env, _ int) error {
		_, err := e.Service.KeyCredentials(ctx(), rand.Text())
		return unless(err, core.Unauthorized)
	}
	return []flood{
		{"delete", "update", slots, wait, remove, []request{stat, list}, nil},
		{"put", "update", slots, wait, put(100), []request{stat, list}, nil},
		{"put empty", "update", slots, wait, put(0), []request{stat, list}, nil},
		{"abort", "update", slots, wait, abort, []request{stat, list}, begin},
		{"document", "update", slots, wait, document, []request{stat, list}, nil},
		{"stat", "lookup", slots, wait, stat, []request{put(10), list}, nil},
		{"list", "view", runtime.GOMAXPROCS(0), wait, list, []request{put(10), stat}, nil},
		{"unknown bucket", "view", slots, wait, nowhere, []request{put(10)}, nil},
		{"unknown key", "view", slots, wait, stranger, []request{put(10)}, nil},
	}
}

// unless returns err unless it is of that code.
func unless(err error, code core.Code) error {
	if core.CodeOf(err) == code {
		return nil
	}
	return err
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
					if err := other.prepare(e, 1); err != nil {
						t.Fatal(err)
					}
					if err := other.do(e, 0); err != nil { // what is read once is known then
						t.Fatal(err)
					}
				}
				f.run(t, e, store)
			})
		})
	}
}

// prepare makes what n requests need.
func (f *flood) prepare(e *coretest.Env, n int) error {
	if f.makes == nil {
		return nil
	}
	return f.makes(e, n)
}

// run sends the flood.
func (f *flood) run(t *testing.T, e *coretest.Env, store *standing) {
	errs := make([]error, 5*(f.inside+f.wait)/2)
	if err := f.prepare(e, len(errs)); err != nil {
		t.Fatal(err)
	}
	open := store.hold(f.stands)
	defer open()
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

// awaited is a body of which nothing comes until it is opened, and then its end.
type awaited chan struct{}

func (a awaited) Read([]byte) (int, error) {
	<-a
	return 0, io.EOF
}

// TestStalledEmptyBodies begins many more uploads of nothing than are let in, whose ends do not come. They keep out
// nobody, and when their ends are there, all at once, as many as usual succeed.
func TestStalledEmptyBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := coretest.New(t, coretest.Options{})
		if _, err := e.Bucket(t.Context(), "bkt", core.VersioningOff, core.BucketPolicy{}); err != nil {
			t.Fatal(err)
		}
		up := core.Path{Bucket: "bkt", Key: "up"}
		u, err := e.Admin.CreateUpload(t.Context(), up, core.PutOptions{}, core.Checksum{})
		if err != nil {
			t.Fatal(err)
		}
		end := make(awaited)
		const n = admission.Slots + admission.Queue
		errs := make([]error, 2*n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				_, errs[i] = e.Admin.PutObject(t.Context(), "bkt", fmt.Sprint(i), end, 0, core.PutOptions{})
			})
			wg.Go(func() {
				_, _, errs[n+i] = e.Admin.PutPart(t.Context(), up, u.ID, core.PartRequest{Number: i, Body: end})
			})
			synctest.Wait()
		}
		if got := refused(errs); got != 0 {
			t.Errorf("%d of those that wait for their ends were refused", got)
		}
		if _, err := e.Admin.DeleteObject(t.Context(), "bkt", "key", core.DeleteOptions{}); err != nil {
			t.Errorf("DeleteObject meanwhile = %v", err)
		}
		if _, err := e.Admin.PutObject(t.Context(), "bkt", "key", bytes.NewReader(nil), 0, core.PutOptions{}); err != nil {
			t.Errorf("PutObject of nothing meanwhile = %v", err)
		}
		close(end)
		wg.Wait()
		for i, err := range errs {
			if err != nil && core.CodeOf(err) != core.Overloaded {
				t.Errorf("upload %d = %v", i, err)
			}
		}
	})
}

// TestLandedContentIsBounded sends content to spaces while the metadata stands still: its memory is given back once it
// is there, and what bounds its commits is a gate of their own.
func TestLandedContentIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &standing{shut: map[string]chan struct{}{}, stand: map[string]int{}}
		e := coretest.New(t, coretest.Options{WrapMeta: func(m core.MetaStore) core.MetaStore { store.MetaStore = m; return store }})
		if _, err := e.Bucket(t.Context(), "bkt", core.VersioningOff, core.BucketPolicy{}); err != nil {
			t.Fatal(err)
		}
		put := func(i int) error {
			body := bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 10<<10)
			_, err := e.Admin.PutObject(t.Context(), "bkt", fmt.Sprint(i), bytes.NewReader(body), int64(len(body)), core.PutOptions{})
			return err
		}
		if err := put(0); err != nil {
			t.Fatal(err)
		}
		open := store.hold("update")
		defer open()
		const more = 3
		errs := make([]error, 2*admission.Slots+more)
		var wg sync.WaitGroup
		for i := range errs {
			if n := store.at("update"); i == 2*admission.Slots && n != admission.Slots {
				t.Errorf("%d commits are at the store, want %d", n, admission.Slots)
			}
			wg.Go(func() { errs[i] = put(i) })
			synctest.Wait()
		}
		if n := refused(errs); n != more {
			t.Errorf("%d refused, want %d", n, more)
		}
		open()
		wg.Wait()
		if n := refused(errs); n != more {
			t.Errorf("%d refused in the end, want %d", n, more)
		}
	})
}

// TestIDsAreBounded copies until ids must be reserved of a store that stands still: one reserves them, some wait for
// that, and the others are refused at once.
func TestIDsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &standing{shut: map[string]chan struct{}{}, stand: map[string]int{}}
		e := coretest.New(t, coretest.Options{WrapMeta: func(m core.MetaStore) core.MetaStore { store.MetaStore = m; return store }})
		if _, err := e.Bucket(t.Context(), "bkt", core.VersioningOff, core.BucketPolicy{}); err != nil {
			t.Fatal(err)
		}
		from := core.Path{Bucket: "bkt", Key: "from"}
		if _, err := e.Admin.PutObject(t.Context(), "bkt", "from", bytes.NewReader([]byte("x")), 1, core.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		open := store.hold("update")
		defer open()
		errs := make([]error, core.IDBlock+core.IDQueue+2*admission.Slots)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = e.Admin.CopyObject(t.Context(), from, core.Path{Bucket: "bkt", Key: fmt.Sprint(i)}, core.CopyOptions{})
			})
		}
		synctest.Wait()
		if n := store.at("update"); n != admission.Slots+1 {
			t.Errorf("%d are at the store, want %d and one that reserves ids", n, admission.Slots)
		}
		want := len(errs) - admission.Slots - admission.Queue - 1 - core.IDQueue
		if n := refused(errs); n != want {
			t.Errorf("%d of %d refused at once, want %d", n, len(errs), want)
		}
		open()
		wg.Wait()
		for i, err := range errs {
			if err != nil && core.CodeOf(err) != core.Overloaded {
				t.Errorf("copy %d = %v", i, err)
			}
		}
	})
}
