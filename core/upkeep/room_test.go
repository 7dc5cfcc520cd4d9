package upkeep

import (
	"bytes"
	"sync/atomic"
	"testing"
	"time"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/coretest"
	"trivium/drivers"
)

// Below the reserve deleted content goes at once, above it the hour is waited for (S20, S24).
func TestMakeRoom(t *testing.T) {
	var free, shift atomic.Int64
	free.Store(1 << 40)
	env := coretest.New(t, coretest.Options{
		FreeSpace: func() (int64, error) { return free.Load(), nil },
		Now:       func() time.Time { return time.Now().Add(time.Duration(shift.Load())) },
	})
	ctx := t.Context()
	if _, err := env.Bucket(ctx, "bkt", core.VersioningOff, core.BucketPolicy{}); err != nil {
		t.Fatal(err)
	}
	data := coretest.Bytes(1, 100<<10)
	if _, err := env.Admin.PutObject(ctx, "bkt", "a", bytes.NewReader(data), int64(len(data)), core.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := env.Admin.DeleteObject(ctx, "bkt", "a", core.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	r := New(env.Service.Maintenance())
	if _, err := r.Collect(ctx, CollectOptions{}); err != nil { // claims the blob
		t.Fatal(err)
	}
	waiting := func() int {
		t.Helper()
		n, err := r.countLater(ctx, 0)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := r.makeRoom(ctx); err != nil || waiting() != 1 {
		t.Errorf("makeRoom with room = %v, %d blobs wait, want 1", err, waiting())
	}
	free.Store(1 << 20)
	shift.Store(int64(2 * time.Second)) // the figure is kept for a second
	if err := r.makeRoom(ctx); err != nil || waiting() != 0 {
		t.Errorf("makeRoom below the reserve = %v, %d blobs wait, want none", err, waiting())
	}
	for _, sp := range r.m.Spaces.All() {
		for range sp.Driver.List(ctx, content.ShardPrefix(sp.WorkingDir), drivers.ListOptions{Recursive: true}) {
			t.Error("a shard is left")
		}
	}
}
