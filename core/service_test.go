package core_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"trivium/core"
	"trivium/core/content"
	"trivium/drivers"
	"trivium/drivers/local"
	"trivium/drivers/memory"
)

func TestOpenNeedsStoreAndKeys(t *testing.T) {
	for _, cfg := range []core.Config{{}, {Keys: core.GenerateMasterKeys()}} {
		if _, err := core.Open(t.Context(), cfg); err == nil {
			t.Error("Open without store or keys = nil error")
		}
	}
}

func TestCloseTwiceAndReady(t *testing.T) {
	s, h := open(t, harness{})
	ok(t, "ready", s.Ready(t.Context()))
	ok(t, "close", s.Close(t.Context()))
	ok(t, "close again", s.Close(t.Context()))
	wantCode(t, "Ready after Close", s.Ready(t.Context()), core.Unavailable)
	if l := h.leases(t); len(l) != 1 || !l[0].Dead {
		t.Errorf("leases after Close = %+v, want one that is dead", l)
	}
}

// A start ends the leases of processes before it, and only those.
func TestLeases(t *testing.T) {
	clk := newClock()
	h := harness{change: func(c *core.Config) { c.Now = clk.now }}
	first, err := h.start(t)
	ok(t, "open", err)
	clk.advance(time.Second)
	second, err := h.start(t) // the first one never closed: as after kill -9
	ok(t, "open again", err)
	a, b := first.Maintenance().Incarnation, second.Maintenance().Incarnation
	if a == b || a == 0 || b == 0 {
		t.Fatalf("incarnations %d and %d", a, b)
	}
	dead := make(map[uint64]bool)
	for _, l := range h.leases(t) {
		dead[l.Incarnation] = l.Dead
	}
	if len(dead) != 2 || !dead[a] || dead[b] {
		t.Errorf("dead leases = %v, want that of %d alone", dead, a)
	}
	wantCode(t, "Ready of the fenced one", first.Ready(t.Context()), core.ReadOnly)
	ok(t, "ready of the other", second.Ready(t.Context()))

	h.update(t, func(ctx context.Context, tx core.MetaTx) error {
		for i := range uint64(150) { // starts of long before
			if err := tx.PutLease(ctx, core.Lease{Incarnation: i + 1, Dead: true, RenewTime: int64(i)}); err != nil {
				return err
			}
		}
		return nil
	})
	clk.advance(31 * 24 * time.Hour)
	_, err = h.start(t)
	ok(t, "open much later", err)
	kept := make(map[uint64]bool)
	for _, l := range h.leases(t) {
		kept[l.Incarnation] = true
	}
	// The marker of a space may name any of the last processes.
	if len(kept) != 101 || !kept[a] || !kept[b] || kept[1] || !kept[150] {
		t.Errorf("%d leases after a month, want the running one's and the 100 newest", len(kept))
	}
}

// A process whose lease ended commits nothing any more.
func TestFencedWriterIsRefused(t *testing.T) {
	s, h := open(t, harness{})
	ctx := t.Context()
	_, _, err := s.Bootstrap(ctx, core.BootstrapOptions{})
	ok(t, "bootstrap", err)
	p, _ := s.Session(core.System("t")).User(ctx, "root")
	root := s.Session(core.Principal{UserID: p.ID, Name: "root", Admin: true})
	_, err = root.CreateBucket(ctx, "bucket", core.CreateBucketOptions{})
	ok(t, "create bucket", err)
	h.update(t, func(ctx context.Context, tx core.MetaTx) error {
		return tx.PutLease(ctx, core.Lease{Incarnation: s.Maintenance().Incarnation, Dead: true})
	})
	_, err = root.PutObject(ctx, "bucket", "key", strings.NewReader("x"), 1, core.PutOptions{})
	wantCode(t, "PutObject of a fenced process", err, core.ReadOnly)
	_, err = root.StatObject(ctx, "bucket", "key", core.GetOptions{})
	wantCode(t, "StatObject", err, core.NoSuchKey)
}

// The lease is renewed every 20 s, and a lost one is found then.
func TestLeaseRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, h := open(t, harness{})
		start := h.leases(t)[0]
		time.Sleep(65 * time.Second)
		synctest.Wait()
		got := h.leases(t)[0]
		if d := time.Duration(got.RenewTime - start.RenewTime); d != 60*time.Second {
			t.Errorf("after 65 s the lease was renewed at %v, want 1m0s", d)
		}
		h.update(t, func(ctx context.Context, tx core.MetaTx) error {
			return tx.DeleteLease(ctx, got.Incarnation)
		})
		time.Sleep(20 * time.Second)
		synctest.Wait()
		_, err := s.Session(core.System("t")).CreateUser(t.Context(), "alice", "", false)
		wantCode(t, "a change without a lease", err, core.ReadOnly)
	})
}

// spaceKind is a kind with a secret whose openings a test sees and can fail.
type spaceKind struct {
	opened atomic.Int64
	fail   atomic.Bool
	config atomic.Value // drivers.Config of the last opening
}

func (k *spaceKind) kind() drivers.Kind {
	inner := memoryKind()
	return drivers.Kind{
		Name: "Test",
		Fields: []drivers.Field{
			{Name: "endpoint", Required: true}, {Name: "account"}, {Name: "secretKey", Secret: true},
		},
		Validate: func(c drivers.Config) error {
			if c["endpoint"] == "" {
				return errors.New("endpoint: it is missing")
			}
			return nil
		},
		Open: func(ctx context.Context, name string, c drivers.Config) (drivers.Driver, error) {
			if k.fail.Load() {
				return nil, errors.New("the cloud is away")
			}
			k.opened.Add(1)
			k.config.Store(c)
			return inner.Open(ctx, name, drivers.Config{"name": name})
		},
	}
}

func seedTest(config drivers.Config) func(*core.Config) {
	return func(c *core.Config) { c.Spaces = []core.SpaceSeed{{Name: "cloud", Kind: "Test", Config: config}} }
}

// spaceRows returns the rows of spaces.
func (h *harness) spaceRows(t *testing.T) (rows []core.Space) {
	t.Helper()
	h.view(t, func(ctx context.Context, tx core.MetaTx) error {
		var err error
		rows, err = tx.Spaces(ctx)
		return err
	})
	return rows
}

// Seeds become rows once, their secrets sealed; later starts open the rows and do not look at the seeds.
func TestSeedSpaces(t *testing.T) {
	k := new(spaceKind)
	h := harness{kinds: []drivers.Kind{k.kind()}}
	h.change = seedTest(drivers.Config{"endpoint": "https://c.example", "account": "a1", "secretKey": "hunter22"})
	s, err := h.start(t)
	ok(t, "open", err)
	ok(t, "ready", s.Ready(t.Context()))
	rows := h.spaceRows(t)
	if len(rows) != 1 {
		t.Fatalf("%d rows of spaces, want 1", len(rows))
	}
	row := rows[0]
	if row.Config["secretKey"] != "" || bytes.Contains(row.Secrets, []byte("hunter22")) || len(row.Secrets) == 0 {
		t.Errorf("the secret is not sealed: %v", row.Config)
	}
	if row.Domain != "test https://c.example a1" || row.State != "active" || row.Weight != 1 || !row.Sealed {
		t.Errorf("row = domain %q, state %q, weight %v, sealed %v", row.Domain, row.State, row.Weight, row.Sealed)
	}
	ok(t, "close", s.Close(t.Context()))

	h.change = seedTest(drivers.Config{"endpoint": "https://other.example"})
	_, err = h.start(t)
	ok(t, "open again", err)
	c, _ := k.config.Load().(drivers.Config)
	if c["endpoint"] != "https://c.example" || c["secretKey"] != "hunter22" {
		t.Errorf("the second start opened endpoint %q, or with another secret", c["endpoint"])
	}
	if n := len(h.spaceRows(t)); n != 1 {
		t.Errorf("%d rows after the second start, want 1", n)
	}
}

// A start whose seeds are wrong says which, and leaves nothing.
func TestSeedSpacesRefused(t *testing.T) {
	k := new(spaceKind)
	for _, tc := range []struct {
		name   string
		change func(*core.Config)
		want   string
	}{
		{"unknown kind", func(c *core.Config) { c.Spaces = []core.SpaceSeed{{Name: "x", Kind: "Foo"}} }, "Foo"},
		{"invalid", seedTest(drivers.Config{}), "endpoint"},
		{"volatile", func(c *core.Config) {
			seedTest(drivers.Config{"endpoint": "e"})(c)
			c.Volatile = false
		}, "lose its content"},
	} {
		h := harness{kinds: []drivers.Kind{k.kind()}, change: tc.change}
		_, err := h.start(t)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: Open = %v, want an error with %q", tc.name, err, tc.want)
		}
		if n := len(h.spaceRows(t)); n != 0 {
			t.Errorf("%s: %d rows of spaces are left", tc.name, n)
		}
	}
}

// A space that does not open holds up nothing; it comes back with a later try.
func TestSpaceComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := new(spaceKind)
		h := harness{kinds: []drivers.Kind{k.kind()}, change: seedTest(drivers.Config{"endpoint": "e"})}
		s, err := h.start(t)
		ok(t, "open", err)
		ok(t, "close", s.Close(t.Context()))
		k.fail.Store(true)
		s, err = h.start(t)
		ok(t, "open without the cloud", err)
		wantCode(t, "Ready without a space", s.Ready(t.Context()), core.Unavailable)
		k.fail.Store(false)
		time.Sleep(25 * time.Second)
		synctest.Wait()
		ok(t, "ready again", s.Ready(t.Context()))
	})
}

// stores are memory spaces that two installations can both see.
func sharedKind() drivers.Kind { return memory.Kind(new(memory.Registry)) }

// A space of another store is never written to, and the Service says so.
func TestForeignSpaceTurnsReadOnly(t *testing.T) {
	kind := sharedKind()
	mine, _ := open(t, harness{kinds: []drivers.Kind{kind}})
	ok(t, "ready", mine.Ready(t.Context()))
	theirs, _ := open(t, harness{kinds: []drivers.Kind{kind}})
	wantCode(t, "Ready on a foreign space", theirs.Ready(t.Context()), core.ReadOnly)
	_, err := theirs.Session(core.System("t")).CreateUser(t.Context(), "alice", "", false)
	wantCode(t, "CreateUser on a foreign space", err, core.ReadOnly)
	ok(t, "the owner is still ready", mine.Ready(t.Context()))
}

// A server whose store was recovered elsewhere finds out at the next renewal, or when collect asks.
func TestNewerEpochTurnsReadOnly(t *testing.T) {
	s, _ := open(t, harness{})
	m := s.Maintenance()
	ok(t, "markers", m.CheckMarkers(t.Context()))
	_, err := content.ClaimSpace(t.Context(), m.Spaces.All()[0], content.Claim{StoreID: m.StoreID, Epoch: m.Epoch + 1})
	ok(t, "claim by a newer epoch", err)
	wantCode(t, "CheckMarkers", m.CheckMarkers(t.Context()), core.ReadOnly)
	wantCode(t, "Ready", s.Ready(t.Context()), core.ReadOnly)
}

// A copy of the store that comes back after another copy has used the space changes nothing there.
func TestCopiedStoreTurnsReadOnly(t *testing.T) {
	s, _ := open(t, harness{})
	m := s.Maintenance()
	ok(t, "markers", m.CheckMarkers(t.Context()))
	_, err := content.ClaimSpace(t.Context(), m.Spaces.All()[0], content.Claim{StoreID: m.StoreID, Epoch: m.Epoch, Writer: 4711})
	ok(t, "claim by the server of a copy", err)
	wantCode(t, "CheckMarkers", m.CheckMarkers(t.Context()), core.ReadOnly)
	wantCode(t, "Ready", s.Ready(t.Context()), core.ReadOnly)
}

// An older epoch in the marker is raised: that is what a recovered store does to its spaces.
func TestRaisedEpochClaimsSpaces(t *testing.T) {
	h := harness{kinds: []drivers.Kind{sharedKind()}}
	s, err := h.start(t)
	ok(t, "open", err)
	ok(t, "close", s.Close(t.Context()))
	h.update(t, func(ctx context.Context, tx core.MetaTx) error {
		st, err := tx.Stamp(ctx)
		if err != nil {
			return err
		}
		st.Epoch++
		return tx.SetStamp(ctx, st)
	})
	s, err = h.start(t)
	ok(t, "open again", err)
	ok(t, "ready", s.Ready(t.Context()))
	m := s.Maintenance()
	got, err := content.CheckMarker(t.Context(), m.Spaces.All()[0], content.Claim{StoreID: m.StoreID, Epoch: m.Epoch})
	if err != nil || got.Epoch != m.Epoch {
		t.Errorf("marker = %+v, %v, want epoch %d", got, err, m.Epoch)
	}
}

// Shards that no commit refers to become rows of the gc queue, at Close at the latest.
func TestAbandonedContentIsQueued(t *testing.T) {
	s, h := open(t, harness{})
	ctx := t.Context()
	_, _, err := s.Bootstrap(ctx, core.BootstrapOptions{})
	ok(t, "bootstrap", err)
	p, _ := s.Session(core.System("t")).User(ctx, "root")
	root := s.Session(core.Principal{UserID: p.ID, Admin: true})
	_, err = root.CreateBucket(ctx, "bucket", core.CreateBucketOptions{})
	ok(t, "create bucket", err)
	for i := range 3 {
		body := io.MultiReader(bytes.NewReader(make([]byte, 20<<20)), failing{})
		_, err := root.PutObject(ctx, "bucket", fmt.Sprint(i), body, -1, core.PutOptions{})
		if err == nil {
			t.Fatal("PutObject of a body that breaks = nil error")
		}
	}
	ok(t, "close", s.Close(ctx))
	var rows []core.Garbage
	h.view(t, func(ctx context.Context, tx core.MetaTx) error {
		var err error
		rows, err = tx.Garbage(ctx, core.GarbageQuery{Due: 1 << 62, Limit: 10})
		return err
	})
	seen := make(map[content.BlobID]bool)
	for _, g := range rows {
		if !g.NeverReferred || seen[g.Blob] || g.ID == 0 {
			t.Errorf("row %+v, want one per blob that nothing ever referred to", g)
		}
		seen[g.Blob] = true
	}
	if len(rows) != 3 {
		t.Errorf("%d rows, want 3", len(rows))
	}
}

// failing is a body that breaks.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the line is cut") }

// Below the reserve writes are refused while deletes still work; the disk is asked once a second.
func TestReserve(t *testing.T) {
	clk := newClock()
	var free, asked atomic.Int64
	free.Store(1 << 30)
	s, _ := open(t, harness{change: func(c *core.Config) {
		c.Now = clk.now
		c.FreeSpace = func() (int64, error) {
			asked.Add(1)
			return free.Load(), nil
		}
	}})
	ctx := t.Context()
	_, _, err := s.Bootstrap(ctx, core.BootstrapOptions{})
	ok(t, "bootstrap", err)
	p, _ := s.Session(core.System("t")).User(ctx, "root")
	root := s.Session(core.Principal{UserID: p.ID, Admin: true})
	_, err = root.CreateBucket(ctx, "bucket", core.CreateBucketOptions{})
	ok(t, "create bucket", err)
	put := func() error {
		_, err := root.PutObject(ctx, "bucket", "key", strings.NewReader("x"), 1, core.PutOptions{})
		return err
	}
	path := core.Path{Bucket: "bucket", Key: "parts"}
	u, err := root.CreateUpload(ctx, path, core.PutOptions{}, core.Checksum{})
	ok(t, "create upload", err)
	part, _, err := root.PutPart(ctx, path, u.ID, core.PartRequest{Number: 1, Body: strings.NewReader("x"), Size: 1})
	ok(t, "put part", err)
	others := map[string]func() error{
		"copy": func() error {
			_, err := root.CopyObject(ctx, core.Path{Bucket: "bucket", Key: "key"}, core.Path{Bucket: "bucket", Key: "copy"}, core.CopyOptions{})
			return err
		},
		"complete": func() error {
			_, err := root.CompleteUpload(ctx, path, u.ID, []core.CompletePart{{Number: 1, ETag: part.ETag}}, core.CompleteOptions{Size: -1})
			return err
		},
	}
	before := asked.Load()
	for range 10 {
		ok(t, "put", put())
	}
	if n := asked.Load() - before; n > 1 {
		t.Errorf("the disk was asked %d times within a second", n)
	}
	for _, tc := range []struct {
		free int64
		code core.Code
	}{{256<<20 - 1, core.NoSpace}, {256 << 20, 0}, {0, core.NoSpace}} {
		free.Store(tc.free)
		clk.advance(time.Second)
		err := put()
		if tc.code == 0 {
			ok(t, "put", err)
		} else {
			wantCode(t, fmt.Sprintf("put with %d free", tc.free), err, tc.code)
		}
	}
	wantCode(t, "Ready", s.Ready(ctx), core.NoSpace)
	for name, op := range others {
		wantCode(t, name+" below the reserve", op(), core.NoSpace)
	}
	_, err = root.DeleteObject(ctx, "bucket", "key", core.DeleteOptions{})
	ok(t, "delete below the reserve", err)
}

// A disk that is not mounted is down: nothing is written into its empty mount point, neither at the start nor when
// it goes while the server runs. An administrator can say that it is an empty disk now.
func TestMissingMarkerIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := filepath.Join(t.TempDir(), "disk")
		h := harness{kinds: []drivers.Kind{local.Kind()}, change: func(c *core.Config) {
			c.Spaces = []core.SpaceSeed{{Name: "disk", Kind: "Local", Config: drivers.Config{"path": disk}}}
		}}
		ctx := t.Context()
		s, err := h.start(t)
		ok(t, "open", err)
		ok(t, "ready", s.Ready(ctx))
		marker, away := filepath.Join(disk, "trivium.json"), filepath.Join(disk, "away")
		ok(t, "unmount", os.Rename(marker, away))
		time.Sleep(21 * time.Second)
		synctest.Wait()
		wantCode(t, "Ready while the disk is away", s.Ready(ctx), core.Unavailable)
		ok(t, "mount", os.Rename(away, marker))
		time.Sleep(21 * time.Second)
		synctest.Wait()
		ok(t, "ready again", s.Ready(ctx))
		ok(t, "close", s.Close(ctx))

		ok(t, "lose the disk", os.RemoveAll(disk))
		s, err = h.start(t)
		ok(t, "open without the disk", err)
		wantCode(t, "Ready without the disk", s.Ready(ctx), core.Unavailable)
		if _, err := os.Stat(marker); err == nil {
			t.Error("a marker was written onto a disk that had none")
		}
		admin := s.Session(core.System("t"))
		stranger := s.Session(core.Principal{UserID: 1})
		wantCode(t, "ClaimSpace by a stranger", stranger.ClaimSpace(ctx, "disk"), core.Forbidden)
		wantCode(t, "ClaimSpace of no space", admin.ClaimSpace(ctx, "other"), core.NotFound)
		ok(t, "claim", admin.ClaimSpace(ctx, "disk"))
		ok(t, "ready on the empty disk", s.Ready(ctx))
	})
}

// A shard that a reader could not use becomes a repair row, once.
func TestDamageIsQueued(t *testing.T) {
	s, h := open(t, harness{change: func(c *core.Config) {
		for _, name := range []string{"two", "three"} {
			c.Spaces = append(c.Spaces, core.SpaceSeed{Name: name, Kind: "Memory", Config: drivers.Config{"name": name}})
		}
	}})
	ctx := t.Context()
	_, _, err := s.Bootstrap(ctx, core.BootstrapOptions{})
	ok(t, "bootstrap", err)
	p, _ := s.Session(core.System("t")).User(ctx, "root")
	root := s.Session(core.Principal{UserID: p.ID, Admin: true})
	_, err = root.CreateBucket(ctx, "bucket", core.CreateBucketOptions{})
	ok(t, "create bucket", err)
	policy := core.BucketPolicy{Redundancy: content.Policy{Redundancy: content.ErasureCoded, K: 2, N: 3}}
	ok(t, "policy", root.SetPolicy(ctx, "bucket", policy))
	body := bytes.Repeat([]byte("0123456789"), 400_000)
	_, err = root.PutObject(ctx, "bucket", "key", bytes.NewReader(body), int64(len(body)), core.PutOptions{})
	ok(t, "put", err)

	var blob core.Blob
	h.view(t, func(ctx context.Context, tx core.MetaTx) error {
		blobs, err := tx.Blobs(ctx, content.BlobID{}, 2)
		if len(blobs) != 1 {
			t.Fatalf("%d blobs, want 1", len(blobs))
		}
		blob = blobs[0]
		return err
	})
	// A data shard of every segment is lost, so that every read meets it.
	for place := range blob.Layout.Places() {
		if place.Index == 0 {
			sp, _ := s.Maintenance().Spaces.Get(place.Space)
			ok(t, "lose shard", sp.Driver.Delete(ctx, content.ShardName(sp.WorkingDir, blob.ID, place)))
		}
	}
	for range 3 {
		r, err := root.OpenObject(ctx, "bucket", "key", core.GetOptions{})
		ok(t, "open", err)
		got, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Equal(got, body) {
			t.Fatalf("read %d bytes, %v, want %d", len(got), err, len(body))
		}
		ok(t, "close", r.Body.Close())
	}
	ok(t, "close", s.Close(ctx))
	var rows []core.RepairRow
	h.view(t, func(ctx context.Context, tx core.MetaTx) error {
		var err error
		rows, err = tx.Repairs(ctx, core.RepairQuery{Due: 1 << 62, Limit: 10})
		return err
	})
	if len(rows) != blob.Layout.Segments() {
		t.Errorf("%d repair rows, want one for each of %d segments", len(rows), blob.Layout.Segments())
	}
	for _, r := range rows {
		if r.Blob != blob.ID || r.Index != 0 || r.LastError == "" {
			t.Errorf("repair row %+v, want shard 0 of %v with its error", r, blob.ID)
		}
	}
}

// A cloud that hangs holds up the start for 3 s at most.
func TestHangingSpaceDoesNotHoldUpTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := new(spaceKind)
		kind := k.kind()
		inner, hang := kind.Open, new(atomic.Bool)
		kind.Open = func(ctx context.Context, name string, c drivers.Config) (drivers.Driver, error) {
			if hang.Load() {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return inner(ctx, name, c)
		}
		h := harness{kinds: []drivers.Kind{kind}, change: seedTest(drivers.Config{"endpoint": "e"})}
		s, err := h.start(t)
		ok(t, "open", err)
		ok(t, "close", s.Close(t.Context()))
		hang.Store(true)
		began := time.Now()
		s, err = h.start(t)
		ok(t, "open with a cloud that hangs", err)
		if d := time.Since(began); d != 3*time.Second {
			t.Errorf("Open took %v, want 3s", d)
		}
		hang.Store(false)
		time.Sleep(21 * time.Second)
		synctest.Wait()
		ok(t, "ready", s.Ready(t.Context()))
	})
}
