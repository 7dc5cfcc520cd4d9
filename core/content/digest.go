package content

import (
	"crypto/sha1"
	"hash"
	"hash/crc32"
	"sync"

	"trivium/core/digest"
)

// DigestSet names digests and checksums of a body.
type DigestSet uint8

// The members of a set. CRC64NVME is computed whether it is asked for or not.
const (
	MD5 DigestSet = 1 << iota
	SHA256
	SHA1
	CRC32
	CRC32C
	CRC64NVME
)

// Has tells whether every member of m is in s.
func (s DigestSet) Has(m DigestSet) bool { return s&m == m }

// Digests are what was computed over a body. Only the members in Set are valid.
type Digests struct {
	Size      int64
	Set       DigestSet
	MD5       [16]byte
	SHA256    [32]byte
	SHA1      [20]byte
	CRC32     uint32
	CRC32C    uint32
	CRC64NVME uint64
}

// inlineDigests is the size up to which digests are computed by the caller itself: below it handing the
// bytes to another goroutine costs more than it saves.
const inlineDigests = 128 << 10

// digester computes digests over a body that comes in runs. Long bodies are digested by a goroutine for each
// cryptographic digest, so that these run beside each other and beside everything else. It is reused: reset,
// write..., sum (or stop), reset... It is for one goroutine.
type digester struct {
	set          DigestSet
	size         int64
	crc32, crc3C uint32
	hashes       [3]hash.Hash // MD5, SHA-256, SHA-1; made when first needed
	castagnoli   *crc32.Table
	pool         *digest.Pool // streams that are written at the same time share its lanes
	out          Digests

	lanes []*digestLane // running goroutines
	wg    sync.WaitGroup

	mu   sync.Mutex
	cond *sync.Cond
	sent int // runs given to the lanes
}

// digestLane is the queue of one goroutine and how many runs it has done.
type digestLane struct {
	runs chan []byte
	done int // guarded by digester.mu
}

// digestQueue is how many runs a digest may be behind. Beyond it the body is not read any further.
const digestQueue = 64

// newDigester makes a digester; reset makes it ready.
func newDigester(pool *digest.Pool) *digester {
	d := &digester{castagnoli: crc32.MakeTable(crc32.Castagnoli), pool: pool}
	d.cond = sync.NewCond(&d.mu)
	return d
}

// reset begins a body.
func (d *digester) reset(set DigestSet) {
	d.set, d.size, d.crc32, d.crc3C = set, 0, 0, 0
	d.lanes, d.sent = d.lanes[:0], 0
	for i, m := range [...]DigestSet{MD5, SHA256, SHA1} {
		switch {
		case !set.Has(m):
		case d.hashes[i] != nil:
			d.hashes[i].Reset()
		default:
			d.hashes[i] = [...]func() hash.Hash{d.pool.MD5, d.pool.SHA256, sha1.New}[i]()
		}
	}
}

// write takes the next run of the body and returns its number for wait: b must not change before.
func (d *digester) write(b []byte) int {
	d.size += int64(len(b))
	if d.set.Has(CRC32) {
		d.crc32 = crc32.Update(d.crc32, crc32.IEEETable, b)
	}
	if d.set.Has(CRC32C) {
		d.crc3C = crc32.Update(d.crc3C, d.castagnoli, b)
	}
	if len(d.lanes) == 0 && d.size > inlineDigests {
		d.start()
	}
	if len(d.lanes) == 0 {
		d.each(func(h hash.Hash) { h.Write(b) })
		return d.sent
	}
	d.sent++
	for _, l := range d.lanes {
		l.runs <- b
	}
	return d.sent
}

// each calls fn for each cryptographic digest of the set.
func (d *digester) each(fn func(hash.Hash)) {
	for i, m := range [...]DigestSet{MD5, SHA256, SHA1} {
		if d.set.Has(m) {
			fn(d.hashes[i])
		}
	}
}

// start gives each digest a goroutine; sum or stop waits for them.
func (d *digester) start() {
	d.each(func(h hash.Hash) {
		l := &digestLane{runs: make(chan []byte, digestQueue)}
		d.lanes = append(d.lanes, l)
		d.wg.Go(func() {
			for b := range l.runs {
				h.Write(b)
				d.mu.Lock()
				l.done++
				d.mu.Unlock()
				d.cond.Signal()
			}
		})
	})
}

// passed tells whether every digest is through with run n.
func (d *digester) passed(n int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.behind(n)
}

// wait returns when every digest is through with run n.
func (d *digester) wait(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for !d.behind(n) {
		d.cond.Wait()
	}
}

// behind tells whether every lane is through with run n. The caller has the lock.
func (d *digester) behind(n int) bool {
	for _, l := range d.lanes {
		if l.done < n {
			return false
		}
	}
	return true
}

// stop ends the goroutines after what was written.
func (d *digester) stop() {
	for _, l := range d.lanes {
		close(l.runs)
	}
	d.wg.Wait()
	d.lanes = d.lanes[:0]
}

// sum ends the body and returns its digests; the CRC64NVME comes from the blocks' checksums.
func (d *digester) sum(crc64 uint64) Digests {
	d.stop()
	out := &d.out // hashes would make a local one escape
	*out = Digests{Size: d.size, Set: d.set | CRC64NVME, CRC32: d.crc32, CRC32C: d.crc3C, CRC64NVME: crc64}
	if d.set.Has(MD5) {
		d.hashes[0].Sum(out.MD5[:0])
	}
	if d.set.Has(SHA256) {
		d.hashes[1].Sum(out.SHA256[:0])
	}
	if d.set.Has(SHA1) {
		d.hashes[2].Sum(out.SHA1[:0])
	}
	return *out
}
