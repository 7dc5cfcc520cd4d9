package drivertest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing/iotest"

	"trivium/drivers"
)

func blobChecks() []check {
	return []check{
		{"sizes", checkSizes},
		{"big", checkBig},
		{"ranges", checkRanges},
		{"reader", checkReader},
		{"missing", checkMissing},
		{"replace", checkReplace},
		{"delete", checkDelete},
		{"body of the wrong size", checkBodySize},
		{"body that fails", checkBodyFails},
		{"plain readers", checkPlainReaders},
		{"own copy", checkOwnCopy},
		{"traits", checkTraits},
	}
}

func checkSizes(b *bench) {
	for i, size := range []int64{0, 1, 2, 511, 512, 4095, 4096, 4097, 32768, 65537, 262144, 1<<20 + 3} {
		name := fmt.Sprintf("sizes/%d", size)
		want := content(uint64(i), size)
		b.put(name, want)
		b.wantContent(name, want)
	}
}

func checkBig(b *bench) {
	want := content(1, b.opts.Big)
	b.put("big", want)
	b.wantContent("big", want)
	for _, r := range [][2]int64{{0, 1}, {1 << 20, 1 << 20}, {b.opts.Big - 3, 100}, {b.opts.Big / 2, -1}} {
		got, err := b.read("big", r[0], r[1])
		if end := clip(r[0], r[1], b.opts.Big); err != nil || !bytes.Equal(got, want[r[0]:end]) {
			b.Errorf("big[%d, +%d] = %d bytes, %v, want %d equal ones", r[0], r[1], len(got), err, end-r[0])
		}
	}
}

func clip(offset, length, size int64) int64 {
	if length < 0 || offset+length > size {
		return size
	}
	return offset + length
}

func checkRanges(b *bench) {
	const size = 1000
	want := content(2, size)
	b.put("dir/r", want)
	b.put("empty", nil)
	for _, offset := range []int64{0, 1, 499, 998, 999, 1000} {
		for _, length := range []int64{-1, -7, 0, 1, 2, 500, 1000, 1001, 1 << 40} {
			got, err := b.read("dir/r", offset, length)
			if end := clip(offset, length, size); err != nil || !bytes.Equal(got, want[offset:end]) {
				b.Errorf("Open(%d, %d): %s, %v, want %d bytes", offset, length, brief(got), err, end-offset)
			}
		}
	}
	if got, err := b.read("empty", 0, -1); err != nil || len(got) != 0 {
		b.Errorf("Open(empty, 0, -1): %s, %v, want nothing", brief(got), err)
	}
	for _, tt := range []struct {
		name           string
		offset, length int64
	}{{"dir/r", 1001, 1}, {"dir/r", 1 << 40, -1}, {"dir/r", -1, 1}, {"dir/r", -1, -1}, {"dir/r", 1001, 0}, {"empty", 1, 1}} {
		_, err := b.read(tt.name, tt.offset, tt.length)
		b.wantErr(fmt.Sprintf("Open(%q, %d, %d)", tt.name, tt.offset, tt.length), err, drivers.ErrRange)
	}
}

func checkReader(b *bench) {
	want := content(3, 70_000)
	b.put("r", want)
	for _, r := range [][2]int64{{0, -1}, {100, 5000}, {70_000, -1}} {
		rc, err := b.d.Open(b.Context(), "r", r[0], r[1])
		if err != nil {
			b.Fatalf("Open(%d, %d) = %v", r[0], r[1], err)
		}
		if err := iotest.TestReader(rc, want[r[0]:clip(r[0], r[1], 70_000)]); err != nil {
			b.Errorf("the reader of [%d, +%d]: %v", r[0], r[1], err)
		}
		if err := rc.Close(); err != nil {
			b.Errorf("Close of the reader = %v", err)
		}
	}
	rc, err := b.d.Open(b.Context(), "r", 10, 60_000)
	if err != nil {
		b.Fatalf("Open = %v", err)
	}
	defer rc.Close()
	var all bytes.Buffer
	if n, err := io.Copy(&all, rc); n != 60_000 || err != nil || !bytes.Equal(all.Bytes(), want[10:60_010]) {
		b.Errorf("io.Copy from the reader = %d, %v, want 60000 equal bytes", n, err)
	}
}

func checkMissing(b *bench) {
	b.wantMissing("nothing")
	b.wantMissing("no/such/thing")
	b.put("file", []byte("x"))
	b.wantMissing("file/below")
	b.wantMissing("fil")
	b.wantMissing("file2")
	b.wantStore("file")
}

func checkReplace(b *bench) {
	for i, size := range []int64{10, 100_000, 3, 0, 17} {
		want := content(uint64(i), size)
		b.put("dir/name", want)
		b.wantContent("dir/name", want)
	}
	b.wantStore("dir/name")
}

func checkDelete(b *bench) {
	b.put("a/b", []byte("b"))
	b.put("a/c", []byte("c"))
	b.put("d", []byte("d"))
	for _, name := range []string{"a/b", "a/b", "d", "never", "never/was", "a/c/below"} {
		if err := b.d.Delete(b.Context(), name); err != nil {
			b.Errorf("Delete(%q) = %v", name, err)
		}
	}
	b.wantMissing("a/b")
	b.wantMissing("d")
	b.wantContent("a/c", []byte("c"))
	b.wantStore("a/c")
	b.put("a/b", []byte("again"))
	b.wantContent("a/b", []byte("again"))
}

// only hides every method of a reader but Read.
type only struct{ io.Reader }

func checkBodySize(b *bench) {
	b.put("old", []byte("old content"))
	for _, size := range []int64{0, 1, 5, 1000, 300_000} {
		for _, off := range []int64{-300_001, -1, 1, 70_000} {
			given := size + off
			if given < 0 {
				continue
			}
			for _, name := range []string{"old", "new", "dir/new"} {
				for kind, body := range map[string]io.Reader{
					"bytes.Reader": bytes.NewReader(content(9, given)),
					"plain":        only{bytes.NewReader(content(9, given))},
					"one byte":     iotest.OneByteReader(bytes.NewReader(content(9, min(given, 2000)))),
				} {
					if kind == "one byte" && size > 1000 {
						continue
					}
					err := b.d.Put(b.Context(), name, body, size, drivers.PutOptions{})
					b.wantErr(fmt.Sprintf("Put(%q, %s of %d, size %d)", name, kind, given, size), err, drivers.ErrBody)
				}
			}
		}
	}
	err := b.d.Put(b.Context(), "new", bytes.NewReader(nil), -1, drivers.PutOptions{})
	b.wantErr("Put(size -1)", err, drivers.ErrBody)
	b.wantContent("old", []byte("old content"))
	b.wantMissing("new")
	b.wantMissing("dir/new")
	b.wantStore("old")
}

func checkBodyFails(b *bench) {
	broken := errors.New("the source broke")
	b.put("old", []byte("old content"))
	for _, after := range []int64{0, 1, 5000, 299_999, 300_000} {
		for _, name := range []string{"old", "new"} {
			body := io.MultiReader(bytes.NewReader(content(4, after)), iotest.ErrReader(broken))
			err := b.d.Put(b.Context(), name, body, 300_000, drivers.PutOptions{})
			what := fmt.Sprintf("Put(%q) of a body that fails after %d bytes", name, after)
			b.wantErr(what, err, drivers.ErrBody)
			if !errors.Is(err, broken) {
				b.Errorf("%s = %v, want the body's error kept", what, err)
			}
		}
	}
	b.wantContent("old", []byte("old content"))
	b.wantMissing("new")
	b.wantStore("old")
}

func checkPlainReaders(b *bench) {
	want := content(5, 3000)
	for name, body := range map[string]io.Reader{
		"one byte":  iotest.OneByteReader(bytes.NewReader(want)),
		"half":      iotest.HalfReader(bytes.NewReader(want)),
		"data+eof":  iotest.DataErrReader(bytes.NewReader(want)),
		"plain":     only{bytes.NewReader(want)},
		"two parts": io.MultiReader(bytes.NewReader(want[:1]), bytes.NewReader(nil), bytes.NewReader(want[1:])),
	} {
		if err := b.d.Put(b.Context(), name, body, int64(len(want)), drivers.PutOptions{}); err != nil {
			b.Errorf("Put(%q) = %v", name, err)
			continue
		}
		b.wantContent(name, want)
	}
}

// checkOwnCopy changes the caller's memory after Put and the bytes that a reader gave.
func checkOwnCopy(b *bench) {
	mine := []byte("precious content")
	b.put("x", mine)
	clear(mine)
	got, err := b.read("x", 0, -1)
	if err != nil || string(got) != "precious content" {
		b.Fatalf("after the caller reused its buffer: %s, %v", brief(got), err)
	}
	clear(got)
	b.wantContent("x", []byte("precious content"))
}

func checkTraits(b *bench) {
	tr := b.d.Traits()
	b.put("x", []byte("x"))
	if again := b.d.Traits(); again != tr {
		b.Errorf("Traits() = %+v, then %+v", tr, again)
	}
	if tr.MaxInFlight < 0 || tr.MaxName < 0 || tr.MaxSegment < 0 || tr.ModTimeGrain < 0 {
		b.Errorf("Traits() = %+v, want nothing negative", tr)
	}
}
