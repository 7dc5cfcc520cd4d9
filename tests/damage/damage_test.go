// Package damage changes bytes at rest, in spaces and in the metadata's inline rows, and reads through core and the
// S3 door: an error or the right bytes, never a wrong one.
package damage

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/coretest"
	"trivium/core/shardfile"
	"trivium/core/upkeep"
	"trivium/drivers"
	"trivium/drivers/local"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const bucket = "bkt"

// house is a Service whose stored bytes can be changed.
type house struct {
	*coretest.Env
	t      *testing.T
	spaces map[string]rest
	spare  bool // any one shard of a segment may be bad
	want   map[string][]byte
}

// rest is bytes at rest.
type rest interface {
	read(name string) []byte
	write(name string, data []byte)
	names() []string
}

// inMemory is rest of a memory driver.
type inMemory struct {
	t *testing.T
	d drivers.Driver
}

func (m inMemory) read(name string) []byte {
	r, err := m.d.Open(m.t.Context(), name, 0, -1)
	must(m.t, err)
	defer r.Close()
	data, err := io.ReadAll(r)
	must(m.t, err)
	return data
}

func (m inMemory) write(name string, data []byte) {
	must(m.t, m.d.Put(m.t.Context(), name, bytes.NewReader(data), int64(len(data)), drivers.PutOptions{}))
}

func (m inMemory) names() (names []string) {
	for info, err := range m.d.List(m.t.Context(), "shards", drivers.ListOptions{Recursive: true}) {
		must(m.t, err)
		if !info.IsDir {
			names = append(names, info.Name)
		}
	}
	return names
}

// onDisk is rest of the local driver: it changes the files in place, as a failing disk does.
type onDisk struct {
	inMemory
	dir string
}

func (o onDisk) read(name string) []byte {
	data, err := os.ReadFile(filepath.Join(o.dir, name))
	must(o.t, err)
	return data
}

func (o onDisk) write(name string, data []byte) {
	f, err := os.OpenFile(filepath.Join(o.dir, name), os.O_WRONLY, 0)
	must(o.t, err)
	_, err = f.WriteAt(data, 0)
	must(o.t, err)
	must(o.t, f.Truncate(int64(len(data))))
	must(o.t, f.Close())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// setting is one way to keep content.
type setting struct {
	name   string
	local  bool
	spaces int
	policy content.Policy
}

func settings() []setting {
	return []setting{
		{"none on local", true, 1, content.Policy{}},
		{"none in memory", false, 1, content.Policy{}},
		{"rep2 in memory", false, 2, content.Policy{Redundancy: content.Copies, N: 2, Strict: true}},
		{"ec(2,3) in memory", false, 3, content.Policy{Redundancy: content.ErasureCoded, K: 2, N: 3, Strict: true}},
	}
}

// newHouse starts a Service that keeps everything in shards.
func newHouse(t *testing.T, s setting) *house {
	t.Helper()
	h := &house{t: t, spaces: map[string]rest{}, spare: s.policy.Redundancy != content.None, want: map[string][]byte{}}
	var mu sync.Mutex
	h.Env = coretest.New(t, coretest.Options{
		Spaces: s.spaces, InlineMax: -1,
		Wrap: func(space string, d drivers.Driver) drivers.Driver {
			mu.Lock() // the Service opens its spaces side by side
			defer mu.Unlock()
			h.spaces[space] = inMemory{t, d}
			if s.local {
				dir := t.TempDir()
				disk, err := local.Open(t.Context(), space, dir)
				must(t, err)
				h.spaces[space] = onDisk{inMemory{t, disk}, dir}
				d = disk
			}
			return d
		},
	})
	_, err := h.Bucket(t.Context(), bucket, core.VersioningOff, core.BucketPolicy{Redundancy: s.policy})
	must(t, err)
	return h
}

// put stores an object that follows from its key, and returns where its shards are.
func (h *house) put(key string, size int) []location {
	h.t.Helper()
	before := h.all()
	data := coretest.Bytes(uint64(len(h.want)+1), size)
	_, err := h.Admin.PutObject(h.t.Context(), bucket, key, bytes.NewReader(data), int64(size), core.PutOptions{})
	must(h.t, err)
	h.want[key] = data
	return slices.DeleteFunc(h.all(), func(l location) bool { return slices.Contains(before, l) })
}

// location is one shard at rest.
type location struct{ space, name string }

// all returns every shard, in order.
func (h *house) all() []location {
	var all []location
	for space, r := range h.spaces {
		for _, name := range r.names() {
			all = append(all, location{space, name})
		}
	}
	slices.SortFunc(all, func(a, b location) int { return strings.Compare(a.space+a.name, b.space+b.name) })
	return all
}

// outcome is how a read ended.
type outcome int

const (
	right outcome = iota
	failed
)

// read reads a key or a range of it and complains about a wrong byte or a clean end that comes early.
func (h *house) read(key string, rng *core.Range) outcome {
	h.t.Helper()
	r, err := h.Admin.OpenObject(h.t.Context(), bucket, key, core.GetOptions{Range: rng})
	if err != nil {
		return failed
	}
	defer r.Body.Close()
	got, err := io.ReadAll(r.Body)
	want := h.want[key][r.Offset : r.Offset+r.Length]
	if len(got) > len(want) || !bytes.Equal(got, want[:len(got)]) {
		h.t.Fatalf("%s: WRONG BYTES among the %d delivered (error %v)", key, len(got), err)
	}
	if err != nil {
		return failed
	}
	if len(got) < len(want) {
		h.t.Fatalf("%s: a clean end after %d of %d bytes", key, len(got), len(want))
	}
	return right
}

// damaged writes other bytes in place of a shard, reads the key, puts the right bytes back and returns how the read
// ended. With a spare shard the read must succeed.
func (h *house) damaged(what string, l location, key string, data []byte) outcome {
	h.t.Helper()
	own := h.spaces[l.space].read(l.name)
	h.spaces[l.space].write(l.name, data)
	got := h.read(key, nil)
	h.spaces[l.space].write(l.name, own)
	if got == failed && h.spare {
		h.t.Errorf("%s of %v: the read failed with intact shards elsewhere", what, l)
	}
	return got
}

// flip returns data with one bit turned.
func flip(data []byte, at int, bit uint) []byte {
	data = bytes.Clone(data)
	data[at] ^= 1 << bit
	return data
}

// forEach runs a test on every setting.
func forEach(t *testing.T, test func(t *testing.T, h *house)) {
	for _, s := range settings() {
		t.Run(s.name, func(t *testing.T) { test(t, newHouse(t, s)) })
	}
}

// TestEveryByte flips every byte of small shards. Behind the header each flip is found, and so is every one of the
// header's.
func TestEveryByte(t *testing.T) {
	forEach(t, func(t *testing.T, h *house) {
		for _, size := range []int{1, 500, 3900} {
			key := fmt.Sprint(size)
			for _, l := range h.put(key, size) {
				own := h.spaces[l.space].read(l.name)
				if len(own) > 4096+shardfile.HeaderSize+shardfile.ChecksumSize {
					t.Fatalf("a shard of %d bytes for content of %d", len(own), size)
				}
				for at := range own {
					got := h.damaged(fmt.Sprintf("flip of byte %d", at), l, key, flip(own, at, uint(at%8)))
					if got == right && !h.spare {
						t.Errorf("size %d: the flip of byte %d of %d was not noticed", size, at, len(own))
					}
				}
			}
			if h.read(key, nil) != right {
				t.Error("the read of intact bytes failed")
			}
		}
	})
}

// large is content of several blocks in each shard and, coded, really coded.
const large = 1100 << 10

// TestLargeShards flips every bit of the header and 1,000 seeded positions of larger shards, and cuts them at every
// border of a block.
func TestLargeShards(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	forEach(t, func(t *testing.T, h *house) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		shards := h.put("large", large)
		for i := range 1000 {
			l := shards[i%len(shards)]
			own := h.spaces[l.space].read(l.name)
			at := rnd.IntN(len(own))
			if i < 8*shardfile.HeaderSize/4 {
				at = i * 4 / 8 // the header first, with different bits of its fields
			}
			got := h.damaged(fmt.Sprintf("flip of byte %d", at), l, "large", flip(own, at, uint(rnd.IntN(8))))
			if got == right && !h.spare {
				t.Errorf("the flip of byte %d of %d was not noticed", at, len(own))
			}
		}
		for _, l := range shards {
			h.cuts(l, "large")
		}
		if h.read("large", nil) != right {
			t.Error("the read of intact bytes failed")
		}
	})
}

// cuts cuts a shard at and around every border, and makes it longer.
func (h *house) cuts(l location, key string) {
	h.t.Helper()
	own := h.spaces[l.space].read(l.name)
	ends := []int{0, 1, shardfile.HeaderSize - 1, shardfile.HeaderSize, len(own) - 1}
	for end := shardfile.HeaderSize; end < len(own); end += content.BlockSize + shardfile.ChecksumSize {
		ends = append(ends, end-1, end, end+1, end+content.BlockSize)
	}
	for _, end := range ends {
		if end >= len(own) {
			continue
		}
		if got := h.damaged(fmt.Sprintf("cut at %d", end), l, key, own[:end]); got == right && !h.spare {
			h.t.Errorf("the cut of %v at %d of %d was not noticed", l, end, len(own))
		}
	}
	h.damaged("growth", l, key, append(bytes.Clone(own), own...))
}

// TestSwapped puts every shard in every other one's place: of the same object and of another one of the same size.
func TestSwapped(t *testing.T) {
	forEach(t, func(t *testing.T, h *house) {
		a, b := h.put("a", large), h.put("b", large)
		for _, x := range a {
			for _, y := range append(slices.Clone(a), b...) {
				if x == y {
					continue
				}
				own, other := h.spaces[x.space].read(x.name), h.spaces[y.space].read(y.name)
				h.spaces[x.space].write(x.name, other)
				h.spaces[y.space].write(y.name, own)
				// Two bad shards of one segment are one too many for these policies, one is not.
				want := failed
				if h.spare && slices.Contains(b, y) {
					want = right
				}
				if got := h.read("a", nil); got != want {
					t.Errorf("%v and %v swapped: the read ended with %v, want %v", x, y, got, want)
				}
				h.spaces[x.space].write(x.name, own)
				h.spaces[y.space].write(y.name, other)
			}
		}
	})
}

// TestOlderGeneration repairs lost shards and puts the bytes of the older generation in the place of the newer one:
// they do not pass, though they are whole and say the same.
func TestOlderGeneration(t *testing.T) {
	forEach(t, func(t *testing.T, h *house) {
		if !h.spare {
			t.Skip("there is nothing to repair from")
		}
		for _, old := range h.put("a", large) {
			stale := h.spaces[old.space].read(old.name)
			newer := h.repair(old)
			for _, l := range newer {
				h.damaged("older generation", l, "a", stale)
			}
			if len(newer) != 1 {
				t.Fatalf("the repair of %v wrote %v", old, newer)
			}
			// With all others gone the stale one is not good enough either.
			h.alone(newer[0], stale)
		}
	})
}

// repair loses a shard, has it rebuilt and returns what was written.
func (h *house) repair(l location) []location {
	h.t.Helper()
	before := h.all()
	id, place, err := content.ParseName("", l.name)
	must(h.t, err)
	must(h.t, h.driver(l.space).Delete(h.t.Context(), l.name))
	must(h.t, h.Meta.Update(h.t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		return tx.PutRepair(ctx, core.RepairRow{Blob: id, Segment: place.Segment, Index: place.Index, Reason: "test"})
	}))
	_, err = upkeep.New(h.Service.Maintenance()).Repair(h.t.Context())
	must(h.t, err)
	return slices.DeleteFunc(h.all(), func(l location) bool { return slices.Contains(before, l) })
}

// driver returns the driver of a space.
func (h *house) driver(space string) drivers.Driver {
	switch r := h.spaces[space].(type) {
	case onDisk:
		return r.d
	case inMemory:
		return r.d
	}
	return nil
}

// alone makes all shards but one of "a" unreadable, and that one stale: the read must fail. Everything is put back.
func (h *house) alone(l location, stale []byte) {
	h.t.Helper()
	saved := map[location][]byte{}
	for _, other := range h.all() {
		saved[other] = h.spaces[other.space].read(other.name)
		h.spaces[other.space].write(other.name, []byte("not a shard"))
	}
	h.spaces[l.space].write(l.name, stale)
	if h.read("a", nil) == right {
		h.t.Errorf("the older generation of %v passed for the newer one", l)
	}
	for other, data := range saved {
		h.spaces[other.space].write(other.name, data)
	}
	if h.read("a", nil) != right {
		h.t.Error("the read of intact bytes failed")
	}
}

// TestMidStream damages the last block of a long object: what comes before is delivered, then an error; ranges that
// do not touch the damage are served.
func TestMidStream(t *testing.T) {
	h := newHouse(t, settings()[0])
	l := h.put("a", large)[0]
	own := h.spaces[l.space].read(l.name)
	h.spaces[l.space].write(l.name, flip(own, len(own)-20, 3))
	r, err := h.Admin.OpenObject(t.Context(), bucket, "a", core.GetOptions{})
	must(t, err)
	got, err := io.ReadAll(r.Body)
	must(t, r.Body.Close())
	if err == nil || core.CodeOf(err) != core.Corrupt {
		t.Errorf("the read ended with %v, want Corrupt", err)
	}
	if len(got) == 0 || !bytes.Equal(got, h.want["a"][:len(got)]) {
		t.Errorf("%d bytes came before the error, or wrong ones", len(got))
	}
	if h.read("a", &core.Range{First: 0, Last: 1 << 19}) != right {
		t.Error("a range before the damage failed")
	}
	if h.read("a", &core.Range{First: -1}) != failed {
		t.Error("a range in the damaged block was served")
	}
}
