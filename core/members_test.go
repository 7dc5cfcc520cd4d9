package core_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"trivium/core"
	"trivium/core/coretest"
	"trivium/core/meta/metatest"
)

func TestPackages(t *testing.T) {
	env := newEnv(t, coretest.Options{WrapMeta: metatest.Twice})
	ctx := t.Context()
	b := bucketID(t, env, "off")
	for name, want := range map[string]core.Code{
		"": core.BadName, ".": core.BadName, "..": core.BadName, "a/b": core.BadName, "a\x00": core.BadName, "a\n": core.BadName,
		strings.Repeat("x", 256): core.BadName, "\xff": core.BadName,
	} {
		_, err := env.Admin.CreatePackage(ctx, b, name)
		wantCode(t, fmt.Sprintf("CreatePackage(%q)", name), err, want)
	}
	_, err := env.Admin.CreatePackage(ctx, 999, "p")
	wantCode(t, "in no bucket", err, core.NoSuchBucket)
	write(t, env, "off", "implied/k", []byte("x"), core.PutOptions{})
	_, err = env.Admin.CreatePackage(ctx, b, "implied")
	wantCode(t, "an implied one", err, core.Exists)
	id := pkg(t, env, "off", "p")
	_, err = env.Admin.CreatePackage(ctx, b, "p")
	wantCode(t, "again", err, core.Exists)
	write(t, env, "off", "top", nil, core.PutOptions{})
	all, err := env.Admin.Packages(ctx, b, 0, 10)
	ok(t, "packages", err)
	var names []string
	for _, p := range all {
		names = append(names, p.Name)
	}
	if !slices.Equal(names, []string{"implied", "p", ""}) {
		t.Errorf("packages %q", names)
	}
	stranger := env.Service.Session(core.Principal{UserID: 77, Name: "stranger"})
	_, _, err = stranger.Package(ctx, id, core.AccessRead)
	wantCode(t, "a stranger's Package", err, core.NotFound)
	_, err = stranger.BucketByID(ctx, b, core.AccessRead)
	wantCode(t, "a stranger's bucket", err, core.NoSuchBucket)
	_, err = stranger.CreatePackage(ctx, b, "q")
	wantCode(t, "a stranger's CreatePackage", err, core.NoSuchBucket)
	wantCode(t, "a stranger's DeletePackage", stranger.DeletePackage(ctx, id), core.NotFound)
}

// TestDeletePackage deletes what a package has, and no other's.
func TestDeletePackage(t *testing.T) {
	for _, bucket := range []string{"off", "ver"} {
		env := newEnv(t, coretest.Options{WrapMeta: metatest.Twice})
		ctx := t.Context()
		for _, key := range []string{"top", "zop", "/lead", "//x", "p/a", "p//", "p/b/c", "q/a"} {
			write(t, env, bucket, key, []byte(key), core.PutOptions{})
		}
		id := func(name string) int64 {
			p, err := env.Admin.PackageNamed(ctx, bucket, name)
			ok(t, "package "+name, err)
			return p.ID
		}
		root, p, q := id(""), id("p"), id("q")
		nativeUpload(t, env, p, "unfinished")
		nativeUpload(t, env, root, "unfinished")
		if got, want := paths(t, env, root), []string{"//x", "/lead", "top", "unfinished", "zop"}; !slices.Equal(got, want) {
			t.Errorf("root package: %q, want %q", got, want)
		}
		ok(t, "delete p", env.Admin.DeletePackage(ctx, p))
		wantCode(t, "delete p again", env.Admin.DeletePackage(ctx, p), core.NotFound)
		ok(t, "delete the root package", env.Admin.DeletePackage(ctx, root))
		if got := paths(t, env, q); !slices.Equal(got, []string{"a"}) {
			t.Errorf("q: %q", got)
		}
		all, err := env.Admin.Packages(ctx, bucketID(t, env, bucket), 0, 10)
		if err != nil || len(all) != 1 || all[0].ID != q {
			t.Errorf("packages left: %v, %v", all, err)
		}
	}
}

// TestMembers pages through packages and compares with a listing by hand.
func TestMembers(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	ctx := t.Context()
	keys := []string{"!", "top", "zop", "/lead", "/a/b", "//x", "p/a/1", "p/a/b/2", "p/ab", "p//", "p/", "pp/x", "0", "/"}
	for _, key := range keys {
		write(t, env, "off", key, []byte(key), core.PutOptions{})
	}
	p, err := env.Admin.PackageNamed(ctx, "off", "p")
	ok(t, "package", err)
	root, err := env.Admin.PackageNamed(ctx, "off", "")
	ok(t, "package", err)
	nativeUpload(t, env, p.ID, "a/u")
	nativeUpload(t, env, root.ID, "/u")
	keys = append(keys, "p/a/u", "/u")
	for _, pk := range []core.Package{p, root} {
		for _, prefix := range []string{"", "a", "a/", "/", "//", "t", "z", "nothing"} {
			for _, delimiter := range []string{"", "/"} {
				want := membersByHand(keys, pk.Name, prefix, delimiter)
				for limit := 1; limit <= 4; limit++ {
					opts := core.MemberListOptions{Prefix: prefix, Delimiter: delimiter, Limit: limit}
					var got []string
					for more := true; more; {
						page, err := env.Admin.Members(ctx, pk.ID, opts)
						ok(t, "Members", err)
						for i := range page.Items {
							got = append(got, page.Items[i].CommonPrefix+page.Items[i].Member.Path)
						}
						if more = page.Next != nil; more && len(page.Items) != limit || len(got) > len(keys) {
							t.Fatalf("a page of %d, want %d; %q", len(page.Items), limit, got)
						}
						opts.After = page.Next
					}
					if !slices.Equal(got, want) {
						t.Errorf("package %q, prefix %q, delimiter %q by %d: %q, want %q", pk.Name, prefix, delimiter, limit, got, want)
					}
				}
			}
		}
	}
}

// membersByHand is what a package lists, in order.
func membersByHand(keys []string, name, prefix, delimiter string) (want []string) {
	for _, key := range keys {
		p, path := core.SplitKey(key)
		if p != name || !strings.HasPrefix(path, prefix) {
			continue
		}
		if i := strings.Index(path[len(prefix):], "/"); delimiter != "" && i >= 0 {
			path = path[:len(prefix)+i+1]
		}
		want = append(want, path)
	}
	slices.Sort(want)
	return slices.Compact(want)
}

func TestMoveMember(t *testing.T) {
	env := newEnv(t, coretest.Options{WrapMeta: metatest.Twice})
	ctx := t.Context()
	id, other := pkg(t, env, "off", "p"), pkg(t, env, "ver", "q")
	a := write(t, env, "off", "p/a", []byte("a"), core.PutOptions{})
	b := write(t, env, "off", "p/b", []byte("b"), core.PutOptions{})
	for _, c := range []struct {
		object, pkg int64
		path        string
		want        core.Code
	}{
		{a.ObjectID, id, "b", core.Exists},
		{a.ObjectID, id, "a", core.Conflict},
		{a.ObjectID, id, "", core.BadArgument},
		{a.ObjectID, 999, "x", core.NotFound},
		{999, id, "x", core.NoSuchKey},
	} {
		wantCode(t, fmt.Sprintf("%+v", c), env.Admin.MoveMember(ctx, c.object, c.pkg, c.path), c.want)
	}
	ok(t, "move", env.Admin.MoveMember(ctx, a.ObjectID, other, "x/y"))
	ok(t, "move", env.Admin.MoveMember(ctx, b.ObjectID, id, "a"))
	m := byID(t, env, a.ObjectID)
	if m.Path != "x/y" || m.PackageID != other || m.Bucket != "ver" || m.UpdateTime != a.Version.UpdateTime || m.Entry.CreateTime != a.CreateTime {
		t.Errorf("moved: %+v", m)
	}
	stranger := env.Service.Session(core.Principal{UserID: 77, Name: "stranger"})
	wantCode(t, "a stranger's move", stranger.MoveMember(ctx, a.ObjectID, id, "x"), core.NotFound)
	_, err := stranger.OpenMember(ctx, a.ObjectID, core.GetOptions{})
	wantCode(t, "a stranger's open", err, core.NoSuchKey)
	wantCode(t, "a clone onto it", cloneErr(env, b.ObjectID, other, "x/y"), core.Exists)
	c, err := env.Admin.CloneMember(ctx, a.ObjectID, id, "c")
	if err != nil || c.Entry.ObjectID == a.ObjectID || c.Path != "c" || c.PackageID != id {
		t.Errorf("clone = %+v, %v", c, err)
	}
	if got := bytesOf(t, env, c.Entry.ObjectID); got != "a" {
		t.Errorf("the clone has %q", got)
	}
}

func cloneErr(env *coretest.Env, object, pkg int64, path string) error {
	_, err := env.Admin.CloneMember(context.Background(), object, pkg, path)
	return err
}

// TestDeleteMembersRights: one object without the right to write, and nothing is deleted.
func TestDeleteMembersRights(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	ctx := t.Context()
	u, err := env.Admin.CreateUser(ctx, "ann", "", false)
	ok(t, "create user", err)
	ann := env.Service.Session(core.Principal{UserID: u.ID, Name: "ann"})
	_, err = ann.CreateBucket(ctx, "anns", core.CreateBucketOptions{})
	ok(t, "create bucket", err)
	res, err := ann.PutObject(ctx, "anns", "k", strings.NewReader(""), 0, core.PutOptions{})
	ok(t, "put", err)
	e := write(t, env, "off", "k", nil, core.PutOptions{})
	id := bucketID(t, env, "off")
	ok(t, "grant", env.Meta.Update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		return tx.SetGrants(ctx, id, []core.Grant{{BucketID: id, UserID: u.ID, Access: core.AccessRead}})
	}))
	ok(t, "restart", env.Restart(ctx))
	ann = env.Service.Session(core.Principal{UserID: u.ID, Name: "ann"})
	wantCode(t, "delete", ann.DeleteMembers(ctx, []int64{res.Entry.ObjectID, e.ObjectID}), core.Forbidden)
	byID(t, env, res.Entry.ObjectID)
	hidden := write(t, env, "ver", "k", nil, core.PutOptions{})
	ok(t, "delete one of an unknown bucket", ann.DeleteMembers(ctx, []int64{hidden.ObjectID, res.Entry.ObjectID}))
	byID(t, env, hidden.ObjectID)
	_, err = env.Admin.MemberByID(ctx, res.Entry.ObjectID, core.MemberOptions{})
	wantCode(t, "the deleted one", err, core.NoSuchKey)
}

// TestMemberVersions lists versions by pages and brings old content back, of a deleted object too.
func TestMemberVersions(t *testing.T) {
	env := newEnv(t, coretest.Options{WrapMeta: metatest.Twice})
	ctx := t.Context()
	var ids []string
	var object int64
	for i := range 4 {
		e := write(t, env, "ver", "p/k", []byte{byte('a' + i)}, core.PutOptions{})
		ids, object = append(ids, e.Version.VersionID()), e.ObjectID
	}
	_, err := env.Admin.DeleteObject(ctx, "ver", "p/k", core.DeleteOptions{})
	ok(t, "delete", err)
	_, err = env.Admin.MemberByID(ctx, object, core.MemberOptions{})
	wantCode(t, "deleted", err, core.NoSuchKey)
	var got []string
	for before, more := (*int64)(nil), true; more; {
		page, err := env.Admin.MemberVersions(ctx, object, before, 2)
		ok(t, "versions", err)
		for _, v := range page.Versions {
			got = append(got, fmt.Sprint(v.VersionID(), v.Marker, v.Seq == page.Latest))
			before = &v.Seq
		}
		more = page.More
	}
	if len(got) != 5 || !strings.HasSuffix(got[0], "true true") || !strings.HasPrefix(got[4], ids[0]+"false false") {
		t.Errorf("versions %q", got)
	}
	_, err = env.Admin.RestoreVersion(ctx, object, "7")
	wantCode(t, "no such version", err, core.NoSuchVersion)
	_, err = env.Admin.RestoreVersion(ctx, object, strings.TrimSuffix(got[0], "true true"))
	wantCode(t, "a delete marker", err, core.Conflict)
	m, err := env.Admin.RestoreVersion(ctx, object, ids[1])
	if err != nil || m.Entry.ObjectID != object || m.Entry.Version.VersionID() == ids[1] || m.PackageID == 0 {
		t.Errorf("restored: %+v, %v", m, err)
	}
	if got := bytesOf(t, env, object); got != "b" {
		t.Errorf("restored content %q", got)
	}
	off := write(t, env, "off", "k", []byte("x"), core.PutOptions{})
	_, err = env.Admin.RestoreVersion(ctx, off.ObjectID, "null")
	ok(t, "restore the only version", err)
	if got := bytesOf(t, env, off.ObjectID); got != "x" {
		t.Errorf("content %q", got)
	}
}

// TestBatch: files become visible together or not at all.
func TestBatch(t *testing.T) {
	env := newEnv(t, coretest.Options{WrapMeta: metatest.Twice})
	ctx := t.Context()
	id := pkg(t, env, "off", "p")
	old := write(t, env, "off", "p/a", []byte("old"), core.PutOptions{})
	nativeUpload(t, env, id, "u")
	add := func(b *core.Batch, path, data string) {
		t.Helper()
		ok(t, "add "+path, b.Add(ctx, path, strings.NewReader(data), -1, core.PutOptions{}))
	}
	b, err := env.Admin.NewBatch(ctx, id)
	ok(t, "new batch", err)
	add(b, "a", "one")
	add(b, "b", strings.Repeat("x", 100_000))
	wantCode(t, "no path", b.Add(ctx, "", strings.NewReader(""), 0, core.PutOptions{}), core.BadArgument)
	b.Close()
	if got := paths(t, env, id); !slices.Equal(got, []string{"a", "u"}) {
		t.Errorf("after a batch that was given up: %q", got)
	}
	get(t, env, "off", "p/a", []byte("old"))

	if b, err = env.Admin.NewBatch(ctx, id); err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	large := strings.Repeat("y", 17<<10)
	for i := range 20 { // more than is kept inline
		add(b, fmt.Sprintf("s%02d", i), large[i:16<<10])
	}
	add(b, "a", "one")
	add(b, "u", large)
	add(b, "a", "two")
	members, err := b.Commit(ctx)
	ok(t, "commit", err)
	if len(members) != 23 || members[20].Entry.ObjectID != old.ObjectID || members[20].Size != 3 || members[20].Entry.Version.ID != members[22].Entry.Version.ID {
		t.Errorf("members: %+v", members[20:])
	}
	if got := bytesOf(t, env, members[20].Entry.ObjectID) + bytesOf(t, env, members[21].Entry.ObjectID); got != "two"+large {
		t.Errorf("content of %d bytes", len(got))
	}
	for i := range 20 {
		if got := bytesOf(t, env, members[i].Entry.ObjectID); got != large[i:16<<10] {
			t.Errorf("file %d has %d bytes", i, len(got))
		}
	}
	_, err = env.Admin.NewBatch(ctx, 999)
	wantCode(t, "no package", err, core.NotFound)
}

// TestTokens: a token is good for its use until its time, and ends with what let its user in.
func TestTokens(t *testing.T) {
	now := time.Now()
	env := coretest.New(t, coretest.Options{Now: func() time.Time { return now }})
	ctx := t.Context()
	u, err := env.Admin.CreateUser(ctx, "ann", "password of ann", false)
	ok(t, "create user", err)
	k, secret, err := env.Admin.CreateKey(ctx, u.ID, "", "")
	ok(t, "create key", err)
	p, err := env.Service.Login(ctx, "ann", "password of ann")
	ok(t, "login", err)
	token, expiry, err := env.Service.Session(p).Token(ctx, core.TokenUse{}, time.Hour)
	if err != nil || expiry != now.Add(time.Hour).UnixNano() || len(token) > core.MaxToken {
		t.Fatalf("Token = %q, %d, %v", token, expiry, err)
	}
	good := func(what string, want core.Principal) {
		t.Helper()
		if got, err := env.Service.TokenPrincipal(ctx, token, core.TokenUse{}); err != nil || got != want {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	bad := func(what, token string, use core.TokenUse) {
		t.Helper()
		_, err := env.Service.TokenPrincipal(ctx, token, use)
		wantCode(t, what, err, core.Unauthorized)
	}
	good("a new token", p)
	bad("another use", token, core.TokenUse{URL: "x"})
	for _, i := range []int{0, 5, 20, 40, len(token) - 10} {
		c := byte('A')
		if token[i] == c {
			c = 'B'
		}
		bad(fmt.Sprintf("changed at %d", i), token[:i]+string(c)+token[i+1:], core.TokenUse{})
	}
	for _, s := range []string{"", "x", token + "A", token[:40], strings.Repeat("A", 10_000), strings.Repeat("A", core.MaxToken)} {
		bad("garbage", s, core.TokenUse{})
	}
	now = now.Add(time.Hour)
	bad("over", token, core.TokenUse{})
	now = now.Add(-time.Minute)
	good("not over", p)
	ok(t, "disable", env.Admin.SetUserDisabled(ctx, u.ID, true))
	bad("disabled", token, core.TokenUse{})
	ok(t, "enable", env.Admin.SetUserDisabled(ctx, u.ID, false))
	good("enabled again", p)
	ok(t, "new password", env.Admin.SetPassword(ctx, u.ID, "another password"))
	bad("after a new password", token, core.TokenUse{})

	kp, err := env.Service.Login(ctx, k.ID, secret)
	ok(t, "login by key", err)
	use := core.TokenUse{URL: "GET /x"}
	if token, _, err = env.Service.Session(kp).Token(ctx, use, time.Hour); err != nil {
		t.Fatal(err)
	}
	if got, err := env.Service.TokenPrincipal(ctx, token, use); err != nil || got != kp {
		t.Errorf("a URL's token: %+v, %v", got, err)
	}
	bad("another URL", token, core.TokenUse{URL: "GET /y"})
	bad("no URL", token, core.TokenUse{})
	ok(t, "disable key", env.Admin.SetKeyDisabled(ctx, k.ID, true))
	bad("a disabled key", token, use)
	_, _, err = env.Service.Session(core.System("x")).Token(ctx, use, time.Hour)
	wantCode(t, "a token of nobody", err, core.BadArgument)
}

func TestActFor(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	ctx := t.Context()
	u, err := env.Admin.CreateUser(ctx, "ann", "", false)
	ok(t, "create user", err)
	ann := env.Service.Session(core.Principal{UserID: u.ID, Name: "ann"})
	for _, id := range []int64{0, u.ID} {
		if se, err := ann.For(ctx, id); err != nil || se != ann {
			t.Errorf("For(%d) = %v", id, err)
		}
	}
	_, err = ann.For(ctx, coretest.AdminID)
	wantCode(t, "for another", err, core.Unauthorized)
	if se, err := env.Admin.For(ctx, u.ID); err != nil || se.Principal().Name != "ann" || se.Principal().Admin {
		t.Errorf("an administrator's For = %+v, %v", se, err)
	}
	_, err = env.Admin.For(ctx, 999)
	wantCode(t, "for nobody", err, core.NotFound)
}

// FuzzToken: nothing but what Token made is a token.
func FuzzToken(f *testing.F) {
	env := coretest.New(f, coretest.Options{})
	token, _, err := env.Admin.Token(f.Context(), core.TokenUse{}, time.Hour)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add("")
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := env.Service.TokenPrincipal(t.Context(), s, core.TokenUse{})
		if (err == nil) != (s == token) {
			t.Errorf("TokenPrincipal(%q) = %+v, %v", s, p, err)
		}
	})
}

// TestMembersUnfinished: a page reads the parts of each unfinished upload in a transaction of its own, since each may
// have ten thousand of them, and shows no upload that ended meanwhile.
func TestMembersUnfinished(t *testing.T) {
	var counted partsMeta
	env := newEnv(t, coretest.Options{WrapMeta: func(s core.MetaStore) core.MetaStore { counted.MetaStore = s; return &counted }})
	ctx := t.Context()
	id := pkg(t, env, "off", "p")
	var uploads []core.Member
	for i := range 4 {
		uploads = append(uploads, nativeUpload(t, env, id, fmt.Sprint("u", i)))
	}
	write(t, env, "off", "p/u0", []byte("below"), core.PutOptions{})
	counted.most.Store(0)
	ended := false
	counted.after = func() { // the page of entries was read
		if !ended {
			ended = true
			ok(t, "abort", env.Admin.AbortNative(ctx, uploads[0].Entry.ObjectID))
			ok(t, "abort", env.Admin.AbortNative(ctx, uploads[1].Entry.ObjectID))
		}
	}
	page, err := env.Admin.Members(ctx, id, core.MemberListOptions{Limit: 1000})
	ok(t, "list", err)
	got := make(map[string]bool)
	for i := range page.Items {
		got[page.Items[i].Member.Path] = page.Items[i].Member.Unfinished
	}
	if want := map[string]bool{"u0": false, "u2": true, "u3": true}; !maps.Equal(got, want) {
		t.Errorf("Members = %v, want %v", got, want)
	}
	if n := counted.most.Load(); n != 1 {
		t.Errorf("the parts of %d uploads were read in one transaction, want 1", n)
	}
}

// TestRootListingReads: a short page of the root package reads the bucket's other packages many at a time.
func TestRootListingReads(t *testing.T) {
	var reads *lockReads
	env := newEnv(t, coretest.Options{WrapMeta: func(m core.MetaStore) core.MetaStore {
		reads = &lockReads{MetaStore: m}
		return reads
	}})
	ctx := t.Context()
	for i := range 150 {
		pkg(t, env, "off", fmt.Sprintf("p%03d", i))
		if i%30 == 0 {
			write(t, env, "off", fmt.Sprintf("p%03d/x", i), nil, core.PutOptions{})
		}
	}
	for i := range 40 {
		write(t, env, "off", fmt.Sprintf("p%03d/x", 100+i), nil, core.PutOptions{})
	}
	for _, key := range []string{"a", "p100", "z1", "z2"} {
		write(t, env, "off", key, nil, core.PutOptions{})
	}
	p, err := env.Admin.PackageNamed(ctx, "off", "")
	ok(t, "root package", err)
	var got []string
	opts := core.MemberListOptions{Limit: 1}
	for {
		reads.opened = 0
		page, err := env.Admin.Members(ctx, p.ID, opts)
		ok(t, "list", err)
		if reads.opened > 10 {
			t.Errorf("a page behind %q took %d views", got, reads.opened)
		}
		for _, it := range page.Items {
			got = append(got, it.Member.Path)
		}
		if page.Next == nil {
			break
		}
		opts.After = page.Next
	}
	if want := []string{"a", "p100", "z1", "z2"}; !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
}

// partsMeta counts whose parts one reading transaction reads, what one that writes lists, and how many of these list.
type partsMeta struct {
	core.MetaStore
	most  atomic.Int64
	wrote atomic.Int64
	after func() // behind a transaction that lists
}

// View implements core.MetaStore.
func (m *partsMeta) View(ctx context.Context, fn func(ctx context.Context, tx core.MetaTx) error) error {
	var counting partsTx
	err := m.MetaStore.View(ctx, func(ctx context.Context, tx core.MetaTx) error {
		counting = partsTx{MetaTx: tx}
		return fn(ctx, &counting)
	})
	m.most.Store(max(m.most.Load(), counting.reads))
	if counting.lists && m.after != nil {
		m.after()
	}
	return err
}

// Update implements core.MetaStore.
func (m *partsMeta) Update(ctx context.Context, fn func(ctx context.Context, tx core.MetaTx) error) error {
	var counting partsTx
	err := m.MetaStore.Update(ctx, func(ctx context.Context, tx core.MetaTx) error {
		counting = partsTx{MetaTx: tx}
		return fn(ctx, &counting)
	})
	if counting.lists {
		m.wrote.Add(1)
	}
	for old := m.most.Load(); old < counting.items && !m.most.CompareAndSwap(old, counting.items); old = m.most.Load() {
	}
	return err
}

// partsTx is a transaction of partsMeta.
type partsTx struct {
	core.MetaTx
	reads, items int64
	lists        bool
}

// Parts implements core.MetaTx.
func (tx *partsTx) Parts(ctx context.Context, uploadID string, after, limit int) ([]core.UploadPart, error) {
	if limit > 1 { // a look at the first one is none at all of them
		tx.reads++
	}
	return tx.MetaTx.Parts(ctx, uploadID, after, limit)
}

// List implements core.MetaTx.
func (tx *partsTx) List(ctx context.Context, q core.ListQuery) ([]core.ListItem, error) {
	tx.lists = true
	items, err := tx.MetaTx.List(ctx, q)
	tx.items += int64(len(items))
	return items, err
}
