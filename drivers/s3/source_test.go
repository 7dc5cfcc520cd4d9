package s3

import (
	"bytes"
	"io"
	"testing"
)

// TestWindowClosed reads from a part whose request is over, as a transport may: the body is not touched.
func TestWindowClosed(t *testing.T) {
	src := bytes.NewReader([]byte("the content of a body"))
	w := &window{src: src, start: 4, size: 7}
	if _, err := w.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(io.LimitReader(w, 3)); string(got) != "con" || err != nil {
		t.Fatalf("Read = %q, %v, want con", got, err)
	}
	if err := w.close(); err != nil {
		t.Errorf("close = %v", err)
	}
	left := src.Len()
	if n, err := w.Read(make([]byte, 4)); n != 0 || err == nil {
		t.Errorf("Read after close = %d, %v, want an error", n, err)
	}
	if _, err := w.Seek(0, io.SeekStart); err == nil {
		t.Error("Seek after close = nil, want an error")
	}
	if src.Len() != left {
		t.Errorf("the body was moved by %d bytes after its request", left-src.Len())
	}
}

// TestPartSizes plans contents at the bounds of parts.
func TestPartSizes(t *testing.T) {
	for _, tt := range []struct {
		size, minPart, maxPart int64
		buffered               bool
		want                   int64 // 0: refused
	}{
		{0, smallestPart, largestPart, false, 64 * mib},
		{64 * mib, smallestPart, largestPart, false, 64 * mib},
		{64*mib + 1, smallestPart, largestPart, false, 16 * mib},
		{64*mib + 1, 100 * mib, largestPart, false, 100 * mib},
		{6 * mib, smallestPart, smallestPart, false, smallestPart},
		{mostParts * 16 * mib, smallestPart, largestPart, false, 16 * mib},
		{mostParts*16*mib + 1, smallestPart, largestPart, false, 17 * mib},
		{mostParts * 5 * mib, smallestPart, smallestPart, false, smallestPart},
		{mostParts*5*mib + 1, smallestPart, smallestPart, false, 0},
		{largestObject, smallestPart, largestPart, false, 525 * mib},
		{largestObject + 1, smallestPart, largestPart, false, 0},
		{8 * mib, smallestPart, largestPart, true, 8 * mib},
		{8*mib + 1, smallestPart, largestPart, true, 8 * mib},
		{9 * mib, gib, largestPart, true, 64 * mib},
		{mostParts * 64 * mib, smallestPart, largestPart, true, 64 * mib},
		{mostParts*64*mib + 1, smallestPart, largestPart, true, 0},
	} {
		d := &Driver{set: settings{minPart: tt.minPart, maxPart: tt.maxPart}}
		got, err := d.partSize(tt.size, tt.buffered)
		if got != tt.want || (err == nil) != (tt.want > 0) {
			t.Errorf("partSize(%d, buffered %v) of parts from %d to %d = %d, %v, want %d", tt.size, tt.buffered, tt.minPart, tt.maxPart, got, err, tt.want)
		}
	}
}
