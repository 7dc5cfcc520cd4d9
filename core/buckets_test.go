package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/coretest"
)

// put stores a small object.
func put(t *testing.T, s *core.Session, bucket, key string) core.Entry {
	t.Helper()
	res, err := s.PutObject(t.Context(), bucket, key, strings.NewReader(key), int64(len(key)), core.PutOptions{})
	ok(t, "put "+key, err)
	return res.Entry
}

// sweep empties what was deleted with force, as far as it may, in steps of limit rows.
func sweep(t *testing.T, env *coretest.Env, limit int) (steps int) {
	t.Helper()
	m := env.Service.Maintenance()
	doomed, err := m.Doomed(t.Context())
	ok(t, "doomed", err)
	for _, id := range doomed {
		var step core.SweepStep
		for ; !step.Over; steps++ {
			step, err = m.SweepBucket(t.Context(), id, step.Next, limit)
			ok(t, "sweep", err)
			if step.Removed > limit {
				t.Fatalf("a step removed %d rows, want at most %d", step.Removed, limit)
			}
		}
	}
	return steps
}

func TestBucketNames(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	for _, tc := range []struct {
		name           string
		native, strict bool
	}{
		{"abc", true, true},
		{strings.Repeat("a", 63), true, true},
		{"a-b.c9", true, true},
		{"My_Bucket", true, false},
		{"-abc", true, false},
		{"abc.", true, false},
		{"a..b", true, false},
		{"192.168.1.1", true, false},
		{"xn--abc", true, false},
		{"sthree-abc", true, false},
		{"abc-s3alias", true, false},
		{"abc--ol-s3", true, false},
		{"ab", false, false},
		{strings.Repeat("a", 64), false, false},
		{"a/b", false, false},
		{"a b c", false, false},
		{"äbc", false, false},
		{"", false, false},
		{"dav", false, false},
		{"generic", false, false},
		{"koodrive", false, false},
		{"davs", true, true},
	} {
		for _, strict := range []bool{false, true} {
			want := tc.native
			if strict {
				want = tc.strict
			}
			_, err := env.Admin.CreateBucket(t.Context(), tc.name, core.CreateBucketOptions{Strict: strict})
			if !want {
				wantCode(t, fmt.Sprintf("CreateBucket(%q, strict %v)", tc.name, strict), err, core.BadName)
				continue
			}
			ok(t, fmt.Sprintf("CreateBucket(%q, strict %v)", tc.name, strict), err)
			ok(t, "delete", env.Admin.DeleteBucket(t.Context(), tc.name, false))
		}
	}
}

func TestCreateBucket(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	ctx := t.Context()
	a, alice := user(t, env, "alice")
	_, bob := user(t, env, "bob")
	b, err := alice.CreateBucket(ctx, "bucket", core.CreateBucketOptions{})
	ok(t, "create", err)
	if b.Owner != a.ID || b.ID == 0 || b.CreateTime == 0 {
		t.Errorf("CreateBucket = %+v, want alice's", b)
	}
	_, err = alice.CreateBucket(ctx, "bucket", core.CreateBucketOptions{})
	wantCode(t, "one's own again", err, core.BucketOwned)
	_, err = bob.CreateBucket(ctx, "bucket", core.CreateBucketOptions{})
	wantCode(t, "somebody else's", err, core.BucketExists)
	_, err = bob.CreateBucket(ctx, "other", core.CreateBucketOptions{Owner: a.ID})
	wantCode(t, "for somebody else", err, core.Forbidden)
	_, err = env.Service.Session(core.Anonymous()).CreateBucket(ctx, "other", core.CreateBucketOptions{})
	wantCode(t, "anonymously", err, core.Forbidden)
	_, err = env.Admin.CreateBucket(ctx, "other", core.CreateBucketOptions{Owner: 999})
	wantCode(t, "for nobody", err, core.NotFound)
	_, err = env.Service.Session(core.System("x")).CreateBucket(ctx, "other", core.CreateBucketOptions{})
	wantCode(t, "by the system for nobody", err, core.BadArgument)
	b, err = env.Admin.CreateBucket(ctx, "other", core.CreateBucketOptions{Owner: a.ID})
	if err != nil || b.Owner != a.ID {
		t.Errorf("by an administrator for alice = %+v, %v", b, err)
	}
}

// Who may do what: every right, every kind of caller.
func TestAccess(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	ctx := t.Context()
	_, owner := user(t, env, "owner")
	sessions := map[string]*core.Session{
		"owner": owner, "admin": env.Admin, "system": env.Service.Session(core.System("x")),
		"anonymous": env.Service.Session(core.Anonymous()),
		// A forged combination must not open anything.
		"anonymous admin": env.Service.Session(core.Principal{Anonymous: true, Admin: true}),
	}
	var grants []core.Grant
	for name, access := range map[string]core.Access{
		"reader": core.AccessRead, "writer": core.AccessWrite, "coowner": core.AccessOwner, "stranger": core.AccessNone,
	} {
		u, s := user(t, env, name)
		sessions[name] = s
		if access != core.AccessNone {
			grants = append(grants, core.Grant{UserID: u.ID, Access: access})
		}
	}
	_, err := owner.CreateBucket(ctx, "bucket", core.CreateBucketOptions{})
	ok(t, "create", err)
	ok(t, "grants", owner.SetGrants(ctx, "bucket", grants))
	put(t, owner, "bucket", "key")

	rights := func(name string) (got core.Access, hidden bool) {
		s := sessions[name]
		_, err := s.StatObject(ctx, "bucket", "key", core.GetOptions{})
		if e, isErr := errors.AsType[*core.Error](err); isErr {
			if e.Code != core.Forbidden {
				t.Errorf("%s: StatObject = %v, want Forbidden", name, err)
			}
			hidden = e.Hidden
		} else {
			got = core.AccessRead
		}
		if _, err := s.SetAttrs(ctx, core.Path{Bucket: "bucket", Key: "key"}, core.AttrsOptions{
			Change: func(*core.Version) error { return nil },
		}); err == nil {
			got = core.AccessWrite
		}
		if _, err := s.Grants(ctx, "bucket"); err == nil {
			got = core.AccessOwner
		}
		return got, hidden
	}
	private := map[string]core.Access{
		"owner": core.AccessOwner, "admin": core.AccessOwner, "system": core.AccessOwner, "coowner": core.AccessOwner,
		"writer": core.AccessWrite, "reader": core.AccessRead,
		"stranger": core.AccessNone, "anonymous": core.AccessNone, "anonymous admin": core.AccessNone,
	}
	for name, want := range private {
		got, hidden := rights(name)
		if got != want || hidden != (want == core.AccessNone) {
			t.Errorf("%s has right %d, hidden %v, want %d", name, got, hidden, want)
		}
	}
	ok(t, "make public", owner.SetPolicy(ctx, "bucket", core.BucketPolicy{PublicRead: true}))
	for name, want := range private {
		if got, hidden := rights(name); got != max(want, core.AccessRead) || hidden {
			t.Errorf("public: %s has right %d, hidden %v, want %d", name, got, hidden, max(want, core.AccessRead))
		}
	}
	ok(t, "revoke", owner.SetGrants(ctx, "bucket", nil))
	ok(t, "make private", owner.SetPolicy(ctx, "bucket", core.BucketPolicy{}))
	for _, name := range []string{"reader", "writer", "coowner", "anonymous"} {
		if got, _ := rights(name); got != core.AccessNone {
			t.Errorf("after the revocation %s has right %d", name, got)
		}
	}
	_, err = owner.Bucket(ctx, "missing")
	wantCode(t, "a missing bucket", err, core.NoSuchBucket)
}

func TestSetGrantsRefuses(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	ctx := t.Context()
	u, _ := user(t, env, "alice")
	_, err := env.Admin.CreateBucket(ctx, "bucket", core.CreateBucketOptions{})
	ok(t, "create", err)
	good := []core.Grant{{UserID: u.ID, Access: core.AccessRead}}
	ok(t, "grants", env.Admin.SetGrants(ctx, "bucket", good))
	for _, tc := range []struct {
		grants []core.Grant
		code   core.Code
	}{
		{[]core.Grant{{UserID: 999, Access: core.AccessRead}}, core.NotFound},
		{[]core.Grant{{UserID: u.ID}}, core.BadArgument},
		{[]core.Grant{{UserID: u.ID, Access: core.AccessOwner + 1}}, core.BadArgument},
		{[]core.Grant{good[0], good[0]}, core.BadArgument},
		{make([]core.Grant, 1001), core.BadArgument},
	} {
		wantCode(t, "SetGrants", env.Admin.SetGrants(ctx, "bucket", tc.grants), tc.code)
	}
	got, err := env.Admin.Grants(ctx, "bucket")
	ok(t, "grants", err)
	if len(got) != 1 || got[0].UserID != u.ID || got[0].Access != core.AccessRead {
		t.Errorf("Grants after refusals = %+v, want what was there", got)
	}
}

func TestBuckets(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	ctx := t.Context()
	u, alice := user(t, env, "alice")
	_, bob := user(t, env, "bob")
	for i := range 5 {
		_, err := bob.CreateBucket(ctx, fmt.Sprintf("bob-%d", i), core.CreateBucketOptions{})
		ok(t, "create", err)
		_, err = alice.CreateBucket(ctx, fmt.Sprintf("alice-%d", i), core.CreateBucketOptions{})
		ok(t, "create", err)
	}
	ok(t, "grant", bob.SetGrants(ctx, "bob-3", []core.Grant{{UserID: u.ID, Access: core.AccessRead}}))
	ok(t, "public", bob.SetPolicy(ctx, "bob-1", core.BucketPolicy{PublicRead: true}))
	names := func(s *core.Session, opts core.BucketListOptions) string {
		var all []string
		for more := true; more; {
			var page []core.Bucket
			var err error
			page, more, err = s.Buckets(ctx, opts)
			ok(t, "buckets", err)
			if len(page) > opts.Limit || more && len(page) < opts.Limit {
				t.Fatalf("a page of %d, more %v, with limit %d", len(page), more, opts.Limit)
			}
			for _, b := range page {
				all = append(all, b.Name)
				opts.After = b.Name
			}
		}
		return strings.Join(all, " ")
	}
	const own = "alice-0 alice-1 alice-2 alice-3 alice-4"
	for _, tc := range []struct {
		who  string
		s    *core.Session
		opts core.BucketListOptions
		want string
	}{
		{"alice", alice, core.BucketListOptions{}, own + " bob-1 bob-3"},
		{"alice", alice, core.BucketListOptions{Owned: true}, own},
		{"alice", alice, core.BucketListOptions{Prefix: "bob"}, "bob-1 bob-3"},
		{"alice", alice, core.BucketListOptions{Prefix: "alice-1"}, "alice-1"},
		{"alice", alice, core.BucketListOptions{Prefix: "b", After: "bob-1"}, "bob-3"},
		{"alice", alice, core.BucketListOptions{Prefix: "zzz"}, ""},
		{"admin", env.Admin, core.BucketListOptions{}, own + " bob-0 bob-1 bob-2 bob-3 bob-4"},
		{"admin", env.Admin, core.BucketListOptions{Owned: true}, ""},
	} {
		for _, limit := range []int{1, 2, 5, 1000} {
			tc.opts.Limit = limit
			if got := names(tc.s, tc.opts); got != tc.want {
				t.Errorf("%s: Buckets(%+v) = %s, want %s", tc.who, tc.opts, got, tc.want)
			}
		}
	}
	_, _, err := env.Service.Session(core.Anonymous()).Buckets(ctx, core.BucketListOptions{Limit: 10})
	wantCode(t, "anonymously", err, core.Forbidden)
	byID := func(s *core.Session, limit int) string {
		var all []string
		for p := (core.BucketPage{}); ; {
			var err error
			p, err = s.BucketsByID(ctx, p.Next, limit)
			ok(t, "buckets", err)
			if len(p.Buckets) > limit {
				t.Fatalf("a page of %d with limit %d", len(p.Buckets), limit)
			}
			for _, b := range p.Buckets {
				all = append(all, b.Name)
			}
			if p.Next == 0 {
				return strings.Join(all, " ")
			}
		}
	}
	ok(t, "delete", bob.DeleteBucket(ctx, "bob-4", true))
	for _, limit := range []int{1, 2, 9, 1000} {
		want := "alice-0 bob-1 alice-1 alice-2 bob-3 alice-3 alice-4"
		if got := byID(alice, limit); got != want {
			t.Errorf("alice: BucketsByID() by %d = %s, want %s", limit, got, want)
		}
		want = "bob-0 alice-0 bob-1 alice-1 bob-2 alice-2 bob-3 alice-3 alice-4"
		if got := byID(env.Admin, limit); got != want {
			t.Errorf("admin: BucketsByID() by %d = %s, want %s", limit, got, want)
		}
	}
	_, err = env.Service.Session(core.Anonymous()).BucketsByID(ctx, 0, 10)
	wantCode(t, "anonymously", err, core.Forbidden)
	_, err = alice.BucketsByID(ctx, 0, 1001)
	wantCode(t, "a page of more than 1,000", err, core.BadArgument)
}

// What makes a bucket not empty, and what does not.
func TestDeleteBucket(t *testing.T) {
	for _, tc := range []struct {
		name string
		fill func(t *testing.T, s *core.Session)
		full bool
	}{
		{"nothing", func(*testing.T, *core.Session) {}, false},
		{"an object", func(t *testing.T, s *core.Session) { put(t, s, "bucket", "key") }, true},
		{"an object that went", func(t *testing.T, s *core.Session) {
			put(t, s, "bucket", "pkg/key")
			_, err := s.DeleteObject(t.Context(), "bucket", "pkg/key", core.DeleteOptions{})
			ok(t, "delete", err)
		}, false},
		{"a delete marker", func(t *testing.T, s *core.Session) {
			ok(t, "versioning", s.SetVersioning(t.Context(), "bucket", core.VersioningEnabled))
			_, err := s.DeleteObject(t.Context(), "bucket", "key", core.DeleteOptions{})
			ok(t, "delete", err)
		}, true},
		{"an upload", func(t *testing.T, s *core.Session) {
			_, err := s.CreateUpload(t.Context(), core.Path{Bucket: "bucket", Key: "k"}, core.PutOptions{}, core.Checksum{})
			ok(t, "upload", err)
		}, false},
		{"an upload beside an object", func(t *testing.T, s *core.Session) {
			put(t, s, "bucket", "key")
			_, err := s.CreateUpload(t.Context(), core.Path{Bucket: "bucket", Key: "k"}, core.PutOptions{}, core.Checksum{})
			ok(t, "upload", err)
		}, true},
		{"an empty explicit package", func(t *testing.T, s *core.Session) {
			ok(t, "folder", s.MakeFolder(t.Context(), core.Path{Bucket: "bucket", Key: "pkg"}))
		}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			env := coretest.New(t, coretest.Options{})
			_, err := env.Bucket(t.Context(), "bucket", core.VersioningOff, core.BucketPolicy{})
			ok(t, "create", err)
			tc.fill(t, env.Admin)
			err = env.Admin.DeleteBucket(t.Context(), "bucket", false)
			if tc.full {
				wantCode(t, "DeleteBucket", err, core.BucketNotEmpty)
				_, err = env.Admin.Bucket(t.Context(), "bucket")
				ok(t, "the bucket is still there", err)
				err = env.Admin.DeleteBucket(t.Context(), "bucket", true)
			}
			ok(t, "delete bucket", err)
			_, err = env.Admin.Bucket(t.Context(), "bucket")
			wantCode(t, "Bucket", err, core.NoSuchBucket)
			_, err = env.Admin.CreateBucket(t.Context(), "bucket", core.CreateBucketOptions{})
			ok(t, "the name is free at once", err)
			sweep(t, env, 3)
			wantBare(t, env)
		})
	}
}

// wantBare checks that nothing of deleted buckets is left in the store.
func wantBare(t *testing.T, env *coretest.Env) {
	t.Helper()
	err := env.Meta.View(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		doomed, err := tx.Buckets(ctx, "", 10, true)
		if err != nil || len(doomed) > 0 {
			t.Errorf("buckets that are being deleted: %v, %v", doomed, err)
		}
		lists, err := tx.Lists(ctx, 0, 10)
		if err != nil || len(lists) > 0 {
			t.Errorf("lists that nothing refers to: %v, %v", lists, err)
		}
		inlines, err := tx.Inlines(ctx, 0, 10)
		if err != nil || len(inlines) > 0 {
			t.Errorf("inline rows that nothing refers to: %v, %v", inlines, err)
		}
		blobs, err := tx.Blobs(ctx, content.BlobID{}, 10)
		for _, b := range blobs {
			if b.Refs != 0 {
				t.Errorf("blob %v has %d references", b.ID, b.Refs)
			}
		}
		return err
	})
	ok(t, "view", err)
}

// A bucket with much in it goes in steps, each bounded, and gives back all its content.
func TestSweepBuckets(t *testing.T) {
	env := coretest.New(t, coretest.Options{InlineMax: 8})
	ctx := t.Context()
	for _, name := range []string{"one", "two"} {
		_, err := env.Bucket(ctx, name, core.VersioningEnabled, core.BucketPolicy{})
		ok(t, "create", err)
		for i := range 10 {
			key := fmt.Sprintf("pkg%d/a-name-that-is-not-inline-%d", i%3, i)
			for range 3 {
				put(t, env.Admin, name, key)
			}
			put(t, env.Admin, name, fmt.Sprint(i))
			if i%2 == 0 {
				_, err := env.Admin.DeleteObject(ctx, name, key, core.DeleteOptions{})
				ok(t, "delete", err)
			}
		}
		p := core.Path{Bucket: name, Key: "upload"}
		up, err := env.Admin.CreateUpload(ctx, p, core.PutOptions{}, core.Checksum{})
		ok(t, "upload", err)
		for n := 1; n <= 9; n++ {
			_, _, err = env.Admin.PutPart(ctx, p, up.ID, core.PartRequest{
				Number: n, Body: strings.NewReader("a part of some length"), Size: 21,
			})
			ok(t, "part", err)
		}
		ok(t, "delete", env.Admin.DeleteBucket(ctx, name, true))
	}
	if steps := sweep(t, env, 7); steps < 8 {
		t.Errorf("the sweep took %d steps of 7 rows", steps)
	}
	wantBare(t, env)
}

func TestVersioningNeverGoesBack(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	ctx := t.Context()
	_, err := env.Admin.CreateBucket(ctx, "bucket", core.CreateBucketOptions{})
	ok(t, "create", err)
	for _, tc := range []struct {
		set  core.Versioning
		fine bool
		ever bool
	}{
		{core.VersioningOff, true, false},
		{core.VersioningSuspended, true, false},
		{core.VersioningOff, false, false},
		{core.VersioningEnabled, true, true},
		{core.VersioningOff, false, true},
		{core.VersioningSuspended, true, true},
		{core.VersioningSuspended + 1, false, true},
		{-1, false, true},
	} {
		err := env.Admin.SetVersioning(ctx, "bucket", tc.set)
		if tc.fine {
			ok(t, fmt.Sprintf("SetVersioning(%d)", tc.set), err)
		} else {
			wantCode(t, fmt.Sprintf("SetVersioning(%d)", tc.set), err, core.BadArgument)
		}
		b, err := env.Admin.Bucket(ctx, "bucket")
		if err != nil || b.EverVersioned != tc.ever || tc.fine && b.Versioning != tc.set {
			t.Errorf("after SetVersioning(%d): %+v, %v", tc.set, b, err)
		}
	}
}

func TestSetPolicy(t *testing.T) {
	env := coretest.New(t, coretest.Options{Spaces: 3})
	ctx := t.Context()
	b, err := env.Bucket(ctx, "bucket", core.VersioningOff, core.BucketPolicy{})
	ok(t, "create", err)
	for _, tc := range []struct {
		name   string
		policy core.BucketPolicy
		msg    string
	}{
		{"nonsense", core.BucketPolicy{Redundancy: content.Policy{Redundancy: content.Copies, N: 1}}, "redundancy"},
		{"too few domains", core.BucketPolicy{Redundancy: content.Policy{Redundancy: content.Copies, N: 4}}, "4 spaces"},
		{"too few named", core.BucketPolicy{
			Redundancy: content.Policy{Redundancy: content.Copies, N: 2}, Spaces: []content.SpaceID{1},
		}, "may use 1"},
		{"unknown space", core.BucketPolicy{Spaces: []content.SpaceID{1, 99}}, "spaces"},
	} {
		err := env.Admin.SetPolicy(ctx, "bucket", tc.policy)
		wantCode(t, tc.name, err, core.BadArgument)
		if e, isErr := errors.AsType[*core.Error](err); !isErr || !strings.Contains(e.Msg, tc.msg) {
			t.Errorf("%s: %v, want a message with %q", tc.name, err, tc.msg)
		}
	}
	want := core.BucketPolicy{
		Redundancy: content.Policy{Redundancy: content.Copies, N: 2}, Spaces: []content.SpaceID{1, 3}, NoSHA256: true,
	}
	ok(t, "set policy", env.Admin.SetPolicy(ctx, "bucket", want))
	got, err := env.Admin.Policy(ctx, "bucket")
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Policy: %v (-want +got):\n%s", err, diff)
	}
	body := strings.Repeat("x", 100_000)
	_, err = env.Admin.PutObject(ctx, b.Name, "key", strings.NewReader(body), -1, core.PutOptions{})
	ok(t, "put", err)
	for _, blob := range blobsOf(t, env) {
		for p := range blob.Layout.Places() {
			if p.Space == 2 {
				t.Errorf("a shard lies in space 2, which the policy does not name")
			}
		}
		if blob.Layout.N != 2 {
			t.Errorf("the blob has %d shards, want 2", blob.Layout.N)
		}
	}
}

// blobsOf returns all rows of blobs; there must be some.
func blobsOf(t *testing.T, env *coretest.Env) (blobs []core.Blob) {
	t.Helper()
	err := env.Meta.View(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		var err error
		blobs, err = tx.Blobs(ctx, content.BlobID{}, 100)
		return err
	})
	ok(t, "blobs", err)
	if len(blobs) == 0 {
		t.Fatal("there is no blob")
	}
	return blobs
}

// Equal content is shared inside a class: one owner, one policy, and not across owners or policies (S13).
func TestClasses(t *testing.T) {
	env := coretest.New(t, coretest.Options{Spaces: 2})
	ctx := t.Context()
	_, alice := user(t, env, "alice")
	two := core.BucketPolicy{Redundancy: content.Policy{Redundancy: content.Copies, N: 2}}
	for _, tc := range []struct {
		s      *core.Session
		bucket string
		policy core.BucketPolicy
		blobs  int
	}{
		{env.Admin, "first", core.BucketPolicy{}, 1},
		{env.Admin, "second", core.BucketPolicy{}, 1},
		{env.Admin, "named", core.BucketPolicy{Spaces: []content.SpaceID{2, 1}}, 2},
		{env.Admin, "reversed", core.BucketPolicy{Spaces: []content.SpaceID{1, 2}}, 2},
		{env.Admin, "copies", two, 3},
		{alice, "alices", core.BucketPolicy{}, 4},
	} {
		_, err := tc.s.CreateBucket(ctx, tc.bucket, core.CreateBucketOptions{})
		ok(t, "create", err)
		ok(t, "policy", tc.s.SetPolicy(ctx, tc.bucket, tc.policy))
		body := strings.Repeat("x", 100_000)
		_, err = tc.s.PutObject(ctx, tc.bucket, "key", strings.NewReader(body), -1, core.PutOptions{})
		ok(t, "put", err)
		if got := len(blobsOf(t, env)); got != tc.blobs {
			t.Errorf("after the object in %s there are %d blobs, want %d", tc.bucket, got, tc.blobs)
		}
	}
}

// A change of rights shows in the next request, whatever else runs.
func TestGrantsShowAtOnce(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	ctx := t.Context()
	u, alice := user(t, env, "alice")
	_, err := env.Admin.CreateBucket(ctx, "bucket", core.CreateBucketOptions{})
	ok(t, "create", err)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = alice.Bucket(ctx, "bucket")
				}
			}
		})
	}
	for i := range 40 {
		var grants []core.Grant
		if i%2 == 0 {
			grants = []core.Grant{{UserID: u.ID, Access: core.AccessRead}}
		}
		ok(t, "grants", env.Admin.SetGrants(ctx, "bucket", grants))
		if _, err := alice.Bucket(ctx, "bucket"); (err == nil) != (i%2 == 0) {
			t.Fatalf("after change %d Bucket = %v", i, err)
		}
	}
	close(stop)
	readers.Wait()
}
