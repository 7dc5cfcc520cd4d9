package core_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"trivium/core"
	"trivium/core/admission"
	"trivium/core/content"
	"trivium/core/coretest"
	"trivium/drivers"
)

// slowKey marks the contexts of requests whose reads of spaces stand still.
type slowKey struct{}

// slowReads is a space that stands still where a request with slowKey opens a shard, until it is opened itself or the
// request ends.
type slowReads struct {
	drivers.Driver
	gate  chan struct{}
	stand *atomic.Int64
}

// Open implements drivers.Driver.
func (d *slowReads) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if ctx.Value(slowKey{}) != nil {
		d.stand.Add(1)
		defer d.stand.Add(-1)
		select {
		case <-d.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return d.Driver.Open(ctx, name, offset, length)
}

// copyFlood is one sort of copy that reads its source.
type copyFlood struct {
	name string
	do   func(ctx context.Context, e *coretest.Env, i int) error
}

// copyFloods copies "src", of more than one block, into upload id of "up", or into the bucket of another class.
func copyFloods(id, foreign string) []copyFlood {
	src := core.Path{Bucket: "bkt", Key: "src"}
	part := func(bucket, id string) func(ctx context.Context, e *coretest.Env, i int) error {
		return func(ctx context.Context, e *coretest.Env, i int) error {
			_, err := e.Admin.CopyPart(ctx, core.Path{Bucket: bucket, Key: "up"}, id, core.PartCopy{
				Number: 1 + i, Source: src, Range: &core.Range{First: 1, Last: 500_000},
			})
			return err
		}
	}
	return []copyFlood{
		{"part", part("bkt", id)},
		{"part of another class", part("two", foreign)},
		{"checksum", func(ctx context.Context, e *coretest.Env, i int) error {
			_, err := e.Admin.CopyObject(ctx, src, core.Path{Bucket: "bkt", Key: fmt.Sprint("copy", i)}, core.CopyOptions{Checksum: "SHA1"})
			return err
		}},
	}
}

// TestCopiesThatRead sends many more copies that must read their source than are let in, while reading stands still. Few
// are at it, some wait, the others are refused at once; large transfers and copies that read nothing are served
// meanwhile. Those at it end with their contexts, or succeed.
func TestCopiesThatRead(t *testing.T) {
	for i, name := range []string{"part", "part of another class", "checksum"} {
		for _, cancels := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " ", cancels), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					space := &slowReads{gate: make(chan struct{}), stand: new(atomic.Int64)}
					e := coretest.New(t, coretest.Options{Spaces: 2, Wrap: func(_ string, d drivers.Driver) drivers.Driver {
						return &slowReads{d, space.gate, space.stand}
					}})
					_, err := e.Bucket(t.Context(), "bkt", core.VersioningOff, core.BucketPolicy{})
					ok(t, "make bucket", err)
					_, err = e.Bucket(t.Context(), "two", core.VersioningOff, core.BucketPolicy{Redundancy: content.Policy{Redundancy: content.Copies, N: 2}})
					ok(t, "make bucket", err)
					big := coretest.Bytes(1, 600_000)
					write(t, e, "bkt", "src", big, core.PutOptions{})
					sha1 := core.Checksum{Algorithm: "SHA1", Composite: true}
					up, foreign := core.Path{Bucket: "bkt", Key: "up"}, core.Path{Bucket: "two", Key: "up"}
					f := copyFloods(begin(t, e, up, sha1), begin(t, e, foreign, sha1))[i]
					f.run(t, e, space, cancels)
				})
			})
		}
	}
}

// run sends the flood.
func (f *copyFlood) run(t *testing.T, e *coretest.Env, space *slowReads, cancels bool) {
	inside, wait := 2*runtime.GOMAXPROCS(0), admission.Queue
	errs := make([]error, 2*(inside+wait))
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), slowKey{}, true))
	defer cancel()
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = f.do(ctx, e, i) })
	}
	synctest.Wait()
	if n := space.stand.Load(); n != int64(inside) {
		t.Errorf("%d read, want %d", n, inside)
	}
	if n, want := refused(errs), len(errs)-inside-wait; n != want {
		t.Errorf("%d of %d refused at once, want %d", n, len(errs), want)
	}
	big := coretest.Bytes(7, 3<<20)
	write(t, e, "bkt", "big", big, core.PutOptions{})
	get(t, e, "bkt", "big", big)
	if _, err := e.Admin.CopyObject(ctx, core.Path{Bucket: "bkt", Key: "src"}, core.Path{Bucket: "bkt", Key: "as it is"}, core.CopyOptions{}); err != nil {
		t.Errorf("a copy that reads nothing = %v", err)
	}
	want := func(err error) bool { return err == nil }
	if cancels {
		want = func(err error) bool { return errors.Is(err, context.Canceled) && core.CodeOf(err) == core.Canceled }
		cancel()
	} else {
		close(space.gate)
	}
	wg.Wait()
	for i, err := range errs {
		if core.CodeOf(err) != core.Overloaded && !want(err) {
			t.Errorf("copy %d = %v", i, err)
		}
	}
	if n := refused(errs); n != len(errs)-inside-wait {
		t.Errorf("%d refused in the end, want %d", n, len(errs)-inside-wait)
	}
	if s := e.Service.Maintenance().Gates()["copies"]; s.Inside != 0 || s.Waiting != 0 {
		t.Errorf("the gate in the end: %+v", s)
	}
	if b := e.Service.Maintenance().Budget(); b.Used != 0 {
		t.Errorf("%d bytes of transfers are used in the end", b.Used)
	}
	get(t, e, "bkt", "src", coretest.Bytes(1, 600_000))
}
