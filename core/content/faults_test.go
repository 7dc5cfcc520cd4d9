package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"trivium/drivers"
	"trivium/drivers/faulty"
	"trivium/drivers/memory"
)

// faultyLab is a lab whose spaces fail by rules once they are set.
func faultyLab(t testing.TB, n int, seed uint64) (*lab, []*faulty.Driver) {
	l := newLab(t, n)
	var all []*faulty.Driver
	for _, sp := range l.cfg.Spaces.All() {
		f := faulty.New(memory.New(), seed+uint64(sp.ID))
		all = append(all, f)
		l.spaces[sp.ID-1].Driver = f
	}
	return l, all
}

func readFaults() map[string]faulty.Fault {
	return map[string]faulty.Fault{
		"missing": faulty.Fail(drivers.ErrNotExist), "broken": faulty.Fail(drivers.ErrBroken),
		"transient": faulty.Fail(drivers.ErrTransient), "denied": faulty.Fail(drivers.ErrDenied), "short": faulty.ShortRead(),
		"breaks": faulty.BrokenRead(drivers.ErrTransient), "flips": faulty.FlipBit(), "another": faulty.OtherObject(),
		"stale": faulty.Stale(), "slow": faulty.Slow(time.Millisecond), "trickles": faulty.SlowRead(time.Microsecond),
	}
}

func faultPolicies() []Policy {
	return []Policy{
		{ChunkSize: 64 << 10},
		{Redundancy: Copies, N: 3, ChunkSize: 192 << 10},
		{Redundancy: ErasureCoded, K: 4, N: 6, ChunkSize: 64 << 10},
		{Redundancy: LocallyRepairable, K: 4, N: 8, Groups: []int{2, 2}, ChunkSize: 64 << 10},
	}
}

// TestReadFaults: whatever the spaces do, a read is right or fails typed before the first wrong byte; and with as
// many bad spaces as the policy allows for, it is right.
func TestReadFaults(t *testing.T) {
	for name, fault := range readFaults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, p := range faultPolicies() {
				l, all := faultyLab(t, 8, uint64(i))
				p.Strict = true
				data := random(500_000)
				w := l.put(data, l.target(p, uint32(i)), true)
				for round := 0; round < 16; round += thinned(1, 5) {
					for _, f := range all {
						f.Script(faulty.Rule{Op: faulty.Open, Chance: float64(round%8) / 8, Fault: fault})
					}
					from := int64(round) * 17_001 % w.Size
					got, err := l.read(w, from, w.Size)
					if !bytes.HasPrefix(data[from:], got) || err == nil && int64(len(got)) != w.Size-from {
						t.Fatalf("%v: read %d bytes, %v: wrong bytes", p.Redundancy, len(got), err)
					}
					if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnavailable) {
						t.Fatalf("%v: read = %v, want ErrCorrupt or ErrUnavailable", p.Redundancy, err)
					}
				}
				for bad := 0; bad+p.Total()-p.Data() <= len(all) && p.Total() > 1; bad++ {
					for j, f := range all {
						f.Script()
						if j >= bad && j < bad+min(2, p.Total()-p.Data()) {
							f.Script(faulty.Rule{Op: faulty.Open, Fault: fault})
						}
					}
					l.wantRead(w, data, 0, w.Size)
					l.wantRead(w, data, 300_000, 300_001)
				}
			}
		})
	}
}

// TestPutFaults: what Put acknowledges can be read even after the loss of any one space, whatever the spaces did
// while it was written; what it does not acknowledge is handed over as garbage.
func TestPutFaults(t *testing.T) {
	for name, fault := range map[string]faulty.Fault{
		"broken": faulty.Fail(drivers.ErrBroken), "full": faulty.Fail(drivers.ErrNoSpace),
		"answer lost": faulty.LostAnswer(drivers.ErrTransient), "hangs": faulty.Hang(), "slow": faulty.Slow(300 * time.Millisecond),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for i, p := range faultPolicies() {
					l, all := faultyLab(t, 10, uint64(i))
					for round := 0; round < 8; round += thinned(1, 3) {
						for _, f := range all {
							f.Script(faulty.Rule{Op: faulty.Put, Chance: float64(round) / 9, Fault: fault})
							f.On()
						}
						data := random(300_000 + round*1000)
						putUnderFaults(t, l, all, data, p)
					}
					l.Wait()
				}
			})
		})
	}
}

func putUnderFaults(t *testing.T, l *lab, all []*faulty.Driver, data []byte, p Policy) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	before := l.collected()
	w, err := l.Put(ctx, bytes.NewReader(data), PutRequest{Target: l.target(p, 5), Size: int64(len(data)), Digests: MD5})
	for _, f := range all {
		f.Off()
	}
	if err != nil {
		l.Wait()
		if !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrNoSpace) && ctx.Err() == nil || w != nil {
			t.Errorf("%v: Put = %v, %v; want ErrUnavailable or ErrNoSpace", p.Redundancy, w, err)
		}
		if l.collected() == before {
			t.Errorf("%v: no garbage after %v", p.Redundancy, err)
		}
		return
	}
	defer w.Close()
	l.remember(w)
	l.wantRead(w, data, 0, w.Size)
	if p.Total() == 1 {
		return
	}
	for _, sp := range l.cfg.Spaces.All()[:5] {
		down := sp
		down.State = Down
		l.cfg.Spaces.Set(down)
		l.wantRead(w, data, 0, w.Size)
		l.cfg.Spaces.Set(sp)
	}
}

// TestRepairFaults: a repair under faults yields right shards or an error, never a wrong shard.
func TestRepairFaults(t *testing.T) {
	for i, p := range faultPolicies()[1:] {
		p.Strict = true
		l, all := faultyLab(t, 10, uint64(i))
		data := random(500_000)
		tg := l.target(p, 5)
		w := l.put(data, tg, true)
		b := w.Blobs[0]
		done := 0
		for round := range 22 {
			n := 0
			for _, fault := range readFaults() {
				if n++; n%len(readFaults()) != round%len(readFaults()) {
					continue
				}
				for _, f := range all {
					f.Script(faulty.Rule{Op: faulty.Open, Chance: 0.1, Fault: fault}, faulty.Rule{Op: faulty.Put, Chance: 0.1, Fault: faulty.Fail(drivers.ErrBroken)})
					f.On()
				}
			}
			after, err := l.Repair(t.Context(), b, []ShardRef{{0, round % b.Layout.N}, {1, round % b.Layout.N}}, tg.Spaces)
			for _, f := range all {
				f.Off()
			}
			if err == nil {
				done++
			}
			if lost, err := l.Check(t.Context(), after, true); err != nil || len(lost) > 0 {
				t.Fatalf("%v: Check after Repair = %v, %v", p.Redundancy, lost, err)
			}
			b = after
		}
		l.blobs[b.ID] = b
		l.wantRead(w, data, 0, w.Size)
		t.Logf("%v: %d of 22 repairs", p.Redundancy, done)
	}
}

// TestReadIsCancelled: a reader whose context ends fails, whatever the space does.
func TestReadIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, p := range faultPolicies() {
			l, all := faultyLab(t, 8, 1)
			data := random(700_000)
			w := l.put(data, l.target(p, 0), true)
			for _, f := range all {
				f.Script(faulty.Rule{Op: faulty.Open, Nth: 2, Fault: faulty.HangRead()}, faulty.Rule{Op: faulty.Open, Nth: 3, Fault: faulty.Hang()})
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			r, err := l.Open(ctx, pieces(w, 0, w.Size), l.resolve)
			if err == nil {
				_, err = io.Copy(io.Discard, r)
				r.Close()
			}
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v: read = %v, want nil or DeadlineExceeded", p.Redundancy, err)
			}
			cancel()
			l.Wait()
		}
	})
}

// TestResolvesAgain: a blob that was repaired between the look into the metadata and the read is found.
func TestResolvesAgain(t *testing.T) {
	l := newLab(t, 3)
	data := random(300_000)
	tg := l.target(Policy{ChunkSize: 64 << 10}, 5)
	w := l.put(data, tg, true)
	old := w.Blobs[0]
	var refs []ShardRef
	for p := range old.Layout.Places() {
		refs = append(refs, p.ShardRef)
	}
	moved, err := l.Move(t.Context(), old, refs, tg.Spaces)
	if err != nil {
		t.Fatal(err)
	}
	gone := Superseded(old.Layout, moved.Layout)
	calls := 0
	r, err := l.Open(t.Context(), []Piece{{old.ID, 10, 250_000}}, func(context.Context, BlobID) (Located, error) {
		if calls++; calls == 1 {
			return Located{Blob: old}, nil
		}
		return Located{Blob: moved}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for p := range gone.Places() {
		if err := l.RemoveShard(t.Context(), old.ID, p); err != nil {
			t.Fatal(err)
		}
	}
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, data[10:250_010]) || calls != 2 {
		t.Errorf("read = %d bytes, %v after %d resolutions; want all after 2", len(got), err, calls)
	}
	if _, err := l.Open(t.Context(), []Piece{{old.ID, 0, 1}}, func(context.Context, BlobID) (Located, error) {
		return Located{Blob: old}, nil
	}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("Open of a blob that is gone = %v, want ErrCorrupt", err)
	}
	gone2 := errors.New("row is gone")
	if _, err := l.Open(t.Context(), []Piece{{old.ID, 0, 1}}, func(context.Context, BlobID) (Located, error) {
		return Located{}, gone2
	}); !errors.Is(err, gone2) {
		t.Errorf("Open = %v, want the resolver's error", err)
	}
}

// TestHooks: each point is passed, in an order a crash test can rely on.
func TestHooks(t *testing.T) {
	var points []string
	l := newLab(t, 2, func(c *Config) { c.Hook = func(p string) { points = append(points, p) } })
	w := l.put(random(10), l.target(Policy{}, 0), true)
	if _, err := l.Repair(t.Context(), w.Blobs[0], []ShardRef{{0, 0}}, nil); err == nil {
		t.Error("Repair of the only shard succeeds")
	}
	if err := l.RemoveShard(t.Context(), w.Blobs[0].ID, w.Blobs[0].Layout.Place(0, 0)); err != nil {
		t.Fatal(err)
	}
	want := "[shard.put.before shard.put.after put.done shard.put.before shard.put.after shard.remove.before shard.remove.after]"
	if fmt.Sprint(points) != want {
		t.Errorf("points %v, want %s", points, want)
	}
}

// TestAnyContent: whatever is written, in whatever steps it comes, with whatever shards damaged or lost within what
// the policy allows for, reads are right at any place.
func TestAnyContent(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newLab(t, 9)
		policies := faultPolicies()
		p := policies[rapid.IntRange(0, len(policies)-1).Draw(rt, "policy")]
		p.Strict = true
		p.ChunkSize = int64(rapid.IntRange(64<<10, 330<<10).Draw(rt, "chunk"))
		data := random(rapid.IntRange(1, 700_000).Draw(rt, "size"))
		size := int64(len(data))
		if rapid.Bool().Draw(rt, "unknown") {
			size = -1
		}
		step := rapid.IntRange(1000, 400_000).Draw(rt, "step")
		key := uint32(rapid.IntRange(0, 1).Draw(rt, "key"))
		w, err := l.Put(t.Context(), steps{bytes.NewReader(data), step}, PutRequest{Target: l.target(p, key), Size: size, Digests: SHA256})
		if err != nil {
			rt.Fatalf("Put = %v", err)
		}
		defer w.Close()
		l.remember(w)
		lay := w.Blobs[0].Layout
		for range rapid.IntRange(0, min(2, lay.N-lay.K)).Draw(rt, "losses") {
			at := lay.Place(rapid.IntRange(0, lay.Segments()-1).Draw(rt, "segment"), rapid.IntRange(0, lay.N-1).Draw(rt, "index"))
			raw := l.shard(w.Blobs[0], at)
			raw[rapid.IntRange(0, len(raw)-1).Draw(rt, "byte")] ^= 4
			l.setShard(w.Blobs[0], at, raw)
		}
		for range 4 {
			from := rapid.Int64Range(0, w.Size-1).Draw(rt, "from")
			to := rapid.Int64Range(from+1, w.Size).Draw(rt, "to")
			got, err := l.read(w, from, to)
			if err != nil || !bytes.Equal(got, data[from:to]) {
				rt.Fatalf("read %d..%d of %d: %d bytes, %v (%+v)", from, to, w.Size, len(got), err, lay)
			}
		}
	})
}

// steps reads at most n bytes at once.
type steps struct {
	r io.Reader
	n int
}

func (s steps) Read(p []byte) (int, error) { return s.r.Read(p[:min(len(p), s.n)]) }
