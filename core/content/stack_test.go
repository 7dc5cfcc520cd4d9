package content

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"trivium/drivers"
	"trivium/drivers/faulty"
	"trivium/drivers/local"
	"trivium/drivers/memory"
	"trivium/drivers/retry"
)

func TestShardBody(t *testing.T) {
	want := random(5000)
	for _, cuts := range [][]int{{5000}, {1, 4999}, {128, 872, 8, 3992}, {0, 5000, 0}} {
		fresh := func() *shardBody {
			b, rest := &shardBody{}, want
			for _, n := range cuts {
				b.add(rest[:n])
				rest = rest[n:]
			}
			return b
		}
		if err := iotest.TestReader(fresh(), want); err != nil {
			t.Errorf("%v: %v", cuts, err)
		}
		b := fresh()
		for _, at := range []int64{0, 1, 127, 128, 1000, 4999, 5000} {
			if pos, err := b.Seek(at, io.SeekStart); err != nil || pos != at {
				t.Fatalf("%v: Seek(%d) = %d, %v", cuts, at, pos, err)
			}
			var got bytes.Buffer
			if n, err := b.WriteTo(&got); err != nil || n != 5000-at || !bytes.Equal(got.Bytes(), want[at:]) {
				t.Errorf("%v: WriteTo from %d = %d, %v", cuts, at, n, err)
			}
		}
		if _, err := b.Seek(-1, io.SeekStart); err == nil {
			t.Error("Seek before the beginning succeeds")
		}
		b.revoke()
		if _, err := b.Read(make([]byte, 1)); err == nil {
			t.Error("Read after revoke succeeds")
		}
	}
}

// TestRetriesSendTheWholeShard: transient failures below the retry decorator are not seen above, and no shard is
// sent in part.
func TestRetriesSendTheWholeShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for i, p := range faultPolicies() {
			p.Strict = true
			l := newLab(t, 8)
			var all []*faulty.Driver
			for j := range l.spaces {
				f := faulty.New(memory.New(), uint64(10*i+j), faulty.Rule{Op: faulty.Put, Chance: 0.3, Fault: faulty.Fail(drivers.ErrTransient)})
				all = append(all, f)
				l.spaces[j].Driver = retry.New(f, retry.Options{MaxTries: 20})
			}
			data := random(600_000)
			w := l.put(data, l.target(p, 5), false)
			if len(w.Blobs[0].Layout.Exceptions) > 0 {
				t.Errorf("%v: exceptions %v, want none", p.Redundancy, w.Blobs[0].Layout.Exceptions)
			}
			b := w.Blobs[0]
			if p.Total() > 1 {
				l.setShard(b, b.Layout.Place(0, 0), nil)
				after, err := l.Repair(t.Context(), b, []ShardRef{{0, 0}}, nil)
				if err != nil {
					t.Fatal(err)
				}
				b = after
			}
			injected := 0
			for _, f := range all {
				injected += len(f.Injected())
				f.Off()
			}
			if lost, err := l.Check(t.Context(), b, true); err != nil || len(lost) > 0 || injected == 0 {
				t.Errorf("%v: Check = %v, %v after %d faults", p.Redundancy, lost, err, injected)
			}
			// A connection that breaks again and again, but never before some bytes came, is read through.
			for _, f := range all {
				f.Script(faulty.Rule{Op: faulty.Open, Chance: 0.4, Fault: faulty.BrokenRead(drivers.ErrTransient)})
				f.On()
			}
			l.blobs[b.ID] = b
			if got, err := l.read(w, 0, w.Size); !bytes.HasPrefix(data, got) {
				t.Errorf("%v: read = %d bytes, %v: wrong bytes", p.Redundancy, len(got), err)
			}
		}
	})
}

// TestOnLocal: the same on real files.
func TestOnLocal(t *testing.T) {
	l := newLab(t, 6)
	for i := range l.spaces {
		d, err := local.Open(t.Context(), fmt.Sprint("disk", i), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		l.spaces[i].Driver = d
	}
	for i, p := range faultPolicies()[:3] {
		data := random(700_000)
		w := l.put(data, l.target(p, uint32(i)), true)
		l.wantRead(w, data, 0, w.Size)
		l.wantRead(w, data, 100_000, 400_000)
		if lost, err := l.Check(t.Context(), w.Blobs[0], true); err != nil || len(lost) > len(w.Repairs) {
			t.Errorf("%v: Check = %v, %v", p.Redundancy, lost, err)
		}
	}
}
