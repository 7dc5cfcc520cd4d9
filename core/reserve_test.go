package core_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"trivium/core"
	"trivium/core/coretest"
	"trivium/drivers"
)

// gated is a space whose Puts wait until it is opened, and then take room from a disk.
type gated struct {
	drivers.Driver
	open chan struct{}
	free *atomic.Int64
}

func (g gated) Put(ctx context.Context, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
	if size > 1<<20 {
		<-g.open
		g.free.Add(-size)
	}
	return g.Driver.Put(ctx, name, body, size, opts)
}

// metered counts what is read.
type metered struct {
	src io.Reader
	n   *atomic.Int64
}

func (m metered) Read(p []byte) (int, error) {
	n, err := m.src.Read(p)
	m.n.Add(int64(n))
	return n, err
}

// TestReserveOfManyAtOnce lets twelve uploads see the same free space: what one of them is promised is gone for the
// others, until it was given up or is written and the disk says so itself.
func TestReserveOfManyAtOnce(t *testing.T) {
	const (
		reserve, room, size, writers = 256 << 20, 21 << 20, 8 << 20, 12
		fit                          = room / size
	)
	data := coretest.Bytes(1, size)
	synctest.Test(t, func(t *testing.T) {
		var free, read atomic.Int64
		free.Store(reserve + room)
		open := make(chan struct{})
		env := coretest.New(t, coretest.Options{
			FreeSpace: func() (int64, error) { return free.Load(), nil },
			Wrap:      func(_ string, d drivers.Driver) drivers.Driver { return gated{d, open, &free} },
		})
		ctx := t.Context()
		_, err := env.Bucket(ctx, "bkt", core.VersioningOff, core.BucketPolicy{NoMD5: true, NoSHA256: true})
		ok(t, "bucket", err)
		put := func(key string) error {
			_, err := env.Admin.PutObject(ctx, "bkt", key, metered{bytes.NewReader(data), &read}, size, core.PutOptions{})
			return err
		}
		var wg sync.WaitGroup
		var stored atomic.Int64
		for i := range writers {
			wg.Go(func() {
				switch err := put(string(rune('a' + i))); {
				case err == nil:
					stored.Add(1)
				case core.CodeOf(err) != core.NoSpace:
					t.Errorf("put = %v, want nil or NoSpace", err)
				}
			})
		}
		synctest.Wait()
		if n := read.Load(); n != fit*size {
			t.Errorf("%d bytes are taken for %d free ones above the reserve, want %d", n, room, fit*size)
		}
		close(open)
		wg.Wait()
		if left := free.Load(); left < reserve || stored.Load() != fit {
			t.Errorf("%d bytes are left with a reserve of %d, %d objects are stored, want %d", left, reserve, stored.Load(), fit)
		}
		free.Store(reserve + room) // made room; what was promised is settled
		time.Sleep(time.Second)
		ok(t, "put with room again", put("again"))
	})
}

// TestReserveOfSmallBodies lets small bodies, which are promised nothing, use up a disk: near the reserve it is asked
// often enough that they stop there.
func TestReserveOfSmallBodies(t *testing.T) {
	const reserve, size = 256 << 20, 10_000
	synctest.Test(t, func(t *testing.T) {
		var free atomic.Int64
		free.Store(reserve + 20*size)
		env := coretest.New(t, coretest.Options{FreeSpace: func() (int64, error) { return free.Load(), nil }})
		_, err := env.Bucket(t.Context(), "bkt", core.VersioningOff, core.BucketPolicy{})
		ok(t, "bucket", err)
		stored := 0
		for ; stored < 1000; stored++ {
			time.Sleep(time.Millisecond)
			_, err := env.Admin.PutObject(t.Context(), "bkt", "k", bytes.NewReader(make([]byte, size)), size, core.PutOptions{})
			if core.CodeOf(err) == core.NoSpace {
				break
			}
			ok(t, "put", err)
			free.Add(-size)
		}
		if stored < 20 || stored > 40 {
			t.Errorf("%d bodies were stored, want the 20 that fit and few more", stored)
		}
	})
}

// TestReserveOfUnknownLengths: small bodies of which nobody said how long they are, such as the files of a form, are
// promised nothing either, so that many at once are not refused for what they do not need.
func TestReserveOfUnknownLengths(t *testing.T) {
	const reserve, room = 256 << 20, 20 << 20
	now := time.Now()
	free := int64(reserve + room)
	env := coretest.New(t, coretest.Options{
		FreeSpace: func() (int64, error) { return free, nil }, Now: func() time.Time { return now },
	})
	ctx := t.Context()
	_, err := env.Bucket(ctx, "bkt", core.VersioningOff, core.BucketPolicy{})
	ok(t, "bucket", err)
	id := pkg(t, env, "bkt", "p")
	b, err := env.Admin.NewBatch(ctx, id)
	ok(t, "begin", err)
	defer b.Close()
	add := func(path string, size int) error {
		return b.Add(ctx, path, bytes.NewReader(make([]byte, size)), -1, core.PutOptions{})
	}
	for i := range 50 {
		ok(t, "small file", add(fmt.Sprint(i), 4<<10))
	}
	ok(t, "large file", add("large", 1<<20))
	wantCode(t, "one for which there is no room", add("larger", 1<<20), core.NoSpace)
}

// TestReserveWaitsForTheDisk: who is short of room while another asks the disk waits for what it says.
func TestReserveWaitsForTheDisk(t *testing.T) {
	const reserve = 256 << 20
	var free, clock atomic.Int64
	free.Store(reserve + 1<<20)
	clock.Store(time.Now().UnixNano())
	entered, release := make(chan struct{}, 100), make(chan struct{})
	env := coretest.New(t, coretest.Options{
		Now: func() time.Time { return time.Unix(0, clock.Load()) },
		FreeSpace: func() (int64, error) {
			n := free.Load()
			if n > reserve+1<<20 {
				entered <- struct{}{}
				<-release
			}
			return n, nil
		},
	})
	_, err := env.Bucket(t.Context(), "bkt", core.VersioningOff, core.BucketPolicy{})
	ok(t, "bucket", err)
	put := func(key string) error {
		_, err := env.Admin.PutObject(t.Context(), "bkt", key, bytes.NewReader(make([]byte, 4<<20)), 4<<20, core.PutOptions{})
		return err
	}
	wantCode(t, "without room", put("a"), core.NoSpace)
	free.Store(reserve + 64<<20) // somebody made room
	clock.Add(int64(500 * time.Millisecond))
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- put("a") }()
	<-entered
	go func() { second <- put("b") }()
	for range 100 {
		runtime.Gosched() // the second has time to be refused
	}
	close(release)
	ok(t, "the one who asks", <-first)
	ok(t, "the one who waits", <-second)
}
