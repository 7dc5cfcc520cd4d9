package sqlite

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// The write-ahead log as SQLite writes it (database file format, chapter 4): a header, then frames, each a page
// behind a header of its own. A frame's checksum goes on from that of the frame before it, the first one's from the
// header's. A log that starts over keeps its length, so old frames follow the new ones; they carry other salts.
const (
	walHeader = 32
	walMagic  = 0x377f0682 // the last bit tells that checksums are of big-endian words
	minPage   = 512
	maxPage   = 64 << 10
)

// sum is a running checksum.
type sum [2]uint32

// add goes on with data, whose length is a multiple of 8.
func (s sum) add(data []byte, big bool) sum {
	a, b := s[0], s[1]
	for ; len(data) >= 8; data = data[8:] {
		a += word(data, big) + b
		b += word(data[4:], big) + a
	}
	return sum{a, b}
}

// word is the first word of data.
func word(data []byte, big bool) uint32 {
	if big {
		return binary.BigEndian.Uint32(data)
	}
	return binary.LittleEndian.Uint32(data)
}

// frame is one page of the log with its header.
type frame []byte

func (f frame) page() uint32   { return binary.BigEndian.Uint32(f) }
func (f frame) commit() bool   { return binary.BigEndian.Uint32(f[4:]) != 0 }
func (f frame) salts() [8]byte { return [8]byte(f[8:16]) }
func (f frame) sum() sum       { return storedSum(f[16:]) }

// computed is the checksum of the frame behind one whose checksum is seed.
func (f frame) computed(seed sum, big bool) sum {
	return seed.add(f[:8], big).add(f[frameHeader:], big)
}

// storedSum reads a checksum of a header.
func storedSum(data []byte) sum {
	return sum{binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:])}
}

// walState is what a log holds.
type walState struct {
	salts    [8]byte
	pageSize int
	// commits is how many commits SQLite finds: all before the first frame that is not what its checksum says. good is
	// where the last of them ends, in bytes.
	commits int
	good    int64
	// torn is how many bytes behind good belong to a write that had not ended: normal after a crash.
	torn int64
	// damaged: frames behind the first bad one prove that it was whole once. damage is where it lies, lost the number
	// of commits from there on that can still be told, last where the last of them ends.
	damaged bool
	damage  int64
	lost    int
	last    int64
	// marks are those in the commits that SQLite finds.
	marks logMarks
}

// walScan reads a log frame by frame.
type walScan struct {
	walState
	src   *bufio.Reader
	big   bool
	chain sum   // of the last valid frame
	at    int64 // where the frame begins
	frame frame
	end   bool // there is no further frame
	dirty bool // a byte behind the header is not 0
	// first are the first pages of the commit that is being read, as far as their marks go.
	first [][]byte
}

// scanWAL reads the log of an SQLite database and tells what recovery will make of it and what lies behind the place
// where that will end.
//
// Every commit is synced before the next one is written. So of what is behind a bad frame, a frame that continues
// the checksum of a commit proves that this commit had been whole: that is damage, as is a frame that one changed byte
// explains, and a bad header before anything at all. Otherwise what is behind belongs to the one write that a crash
// cut off. What cannot be told from that: a log whose end is gone at the border of two frames, and more than one
// changed byte in a place after which no commit but the last one was begun.
func scanWAL(src io.Reader) (walState, error) {
	s, seeds, err := beginScan(src)
	switch {
	case err != nil || seeds == nil:
		return s.walState, err
	case len(seeds) > 1:
		return s.walState, s.readHeadless(seeds)
	}
	s.chain, s.good = seeds[0], walHeader
	if err := s.readGood(); err != nil || s.end {
		return s.walState, err
	}
	return s.walState, s.readBehind()
}

// beginScan reads the header. seeds are the checksums that the first frame may go on from: one when the header holds,
// two when it does not, none when there is no whole header.
func beginScan(src io.Reader) (s *walScan, seeds []sum, err error) {
	s = &walScan{src: bufio.NewReaderSize(src, 1<<20)}
	head := make([]byte, walHeader)
	n, err := io.ReadFull(s.src, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		s.torn = int64(n)
		return s, nil, nil
	}
	if err != nil {
		return s, nil, err
	}
	s.big = head[3]&1 != 0
	s.pageSize = int(binary.BigEndian.Uint32(head[8:]))
	s.salts = [8]byte(head[16:24])
	s.at = walHeader
	if chain := (sum{}).add(head[:24], s.big); s.headerHolds(head, chain) {
		return s, []sum{chain}, nil
	}
	s.pageSize = pageSize
	s.big = binary.NativeEndian.Uint16([]byte{0, 1}) == 1 // as SQLite writes
	if first, err := s.src.Peek(16); err == nil {
		s.salts = frame(first).salts()
	}
	return s, []sum{storedSum(head[24:]), sum{}.add(head[:24], s.big)}, nil
}

// headerHolds tells whether SQLite takes the header for one.
func (s *walScan) headerHolds(head []byte, chain sum) bool {
	size := s.pageSize
	return binary.BigEndian.Uint32(head)&^1 == walMagic && size&(size-1) == 0 && size >= minPage && size <= maxPage &&
		chain == storedSum(head[24:])
}

// next reads the next whole frame, or sets end.
func (s *walScan) next() error {
	if s.frame == nil {
		s.frame = make(frame, frameHeader+s.pageSize)
	} else {
		s.at += int64(len(s.frame))
	}
	n, err := io.ReadFull(s.src, s.frame)
	s.dirty = s.dirty || len(bytes.Trim(s.frame[:n], "\x00")) > 0
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		s.end = true
		if n >= 16 && s.current() {
			s.torn = s.at + int64(n) - s.good
		}
		return nil
	}
	return err
}

// current tells whether the frame was written since the log started over.
func (s *walScan) current() bool { return s.frame.salts() == s.salts && s.frame.page() != 0 }

// after is where the frame ends.
func (s *walScan) after() int64 { return s.at + int64(len(s.frame)) }

// readGood reads as far as recovery goes: the frame is then the first bad one.
func (s *walScan) readGood() error {
	for {
		if err := s.next(); err != nil || s.end {
			return err
		}
		if !s.current() || s.frame.computed(s.chain, s.big) != s.frame.sum() {
			return nil
		}
		s.chain = s.frame.sum()
		s.torn = s.after() - s.good
		if s.frame.page() == 1 {
			s.first = append(s.first, bytes.Clone(s.frame[frameHeader:][:fileHeader]))
		}
		if s.frame.commit() {
			s.commits++
			s.good, s.torn = s.after(), 0
			for _, page := range s.first {
				s.marks.add(page)
			}
			s.first = s.first[:0]
		}
	}
}

// readBehind judges the first bad frame by itself and by those that follow.
func (s *walScan) readBehind() error {
	s.damage = s.at
	commit, near := s.nearMiss()
	if near && commit {
		s.count()
	}
	if s.current() {
		s.torn = s.after() - s.good
	}
	// Its checksum, or where that was changed the right one, is where the next frame goes on.
	seeds := []sum{s.frame.sum(), s.frame.computed(s.chain, s.big)}
	proof, err := s.follow(seeds, commit, near && commit)
	s.damaged = proof || near && s.lost > 0
	return err
}

// follow reads the frames behind one whose checksum is among seeds, counts the commits that can be told, and tells
// whether one of them was followed by another write. commit tells whether that frame is one, counted whether it has
// been counted.
func (s *walScan) follow(seeds []sum, commit, counted bool) (proof bool, err error) {
	end := s.at
	for {
		if s.frame != nil {
			end = s.after()
		}
		if err := s.next(); err != nil || s.end {
			return proof, err
		}
		linked := false
		for _, seed := range seeds {
			linked = linked || s.current() && s.frame.computed(seed, s.big) == s.frame.sum()
		}
		if s.current() {
			s.torn = s.after() - s.good
		}
		if linked && commit {
			proof = true
			if !counted {
				s.lost, s.last = s.lost+1, max(s.last, end)
			}
		}
		commit = s.current() && s.frame.commit()
		if counted = linked && commit; counted {
			s.count()
		}
		seeds = append(seeds[:0], s.frame.sum())
	}
}

// count counts the frame as a commit that is lost.
func (s *walScan) count() { s.lost, s.last = s.lost+1, s.after() }

// readHeadless judges a log without a valid header, which SQLite takes for empty. The header is synced before the first
// frame is written, and a log that starts over replaces it within one sector: with frames behind it, it was whole.
func (s *walScan) readHeadless(seeds []sum) error {
	if _, err := s.follow(seeds, false, false); err != nil {
		return err
	}
	s.damaged = s.dirty
	return nil
}

// nearMiss tells whether the frame, which is not valid, was so before one byte of it changed, and whether it then was
// a commit. A write that was cut off leaves whole sectors of something else.
func (s *walScan) nearMiss() (commit, near bool) {
	commit = s.frame.commit()
	want, got := s.frame.computed(s.chain, s.big), s.frame.sum()
	switch {
	case want == got: // the salts are not in the checksum
		return commit, true
	case s.frame.salts() != s.salts:
		return commit, false
	case nearSum(want, got):
		return commit, true
	}
	at, before, found := s.changedWord(sum{got[0] - want[0], got[1] - want[1]})
	if found && at == 4 {
		commit = before != 0
	}
	return commit, found
}

// changedWord finds the word of the frame in which a change of one byte changes the checksum by delta: its place and
// what it was. A word that differs by d and has r words behind it changes the two halves by F(r)·d and F(r+1)·d, F
// being Fibonacci's numbers; their identity F(r-1)·F(r+1) - F(r)² = (-1)^r gives d.
func (s *walScan) changedWord(delta sum) (at int, before uint32, found bool) {
	low, mid, high := uint32(1), uint32(0), uint32(1) // F(r-1), F(r), F(r+1)
	sign := uint32(1)
	for at = len(s.frame) - 4; at >= 0; at -= 4 {
		if at < 8 || at >= frameHeader { // salts and checksum are not in it
			d := sign * (low*delta[1] - mid*delta[0])
			is := word(s.frame[at:], s.big)
			if d != 0 && mid*d == delta[0] && high*d == delta[1] && oneByte(is, is+d) {
				return at, is + d, true
			}
			low, mid, high = mid, high, mid+high
			sign = -sign
		}
	}
	return 0, 0, false
}

// nearSum tells whether a and b differ in one byte at most.
func nearSum(a, b sum) bool {
	return a[0] == b[0] && oneByte(a[1], b[1]) || a[1] == b[1] && oneByte(a[0], b[0])
}

// oneByte tells whether a and b differ in one byte at most.
func oneByte(a, b uint32) bool {
	for mask := uint32(0xff); mask != 0; mask <<= 8 {
		if (a^b)&^mask == 0 {
			return true
		}
	}
	return false
}
