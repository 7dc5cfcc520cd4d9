// Package digest computes MD5 (RFC 1321) and SHA-256 (FIPS 180-4) of many streams at once. One stream alone is
// bound to the speed of one scalar chain; where the machine has AVX-512, streams that are written at the same
// time share one vector unit, up to 16 of them, and cost a fraction of the CPU each. It is pure and imports
// nothing of the rest.
package digest

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"hash"
	"runtime"
	"sync"
)

const (
	lanes     = 16
	blockSize = 64
	// pooled is the least run, in bytes, worth waiting for others with.
	pooled = 16 << 10
	// turn is how many blocks of each stream are digested before new streams may join.
	turn = 16 << 10 / blockSize
)

// Pool makes digests whose streams share the vector lanes. All methods may be called concurrently.
type Pool struct {
	md5, sha256 *group
}

// NewPool makes a pool. It starts no goroutine: those who write do the work, for each other too. Where the
// machine has no AVX-512, or the lanes fail their self-test, the digests are those of the standard library;
// SHA-256 also where the processor has instructions of its own for it.
func NewPool() *Pool {
	leaders := max(1, runtime.GOMAXPROCS(0)/2)
	p := &Pool{}
	if !lanesSupported() {
		return p
	}
	if g := newGroup(md5Algorithm(), leaders); g.works() {
		p.md5 = g
	}
	if g := newGroup(sha256Algorithm(), leaders); g.works() && !shaInstructions() {
		p.sha256 = g
	}
	return p
}

// MD5 returns a new MD5. Write returns when the bytes are digested.
func (p *Pool) MD5() hash.Hash { return pool(p.md5, md5.New()) }

// SHA256 returns a new SHA-256. Write returns when the bytes are digested.
func (p *Pool) SHA256() hash.Hash { return pool(p.sha256, sha256.New()) }

// pool wraps h for a group, which may be nil.
func pool(g *group, h hash.Hash) hash.Hash {
	s, ok := h.(stateful)
	if g == nil || !ok {
		return h
	}
	return &stream{stateful: s, g: g, j: job{done: make(chan struct{}, 1)}}
}

// stateful is a digest of the standard library that can export and import its state.
type stateful interface {
	hash.Hash
	encoding.BinaryUnmarshaler
	encoding.BinaryAppender
}

// algorithm says how the state of a digest is written by the standard library and which function digests 16
// messages by the block.
type algorithm struct {
	fresh func() hash.Hash
	magic int // bytes before the words of the state
	words int
	order binary.ByteOrder
	block func(state *[8][lanes]uint32, msgs *[lanes]*byte, blocks int)
}

// stream is one digest. Its state lives in the standard library's digest; long runs are digested in lanes and
// the state is put back.
type stream struct {
	stateful
	g      *group
	length uint64 // written so far
	j      job
	buf    []byte // the exported state
}

// job is a run of whole blocks that a stream waits for.
type job struct {
	state [8]uint32
	data  []byte
	done  chan struct{} // gets a value when data is digested, or when its owner is to lead
	over  bool          // data is digested; guarded by the group's lock
}

// Reset implements hash.Hash.
func (s *stream) Reset() {
	s.stateful.Reset()
	s.length = 0
}

// Write implements hash.Hash; it never fails and p may be changed when it returns.
func (s *stream) Write(p []byte) (int, error) {
	n := len(p)
	if n >= pooled {
		head := int(-s.length % blockSize)
		_, _ = s.stateful.Write(p[:head]) // a digest never fails
		body := (n - head) &^ (blockSize - 1)
		s.length += uint64(head)
		s.run(p[head : head+body])
		p = p[head+body:]
	}
	_, _ = s.stateful.Write(p)
	s.length += uint64(len(p))
	return n, nil
}

// run digests whole blocks in the group. No partial block is pending.
func (s *stream) run(data []byte) {
	a := &s.g.algorithm
	s.buf, _ = s.AppendBinary(s.buf[:0]) // never fails
	for i := range a.words {
		s.j.state[i] = a.order.Uint32(s.buf[a.magic+4*i:])
	}
	s.j.data, s.j.over = data, false
	s.g.do(&s.j)
	for i := range a.words {
		a.order.PutUint32(s.buf[a.magic+4*i:], s.j.state[i])
	}
	s.length += uint64(len(data))
	// The last eight bytes of an exported state are the length, big-endian, in both algorithms.
	binary.BigEndian.PutUint64(s.buf[len(s.buf)-8:], s.length)
	if err := s.UnmarshalBinary(s.buf); err != nil {
		panic("digest: own state refused: " + err.Error()) // the self-test has done the same
	}
}

// group digests the jobs of one algorithm. There are at most max leaders at a time: goroutines that digest what
// waits, their own job among it, and then pass the lead on.
type group struct {
	algorithm
	max int

	mu      sync.Mutex
	waiting []*job
	leaders int
}

// newGroup makes a group.
func newGroup(a algorithm, leaders int) *group { return &group{algorithm: a, max: leaders} }

// do returns when j is digested.
func (g *group) do(j *job) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.leaders == g.max {
		g.waiting = append(g.waiting, j)
		g.mu.Unlock()
		<-j.done
		g.mu.Lock()
		if j.over {
			return
		}
	} else {
		g.leaders++
	}
	g.lead(j)
}

// lead digests own, and what waits beside it, until own is done. Then it makes a waiting stream the leader, if
// there is one. own is in no queue. The caller has the lock; lead gives it up while it works.
func (g *group) lead(own *job) {
	active := []*job{own}
	for !own.over {
		active = g.board(active)
		g.mu.Unlock()
		g.turn(active)
		g.mu.Lock()
		active = leave(active, own)
	}
	// Streams in the middle of their run go back to the head of the queue, where the next leader finds them.
	g.waiting = append(active, g.waiting...)
	if len(g.waiting) == 0 {
		g.leaders--
		return
	}
	next := g.waiting[0]
	g.waiting = g.waiting[1:]
	next.done <- struct{}{}
}

// board fills the lanes from the queue. The caller has the lock.
func (g *group) board(active []*job) []*job {
	n := min(len(g.waiting), lanes-len(active))
	active = append(active, g.waiting[:n]...)
	g.waiting = g.waiting[n:]
	return active
}

// leave takes out the jobs that are digested and tells their owners, but for own, whose owner is the caller.
func leave(active []*job, own *job) []*job {
	left := active[:0]
	for _, j := range active {
		if len(j.data) > 0 {
			left = append(left, j)
			continue
		}
		j.over = true
		if j != own {
			j.done <- struct{}{}
		}
	}
	return left
}

// turn digests the next blocks of the active jobs: as many of each as the shortest has, up to a turn.
func (g *group) turn(active []*job) {
	if len(active) == 1 {
		g.alone(active[0])
		return
	}
	blocks := turn
	for _, j := range active {
		blocks = min(blocks, len(j.data)/blockSize)
	}
	var state [8][lanes]uint32
	var msgs [lanes]*byte
	for i := range lanes {
		j := active[i%len(active)] // lanes to spare repeat a stream; what they make is dropped
		msgs[i] = &j.data[0]
		for w := range g.words {
			state[w][i] = j.state[w]
		}
	}
	g.block(&state, &msgs, blocks)
	for i, j := range active {
		for w := range g.words {
			j.state[w] = state[w][i]
		}
		j.data = j.data[blocks*blockSize:]
	}
}

// alone digests a turn of a single job by the standard library, which is faster for one than the lanes.
func (g *group) alone(j *job) {
	n := min(len(j.data), turn*blockSize)
	h, ok := g.fresh().(stateful)
	if !ok {
		panic("digest: state cannot be imported") // pool has seen that it can
	}
	buf, _ := h.AppendBinary(make([]byte, 0, 128)) // longer than either state: at once, not in five steps
	for i, w := range j.state[:g.words] {
		g.order.PutUint32(buf[g.magic+4*i:], w)
	}
	if err := h.UnmarshalBinary(buf); err != nil {
		panic("digest: own state refused: " + err.Error())
	}
	_, _ = h.Write(j.data[:n])
	buf, _ = h.AppendBinary(buf[:0])
	for i := range g.words {
		j.state[i] = g.order.Uint32(buf[g.magic+4*i:])
	}
	j.data = j.data[n:]
}

// works tests what this package assumes of exported states, and the lanes, against the standard library.
func (g *group) works() bool {
	data := make([]byte, pooled+lanes*blockSize)
	for i := range data {
		data[i] = byte(i*i>>7 + i)
	}
	for n := range blockSize {
		s, ok := pool(g, g.fresh()).(*stream)
		if !ok {
			return false
		}
		exported, err := s.AppendBinary(nil)
		if err != nil || len(exported) < g.magic+4*g.words+blockSize+8 {
			return false
		}
		whole := g.fresh()
		for _, part := range [][]byte{data[:n], data[n:], data[:1]} {
			_, _ = s.Write(part)
			_, _ = whole.Write(part)
		}
		if !bytes.Equal(whole.Sum(nil), s.Sum(nil)) {
			return false
		}
	}
	return g.lanesWork(data)
}

// lanesWork compares a turn of all lanes with the same blocks digested alone.
func (g *group) lanesWork(data []byte) bool {
	var together, apart []*job
	for i := range lanes {
		run := data[i*blockSize:][:4*blockSize]
		state := [8]uint32{uint32(i), 1 << 31, 3: 12345}
		clear(state[g.words:])
		together = append(together, &job{state: state, data: run})
		apart = append(apart, &job{state: state, data: run})
	}
	g.turn(together)
	for i, j := range apart {
		g.alone(j)
		if together[i].state != j.state || len(together[i].data) != 0 {
			return false
		}
	}
	return true
}

// md5Algorithm and sha256Algorithm say how the two are exported by the standard library.
func md5Algorithm() algorithm {
	return algorithm{fresh: md5.New, magic: 4, words: 4, order: binary.BigEndian, block: md5x16}
}

func sha256Algorithm() algorithm {
	return algorithm{fresh: sha256.New, magic: 4, words: 8, order: binary.BigEndian, block: sha256x16}
}
