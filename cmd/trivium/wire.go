package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"trivium/core"
	"trivium/core/admission"
	"trivium/core/meta/sqlite"
	"trivium/core/upkeep"
	"trivium/davfront"
	"trivium/drivers"
	"trivium/drivers/local"
	"trivium/drivers/meter"
	"trivium/drivers/retry"
	"trivium/drivers/s3"
	"trivium/drivers/sftp"
	"trivium/drivers/webdav"
	"trivium/nativeapi"
	"trivium/nativeapi/adminapi"
	"trivium/s3front"
	"trivium/server"
)

// store is the opened core with what lies below it.
type store struct {
	service *core.Service
	meta    core.MetaStore
	log     *slog.Logger
	hook    func(point string)
	upkeep  *upkeep.Runner
	often   time.Duration // tests: collect without waits at this interval; 0: never

	dir     *dataDir
	keys    *core.MasterKeys
	keyFile string
	serving bool // doors are open: others use the store
	asked   askedWork
	commits *commits
	meters  meters
	// overloads are the requests that were told to slow down.
	overloads overloads
	// tokenLifetime is how long tokens of users are good; 0: 24 h.
	tokenLifetime time.Duration
	// listings are those of the S3 door.
	listings *admission.Gate
	// pages compares all pages of the metadata with their checksums and returns how many there are, and the damaged.
	pages func(ctx context.Context) (all int64, damaged []int64, err error)
}

// meters counts the calls of spaces, by their names.
type meters struct {
	mu     sync.Mutex
	byName map[string]*meter.Driver
}

// count puts a meter on a space that was opened. The counters of one that is opened again begin anew.
func (m *meters) count(space string, d drivers.Driver) drivers.Driver {
	counted := meter.New(d)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byName == nil {
		m.byName = make(map[string]*meter.Driver)
	}
	m.byName[space] = counted
	return counted
}

// calls are the figures of all spaces.
func (m *meters) calls() []spaceCalls {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []spaceCalls
	for space, d := range m.byName {
		for op, c := range d.Snapshot() {
			all = append(all, spaceCalls{
				space: space, op: op.String(), calls: c.Calls, inFlight: c.InFlight, bytes: c.Bytes, latency: c.Latency, errors: c.Errors,
			})
		}
	}
	return all
}

// kinds are the sorts of storage of this binary that administrators may use; the calls of their spaces are counted.
func kinds(dir *dataDir, m *meters) []drivers.Kind {
	disk := localKind(dir, m)
	return append([]drivers.Kind{disk}, clouds(m, nil)...)
}

// userKinds are those of other users: directories are chosen for them, and they reach no private addresses unless private
// says so.
func userKinds(dir *dataDir, m *meters, private bool) []drivers.Kind {
	disk := localKind(dir, m)
	disk.Fields = slices.Clone(disk.Fields)
	for i := range disk.Fields {
		disk.Fields[i].Fixed = true
	}
	dial := dialPublic
	if private {
		dial = nil
	}
	return append([]drivers.Kind{disk}, clouds(m, dial)...)
}

// localKind is a directory. Without a path it is one of its own in the data directory.
func localKind(dir *dataDir, m *meters) drivers.Kind {
	disk := local.Kind()
	disk.Fields = slices.Clone(disk.Fields)
	for i := range disk.Fields {
		if disk.Fields[i].Name == "path" {
			disk.Fields[i].Required, disk.Fields[i].Default = false, spacesDir+"/{id}"
		}
	}
	disk.Validate = func(cfg drivers.Config) error { return dir.checkSpacePath(cfg["path"]) }
	open := disk.Open
	disk.Open = func(ctx context.Context, name string, cfg drivers.Config) (drivers.Driver, error) {
		cfg = maps.Clone(cfg)
		// A path that is not absolute lies in the data directory, which can so be moved or restored elsewhere.
		if !filepath.IsAbs(cfg["path"]) {
			cfg["path"] = dir.join(cfg["path"])
		}
		d, err := open(ctx, name, cfg)
		if err != nil {
			return nil, err
		}
		return m.count(name, overDisk(d)), nil
	}
	return disk
}

// clouds are the kinds that are reached over a network, with retries; dial makes their connections, nil: as usual.
func clouds(m *meters, dial func(ctx context.Context, network, addr string) (net.Conn, error)) []drivers.Kind {
	all := append(s3.Kinds(s3.Options{Dial: dial}), webdav.Kind(webdav.Options{Dial: dial}), sftp.Kind(sftp.Options{Dial: dial}))
	for i := range all {
		open := all[i].Open
		all[i].Open = func(ctx context.Context, name string, cfg drivers.Config) (drivers.Driver, error) {
			d, err := open(ctx, name, cfg)
			if err != nil {
				return nil, err
			}
			return retry.New(m.count(name, d), retry.Options{}), nil
		}
	}
	return all
}

// openStore opens metadata and core on the data directory.
func openStore(ctx context.Context, c *config, dir *dataDir, log zerolog.Logger) (_ *store, err error) {
	hook, err := c.crash.hook()
	if err != nil {
		return nil, err
	}
	often, err := upkeepInterval()
	if err != nil {
		return nil, err
	}
	if err := dir.checkMeta(); err != nil {
		return nil, err
	}
	keys, err := loadMasterKeys(dir, c.masterKeyFile)
	if err != nil {
		return nil, err
	}
	warnOpen(log, dir.masterKeyPath(c.masterKeyFile), dir.credentials())
	logger := slog.New(zerolog.NewSlogHandler(log))
	figures := newCommits()
	meta, err := sqlite.Open(ctx, sqlite.Options{
		Path: dir.metaFile(), Hook: hook, DropDamagedLog: c.dropLog, Log: logger, Committed: figures.committed,
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, meta.Close())
		}
	}()
	st := &store{
		tokenLifetime: c.tokenLifetime,
		overloads:     overloads{log: logger}, listings: s3front.NewListings(),
		meta: meta, commits: figures, log: logger, hook: hook, often: often, dir: dir, keys: keys, keyFile: dir.masterKeyPath(c.masterKeyFile),
		pages: func(ctx context.Context) (int64, []int64, error) {
			rep, err := meta.CheckPages(ctx)
			return rep.Pages, rep.Damaged, err
		},
	}
	st.service, err = core.Open(ctx, core.Config{
		Meta: meta, Keys: keys, Kinds: kinds(dir, &st.meters), UserKinds: userKinds(dir, &st.meters, c.privateEndpoints == "true"), Hook: hook, Log: st.log, FreeSpace: dir.freeSpace,
		PlainBasic: c.plainBasic == "true",
		Spaces:     []core.SpaceSeed{{Name: "local", Kind: local.Kind().Name, Config: drivers.Config{"path": spaceName}}},
		Holder:     fmt.Sprintf("%s:%d", hostName(), os.Getpid()),
	})
	if err != nil {
		return nil, wordMasterKey(err, dir.masterKeyPath(c.masterKeyFile))
	}
	st.upkeep = upkeep.New(st.service.Maintenance())
	dir.opened = true
	return st, nil
}

// measure adds what the store counts to the metrics.
func (st *store) measure(m *server.Metrics) error {
	g := newGauges()
	g.budget, g.queues = st.service.Maintenance().Budget, st.upkeep.Queues
	g.gates = st.gates
	g.spaces, g.free = st.meters.calls, st.dir.freeSpace
	r := newRedundancyGauges()
	r.degraded, r.passes, r.spaces = st.upkeep.Degraded, st.upkeep.Passes, st.service.Maintenance().Spaces.All
	return errors.Join(m.Register(st.commits), m.Register(g), m.Register(r))
}

// gates describes what requests wait at.
func (st *store) gates() map[string]admission.Stats {
	all := st.service.Maintenance().Gates()
	all["listings"] = st.listings.Stats()
	return all
}

// newDoors makes the doors on the store, with the addresses of c, and reads the token of metrics. srv is what they are opened on.
func newDoors(st *store, c *config, srv *server.Server, token *scrapeToken) (server.Doors, error) {
	domains := c.domains()
	if _, err := token.read(c); err != nil {
		return server.Doors{}, err
	}
	s3 := s3front.New(s3front.Config{
		Service: st.service, Listings: st.listings, Domains: domains, PublicURL: c.public(), RequestID: server.RequestID, Note: server.Note, NoteCode: server.NoteCode,
		NoteReason: server.NoteReason, Attend: server.Attend, Observe: st.observeS3,
	})
	bucket := func(host string) bool {
		_, ok := s3front.BucketOfHost(host, domains)
		return ok
	}
	dav := davfront.New(davfront.Config{
		PublicURL: c.public(),
		Service:   st.service, InfiniteDepth: c.davInfinity == "true",
		RequestID: server.RequestID, Note: server.Note, NoteCode: server.NoteCode, Observe: st.observeDAV,
		NoteReason: func(ctx context.Context, reason string) { server.NoteReason(ctx, "", reason) },
	})
	admin := adminConfig(st, srv.Addr())
	native := admin
	native.PublicURL, native.Ready = c.public(), srv.Ready
	return server.Doors{
		S3: answering(s3, st.hook), DAV: answering(dav, st.hook), S3Host: bucket, Ready: st.service.Ready,
		Native: answering(nativeapi.New(native), st.hook), RemoteAdmin: nativeapi.NewRemoteAdmin(admin),
		Guard: func(page http.Handler) http.Handler { return nativeapi.Guard(admin, token.get, "Metrics", page) },
	}, nil
}

// newAdmin makes the administration of the store and its native API, for the operator alone. addr is where the doors
// are, "" without a server.
func newAdmin(st *store, addr string) http.Handler {
	return nativeapi.NewLocal(adminConfig(st, addr))
}

// adminConfig is what the administration of the store works with.
func adminConfig(st *store, addr string) nativeapi.Config {
	started := time.Now()
	return nativeapi.Config{
		Service: st.service, TokenLifetime: st.tokenLifetime,
		Status: func() adminapi.Status {
			v := programVersion()
			return adminapi.Status{Version: v.Version, Go: v.Go, OS: v.OS, Arch: v.Arch, Address: addr, StartTime: started.UTC()}
		},
		Collect: st.collect, Doctor: st.doctor, Scrub: st.scrub, Repair: st.repair, Progress: st.asked.progress,
		RequestID: server.RequestID, Note: server.Note, NoteCode: server.NoteCode,
		Observe: func(ctx context.Context, e nativeapi.Event) {
			if core.CodeOf(e.Err) == core.Overloaded {
				st.overloads.note(ctx, e.Op, e.Err)
				return
			}
			if e.Status >= http.StatusInternalServerError || e.Cut && ctx.Err() == nil {
				st.log.ErrorContext(ctx, "request failed", "req", e.RequestID, "op", e.Op, "status", e.Status, "error", e.Err)
			}
		},
	}
}

// collect runs one round of the collector.
func (st *store) collect(ctx context.Context, now bool) (adminapi.Collected, error) {
	rep, err := st.upkeep.All(ctx, upkeep.CollectOptions{Now: now})
	return adminapi.Collected{
		Blobs: rep.Blobs, Orphans: rep.Orphans, Files: rep.Shards,
		Waiting: rep.Waiting, Sighted: rep.Sighted, Failed: rep.Failed,
	}, err
}

// failure is what a door tells of a request that failed.
type failure struct {
	req, op string
	status  int
	err     error // nil: it did not fail
	cut     bool
	late    bool // it was one of too many
}

// observeS3 logs what went wrong in the S3 door.
func (st *store) observeS3(ctx context.Context, e s3front.Event) {
	st.observe(ctx, failure{
		req: e.RequestID, op: e.Op, status: e.Status, err: e.Err, cut: e.Cut, late: e.Code == "SlowDown" && core.CodeOf(e.Err) != core.NoSpace,
	})
}

// observeDAV logs what went wrong in the WebDAV door.
func (st *store) observeDAV(ctx context.Context, e davfront.Event) {
	st.observe(ctx, failure{
		req: e.RequestID, op: e.Op, status: e.Status, err: e.Err, cut: e.Cut, late: core.CodeOf(e.Err) == core.Overloaded,
	})
}

// observe logs what went wrong inside; what the client did wrong is in its answer and the request log.
func (st *store) observe(ctx context.Context, f failure) {
	// A reply that was cut had a good status, and what stopped it is ours: content that cannot be read.
	if f.err == nil || !f.cut && f.status != 0 && f.status < http.StatusInternalServerError {
		return
	}
	if f.late {
		st.overloads.note(ctx, f.op, f.err)
		return
	}
	level := slog.LevelError
	switch f.status {
	case 0, http.StatusNotImplemented, http.StatusBadGateway: // the client went away, or asks for what is not here
		level = slog.LevelDebug
	case http.StatusServiceUnavailable, http.StatusInsufficientStorage:
		level = slog.LevelWarn
	}
	st.log.Log(ctx, level, "request failed", "req", f.req, "op", f.op, "status", f.status, "error", f.err)
}

// startUpkeep runs the background until ctx ends; the caller waits for it.
func (st *store) startUpkeep(ctx context.Context) *sync.WaitGroup {
	var wg sync.WaitGroup
	wg.Go(func() { st.upkeep.Run(ctx) })
	if st.often > 0 {
		wg.Go(func() { st.collectOften(ctx) })
	}
	return &wg
}

// collectOften is for tests of crashes: what takes hours otherwise happens in every round.
func (st *store) collectOften(ctx context.Context) {
	t := time.NewTicker(st.often)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if _, err := st.upkeep.Collect(ctx, upkeep.CollectOptions{Now: true}); err != nil && ctx.Err() == nil {
			st.log.Error("collect", "error", err)
		}
		if _, err := st.upkeep.Pack(ctx); err != nil && ctx.Err() == nil {
			st.log.Error("pack", "error", err)
		}
	}
}

// close ends the service, then the metadata.
func (st *store) close(ctx context.Context) error {
	st.overloads.close(ctx)
	return errors.Join(st.service.Close(ctx), st.meta.Close())
}
