package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"trivium/core/content"
)

// ReclassPrefix begins the names of jobs that look through a bucket for content that its policy wants in another class.
const ReclassPrefix = "reclass/"

// ReclassState is the state of a job "reclass/<bucketID>".
type ReclassState struct {
	BucketID int64  `json:"bucket"`
	Since    int64  `json:"since"` // of the change, ns since 1970: a later one begins anew
	After    string `json:"after,omitempty"`
}

// putReclass leaves a job that converts what a bucket holds.
func putReclass(ctx context.Context, tx MetaTx, st ReclassState) error {
	state, err := json.Marshal(st)
	if err != nil {
		return err
	}
	return tx.PutJob(ctx, Job{Name: ReclassPrefix + strconv.FormatInt(st.BucketID, 10), State: state, UpdateTime: st.Since})
}

// reclassPage is how many entries are looked through at a time.
const reclassPage = 200

// Reclass looks through the next page of a bucket and leaves a job for each version whose content does not lie where the
// bucket's policy wants it. more tells whether there are others after it; the state that comes back is kept already.
func (m *Maintenance) Reclass(ctx context.Context, st ReclassState) (next ReclassState, more bool, err error) {
	var b Bucket
	err = m.s.meta.View(ctx, func(ctx context.Context, tx MetaTx) error {
		b, err = m.s.bucketIn(ctx, tx, Bucket{ID: st.BucketID})
		return err
	})
	if err != nil && CodeOf(err) == NoSuchBucket {
		return st, false, m.dropJob(ctx, ReclassPrefix+strconv.FormatInt(st.BucketID, 10), st.Since)
	}
	if err != nil {
		return st, false, err
	}
	class, _, err := m.s.classFor(ctx, b)
	if err != nil {
		return st, false, err
	}
	err = m.s.meta.Update(MakingRoom(ctx), func(ctx context.Context, tx MetaTx) error {
		next = st
		if err := m.s.checkWriter(ctx, tx); err != nil {
			return err
		}
		more, err = m.s.reclassIn(ctx, tx, &next, class)
		return err
	})
	return next, more, err
}

// reclassIn is Reclass in its transaction.
func (s *Service) reclassIn(ctx context.Context, tx MetaTx, st *ReclassState, class Class) (more bool, err error) {
	name := ReclassPrefix + strconv.FormatInt(st.BucketID, 10)
	if kept, err := sameReclass(ctx, tx, name, st.Since); err != nil || !kept {
		return false, err // another change has begun anew
	}
	b, err := s.bucketIn(ctx, tx, Bucket{ID: st.BucketID})
	if err != nil {
		return false, err
	}
	from := ""
	if st.After != "" {
		from = st.After + "\x00"
	}
	items, err := tx.List(ctx, ListQuery{BucketID: b.ID, From: from, Limit: reclassPage, Which: LiveAndHidden})
	if err != nil {
		return false, err
	}
	m := &mutation{s: s, tx: tx, bucket: b, now: s.now()}
	for i := range items {
		e := &items[i].Entry
		if err := m.convertAll(ctx, e, class); err != nil {
			return false, err
		}
		st.After = e.Key
	}
	if len(items) < reclassPage {
		return false, tx.DeleteJob(ctx, name)
	}
	return true, putReclass(ctx, tx, *st)
}

// sameReclass tells whether the job of that name is the one that began then.
func sameReclass(ctx context.Context, tx MetaTx, name string, since int64) (bool, error) {
	j, found, err := tx.Job(ctx, name)
	if err != nil || !found {
		return false, err
	}
	var st ReclassState
	if err := json.Unmarshal(j.State, &st); err != nil {
		return false, fmt.Errorf("job %s: %w", name, err)
	}
	return st.Since == since, nil
}

// dropJob removes a job of looking through a bucket, if it is still the one that began then.
func (m *Maintenance) dropJob(ctx context.Context, name string, since int64) error {
	return m.s.meta.Update(MakingRoom(ctx), func(ctx context.Context, tx MetaTx) error {
		kept, err := sameReclass(ctx, tx, name, since)
		if err != nil || !kept {
			return err
		}
		return tx.DeleteJob(ctx, name)
	})
}

// convertAll leaves a job for each version of e that does not lie in the class.
func (m *mutation) convertAll(ctx context.Context, e *Entry, class Class) error {
	if err := m.convert(ctx, e, &e.Version, class); err != nil || !e.Older {
		return err
	}
	const page = 500
	for before := e.Version.Seq; ; {
		older, err := m.tx.Versions(ctx, e.ObjectID, before, page)
		if err != nil {
			return err
		}
		for i := range older {
			if err := m.convert(ctx, e, &older[i], class); err != nil {
				return err
			}
			before = older[i].Seq
		}
		if len(older) < page {
			return nil
		}
	}
}

// Convert writes the content of the version that st names anew in the class that its bucket wants, and makes the version
// refer to it if it still refers to what was read (S13). One that has ended, or lies there already, is done. The job of
// that name goes with it.
func (m *Maintenance) Convert(ctx context.Context, job string, st ConvertState) error {
	for range resolveTries {
		err := m.s.convertOnce(ctx, job, st)
		if !errors.Is(err, errMoved) {
			return err
		}
	}
	return &Error{Code: Conflict, Msg: "the content is overwritten over and over"}
}

// convertOnce is one try of Convert; errMoved when the version was overwritten meanwhile.
func (s *Service) convertOnce(ctx context.Context, job string, st ConvertState) error {
	pin := s.pins.Begin()
	r, parts, err := s.toConvert(ctx, st)
	if err != nil || r == nil {
		pin.Release()
		if err != nil {
			return err
		}
		return s.meta.Update(MakingRoom(ctx), func(ctx context.Context, tx MetaTx) error { return tx.DeleteJob(ctx, job) })
	}
	body, err := s.openBody(ctx, r, pin)
	if err != nil {
		pin.Release()
		return err
	}
	n, err := s.receiveAnew(ctx, r, body)
	if err := errors.Join(err, body.Close()); err != nil {
		if n != nil {
			n.w.Abandon()
			n.w.Close()
		}
		return err
	}
	defer n.w.Close()
	s.hook("convert.commit.before")
	err = s.meta.Update(ctx, func(ctx context.Context, tx MetaTx) error {
		m := &mutation{s: s, tx: tx, bucket: r.object.Bucket, now: s.now()}
		return m.converted(ctx, r, n, convertedAt{job, st, parts})
	})
	s.hook("convert.commit.after")
	if err != nil {
		n.w.Abandon()
		return err
	}
	n.w.Committed()
	return nil
}

// toConvert finds the version that st names with its whole content, and the parts of its list; nil when there is nothing
// to convert any more.
func (s *Service) toConvert(ctx context.Context, st ConvertState) (*resolved, []Part, error) {
	var r *resolved
	var parts []Part
	var b Bucket
	err := s.meta.View(ctx, func(ctx context.Context, tx MetaTx) error {
		r, parts = nil, nil
		e, v, err := convertible(ctx, tx, st)
		if err != nil || e == nil {
			return err
		}
		if b, err = s.bucketIn(ctx, tx, Bucket{ID: e.BucketID}); err != nil {
			if CodeOf(err) == NoSuchBucket {
				return nil
			}
			return err
		}
		e.Version = *v
		r = &resolved{object: Object{Bucket: b, Entry: *e, Length: v.Size}, found: true}
		if err := r.load(ctx, tx, &GetOptions{Parts: true}); err != nil {
			return err
		}
		parts = r.parts
		return nil
	})
	if err != nil || r == nil {
		return nil, nil, err
	}
	class, _, err := s.classFor(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	var foreign bool
	err = s.meta.View(ctx, func(ctx context.Context, tx MetaTx) error {
		m := &mutation{s: s, tx: tx}
		foreign, err = m.foreign(ctx, &r.object.Entry.Version, class)
		return err
	})
	if err != nil || !foreign {
		return nil, nil, err
	}
	return r, parts, nil
}

// convertible finds the entry and the version that st names, which has content; nil if there is none.
func convertible(ctx context.Context, tx MetaTx, st ConvertState) (*Entry, *Version, error) {
	e, found, err := tx.EntryByID(ctx, st.ObjectID)
	if err != nil || !found {
		return nil, nil, err
	}
	v := e.Version
	if v.ID != st.Version {
		if v, found, err = tx.Version(ctx, st.ObjectID, st.Version); err != nil || !found {
			return nil, nil, err
		}
	}
	if v.Marker || v.Content.Kind == ContentNone {
		return nil, nil, nil
	}
	return &e, &v, nil
}

// receiveAnew stores what body delivers in the class of r's bucket. What comes must be what the version says.
func (s *Service) receiveAnew(ctx context.Context, r *resolved, body readBody) (*newContent, error) {
	v := &r.object.Entry.Version
	opts := receiveOptions{inline: v.SHA256 != nil && v.PartCount == 0}
	if v.SHA256 != nil {
		opts.digests = content.SHA256
		opts.verify = func(d Digests) error {
			if string(d.SHA256[:]) != string(v.SHA256) {
				return &Error{Code: Corrupt, Msg: "the content is not what its version says"}
			}
			return nil
		}
	}
	return s.receive(ctx, r.object.Bucket, &countedBody{src: body, size: v.Size}, opts)
}

// convertedAt is which job has converted which version, and the parts that its list has.
type convertedAt struct {
	job   string
	st    ConvertState
	parts []Part
}

// converted makes the version refer to its new content.
func (m *mutation) converted(ctx context.Context, r *resolved, n *newContent, at convertedAt) error {
	if err := m.s.checkWriter(ctx, m.tx); err != nil {
		return err
	}
	e, v, err := convertible(ctx, m.tx, at.st)
	if err != nil {
		return err
	}
	old := r.object.Entry.Version.Content
	if e == nil || v.Content != old {
		return errMoved
	}
	if v.Content, err = m.store(ctx, n); err != nil {
		return err
	}
	if len(at.parts) > 0 {
		l, _, err := m.tx.ListByID(ctx, v.Content.ID, ListRead{Length: -1})
		if err != nil {
			return err
		}
		l.Parts = at.parts
		if err := m.tx.PutList(ctx, l); err != nil {
			return err
		}
	}
	if e.Version.ID == v.ID {
		e.Version = *v
		err = m.tx.PutEntry(ctx, *e)
	} else {
		err = m.tx.PutVersion(ctx, e.ObjectID, *v)
	}
	if err != nil {
		return err
	}
	if err := m.release(ctx, old); err != nil {
		return err
	}
	return m.tx.DeleteJob(ctx, at.job)
}
