package core

import (
	"bytes"
	"context"
	"io"

	"trivium/core/content"
)

const (
	// MaxBatch is how many objects one Batch makes at most.
	MaxBatch = 10_000
	// batchInline is how much short content, in bytes, one Batch keeps in memory; what comes behind it is kept in spaces,
	// however short it is.
	batchInline = 256 << 10
)

// Batch makes objects of one package that become visible together: each is received and durable, and nobody sees it
// before Commit. It is for one goroutine, which calls Close in any case.
type Batch struct {
	se     *Session
	pkg    Package
	bucket Bucket
	inline int64 // bytes of short content in memory
	items  []batchItem
}

// batchItem is received content of one key.
type batchItem struct {
	key  string
	n    *newContent
	opts PutOptions
}

// NewBatch begins one. Errors: NotFound for the package, Forbidden, NoSpace, ReadOnly.
func (se *Session) NewBatch(ctx context.Context, packageID int64) (*Batch, error) {
	p, b, err := se.Package(ctx, packageID, AccessWrite)
	if err == nil {
		err = se.s.checkReserve()
	}
	if err != nil {
		return nil, err
	}
	return &Batch{se: se, pkg: p, bucket: b}, nil
}

// Add receives the body of the object at path, of size bytes, -1 if that is not known. It does not close body. Of opts
// it uses Attrs, MTime, Class and Verify. After an error the batch is to be closed. Errors: BadArgument (path, more
// than MaxBatch), those of the key and of the body as in PutObject.
func (b *Batch) Add(ctx context.Context, path string, body io.Reader, size int64, opts PutOptions) error {
	key, err := MemberKey(&b.pkg, path)
	if err == nil {
		err = checkMetadata(&opts.Attrs)
	}
	if err == nil && len(b.items) == MaxBatch {
		err = Errorf(BadArgument, "", "more than %d files at once", MaxBatch)
	}
	if err != nil {
		return err
	}
	n, err := b.se.s.receive(ctx, b.bucket, &countedBody{src: body, size: size}, receiveOptions{
		inline: b.inline < batchInline, digests: opts.Digests | content.SHA256, verify: opts.Verify,
	})
	if err != nil {
		return fail("put object", b.bucket.Name+"/"+key, err)
	}
	if data := n.w.Inline; data != nil {
		// The memory of transfers is for those who are transferring.
		n.w.Inline = bytes.Clone(data)
		data = n.w.Inline
		n.w.Close()
		n.w.Inline = data
		b.inline += int64(len(data))
	}
	opts.Package = b.pkg.ID
	b.items = append(b.items, batchItem{key, n, opts})
	return nil
}

// Commit makes all objects visible in one transaction and returns them in the order of Add; of those with one key the
// last one counts, and all show it. Errors: NotFound when the package went meanwhile, Forbidden, NoSpace, ReadOnly,
// Internal; then none is visible.
func (b *Batch) Commit(ctx context.Context) ([]Member, error) {
	if len(b.items) == 0 {
		return nil, nil
	}
	if err := b.se.s.checkReserve(); err != nil {
		return nil, err
	}
	var entries map[string]Entry
	b.se.s.hook("put.commit.before")
	err := b.se.update(ctx, func(ctx context.Context, tx MetaTx) error {
		m, err := b.se.begin(ctx, tx, b.bucket)
		if err != nil {
			return err
		}
		entries = make(map[string]Entry, len(b.items))
		for i := range b.items {
			it := &b.items[i]
			if entries[it.key], err = m.putItem(ctx, it); err != nil {
				return err
			}
		}
		return m.finish(ctx)
	})
	b.se.s.hook("put.commit.after")
	if err != nil {
		return nil, fail("put objects", b.bucket.Name, err)
	}
	members := make([]Member, len(b.items))
	for i := range b.items {
		b.items[i].n.w.Committed()
		members[i] = written(b.bucket.Name, b.pkg.ID, entries[b.items[i].key])
	}
	b.se.s.hook("answer.before")
	return members, nil
}

// putItem makes received content the current version of its key.
func (m *mutation) putItem(ctx context.Context, it *batchItem) (Entry, error) {
	old, had, err := m.expect(ctx, it.key, &it.opts)
	if err != nil {
		return Entry{}, err
	}
	v := it.n.version(&it.opts)
	v.UpdateTime = m.now
	if v.Content, err = m.store(ctx, it.n); err != nil {
		return Entry{}, err
	}
	return m.install(ctx, &old, had, v, entryAt{it.key, it.n.ids})
}

// Close gives up what was not committed.
func (b *Batch) Close() {
	for i := range b.items {
		b.items[i].n.w.Abandon()
		b.items[i].n.w.Close()
	}
	b.items = nil
}
