package sqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/minio/crc64nvme"
)

// logVerdict is what a damaged log and the database tell about each other. Nothing else tells how far a checkpoint has
// come: after a power cut the index beside the log is older than the database.
type logVerdict struct {
	// mixed: the database has a page of a commit from the damage on, so the commits before it may be no whole state. A
	// page that such a commit changed back looks the same.
	mixed bool
	// all: the database has every commit of the log that can still be told.
	all bool
	// unknown is how many frames from the damage on cannot be read: whether the database has their pages nothing tells.
	unknown int
}

// pageBody is the length of what is compared of a page: its end is a checksum in the database, and anything in the log.
const pageBody = pageSize - sumSize

// logComparison is a second scan of a damaged log, beside the database.
type logComparison struct {
	*walScan
	found  walState // by the first scan
	salted bool     // salts are known to be those of this log
	db     *os.File
	page   []byte // of the database, its body
	// before and newest are the checksums of the newest image of each page, in the commits before the damage and in all.
	before, newest map[uint32]uint64
	verdict        logVerdict
}

// compareLog compares the log of the store at path, of which st was found, with the database.
func compareLog(path string, st walState) (v logVerdict, err error) {
	log, err := os.Open(path + "-wal")
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	db, err := os.Open(path)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s, seeds, err := beginScan(log)
	if err != nil {
		return v, err
	}
	if s.pageSize != pageSize {
		return v, fmt.Errorf("its pages have %d bytes, not %d", s.pageSize, pageSize)
	}
	c := &logComparison{
		walScan: s, found: st, salted: len(seeds) == 1, db: db, page: make([]byte, pageBody),
		before: map[uint32]uint64{}, newest: map[uint32]uint64{},
	}
	for {
		if err := c.next(); err != nil {
			return v, err
		}
		if c.end {
			return c.conclude()
		}
		if seeds, err = c.look(seeds); err != nil {
			return v, err
		}
	}
}

// look compares the frame with the page of the database; seeds are what its checksum may go on from. It returns the
// seeds of the next one.
func (c *logComparison) look(seeds []sum) ([]sum, error) {
	if c.after() <= c.found.good {
		image := crc64nvme.Checksum(c.body())
		c.before[c.frame.page()], c.newest[c.frame.page()] = image, image
		return []sum{c.frame.sum()}, nil
	}
	chain, whole := c.mend(seeds)
	next := []sum{c.frame.sum(), chain}
	c.salted = c.salted || whole && c.at == walHeader
	committed := c.at < c.found.last
	if !committed && c.salted && !c.current() {
		return next, nil // of an earlier log
	}
	number := c.frame.page()
	there, err := c.readPage(number)
	if err != nil {
		return nil, err
	}
	same := there && (bytes.Equal(c.page, c.body()) || !whole && c.explains(seeds))
	if same {
		copy(c.body(), c.page)
	}
	image := crc64nvme.Checksum(c.body())
	if before, ok := c.before[number]; same && (!ok || before != image) {
		c.verdict.mixed = true
	}
	if committed {
		c.newest[number] = image
		if !whole && !same {
			c.verdict.unknown++
		}
	}
	return next, nil
}

// body is what is compared of the page in the frame.
func (c *logComparison) body() []byte { return c.frame[frameHeader:][:pageBody] }

// mend tells whether the frame is whole, or gives back the byte that was changed, if it is only one. chain is the
// checksum as it was written.
func (c *logComparison) mend(seeds []sum) (chain sum, whole bool) {
	got := c.frame.sum()
	for _, seed := range seeds {
		want := c.frame.computed(seed, c.big)
		if nearSum(want, got) {
			return want, true
		}
		at, before, found := c.changedWord(sum{got[0] - want[0], got[1] - want[1]})
		switch {
		case !found:
		case c.big:
			binary.BigEndian.PutUint32(c.frame[at:], before)
			return got, true
		default:
			binary.LittleEndian.PutUint32(c.frame[at:], before)
			return got, true
		}
	}
	return c.frame.computed(seeds[0], c.big), false
}

// readPage reads a page of the database and tells whether it has it.
func (c *logComparison) readPage(number uint32) (there bool, err error) {
	if number == 0 {
		return false, nil
	}
	_, err = c.db.ReadAt(c.page, (int64(number)-1)*pageSize)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return err == nil, err
}

// explains tells whether the frame had the checksum that it has when its page was that of the database.
func (c *logComparison) explains(seeds []sum) bool {
	for _, seed := range seeds {
		with := seed.add(c.frame[:8], c.big).add(c.page, c.big).add(c.frame[frameHeader+pageBody:], c.big)
		if with == c.frame.sum() {
			return true
		}
	}
	return false
}

// conclude compares the newest image of each page once all frames were seen.
func (c *logComparison) conclude() (logVerdict, error) {
	c.verdict.all = c.salted && c.verdict.unknown == 0 && len(c.newest) > 0
	for number, image := range c.newest {
		if !c.verdict.all {
			break
		}
		there, err := c.readPage(number)
		if err != nil {
			return c.verdict, err
		}
		c.verdict.all = there && crc64nvme.Checksum(c.page) == image
	}
	return c.verdict, nil
}
