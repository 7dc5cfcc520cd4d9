package core

import (
	"context"
	"crypto/sha256"
	"strings"
)

// Member is an object as its package shows it: the current version of its entry or, Unfinished, the native upload that
// lies over it.
type Member struct {
	Bucket    string // its name
	Entry     Entry
	PackageID int64
	Path      string // in the package
	// Unfinished: the four fields below are of the upload, and Entry's version is what the other doors serve.
	Unfinished bool
	Size       int64
	UpdateTime int64
	SHA256     []byte // of the content; nil where it is not known
	// PartsSHA256 is the SHA-256 of the SHA-256s of the parts, where that is known and SHA256 is not.
	PartsSHA256 []byte
}

// At returns where the object is.
func (m *Member) At() Path { return Path{m.Bucket, m.Entry.Key} }

// MemberKey returns the key of a path in a package. Errors: BadArgument for an empty path, and for one that would
// belong to another package than the root package; KeyTooLong, BadKey.
func MemberKey(p *Package, path string) (string, error) {
	if path == "" {
		return "", Errorf(BadArgument, "", "path: it is missing")
	}
	return memberKey(p, path)
}

// memberKey is MemberKey for what is only read: of a package that is not the root package the empty path is its marker.
func memberKey(p *Package, path string) (string, error) {
	key, ok := JoinKey(p.Name, path)
	if !ok {
		return "", Errorf(BadArgument, "", "path: in the root package it has no slash but a leading one")
	}
	return key, CheckKey(key)
}

// MemberTarget is where an object is to come.
type MemberTarget struct {
	PackageID int64
	Path      string
}

// CheckTargets returns which of targets is the first with a path that cannot be, and why: BadArgument, BadKey,
// KeyTooLong. Those in packages that are missing, or in which the caller may not write, are judged by their path alone.
func (se *Session) CheckTargets(ctx context.Context, targets []MemberTarget) (bad int, err error) {
	known := make(map[int64]Package)
	for i, t := range targets {
		p, found := known[t.PackageID]
		if !found {
			p, _, err = se.Package(ctx, t.PackageID, AccessWrite)
			if code := CodeOf(err); err != nil && code != NotFound && code != Forbidden {
				return i, err
			} else if err != nil {
				p = Package{Name: "?"}
			}
			known[t.PackageID] = p
		}
		if _, err := MemberKey(&p, t.Path); err != nil {
			return i, err
		}
	}
	return 0, nil
}

// MemberOptions say which objects count.
type MemberOptions struct {
	// Hidden finds objects under delete markers, too: they have versions.
	Hidden bool
	Need   Access // the right that the caller must have; AccessNone is AccessRead
	// Bare leaves out what is shown of an unfinished upload, which may have many parts: Size, UpdateTime and the digests.
	Bare bool
}

// MemberByID finds an object wherever it is. Errors: NoSuchKey, also where the caller has no right on its bucket at
// all; Forbidden.
func (se *Session) MemberByID(ctx context.Context, id int64, opts MemberOptions) (Member, error) {
	m, _, err := se.memberByID(ctx, id, opts)
	return m, err
}

// memberByID is MemberByID with the bucket that the object is in.
func (se *Session) memberByID(ctx context.Context, id int64, opts MemberOptions) (out Member, in Bucket, err error) {
	missing := noSuchMember(id)
	gen := se.s.cache.current()
	err = se.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		e, found, err := tx.EntryByID(ctx, id)
		if err != nil {
			return err
		}
		if !found || !se.s.shows(&e, opts.Hidden) {
			return missing
		}
		b, found, err := tx.Bucket(ctx, e.BucketID)
		if err != nil {
			return err
		}
		if !found || b.Deleting {
			return missing
		}
		st, err := stateIn(ctx, tx, gen, b)
		if err != nil {
			return err
		}
		if err := se.permit(st, max(opts.Need, AccessRead)); err != nil {
			return unknown(err, missing)
		}
		in = b
		if out, err = placed(ctx, tx, &b, e); err != nil || opts.Bare {
			return err
		}
		return out.fill(ctx, tx)
	})
	if err != nil {
		return Member{}, Bucket{}, fail("object", "", err)
	}
	return out, in, nil
}

// MemberAt finds the object at a path of a package; the marker of a package lies at the empty one. Errors: NotFound for the package, NoSuchKey, BadArgument, BadKey,
// KeyTooLong, Forbidden.
func (se *Session) MemberAt(ctx context.Context, packageID int64, path string) (Member, error) {
	p, b, err := se.Package(ctx, packageID, AccessRead)
	if err != nil {
		return Member{}, err
	}
	key, err := memberKey(&p, path)
	if err != nil {
		return Member{}, err
	}
	return se.memberOf(ctx, b, key, false)
}

// MemberNamed finds the object at a key of a bucket. Errors: NoSuchBucket, NoSuchKey, BadKey, KeyTooLong, Forbidden.
func (se *Session) MemberNamed(ctx context.Context, at Path) (Member, error) {
	if err := CheckKey(at.Key); err != nil {
		return Member{}, err
	}
	b, err := se.authorize(ctx, at.Bucket, AccessRead)
	if err != nil {
		return Member{}, err
	}
	return se.memberOf(ctx, b, at.Key, false)
}

func (se *Session) memberOf(ctx context.Context, b Bucket, key string, hidden bool) (out Member, err error) {
	err = se.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		e, found, err := tx.Entry(ctx, b.ID, key)
		if err != nil {
			return err
		}
		if !found || !se.s.shows(&e, hidden) {
			return noSuchKey(key)
		}
		out, err = member(ctx, tx, &b, e)
		return err
	})
	return out, fail("object", b.Name+"/"+key, err)
}

// shows tells whether the native API shows an entry.
func (s *Service) shows(e *Entry, hidden bool) bool {
	return e.Unfinished != "" || isLive(e, s.now()) || hidden && e.Version.Marker && !e.Version.placeholder()
}

// member describes an entry as its package shows it.
func member(ctx context.Context, tx MetaTx, b *Bucket, e Entry) (Member, error) {
	m, err := placed(ctx, tx, b, e)
	if err != nil {
		return Member{}, err
	}
	return m, m.fill(ctx, tx)
}

// placed is a member before it is filled, with its package.
func placed(ctx context.Context, tx MetaTx, b *Bucket, e Entry) (Member, error) {
	name, path := SplitKey(e.Key)
	p, _, err := tx.PackageByName(ctx, b.ID, name)
	m := Member{Bucket: b.Name, Entry: e, PackageID: p.ID, Path: path, Unfinished: e.Unfinished != ""}
	if !m.Unfinished {
		m.show()
	}
	return m, err
}

// show sets what is shown of the version.
func (m *Member) show() {
	v := &m.Entry.Version
	m.Size, m.UpdateTime, m.SHA256, m.PartsSHA256 = v.Size, v.UpdateTime, v.SHA256, v.Attrs.PartsSHA256
}

// fill sets what is shown of the version, or of the upload that lies over it.
func (m *Member) fill(ctx context.Context, tx MetaTx) error {
	if m.show(); m.Entry.Unfinished == "" {
		return nil
	}
	u, found, err := tx.Upload(ctx, m.Entry.Unfinished)
	if err != nil {
		return err
	}
	if !found {
		return missing("the upload over object", m.Entry.ObjectID)
	}
	m.Unfinished, m.Size, m.UpdateTime, m.SHA256, m.PartsSHA256 = true, 0, u.CreateTime, nil, nil
	h, after := sha256.New(), -1
	for {
		parts, err := tx.Parts(ctx, u.ID, after, maxPage)
		if err != nil {
			return err
		}
		for i := range parts {
			m.Size += parts[i].Size
			m.UpdateTime = max(m.UpdateTime, parts[i].UpdateTime)
			h.Write(parts[i].SHA256)
			after = parts[i].Number
		}
		if len(parts) < maxPage {
			break
		}
	}
	if after >= 0 {
		m.PartsSHA256 = h.Sum(nil)
	}
	return nil
}

// MemberItem is a common prefix or an object of a package.
type MemberItem struct {
	CommonPrefix string // of paths
	Member       Member
}

// MemberPlace is where a page of objects ends: at a path, which may be empty, or a common prefix.
type MemberPlace struct {
	Path   string
	Prefix bool
}

// MemberListOptions select a page of a package's objects.
type MemberListOptions struct {
	Prefix, Delimiter string       // of paths
	After             *MemberPlace // nil: from the first
	Limit             int          // 1..1000; 0 gives an empty page
}

// MemberPage is one page of a package's objects. Next goes into After of the next one, nil: there is none.
type MemberPage struct {
	Items []MemberItem
	Next  *MemberPlace
}

// Members returns a page of the objects of a package, unfinished native uploads included, in byte order of their paths.
// The bucket's other packages cost the listing of the root package a seek each. Errors: NotFound
// for the package, Forbidden, BadArgument (limit), Internal.
func (se *Session) Members(ctx context.Context, packageID int64, opts MemberListOptions) (MemberPage, error) {
	p, b, err := se.Package(ctx, packageID, AccessRead)
	if err == nil {
		err = checkLimit(opts.Limit)
	}
	if err != nil {
		return MemberPage{}, err
	}
	w := memberWalk{s: se.s, bucket: &b, pkg: &p, want: opts.Limit + 1}
	if p.Name != "" {
		w.cut = len(p.Name) + 1
	}
	for _, r := range memberRanges(&p, opts.Prefix, opts.Delimiter) {
		if opts.After != nil {
			r.resume(keyPrefix(&p)+opts.After.Path, opts.After.Prefix)
		}
		if err := w.run(ctx, r); err != nil {
			return MemberPage{}, fail("list package", b.Name, err)
		}
	}
	return w.page(opts.Limit), nil
}

// keyPrefix is what the keys of a package begin with.
func keyPrefix(p *Package) string {
	if p.Name == "" {
		return ""
	}
	return p.Name + "/"
}

// memberRange is a range of keys in which a package has objects.
type memberRange struct {
	q ListQuery
	// drop: common prefixes are other packages.
	drop bool
}

// memberRanges are the ranges of a package's objects whose paths have the prefix, in order. The keys of the root
// package are those without a slash and those that begin with one: these lie together, "0" being behind them.
func memberRanges(p *Package, prefix, delimiter string) []memberRange {
	q := ListQuery{Prefix: keyPrefix(p) + prefix, Delimiter: delimiter, Which: LiveAndUnfinished}
	if p.Name != "" || strings.HasPrefix(prefix, "/") {
		return []memberRange{{q: q}}
	}
	if strings.Contains(prefix, "/") {
		return nil // these keys are of another package
	}
	flat := q
	flat.Delimiter = "/"
	if prefix != "" {
		return []memberRange{{flat, true}}
	}
	below, slash, above := flat, q, flat
	below.Before = "/"
	slash.From, slash.Before = "/", "0"
	above.From = "0"
	return []memberRange{{below, true}, {slash, false}, {above, true}}
}

// resume makes the range go on behind a key or a common prefix.
func (r *memberRange) resume(name string, prefix bool) {
	from := r.q.From
	r.q.after(name, prefix)
	r.q.From = max(r.q.From, from)
}

// leastDropping is how many rows are read at once where other packages are among them.
const leastDropping = 100

// memberWalk gathers one page and one item more.
type memberWalk struct {
	s      *Service
	bucket *Bucket
	pkg    *Package
	cut    int // of each key, to make it a path
	want   int
	items  []MemberItem
}

// run gathers what a range has, as far as there is room. Each page of it is read in a View of its own.
func (w *memberWalk) run(ctx context.Context, r memberRange) error {
	r.q.BucketID = w.bucket.ID
	for len(w.items) < w.want {
		room := w.want - len(w.items)
		r.q.Limit = min(room, maxPage)
		if r.drop { // much of it may be dropped
			r.q.Limit = min(max(room, leastDropping), maxPage)
		}
		var found []MemberItem
		next, n := r.q, 0
		err := w.s.viewPage(ctx, func(ctx context.Context, tx MetaTx) error {
			items, err := tx.List(ctx, r.q)
			if err != nil {
				return err
			}
			if n = len(items); n > 0 {
				next.after(items[n-1].name())
			}
			found = w.members(items, r.drop)
			found = found[:min(room, len(found))]
			return nil
		})
		if err != nil {
			return err
		}
		if found, err = w.fill(ctx, found); err != nil {
			return err
		}
		w.items = append(w.items, found...)
		if n < r.q.Limit {
			return nil
		}
		r.q = next
	}
	return nil
}

// members makes items of those of a listing that are shown.
func (w *memberWalk) members(items []ListItem, drop bool) []MemberItem {
	found := make([]MemberItem, 0, len(items))
	for i := range items {
		e := &items[i].Entry
		switch cp := items[i].CommonPrefix; {
		case cp != "" && drop:
		case cp != "":
			found = append(found, MemberItem{CommonPrefix: cp[w.cut:]})
		case w.s.shows(e, false):
			found = append(found, MemberItem{Member: w.member(e)})
		}
	}
	return found
}

// member is an entry as its package shows it, before it is filled.
func (w *memberWalk) member(e *Entry) Member {
	return Member{Bucket: w.bucket.Name, Entry: *e, PackageID: w.pkg.ID, Path: e.Key[w.cut:]}
}

// fill fills the members of items. Unfinished uploads may have many parts: those of each are read in a View of its own,
// in which the upload may have ended.
func (w *memberWalk) fill(ctx context.Context, items []MemberItem) ([]MemberItem, error) {
	filled := items[:0]
	for _, it := range items {
		m, shown := &it.Member, true
		var err error
		switch {
		case it.CommonPrefix != "":
		case m.Entry.Unfinished == "":
			m.show()
		default:
			shown, err = w.refresh(ctx, m)
		}
		if err != nil {
			return nil, err
		}
		if shown {
			filled = append(filled, it)
		}
	}
	return filled, nil
}

// refresh reads a member again and fills it; false when there is none any more.
func (w *memberWalk) refresh(ctx context.Context, m *Member) (shown bool, err error) {
	key := m.Entry.Key
	err = w.s.viewPage(ctx, func(ctx context.Context, tx MetaTx) error {
		e, found, err := tx.Entry(ctx, w.bucket.ID, key)
		if shown = err == nil && found && w.s.shows(&e, false); !shown {
			return err
		}
		*m = w.member(&e)
		return m.fill(ctx, tx)
	})
	return shown, err
}

// page returns what was gathered, without the item that only tells of a next page.
func (w *memberWalk) page(limit int) MemberPage {
	if len(w.items) <= limit || limit == 0 {
		return MemberPage{Items: w.items[:min(limit, len(w.items))]}
	}
	page := MemberPage{Items: w.items[:limit], Next: new(MemberPlace)}
	last := &page.Items[limit-1]
	if page.Next.Path, page.Next.Prefix = last.CommonPrefix, true; last.CommonPrefix == "" {
		page.Next.Path, page.Next.Prefix = last.Member.Path, false
	}
	return page
}
