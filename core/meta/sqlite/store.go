package sqlite

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"trivium/core"
	"trivium/core/meta/sqlmeta"
)

// Store is a core.MetaStore in one SQLite file. All methods may be called concurrently.
type Store struct {
	opts    Options
	dialect *sqlmeta.Dialect

	readers *readers

	queue  chan *member
	writer *conn
	deltas sqlmeta.Deltas
	batch  []*member // that the writer is at
	// writing is held during a batch, and by the checkpointer while it needs the writer to rest.
	writing sync.Mutex

	checkpointer *conn
	// copying is held while pages are moved into the database's file, and while CheckPages reads them there.
	copying sync.Mutex
	wake    chan struct{} // tells the checkpointer that something was written
	// walRest and walBlock are the constants, less in tests.
	walRest, walBlock int64
	checkpointFails   bool // the last one did

	// ended is why nothing is possible any more.
	ended atomic.Pointer[error]

	logState

	ballast *ballast
	full    atomic.Bool // a batch found no room since the last look at the WAL

	closeMu sync.RWMutex // held for reading while a call is queued or runs
	closed  bool
	stop    chan struct{}
	running sync.WaitGroup
}

var _ core.MetaStore = (*Store)(nil)

// logState is what a store knows of its log, beside what the VFS keeps; see logmark.go and promise.go.
type logState struct {
	// Of whoever holds writing: what the writer knows of its log's mark, and what acked was when the log got a mark for a
	// checkpoint.
	marking writerMark
	sealed  *promise
	// acked is up to where the log was acknowledged. It is set by who holds writing, and read by anybody.
	acked atomic.Pointer[promise]
	// Of the checkpointer: when it last promised what was acknowledged, and the salts of the log of which it copied a part.
	vowed  time.Time
	copies [8]byte
}

// txKey is the key under which the ctx of a transaction carries its store.
type txKey struct{}

func newStore(o Options) *Store {
	return &Store{
		opts: o, dialect: dialect(), readers: newReaders(o.readConns()),
		ballast: newBallast(o.Path + ballastSuffix),
		walRest: walRest, walBlock: walBlock,
		queue: make(chan *member, maxMembers), wake: make(chan struct{}, 1), stop: make(chan struct{}),
	}
}

// start starts the store's goroutines, which end in Close.
func (s *Store) start() {
	s.running.Go(s.write)
	s.running.Go(s.checkpoints)
}

// enter admits a call: neither after Close, nor inside a transaction of this store, nor once it is known to be damaged.
func (s *Store) enter(ctx context.Context) error {
	if err := s.ended.Load(); err != nil {
		return *err
	}
	if err := ctx.Err(); err != nil {
		return gaveUp(err)
	}
	if ctx.Value(txKey{}) == s {
		return core.Errorf(core.Internal, "", "a transaction was begun inside another one")
	}
	s.closeMu.RLock()
	if s.closed {
		s.closeMu.RUnlock()
		return core.Errorf(core.Unavailable, "", "the metadata store is closed")
	}
	return nil
}

// gaveUp is the error of a call whose context ended before it had begun.
func gaveUp(err error) error {
	return &core.Error{Code: core.Canceled, Msg: "the request was given up", Err: err}
}

// leave ends what enter began.
func (s *Store) leave() { s.closeMu.RUnlock() }

// inside is the ctx that a transaction's function gets: values are kept, cancellation is not.
func (s *Store) inside(ctx context.Context) context.Context {
	return context.WithValue(context.WithoutCancel(ctx), txKey{}, s)
}

// View implements core.MetaStore.
func (s *Store) View(ctx context.Context, fn func(ctx context.Context, tx core.MetaTx) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	c, err := s.readers.take(ctx)
	if err != nil {
		return err
	}
	defer s.readers.put(c)
	if err := c.exec("BEGIN DEFERRED"); err != nil {
		return err
	}
	defer c.end()
	return fn(s.inside(ctx), sqlmeta.New(c, s.dialect, nil))
}

// Lookup implements core.MetaStore.
func (s *Store) Lookup(ctx context.Context, bucketID int64, key string, withContent bool) (f core.Found, err error) {
	err = s.statement(ctx, func(c *conn) error {
		f, err = sqlmeta.Lookup(ctx, c, bucketID, key, withContent)
		return err
	})
	return f, err
}

// LookupID implements core.MetaStore.
func (s *Store) LookupID(ctx context.Context, objectID int64, withContent bool) (f core.Found, err error) {
	err = s.statement(ctx, func(c *conn) error {
		f, err = sqlmeta.LookupID(ctx, c, objectID, withContent)
		return err
	})
	return f, err
}

// statement lets run read with one statement, outside any transaction.
func (s *Store) statement(ctx context.Context, run func(c *conn) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	c, err := s.readers.take(ctx)
	if err != nil {
		return err
	}
	defer s.readers.put(c)
	return run(c)
}

// Close waits for running transactions, moves the WAL into the database and closes the file. Calls after it
// fail with Unavailable; a second Close does nothing. A store that ended by damage keeps its WAL and says so again.
func (s *Store) Close() error {
	s.closeMu.Lock()
	was := s.closed
	s.closed = true
	s.closeMu.Unlock()
	if was {
		return nil
	}
	close(s.stop)
	s.running.Wait()
	if s.ended.Load() == nil && s.walSize() > 0 {
		s.sealLog() // or a part of this log would fit the database later
	}
	err := s.closeConns()
	if damage := s.ended.Load(); damage != nil {
		err = errors.Join(*damage, err)
	}
	return err
}

// closeConns closes every connection, the writer last: SQLite checkpoints with the last one.
func (s *Store) closeConns() error {
	var errs []error
	for _, c := range append(s.readers.drain(), s.checkpointer, s.writer) {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// exec runs a statement of the transaction machinery.
func (c *conn) exec(text string) error {
	s, err := c.start(text, nil)
	if err != nil {
		return err
	}
	s.Next()
	return s.Close()
}

// end ends a reading transaction.
func (c *conn) end() {
	c.resetAll()
	if !c.autocommit() {
		// Reading, there is nothing that could fail to be committed.
		_ = c.exec("COMMIT")
	}
	c.broken = nil
}

// resetAll closes statements that a panic left open.
func (c *conn) resetAll() {
	for _, s := range c.stmts {
		if s.open {
			_ = s.Close()
		}
	}
}
