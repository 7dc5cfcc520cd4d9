package content

import (
	"sync"
	"testing"
)

func TestPins(t *testing.T) {
	var p Pins
	a, b := BlobID{1, 1}, BlobID{1, 2}
	early := p.Begin()
	claimed := p.Now()
	if p.Clear(a, claimed) {
		t.Error("clear while an earlier reader is unresolved")
	}
	late := p.Begin()
	early.Set([]BlobID{a})
	if p.Clear(a, claimed) {
		t.Error("clear while a reader holds it")
	}
	if !p.Clear(b, claimed) {
		t.Error("not clear though the only unresolved reader began after the claim")
	}
	if p.Clear(b, p.Now()) {
		t.Error("clear for a later claim while an earlier reader is unresolved")
	}
	early.Set([]BlobID{b})
	early.Release()
	early.Release()
	late.Set(nil)
	if !p.Clear(a, p.Now()) || !p.Clear(b, p.Now()) {
		t.Error("not clear after release")
	}
	late.Release()
	late.Set([]BlobID{a})
	if !p.Clear(a, p.Now()) || len(p.held) > 0 || p.unresolved.Len() > 0 {
		t.Error("something is left after all pins are gone")
	}
}

// TestPinsProtect: whatever the interleaving, no reader that saw a blob before it was claimed loses it.
func TestPinsProtect(t *testing.T) {
	var p Pins
	var mu sync.RWMutex // the metadata
	exists := map[BlobID]bool{}
	deleted := map[BlobID]bool{}
	var wg sync.WaitGroup
	const blobs = 2000
	for i := range uint64(blobs) {
		exists[BlobID{0, i}] = true
	}
	for range 4 {
		wg.Go(func() {
			for i := range uint64(blobs) {
				id := BlobID{0, i}
				pin := p.Begin()
				mu.RLock()
				found := exists[id]
				mu.RUnlock()
				if !found {
					pin.Release()
					continue
				}
				pin.Set([]BlobID{id})
				mu.RLock()
				if deleted[id] {
					t.Errorf("blob %v was deleted under a reader", id)
				}
				mu.RUnlock()
				pin.Release()
			}
		})
	}
	wg.Go(func() {
		for i := range uint64(blobs) {
			id := BlobID{0, i}
			mu.Lock()
			exists[id] = false
			mu.Unlock()
			for claimed := p.Now(); !p.Clear(id, claimed); {
			}
			mu.Lock()
			deleted[id] = true
			mu.Unlock()
		}
	})
	wg.Wait()
}
