package drivertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"trivium/drivers"
)

func contextChecks() []check {
	return []check{
		{"cancelled before", checkCancelledBefore},
		{"deadline passed before", checkDeadlineBefore},
		{"cancelled in a body", checkCancelledInBody},
		{"cancelled in a list", checkCancelledInList},
		{"cancelled while reading", checkCancelledWhileReading},
	}
}

func cancelled(b *bench) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(b.Context())
	cancel()
	return ctx, cancel
}

func checkCancelledBefore(b *bench) {
	ctx, cancel := cancelled(b)
	defer cancel()
	b.refuseAll(ctx, context.Canceled)
}

func checkDeadlineBefore(b *bench) {
	ctx, cancel := context.WithDeadline(b.Context(), time.Now().Add(-time.Second))
	defer cancel()
	b.refuseAll(ctx, context.DeadlineExceeded)
}

// refuseAll checks that with an ended ctx every method returns ctx's error and changes nothing.
func (b *bench) refuseAll(ctx context.Context, want error) {
	b.put("x", []byte("old"))
	b.wantErr("Put", b.d.Put(ctx, "x", bytes.NewReader([]byte("new")), 3, drivers.PutOptions{}), want)
	b.wantErr("Put", b.d.Put(ctx, "y", bytes.NewReader(nil), 0, drivers.PutOptions{}), want)
	b.wantErr("Put(IfAbsent)", b.d.Put(ctx, "y", bytes.NewReader(nil), 0, drivers.PutOptions{IfAbsent: true}), want)
	_, err := b.d.Open(ctx, "x", 0, -1)
	b.wantErr("Open", err, want)
	_, err = b.d.Stat(ctx, "x")
	b.wantErr("Stat", err, want)
	b.wantErr("Delete", b.d.Delete(ctx, "x"), want)
	for _, recursive := range []bool{true, false} {
		n, last := 0, error(nil)
		for _, err := range b.d.List(ctx, "", drivers.ListOptions{Recursive: recursive}) {
			n++
			last = err
		}
		b.wantErr("List", last, want)
		if n != 1 {
			b.Errorf("List with an ended ctx yielded %d times, want one error", n)
		}
	}
	b.wantContent("x", []byte("old"))
	b.wantStore("x")
}

// endless is a body that does not end; after so many bytes it calls then.
type endless struct {
	after int
	then  func()
}

func (e *endless) Read(p []byte) (int, error) {
	n := min(len(p), 32<<10)
	clear(p[:n])
	if e.after -= n; e.after <= 0 {
		e.then()
		time.Sleep(time.Millisecond)
	}
	return n, nil
}

func checkCancelledInBody(b *bench) {
	b.put("old", []byte("old"))
	for _, name := range []string{"old", "new"} {
		ctx, cancel := context.WithCancel(b.Context())
		var since time.Time
		body := &endless{after: 400_000, then: func() {
			if since.IsZero() {
				since = time.Now()
			}
			cancel()
		}}
		err := b.d.Put(ctx, name, body, b.opts.Big, drivers.PutOptions{})
		took := time.Since(since)
		cancel()
		b.wantErr(fmt.Sprintf("Put(%q) cancelled in its body", name), err, context.Canceled)
		if took > 5*time.Second {
			b.Errorf("Put returned %v after its ctx had ended, want 5 s at most", took)
		}
	}
	b.wantContent("old", []byte("old"))
	b.wantMissing("new")
	b.wantStore("old")
}

// checkCancelledInList wants an error or the whole listing: a shorter one passes for a smaller store.
func checkCancelledInList(b *bench) {
	const files = 40
	for i := range files {
		b.put(fmt.Sprintf("d%d/%d", i%4, i), nil)
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	seen, failed := 0, error(nil)
	for info, err := range b.d.List(ctx, "", drivers.ListOptions{Recursive: true}) {
		if failed = err; err == nil && !info.IsDir {
			seen++
		}
		cancel()
	}
	if failed == nil && seen != files {
		b.Errorf("a cancelled List ended cleanly after %d of %d files", seen, files)
	}
	if failed != nil {
		b.wantErr("List cancelled on its way", failed, context.Canceled)
	}
}

// checkCancelledWhileReading wants an error or the whole content from a reader whose ctx has ended.
func checkCancelledWhileReading(b *bench) {
	want := content(8, 3<<20)
	b.put("x", want)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	rc, err := b.d.Open(ctx, "x", 0, -1)
	if err != nil {
		b.Fatalf("Open = %v", err)
	}
	defer rc.Close()
	got := make([]byte, 10)
	if _, err := io.ReadFull(rc, got); err != nil {
		b.Fatalf("ReadFull = %v", err)
	}
	cancel()
	start := time.Now()
	rest, err := io.ReadAll(rc)
	if took := time.Since(start); took > 5*time.Second {
		b.Errorf("the reader of a cancelled Open went on for %v", took)
	}
	if err == nil && !bytes.Equal(append(got, rest...), want) {
		b.Errorf("the reader of a cancelled Open ended cleanly after %d of %d bytes", 10+len(rest), len(want))
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		b.Errorf("the reader of a cancelled Open = %v, want Canceled", err)
	}
}
