package core_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"trivium/core"
	"trivium/core/coretest"
	"trivium/core/meta/metatest"
	"trivium/drivers"
)

// pkg makes an explicit package and returns its id.
func pkg(t *testing.T, env *coretest.Env, bucket, name string) int64 {
	t.Helper()
	p, err := env.Admin.CreatePackage(t.Context(), bucketID(t, env, bucket), name)
	ok(t, "create package", err)
	return p.ID
}

// nativeUpload begins one.
func nativeUpload(t *testing.T, env *coretest.Env, pkg int64, path string) core.Member {
	t.Helper()
	m, err := env.Admin.CreateNativeUpload(t.Context(), pkg, path, core.PutOptions{Attrs: core.Attrs{ContentType: "a/b"}})
	ok(t, "create native upload", err)
	if !m.Unfinished || m.Size != 0 || m.SHA256 != nil || m.PartsSHA256 != nil || m.Path != path || m.PackageID != pkg {
		t.Fatalf("a new upload is shown as %+v", m)
	}
	return m
}

// nativePart stores a part.
func nativePart(t *testing.T, env *coretest.Env, id int64, n int, data string) {
	t.Helper()
	_, err := env.Admin.PutNativePart(t.Context(), id, core.PartRequest{Number: n, Body: strings.NewReader(data), Size: -1})
	ok(t, fmt.Sprintf("part %d", n), err)
}

// byID finds an object that must be there.
func byID(t *testing.T, env *coretest.Env, id int64) core.Member {
	t.Helper()
	m, err := env.Admin.MemberByID(t.Context(), id, core.MemberOptions{})
	ok(t, fmt.Sprintf("object %d", id), err)
	return m
}

// bytesOf reads an object by its id.
func bytesOf(t *testing.T, env *coretest.Env, id int64) string {
	t.Helper()
	r, err := env.Admin.OpenMember(t.Context(), id, core.GetOptions{})
	ok(t, fmt.Sprintf("open object %d", id), err)
	defer r.Body.Close()
	data, err := io.ReadAll(r.Body)
	ok(t, "read", err)
	return string(data)
}

// paths lists a package.
func paths(t *testing.T, env *coretest.Env, pkg int64) []string {
	t.Helper()
	page, err := env.Admin.Members(t.Context(), pkg, core.MemberListOptions{Limit: 1000})
	ok(t, "list package", err)
	var all []string
	for i := range page.Items {
		all = append(all, page.Items[i].CommonPrefix+page.Items[i].Member.Path)
	}
	return all
}

// TestNativeUpload joins parts in any order and shows the upload as an object meanwhile, to the native API alone.
func TestNativeUpload(t *testing.T) {
	for _, bucket := range []string{"off", "ver"} {
		env := newEnv(t, coretest.Options{WrapMeta: metatest.Twice})
		ctx := t.Context()
		id := pkg(t, env, bucket, "p")
		m := nativeUpload(t, env, id, "multi")
		object := m.Entry.ObjectID
		if got := paths(t, env, id); !slices.Equal(got, []string{"multi"}) {
			t.Errorf("listed %q", got)
		}
		_, err := env.Admin.StatObject(ctx, bucket, "p/multi", core.GetOptions{})
		wantCode(t, "S3 sees it", err, core.NoSuchKey)
		for _, version := range []string{"", "null", "0"} {
			_, err = env.Admin.StatObject(ctx, bucket, "p/multi", core.GetOptions{VersionID: version})
			if code := core.CodeOf(err); code != core.NoSuchKey && code != core.NoSuchVersion {
				t.Errorf("version %q of it: %v", version, err)
			}
		}
		if page, err := env.Admin.ListVersions(ctx, bucket, core.VersionListOptions{Limit: 10}); err != nil || len(page.Items) > 0 {
			t.Errorf("its versions: %+v, %v", page.Items, err)
		}
		if page, err := env.Admin.Uploads(ctx, bucket, core.UploadListOptions{Limit: 10}); err != nil || len(page.Uploads) > 0 {
			t.Errorf("S3 lists it: %+v, %v", page, err)
		}
		_, err = env.Admin.OpenMember(ctx, object, core.GetOptions{})
		wantCode(t, "open", err, core.Conflict)
		for n, data := range []string{"", "0123456789", "abcdefghij", "KLMNOPQRST", "unused"} {
			if n > 0 {
				nativePart(t, env, object, n, data)
			}
		}
		if m = byID(t, env, object); m.Size != 36 || len(m.PartsSHA256) != 32 || m.SHA256 != nil {
			t.Errorf("with four parts it is %+v", m)
		}
		parts, err := env.Admin.NativeParts(ctx, object)
		if err != nil || len(parts) != 4 || parts[3].Number != 4 {
			t.Errorf("parts = %+v, %v", parts, err)
		}
		for _, numbers := range [][]int{nil, {5}, {1, 0}} {
			_, err := env.Admin.CompleteNative(ctx, object, numbers)
			wantCode(t, fmt.Sprintf("complete %v", numbers), err, core.BadArgument)
		}
		m, err = env.Admin.CompleteNative(ctx, object, []int{2, 3, 1, 1})
		ok(t, "complete", err)
		want := "abcdefghijKLMNOPQRST01234567890123456789"
		sum := sha256.Sum256([]byte(want))
		if m.Unfinished || m.Size != 40 || !bytes.Equal(m.SHA256, sum[:]) || m.Entry.ObjectID != object || m.Entry.Version.Attrs.ContentType != "a/b" {
			t.Errorf("completed: %+v", m)
		}
		if got := bytesOf(t, env, object); got != want {
			t.Errorf("content = %q", got)
		}
		get(t, env, bucket, "p/multi", []byte(want))
		_, err = env.Admin.CompleteNative(ctx, object, []int{1})
		wantCode(t, "complete again", err, core.Conflict)
		wantCode(t, "abort", env.Admin.AbortNative(ctx, object), core.Conflict)
		_, err = env.Admin.PutNativePart(ctx, object, core.PartRequest{Number: 1, Body: strings.NewReader("x"), Size: 1})
		wantCode(t, "part", err, core.Conflict)
	}
}

// TestNativeUploadBesideOtherDoors: the other doors' writes go below the upload and do not end it, and it keeps its
// object whatever they do.
func TestNativeUploadBesideOtherDoors(t *testing.T) {
	for _, bucket := range []string{"off", "ver"} {
		env := newEnv(t, coretest.Options{WrapMeta: metatest.Twice})
		ctx := t.Context()
		e := write(t, env, bucket, "p/k", []byte("old"), core.PutOptions{})
		p, err := env.Admin.PackageNamed(ctx, bucket, "p")
		ok(t, "package", err)
		m := nativeUpload(t, env, p.ID, "k")
		if m.Entry.ObjectID != e.ObjectID {
			t.Errorf("the upload over object %d is object %d", e.ObjectID, m.Entry.ObjectID)
		}
		nativePart(t, env, e.ObjectID, 0, "new")
		get(t, env, bucket, "p/k", []byte("old"))
		for range 2 {
			_, err = env.Admin.DeleteObject(ctx, bucket, "p/k", core.DeleteOptions{})
			ok(t, "delete", err)
		}
		if m := byID(t, env, e.ObjectID); !m.Unfinished || m.Size != 3 || m.PackageID != p.ID {
			t.Errorf("after the deletion below it: %+v", m)
		}
		if again := write(t, env, bucket, "p/k", []byte("newer"), core.PutOptions{}); again.ObjectID != e.ObjectID || again.CreateTime != e.CreateTime {
			t.Errorf("written below it: %+v", again)
		}
		_, err = env.Admin.MoveObject(ctx, core.Path{Bucket: bucket, Key: "p/k"}, core.Path{Bucket: bucket, Key: "q/k"}, core.MoveOptions{})
		wantCode(t, "move", err, core.Conflict)
		write(t, env, bucket, "other", []byte("x"), core.PutOptions{})
		_, err = env.Admin.MoveObject(ctx, core.Path{Bucket: bucket, Key: "other"}, core.Path{Bucket: bucket, Key: "p/k"}, core.MoveOptions{Overwrite: true})
		wantCode(t, "move over it", err, core.Conflict)
		wantCode(t, "move of its folder", env.Admin.MoveFolder(ctx, core.Path{Bucket: bucket, Key: "p"}, core.Path{Bucket: bucket, Key: "q"}, core.FolderOptions{}), core.Conflict)
		ok(t, "delete its folder", env.Admin.DeleteFolder(ctx, core.Path{Bucket: bucket, Key: "p"}))
		if m := byID(t, env, e.ObjectID); !m.Unfinished || m.PackageID != p.ID {
			t.Errorf("after the deletion of its folder: %+v", m)
		}
		ok(t, "abort", env.Admin.AbortNative(ctx, e.ObjectID))
		_, err = env.Admin.MemberByID(ctx, e.ObjectID, core.MemberOptions{})
		wantCode(t, "after the abort", err, core.NoSuchKey)
		_, _, err = env.Admin.Package(ctx, p.ID, core.AccessRead)
		wantCode(t, "its package", err, core.NotFound)
	}
}

// TestNativeUploadEnds: what writes of the native API, a new upload and an abort leave behind.
func TestNativeUploadEnds(t *testing.T) {
	env := newEnv(t, coretest.Options{WrapMeta: metatest.Twice})
	ctx := t.Context()
	id := pkg(t, env, "off", "p")
	e := write(t, env, "off", "p/k", []byte("old"), core.PutOptions{})
	nativeUpload(t, env, id, "k")
	for n := range 3 {
		nativePart(t, env, e.ObjectID, n, strings.Repeat("x", n))
	}
	if m := nativeUpload(t, env, id, "k"); m.Entry.ObjectID != e.ObjectID {
		t.Errorf("begun anew: %+v", m)
	}
	if parts, err := env.Admin.NativeParts(ctx, e.ObjectID); err != nil || len(parts) > 0 {
		t.Errorf("parts of the new upload: %v, %v", parts, err)
	}
	ok(t, "abort", env.Admin.AbortNative(ctx, e.ObjectID))
	if got := bytesOf(t, env, e.ObjectID); got != "old" {
		t.Errorf("after the abort: %q", got)
	}
	nativeUpload(t, env, id, "k")
	nativePart(t, env, e.ObjectID, 1, "part")
	res, err := env.Admin.PutObject(ctx, "off", "p/k", strings.NewReader("mine"), 4, core.PutOptions{Package: id})
	ok(t, "native put", err)
	if m := byID(t, env, e.ObjectID); m.Unfinished || res.Entry.ObjectID != e.ObjectID || bytesOf(t, env, e.ObjectID) != "mine" {
		t.Errorf("after a native put: %+v", m)
	}
	fresh := nativeUpload(t, env, id, "fresh")
	nativePart(t, env, fresh.Entry.ObjectID, 1, "part")
	_, err = env.Admin.CloneMember(ctx, e.ObjectID, id, "fresh")
	wantCode(t, "clone onto an upload", err, core.Exists)
	ok(t, "delete", env.Admin.DeleteMembers(ctx, []int64{fresh.Entry.ObjectID, e.ObjectID, 12345}))
	if got := paths(t, env, id); len(got) > 0 {
		t.Errorf("left: %q", got)
	}
	left := nativeUpload(t, env, id, "left")
	nativePart(t, env, left.Entry.ObjectID, 1, "part")
	ok(t, "delete the bucket", env.Admin.DeleteBucket(ctx, "off", false))
	for range 3 {
		doomed, err := env.Service.Maintenance().Doomed(ctx)
		ok(t, "doomed", err)
		for _, b := range doomed {
			_, err := env.Service.Maintenance().SweepBucket(ctx, b, core.SweepPlace{}, 100)
			ok(t, "sweep", err)
		}
	}
	rows(t, env, func(ctx context.Context, tx core.MetaTx) error {
		_, found, err := tx.EntryByID(ctx, left.Entry.ObjectID)
		if found {
			t.Error("the swept bucket left an entry")
		}
		return err
	})
}

// TestNativeCompleteTogether: completions with the same numbers at once have one outcome.
func TestNativeCompleteTogether(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	id := pkg(t, env, "off", "p")
	object := nativeUpload(t, env, id, "k").Entry.ObjectID
	nativePart(t, env, object, 1, "one")
	nativePart(t, env, object, 2, "two")
	var wg sync.WaitGroup
	codes := make([]error, 4)
	for i := range codes {
		wg.Go(func() { _, codes[i] = env.Admin.CompleteNative(t.Context(), object, []int{2, 1}) })
	}
	wg.Wait()
	for _, err := range codes {
		if err != nil && core.CodeOf(err) != core.Conflict {
			t.Errorf("complete: %v", err)
		}
	}
	if !slices.Contains(codes, nil) || bytesOf(t, env, object) != "twoone" {
		t.Errorf("completions: %v", codes)
	}
}

// TestNativeIdle: an upload that nobody touches is aborted, and its object goes with it or shows what lies below.
func TestNativeIdle(t *testing.T) {
	env := newEnv(t, coretest.Options{WrapMeta: metatest.Twice})
	ctx := t.Context()
	id := pkg(t, env, "off", "p")
	old := write(t, env, "off", "p/old", []byte("old"), core.PutOptions{})
	nativeUpload(t, env, id, "old")
	gone := nativeUpload(t, env, id, "gone").Entry.ObjectID
	for n := range 3 {
		nativePart(t, env, gone, n, "part")
	}
	m := env.Service.Maintenance()
	var idle []core.Upload
	rows(t, env, func(ctx context.Context, tx core.MetaTx) error {
		var err error
		idle, err = tx.IdleUploads(ctx, m.Now()+1, 10)
		return err
	})
	if len(idle) != 2 {
		t.Fatalf("%d uploads, want 2", len(idle))
	}
	for _, u := range idle {
		if did, err := m.AbortIdle(ctx, u, m.Now()+1); !did || err != nil {
			t.Errorf("AbortIdle() = %t, %v", did, err)
		}
	}
	if got := bytesOf(t, env, old.ObjectID); got != "old" {
		t.Errorf("below the upload: %q", got)
	}
	_, err := env.Admin.MemberByID(ctx, gone, core.MemberOptions{})
	wantCode(t, "the other", err, core.NoSuchKey)
}

// countingDriver counts what is opened.
type countingDriver struct {
	drivers.Driver
	opened *atomic.Int64
}

func (d countingDriver) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	d.opened.Add(1)
	return d.Driver.Open(ctx, name, offset, length)
}

// TestNativeChain: parts that came in the order of the completion are not read back, in any other they are; the digest
// is right in each.
func TestNativeChain(t *testing.T) {
	var opened atomic.Int64
	env := newEnv(t, coretest.Options{
		WrapMeta: metatest.Twice,
		Wrap:     func(_ string, d drivers.Driver) drivers.Driver { return countingDriver{d, &opened} },
	})
	ctx := t.Context()
	id := pkg(t, env, "off", "p")
	data := []string{"zero", strings.Repeat("one", 100_000), "two", "", "four"}
	for name, c := range map[string]struct {
		order, numbers []int
		read           bool
	}{
		"in order":         {[]int{0, 1, 2}, []int{0, 1, 2}, false},
		"a beginning":      {[]int{0, 1, 2}, []int{0, 1}, false},
		"another order":    {[]int{0, 1, 2}, []int{1, 0, 2}, true},
		"a later part":     {[]int{0, 1, 2}, []int{1, 2}, true},
		"repeated":         {[]int{0, 1}, []int{0, 0}, true},
		"came late":        {[]int{1, 0, 2}, []int{0, 1, 2}, true},
		"replaced, before": {[]int{0, 1, 2, 1}, []int{0, 1, 2}, true},
		"replaced, last":   {[]int{0, 1, 2, 2}, []int{0, 1, 2}, false},
		"with a gap":       {[]int{0, 2}, []int{0, 2}, true},
		"an empty one":     {[]int{2, 3, 4}, []int{2, 3, 4}, true},
		"not from 0":       {[]int{1, 2}, []int{1, 2}, false},
		"one":              {[]int{4}, []int{4}, false},
	} {
		object := nativeUpload(t, env, id, name).Entry.ObjectID
		for _, n := range c.order {
			nativePart(t, env, object, n, data[n])
		}
		var want string
		for _, n := range c.numbers {
			want += data[n]
		}
		opened.Store(0)
		m, err := env.Admin.CompleteNative(ctx, object, c.numbers)
		ok(t, name, err)
		if sum := sha256.Sum256([]byte(want)); !bytes.Equal(m.SHA256, sum[:]) {
			t.Errorf("%s: SHA-256 %x, want %x", name, m.SHA256, sum)
		}
		if read := opened.Load() > 0; read != c.read {
			t.Errorf("%s: read back is %t, want %t", name, read, c.read)
		}
		if got := bytesOf(t, env, object); got != want {
			t.Errorf("%s: %d bytes, want %d", name, len(got), len(want))
		}
	}
}

// TestPartsAreNotReadAgain: what works on an object by its id does not read the parts of the upload over it, of which there
// may be many.
func TestPartsAreNotReadAgain(t *testing.T) {
	var counted partsMeta
	env := newEnv(t, coretest.Options{WrapMeta: func(s core.MetaStore) core.MetaStore { counted.MetaStore = s; return &counted }})
	ctx := t.Context()
	m := nativeUpload(t, env, pkg(t, env, "off", "p"), "k")
	id := m.Entry.ObjectID
	part := func(n int) error {
		_, err := env.Admin.PutNativePart(ctx, id, core.PartRequest{Number: n, Body: strings.NewReader("part"), Size: 4})
		return err
	}
	ok(t, "part 0", part(0))
	for name, do := range map[string]func() error{
		"part 1": func() error { return part(1) },
		"move": func() error {
			err := env.Admin.MoveMember(ctx, id, m.PackageID, "l")
			return codeIs(err, core.NoSuchKey)
		},
		"open": func() error {
			_, err := env.Admin.OpenMember(ctx, id, core.GetOptions{})
			return codeIs(err, core.Conflict)
		},
		"history": func() error { _, err := env.Admin.MemberVersions(ctx, id, nil, 1); return err },
	} {
		counted.most.Store(0)
		ok(t, name, do())
		if n := counted.most.Load(); n != 0 {
			t.Errorf("%s read parts %d times in one transaction", name, n)
		}
	}
	counted.most.Store(0)
	ok(t, "delete", env.Admin.DeleteMembers(ctx, []int64{id, id, id}))
	_, err := env.Admin.MemberByID(ctx, id, core.MemberOptions{})
	wantCode(t, "deleted", err, core.NoSuchKey)
}

// codeIs is nil for an error of that code.
func codeIs(err error, code core.Code) error {
	if err != nil && core.CodeOf(err) == code {
		return nil
	}
	return fmt.Errorf("%w, want code %d", err, code)
}
