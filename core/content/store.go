package content

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"trivium/core/digest"
	"trivium/core/erasure"
	"trivium/core/shardfile"
)

// Config is what a Store works with. Spaces, Budget and StoreID are required.
type Config struct {
	StoreID     [16]byte // in every shard: shards of another store do not pass
	Incarnation uint64   // random per process start: first half of the blob ids
	Spaces      *Spaces
	Budget      *Budget
	// Key returns the 32 byte content key of that id. nil: nothing sealed can be written or read.
	Key func(keyID uint32) ([]byte, error)
	// Garbage gets blobs whose shards no commit will ever refer to, after every Put of theirs has returned.
	// It may be called on a goroutine of the store. nil: they are forgotten (orphans).
	Garbage func(Blob)
	// Damage hears of shards that could not be used in a read, each once for a segment of a reader: missing
	// (drivers.ErrNotExist), cut or not matching a checksum (ErrCorrupt), or unreadable for now (anything else).
	// Shards that were not waited for, since others came first or nothing came for minutes, are not named.
	// It is called by the reader's goroutine and must not block. May be nil.
	Damage func(BlobID, ShardRef, error)
	// Hook is called at named points: "shard.put.before", "shard.put.after", "put.done",
	// "shard.remove.before", "shard.remove.after", "repair.done". nil in production.
	Hook func(point string)
	// MaxBlob is the size at which a stream goes on in a next blob; 0: 5 GiB. For tests.
	MaxBlob int64
}

// Store writes, reads and repairs blobs. All methods may be called concurrently.
type Store struct {
	cfg      Config
	crc      *shardfile.Combiner
	digests  *digest.Pool
	counter  atomic.Uint64
	late     sync.WaitGroup // Puts that outlived their upload's answer, reads of shards that others overtook
	hedges   bucket
	contests sync.Pool // of *contest
	uploads  sync.Pool // of *upload
	codes    sync.Map  // codeKey → *erasure.Code
}

// codeKey names a code: its matrix is made once.
type codeKey struct {
	redundancy Redundancy
	k, n       int
	groups     string
}

// New makes a store. It does no I/O and starts no goroutine.
func New(cfg Config) (*Store, error) {
	if cfg.Spaces == nil || cfg.Budget == nil {
		return nil, errors.New("content store: spaces and budget are required")
	}
	if cfg.MaxBlob == 0 {
		cfg.MaxBlob = MaxBlob
	}
	return &Store{cfg: cfg, crc: shardfile.NewCombiner(shardfile.CRC64NVME), digests: digest.NewPool()}, nil
}

// code returns the code that a blob is written with; nil if all its shards are the same.
func (s *Store) code(l *Layout) (*erasure.Code, error) {
	if l.Redundancy == None || l.Redundancy == Copies {
		return nil, nil //nolint:nilnil // no code, no error: every caller means it
	}
	key := codeKey{l.Redundancy, l.K, l.N, fmt.Sprint(l.Groups)}
	if found, ok := s.codes.Load(key); ok {
		if code, ok := found.(*erasure.Code); ok {
			return code, nil
		}
	}
	code, err := erasure.New(l.scheme())
	if err != nil {
		return nil, fmt.Errorf("code: %w: %w", ErrPolicy, err)
	}
	s.codes.Store(key, code)
	return code, nil
}

// Wait returns when no Put of an answered or abandoned upload is running any more, and no read that a Reader was not
// willing to wait for. Call it before the drivers are closed, when no new work comes in.
func (s *Store) Wait() { s.late.Wait() }

// nextID returns the ID of a new blob.
func (s *Store) nextID() BlobID {
	return BlobID{Incarnation: s.cfg.Incarnation, Counter: s.counter.Add(1)}
}

// hook marks a named point for crash and fault tests.
func (s *Store) hook(point string) {
	if s.cfg.Hook != nil {
		s.cfg.Hook(point)
	}
}
