package core

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
)

// cacheLimit bounds each map of the cache; a full one loses any entry for each that comes.
const cacheLimit = 10_000

// cache keeps what every request needs: accounts, buckets with their grants, documents. It is valid for one
// config epoch and dropped as a whole when that moves on (S32). A loader puts what it read into the generation
// that it took before reading, so that nothing older than a change ever outlives it.
type cache struct {
	gen atomic.Pointer[generation]
	mu  sync.Mutex // serialises reset
}

// generation holds rows as of one config epoch.
type generation struct {
	epoch   int64
	keys    limited[string, *Credentials] // unknown ones too: they get a dummy
	unknown limited[string, *Credentials] // apart, so that guessing does not push out what is used
	refused limited[string, struct{}]     // known ones with a wrong signature, once that has cost a look into the store
	users   limited[string, User]         // by name
	buckets limited[string, *bucketState]
	docs    limited[docName, []byte] // nil: there is none
	callers limited[caller, bool]    // whether they may still act
}

// caller is by what a Principal was let in.
type caller struct {
	userID int64
	keyID  string
	admin  bool
}

// docName identifies a bucket document.
type docName struct {
	bucketID int64
	kind     string
}

// bucketState is a bucket and who may use it.
type bucketState struct {
	bucket Bucket
	grants map[int64]Access
	class  atomic.Pointer[resolvedClass]
}

// current returns the generation to read from. Take it before the rows are read.
func (c *cache) current() *generation { return c.gen.Load() }

// reset begins a generation of that epoch.
func (c *cache) reset(epoch int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen.Store(&generation{epoch: epoch})
}

// advance begins a generation unless there is one of this epoch or a later one.
func (c *cache) advance(epoch int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gen.Load().epoch < epoch {
		c.gen.Store(&generation{epoch: epoch})
	}
}

// limited is a bounded map for concurrent use. The zero value is ready.
type limited[K comparable, V any] struct {
	mu sync.RWMutex
	m  map[K]V
}

// get returns the value of k.
func (l *limited[K, V]) get(k K) (V, bool) {
	l.mu.RLock()
	v, ok := l.m[k]
	l.mu.RUnlock()
	return v, ok
}

// put keeps v, in place of any other value if the map is full.
func (l *limited[K, V]) put(k K, v V) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m == nil {
		l.m = make(map[K]V)
	}
	if len(l.m) >= cacheLimit {
		for victim := range maps.Keys(l.m) {
			delete(l.m, victim)
			break
		}
	}
	l.m[k] = v
}

// updateConfig runs fn in a transaction that raises the config epoch, and drops the cache before it returns:
// whoever was answered sees the change everywhere. fn is as in MetaStore.Update.
func (s *Service) updateConfig(ctx context.Context, fn func(ctx context.Context, tx MetaTx) error) error {
	var epoch int64
	err := s.meta.Update(ctx, func(ctx context.Context, tx MetaTx) error {
		if err := s.checkWriter(ctx, tx); err != nil {
			return err
		}
		if err := fn(ctx, tx); err != nil {
			return err
		}
		if err := tx.BumpConfig(ctx); err != nil {
			return err
		}
		st, err := tx.Stamp(ctx)
		epoch = st.ConfigEpoch
		return err
	})
	if err != nil {
		return err
	}
	s.cache.advance(epoch)
	return nil
}

// configMoved tells whether epoch, as a transaction read it, is later than what the cache holds, and drops the
// cache then: another process changed the configuration, and whoever relied on the cache starts again.
func (s *Service) configMoved(epoch int64) bool {
	if epoch <= s.cache.current().epoch {
		return false
	}
	s.cache.advance(epoch)
	return true
}
