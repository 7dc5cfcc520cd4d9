package content

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// errRevoked is what a driver gets that reads a body after its Put has returned.
var errRevoked = errors.New("body was taken back")

// shardBody is the body of a shard's Put: header, blocks and checksums where they lie in memory. Seek lets a
// driver's retry send it again, WriteTo lets it take runs as long as they are. revoke takes the memory back,
// even from a driver that still holds the body.
type shardBody struct {
	mu      sync.Mutex
	parts   [][]byte
	size    int64
	part    int // where the next byte is read: in which part,
	within  int // at which byte of it
	pos     int64
	revoked bool
}

// add appends a part.
func (b *shardBody) add(part []byte) {
	b.parts = append(b.parts, part)
	b.size += int64(len(part))
}

// reset makes the body empty and readable again.
func (b *shardBody) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.parts)
	b.parts, b.size, b.revoked = b.parts[:0], 0, false
	b.rewind()
}

// rewind goes to the beginning. The caller has the lock.
func (b *shardBody) rewind() { b.part, b.within, b.pos = 0, 0, 0 }

// Read implements io.Reader.
func (b *shardBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.revoked {
		return 0, errRevoked
	}
	n := 0
	for n < len(p) && b.part < len(b.parts) {
		n += b.advance(copy(p[n:], b.parts[b.part][b.within:]))
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// advance moves on by n bytes of the present part and returns n. The caller has the lock.
func (b *shardBody) advance(n int) int {
	b.within += n
	b.pos += int64(n)
	if b.within == len(b.parts[b.part]) {
		b.part++
		b.within = 0
	}
	return n
}

// WriteTo implements io.WriterTo.
func (b *shardBody) WriteTo(w io.Writer) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var total int64
	for b.part < len(b.parts) {
		if b.revoked {
			return total, errRevoked
		}
		n, err := w.Write(b.parts[b.part][b.within:])
		total += int64(b.advance(n))
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// Seek implements io.Seeker.
func (b *shardBody) Seek(offset int64, whence int) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += b.pos
	case io.SeekEnd:
		offset += b.size
	default:
		return 0, fmt.Errorf("seek from %d: %w", whence, errors.ErrUnsupported)
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek to %d: %w", offset, errors.ErrUnsupported)
	}
	b.rewind()
	left := min(offset, b.size)
	for left > 0 {
		n := min(left, int64(len(b.parts[b.part])-b.within))
		b.advance(int(n))
		left -= n
	}
	b.pos = offset
	return offset, nil
}

// revoke makes every later use fail. It waits for one that is going on.
func (b *shardBody) revoke() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.revoked = true
}
