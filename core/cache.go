package core

import (
	"context"
	"errors"
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
	nobody  limited[string, struct{}]     // names of no user: they answer as fast as those that are known
	buckets limited[string, *bucketState]
	names   limited[int64, string] // of buckets, by id
	docs    documents
	callers limited[caller, bool] // whether they may still act
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

// documentsLimit bounds what the cache keeps of documents, in bytes: their number alone would allow 10 GB.
const documentsLimit = 16 << 20

// documents keeps documents of buckets. The zero value is ready.
type documents struct {
	mu    sync.RWMutex
	m     map[docName][]byte // nil: there is none
	bytes int
}

// documentSize is what an entry counts: names and places, too, for those who ask about many that are not there.
func documentSize(body []byte) int { return 256 + len(body) }

// get returns the document of that name; nil with true: it is known that there is none.
func (d *documents) get(name docName) ([]byte, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	body, ok := d.m[name]
	return body, ok
}

// put keeps a document, in place of any others that leave no room for it.
func (d *documents) put(name docName, body []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.m == nil {
		d.m = make(map[docName][]byte)
	}
	d.drop(name)
	for victim := range maps.Keys(d.m) {
		if d.bytes+documentSize(body) <= documentsLimit {
			break
		}
		d.drop(victim)
	}
	d.m[name] = body
	d.bytes += documentSize(body)
}

// drop forgets a document. The caller has the lock.
func (d *documents) drop(name docName) {
	if old, ok := d.m[name]; ok {
		delete(d.m, name)
		d.bytes -= documentSize(old)
	}
}

// errUnchanged ends a change that changes nothing: one that drops the cache costs everybody.
var errUnchanged = errors.New("unchanged")

// updateConfig runs fn in a transaction of update that raises the config epoch, and drops the cache before it returns:
// whoever was answered sees the change everywhere. fn is as in MetaStore.Update; after errUnchanged nothing was done,
// the cache is left alone and the answer is nil.
func (s *Service) updateConfig(
	ctx context.Context, update updater, fn func(ctx context.Context, tx MetaTx) error,
) error {
	var epoch int64
	err := update(ctx, func(ctx context.Context, tx MetaTx) error {
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
	if errors.Is(err, errUnchanged) {
		return nil
	}
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
