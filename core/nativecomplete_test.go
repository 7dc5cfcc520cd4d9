package core_test

import (
	"context"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"trivium/core"
	"trivium/core/admission"
	"trivium/core/coretest"
	"trivium/drivers"
)

// longPart is a part that lies in spaces, in bytes.
const longPart = 1 << 20

// longUpload is an unfinished native upload with one long part.
func longUpload(t *testing.T, env *coretest.Env, pkg int64, path string) int64 {
	t.Helper()
	id := nativeUpload(t, env, pkg, path).Entry.ObjectID
	nativePart(t, env, id, 1, strings.Repeat("x", longPart))
	return id
}

// openings calls open before each reading of a shard, with how many there were.
type openings struct {
	drivers.Driver
	n    *atomic.Int64
	open func(n int64)
}

// Open implements drivers.Driver.
func (d openings) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	d.open(d.n.Add(1))
	return d.Driver.Open(ctx, name, offset, length)
}

// TestNativeCompleteEnds: a completion that reads its parts back ends soon after its upload was aborted, and after its
// bucket went.
func TestNativeCompleteEnds(t *testing.T) {
	for name, end := range map[string]func(ctx context.Context, env *coretest.Env, pkg, id int64) error{
		"aborted": func(ctx context.Context, env *coretest.Env, _, id int64) error { return env.Admin.AbortNative(ctx, id) },
		"replaced": func(ctx context.Context, env *coretest.Env, pkg, _ int64) error {
			_, err := env.Admin.CreateNativeUpload(ctx, pkg, "k", core.PutOptions{})
			return err
		},
		"bucket": func(ctx context.Context, env *coretest.Env, _, _ int64) error {
			return env.Admin.DeleteBucket(ctx, "off", true)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var env *coretest.Env
			var p, id int64
			var n atomic.Int64
			open := func(n int64) {
				if n != 3 || id == 0 {
					return
				}
				if err := end(context.WithoutCancel(t.Context()), env, p, id); err != nil {
					t.Errorf("end: %v", err)
				}
			}
			env = newEnv(t, coretest.Options{Wrap: func(_ string, d drivers.Driver) drivers.Driver { return openings{d, &n, open} }})
			p = pkg(t, env, "off", "p")
			id = longUpload(t, env, p, "k")
			n.Store(0)
			_, err := env.Admin.CompleteNative(t.Context(), id, slices.Repeat([]int{1}, 10_000))
			if code := core.CodeOf(err); err == nil || code != core.Conflict && code != core.NoSuchBucket {
				t.Errorf("complete = %v", err)
			}
			if got := n.Load(); got > 200 {
				t.Errorf("%d shards were read of 10,000 parts", got)
			}
		})
	}
}

// TestNativeCompleteLeaves: callers leave with their contexts, the completion goes on without them, and another caller
// with the same numbers gets its outcome.
func TestNativeCompleteLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		space := &slowReads{gate: make(chan struct{}), stand: new(atomic.Int64)}
		env := newEnv(t, coretest.Options{Wrap: func(_ string, d drivers.Driver) drivers.Driver {
			return &slowReads{d, space.gate, space.stand}
		}})
		id := longUpload(t, env, pkg(t, env, "off", "p"), "k")
		slow := context.WithValue(t.Context(), slowKey{}, true)
		complete := func(ctx context.Context) chan error {
			done := make(chan error, 1)
			go func() {
				_, err := env.Admin.CompleteNative(ctx, id, []int{1, 1})
				done <- err
			}()
			synctest.Wait()
			return done
		}
		var left []chan error
		ctx, leave := context.WithCancel(slow)
		for range 3 {
			left = append(left, complete(ctx))
		}
		stays := complete(slow)
		leave()
		for _, done := range left {
			if err := <-done; core.CodeOf(err) != core.Canceled {
				t.Errorf("a caller who left = %v", err)
			}
		}
		last := complete(slow)
		if n := space.stand.Load(); n != 1 {
			t.Errorf("%d shards are read, want 1", n)
		}
		close(space.gate)
		ok(t, "the caller who stayed", <-stays)
		ok(t, "the caller who came later", <-last)
		if m := byID(t, env, id); m.Unfinished || m.Size != 2*longPart || m.SHA256 == nil {
			t.Errorf("completed as %+v", m)
		}
	})
}

// TestNativeCompleteGate: few completions read at once, some wait and the others are refused; the Service ends them all.
func TestNativeCompleteGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stand := new(atomic.Int64)
		env := newEnv(t, coretest.Options{Wrap: func(_ string, d drivers.Driver) drivers.Driver {
			return &slowReads{d, nil, stand}
		}})
		p := pkg(t, env, "off", "p")
		id := longUpload(t, env, p, "k")
		inside, wait := runtime.GOMAXPROCS(0), admission.Queue
		errs := make([]error, inside+wait+10)
		ctx, leave := context.WithCancel(context.WithValue(t.Context(), slowKey{}, true))
		defer leave()
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { _, errs[i] = env.Admin.CompleteNative(ctx, id, slices.Repeat([]int{1}, 2+i)) })
		}
		synctest.Wait()
		if n := stand.Load(); n != int64(inside) {
			t.Errorf("%d read, want %d", n, inside)
		}
		if n := refused(errs); n != 10 {
			t.Errorf("%d refused at once, want 10", n)
		}
		ok(t, "close", env.Service.Close(t.Context()))
		wg.Wait()
		for i, err := range errs {
			if code := core.CodeOf(err); err == nil || code != core.Overloaded && code != core.Canceled {
				t.Errorf("completion %d = %v", i, err)
			}
		}
	})
}
