package drivertest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"trivium/drivers"
)

func conditionChecks() []check {
	return []check{
		{"if absent", checkIfAbsent},
		{"if absent with a wrong body", checkIfAbsentBody},
		{"if absent race", checkIfAbsentRace},
		{"immutable", checkImmutable},
		{"replace while reading", checkReplaceWhileReading},
		{"open reader of a lost name", checkOpenReader},
	}
}

func checkIfAbsent(b *bench) {
	cond := drivers.PutOptions{IfAbsent: true}
	if err := b.tryPut("dir/x", []byte("first"), cond); err != nil {
		b.Fatalf("Put(IfAbsent) of a new name = %v", err)
	}
	b.wantErr("the second Put(IfAbsent)", b.tryPut("dir/x", []byte("second"), cond), drivers.ErrExist)
	b.wantErr("Put(IfAbsent) of the same", b.tryPut("dir/x", []byte("first"), cond), drivers.ErrExist)
	b.wantContent("dir/x", []byte("first"))
	b.wantStore("dir/x")
	if err := b.d.Delete(b.Context(), "dir/x"); err != nil {
		b.Fatalf("Delete = %v", err)
	}
	if err := b.tryPut("dir/x", []byte("third"), cond); err != nil {
		b.Errorf("Put(IfAbsent) after Delete = %v", err)
	}
	b.wantContent("dir/x", []byte("third"))
	b.put("dir/x", []byte("fourth"))
	b.wantContent("dir/x", []byte("fourth"))
}

func checkIfAbsentBody(b *bench) {
	cond := drivers.PutOptions{IfAbsent: true}
	err := b.d.Put(b.Context(), "x", bytes.NewReader([]byte("short")), 9, cond)
	b.wantErr("Put(IfAbsent) of a short body", err, drivers.ErrBody)
	b.wantMissing("x")
	if err := b.tryPut("x", nil, cond); err != nil {
		b.Errorf("Put(IfAbsent) after a failed one = %v", err)
	}
	b.wantContent("x", nil)
}

func checkIfAbsentRace(b *bench) {
	const writers, rounds = 16, 8
	for round := range rounds {
		name := fmt.Sprintf("race/%d", round)
		var wins, winner atomic.Int64
		var wg sync.WaitGroup
		start := make(chan struct{})
		for w := range writers {
			wg.Go(func() {
				<-start
				err := b.tryPut(name, content(uint64(w), 2000), drivers.PutOptions{IfAbsent: true})
				if err == nil {
					wins.Add(1)
					winner.Store(int64(w))
				} else if !errors.Is(err, drivers.ErrExist) {
					b.Errorf("a losing Put(IfAbsent) = %v, want ErrExist", err)
				}
			})
		}
		close(start)
		wg.Wait()
		if wins.Load() != 1 {
			b.Errorf("%d of %d racing Puts with IfAbsent won, want 1", wins.Load(), writers)
			return
		}
		b.wantContent(name, content(uint64(winner.Load()), 2000))
	}
}

func checkImmutable(b *bench) {
	opts := drivers.PutOptions{Immutable: true}
	want := content(1, 5000)
	for range 2 {
		if err := b.tryPut("shards/aa/1.0.0.0", want, opts); err != nil {
			b.Errorf("Put(Immutable) = %v", err)
		}
		b.wantContent("shards/aa/1.0.0.0", want)
	}
	b.put("y", []byte("a torso"))
	if err := b.tryPut("y", want, opts); err != nil {
		b.Errorf("Put(Immutable) over another size = %v", err)
	}
	b.wantContent("y", want)
}

// checkReplaceWhileReading reads a name that is being replaced: each read is one whole content.
func checkReplaceWhileReading(b *bench) {
	if !b.d.Traits().AtomicPut {
		b.Skip("replaces not in one step")
	}
	const versions, readers = 30, 4
	contents := make([][]byte, versions)
	for i := range contents {
		contents[i] = bytes.Repeat([]byte{byte(i)}, 1000+i*1500)
	}
	b.put("x", contents[0])
	var wg sync.WaitGroup
	var done atomic.Bool
	for range readers {
		wg.Go(func() {
			for !done.Load() && !b.Failed() {
				b.readOneOf("x", contents)
			}
		})
	}
	for _, c := range contents[1:] {
		if err := b.tryPut("x", c, drivers.PutOptions{}); err != nil {
			b.Errorf("Put over a name that is being read = %v", err)
		}
	}
	done.Store(true)
	wg.Wait()
	b.wantContent("x", contents[versions-1])
}

func (b *bench) readOneOf(name string, contents [][]byte) {
	got, err := b.read(name, 0, -1)
	if err != nil || len(got) == 0 || int(got[0]) >= len(contents) {
		b.Errorf("a read during a replace: %s, %v", brief(got), err)
		return
	}
	if !bytes.Equal(got, contents[got[0]]) {
		b.Errorf("a read during a replace: a torso or a mixture, %s", brief(got))
	}
	info, err := b.d.Stat(b.Context(), name)
	if err != nil || info.Size < 1000 || (info.Size-1000)%1500 != 0 {
		b.Errorf("Stat during a replace = %+v, %v, want the size of a whole content", info, err)
	}
}

// checkOpenReader lets a name go or change under an open reader: it gives the whole old content or an error.
func checkOpenReader(b *bench) {
	want := content(6, 700_000)
	for _, how := range []string{"deleted", "replaced"} {
		b.put("x", want)
		rc, err := b.d.Open(b.Context(), "x", 0, -1)
		if err != nil {
			b.Fatalf("Open = %v", err)
		}
		var got bytes.Buffer
		first := make([]byte, 1000)
		n, _ := rc.Read(first)
		got.Write(first[:n])
		if how == "deleted" {
			err = b.d.Delete(b.Context(), "x")
		} else {
			err = b.tryPut("x", content(7, 500_000), drivers.PutOptions{})
		}
		if err != nil {
			b.Errorf("while it is open x was not %s: %v", how, err)
		}
		if _, err := got.ReadFrom(rc); err == nil && !bytes.Equal(got.Bytes(), want) {
			b.Errorf("the reader of a name that was %s: %s and a clean end, want the old content", how, brief(got.Bytes()))
		}
		rc.Close()
	}
}
