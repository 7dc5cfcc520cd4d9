package content

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/minio/crc64nvme"
	"go.uber.org/goleak"

	"trivium/drivers"
	"trivium/drivers/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// space is a memory space whose calls a test can hold up or fail.
type space struct {
	drivers.Driver
	mu     sync.Mutex
	onPut  func(ctx context.Context, name string) error
	onOpen func(ctx context.Context, name string) error
	calls  map[string]int
}

func (d *space) count(call string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.calls == nil {
		d.calls = map[string]int{}
	}
	d.calls[call]++
}

func (d *space) Put(ctx context.Context, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
	d.count("put")
	if d.onPut != nil {
		if err := d.onPut(ctx, name); err != nil {
			return err
		}
	}
	return d.Driver.Put(ctx, name, body, size, opts)
}

func (d *space) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	d.count("open")
	if d.onOpen != nil {
		if err := d.onOpen(ctx, name); err != nil {
			return nil, err
		}
	}
	return d.Driver.Open(ctx, name, offset, length)
}

// lab is a store over memory spaces 1..n, each a domain of its own.
type lab struct {
	*Store
	t       testing.TB
	spaces  []*space
	blobs   map[BlobID]Blob
	mu      sync.Mutex
	garbage []Blob
	damage  []ShardRef
}

func testKey(id uint32) ([]byte, error) {
	if id == 99 {
		return nil, errors.New("lost")
	}
	return bytes.Repeat([]byte{byte(id)}, 32), nil
}

func newLab(t testing.TB, n int, change ...func(*Config)) *lab {
	l := &lab{t: t, blobs: map[BlobID]Blob{}}
	cfg := Config{
		StoreID: [16]byte{1, 2, 3}, Incarnation: 7, Spaces: &Spaces{}, Budget: NewBudget(0), Key: testKey,
		Garbage: func(b Blob) { l.mu.Lock(); defer l.mu.Unlock(); l.garbage = append(l.garbage, b) },
		Damage: func(_ BlobID, ref ShardRef, _ error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.damage = append(l.damage, ref)
		},
	}
	for i := range n {
		d := &space{Driver: memory.New()}
		l.spaces = append(l.spaces, d)
		cfg.Spaces.Set(Space{ID: SpaceID(i + 1), Driver: d, WorkingDir: "trv", Domain: fmt.Sprint("d", i)})
	}
	for _, c := range change {
		c(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l.Store = s
	t.Cleanup(func() {
		s.Wait()
		if st := cfg.Budget.Stats(); st.Used != 0 || st.Waiting != 0 {
			t.Errorf("budget at the end: %+v, want nothing used", st)
		}
	})
	return l
}

// collected returns how many blobs were handed over as garbage.
func (l *lab) collected() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.garbage)
}

func (l *lab) target(p Policy, key uint32) Target {
	t := Target{Policy: p, KeyID: key}
	for _, sp := range l.cfg.Spaces.All() {
		t.Spaces = append(t.Spaces, sp.ID)
	}
	return t
}

const allDigests = MD5 | SHA256 | SHA1 | CRC32 | CRC32C

// put stores data and remembers its blobs; known says whether the size is announced.
func (l *lab) put(data []byte, tg Target, known bool) *Written {
	l.t.Helper()
	size := int64(-1)
	if known {
		size = int64(len(data))
	}
	w, err := l.Put(context.Background(), bytes.NewReader(data), PutRequest{Target: tg, Size: size, Digests: allDigests})
	if err != nil {
		l.t.Fatalf("Put(%d bytes, %+v) = %v", len(data), tg.Policy, err)
	}
	w.Committed()
	l.remember(w)
	w.Close()
	return w
}

func (l *lab) remember(w *Written) {
	for _, b := range w.Blobs {
		l.blobs[b.ID] = b
	}
}

func (l *lab) resolve(_ context.Context, id BlobID) (Located, error) {
	b, ok := l.blobs[id]
	if !ok {
		return Located{}, errors.New("no such blob")
	}
	return Located{Blob: b}, nil
}

// pieces names bytes from, to of what was written.
func pieces(w *Written, from, to int64) []Piece {
	var list []Piece
	var at int64
	for _, b := range w.Blobs {
		lo, hi := max(from-at, 0), min(to-at, b.Size)
		if lo < hi {
			list = append(list, Piece{b.ID, lo, hi - lo})
		}
		at += b.Size
	}
	return list
}

// read reads bytes from, to of what was written.
func (l *lab) read(w *Written, from, to int64) ([]byte, error) {
	r, err := l.Open(context.Background(), pieces(w, from, to), l.resolve)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	buf := bytes.NewBuffer(make([]byte, 0, to-from))
	_, err = r.WriteTo(buf)
	return buf.Bytes(), err
}

func (l *lab) wantRead(w *Written, data []byte, from, to int64) {
	l.t.Helper()
	c := &comparer{want: data[from:to]}
	r, err := l.Open(context.Background(), pieces(w, from, to), l.resolve)
	if err == nil {
		_, err = r.WriteTo(c)
		r.Close()
	}
	if err != nil || len(c.want) > 0 {
		l.t.Fatalf("read %d..%d of %d (%v, runs %v): %v, %d bytes are missing", from, to, len(data), layoutOf(w),
			runsOf(w), err, len(c.want))
	}
}

// comparer is a writer that fails at the first byte that is not the wanted one.
type comparer struct{ want []byte }

func (c *comparer) Write(p []byte) (int, error) {
	if !bytes.HasPrefix(c.want, p) {
		return 0, errors.New("wrong bytes")
	}
	c.want = c.want[len(p):]
	return len(p), nil
}

func layoutOf(w *Written) string {
	if len(w.Blobs) == 0 {
		return "no blob"
	}
	l := w.Blobs[0].Layout
	return fmt.Sprint(l.Redundancy, l.K, "/", l.N)
}

func runsOf(w *Written) (runs []Run) {
	for _, b := range w.Blobs {
		runs = append(runs, b.Layout.Runs...)
	}
	return runs
}

// noise is what random takes its bytes from.
var noise = func() []byte {
	b := make([]byte, 16<<20)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
}()

// random returns n bytes that are hardly those of another n.
func random(n int) []byte {
	at := n * 7919 % (len(noise) - n)
	return noise[at : at+n : at+n]
}

func policies() map[string]Policy {
	const chunk = 128 << 10
	return map[string]Policy{
		"none":   {ChunkSize: 512 << 10},
		"rep2":   {Redundancy: Copies, N: 2, ChunkSize: chunk},
		"ec2of3": {Redundancy: ErasureCoded, K: 2, N: 3, ChunkSize: chunk},
		"ec4of6": {Redundancy: ErasureCoded, K: 4, N: 6, ChunkSize: 320 << 10},
		"ec1of3": {Redundancy: ErasureCoded, K: 1, N: 3, ChunkSize: chunk},
		"lrc":    {Redundancy: LocallyRepairable, K: 4, N: 8, Groups: []int{2, 2}, ChunkSize: chunk},
	}
}

// thinned returns n, or fewer when the race detector is on.
func thinned(n, fewer int) int {
	if raceEnabled {
		return fewer
	}
	return n
}

func sizes(p Policy) []int {
	b, s := int(p.block()), int(p.Chunk())*p.Data()
	small := int(p.effective().small())
	stripe := b * p.Data()
	list := []int{
		0, 1, 17, 4096, b - 1, b, b + 1, s - 1, s, s + 1, 2*s + b + 5, stripe - 1, stripe, stripe + 1, stripe + b,
		stripe + b + 3, 64<<10 - 1, 64 << 10, 64<<10 + 1, 128 << 10, 128<<10 + 1,
	}
	if small > 0 {
		list = append(list, small-1, small, small+1)
	}
	slices.Sort(list)
	list = slices.Compact(list)
	if raceEnabled { // every third, the longest among them
		thin := list[:0]
		for i := (len(list) - 1) % 3; i < len(list); i += 3 {
			thin = append(thin, list[i])
		}
		return thin
	}
	return list
}

func TestRoundTrip(t *testing.T) {
	for name, p := range policies() {
		for _, key := range []uint32{0, 5} {
			for _, known := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/key=%d/known=%v", name, key, known), func(t *testing.T) {
					t.Parallel()
					l, late := newLab(t, 9), 0
					for _, n := range sizes(p) {
						data := random(n)
						w := l.put(data, l.target(p, key), known)
						late += len(w.Repairs)
						checkWritten(t, w, data)
						l.wantRead(w, data, 0, int64(n))
						l.wipe(w)
					}
					if len(l.damage) > 0 && late == 0 {
						t.Errorf("damage reported: %v", l.damage)
					}
				})
			}
		}
	}
}

func checkWritten(t *testing.T, w *Written, data []byte) {
	t.Helper()
	d := w.Digests
	if w.Size != int64(len(data)) || d.Size != w.Size || d.MD5 != md5.Sum(data) || d.SHA256 != sha256.Sum256(data) ||
		d.CRC64NVME != crc64nvme.Checksum(data) {
		t.Fatalf("Put(%d bytes): size %d, digests %+v, repairs %v", len(data), w.Size, d, w.Repairs)
	}
	var size int64
	for _, b := range w.Blobs {
		size += b.Size
		if err := b.Layout.Validate(); err != nil || b.Size != b.Layout.Size {
			t.Fatalf("layout of %d bytes: %v", b.Size, err)
		}
		raw, err := b.Layout.MarshalBinary()
		var back Layout
		if err != nil || back.UnmarshalBinary(raw) != nil || fmt.Sprint(back) != fmt.Sprint(b.Layout) {
			t.Fatalf("layout %+v becomes %+v (%v)", b.Layout, back, err)
		}
	}
	if len(w.Blobs) == 1 && (w.Blobs[0].CRC64 != d.CRC64NVME || w.Blobs[0].SHA256 != d.SHA256) {
		t.Fatalf("blob of %d bytes has other digests than its content", size)
	}
	if size != int64(len(data)) {
		t.Fatalf("blobs of %d bytes for %d", size, len(data))
	}
}

func TestRanges(t *testing.T) {
	for name, p := range policies() {
		for _, key := range []uint32{0, 5} {
			t.Run(fmt.Sprintf("%s/key=%d", name, key), func(t *testing.T) {
				t.Parallel()
				l := newLab(t, 9)
				seg, b := p.Chunk()*int64(p.Data()), p.block()
				data := random(int(2*seg + seg/2 + 333))
				w := l.put(data, l.target(p, key), true)
				var borders []int64
				for _, x := range []int64{0, b, 2 * b, b * int64(p.Data()), seg, seg + b, 2 * seg, int64(len(data))} {
					borders = append(borders, x-1, x, x+1)
				}
				for i, from := range borders {
					for j, to := range borders {
						if (i+j)%thinned(4, 15) == 0 && from >= 0 && from < to && to <= int64(len(data)) {
							l.wantRead(w, data, from, to)
						}
					}
				}
			})
		}
	}
}

func TestReadInSmallSteps(t *testing.T) {
	l := newLab(t, 3)
	data := random(700_001)
	w := l.put(data, l.target(Policy{Redundancy: ErasureCoded, K: 2, N: 3, ChunkSize: 64 << 10}, 0), false)
	r, err := l.Open(t.Context(), pieces(w, 0, w.Size), l.resolve)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := iotest.TestReader(r, data); err != nil {
		t.Fatal(err)
	}
}

func TestInline(t *testing.T) {
	l := newLab(t, 3)
	for _, p := range []Policy{{}, {Redundancy: ErasureCoded, K: 2, N: 3}, {ChunkSize: 64 << 10}} {
		for _, limit := range []int64{1, 16 << 10, 64 << 10} {
			for _, n := range []int64{0, limit - 1, limit, limit + 1} {
				for _, size := range []int64{n, -1} {
					data := random(int(n))
					w, err := l.Put(t.Context(), bytes.NewReader(data),
						PutRequest{Target: l.target(p, 3), Size: size, Inline: limit, Digests: allDigests})
					if err != nil {
						t.Fatalf("Put(%d, inline %d) = %v", n, limit, err)
					}
					inline := n <= limit && (size >= 0 || n < p.Chunk())
					if inline && !bytes.Equal(w.Inline, data) || inline != (len(w.Blobs) == 0) {
						t.Errorf("Put(%d, size %d, inline %d): inline %d bytes, %d blobs", n, size, limit, len(w.Inline), len(w.Blobs))
					}
					if w.Digests.MD5 != md5.Sum(data) || w.Digests.CRC64NVME != crc64nvme.Checksum(data) {
						t.Errorf("Put(%d, size %d, inline %d): wrong digests", n, size, limit)
					}
					l.remember(w)
					if !inline {
						l.wantRead(w, data, 0, n)
					}
					w.Close()
				}
			}
		}
	}
}

func TestSeveralBlobs(t *testing.T) {
	const most = 1 << 20
	l := newLab(t, 4, func(c *Config) { c.MaxBlob = most })
	for _, n := range []int{most - 1, most, most + 1, 2 * most, 3*most + 77} {
		for _, known := range []bool{true, false} {
			data := random(n)
			w := l.put(data, l.target(Policy{Redundancy: ErasureCoded, K: 2, N: 4, ChunkSize: 192 << 10}, 1), known)
			if want := (n + most - 1) / most; len(w.Blobs) != want {
				t.Errorf("Put(%d) makes %d blobs, want %d", n, len(w.Blobs), want)
			}
			if w.Digests.CRC64NVME != crc64nvme.Checksum(data) {
				t.Errorf("Put(%d): wrong CRC over several blobs", n)
			}
			l.wantRead(w, data, 0, int64(n))
			l.wantRead(w, data, int64(n)/3, int64(n)-1)
		}
	}
}

func TestBodySize(t *testing.T) {
	l := newLab(t, 3)
	broken := errors.New("line dropped")
	for _, p := range []Policy{{}, {Redundancy: Copies, N: 2}, {Redundancy: ErasureCoded, K: 2, N: 3, ChunkSize: 64 << 10}} {
		for _, n := range []int{0, 1, 1000, 100_000, 1 << 20} {
			for _, more := range []int{-1, 1} {
				_, err := l.Put(t.Context(), bytes.NewReader(make([]byte, max(0, n+more))),
					PutRequest{Target: l.target(p, 0), Size: int64(n), Digests: MD5, Inline: 1000})
				if want := n+more >= 0; errors.Is(err, ErrBodySize) != want && want {
					t.Errorf("Put(%d bytes, size %d) = %v, want ErrBodySize", n+more, n, err)
				}
			}
			for _, size := range []int64{int64(n) + 5, -1} {
				body := io.MultiReader(bytes.NewReader(make([]byte, n)), iotest.ErrReader(broken))
				_, err := l.Put(t.Context(), body, PutRequest{Target: l.target(p, 0), Size: size, Digests: SHA256})
				if !errors.Is(err, broken) {
					t.Errorf("Put of a body that breaks after %d = %v, want its error", n, err)
				}
			}
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	l := newLab(t, 3)
	bad := errors.New("bad digest")
	data := random(3 << 20)
	for _, p := range []Policy{{ChunkSize: 1 << 20}, {Redundancy: ErasureCoded, K: 2, N: 3, ChunkSize: 512 << 10}} {
		l.garbage = nil
		w, err := l.Put(t.Context(), bytes.NewReader(data), PutRequest{
			Target: l.target(p, 0), Size: -1, Digests: MD5,
			Verify: func(d Digests) error {
				if d.MD5 != md5.Sum(data) {
					t.Error("Verify sees another MD5")
				}
				return bad
			},
		})
		l.Wait()
		if w != nil || !errors.Is(err, bad) || len(l.garbage) != 1 || l.garbage[0].Size != int64(len(data)) {
			t.Errorf("Put = %v, %v, garbage %v; want the refusal and one blob", w, err, l.garbage)
		}
		for p := range l.garbage[0].Layout.Places() {
			if err := l.RemoveShard(t.Context(), l.garbage[0].ID, p); err != nil {
				t.Errorf("remove %v: %v", p, err)
			}
		}
		l.wantEmpty()
	}
}

// wipe removes what was written from the spaces.
func (l *lab) wipe(w *Written) {
	l.Wait()
	for _, b := range w.Blobs {
		for p := range b.Layout.Places() {
			if err := l.RemoveShard(context.Background(), b.ID, p); err != nil {
				l.t.Error(err)
			}
		}
	}
}

// wantEmpty reports every name that is left in the spaces.
func (l *lab) wantEmpty() {
	l.t.Helper()
	for i, sp := range l.spaces {
		for info := range sp.List(context.Background(), "", drivers.ListOptions{Recursive: true}) {
			l.t.Errorf("space %d still has %s", i+1, info.Name)
		}
	}
}

func TestBufferedAndPacked(t *testing.T) {
	l := newLab(t, 1)
	data := random(500_000)
	w := l.put(data, l.target(Policy{}, 0), true)
	in := BlobID{1, 1}
	r, err := l.Open(t.Context(), []Piece{{in, 10, 90}, {BlobID{2, 2}, 5, 300_000}},
		func(_ context.Context, id BlobID) (Located, error) {
			if id == in {
				return Located{Data: data[:100]}, nil
			}
			return Located{Blob: w.Blobs[0], Base: 1000}, nil
		})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if want := slices.Concat(data[10:100], data[1005:301_005]); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes, %v; want %d", len(got), err, len(want))
	}
	if _, err := l.Open(t.Context(), []Piece{{w.Blobs[0].ID, 499_999, 2}}, func(context.Context, BlobID) (Located, error) {
		return Located{Blob: w.Blobs[0]}, nil
	}); !errors.Is(err, ErrFormat) {
		t.Errorf("Open behind the end = %v, want ErrFormat", err)
	}
}
