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

// ReclassPage is what was found in a part of a bucket.
type ReclassPage struct {
	Convert []ConvertState // versions whose content does not lie where the bucket's policy wants it
	Next    ReclassState   // to be kept by KeepReclass once they are converted, or have jobs
	More    bool           // there is more of the bucket after it
}

// Reclass looks through the next page of a bucket.
func (m *Maintenance) Reclass(ctx context.Context, st ReclassState) (ReclassPage, error) {
	page := ReclassPage{Next: st}
	var b Bucket
	err := m.s.meta.View(ctx, func(ctx context.Context, tx MetaTx) (err error) {
		b, err = m.s.bucketIn(ctx, tx, Bucket{ID: st.BucketID})
		return err
	})
	if err != nil {
		if CodeOf(err) == NoSuchBucket {
			err = nil
		}
		return page, err
	}
	class, _, err := m.s.classFor(ctx, b)
	if err != nil {
		return page, err
	}
	err = m.s.meta.View(ctx, func(ctx context.Context, tx MetaTx) error {
		page = ReclassPage{Next: st}
		w := &mutation{s: m.s, tx: tx, bucket: b, now: m.s.now()}
		return w.reclass(ctx, &page, class)
	})
	return page, err
}

// reclass is Reclass in its transaction.
func (m *mutation) reclass(ctx context.Context, page *ReclassPage, class Class) error {
	from := ""
	if page.Next.After != "" {
		from = page.Next.After + "\x00"
	}
	items, err := m.tx.List(ctx, ListQuery{BucketID: m.bucket.ID, From: from, Limit: reclassPage, Which: LiveAndHidden, Brief: true})
	if err != nil {
		return err
	}
	for i := range items {
		e := &items[i].Entry
		err := m.eachVersion(ctx, e, func(v *Version) error {
			foreign, err := m.foreign(ctx, v, class)
			if err == nil && foreign {
				page.Convert = append(page.Convert, ConvertState{BucketID: e.BucketID, ObjectID: e.ObjectID, Version: v.ID, Class: class.ID})
			}
			return err
		})
		if err != nil {
			return err
		}
		if page.Next.After = e.Key; len(page.Convert) >= reclassPage {
			page.More = true
			return nil
		}
	}
	page.More = len(items) == reclassPage
	return nil
}

// eachVersion calls fn for every version of e.
func (m *mutation) eachVersion(ctx context.Context, e *Entry, fn func(*Version) error) error {
	if err := fn(&e.Version); err != nil || !e.Older {
		return err
	}
	const page = 500
	for before := e.Version.Seq; ; {
		older, err := m.tx.Versions(ctx, e.ObjectID, before, page)
		if err != nil {
			return err
		}
		for i := range older {
			if err := fn(&older[i]); err != nil {
				return err
			}
			before = older[i].Seq
		}
		if len(older) < page {
			return nil
		}
	}
}

// KeepReclass notes how far looking through a bucket is, and leaves jobs for what could not be converted. Nothing is noted
// when another change of the policy has begun anew.
func (m *Maintenance) KeepReclass(ctx context.Context, page *ReclassPage, failed []ConvertState) error {
	name := ReclassPrefix + strconv.FormatInt(page.Next.BucketID, 10)
	return m.s.meta.Update(MakingRoom(ctx), func(ctx context.Context, tx MetaTx) error {
		if err := m.s.checkWriter(ctx, tx); err != nil {
			return err
		}
		for _, st := range failed {
			if err := putConvert(ctx, tx, st, m.s.now()); err != nil {
				return err
			}
		}
		kept, err := sameReclass(ctx, tx, name, page.Next.Since)
		switch {
		case err != nil || !kept:
			return err
		case page.More:
			return putReclass(ctx, tx, page.Next)
		}
		return tx.DeleteJob(ctx, name)
	})
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

// Convert writes the content of the version that st names anew in the class that its bucket wants, and makes the version
// refer to it if it still refers to what was read (S13). One that has ended, or lies there already, is done. The job of
// that name, if it is one, goes with it.
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
