package core

import (
	"context"
	"slices"
	"strings"
)

// Guard is what a request of a door that knows locks says of the states it expects, and the locks it holds (RFC 4918
// §10.4, the If header). It is judged inside the transaction that writes.
type Guard struct {
	// Lists are alternatives: one of them must hold. None: nothing is expected.
	Lists []GuardList

	tokens map[string]bool // of all lists, once Guarded has them
}

// GuardList holds when all its states do.
type GuardList struct {
	Path      Path
	Elsewhere bool // it is about what is not in this store: no lock and no entity tag is there
	States    []GuardState
}

// GuardState is one condition: that the path is under the lock of that token, or has that entity tag (without quotes;
// a weak one keeps its mark, and matches nothing).
type GuardState struct {
	Not         bool
	Token, ETag string
}

// holds tells whether the token was submitted, in whatever list (§10.4.1).
func (g *Guard) holds(token string) bool { return token != "" && g.tokens[token] }

// Guarded returns a session whose writes into buckets are those of a door that shows trees and knows locks: they give
// PreconditionFailed when g does not hold, and MakeFolder, RemovePath, CopyPath, MovePath, LockPath, PatchProperties, and
// PutObject with Tree, Locked, with the path of the lock, when one is in the way whose token g does not have or whose
// owner is somebody else. A guard whose lists are about so many places that judging them
// would keep other writers waiting is BadArgument. Sessions that are not guarded look at locks in LockPath alone.
func (se *Session) Guarded(g Guard) *Session {
	g.tokens = make(map[string]bool)
	for _, l := range g.Lists {
		for _, s := range l.States {
			g.tokens[s.Token] = true
		}
	}
	return &Session{s: se.s, p: se.p, guard: &g}
}

// guarding judges the guard of a session in a transaction; without a guard everything holds.
type guarding struct {
	se  *Session
	tx  MetaTx
	now int64
}

// guarding begins to judge.
func (se *Session) guarding(tx MetaTx) guarding { return guarding{se: se, tx: tx, now: se.s.now()} }

// foresee judges the guard on what is now, before the transaction that judges it again: what is false, or dear, does
// not keep the writer of all buckets.
func (se *Session) foresee(ctx context.Context) error {
	if se.guard == nil || len(se.guard.Lists) == 0 {
		return nil
	}
	return se.s.view(ctx, func(ctx context.Context, tx MetaTx) error { return se.guarding(tx).judge(ctx) })
}

// Holds judges the guard for an operation that writes nothing, on what is when it is called: PreconditionFailed, or
// BadArgument as Guarded says. Without a guard everything holds. Of what the caller may not read it tells nothing.
func (se *Session) Holds(ctx context.Context) error { return fail("judge", "", se.foresee(ctx)) }

// judge returns PreconditionFailed unless one of the lists holds, and tells what is wrong with the last of them.
func (w guarding) judge(ctx context.Context) error {
	if w.se.guard == nil || len(w.se.guard.Lists) == 0 {
		return nil
	}
	j := judging{guarding: w, states: make(map[Path]pathState), buckets: make(map[string]*readableBucket)}
	var last *GuardList
	var wrong *GuardState
	for i := range w.se.guard.Lists {
		var err error
		last = &w.se.guard.Lists[i]
		if wrong, err = j.list(ctx, last); err != nil || wrong == nil {
			return err
		}
	}
	return Errorf(PreconditionFailed, "", "the condition If is false: %s", last.Path.String()+wrong.words())
}

// words says what a path has or is not, when the state does not hold.
func (s *GuardState) words() string {
	const most = 64
	what, value := " has not the entity tag ", s.ETag
	if s.Not {
		what = " has the entity tag "
	}
	if s.Token != "" {
		what, value = " is not under the lock ", s.Token
		if s.Not {
			what = " is under the lock "
		}
	}
	return what + strings.ToValidUTF8(value[:min(len(value), most)], "")
}

// maxGuardPlaces is how many places the lists of a guard are about at most, those above them included. A header of
// tokens and addresses for as many locks as fit in it names fewer.
const maxGuardPlaces = 4000

// judging judges lists in one transaction. Many of them may be about the same path, or about neighbours: nothing is
// read twice.
type judging struct {
	guarding
	states  map[Path]pathState
	buckets map[string]*readableBucket
	places  int
}

// readableBucket is a bucket that the caller may read.
type readableBucket struct {
	Bucket
	plain bool // without any lock
	locks map[string][]Lock
}

// pathState is what lists are judged on.
type pathState struct {
	locks []Lock
	etag  string
}

// list returns the first state of a list that does not hold, nil when all do. Who may not read a bucket finds no locks
// and no entity tags there.
func (j *judging) list(ctx context.Context, l *GuardList) (*GuardState, error) {
	var st pathState
	if !l.Elsewhere && l.Path.Bucket != "" {
		var err error
		if st, err = j.state(ctx, l.Path); err != nil {
			return nil, err
		}
	}
	for i := range l.States {
		s := &l.States[i]
		holds := s.ETag != "" && s.ETag == st.etag
		if s.Token != "" {
			holds = slices.ContainsFunc(st.locks, func(k Lock) bool { return k.Token == s.Token })
		}
		if holds == s.Not {
			return s, nil
		}
	}
	return nil, nil
}

// state returns the locks that a path is under, and its entity tag.
func (j *judging) state(ctx context.Context, p Path) (st pathState, err error) {
	st, known := j.states[p]
	if known {
		return st, nil
	}
	b, err := j.bucket(ctx, p.Bucket)
	if err != nil {
		return st, err
	}
	if b != nil {
		if st, err = j.look(ctx, b, p.Key); err != nil {
			return st, err
		}
	}
	j.states[p] = st
	return st, nil
}

// bucket returns a bucket, nil where the caller may not read one.
func (j *judging) bucket(ctx context.Context, name string) (*readableBucket, error) {
	if b, known := j.buckets[name]; known {
		return b, nil
	}
	var readable *readableBucket
	b, found, err := j.tx.BucketByName(ctx, name)
	if err != nil {
		return nil, err
	}
	if found {
		if _, err := j.se.authorizeIn(ctx, j.tx, b, AccessRead); err == nil {
			some, err := j.tx.LocksIn(ctx, b.ID, "", 1)
			if err != nil {
				return nil, err
			}
			readable = &readableBucket{Bucket: b, plain: len(some) == 0, locks: make(map[string][]Lock)}
		}
	}
	j.buckets[name] = readable
	return readable, nil
}

// look is state of a path in a bucket.
func (j *judging) look(ctx context.Context, b *readableBucket, key string) (st pathState, err error) {
	for at := key; !b.plain; at = above(at) {
		locks, known := b.locks[at]
		if !known {
			if locks, err = j.at(ctx, b.ID, at); err != nil {
				return st, err
			}
			b.locks[at] = locks
			if j.places++; j.places > maxGuardPlaces {
				return st, Errorf(BadArgument, "", "the condition If is about more than %d places", maxGuardPlaces)
			}
		}
		st.locks = append(st.locks, under(locks, key)...)
		if at == "" {
			break
		}
	}
	if key == "" {
		return st, nil
	}
	e, found, err := j.tx.Entry(ctx, b.ID, key)
	if err == nil && found && isLive(&e, j.now) {
		st.etag = e.Version.ETag
	}
	return st, err
}

// over returns the locks that a key is under: its own, and deep ones above it, the nearest first.
func (w guarding) over(ctx context.Context, bucketID int64, key string) ([]Lock, error) {
	chain, err := w.chain(ctx, bucketID, key)
	return under(chain, key), err
}

// chain returns the locks at a key and at all that is above it, the nearest first. Few buckets have a lock at all: one
// look at the bucket spares a look at each of these places, since the writer of all buckets waits for them.
func (w guarding) chain(ctx context.Context, bucketID int64, key string) ([]Lock, error) {
	some, err := w.tx.LocksIn(ctx, bucketID, "", 1)
	if err != nil || len(some) == 0 {
		return nil, err
	}
	var all []Lock
	for at := key; ; at = above(at) {
		locks, err := w.at(ctx, bucketID, at)
		if err != nil {
			return nil, err
		}
		all = append(all, locks...)
		if at == "" {
			return all, nil
		}
	}
}

// at returns the locks at one key that have not expired.
func (w guarding) at(ctx context.Context, bucketID int64, key string) ([]Lock, error) {
	locks, err := w.tx.LocksAt(ctx, bucketID, key)
	return slices.DeleteFunc(locks, func(l Lock) bool { return l.Expiry <= w.now }), err
}

// under returns, of the locks of a chain, those that a key of it is under.
func under(chain []Lock, key string) []Lock {
	var all []Lock
	for _, l := range chain {
		if l.Key == key || l.Deep && len(l.Key) < len(key) {
			all = append(all, l)
		}
	}
	return all
}

// above returns the key of the folder that a key is in; "" is the bucket.
func above(key string) string { return key[:max(0, strings.LastIndexByte(key, '/'))] }

// mine tells whether the caller may act under a lock.
func (w guarding) mine(l *Lock) bool { return l.Owner == w.se.p.UserID && w.se.guard.holds(l.Token) }

// write returns Locked unless the content and properties of a key may be changed: of the locks that it is under one
// must be the caller's. There is more than one only where they are shared (§6.2).
func (w guarding) write(ctx context.Context, b Bucket, key string) error {
	if w.se.guard == nil {
		return nil
	}
	locks, err := w.over(ctx, b.ID, key)
	if err != nil {
		return err
	}
	return w.oneOf(b, locks)
}

// oneOf returns Locked when there are locks and none is the caller's.
func (w guarding) oneOf(b Bucket, locks []Lock) error {
	if len(locks) == 0 || slices.ContainsFunc(locks, func(l Lock) bool { return w.mine(&l) }) {
		return nil
	}
	return locked(b, locks[0].Key)
}

func locked(b Bucket, key string) error {
	return &Error{Code: Locked, Path: Path{b.Name, key}.String(), Msg: "it is locked, and the request has not the token of the lock"}
}

// member is write for a key that comes or goes: that changes its folder too (§7.4).
func (w guarding) member(ctx context.Context, b Bucket, key string) error {
	if w.se.guard == nil {
		return nil
	}
	chain, err := w.chain(ctx, b.ID, key)
	if err != nil {
		return err
	}
	if err := w.oneOf(b, under(chain, key)); err != nil || key == "" {
		return err
	}
	return w.oneOf(b, under(chain, above(key)))
}

// put is write for a key that is there, and member for one that is not.
func (w guarding) put(ctx context.Context, b Bucket, key string, there bool) error {
	if there {
		return w.write(ctx, b, key)
	}
	return w.member(ctx, b, key)
}

// tree is member for a key with everything below it.
func (w guarding) tree(ctx context.Context, b Bucket, key string) error {
	if w.se.guard == nil {
		return nil
	}
	if err := w.member(ctx, b, key); err != nil {
		return err
	}
	locks, err := w.in(ctx, b, key)
	if err != nil {
		return err
	}
	for len(locks) > 0 {
		n := 1
		for n < len(locks) && locks[n].Key == locks[0].Key {
			n++
		}
		if err := w.oneOf(b, locks[:n]); err != nil {
			return err
		}
		locks = locks[n:]
	}
	return nil
}

// in returns the locks at a key and below it that have not expired, by key.
func (w guarding) in(ctx context.Context, b Bucket, key string) ([]Lock, error) {
	locks, err := w.tx.LocksIn(ctx, b.ID, key, 2*maxLocks)
	return slices.DeleteFunc(locks, func(l Lock) bool { return l.Expiry <= w.now }), err
}

// unlockOne ends the locks at a key alone: what is below it is there yet.
func (w guarding) unlockOne(ctx context.Context, b Bucket, key string) error {
	if w.se.guard == nil {
		return nil
	}
	locks, err := w.tx.LocksAt(ctx, b.ID, key)
	for i := 0; err == nil && i < len(locks); i++ {
		err = w.tx.DeleteLock(ctx, locks[i].Token)
	}
	return err
}

// unlock ends the locks at a key and below it: what they were on is gone (§9.6, §7.5).
func (w guarding) unlock(ctx context.Context, b Bucket, key string) error {
	if w.se.guard == nil {
		return nil
	}
	return w.tx.DeleteLocks(ctx, b.ID, key)
}

// replaced ends the locks below a path that something else has come to lie at, where nothing is any more (§6.1). All
// others stay, first of all that of the path itself: a lock is on the address, and what comes there comes under it
// (§7.6). Clients that replace a file under its lock go on using that lock.
func (m *mutation) replaced(ctx context.Context, path string) error {
	if m.se.guard == nil {
		return nil
	}
	locks, err := m.tx.LocksIn(ctx, m.bucket.ID, path, 2*maxLocks)
	if err != nil {
		return err
	}
	for _, l := range locks {
		if l.Key == path {
			continue
		}
		there, err := m.occupied(ctx, l.Key)
		if err != nil {
			return err
		}
		if there {
			continue
		}
		if err := m.tx.DeleteLock(ctx, l.Token); err != nil {
			return err
		}
	}
	return nil
}
