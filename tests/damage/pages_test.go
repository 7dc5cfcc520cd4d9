package damage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"trivium/core"
	"trivium/core/coretest"
)

// pagesHouse is a Service with objects in its metadata and in shards, all of whose metadata is in the database's
// file, which it returns.
func pagesHouse(t *testing.T) (h *house, path string, file []byte) {
	t.Helper()
	dir := t.TempDir()
	h = &house{t: t, want: map[string][]byte{}}
	h.Env = coretest.New(t, coretest.Options{Dir: dir})
	_, err := h.Bucket(t.Context(), bucket, core.VersioningOff, core.BucketPolicy{})
	must(t, err)
	for i := range 16 {
		key := fmt.Sprintf("an object of number %d", i)
		h.want[key] = coretest.Bytes(uint64(i+1), 300+i%3*20000)
		size := int64(len(h.want[key]))
		_, err := h.Admin.PutObject(t.Context(), bucket, key, bytes.NewReader(h.want[key]), size, core.PutOptions{})
		must(t, err)
	}
	must(t, h.Stop(t.Context()))
	path = filepath.Join(dir, "trivium.db")
	file, err = os.ReadFile(path)
	must(t, err)
	return h, path, file
}

// startOn starts the Service on other bytes, and tells whether it came up. It ended before.
func (h *house) startOn(path string, file []byte) bool {
	h.t.Helper()
	for _, beside := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + beside); err != nil && !errors.Is(err, fs.ErrNotExist) {
			h.t.Fatal(err)
		}
	}
	must(h.t, os.WriteFile(path, file, 0o600))
	err := h.Restart(h.t.Context())
	if err != nil && core.CodeOf(err) != core.Corrupt {
		h.t.Errorf("a start on damaged metadata = %v, want Corrupt", err)
	}
	return err == nil
}

// readAll reads and lists every object: each is there with its bytes, or its read fails. It returns how many failed.
func (h *house) readAll() (failures int) {
	h.t.Helper()
	for key := range h.want {
		_, err := h.Admin.StatObject(h.t.Context(), bucket, key, core.GetOptions{})
		switch code := core.CodeOf(err); {
		case err == nil:
		case code == core.Corrupt:
			failures++
		default:
			h.t.Errorf("Stat of %s = %v, want Corrupt or none", key, err)
		}
		if h.read(key, nil) == failed {
			failures++
		}
	}
	page, err := h.Admin.ListObjects(h.t.Context(), bucket, core.ListOptions{Limit: 1000})
	switch {
	case err != nil && core.CodeOf(err) != core.Corrupt:
		h.t.Errorf("the listing = %v, want Corrupt or none", err)
	case err != nil:
		failures++
	case len(page.Items) != len(h.want):
		h.t.Errorf("the listing has %d objects, want %d", len(page.Items), len(h.want))
	}
	return failures
}

// TestKeysOfMetadata changes the last letter of each key wherever the database has it: the object is neither another
// one nor gone.
func TestKeysOfMetadata(t *testing.T) {
	h, path, file := pagesHouse(t)
	for _, key := range []string{"an object of number 3", "an object of number 14"} {
		damaged, changed := bytes.Clone(file), 0
		for at := 0; ; at++ {
			next := bytes.Index(file[at:], []byte(key))
			if next < 0 {
				break
			}
			at += next
			damaged[at+len(key)-1] ^= 1
			changed++
		}
		if changed == 0 {
			t.Fatalf("the file has no key %q", key)
		}
		if h.startOn(path, damaged) {
			if h.readAll() == 0 {
				t.Errorf("that the key %q was changed was not noticed", key)
			}
			_ = h.Stop(t.Context()) // what it could not write is no matter here
		}
	}
	if !h.startOn(path, file) || h.readAll() != 0 {
		t.Error("the reads of intact metadata failed")
	}
}

// TestPagesOfMetadata changes bytes of the database at random, before a start and beside a running Service.
func TestPagesOfMetadata(t *testing.T) {
	h, path, file := pagesHouse(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	random64 := func() (at int64, bits byte) { return random.Int64N(int64(len(file))), byte(1 + random.IntN(255)) }
	started, failures := 0, 0
	for range 30 {
		damaged := bytes.Clone(file)
		at, bits := random64()
		damaged[at] ^= bits
		if h.startOn(path, damaged) {
			started++
			failures += h.readAll()
			_ = h.Stop(t.Context())
		}
		if t.Failed() {
			t.Fatalf("with byte %d changed by %#x before the start", at, bits)
		}
	}
	t.Logf("%d of 30 starts succeeded, %d calls failed", started, failures)
	if !h.startOn(path, file) {
		t.Fatal("a start on intact metadata failed")
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	failures = 0
	for round := range 100 {
		// What is committed makes readers forget their pages, which all fit into their caches.
		err := h.Meta.Update(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
			return tx.PutSetting(ctx, "tests.round", []byte{byte(round)})
		})
		if core.CodeOf(err) == core.Corrupt {
			// The log was moved into a page while it was damaged, and putting back one byte damaged it for good.
			failures++
			break
		}
		must(t, err)
		at, bits := random64()
		own := make([]byte, 1)
		_, err = f.ReadAt(own, at)
		must(t, err)
		_, err = f.WriteAt([]byte{own[0] ^ bits}, at)
		must(t, err)
		failures += h.readAll()
		_, err = f.WriteAt(own, at)
		must(t, err)
		if t.Failed() {
			t.Fatalf("with byte %d changed by %#x beside the Service", at, bits)
		}
	}
	t.Logf("%d calls failed beside the Service", failures)
	if failures == 0 {
		t.Error("of 100 changes none was noticed: nobody reads the file")
	}
	_ = h.Stop(t.Context())
}
