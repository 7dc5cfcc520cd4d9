package upkeep_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/coretest"
	"trivium/core/upkeep"
	"trivium/drivers"
)

// spoilShard replaces the n-th shard that is stored in any space by one with another byte.
func (h *house) spoilShard(n int) (name string) {
	h.t.Helper()
	name = h.stored()[n]
	for _, sp := range h.Service.Maintenance().Spaces.All() {
		rc, err := sp.Driver.Open(h.t.Context(), name, 0, -1)
		if errors.Is(err, drivers.ErrNotExist) {
			continue
		}
		if err != nil {
			h.t.Fatal(err)
		}
		data := make([]byte, 4<<20)
		k := 0
		for {
			m, err := rc.Read(data[k:])
			if k += m; err != nil {
				break
			}
		}
		_ = rc.Close()
		data[k-20] ^= 1
		if err := sp.Driver.Put(h.t.Context(), name, strings.NewReader(string(data[:k])), int64(k), drivers.PutOptions{}); err != nil {
			h.t.Fatal(err)
		}
		return name
	}
	h.t.Fatalf("no space has %s", name)
	return ""
}

func TestVerify(t *testing.T) {
	for _, tt := range []struct {
		name    string
		spaces  int
		policy  content.Policy
		spoiled int
		want    upkeep.Verified // Bytes, Found and Objects aside
	}{
		{"whole", 1, content.Policy{}, 0, upkeep.Verified{Blobs: 30, Shards: 30}},
		{"the only copy", 1, content.Policy{}, 1, upkeep.Verified{Blobs: 30, Shards: 30, Damaged: 1, Lost: 1}},
		{"one of two copies", 2, content.Policy{Redundancy: content.Copies, N: 2}, 1, upkeep.Verified{Blobs: 30, Shards: 60, Damaged: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t, tt.spaces, tt.policy)
			for i := range 30 { // more than one page
				h.put(string(rune('A'+i)), coretest.Bytes(uint64(i), size))
			}
			for range tt.spoiled {
				h.spoilShard(7)
			}
			got, err := h.runner().Verify(t.Context(), true)
			if err != nil {
				t.Fatal(err)
			}
			if got.Bytes != 30*size || len(got.Found) != tt.spoiled || len(got.Objects) != int(tt.want.Lost) {
				t.Errorf("Verify = %+v, want %d bytes, %d found, %d objects", got, 30*size, tt.spoiled, tt.want.Lost)
			}
			if len(got.Objects) > 0 && !strings.HasPrefix(got.Objects[0], "bkt/") {
				t.Errorf("objects = %q, want a name in bkt", got.Objects)
			}
			got.Bytes, got.Found, got.Objects = 0, nil, nil
			if !slices.Equal([]int64{got.Blobs, got.Shards, got.Damaged, got.Lost, got.Unsure},
				[]int64{tt.want.Blobs, tt.want.Shards, tt.want.Damaged, tt.want.Lost, tt.want.Unsure}) {
				t.Errorf("Verify = %+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestVerifyOfAMissingSpace tells what is not known from what is lost.
func TestVerifyOfAMissingSpace(t *testing.T) {
	h := newHouse(t, 1, content.Policy{})
	h.put("a", coretest.Bytes(1, size))
	m := h.Service.Maintenance()
	sp := m.Spaces.All()[0]
	sp.State = content.Down
	m.Spaces.Set(sp)
	got, err := h.runner().Verify(t.Context(), true)
	if err != nil || got.Unsure != 1 || got.Damaged != 0 || len(got.Found) != 1 {
		t.Errorf("Verify = %+v, %v, want 1 blob of which nothing is known", got, err)
	}
}

func TestVerifyGivenUp(t *testing.T) {
	h := newHouse(t, 1, content.Policy{})
	h.put("a", coretest.Bytes(1, size))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.runner().Verify(ctx, true); err == nil {
		t.Error("Verify that is given up = nil")
	}
}

// TestVerifyBesideWork takes nothing for damaged that is deleted, overwritten and collected meanwhile.
func TestVerifyBesideWork(t *testing.T) {
	h := newHouse(t, 1, content.Policy{})
	r := h.runner()
	done := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < 60 && err == nil; i++ {
			data := coretest.Bytes(uint64(i), size)
			_, err = h.Admin.PutObject(t.Context(), "bkt", string(rune('A'+i%5)), bytes.NewReader(data), size, core.PutOptions{})
			if err == nil && i%4 == 3 {
				_, err = r.Collect(t.Context(), upkeep.CollectOptions{Now: true})
			}
		}
		done <- err
	}()
	for running := true; running; {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			running = false
		default:
		}
		if got, err := r.Verify(t.Context(), false); err != nil || got.Damaged+got.Unsure > 0 {
			t.Errorf("Verify = %+v, %v, want nothing found", got, err)
		}
	}
}
