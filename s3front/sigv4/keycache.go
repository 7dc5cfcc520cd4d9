package sigv4

import (
	"crypto/subtle"
	"sync"
)

// keyCache remembers derived keys, which cost four HMACs. Only keys of verified requests get in, so that
// strangers cannot push the others out. It is bounded; presigned requests may bring any of the last eight days.
type keyCache struct {
	mu    sync.RWMutex
	limit int
	keys  map[keyName]cachedKey
}

type keyName struct {
	accessKey, scope string
}

type cachedKey struct {
	secret string // a changed secret must not be answered with the old one's key
	key    [32]byte
}

func newKeyCache(limit int) *keyCache {
	if limit <= 0 {
		limit = 1024
	}
	return &keyCache{limit: limit, keys: make(map[keyName]cachedKey)}
}

func (k *keyCache) get(c *claim, secret string) ([32]byte, bool) {
	k.mu.RLock()
	found, ok := k.keys[keyName{c.accessKey, c.scope}]
	k.mu.RUnlock()
	if !ok || subtle.ConstantTimeCompare([]byte(found.secret), []byte(secret)) != 1 {
		return [32]byte{}, false
	}
	return found.key, true
}

func (k *keyCache) put(c *claim, secret string, key [32]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	name := keyName{c.accessKey, c.scope}
	if _, ok := k.keys[name]; !ok && len(k.keys) >= k.limit {
		// Any victim will do: it costs its owner two microseconds.
		for victim := range k.keys {
			delete(k.keys, victim)
			break
		}
	}
	k.keys[name] = cachedKey{secret: secret, key: key}
}
