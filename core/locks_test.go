package core_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trivium/core"
	"trivium/core/coretest"
)

// guarded is a session with tokens for the path.
func guarded(se *core.Session, p core.Path, tokens ...string) *core.Session {
	var g core.Guard
	for _, token := range tokens {
		g.Lists = append(g.Lists, core.GuardList{Path: p, States: []core.GuardState{{Token: token}}})
	}
	return se.Guarded(g)
}

// lockIt takes a lock that must be given.
func lockIt(t *testing.T, se *core.Session, key string, req core.LockRequest) core.Lock {
	t.Helper()
	l, _, err := se.LockPath(t.Context(), at(key), req)
	ok(t, "lock "+key, err)
	return l
}

// putTree stores a file through a door of trees.
func putTree(t *testing.T, se *core.Session, key, text string) error {
	t.Helper()
	_, err := se.PutObject(t.Context(), "bucket", key, strings.NewReader(text), int64(len(text)), core.PutOptions{Tree: true})
	return err
}

// lockTree is a Service with folders and files to be locked.
func lockTree(t *testing.T) (*coretest.Env, *core.Session) {
	t.Helper()
	env := tree(t, core.VersioningOff)
	se := env.Admin.Guarded(core.Guard{})
	for _, key := range []string{"p", "p/d", "p/d/e", "p/dx"} {
		ok(t, "make "+key, se.MakeFolder(t.Context(), at(key)))
	}
	for _, key := range []string{"p/d/f", "p/d/e/g", "p/dx/f", "p/f"} {
		ok(t, "put "+key, putTree(t, se, key, key))
	}
	return env, se
}

// TestLockedRefuses tries every write on, above and below locks of every depth: who has not the token is Locked, and
// nothing changes; who has it is not.
func TestLockedRefuses(t *testing.T) {
	ctx := t.Context()
	overwrite := core.TreeOptions{Overwrite: true}
	writes := map[string]func(se *core.Session) error{
		"put p/d/f":     func(se *core.Session) error { return putTree(t, se, "p/d/f", "new") },
		"put p/d/new":   func(se *core.Session) error { return putTree(t, se, "p/d/new", "new") },
		"put p/d/e/g":   func(se *core.Session) error { return putTree(t, se, "p/d/e/g", "new") },
		"put p/d/e/new": func(se *core.Session) error { return putTree(t, se, "p/d/e/new", "new") },
		"put p/dx/f":    func(se *core.Session) error { return putTree(t, se, "p/dx/f", "new") },
		"mkcol p/d/n":   func(se *core.Session) error { return se.MakeFolder(ctx, at("p/d/n")) },
		"delete p/d/f":  func(se *core.Session) error { return se.RemovePath(ctx, at("p/d/f"), core.TreeOptions{}) },
		"delete p/d/e":  func(se *core.Session) error { return se.RemovePath(ctx, at("p/d/e"), core.TreeOptions{}) },
		"delete p/d":    func(se *core.Session) error { return se.RemovePath(ctx, at("p/d"), core.TreeOptions{}) },
		"delete p":      func(se *core.Session) error { return se.RemovePath(ctx, at("p"), core.TreeOptions{}) },
		"delete bucket": func(se *core.Session) error { return se.RemovePath(ctx, at(""), core.TreeOptions{}) },
		"rename bucket": func(se *core.Session) error {
			_, err := se.MovePath(ctx, at(""), core.Path{Bucket: "other"}, overwrite)
			return err
		},
		"move p/d": func(se *core.Session) error { _, err := se.MovePath(ctx, at("p/d"), at("q"), overwrite); return err },
		"move p/d/f": func(se *core.Session) error {
			_, err := se.MovePath(ctx, at("p/d/f"), at("p/n"), overwrite)
			return err
		},
		"move onto d/f": func(se *core.Session) error {
			_, err := se.MovePath(ctx, at("p/f"), at("p/d/f"), overwrite)
			return err
		},
		"move onto d": func(se *core.Session) error { _, err := se.MovePath(ctx, at("p/dx"), at("p/d"), overwrite); return err },
		"move into d": func(se *core.Session) error {
			_, err := se.MovePath(ctx, at("p/f"), at("p/d/n"), overwrite)
			return err
		},
		"copy p/d": func(se *core.Session) error { _, err := se.CopyPath(ctx, at("p/d"), at("p/n"), overwrite); return err },
		"copy onto d/f": func(se *core.Session) error {
			_, err := se.CopyPath(ctx, at("p/f"), at("p/d/f"), overwrite)
			return err
		},
		"copy onto d": func(se *core.Session) error { _, err := se.CopyPath(ctx, at("p/dx"), at("p/d"), overwrite); return err },
		"copy into d": func(se *core.Session) error {
			_, err := se.CopyPath(ctx, at("p/f"), at("p/d/n"), overwrite)
			return err
		},
		"proppatch p/d": func(se *core.Session) error { return se.PatchProperties(ctx, at("p/d"), core.PropertyPatch{}) },
		"proppatch d/f": func(se *core.Session) error { return se.PatchProperties(ctx, at("p/d/f"), core.PropertyPatch{}) },
		"lock p":        func(se *core.Session) error { _, _, err := se.LockPath(ctx, at("p"), core.LockRequest{}); return err },
		"lock p/d/new": func(se *core.Session) error {
			_, _, err := se.LockPath(ctx, at("p/d/new"), core.LockRequest{})
			return err
		},
		"lock p deep": func(se *core.Session) error {
			_, _, err := se.LockPath(ctx, at("p"), core.LockRequest{Deep: true})
			return err
		},
		"lock p/d again": func(se *core.Session) error { _, _, err := se.LockPath(ctx, at("p/d"), core.LockRequest{}); return err },
	}
	for _, tc := range []struct {
		name, key string
		deep      bool
		refused   string // writes that are Locked without the token
		never     string // writes that are Locked with it too
	}{
		{
			"file", "p/d/f", false,
			"put p/d/f|delete p/d/f|delete p/d|delete p|delete bucket|rename bucket|move p/d|move p/d/f|move onto d/f|move onto d|copy onto d/f|copy onto d|proppatch d/f|lock p deep", "lock p deep",
		},
		{
			"folder", "p/d", false,
			"put p/d/new|mkcol p/d/n|delete p/d/f|delete p/d/e|delete p/d|delete p|delete bucket|rename bucket|move p/d|move p/d/f|move onto d|move onto d/f|move into d|copy onto d|copy onto d/f|copy into d|proppatch p/d|lock p/d/new|lock p deep|lock p/d again", "lock p deep|lock p/d again",
		},
		{
			"deep folder", "p/d", true,
			"put p/d/f|put p/d/new|put p/d/e/g|put p/d/e/new|mkcol p/d/n|delete p/d/f|delete p/d/e|delete p/d|delete p|delete bucket|rename bucket|move p/d|move p/d/f|move onto d|move onto d/f|move into d|copy onto d|copy onto d/f|copy into d|proppatch p/d|proppatch d/f|lock p/d/new|lock p deep|lock p/d again", "lock p/d/new|lock p deep|lock p/d again",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for name, write := range writes {
				env, se := lockTree(t)
				l := lockIt(t, se, tc.key, core.LockRequest{Deep: tc.deep, Time: time.Hour})
				refused := strings.Contains("|"+tc.refused+"|", "|"+name+"|")
				before := judgedRows(t, env)
				err := write(se)
				if refused != (core.CodeOf(err) == core.Locked && err != nil) || !refused && err != nil {
					t.Errorf("%s without the token = %v, want Locked: %v", name, err, refused)
				}
				if !refused {
					continue
				}
				if diff := cmp.Diff(before, judgedRows(t, env)); diff != "" {
					t.Errorf("%s was refused and changed (-before +after):\n%s", name, diff)
				}
				err = write(guarded(se, at(tc.key), l.Token))
				if never := strings.Contains("|"+tc.never+"|", "|"+name+"|"); never != (err != nil) {
					t.Errorf("%s with the token = %v, want an error: %v", name, err, never)
				}
				if !tc.deep || strings.HasPrefix(name, "lock ") {
					continue // the deep one is in the way of all, and a lock in that of another one, whoever takes it
				}
				env, se = lockTree(t)
				lockIt(t, se, tc.key, core.LockRequest{Deep: tc.deep, Time: time.Hour})
				ok(t, name+" of a session without a guard", write(env.Admin))
			}
		})
	}
}

// TestLockOwner: the token of somebody else does not help, though he may write.
func TestLockOwner(t *testing.T) {
	env, se := lockTree(t)
	l := lockIt(t, se, "p/f", core.LockRequest{Time: time.Hour})
	u, alice := user(t, env, "alice")
	ok(t, "grant", env.Admin.SetGrants(t.Context(), "bucket", []core.Grant{{UserID: u.ID, Access: core.AccessWrite}}))
	wantCode(t, "put with another's token", putTree(t, guarded(alice, at("p/f"), l.Token), "p/f", "x"), core.Locked)
	_, err := guarded(alice, at("p/f"), l.Token).RefreshLock(t.Context(), at("p/f"), time.Hour)
	wantCode(t, "refresh another's lock", err, core.Forbidden)
	wantCode(t, "unlock another's lock", alice.Unlock(t.Context(), at("p/f"), l.Token), core.Forbidden)
	own := lockIt(t, alice.Guarded(core.Guard{}), "p/d/f", core.LockRequest{Time: time.Hour})
	ok(t, "the bucket's owner breaks a lock", se.Unlock(t.Context(), at("p/d/f"), own.Token))
}

// TestLockLife: locks are refreshed, expire, are swept, end by UNLOCK and with what they are on.
func TestLockLife(t *testing.T) {
	var now atomic.Int64
	now.Store(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	env := coretest.New(t, coretest.Options{Now: func() time.Time { return time.Unix(0, now.Load()) }})
	_, err := env.Bucket(t.Context(), "bucket", core.VersioningOff, core.BucketPolicy{})
	ok(t, "create", err)
	se := env.Admin.Guarded(core.Guard{})
	ctx := t.Context()
	_, _, err = se.LockPath(ctx, at("p/f"), core.LockRequest{Time: time.Minute})
	wantCode(t, "lock without a parent", err, core.Conflict)
	ok(t, "make", se.MakeFolder(ctx, at("p")))
	l, made, err := se.LockPath(ctx, at("p/f"), core.LockRequest{Time: time.Minute, Note: "<o/>"})
	if err != nil || !made || !strings.HasPrefix(l.Token, "urn:uuid:") {
		t.Fatalf("LockPath = %+v, %v, %v, want a lock on a new file", l, made, err)
	}
	n, err := se.StatPath(ctx, at("p/f"))
	if err != nil || n.Folder || n.Entry.Version.Size != 0 {
		t.Errorf("StatPath = %+v, %v, want an empty file", n, err)
	}
	locks, err := se.Locks(ctx, &n)
	if err != nil || len(locks) != 1 || locks[0].Note != "<o/>" {
		t.Errorf("Locks = %+v, %v", locks, err)
	}
	now.Add(int64(50 * time.Second))
	_, err = guarded(se, at("p/f"), l.Token).RefreshLock(ctx, at("p/f"), time.Minute)
	ok(t, "refresh", err)
	now.Add(int64(50 * time.Second))
	wantCode(t, "put before the new end", putTree(t, se, "p/f", "x"), core.Locked)
	_, err = se.RefreshLock(ctx, at("p/f"), time.Minute)
	wantCode(t, "refresh without a token", err, core.PreconditionFailed)
	now.Add(int64(10 * time.Second))
	ok(t, "put after the end", putTree(t, se, "p/f", "x"))
	_, err = guarded(se, at("p/f"), l.Token).RefreshLock(ctx, at("p/f"), time.Minute)
	wantCode(t, "refresh after the end", err, core.PreconditionFailed)
	if swept, err := env.Service.Maintenance().SweepLocks(ctx); swept != 1 || err != nil {
		t.Errorf("SweepLocks = %d, %v, want 1", swept, err)
	}
	l = lockIt(t, se, "p/f", core.LockRequest{Time: time.Minute})
	wantCode(t, "unlock elsewhere", se.Unlock(ctx, at("p"), l.Token), core.Conflict)
	ok(t, "unlock", se.Unlock(ctx, at("p/f"), l.Token))
	wantCode(t, "unlock again", se.Unlock(ctx, at("p/f"), l.Token), core.Conflict)
	l = lockIt(t, se, "p/f", core.LockRequest{Time: time.Minute})
	_, err = guarded(se, at("p/f"), l.Token).MovePath(ctx, at("p/f"), at("p/g"), core.TreeOptions{})
	ok(t, "move", err)
	ok(t, "put where the lock was", putTree(t, se, "p/f", "x"))
	ok(t, "put where the file is", putTree(t, se, "p/g", "x"))
}

// TestSharedLocks: several may be there at once, one of them suffices, and an exclusive one has no room beside them.
func TestSharedLocks(t *testing.T) {
	_, se := lockTree(t)
	a := lockIt(t, se, "p/d", core.LockRequest{Shared: true, Deep: true, Time: time.Hour})
	b := lockIt(t, se, "p/d/f", core.LockRequest{Shared: true, Time: time.Hour})
	_, _, err := se.LockPath(t.Context(), at("p/d/f"), core.LockRequest{})
	wantCode(t, "exclusive over shared", err, core.Locked)
	wantCode(t, "put", putTree(t, se, "p/d/f", "x"), core.Locked)
	for _, token := range []string{a.Token, b.Token} {
		ok(t, "put with one token", putTree(t, guarded(se, at("p/d/f"), token), "p/d/f", "x"))
	}
}

// TestGuardLists judges If headers in every form.
func TestGuardLists(t *testing.T) {
	env, se := lockTree(t)
	l := lockIt(t, se, "p/d", core.LockRequest{Deep: true, Time: time.Hour})
	n, err := se.StatPath(t.Context(), at("p/f"))
	ok(t, "stat", err)
	etag := core.GuardState{ETag: n.Entry.Version.ETag}
	not := func(s core.GuardState) core.GuardState { s.Not = true; return s }
	token, other := core.GuardState{Token: l.Token}, core.GuardState{Token: "DAV:no-lock"}
	list := func(key string, states ...core.GuardState) core.GuardList {
		return core.GuardList{Path: at(key), States: states}
	}
	for name, tc := range map[string]struct {
		lists []core.GuardList
		holds bool
	}{
		"none":                {nil, true},
		"etag":                {[]core.GuardList{list("p/f", etag)}, true},
		"wrong etag":          {[]core.GuardList{list("p/f", core.GuardState{ETag: "x"})}, false},
		"weak etag":           {[]core.GuardList{list("p/f", core.GuardState{ETag: "W/" + etag.ETag})}, false},
		"not wrong etag":      {[]core.GuardList{list("p/f", core.GuardState{Not: true, ETag: "x"})}, true},
		"etag of a folder":    {[]core.GuardList{list("p/d", etag)}, false},
		"token":               {[]core.GuardList{list("p/d", token)}, true},
		"token below":         {[]core.GuardList{list("p/d/e/g", token)}, true},
		"token where none is": {[]core.GuardList{list("p/d/none", token)}, true},
		"token beside":        {[]core.GuardList{list("p/dx", token)}, false},
		"token above":         {[]core.GuardList{list("p", token)}, false},
		"no lock":             {[]core.GuardList{list("p/f", not(other))}, true},
		"other token":         {[]core.GuardList{list("p/f", other)}, false},
		"and":                 {[]core.GuardList{list("p/f", etag, other)}, false},
		"and not":             {[]core.GuardList{list("p/f", etag, not(other))}, true},
		"or":                  {[]core.GuardList{list("p/f", other), list("p/f", etag)}, true},
		"or neither":          {[]core.GuardList{list("p/f", other), list("p/f", not(etag))}, false},
		"missing bucket":      {[]core.GuardList{{Path: core.Path{Bucket: "nope", Key: "x"}, States: []core.GuardState{etag}}}, false},
		"elsewhere":           {[]core.GuardList{{Elsewhere: true, States: []core.GuardState{not(other)}}}, true},
		"elsewhere etag":      {[]core.GuardList{{Elsewhere: true, Path: at("p/f"), States: []core.GuardState{etag}}}, false},
	} {
		err := env.Admin.Guarded(core.Guard{Lists: tc.lists}).MakeFolder(context.WithoutCancel(t.Context()), at("p/new"))
		if tc.holds != (err == nil) || !tc.holds && core.CodeOf(err) != core.PreconditionFailed {
			t.Errorf("%s: %v, want it to hold: %v", name, err, tc.holds)
		}
		if err == nil {
			ok(t, "delete", env.Admin.RemovePath(t.Context(), at("p/new"), core.TreeOptions{}))
		}
	}
}

// TestGuardTellsNothing: an If header about a bucket of somebody else does not tell whether it guessed an entity tag.
func TestGuardTellsNothing(t *testing.T) {
	env, se := lockTree(t)
	n, err := se.StatPath(t.Context(), at("p/f"))
	ok(t, "stat", err)
	_, alice := user(t, env, "alice")
	_, err = alice.CreateBucket(t.Context(), "hers", core.CreateBucketOptions{})
	ok(t, "create", err)
	g := core.Guard{Lists: []core.GuardList{{Path: at("p/f"), States: []core.GuardState{{ETag: n.Entry.Version.ETag}}}}}
	err = alice.Guarded(g).MakeFolder(t.Context(), core.Path{Bucket: "hers", Key: "d"})
	wantCode(t, "MakeFolder under a foreign entity tag", err, core.PreconditionFailed)
}

// TestLockBounds: of shared locks a path has 32 at most, and what a client notes is bounded.
func TestLockBounds(t *testing.T) {
	_, se := lockTree(t)
	req := core.LockRequest{Shared: true, Time: time.Hour}
	for range 32 {
		lockIt(t, se, "p/f", req)
	}
	_, _, err := se.LockPath(t.Context(), at("p/f"), req)
	wantCode(t, "the 33rd lock", err, core.Conflict)
	req.Note = strings.Repeat("x", 2<<10+1)
	_, _, err = se.LockPath(t.Context(), at("p/d/f"), req)
	wantCode(t, "a long note", err, core.BadArgument)
}

// duringBody is a body at whose end something happens.
type duringBody struct {
	rest *strings.Reader
	then func()
}

func (b *duringBody) Read(p []byte) (int, error) {
	n, err := b.rest.Read(p)
	if err != nil && b.then != nil {
		b.then()
		b.then = nil
	}
	return n, err
}

// TestGuardAtCommit: what happens while a body comes in counts, not what was so before it.
func TestGuardAtCommit(t *testing.T) {
	_, se := lockTree(t)
	ctx := t.Context()
	n, err := se.StatPath(ctx, at("p/f"))
	ok(t, "stat", err)
	list := []core.GuardList{{Path: at("p/f"), States: []core.GuardState{{ETag: n.Entry.Version.ETag}}}}
	for name, tc := range map[string]struct {
		se   *core.Session
		key  string
		then func()
		code core.Code
	}{
		"a lock":           {se, "p/dx/f", func() { lockIt(t, se, "p/dx/f", core.LockRequest{Time: time.Hour}) }, core.Locked},
		"a lock above":     {se, "p/d/new", func() { lockIt(t, se, "p/d", core.LockRequest{Time: time.Hour}) }, core.Locked},
		"another content":  {se.Guarded(core.Guard{Lists: list}), "p/f", func() { ok(t, "put", putTree(t, se, "p/f", "other")) }, core.PreconditionFailed},
		"a missing parent": {se, "p/dx2/f", func() { ok(t, "delete", se.RemovePath(ctx, at("p/dx2"), core.TreeOptions{})) }, core.Conflict},
	} {
		if name == "a missing parent" {
			ok(t, "make", se.MakeFolder(ctx, at("p/dx2")))
		}
		body := &duringBody{strings.NewReader("new"), tc.then}
		_, err := tc.se.PutObject(ctx, "bucket", tc.key, body, 3, core.PutOptions{Tree: true})
		wantCode(t, name, err, tc.code)
	}
}

// TestLocksAtOnce: of many who want an exclusive lock one gets it.
func TestLocksAtOnce(t *testing.T) {
	_, se := lockTree(t)
	var won, refused atomic.Int32
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			_, _, err := se.LockPath(t.Context(), at("p/f"), core.LockRequest{Deep: true, Time: time.Hour})
			switch {
			case err == nil:
				won.Add(1)
			case core.CodeOf(err) == core.Locked:
				refused.Add(1)
			default:
				t.Errorf("LockPath = %v", err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || refused.Load() != 15 {
		t.Errorf("%d got the lock and %d were refused, want 1 and 15", won.Load(), refused.Load())
	}
}

// TestLockStaysWithItsAddress: what replaces something that is locked comes under its lock (RFC 4918 §7.6), by MOVE and
// COPY, of files and folders. Locks below it stay where something is again, and end where nothing is; the source's end.
func TestLockStaysWithItsAddress(t *testing.T) {
	overwrite := core.TreeOptions{Overwrite: true}
	for name, op := range map[string]func(se *core.Session, src, dst core.Path) error{
		"move": func(se *core.Session, src, dst core.Path) error {
			made, err := se.MovePath(t.Context(), src, dst, overwrite)
			if made {
				t.Error("MovePath made its target, which was there")
			}
			return err
		},
		"copy": func(se *core.Session, src, dst core.Path) error {
			made, err := se.CopyPath(t.Context(), src, dst, overwrite)
			if made {
				t.Error("CopyPath made its target, which was there")
			}
			return err
		},
	} {
		for _, tc := range []struct {
			name, src, dst string
			locked         []string
			stay           string
		}{
			{"file onto file", "p/f", "p/d/f", []string{"p/f", "p/d/f"}, "p/d/f"},
			{"file onto folder", "p/f", "p/d", []string{"p/d", "p/d/f", "p/d/e"}, "p/d"},
			{"folder onto file", "p/dx", "p/f", []string{"p/dx", "p/dx/f", "p/f"}, "p/f"},
			{"folder onto folder", "p/dx", "p/d", []string{"p/dx", "p/d", "p/d/f", "p/d/e", "p/d/e/g"}, "p/d p/d/f"},
		} {
			t.Run(name+" "+tc.name, func(t *testing.T) {
				_, se := lockTree(t)
				tokens := make(map[string]string)
				var lists []core.GuardList
				for _, key := range tc.locked {
					l := lockIt(t, se, key, core.LockRequest{Time: time.Hour})
					tokens[key] = l.Token
					lists = append(lists, core.GuardList{Path: at(key), States: []core.GuardState{{Token: l.Token}}})
				}
				ok(t, name, op(se.Guarded(core.Guard{Lists: lists}), at(tc.src), at(tc.dst)))
				for _, key := range tc.locked {
					_, err := guarded(se, at(key), tokens[key]).RefreshLock(t.Context(), at(key), time.Hour)
					source := key == tc.src || strings.HasPrefix(key, tc.src+"/")
					stays := strings.Contains(" "+tc.stay+" ", " "+key+" ") || source && name == "copy"
					if stays != (err == nil) || !stays && core.CodeOf(err) != core.PreconditionFailed {
						t.Errorf("refresh of the lock of %s = %v, want it to be there: %v", key, err, stays)
					}
				}
				_, _, err := se.LockPath(t.Context(), at(tc.dst), core.LockRequest{})
				wantCode(t, "another lock of the target", err, core.Locked)
			})
		}
	}
}

// TestFolderLocks: read at once, the locks of a folder's members are those that each of them is told to be under.
func TestFolderLocks(t *testing.T) {
	clk := newClock()
	env := coretest.New(t, coretest.Options{Now: clk.now})
	ctx := t.Context()
	_, err := env.Bucket(ctx, "bucket", core.VersioningOff, core.BucketPolicy{})
	ok(t, "bucket", err)
	se := env.Admin.Guarded(core.Guard{})
	for _, key := range []string{"p", "p/d", "p/d/e", "q"} {
		ok(t, "make "+key, se.MakeFolder(ctx, at(key)))
	}
	for _, key := range []string{"p/d/f", "p/d/g", "p/d/e/h", "q/i"} {
		ok(t, "put "+key, putTree(t, se, key, key))
	}
	short := core.LockRequest{Shared: true, Deep: true, Time: time.Minute}
	lockIt(t, se, "q", short)
	lockIt(t, se, "p/d/g", short)
	clk.advance(2 * time.Minute)
	long := core.LockRequest{Shared: true, Time: time.Hour}
	deep := long
	deep.Deep = true
	for key, req := range map[string]core.LockRequest{"": deep, "p": deep, "p/d": long, "p/d/f": long, "p/d/e": deep, "q/i": long} {
		lockIt(t, se, key, req)
	}
	lockIt(t, se, "p/d/f", long)
	for _, folder := range []string{"", "p", "p/d", "p/d/e", "q"} {
		n, err := se.StatPath(ctx, at(folder))
		ok(t, "stat", err)
		all, err := se.FolderLocks(ctx, &n)
		ok(t, "folder locks", err)
		members, _, err := se.ListFolder(ctx, n.Path, "", 100)
		ok(t, "list", err)
		for i := range members {
			want, err := se.Locks(ctx, &members[i])
			ok(t, "locks", err)
			if got := all.Of(&members[i]); len(want) == 0 || !slices.Equal(got, want) {
				t.Errorf("%s is under %+v, want %+v", members[i].Path, got, want)
			}
		}
	}
	root, err := se.StatPath(ctx, core.Path{})
	ok(t, "stat", err)
	if all, err := se.FolderLocks(ctx, &root); all != nil || err != nil {
		t.Errorf("FolderLocks() of the root = %v, %v, want nil", all, err)
	}
}
