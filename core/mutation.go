package core

import (
	"context"
	"slices"
)

// mutation is the work of one Update on one bucket. It gathers what is written once at the end: the change of
// usage and the packages that may have lost their last member. It is made by begin inside fn, used there and
// ended by finish; a fn that runs again makes a new one.
type mutation struct {
	s       *Service
	se      *Session
	tx      MetaTx
	bucket  Bucket
	user    int64
	now     int64
	usage   Usage
	emptied []string // packages a live entry left
	inside  *Package // one that is known to be there; nil: none is
	looked  int      // older versions that were read
}

// newIDs are the ids that one new version may need, reserved outside the transaction; those that its work cannot
// need are 0: content when there is none of its own.
type newIDs struct {
	object, content int64
}

// newIDs takes the ids of one new version whose content is of that kind.
func (s *Service) newIDs(ctx context.Context, kind ContentKind) (newIDs, error) {
	var ids newIDs
	var err error
	if ids.object, err = s.nextID(ctx, "object"); err != nil {
		return ids, err
	}
	switch kind {
	case ContentInline:
		ids.content, err = s.nextID(ctx, "inline")
	case ContentList:
		ids.content, err = s.nextID(ctx, "list")
	case ContentNone:
	}
	return ids, err
}

// begin starts the work on a bucket that authorize returned before the transaction: it fences out a process that
// lost its lease (S16) and judges again, on the configuration of this very transaction (S32), that the bucket is
// there and the caller may write in it, and judges the session's guard.
func (se *Session) begin(ctx context.Context, tx MetaTx, b Bucket) (*mutation, error) {
	if err := se.s.checkWriter(ctx, tx); err != nil {
		return nil, err
	}
	b, err := se.authorizeIn(ctx, tx, b, AccessWrite)
	if err != nil {
		return nil, err
	}
	if err := se.guarding(tx).judge(ctx); err != nil {
		return nil, err
	}
	return &mutation{s: se.s, se: se, tx: tx, bucket: b, user: se.p.UserID, now: se.s.now()}, nil
}

// finish writes the change of usage and removes the implied packages that have no member left.
func (m *mutation) finish(ctx context.Context) error {
	if m.usage != (Usage{}) {
		if err := m.tx.AddUsage(ctx, m.bucket.ID, m.usage); err != nil {
			return err
		}
	}
	slices.Sort(m.emptied)
	for _, name := range slices.Compact(m.emptied) {
		if err := m.dropPackage(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// noVersion is a placeholder.
func (m *mutation) noVersion() Version {
	return Version{Marker: true, UpdateTime: m.now, MTime: NoTime}
}

// isLive tells whether e stands for an object that doors show at time now.
func isLive(e *Entry, now int64) bool {
	return !e.Version.Marker && !expired(&e.Version, now)
}

// expired tells whether v's time is over: it does not exist for any door, though its rows may.
func expired(v *Version, now int64) bool { return past(v.Expiry, now) }

// past tells whether an expiry is over.
func past(expiry, now int64) bool { return expiry > 0 && expiry <= now }

// live returns the current version when doors show it, else nil: what conditions of writes are judged on.
func (m *mutation) live(e *Entry, had bool) *Version {
	if !had || !isLive(e, m.now) {
		return nil
	}
	return &e.Version
}

// setEntry writes e in place of old (when had) at the same key, and keeps count of live entries and packages.
func (m *mutation) setEntry(ctx context.Context, old *Entry, had bool, e Entry) error {
	was := had && !old.Version.Marker
	is := !e.Version.Marker
	switch {
	case is && !was:
		m.usage.Objects++
		if err := m.ensurePackage(ctx, e.Key); err != nil {
			return err
		}
	case was && !is:
		m.usage.Objects--
		m.leave(e.Key)
	}
	return m.tx.PutEntry(ctx, e)
}

// dropEntry removes the row of e, whose versions must be gone or have another home. Under an unfinished native upload
// the entry stays with a placeholder: it keeps the objectID, and the doors' writes do not end the upload.
func (m *mutation) dropEntry(ctx context.Context, e *Entry) error {
	if !e.Version.Marker {
		m.usage.Objects--
		m.leave(e.Key)
	}
	if e.Unfinished != "" {
		left := *e
		left.Older, left.Version = false, m.noVersion()
		return m.tx.PutEntry(ctx, left)
	}
	return m.tx.DeleteEntry(ctx, m.bucket.ID, e.Key)
}
