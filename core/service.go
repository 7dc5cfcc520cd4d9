package core

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"trivium/core/content"
	"trivium/drivers"
)

// DefaultInlineMax is the longest content, in bytes, that is kept in the metadata store for good (S19).
const DefaultInlineMax = 16 << 10

// trimInterval is how long memory of transfers lies idle before it is given back; at most twice as long.
const trimInterval = time.Minute

// Config is what a Service works with. Meta and Keys are required; the zero value of the rest is the common
// case.
type Config struct {
	Meta MetaStore
	Keys *MasterKeys
	// Kinds are the sorts of storage that spaces of administrators may be of, UserKinds those of other users.
	Kinds, UserKinds []drivers.Kind
	// Spaces are made on the first start, when the store has none.
	Spaces []SpaceSeed
	// Budget is the memory of all transfers in bytes (S18); 0: content.DefaultBudget.
	Budget int64
	// InlineMax is the longest inline content in bytes; 0: DefaultInlineMax, below 0: nothing is inline.
	InlineMax int64
	// Holder tells people whose lease it is: host and pid.
	Holder string
	// Log gets what nobody is there to be told; nil: nothing is logged. It is never given secrets.
	Log *slog.Logger
	// Hook is called at named points of writes, for crash and fault tests; nil in production.
	Hook func(point string)
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Volatile allows spaces whose content is lost when the process ends, for tests.
	Volatile bool
	// CheapPasswords makes hashing a password cost next to nothing, for tests: the race detector makes argon2id take
	// seconds. It counts with Volatile alone.
	CheapPasswords bool
	// PlainBasic takes passwords over plain http from other machines, too: behind a proxy that ends TLS elsewhere.
	PlainBasic bool
	// ReserveFree is the space in bytes that is kept free on the metadata disk (S20); 0: 256 MiB.
	ReserveFree int64
	// FreeSpace tells what is free there, in bytes; nil: the reserve is not guarded.
	FreeSpace func() (int64, error)
}

// Service is the core of one process: metadata, content and accounts behind Sessions. All methods may be
// called concurrently.
type Service struct {
	meta        MetaStore
	keys        *MasterKeys
	dummySecret []byte // sealed, of noSecret
	content     *content.Store
	budget      *content.Budget
	pins        *content.Pins
	spaces      *content.Spaces
	log         *slog.Logger
	clock       func() time.Time
	hookFunc    func(point string)
	volatile    bool
	plainBasic  bool
	lostCommits atomic.Bool // SettingLostCommits is there
	inlineMax   int64
	folderLimit int // objects that one folder operation changes at most, and older versions that any one looks at
	// folderProperties is how many bytes of dead properties one copies at most.
	folderProperties int
	incarnation      uint64
	holder           string
	stamp            Stamp // as it was when the Service opened; ConfigEpoch moves on in the cache

	kinds     map[string]drivers.Kind // of administrators
	userKinds map[string]drivers.Kind // of all others
	wake      chan struct{}           // to keepLease: spaces wait to be opened
	opened    openSpaces
	ids       idBlocks
	cache     cache
	classes   classCache
	logins    logins
	reserve   reserve
	probes    probes
	queue     queue
	gates     gates
	joins     completions           // of native uploads, that run
	readOnly  atomic.Pointer[Error] // why nothing may be written; nil: it may
	damage    atomic.Pointer[Error] // what the metadata store said when it was found damaged; nil: it is not

	life   context.Context    //nolint:containedctx // of what runs in the background: it is no call's
	stop   context.CancelFunc // ends the background goroutines
	wait   sync.WaitGroup
	closed atomic.Bool
}

// Open starts a Service on a store: it opens the spaces (making those of cfg.Spaces on the first start), takes
// a lease for this process and starts the goroutines that renew it, write queued rows, probe spaces and give back the
// memory of transfers once it lies idle. The caller closes the Service, then cfg.Meta. A space that cannot be opened is
// logged and tried again; one that belongs to another store or to a newer epoch of this one makes the Service read-only
// (Ready says so). Master keys that are not the store's are refused with ErrOtherMasterKey before anything is written.
func Open(ctx context.Context, cfg Config) (*Service, error) {
	if cfg.Meta == nil || cfg.Keys == nil {
		return nil, errors.New("open service: metadata store and master keys are required")
	}
	s := newService(cfg)
	s.dummySecret = cfg.Keys.Seal(noSecret, make([]byte, 40))
	if err := s.loadStamp(ctx); err != nil {
		return nil, fmt.Errorf("read stamp: %w", err)
	}
	if err := s.checkKeys(ctx); err != nil {
		return nil, err
	}
	if err := s.openContent(cfg); err != nil {
		return nil, err
	}
	if err := s.takeLease(ctx); err != nil {
		return nil, fmt.Errorf("take lease: %w", err)
	}
	if err := s.openSpaces(ctx, cfg.Spaces); err != nil {
		return nil, errors.Join(fmt.Errorf("open spaces: %w", err), s.opened.close())
	}
	if err := errors.Join(s.countSpaces(ctx), s.measureSpaces(ctx)); err != nil {
		return nil, errors.Join(fmt.Errorf("count what spaces hold: %w", err), s.opened.close())
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.life, s.stop = background, stop
	s.wait.Go(func() { s.keepLease(background) })
	s.wait.Go(func() { s.drainQueue(background) })
	s.wait.Go(func() { s.serveProbes(background) })
	s.wait.Go(func() { s.trimBudget(background) })
	return s, nil
}

// newService fills in the defaults of cfg.
func newService(cfg Config) *Service {
	s := &Service{
		meta: cfg.Meta, keys: cfg.Keys, log: cfg.Log, clock: cfg.Now, hookFunc: cfg.Hook,
		volatile: cfg.Volatile, plainBasic: cfg.PlainBasic, inlineMax: cfg.InlineMax, holder: cfg.Holder,
		folderLimit: defaultFolderLimit, folderProperties: defaultFolderProperties,
		incarnation: newIncarnation(),
		pins:        new(content.Pins),
		spaces:      new(content.Spaces),
		kinds:       make(map[string]drivers.Kind, len(cfg.Kinds)),
		userKinds:   make(map[string]drivers.Kind, len(cfg.UserKinds)),
		wake:        make(chan struct{}, 1),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.inlineMax == 0 {
		s.inlineMax = DefaultInlineMax
	}
	for _, k := range cfg.Kinds {
		s.kinds[k.Name] = k
	}
	for _, k := range cfg.UserKinds {
		s.userKinds[k.Name] = k
	}
	s.cache.reset(0)
	cost := defaultCost()
	if cfg.Volatile && cfg.CheapPasswords {
		cost = leastCost()
	}
	s.logins.init(cost)
	s.queue.init()
	s.gates.init()
	s.probes.init()
	s.meta = watchedMeta{cfg.Meta, s}
	return s
}

// openContent makes the content store.
func (s *Service) openContent(cfg Config) error {
	s.budget = content.NewBudget(cfg.Budget)
	s.reserve.init(cfg.ReserveFree, s.budget.Stats().Total, cfg.FreeSpace)
	store, err := content.New(content.Config{
		StoreID:     s.stamp.StoreID,
		Incarnation: s.incarnation,
		Spaces:      s.spaces,
		Budget:      s.budget,
		Key:         s.keys.Content,
		Garbage:     s.queueGarbage,
		Damage:      s.queueDamage,
		Hook:        cfg.Hook,
	})
	if err != nil {
		return fmt.Errorf("open content: %w", err)
	}
	s.content = store
	return nil
}

// trimBudget gives back what transfers had no need of for a trimInterval, until ctx ends.
func (s *Service) trimBudget(ctx context.Context) {
	tick := time.NewTicker(trimInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.budget.Trim()
		}
	}
}

// Close waits for writes that outlived their request, writes what is queued and ends the lease. No Session may
// be used any more. It does not close the metadata store. An error says what stays behind: rows that were not
// written make orphans, which the collector finds. Close may be called twice.
func (s *Service) Close(ctx context.Context) error {
	if s.closed.Swap(true) {
		return nil
	}
	s.content.Wait()
	s.stop()
	s.wait.Wait()
	return errors.Join(s.flushQueue(ctx), s.endLease(ctx), s.opened.close())
}

// Session is the Service as one caller may use it. It costs nothing to make and is not closed.
type Session struct {
	s     *Service
	p     Principal
	guard *Guard // nil: locks do not matter
}

// Session is the only way into the Service: p comes from Login, KeyCredentials, Anonymous or System.
func (s *Service) Session(p Principal) *Session { return &Session{s: s, p: p} }

// Principal returns whose session it is.
func (se *Session) Principal() Principal { return se.p }

// Stamp returns the identity of the store, with the config epoch this process knows.
func (s *Service) Stamp() Stamp {
	st := s.stamp
	st.ConfigEpoch = s.cache.current().epoch
	return st
}

// now returns the time in ns since 1970.
func (s *Service) now() int64 { return s.clock().UnixNano() }

// elapsed tells whether two readings of the clock are that far apart. One that was set back must not keep what is known
// fresh for as long as it was set back by.
func elapsed(since, now int64, limit time.Duration) bool {
	return now-since >= int64(limit) || since-now >= int64(limit)
}

// hook marks a named point for crash and fault tests.
func (s *Service) hook(point string) {
	if s.hookFunc != nil {
		s.hookFunc(point)
	}
}

// loadStamp reads the identity of the store, and whether it lost commits.
func (s *Service) loadStamp(ctx context.Context) error {
	err := s.meta.View(ctx, func(ctx context.Context, tx MetaTx) error {
		var err error
		if s.stamp, err = tx.Stamp(ctx); err != nil {
			return err
		}
		_, lost, err := tx.Setting(ctx, SettingLostCommits)
		s.lostCommits.Store(lost)
		return err
	})
	s.cache.reset(s.stamp.ConfigEpoch)
	return err
}

// newIncarnation draws the number of this process: half of every blob id it makes.
func newIncarnation() uint64 {
	var b [8]byte
	for {
		_, _ = rand.Read(b[:]) // never fails
		if n := binary.BigEndian.Uint64(b[:]); n != 0 {
			return n
		}
	}
}
