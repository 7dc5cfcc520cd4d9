package content

import (
	"context"
	"io"
	"slices"
	"testing"

	"trivium/drivers"
)

// readCalls records the sizes of the Reads that streams of a space get.
type readCalls struct {
	drivers.Driver
	sizes []int
}

func (d *readCalls) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	rc, err := d.Driver.Open(ctx, name, offset, length)
	return &readCall{rc, d}, err
}

type readCall struct {
	io.ReadCloser
	d *readCalls
}

func (r *readCall) Read(p []byte) (int, error) {
	r.d.sizes = append(r.d.sizes, len(p))
	return r.ReadCloser.Read(p)
}

// TestReadCalls counts what a read costs a space: one Open for each segment, one Read for each block that is touched,
// the header together with the first one.
func TestReadCalls(t *testing.T) {
	const block, header, sum = BlockSize, 128, 8
	l := newLab(t, 1)
	calls := &readCalls{Driver: l.spaces[0].Driver}
	l.spaces[0].Driver = calls
	data := random(3*block + 1000)
	w := l.put(data, l.target(Policy{}, 0), true)
	small := l.put(data[:5000], l.target(Policy{}, 0), true)
	for _, tt := range []struct {
		name     string
		w        *Written
		from, to int64
		want     []int
	}{
		{"small", small, 0, 5000, []int{header + 5000 + sum}},
		{"whole", w, 0, w.Size, []int{header + block + sum, block + sum, block + sum, 1000 + sum}},
		{"in the first block", w, 5, 10, []int{header + block + sum}},
		{"in a later one", w, block + 5, block + 10, []int{block + sum}},
		{"in two", w, block - 5, block + 10, []int{header + block + sum, block + sum}},
		{"in two later ones", w, 2*block - 5, 2*block + 10, []int{block + sum, block + sum}},
		{"the end", w, w.Size - 1, w.Size, []int{1000 + sum}},
	} {
		calls.sizes, l.spaces[0].calls = nil, nil
		l.wantRead(tt.w, data, tt.from, tt.to)
		if opens := l.spaces[0].calls["open"]; opens != 1 || !slices.Equal(calls.sizes, tt.want) {
			t.Errorf("%s: %d opens, reads of %v, want 1 and %v", tt.name, opens, calls.sizes, tt.want)
		}
	}
}
