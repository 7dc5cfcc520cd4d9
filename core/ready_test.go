package core_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/coretest"
	"trivium/drivers"
)

// moody is a space whose probes fail or hang, whatever their context says, or take all their time.
type moody struct {
	drivers.Driver
	fails   atomic.Bool
	slow    atomic.Bool
	hang    atomic.Pointer[chan struct{}]
	probed  atomic.Int32
	running atomic.Int32
	most    atomic.Int32
}

func (m *moody) Put(ctx context.Context, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
	if !strings.HasSuffix(name, "probe") {
		return m.Driver.Put(ctx, name, body, size, opts)
	}
	m.probed.Add(1)
	m.most.Store(max(m.most.Load(), m.running.Add(1)))
	defer m.running.Add(-1)
	if hang := m.hang.Load(); hang != nil {
		<-*hang
	}
	if m.slow.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	if m.fails.Load() {
		return drivers.ErrDenied
	}
	return m.Driver.Put(ctx, name, body, size, opts)
}

// moodyEnv starts a Service on so many moody spaces.
func moodyEnv(t *testing.T, n int) (*core.Service, []*moody) {
	t.Helper()
	var spaces []*moody
	env := coretest.New(t, coretest.Options{Spaces: n, Wrap: func(_ string, d drivers.Driver) drivers.Driver {
		spaces = append(spaces, &moody{Driver: d})
		return spaces[len(spaces)-1]
	}})
	return env.Service, spaces
}

// A space that takes no files is not ready, though its marker can be read; it is tried once in a while.
func TestReadyTriesSpaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, spaces := moodyEnv(t, 2)
		ctx, one, two := t.Context(), spaces[0], spaces[1]
		for range 10 {
			ok(t, "ready", s.Ready(ctx))
		}
		if a, b := one.probed.Load(), two.probed.Load(); a > 1 || b > 1 || a+b == 0 {
			t.Errorf("spaces were probed %d and %d times within a moment, want once", a, b)
		}
		one.fails.Store(true)
		time.Sleep(3 * time.Second)
		ok(t, "ready with one good space", s.Ready(ctx))
		two.fails.Store(true)
		time.Sleep(3 * time.Second)
		err := s.Ready(ctx)
		wantCode(t, "Ready of spaces that take nothing", err, core.Unavailable)
		if !errors.Is(err, drivers.ErrDenied) {
			t.Errorf("Ready = %v, want the reason in it", err)
		}
		two.fails.Store(false)
		time.Sleep(3 * time.Second)
		ok(t, "ready again", s.Ready(ctx))
	})
}

// A space that hangs is waited for a little, then no more, and is not asked a second time meanwhile.
func TestReadyOfAHangingSpace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, spaces := moodyEnv(t, 2)
		ctx := t.Context()
		release := make(chan struct{})
		spaces[0].hang.Store(&release)
		start := time.Now()
		ok(t, "ready with one good space", s.Ready(ctx))
		if took := time.Since(start); took != 0 {
			t.Errorf("ready with one good space after %v, want at once", took)
		}
		spaces[1].hang.Store(&release)
		time.Sleep(10 * time.Second)
		for i, want := range []time.Duration{3 * time.Second, 0} {
			start = time.Now()
			wantCode(t, "Ready of hanging spaces", s.Ready(ctx), core.Unavailable)
			if took := time.Since(start); took != want {
				t.Errorf("answer %d of hanging spaces after %v, want %v", i, took, want)
			}
		}
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if err := s.Ready(gone); err == nil {
			t.Error("Ready for nobody = nil, want an error")
		}
		spaces[0].hang.Store(nil)
		spaces[1].hang.Store(nil)
		close(release)
		time.Sleep(3 * time.Second) // they end by failing, which holds for a moment
		ok(t, "ready again", s.Ready(ctx))
		for i, sp := range spaces {
			if n := sp.most.Load(); n != 1 {
				t.Errorf("space %d had %d probes at once, want one", i, n)
			}
		}
	})
}

// A probe that takes all its time is not begun anew the moment it is over.
func TestReadyOfASlowSpace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, spaces := moodyEnv(t, 1)
		ctx, slow := t.Context(), spaces[0]
		slow.slow.Store(true)
		for i, want := range []time.Duration{3 * time.Second, 0, 0} {
			start := time.Now()
			wantCode(t, "Ready of a slow space", s.Ready(ctx), core.Unavailable)
			if took := time.Since(start); took != want {
				t.Errorf("answer %d of a slow space after %v, want %v", i+1, took, want)
			}
			synctest.Wait()
		}
		if n := slow.probed.Load(); n != 1 {
			t.Errorf("a slow space was probed %d times in 3 s, want once", n)
		}
		slow.slow.Store(false)
		time.Sleep(3*time.Second - 1)
		wantCode(t, "Ready before the pace is over", s.Ready(ctx), core.Unavailable)
		time.Sleep(time.Nanosecond)
		ok(t, "ready again", s.Ready(ctx))
	})
}

// brittle is a metadata store that reports an error once.
type brittle struct {
	core.MetaStore
	next *atomic.Pointer[error]
}

func (b brittle) View(ctx context.Context, fn func(context.Context, core.MetaTx) error) error {
	if err := b.next.Swap(nil); err != nil {
		return *err
	}
	return b.MetaStore.View(ctx, fn)
}

// The store reports damage once, to somebody: ready knows, and stays so. What is wrong with one object is no damage.
func TestReadyAfterDamage(t *testing.T) {
	var next atomic.Pointer[error]
	env := coretest.New(t, coretest.Options{WrapMeta: func(m core.MetaStore) core.MetaStore { return brittle{m, &next} }})
	s, ctx := env.Service, t.Context()
	report := func(err error) {
		t.Helper()
		next.Store(&err)
		if _, err := env.Admin.Users(ctx, 0, 1); err == nil || next.Load() != nil {
			t.Fatalf("users = %v, want the store's error", err)
		}
	}
	for _, cause := range core.Harmless() {
		report(&core.Error{Code: core.Corrupt, Err: cause})
		ok(t, "ready", s.Ready(ctx))
	}
	report(&core.Error{Code: core.Internal})
	ok(t, "ready", s.Ready(ctx))
	report(&core.Error{Code: core.Corrupt, Msg: "the metadata store is damaged"})
	for range 2 {
		wantCode(t, "Ready after damage", s.Ready(ctx), core.Corrupt)
	}
}

// A space without its shards is not ready, though it would take new ones; one shard that is gone is for the upkeep.
func TestReadyMissesShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d drivers.Driver
		env := coretest.New(t, coretest.Options{Spaces: 1, Wrap: func(_ string, below drivers.Driver) drivers.Driver {
			d = below
			return below
		}})
		ctx := t.Context()
		_, err := env.Bucket(ctx, "bucket", core.VersioningOff, core.BucketPolicy{})
		ok(t, "bucket", err)
		for _, key := range []string{"a", "b"} {
			text := strings.Repeat(key, 100_000)
			_, err := env.Admin.PutObject(ctx, "bucket", key, strings.NewReader(text), int64(len(text)), core.PutOptions{})
			ok(t, "put", err)
		}
		ok(t, "ready", env.Service.Ready(ctx))
		var names []string
		for info, err := range d.List(ctx, "shards", drivers.ListOptions{Recursive: true}) {
			ok(t, "list", err)
			names = append(names, info.Name)
		}
		if len(names) != 2 {
			t.Fatalf("%v is in the space, want two shards", names)
		}
		for i, name := range names {
			ok(t, "delete", d.Delete(ctx, name))
			time.Sleep(3 * time.Second)
			if err := env.Service.Ready(ctx); errors.Is(err, content.ErrNoShards) != (i == 1) {
				t.Errorf("Ready with %d of two shards = %v", 1-i, err)
			}
		}
	})
}
