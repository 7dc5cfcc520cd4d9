package core_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/coretest"
)

// newEnv starts a Service with a bucket "off" that never was versioned and a bucket "ver" with versions.
func newEnv(t *testing.T, opts coretest.Options) *coretest.Env {
	t.Helper()
	env := coretest.New(t, opts)
	for name, v := range map[string]core.Versioning{"off": core.VersioningOff, "ver": core.VersioningEnabled} {
		if _, err := env.Bucket(t.Context(), name, v, core.BucketPolicy{}); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if env.Meta == nil {
			return
		}
		if err := recount(context.Background(), env); err != nil {
			t.Error(err)
		}
	})
	return env
}

// write stores an object.
//
//nolint:revive // six arguments: a helper of tests
func write(t *testing.T, env *coretest.Env, bucket, key string, data []byte, opts core.PutOptions) core.Entry {
	t.Helper()
	res, err := env.Admin.PutObject(t.Context(), bucket, key, bytes.NewReader(data), int64(len(data)), opts)
	if err != nil {
		t.Fatalf("PutObject(%s, %s): %v", bucket, key, err)
	}
	return res.Entry
}

// get reads an object; its content must be data.
func get(t *testing.T, env *coretest.Env, bucket, key string, data []byte) core.Object {
	t.Helper()
	r, err := env.Admin.OpenObject(t.Context(), bucket, key, core.GetOptions{})
	if err != nil {
		t.Fatalf("OpenObject(%s, %s): %v", bucket, key, err)
	}
	defer r.Body.Close()
	got, err := io.ReadAll(r.Body)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("OpenObject(%s, %s) = %d bytes, %v, want %d others", bucket, key, len(got), err, len(data))
	}
	return r.Object
}

// rows runs fn in a View.
func rows(t *testing.T, env *coretest.Env, fn func(ctx context.Context, tx core.MetaTx) error) {
	t.Helper()
	if err := env.Meta.View(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func bucketID(t *testing.T, env *coretest.Env, name string) int64 {
	t.Helper()
	b, err := env.Admin.Bucket(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return b.ID
}

func TestPutGetSizes(t *testing.T) {
	env := newEnv(t, coretest.Options{Spaces: 2})
	for _, n := range []int{0, 1, 16<<10 - 1, 16 << 10, 16<<10 + 1, 256 << 10, 256<<10 + 1, 3<<20 + 7} {
		data := coretest.Bytes(uint64(n), n)
		e := write(t, env, "off", "k", data, core.PutOptions{})
		if want := fmt.Sprintf("%x", md5.Sum(data)); e.Version.ETag != want || e.Version.Size != int64(n) {
			t.Errorf("%d bytes: ETag %s, size %d, want %s", n, e.Version.ETag, e.Version.Size, want)
		}
		get(t, env, "off", "k", data)
		if inline := e.Version.Content.Kind == core.ContentInline; inline != (n > 0 && n <= 16<<10) {
			t.Errorf("%d bytes are inline: %t", n, inline)
		}
		var w bytes.Buffer
		r, err := env.Admin.OpenObject(t.Context(), "off", "k", core.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if wrote, err := r.Body.(io.WriterTo).WriteTo(&w); err != nil || !bytes.Equal(w.Bytes(), data) {
			t.Errorf("WriteTo = %d, %v, want %d", wrote, err, n)
		}
		r.Body.Close()
	}
}

func TestPutRefusals(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	before := write(t, env, "off", "k", []byte("old"), core.PutOptions{})
	refuse := errors.New("refused")
	broken := core.Errorf(core.BadDigest, "", "bad chunk signature")
	long := bytes.Repeat([]byte("x"), 100<<10)
	cases := map[string]struct {
		key  string
		body io.Reader
		size int64
		opts core.PutOptions
		want core.Code
	}{
		"short":            {body: strings.NewReader("ab"), size: 3, want: core.BodySize},
		"long":             {body: strings.NewReader("abcd"), size: 3, want: core.BodySize},
		"long blob":        {body: bytes.NewReader(long), size: 99 << 10, want: core.BodySize},
		"short blob":       {body: bytes.NewReader(long), size: 101 << 10, want: core.BodySize},
		"body's own error": {body: io.MultiReader(strings.NewReader("a"), iotest.ErrReader(broken)), size: -1, want: core.BadDigest},
		"body breaks":      {body: iotest.ErrReader(io.ErrUnexpectedEOF), size: -1, want: core.BadBody},
		"verify":           {body: bytes.NewReader(long), size: -1, opts: core.PutOptions{Verify: func(core.Digests) error { return broken }}, want: core.BadDigest},
		"verify inline":    {body: strings.NewReader("a"), size: 1, opts: core.PutOptions{Verify: func(core.Digests) error { return fmt.Errorf("%w: %w", broken, refuse) }}, want: core.BadDigest},
		"condition":        {body: strings.NewReader("a"), size: 1, opts: core.PutOptions{Conditions: core.Conditions{IfNoneMatch: []string{"*"}}}, want: core.PreconditionFailed},
		"metadata": {
			body: strings.NewReader("a"), size: 1, want: core.MetadataTooLarge,
			opts: core.PutOptions{Attrs: core.Attrs{Metadata: map[string]string{"k": strings.Repeat("v", 8<<10)}}},
		},
		"checksum":  {body: strings.NewReader("a"), size: 1, opts: core.PutOptions{Checksum: "CRC7"}, want: core.BadArgument},
		"too large": {body: strings.NewReader("a"), size: core.MaxObject + 1, want: core.TooLarge},
		"bad key":   {key: "a\x00", body: strings.NewReader("a"), size: 1, want: core.BadKey},
		"long key":  {key: strings.Repeat("k", 1025), body: strings.NewReader("a"), size: 1, want: core.KeyTooLong},
		"file above": {
			key: "k/below", body: strings.NewReader("a"), size: 1, opts: core.PutOptions{Tree: true}, want: core.Conflict,
		},
		"no parent": {
			key: "p/q/r", body: strings.NewReader("a"), size: 1, opts: core.PutOptions{Tree: true}, want: core.Conflict,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			key := c.key
			if key == "" {
				key = "k"
			}
			_, err := env.Admin.PutObject(t.Context(), "off", key, c.body, c.size, c.opts)
			wantCode(t, "PutObject", err, c.want)
			if o := get(t, env, "off", "k", []byte("old")); o.Entry.Version.ID != before.Version.ID {
				t.Errorf("the refused write left version %d", o.Entry.Version.ID)
			}
		})
	}
}

func TestDigestsAndETags(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	if _, err := env.Bucket(t.Context(), "plain", core.VersioningOff, core.BucketPolicy{NoMD5: true, NoSHA256: true}); err != nil {
		t.Fatal(err)
	}
	e := write(t, env, "plain", "k", []byte("123456789"), core.PutOptions{Checksum: "CRC64NVME"})
	if e.Version.ETag != "ae8b14860a799888-1" || e.Version.SHA256 != nil {
		t.Errorf("ETag without MD5 = %s, SHA-256 %x", e.Version.ETag, e.Version.SHA256)
	}
	if c := e.Version.Attrs.Checksum; c != (core.Checksum{Algorithm: "CRC64NVME", Value: "rosUhgp5mIg="}) {
		t.Errorf("checksum = %+v", c)
	}
	// The check values of "123456789" (CRC catalogue) and its digests.
	want := map[string]string{
		"CRC32": "y/Q5Jg==", "CRC32C": "4waSgw==", "CRC64NVME": "rosUhgp5mIg=",
		"SHA1": "98O8HYCOBHMq32eZZczDTKeuNEE=", "SHA256": "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
	}
	for algorithm, value := range want {
		e := write(t, env, "off", "k", []byte("123456789"), core.PutOptions{Checksum: algorithm})
		if c := e.Version.Attrs.Checksum; c != (core.Checksum{Algorithm: algorithm, Value: value}) {
			t.Errorf("checksum = %+v, want %s", c, value)
		}
		if e.Version.ETag != "25f9e794323b453885f5181f1b624d0b" {
			t.Errorf("ETag = %s", e.Version.ETag)
		}
	}
}

// TestDedup sees that equal content of one class is kept once, and that the shards written in vain are garbage
// that no commit referred to.
func TestDedup(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	data := coretest.Bytes(1, 100<<10)
	write(t, env, "off", "a", data, core.PutOptions{})
	write(t, env, "off", "b", data, core.PutOptions{})
	write(t, env, "ver", "c", data, core.PutOptions{})
	rows(t, env, func(ctx context.Context, tx core.MetaTx) error {
		blobs, err := tx.Blobs(ctx, content.BlobID{}, 10)
		if err != nil {
			return err
		}
		if len(blobs) != 1 || blobs[0].Refs != 3 {
			t.Errorf("blobs = %+v, want one with 3 references", blobs)
		}
		garbage, err := tx.Garbage(ctx, core.GarbageQuery{Due: 1 << 62, Limit: 10})
		if len(garbage) != 2 || !garbage[0].NeverReferred || garbage[0].Blob == blobs[0].ID {
			t.Errorf("garbage = %+v, want two blobs never referred to", garbage)
		}
		return err
	})
	for _, key := range []string{"a", "b"} {
		if _, err := env.Admin.DeleteObject(t.Context(), "off", key, core.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	get(t, env, "ver", "c", data)
}

// TestCorruptInline sees that wrong bytes of the metadata store are not served.
func TestCorruptInline(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	a := write(t, env, "off", "a", []byte("aaaa"), core.PutOptions{})
	write(t, env, "off", "b", []byte("bbbb"), core.PutOptions{})
	err := env.Meta.Update(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		e, _, err := tx.Entry(ctx, a.BucketID, "b")
		if err != nil {
			return err
		}
		data, sum, _, err := tx.Inline(ctx, e.Version.Content.ID)
		if err != nil {
			return err
		}
		return tx.PutInline(ctx, a.Version.Content.ID, sum, data) // valid bytes of another object
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = env.Admin.OpenObject(t.Context(), "off", "a", core.GetOptions{})
	wantCode(t, "OpenObject", err, core.Corrupt)
	_, err = env.Admin.CopyObject(t.Context(), core.Path{Bucket: "off", Key: "a"}, core.Path{Bucket: "off", Key: "c"}, core.CopyOptions{})
	wantCode(t, "CopyObject", err, core.Corrupt)
	get(t, env, "off", "b", []byte("bbbb"))
}

// TestWrongReference sees that a version that names the content of another is not served, inline or in blobs.
func TestWrongReference(t *testing.T) {
	for name, size := range map[string]int{"inline": 100, "blob": 300 << 10} {
		t.Run(name, func(t *testing.T) {
			env := newEnv(t, coretest.Options{})
			a := write(t, env, "off", "a", coretest.Bytes(1, size), core.PutOptions{})
			b := write(t, env, "off", "b", coretest.Bytes(2, size), core.PutOptions{})
			refer := func(to core.ContentRef) {
				err := env.Meta.Update(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
					e, _, err := tx.Entry(ctx, a.BucketID, "a")
					if err != nil {
						return err
					}
					e.Version.Content = to
					return tx.PutEntry(ctx, e)
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			refer(b.Version.Content)
			_, err := env.Admin.OpenObject(t.Context(), "off", "a", core.GetOptions{})
			wantCode(t, "OpenObject", err, core.Corrupt)
			get(t, env, "off", "b", coretest.Bytes(2, size))
			refer(a.Version.Content)
			get(t, env, "off", "a", coretest.Bytes(1, size))
		})
	}
}

// TestReadOutlivesOverwrite reads an object of several blobs while it is deleted and its rows are claimed.
func TestReadOutlivesOverwrite(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	p := core.Path{Bucket: "off", Key: "k"}
	parts := [][]byte{coretest.Bytes(1, 3<<20), coretest.Bytes(2, 100<<10), coretest.Bytes(3, 100<<10)}
	upload(t, env, p, parts)
	r, err := env.Admin.OpenObject(t.Context(), p.Bucket, p.Key, core.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if _, err := env.Admin.DeleteObject(t.Context(), p.Bucket, p.Key, core.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	err = env.Meta.Update(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		blobs, err := tx.Unreferenced(ctx, 10)
		if err != nil {
			return err
		}
		if len(blobs) != len(parts) {
			t.Errorf("%d blobs without references, want %d", len(blobs), len(parts))
		}
		for _, b := range blobs {
			if err := tx.DeleteBlob(ctx, b.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r.Body)
	if want := bytes.Join(parts, nil); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes, %v, want %d", len(got), err, len(want))
	}
}

// TestConditionalRace lets writers compete for the creation of keys: each key has one winner.
func TestConditionalRace(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	var won [5]atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range won {
				opts := core.PutOptions{Conditions: core.Conditions{IfNoneMatch: []string{"*"}}}
				_, err := env.Admin.PutObject(t.Context(), "off", fmt.Sprint(i), strings.NewReader("x"), 1, opts)
				if err == nil {
					won[i].Add(1)
				} else if core.CodeOf(err) != core.PreconditionFailed {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for i := range won {
		if n := won[i].Load(); n != 1 {
			t.Errorf("key %d has %d winners", i, n)
		}
	}
}

// TestExpired sees that an object whose time is over does not exist, and leaves nothing to its successor.
func TestExpired(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	old := write(t, env, "off", "a/k", []byte("old"), core.PutOptions{})
	p := core.Path{Bucket: "off", Key: "a/k"}
	expire := core.AttrsOptions{Change: func(v *core.Version) error { v.Expiry = 1; return nil }}
	if _, err := env.Admin.SetAttrs(t.Context(), p, expire); err != nil {
		t.Fatal(err)
	}
	_, err := env.Admin.StatObject(t.Context(), p.Bucket, p.Key, core.GetOptions{})
	wantCode(t, "StatObject", err, core.NoSuchKey)
	_, err = env.Admin.StatObject(t.Context(), p.Bucket, p.Key, core.GetOptions{VersionID: "null"})
	wantCode(t, "StatObject of the version", err, core.NoSuchVersion)
	page, err := env.Admin.ListObjects(t.Context(), "off", core.ListOptions{Limit: 10})
	if err != nil || len(page.Items) != 0 {
		t.Errorf("ListObjects = %+v, %v, want nothing", page, err)
	}
	e := write(t, env, "off", "a/k", []byte("new"), core.PutOptions{Conditions: core.Conditions{IfNoneMatch: []string{"*"}}})
	if e.ObjectID == old.ObjectID {
		t.Error("the successor has the objectID of the expired object")
	}
}

// TestRights sees what the grants allow.
func TestRights(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	write(t, env, "off", "k", []byte("x"), core.PutOptions{})
	const reader, stranger = 101, 102
	err := env.Meta.Update(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		id := bucketID(t, env, "off")
		if err := tx.SetGrants(ctx, id, []core.Grant{{BucketID: id, UserID: reader, Access: core.AccessRead}}); err != nil {
			return err
		}
		return tx.BumpConfig(ctx)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := env.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := core.Path{Bucket: "off", Key: "k"}
	as := func(id int64) *core.Session { return env.Service.Session(core.Principal{UserID: id}) }
	if _, err := as(reader).StatObject(t.Context(), p.Bucket, p.Key, core.GetOptions{}); err != nil {
		t.Errorf("a reader's StatObject: %v", err)
	}
	writes := map[string]func(*core.Session) error{
		"PutObject": func(se *core.Session) error {
			_, err := se.PutObject(t.Context(), p.Bucket, p.Key, strings.NewReader(""), 0, core.PutOptions{})
			return err
		},
		"DeleteObject": func(se *core.Session) error {
			_, err := se.DeleteObject(t.Context(), p.Bucket, p.Key, core.DeleteOptions{})
			return err
		},
		"CopyObject": func(se *core.Session) error {
			_, err := se.CopyObject(t.Context(), p, p, core.CopyOptions{})
			return err
		},
		"MoveObject": func(se *core.Session) error {
			_, err := se.MoveObject(t.Context(), p, core.Path{Bucket: "off", Key: "l"}, core.MoveOptions{})
			return err
		},
		"CreateUpload": func(se *core.Session) error {
			_, err := se.CreateUpload(t.Context(), p, core.PutOptions{}, core.Checksum{})
			return err
		},
		"Uploads": func(se *core.Session) error {
			_, err := se.Uploads(t.Context(), p.Bucket, core.UploadListOptions{Limit: 1})
			return err
		},
		"SetAttrs": func(se *core.Session) error {
			_, err := se.SetAttrs(t.Context(), p, core.AttrsOptions{Change: func(*core.Version) error { return nil }})
			return err
		},
	}
	for name, run := range writes {
		for _, user := range []int64{reader, stranger} {
			err := run(as(user))
			wantCode(t, name, err, core.Forbidden)
			if e, ok := errors.AsType[*core.Error](err); ok && e.Hidden != (user == stranger) {
				t.Errorf("%s as %d: hidden is %t", name, user, e.Hidden)
			}
		}
	}
	_, err = as(stranger).StatObject(t.Context(), p.Bucket, p.Key, core.GetOptions{})
	wantCode(t, "a stranger's StatObject", err, core.Forbidden)
}

// bodyFunc is a body that calls a function before its first byte.
type bodyFunc struct {
	io.Reader
	once sync.Once
	call func()
}

func (b *bodyFunc) Read(p []byte) (int, error) {
	b.once.Do(b.call)
	return b.Reader.Read(p)
}

// TestChangedMeanwhile changes the bucket while a body comes in: what holds at the commit counts.
func TestChangedMeanwhile(t *testing.T) {
	const writer = 101
	cases := map[string]struct {
		change func(env *coretest.Env) error
		want   core.Code // Internal: none
	}{
		"right revoked": {func(env *coretest.Env) error {
			return env.Admin.SetGrants(t.Context(), "off", nil)
		}, core.Forbidden},
		"bucket deleted": {func(env *coretest.Env) error {
			return env.Admin.DeleteBucket(t.Context(), "off", true)
		}, core.NoSuchBucket},
		"versions enabled": {func(env *coretest.Env) error {
			return env.Admin.SetVersioning(t.Context(), "off", core.VersioningEnabled)
		}, core.Internal},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			env := newEnv(t, coretest.Options{})
			id := bucketID(t, env, "off")
			err := env.Meta.Update(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
				if err := tx.PutUser(ctx, core.User{ID: writer, Name: "writer"}); err != nil {
					return err
				}
				return tx.BumpConfig(ctx)
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := env.Admin.SetGrants(t.Context(), "off", []core.Grant{{BucketID: id, UserID: writer, Access: core.AccessWrite}}); err != nil {
				t.Fatal(err)
			}
			body := &bodyFunc{Reader: strings.NewReader("body"), call: func() {
				if err := c.change(env); err != nil {
					t.Error(err)
				}
			}}
			se := env.Service.Session(core.Principal{UserID: writer})
			res, err := se.PutObject(t.Context(), "off", "k", body, 4, core.PutOptions{})
			if c.want != core.Internal {
				wantCode(t, "PutObject", err, c.want)
				return
			}
			if err != nil || res.Entry.Version.Null {
				t.Errorf("PutObject = %+v, %v, want a version with a number", res.Entry.Version, err)
			}
		})
	}
}
