package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"

	"trivium/drivers"
)

// shard returns the bytes of a shard.
func (l *lab) shard(b Blob, p Place) []byte {
	l.t.Helper()
	rc, err := l.spaces[p.Space-1].Driver.Open(context.Background(), ShardName("trv", b.ID, p), 0, -1)
	if err != nil {
		l.t.Fatal(err)
	}
	defer rc.Close()
	raw, err := io.ReadAll(rc)
	if err != nil {
		l.t.Fatal(err)
	}
	return raw
}

// setShard replaces the bytes of a shard, or removes it if raw is nil.
func (l *lab) setShard(b Blob, p Place, raw []byte) {
	l.t.Helper()
	d, name := l.spaces[p.Space-1].Driver, ShardName("trv", b.ID, p)
	err := d.Delete(context.Background(), name)
	if raw != nil {
		err = d.Put(context.Background(), name, newBody(raw), int64(len(raw)), drivers.PutOptions{})
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

func newBody(raw []byte) io.Reader {
	b := &shardBody{}
	b.add(raw)
	return b
}

func redundant() map[string]Policy {
	all := policies()
	delete(all, "none")
	for name, p := range all {
		p.Strict = true
		all[name] = p
	}
	return all
}

func TestReadWithLostShards(t *testing.T) {
	for name, p := range redundant() {
		for _, key := range []uint32{0, 5} {
			t.Run(fmt.Sprintf("%s/key=%d", name, key), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { readWithLostShards(t, p, key) }) // no space is late
			})
		}
	}
}

func readWithLostShards(t *testing.T, p Policy, key uint32) {
	l := newLab(t, 9)
	data := random(int(p.Chunk()*int64(p.Data())+p.block()) + 12_345)
	w := l.put(data, l.target(p, key), true)
	b := w.Blobs[0]
	n, m := b.Layout.N, b.Layout.N-b.Layout.K
	if p.Redundancy == LocallyRepairable {
		m = 3
	}
	for i := range n {
		for j := i; j < n; j++ {
			if i != j && m < 2 {
				continue
			}
			lost := slices.Compact([]int{i, j})
			var saved [][]byte
			for _, x := range lost {
				saved = append(saved, l.shard(b, b.Layout.Place(0, x)))
				l.setShard(b, b.Layout.Place(0, x), nil)
			}
			l.damage = nil
			l.wantRead(w, data, 0, int64(len(data)))
			if touched := i < b.Layout.K && b.Layout.K > 1; touched && len(l.damage) == 0 {
				t.Errorf("shards %v lost, no damage reported", lost)
			}
			from := p.block() + 3
			l.wantRead(w, data, from, from+10)
			for k, x := range lost {
				l.setShard(b, b.Layout.Place(0, x), saved[k])
			}
		}
	}
}

func TestTooFewShards(t *testing.T) {
	l := newLab(t, 3)
	data := random(1 << 20)
	w := l.put(data, l.target(Policy{Redundancy: ErasureCoded, K: 2, N: 3, ChunkSize: 128 << 10, Strict: true}, 0), true)
	b := w.Blobs[0]
	l.setShard(b, b.Layout.Place(1, 0), nil)
	l.setShard(b, b.Layout.Place(1, 1), nil)
	got, err := l.read(w, 0, w.Size)
	if !errors.Is(err, ErrCorrupt) || string(got) != string(data[:256<<10]) {
		t.Errorf("read = %d bytes, %v; want the first segment, then ErrCorrupt", len(got), err)
	}
	sp, _ := l.cfg.Spaces.Get(b.Layout.Base[2])
	sp.State = Down
	l.cfg.Spaces.Set(sp)
	l.wantRead(w, data, 0, 256<<10)
	sp2, _ := l.cfg.Spaces.Get(b.Layout.Base[1])
	sp2.State = Down
	l.cfg.Spaces.Set(sp2)
	if _, err := l.read(w, 0, 10); err != nil {
		t.Errorf("read of the shard that is up = %v", err)
	}
	if _, err := l.read(w, 0, w.Size); !errors.Is(err, ErrUnavailable) {
		t.Errorf("read with two spaces down = %v, want ErrUnavailable", err)
	}
}

func TestEveryByteFlipped(t *testing.T) {
	for _, p := range []Policy{
		{},
		{Redundancy: Copies, N: 2, Strict: true},
		{Redundancy: ErasureCoded, K: 2, N: 3, ChunkSize: 64 << 10, Strict: true},
	} {
		for _, key := range []uint32{0, 5} {
			l := newLab(t, 3)
			size, step := 300, 1
			if p.Data() > 1 {
				size, step = 64<<10+1, 997
			}
			data := random(size)
			w := l.put(data, l.target(p, key), true)
			b := w.Blobs[0]
			for i := range b.Layout.N {
				at := b.Layout.Place(0, i)
				raw := l.shard(b, at)
				for x := 0; x < len(raw); x += step {
					bad := slices.Clone(raw)
					bad[x] ^= 1 << (x % 8)
					l.setShard(b, at, bad)
					if b.Layout.N > 1 {
						l.wantRead(w, data, 0, int64(size))
					} else if got, err := l.read(w, 0, int64(size)); !errors.Is(err, ErrCorrupt) || len(got) > 0 {
						t.Fatalf("byte %d of %d flipped: read = %d bytes, %v; want ErrCorrupt", x, len(raw), len(got), err)
					}
				}
				l.setShard(b, at, raw)
			}
		}
	}
}

func TestDisplacedShards(t *testing.T) { synctest.Test(t, displacedShards) }

func displacedShards(t *testing.T) {
	p := Policy{Redundancy: ErasureCoded, K: 2, N: 4, ChunkSize: 128 << 10, Strict: true}
	for _, key := range []uint32{0, 5} {
		l := newLab(t, 5)
		data := random(700_000)
		w, other := l.put(data, l.target(p, key), true), l.put(data[1:], l.target(p, key), true)
		b := w.Blobs[0]
		first, second := b.Layout.Place(0, 0), b.Layout.Place(0, 1)
		raw0, raw1 := l.shard(b, first), l.shard(b, second)
		for name, bad := range map[string][]byte{
			"swapped": raw1, "of another blob": l.shard(other.Blobs[0], other.Blobs[0].Layout.Place(0, 0)),
			"of the next segment": l.shard(b, b.Layout.Place(1, 0)), "empty": {}, "cut in the header": raw0[:100],
			"cut behind the header": raw0[:128], "cut in a block": raw0[:1000], "too long": append(slices.Clone(raw0), 1),
			"header of another": append(raw1[:128:128], raw0[128:]...),
		} {
			l.setShard(b, first, bad)
			if name == "swapped" {
				l.setShard(b, second, raw0)
			}
			l.wantRead(w, data, 0, w.Size)
			l.wantRead(w, data, 5, 70_000)
			lost, err := l.Check(t.Context(), b, true)
			if err != nil || !slices.Contains(lost, first.ShardRef) {
				t.Errorf("%s: Check = %v, %v; want shard 0 of segment 0", name, lost, err)
			}
			l.setShard(b, first, raw0)
			l.setShard(b, second, raw1)
		}
		after, err := l.Repair(t.Context(), b, []ShardRef{{0, 0}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		l.blobs[b.ID] = after
		l.setShard(after, after.Layout.Place(0, 0), raw0) // the older generation
		l.damage = nil
		l.wantRead(w, data, 0, w.Size)
		if !slices.Contains(l.damage, ShardRef{0, 0}) {
			t.Errorf("older generation in place: damage %v, want shard 0", l.damage)
		}
	}
}

func TestRepair(t *testing.T) {
	for name, p := range redundant() {
		for _, key := range []uint32{0, 5} {
			t.Run(fmt.Sprintf("%s/key=%d", name, key), func(t *testing.T) {
				t.Parallel()
				keys := testKey
				l := newLab(t, 9, func(c *Config) { c.Key = func(id uint32) ([]byte, error) { return keys(id) } })
				data := random(int(p.Chunk()*int64(p.Data())) + 54_321)
				tg := l.target(p, key)
				w := l.put(data, tg, true)
				keys = func(uint32) ([]byte, error) { return nil, errors.New("repair needs no key") }
				b := w.Blobs[0]
				for i := range b.Layout.N {
					before := b
					var lost []ShardRef
					for s := range b.Layout.Segments() {
						l.setShard(b, b.Layout.Place(s, i), nil)
						lost = append(lost, ShardRef{s, i})
					}
					if got, err := l.Check(t.Context(), b, i%2 == 0); err != nil || !slices.Equal(got, lost) {
						t.Fatalf("Check = %v, %v; want %v", got, err, lost)
					}
					after, err := l.Repair(t.Context(), b, lost, tg.Spaces)
					if err != nil {
						t.Fatal(err)
					}
					if got, err := l.Check(t.Context(), after, true); err != nil || len(got) > 0 {
						t.Fatalf("Check after Repair = %v, %v", got, err)
					}
					if gone := Superseded(before.Layout, after.Layout); len(gone.Exceptions) != len(lost) || gone.Validate() != nil {
						t.Fatalf("superseded %+v, want %d", gone.Exceptions, len(lost))
					}
					b = after
				}
				keys = testKey
				l.blobs[b.ID] = b
				l.wantRead(w, data, 0, w.Size)
			})
		}
	}
}

func TestRepairGoesElsewhere(t *testing.T) {
	l := newLab(t, 4)
	data := random(500_000)
	tg := l.target(Policy{Redundancy: ErasureCoded, K: 2, N: 3, ChunkSize: 128 << 10, Strict: true}, 0)
	w := l.put(data, tg, true)
	b := w.Blobs[0]
	home := b.Layout.Base[0]
	sp, _ := l.cfg.Spaces.Get(home)
	sp.State = Down
	l.cfg.Spaces.Set(sp)
	if lost, err := l.Check(t.Context(), b, false); len(lost) > 0 || !errors.Is(err, ErrUnavailable) {
		t.Errorf("Check with a space down = %v, %v; want nothing missing and ErrUnavailable", lost, err)
	}
	if _, err := l.Repair(t.Context(), b, []ShardRef{{0, 0}}, nil); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Repair without a home = %v, want ErrUnavailable", err)
	}
	after, err := l.Repair(t.Context(), b, []ShardRef{{0, 0}}, tg.Spaces)
	if err != nil {
		t.Fatal(err)
	}
	p := after.Layout.Place(0, 0)
	if p.Generation != 1 || p.Space == home || slices.Contains(b.Layout.Base, p.Space) {
		t.Errorf("rebuilt shard is at %+v, base %v", p, b.Layout.Base)
	}
	sp.State = Draining
	l.cfg.Spaces.Set(sp)
	l.wantRead(w, data, 0, w.Size)
}

func TestMove(t *testing.T) {
	for _, p := range []Policy{{ChunkSize: 128 << 10}, {Redundancy: ErasureCoded, K: 2, N: 3, ChunkSize: 128 << 10, Strict: true}} {
		l := newLab(t, 4)
		data := random(400_000)
		tg := l.target(p, 5)
		w := l.put(data, tg, true)
		b := w.Blobs[0]
		sp, _ := l.cfg.Spaces.Get(b.Layout.Base[0])
		sp.State = Draining
		l.cfg.Spaces.Set(sp)
		var refs []ShardRef
		for place := range b.Layout.Places() {
			if place.Space == sp.ID {
				refs = append(refs, place.ShardRef)
			}
		}
		after, err := l.Move(t.Context(), b, refs, tg.Spaces)
		if err != nil {
			t.Fatal(err)
		}
		gone := Superseded(b.Layout, after.Layout)
		for place := range gone.Places() {
			if err := l.RemoveShard(t.Context(), b.ID, place); err != nil {
				t.Fatal(err)
			}
		}
		for info := range sp.Driver.List(t.Context(), "", drivers.ListOptions{Recursive: true}) {
			t.Errorf("drained space still has %s", info.Name)
		}
		l.blobs[b.ID] = after
		l.wantRead(w, data, 0, w.Size)
	}
}
