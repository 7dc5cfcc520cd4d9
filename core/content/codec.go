package content

import (
	"encoding/binary"
	"fmt"
)

// layoutVersion is the first byte of a layout's binary form.
const layoutVersion = 1

// MarshalBinary returns the compact form of the layout: a version, then unsigned varints. It refuses a layout
// that Validate refuses.
func (l Layout) MarshalBinary() ([]byte, error) { return l.AppendBinary(nil) }

// AppendBinary appends the form of MarshalBinary to b.
func (l Layout) AppendBinary(b []byte) ([]byte, error) {
	if err := l.Validate(); err != nil {
		return b, err
	}
	b = append(b, layoutVersion, byte(l.Redundancy))
	b = appendVarints(b, uint64(l.K), uint64(l.N), uint64(len(l.Groups)))
	for _, g := range l.Groups {
		b = appendVarints(b, uint64(g))
	}
	b = appendVarints(b, uint64(l.ChunkSize), uint64(l.BlockSize), uint64(l.Size), uint64(l.KeyID),
		uint64(l.Encoding), uint64(len(l.Runs)))
	for _, r := range l.Runs {
		b = appendVarints(b, uint64(r.Count), uint64(r.Size))
	}
	for _, id := range l.Base {
		b = appendVarints(b, uint64(id))
	}
	b = appendVarints(b, uint64(len(l.Exceptions)))
	last := 0
	for _, e := range l.Exceptions {
		b = appendVarints(b, uint64(e.Segment-last), uint64(e.Index), uint64(e.Space), uint64(e.Generation))
		last = e.Segment
	}
	return b, nil
}

// appendVarints appends each value as an unsigned varint.
func appendVarints(b []byte, values ...uint64) []byte {
	for _, v := range values {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

// UnmarshalBinary reads what MarshalBinary has written. An unknown version, trailing bytes, numbers out of
// range or not in their shortest form are ErrFormat, and l is left alone then.
func (l *Layout) UnmarshalBinary(b []byte) error {
	if len(b) < 2 || b[0] != layoutVersion {
		return fmt.Errorf("layout of %d bytes with an unknown version: %w", len(b), ErrFormat)
	}
	d := decoder{b: b[2:]}
	read := Layout{Redundancy: Redundancy(b[1])}
	d.scheme(&read)
	d.places(&read)
	if d.bad || len(d.b) > 0 {
		return fmt.Errorf("layout of %d bytes is malformed: %w", len(b), ErrFormat)
	}
	if err := read.Validate(); err != nil {
		return err
	}
	*l = read
	return nil
}

// decoder takes varints off a byte string; bad sticks.
type decoder struct {
	b   []byte
	bad bool
}

// number returns the next varint, which must not be over limit.
func (d *decoder) number(limit uint64) uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || v > limit || (n > 1 && d.b[n-1] == 0) {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

// count returns the next varint as a number of things of at least size bytes each that follow.
func (d *decoder) count(size int) int {
	n := d.number(uint64(len(d.b) / size))
	if d.bad {
		return 0
	}
	return int(n)
}

// scheme reads everything up to the runs.
func (d *decoder) scheme(l *Layout) {
	l.K, l.N = int(d.number(MaxShards)), int(d.number(MaxShards))
	for range d.count(1) {
		l.Groups = append(l.Groups, int(d.number(MaxShards)))
	}
	l.ChunkSize, l.BlockSize = int64(d.number(MaxChunkSize)), int64(d.number(BlockSize))
	l.Size = int64(d.number(MaxBlob))
	l.KeyID, l.Encoding = uint32(d.number(1<<32-1)), uint32(d.number(1<<32-1))
}

// places reads runs, base and exceptions.
func (d *decoder) places(l *Layout) {
	const maxInt = 1<<63 - 1
	if n := d.count(2); n > 0 {
		l.Runs = make([]Run, n)
	}
	for i := range l.Runs {
		l.Runs[i] = Run{Count: int(d.number(MaxBlob)), Size: int64(d.number(MaxSegment))}
	}
	l.Base = make([]SpaceID, l.N)
	for i := range l.Base {
		l.Base[i] = SpaceID(d.number(maxInt))
	}
	if n := d.count(4); n > 0 {
		l.Exceptions = make([]Exception, n)
	}
	last := 0
	for i := range l.Exceptions {
		last += int(d.number(MaxBlob))
		l.Exceptions[i] = Exception{
			Segment: last, Index: int(d.number(MaxShards)), Space: SpaceID(d.number(maxInt)),
			Generation: int(d.number(maxGeneration)),
		}
	}
}
