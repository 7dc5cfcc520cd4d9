package core_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"trivium/core"
	"trivium/core/coretest"
)

// prop is a dead property.
func prop(local string) core.Property {
	return core.Property{Name: core.PropertyName{Space: "urn:x", Local: local}, Value: "<x:" + local + ` xmlns:x="urn:x"/>`}
}

// setProp gives a property to a path.
func setProp(t *testing.T, se *core.Session, p core.Path, local string) {
	t.Helper()
	ok(t, "set "+local, se.PatchProperties(t.Context(), p, core.PropertyPatch{Changes: []core.PropertyChange{{Property: prop(local)}}}))
}

// wantProps compares the names of the properties of a path.
func wantProps(t *testing.T, se *core.Session, p core.Path, want ...string) {
	t.Helper()
	n, err := se.StatPath(t.Context(), p)
	ok(t, "stat "+p.String(), err)
	all, err := se.Properties(t.Context(), &n)
	ok(t, "properties", err)
	var names []string
	for _, q := range all {
		names = append(names, q.Name.Local)
	}
	if diff := cmp.Diff(want, names, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("properties of %s (-want +got):\n%s", p, diff)
	}
}

// TestPathTable copies and moves every kind of source onto every kind of target.
func TestPathTable(t *testing.T) {
	type outcome struct {
		made bool
		code core.Code // 0: none
		keys string
	}
	before := "d/a d/b/c e/x f g h/" // package h is explicit as well
	for _, tc := range []struct {
		op, src, dst string
		overwrite    bool
		want         outcome
	}{
		{"copy", "f", "n", false, outcome{true, 0, "d/a d/b/c e/x f g h/ n"}},
		{"copy", "f", "g", false, outcome{false, core.Exists, before}},
		{"copy", "f", "g", true, outcome{false, 0, before}},
		{"copy", "f", "d", false, outcome{false, core.Exists, before}},
		{"copy", "f", "d", true, outcome{false, 0, "d e/x f g h/"}},
		{"copy", "f", "n/x", true, outcome{false, core.Conflict, before}},
		{"copy", "f", "g/x", true, outcome{false, core.Conflict, before}},
		{"copy", "d", "n", true, outcome{true, 0, "d/a d/b/c e/x f g h/ n/a n/b/c"}},
		{"copy", "d", "e", false, outcome{false, core.Exists, before}},
		{"copy", "d", "e", true, outcome{false, 0, "d/a d/b/c e/a e/b/c f g h/"}},
		{"copy", "d", "f", true, outcome{false, 0, "d/a d/b/c e/x f/a f/b/c g h/"}},
		{"copy", "d", "f", false, outcome{false, core.Exists, before}},
		{"copy", "none", "f", true, outcome{false, core.NoSuchKey, before}},
		{"copy", "none", "d", true, outcome{false, core.NoSuchKey, before}},
		{"copy", "d", "d/b/n", true, outcome{false, core.Conflict, before}},
		{"copy", "d/b", "d", true, outcome{false, core.Conflict, before}},
		{"copy", "d", "", true, outcome{false, core.Forbidden, before}},
		{"copy", "d", "dx", true, outcome{true, 0, "d/a d/b/c dx/a dx/b/c e/x f g h/"}},
		{"shallow", "d", "n", true, outcome{true, 0, before}},
		{"shallow", "d", "h/n", true, outcome{true, 0, "d/a d/b/c e/x f g h/ h/n/"}},
		{"shallow", "d", "e", true, outcome{false, 0, "d/a d/b/c f g h/"}},
		{"shallow", "f", "n", true, outcome{true, 0, "d/a d/b/c e/x f g h/ n"}},
		{"move", "f", "n", false, outcome{true, 0, "d/a d/b/c e/x g h/ n"}},
		{"move", "f", "g", false, outcome{false, core.Exists, before}},
		{"move", "f", "g", true, outcome{false, 0, "d/a d/b/c e/x g h/"}},
		{"move", "f", "d", false, outcome{false, core.Exists, before}},
		{"move", "f", "d", true, outcome{false, 0, "d e/x g h/"}},
		{"move", "f", "n/x", true, outcome{false, core.Conflict, before}},
		{"move", "d", "e", false, outcome{false, core.Exists, before}},
		{"move", "d", "e", true, outcome{false, 0, "e/a e/b/c f g h/"}},
		{"move", "d", "f", true, outcome{false, 0, "e/x f/a f/b/c g h/"}},
		{"move", "d", "dx", false, outcome{true, 0, "dx/a dx/b/c e/x f g h/"}},
		{"move", "d/b", "h/b", false, outcome{true, 0, "d/a e/x f g h/ h/b/c"}},
		{"move", "d/a", "f", true, outcome{false, 0, "d/b/c e/x f g h/"}},
		{"move", "none", "f", true, outcome{false, core.NoSuchKey, before}},
		{"move", "d", "d/b/n", true, outcome{false, core.Conflict, before}},
		{"move", "d/b/c", "d", true, outcome{false, core.Conflict, before}},
		{"move", "f", "f", true, outcome{false, core.Conflict, before}},
		{"move", "d", "d", true, outcome{false, core.Conflict, before}},
	} {
		t.Run(fmt.Sprintf("%s %s %s %v", tc.op, tc.src, tc.dst, tc.overwrite), func(t *testing.T) {
			env := tree(t, core.VersioningOff)
			se := env.Admin.Guarded(core.Guard{})
			for key := range strings.FieldsSeq(before) {
				text := key
				if strings.HasSuffix(key, "/") {
					text = ""
				}
				_, err := se.PutObject(t.Context(), "bucket", key, strings.NewReader(text), -1, core.PutOptions{})
				ok(t, "put", err)
			}
			opts := core.TreeOptions{Overwrite: tc.overwrite, Shallow: tc.op == "shallow"}
			do := se.CopyPath
			if tc.op == "move" {
				do = se.MovePath
			}
			made, err := do(t.Context(), at(tc.src), at(tc.dst), opts)
			if made != tc.want.made || (err != nil) != (tc.want.code != 0) || err != nil && core.CodeOf(err) != tc.want.code {
				t.Errorf("= %v, %v, want %v, code %d", made, err, tc.want.made, tc.want.code)
			}
			wantKeys(t, env, "bucket", strings.Fields(tc.want.keys)...)
			if err == nil {
				n, err := se.StatPath(t.Context(), at(tc.dst))
				if err != nil || n.Folder != (tc.src == "d" || tc.src == "d/b") {
					t.Errorf("StatPath of the target = %+v, %v", n, err)
				}
			}
		})
	}
}

// TestOnlyMember: what replaces the only member of a folder that is implied finds its folder, and a file that hides a
// folder of its name, as S3 can make, can be written again.
func TestOnlyMember(t *testing.T) {
	ctx := t.Context()
	for name, do := range map[string]func(se *core.Session) error{
		"copy file": func(se *core.Session) error {
			_, err := se.CopyPath(ctx, at("f"), at("p/q/only"), overwriting())
			return err
		},
		"copy folder": func(se *core.Session) error {
			_, err := se.CopyPath(ctx, at("d"), at("p/q/only"), overwriting())
			return err
		},
		"move file": func(se *core.Session) error {
			_, err := se.MovePath(ctx, at("f"), at("p/q/only"), overwriting())
			return err
		},
		"move folder": func(se *core.Session) error {
			_, err := se.MovePath(ctx, at("d"), at("p/q/only"), overwriting())
			return err
		},
		"onto folder": func(se *core.Session) error {
			_, err := se.MovePath(ctx, at("f"), at("p/q"), overwriting())
			return err
		},
		"write hiding": func(se *core.Session) error { return putTree(t, se, "h", "again") },
		"copy hiding":  func(se *core.Session) error { _, err := se.CopyPath(ctx, at("f"), at("h"), overwriting()); return err },
	} {
		env := tree(t, core.VersioningOff)
		for _, key := range []string{"f", "d/x", "p/q/only", "h", "h/hidden"} {
			put(t, env.Admin, "bucket", key)
		}
		if err := do(env.Admin.Guarded(core.Guard{})); err != nil {
			t.Errorf("%s = %v", name, err)
		}
	}
}

func overwriting() core.TreeOptions { return core.TreeOptions{Overwrite: true} }

// TestRemovePath: what is above stays, a file does not take a folder's place, buckets with history stay.
func TestRemovePath(t *testing.T) {
	env := tree(t, core.VersioningOff)
	se := env.Admin.Guarded(core.Guard{})
	ctx := t.Context()
	for _, key := range []string{"p", "p/d"} {
		ok(t, "make", se.MakeFolder(ctx, at(key)))
	}
	ok(t, "put", putTree(t, se, "p/d/f", "x"))
	wantCode(t, "delete nothing", se.RemovePath(ctx, at("p/n"), core.TreeOptions{}), core.NoSuchKey)
	wrong := core.TreeOptions{Conditions: core.Conditions{IfMatch: []string{"x"}}}
	wantCode(t, "delete under a condition", se.RemovePath(ctx, at("p/d/f"), wrong), core.PreconditionFailed)
	wantCode(t, "delete a folder under a condition", se.RemovePath(ctx, at("p/d"), wrong), core.PreconditionFailed)
	ok(t, "delete", se.RemovePath(ctx, at("p/d/f"), core.TreeOptions{}))
	if n, err := se.StatPath(ctx, at("p/d")); err != nil || !n.Folder {
		t.Errorf("the folder of a deleted file: %+v, %v", n, err)
	}
	ok(t, "delete", se.RemovePath(ctx, at("p"), core.TreeOptions{}))
	_, err := se.StatPath(ctx, at("p"))
	wantCode(t, "stat", err, core.NoSuchKey)
	ok(t, "put", putTree(t, se, "f", "x"))
	ok(t, "delete a full bucket", se.RemovePath(ctx, at(""), core.TreeOptions{}))
	_, err = env.Bucket(ctx, "kept", core.VersioningEnabled, core.BucketPolicy{})
	ok(t, "create", err)
	_, err = se.PutObject(ctx, "kept", "f", strings.NewReader("x"), 1, core.PutOptions{Tree: true})
	ok(t, "put", err)
	kept := core.Path{Bucket: "kept"}
	wantCode(t, "delete a bucket with history", se.RemovePath(ctx, kept, core.TreeOptions{}), core.BucketNotEmpty)
	wantCode(t, "delete the root", se.RemovePath(ctx, core.Path{}, core.TreeOptions{}), core.Forbidden)
}

// TestPropertiesLife: they hang on the object, move and are copied with it, and end with it.
func TestPropertiesLife(t *testing.T) {
	for _, v := range []core.Versioning{core.VersioningOff, core.VersioningEnabled} {
		env := tree(t, v)
		se := env.Admin.Guarded(core.Guard{})
		ctx := t.Context()
		ok(t, "make", se.MakeFolder(ctx, at("p")))
		ok(t, "put", putTree(t, se, "p/f", "x"))
		setProp(t, se, at("p/f"), "file")
		setProp(t, se, at("p"), "folder")
		setProp(t, se, at(""), "bucket")
		ok(t, "overwrite", putTree(t, se, "p/f", "y"))
		wantProps(t, se, at("p/f"), "file")
		wantProps(t, se, at("p"), "folder")
		wantProps(t, se, at(""), "bucket")
		_, err := se.MovePath(ctx, at("p"), at("q"), core.TreeOptions{})
		ok(t, "move", err)
		wantProps(t, se, at("q"), "folder")
		wantProps(t, se, at("q/f"), "file")
		_, err = se.CopyPath(ctx, at("q"), at("r"), core.TreeOptions{})
		ok(t, "copy", err)
		wantProps(t, se, at("r"), "folder")
		wantProps(t, se, at("r/f"), "file")
		ok(t, "put", putTree(t, se, "r/g", "x"))
		setProp(t, se, at("r/g"), "other")
		_, err = se.CopyPath(ctx, at("q/f"), at("r/g"), core.TreeOptions{Overwrite: true})
		ok(t, "copy onto", err)
		wantProps(t, se, at("r/g"), "file")
		ok(t, "delete", se.RemovePath(ctx, at("r/f"), core.TreeOptions{}))
		ok(t, "put again", putTree(t, se, "r/f", "x"))
		wantProps(t, se, at("r/f"))
		_, err = se.MovePath(ctx, at("r/f"), at("r/g"), core.TreeOptions{Overwrite: true})
		ok(t, "move onto", err)
		wantProps(t, se, at("r/g"))
		wantProps(t, se, at("q/f"), "file")
	}
}

// TestPropertiesEnd: of what has ended no property is left in the store, whatever ended it.
func TestPropertiesEnd(t *testing.T) {
	for _, v := range []core.Versioning{core.VersioningOff, core.VersioningEnabled} {
		env := tree(t, v)
		se := env.Admin.Guarded(core.Guard{})
		ctx := t.Context()
		ids := make(map[string]int64)
		for _, key := range []string{"removed", "deleted", "replaced", "folder/in", "last", "bucket"} {
			if folder, _, in := strings.Cut(key, "/"); in {
				ok(t, "make", se.MakeFolder(ctx, at(folder)))
			}
			ok(t, "put", putTree(t, se, key, "x"))
			setProp(t, se, at(key), "p")
			n, err := se.StatPath(ctx, at(key))
			ok(t, "stat", err)
			ids[key] = n.Entry.ObjectID
		}
		ok(t, "put", putTree(t, se, "other", "x"))
		setProp(t, se, at(""), "p")
		ok(t, "remove", se.RemovePath(ctx, at("removed"), core.TreeOptions{}))
		_, err := se.DeleteObject(ctx, "bucket", "deleted", core.DeleteOptions{})
		ok(t, "delete", err)
		_, err = se.MovePath(ctx, at("other"), at("replaced"), core.TreeOptions{Overwrite: true})
		ok(t, "move", err)
		ok(t, "remove", se.RemovePath(ctx, at("folder"), core.TreeOptions{}))
		e, err := se.StatObject(ctx, "bucket", "last", core.GetOptions{})
		ok(t, "stat", err)
		_, err = se.DeleteObject(ctx, "bucket", "last", core.DeleteOptions{VersionID: e.Entry.Version.VersionID()})
		ok(t, "delete the version", err)
		b, err := se.Bucket(ctx, "bucket")
		ok(t, "bucket", err)
		ok(t, "delete the bucket", env.Admin.DeleteBucket(ctx, "bucket", true))
		for step := (core.SweepStep{}); !step.Over; {
			step, err = env.Service.Maintenance().SweepBucket(ctx, b.ID, step.Next, 100)
			ok(t, "sweep", err)
		}
		ids["the bucket"] = -b.ID
		ok(t, "view", env.Meta.View(ctx, func(ctx context.Context, tx core.MetaTx) error {
			for key, id := range ids {
				left, err := tx.Properties(ctx, id)
				if err != nil || len(left) > 0 {
					t.Errorf("versioning %d: %d properties of %s are left, %v", v, len(left), key, err)
				}
			}
			return nil
		}))
	}
}

// TestPropertiesBounds: too many or too large ones are refused, and nothing of the patch stays.
func TestPropertiesBounds(t *testing.T) {
	env := tree(t, core.VersioningOff)
	ok(t, "put", putTree(t, env.Admin, "f", "x"))
	var many core.PropertyPatch
	for i := range 201 {
		many.Changes = append(many.Changes, core.PropertyChange{Property: prop(fmt.Sprintf("n%d", i))})
	}
	large := core.PropertyPatch{Changes: []core.PropertyChange{{Property: prop("a")}, {Property: prop("b")}}}
	large.Changes[1].Value = strings.Repeat("x", 64<<10)
	for _, patch := range []core.PropertyPatch{many, large} {
		wantCode(t, "patch", env.Admin.PatchProperties(t.Context(), at("f"), patch), core.MetadataTooLarge)
		wantProps(t, env.Admin, at("f"))
	}
	many.Changes = many.Changes[:200]
	ok(t, "patch", env.Admin.PatchProperties(t.Context(), at("f"), many))
	wantCode(t, "patch nothing", env.Admin.PatchProperties(t.Context(), at("none"), large), core.NoSuchKey)
}

// TestMTimeOfFolder: a folder that is only implied gets its marker by it.
func TestMTimeOfFolder(t *testing.T) {
	env := coretest.New(t, coretest.Options{})
	_, err := env.Bucket(t.Context(), "bucket", core.VersioningOff, core.BucketPolicy{})
	ok(t, "create", err)
	_, err = env.Admin.PutObject(t.Context(), "bucket", "p/d/f", strings.NewReader("x"), 1, core.PutOptions{})
	ok(t, "put", err)
	mtime := int64(5_000_000_000)
	ok(t, "patch", env.Admin.PatchProperties(t.Context(), at("p/d"), core.PropertyPatch{MTime: &mtime}))
	n, err := env.Admin.StatPath(t.Context(), at("p/d"))
	if err != nil || !n.HasEntry || n.Entry.Version.MTime != mtime {
		t.Errorf("StatPath = %+v, %v, want mtime %d", n, err, mtime)
	}
}

// TestRemoveFileKeepsLocksBelow: S3 can make a file and files below its name; with the file its own lock ends, not theirs.
func TestRemoveFileKeepsLocksBelow(t *testing.T) {
	env := tree(t, core.VersioningOff)
	se := env.Admin.Guarded(core.Guard{})
	put(t, env.Admin, "bucket", "p/f")
	put(t, env.Admin, "bucket", "p/f/in")
	own := lockIt(t, se, "p/f", core.LockRequest{Time: time.Hour})
	lockIt(t, se, "p/f/in", core.LockRequest{Time: time.Hour})
	ok(t, "delete", guarded(env.Admin, at("p/f"), own.Token).RemovePath(t.Context(), at("p/f"), core.TreeOptions{}))
	wantCode(t, "put p/f/in without the token", putTree(t, se, "p/f/in", "x"), core.Locked)
	if n, err := se.StatPath(t.Context(), at("p/f")); err != nil || !n.Folder {
		t.Errorf("StatPath(p/f) = %+v, %v, want the folder that the file hid", n, err)
	}
	_, err := se.MovePath(t.Context(), at("p/f"), at("p/g"), core.TreeOptions{})
	wantCode(t, "move the folder", err, core.Locked)
}

// TestFolderOntoLocks: members do not come to lie under locks of what another door removed.
func TestFolderOntoLocks(t *testing.T) {
	for name, do := range map[string]func(se *core.Session) error{
		"move": func(se *core.Session) error {
			_, err := se.MovePath(t.Context(), at("g"), at("f"), core.TreeOptions{})
			return err
		},
		"copy": func(se *core.Session) error {
			_, err := se.CopyPath(t.Context(), at("g"), at("f"), core.TreeOptions{})
			return err
		},
	} {
		env := tree(t, core.VersioningOff)
		put(t, env.Admin, "bucket", "f/x")
		put(t, env.Admin, "bucket", "g/x")
		u, bob := user(t, env, "bob")
		ok(t, "grant", env.Admin.SetGrants(t.Context(), "bucket", []core.Grant{{UserID: u.ID, Access: core.AccessWrite}}))
		lockIt(t, bob.Guarded(core.Guard{}), "f/x", core.LockRequest{Time: time.Hour})
		_, err := env.Admin.DeleteObject(t.Context(), "bucket", "f/x", core.DeleteOptions{})
		ok(t, "delete", err)
		wantCode(t, name, do(env.Admin.Guarded(core.Guard{})), core.Locked)
		wantKeys(t, env, "bucket", "g/x")
	}
}

// TestPropertiesOfHiddenMarker: content at the key of a folder's marker is no file and no folder: a folder's properties do
// not go there.
func TestPropertiesOfHiddenMarker(t *testing.T) {
	env := tree(t, core.VersioningOff)
	put(t, env.Admin, "bucket", "d/e/")
	patch := core.PropertyPatch{Changes: []core.PropertyChange{{Property: prop("a")}}}
	wantCode(t, "patch", env.Admin.PatchProperties(t.Context(), at("d/e"), patch), core.Conflict)
	o, err := env.Admin.StatObject(t.Context(), "bucket", "d/e/", core.GetOptions{})
	if err != nil || o.Entry.Props || o.Entry.Version.Size != 4 {
		t.Errorf("the object at d/e/ = %+v, %v", o.Entry, err)
	}
}

// TestLongestFolder: a folder whose marker would have a key that is too long is neither moved nor copied to.
func TestLongestFolder(t *testing.T) {
	env := tree(t, core.VersioningOff)
	ok(t, "make", env.Admin.MakeFolder(t.Context(), at("empty")))
	ok(t, "make", env.Admin.MakeFolder(t.Context(), at("p")))
	long := "p/" + strings.Repeat("x", core.MaxKey-2)
	_, err := env.Admin.CopyPath(t.Context(), at("empty"), at(long), core.TreeOptions{})
	wantCode(t, "copy", err, core.KeyTooLong)
	_, err = env.Admin.MovePath(t.Context(), at("empty"), at(long), core.TreeOptions{})
	wantCode(t, "move", err, core.KeyTooLong)
	wantKeys(t, env, "bucket")
	put(t, env.Admin, "bucket", "p/f")
	_, err = env.Admin.MovePath(t.Context(), at("p/f"), at(long), core.TreeOptions{})
	ok(t, "move a file", err)
}
