package core

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"
)

const (
	// maxLocks is how many locks a bucket and a user have at most, expired ones that are not swept yet included.
	maxLocks = 10_000
	// maxSharedLocks is how many locks may be over one path when another one is taken there: each is told with every file
	// below it.
	maxSharedLocks = 32
	// maxLockNote is the most bytes of a Note.
	maxLockNote = 2 << 10
	// MaxLockTime is the longest time that a lock holds without being refreshed.
	MaxLockTime = 24 * time.Hour
)

// LockRequest is what a new lock shall be. Time is clipped to 1 s to MaxLockTime.
type LockRequest struct {
	Shared, Deep bool
	There        bool // only what is there already is locked: Conflict where nothing is
	Time         time.Duration
	Note         string
}

// lockEnd is when a lock that is taken now ends.
func lockEnd(now int64, d time.Duration) int64 {
	return now + int64(min(max(d, time.Second), MaxLockTime))
}

// LockPath locks a bucket, file or folder, or a path where nothing is: an empty file is made there, and made is true
// (RFC 4918 §7.3, §9.10). A guarded session's locks are no exception: a path that is under one is Locked. Errors:
// NoSuchBucket, Forbidden (the right to write is wanted), BadKey, KeyTooLong, BadArgument (Note), Locked with the path
// of the lock that is in the way, Conflict when the parent does not exist, nothing is there as req demands, or for too
// many locks, PreconditionFailed, NoSpace.
func (se *Session) LockPath(ctx context.Context, p Path, req LockRequest) (l Lock, made bool, err error) {
	if p.Key != "" {
		if err := checkTreePath(p.Key); err != nil {
			return l, false, err
		}
	}
	if len(req.Note) > maxLockNote {
		return l, false, Errorf(BadArgument, "", "owner: it has %d bytes, at most %d are kept", len(req.Note), maxLockNote)
	}
	b, err := se.authorize(ctx, p.Bucket, AccessWrite)
	if err != nil {
		return l, false, err
	}
	if err := se.s.checkReserve(); err != nil {
		return l, false, err
	}
	ids, err := se.s.newIDs(ctx, ContentNone)
	if err != nil {
		return l, false, fail("lock", p.String(), err)
	}
	token := newLockToken()
	err = se.update(ctx, func(ctx context.Context, tx MetaTx) error {
		m, err := se.begin(ctx, tx, b)
		if err != nil {
			return err
		}
		l = Lock{
			Token: token, BucketID: b.ID, Key: p.Key, Deep: req.Deep, Shared: req.Shared, Owner: se.p.UserID,
			Expiry: lockEnd(m.now, req.Time), Note: req.Note,
		}
		if made, err = m.lock(ctx, l, ids); err != nil {
			return err
		}
		if made && req.There {
			return Errorf(Conflict, p.String(), "there is no folder that could be locked; an address that ends in a slash makes no file")
		}
		return m.finish(ctx)
	})
	return l, made, fail("lock", p.String(), err)
}

// newLockToken draws a random UUID (RFC 4918 §6.5, RFC 9562 §5.4).
func newLockToken() string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // never fails
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// lock takes the lock unless another one is in its way.
func (m *mutation) lock(ctx context.Context, l Lock, ids newIDs) (made bool, err error) {
	w := m.se.guarding(m.tx)
	others, err := w.over(ctx, m.bucket.ID, l.Key)
	if err != nil {
		return false, err
	}
	if len(others) >= maxSharedLocks {
		return false, Errorf(Conflict, l.Key, "there are %d locks on it already", len(others))
	}
	if l.Deep {
		below, err := w.in(ctx, m.bucket, l.Key)
		if err != nil {
			return false, err
		}
		others = append(others, below...)
	}
	if i := slices.IndexFunc(others, func(o Lock) bool { return !o.Shared || !l.Shared }); i >= 0 {
		return false, locked(m.bucket, others[i].Key)
	}
	if err := m.roomForLock(ctx); err != nil {
		return false, err
	}
	if l.Key != "" {
		there, err := m.occupied(ctx, l.Key)
		if err != nil {
			return false, err
		}
		if made = !there; made {
			if err := m.makeEmpty(ctx, l.Key, ids); err != nil {
				return false, err
			}
		}
	}
	return made, m.tx.PutLock(ctx, l)
}

// makeEmpty makes an empty file.
func (m *mutation) makeEmpty(ctx context.Context, key string, ids newIDs) error {
	if err := m.se.guarding(m.tx).member(ctx, m.bucket, key); err != nil {
		return err
	}
	if err := m.treeCheck(ctx, key); err != nil {
		return err
	}
	old, had, err := m.tx.Entry(ctx, m.bucket.ID, key)
	if err != nil {
		return err
	}
	_, err = m.install(ctx, &old, had, m.emptyVersion(), entryAt{key, ids})
	return err
}

// roomForLock returns Conflict when the bucket or the caller has as many locks as may be, once expired ones are gone.
func (m *mutation) roomForLock(ctx context.Context) error {
	for {
		inBucket, own, err := m.tx.CountLocks(ctx, m.bucket.ID, m.user, maxLocks)
		if err != nil {
			return err
		}
		if inBucket < maxLocks && own < maxLocks {
			return nil
		}
		gone, err := dropExpiredLocks(ctx, m.tx, m.now)
		if err != nil {
			return err
		}
		if gone == 0 {
			return Errorf(Conflict, m.bucket.Name, "there are %d locks already, in the bucket or of the user: unlock something", maxLocks)
		}
	}
}

// dropExpiredLocks removes up to 1,000 locks that have expired, and tells how many.
func dropExpiredLocks(ctx context.Context, tx MetaTx, now int64) (int, error) {
	gone, err := tx.ExpiredLocks(ctx, now, 1000)
	if err != nil {
		return 0, err
	}
	for _, l := range gone {
		if err := tx.DeleteLock(ctx, l.Token); err != nil {
			return 0, err
		}
	}
	return len(gone), nil
}

// SweepLocks removes locks that have expired, up to 1,000, and tells how many.
func (m *Maintenance) SweepLocks(ctx context.Context) (n int, err error) {
	err = m.Meta.Update(ctx, func(ctx context.Context, tx MetaTx) error {
		if err := m.s.checkWriter(ctx, tx); err != nil {
			return err
		}
		n, err = dropExpiredLocks(ctx, tx, m.s.now())
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("sweep locks: %w", err)
	}
	return n, nil
}

// RefreshLock begins the time of a lock anew: of the one that p is under and whose token the session's guard has.
// Errors: NoSuchBucket, Forbidden (also: somebody else's), PreconditionFailed when there is none.
func (se *Session) RefreshLock(ctx context.Context, p Path, d time.Duration) (Lock, error) {
	return se.changeLock(ctx, p, func(l *Lock) bool { return se.guard != nil && se.guard.holds(l.Token) },
		func(ctx context.Context, tx MetaTx, now int64, l *Lock) error {
			l.Expiry = lockEnd(now, d)
			return tx.PutLock(ctx, *l)
		})
}

// Unlock ends the lock of that token, which p must be under: else Conflict (RFC 4918 §9.11.1). Its owner may, and the
// owner of the bucket. Other errors: NoSuchBucket, Forbidden.
func (se *Session) Unlock(ctx context.Context, p Path, token string) error {
	_, err := se.changeLock(ctx, p, func(l *Lock) bool { return l.Token == token },
		func(ctx context.Context, tx MetaTx, _ int64, l *Lock) error { return tx.DeleteLock(ctx, l.Token) })
	if CodeOf(err) == PreconditionFailed && err != nil {
		return fail("unlock", p.String(), Errorf(Conflict, "", "there is no lock of this token here"))
	}
	return err
}

// changeLock changes the one lock that p is under and that is meant.
func (se *Session) changeLock(
	ctx context.Context, p Path, meant func(*Lock) bool, change func(context.Context, MetaTx, int64, *Lock) error,
) (l Lock, err error) {
	b, err := se.authorize(ctx, p.Bucket, AccessWrite)
	if err != nil {
		return l, err
	}
	err = se.update(MakingRoom(ctx), func(ctx context.Context, tx MetaTx) error {
		m, err := se.begin(ctx, tx, b)
		if err != nil {
			return err
		}
		locks, err := se.guarding(tx).over(ctx, b.ID, p.Key)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(locks, func(l Lock) bool { return meant(&l) })
		if i < 0 {
			return Errorf(PreconditionFailed, "", "there is no lock of this token here")
		}
		if l = locks[i]; l.Owner != se.p.UserID && m.bucket.Owner != se.p.UserID && !se.p.Admin {
			return &Error{Code: Forbidden, Path: p.String(), Msg: "the lock belongs to another user"}
		}
		return change(ctx, tx, m.now, &l)
	})
	return l, fail("change lock", p.String(), err)
}

// Locks returns the locks that a node is under, the nearest first. The node comes from StatPath or ListFolder of the
// same session.
func (se *Session) Locks(ctx context.Context, n *TreeNode) (locks []Lock, err error) {
	if n.Path.Bucket == "" {
		return nil, nil
	}
	err = se.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		locks, err = se.guarding(tx).over(ctx, n.Bucket.ID, n.Path.Key)
		return err
	})
	return locks, fail("locks", n.Path.String(), err)
}

// FolderLocks are the locks that the members of one folder are under, as of one moment.
type FolderLocks struct {
	over []Lock            // all members
	at   map[string][]Lock // single ones, by key
}

// Of returns the locks that a member of the folder is under, the nearest first.
func (f *FolderLocks) Of(member *TreeNode) []Lock {
	return slices.Concat(f.at[member.Path.Key], f.over)
}

// folderLocks is how many locks FolderLocks reads.
const folderLocks = 1000

// FolderLocks reads the locks of all members of a folder at once: Locks asks for each. It is nil for the root, and where
// there are more than 1,000 locks in the folder and below: then ask Locks. The node comes from StatPath or ListFolder
// of the same session.
func (se *Session) FolderLocks(ctx context.Context, n *TreeNode) (f *FolderLocks, err error) {
	if n.Path.Bucket == "" {
		return nil, nil
	}
	err = se.s.viewPage(ctx, func(ctx context.Context, tx MetaTx) error {
		f = &FolderLocks{at: make(map[string][]Lock)}
		w := se.guarding(tx)
		below, err := tx.LocksIn(ctx, n.Bucket.ID, n.Path.Key, folderLocks+1)
		if err != nil || len(below) > folderLocks {
			f = nil
			return err
		}
		for _, l := range below {
			if l.Expiry > w.now && l.Key != n.Path.Key {
				f.at[l.Key] = append(f.at[l.Key], l)
			}
		}
		over, err := w.over(ctx, n.Bucket.ID, n.Path.Key)
		f.over = slices.DeleteFunc(over, func(l Lock) bool { return !l.Deep })
		return err
	})
	return f, fail("locks", n.Path.String(), err)
}

// AnyLocks tells whether there is a lock anywhere in a bucket that the caller may read. Errors: NoSuchBucket,
// Forbidden.
func (se *Session) AnyLocks(ctx context.Context, bucket string) (bool, error) {
	b, err := se.authorize(ctx, bucket, AccessRead)
	if err != nil {
		return false, err
	}
	some := false
	err = se.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		locks, err := tx.LocksIn(ctx, b.ID, "", 1)
		some = len(locks) > 0
		return err
	})
	return some, fail("locks", bucket, err)
}
