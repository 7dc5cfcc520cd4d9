package core_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"trivium/core"
	"trivium/core/coretest"
)

// lockReads counts what transactions read of locks, those that write apart, and transactions that read.
type lockReads struct {
	core.MetaStore
	views, writes int
	opened        int // views
}

// View implements core.MetaStore.
func (m *lockReads) View(ctx context.Context, fn func(ctx context.Context, tx core.MetaTx) error) error {
	m.opened++
	return m.MetaStore.View(ctx, func(ctx context.Context, tx core.MetaTx) error {
		return fn(ctx, &lockReadsTx{tx, &m.views})
	})
}

// Update implements core.MetaStore.
func (m *lockReads) Update(ctx context.Context, fn func(ctx context.Context, tx core.MetaTx) error) error {
	return m.MetaStore.Update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		return fn(ctx, &lockReadsTx{tx, &m.writes})
	})
}

// lockReadsTx is a transaction of lockReads.
type lockReadsTx struct {
	core.MetaTx
	n *int
}

// LocksAt implements core.MetaTx.
func (tx *lockReadsTx) LocksAt(ctx context.Context, bucketID int64, key string) ([]core.Lock, error) {
	*tx.n++
	return tx.MetaTx.LocksAt(ctx, bucketID, key)
}

// TestGuardIsCheap: however many lists there are, the locks of a place are read once; what is false is refused before
// the writer of all buckets is asked, and lists about too many places are refused.
func TestGuardIsCheap(t *testing.T) {
	var reads *lockReads
	env := coretest.New(t, coretest.Options{WrapMeta: func(m core.MetaStore) core.MetaStore {
		reads = &lockReads{MetaStore: m}
		return reads
	}})
	ctx := t.Context()
	_, err := env.Bucket(ctx, "bucket", core.VersioningOff, core.BucketPolicy{})
	ok(t, "create", err)
	ok(t, "make p", env.Admin.MakeFolder(ctx, at("p")))
	l := lockIt(t, env.Admin.Guarded(core.Guard{}), "p/locked", core.LockRequest{Time: time.Hour})
	deep := at("p" + strings.Repeat("/a", 500))
	list := func(p core.Path, token string) core.GuardList {
		return core.GuardList{Path: p, States: []core.GuardState{{Token: token}}}
	}
	var same, spread, holds core.Guard
	for i := range 500 {
		same.Lists = append(same.Lists, list(deep, "x"))
		spread.Lists = append(spread.Lists, list(at(fmt.Sprintf("%d%s", i, strings.Repeat("/a", 100))), "x"))
		holds.Lists = append(holds.Lists, list(deep, "x"))
	}
	holds.Lists = append(holds.Lists, list(at("p/locked"), l.Token))
	for _, tc := range []struct {
		name  string
		g     core.Guard
		most  int // reads of locks in all transactions of a call
		wants core.Code
	}{
		{"one path", same, 510, core.PreconditionFailed},
		{"many paths", spread, 5000, core.BadArgument},
	} {
		for name, write := range map[string]func(se *core.Session) error{
			"put":       func(se *core.Session) error { return putTree(t, se, "p/f", "x") },
			"put empty": func(se *core.Session) error { return putTree(t, se, "p/f", "") },
			"put large": func(se *core.Session) error { return putTree(t, se, "p/f", strings.Repeat("x", 100<<10)) },
			"mkcol":     func(se *core.Session) error { return se.MakeFolder(ctx, at("p/n")) },
			"bucket":    func(se *core.Session) error { return se.MakeFolder(ctx, core.Path{Bucket: "other"}) },
			"delete":    func(se *core.Session) error { return se.RemovePath(ctx, at("p/locked"), core.TreeOptions{}) },
			"delete p":  func(se *core.Session) error { return se.RemovePath(ctx, at("p"), core.TreeOptions{}) },
			"delete bucket": func(se *core.Session) error {
				return se.RemovePath(ctx, at(""), core.TreeOptions{})
			},
			"move": func(se *core.Session) error {
				_, err := se.MovePath(ctx, at("p"), at("q"), core.TreeOptions{})
				return err
			},
			"copy": func(se *core.Session) error {
				_, err := se.CopyPath(ctx, at("p"), at("q"), core.TreeOptions{})
				return err
			},
			"rename": func(se *core.Session) error {
				_, err := se.MovePath(ctx, at(""), core.Path{Bucket: "other"}, core.TreeOptions{})
				return err
			},
			"properties": func(se *core.Session) error { return se.PatchProperties(ctx, at("p"), core.PropertyPatch{}) },
			"lock": func(se *core.Session) error {
				_, _, err := se.LockPath(ctx, at("p/f"), core.LockRequest{Time: time.Hour})
				return err
			},
		} {
			reads.views, reads.writes = 0, 0
			wantCode(t, name+" with lists of "+tc.name, write(env.Admin.Guarded(tc.g)), tc.wants)
			if reads.views > tc.most || reads.writes > 0 {
				t.Errorf("%s with lists of %s read locks %d times, and %d times where it writes; want at most %d and 0",
					name, tc.name, reads.views, reads.writes, tc.most)
			}
		}
	}
	reads.views, reads.writes = 0, 0
	ok(t, "put with a true list behind false ones", putTree(t, env.Admin.Guarded(holds), "p/locked", "x"))
	if reads.views > 510 || reads.writes > 520 {
		t.Errorf("a true list behind false ones read locks %d and %d times", reads.views, reads.writes)
	}
}
