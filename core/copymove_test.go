package core_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/coretest"
)

// TestCopy sees what travels along and what does not.
func TestCopy(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	src, dst := core.Path{Bucket: "off", Key: "a/k"}, core.Path{Bucket: "ver", Key: "b/k"}
	for _, data := range [][]byte{nil, []byte("inline"), coretest.Bytes(1, 50_000)} {
		from := write(t, env, src.Bucket, src.Key, data, core.PutOptions{
			Attrs: core.Attrs{ContentType: "x/y", Metadata: map[string]string{"a": "1"}}, MTime: 77, Checksum: "CRC32C", Class: "COLD",
		})
		hold := func(v *core.Version) error { v.Attrs.LegalHold, v.KeepFor = true, true; return nil }
		if _, err := env.Admin.SetAttrs(t.Context(), src, core.AttrsOptions{Change: hold}); err != nil {
			t.Fatal(err)
		}
		res, err := env.Admin.CopyObject(t.Context(), src, dst, core.CopyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		v := res.Entry.Version
		if v.ETag != from.Version.ETag || v.MTime != 77 || v.Class != "COLD" || v.Attrs.ContentType != "x/y" ||
			v.Attrs.Metadata["a"] != "1" || v.Attrs.Checksum != from.Version.Attrs.Checksum {
			t.Errorf("the copy is %+v of %+v", v, from.Version)
		}
		if v.Attrs.LegalHold || v.KeepFor || res.Entry.ObjectID == from.ObjectID {
			t.Errorf("the copy is %+v, objectID %d", v, res.Entry.ObjectID)
		}
		get(t, env, dst.Bucket, dst.Key, data)
		// Onto itself, with other metadata: the content stays.
		release := func(v *core.Version) error { v.Attrs.LegalHold = false; return nil }
		if _, err := env.Admin.SetAttrs(t.Context(), src, core.AttrsOptions{Change: release}); err != nil {
			t.Fatal(err)
		}
		opts := core.CopyOptions{Replace: true, Put: core.PutOptions{Attrs: core.Attrs{ContentType: "z/z"}}}
		if res, err = env.Admin.CopyObject(t.Context(), src, src, opts); err != nil {
			t.Fatal(err)
		}
		v = res.Entry.Version
		if v.Attrs.ContentType != "z/z" || v.Attrs.Metadata != nil || v.MTime != core.NoTime || v.Attrs.Checksum != from.Version.Attrs.Checksum {
			t.Errorf("the replaced metadata is %+v", v)
		}
		get(t, env, src.Bucket, src.Key, data)
	}
}

func TestCopyRefusals(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	write(t, env, "off", "k", []byte("x"), core.PutOptions{})
	write(t, env, "ver", "hidden", []byte("x"), core.PutOptions{})
	marker := remove(t, env, "ver", "hidden", core.DeleteOptions{})
	cases := map[string]struct {
		src  core.Path
		opts core.CopyOptions
		want core.Code
	}{
		"missing":        {core.Path{Bucket: "off", Key: "none"}, core.CopyOptions{}, core.NoSuchKey},
		"no bucket":      {core.Path{Bucket: "none", Key: "k"}, core.CopyOptions{}, core.NoSuchBucket},
		"hidden":         {core.Path{Bucket: "ver", Key: "hidden"}, core.CopyOptions{}, core.NoSuchKey},
		"marker":         {core.Path{Bucket: "ver", Key: "hidden"}, core.CopyOptions{SourceVersionID: marker.VersionID}, core.IsDeleteMarker},
		"version":        {core.Path{Bucket: "off", Key: "k"}, core.CopyOptions{SourceVersionID: "1"}, core.NoSuchVersion},
		"if match":       {core.Path{Bucket: "off", Key: "k"}, core.CopyOptions{SourceConditions: core.Conditions{IfMatch: []string{"0"}}}, core.PreconditionFailed},
		"if none match":  {core.Path{Bucket: "off", Key: "k"}, core.CopyOptions{SourceConditions: core.Conditions{IfNoneMatch: []string{"*"}}}, core.PreconditionFailed},
		"target's":       {core.Path{Bucket: "off", Key: "k"}, core.CopyOptions{Put: core.PutOptions{Conditions: core.Conditions{IfMatch: []string{"*"}}}}, core.NoSuchKey},
		"metadata":       {core.Path{Bucket: "off", Key: "k"}, core.CopyOptions{Replace: true, Put: core.PutOptions{Attrs: core.Attrs{Metadata: map[string]string{"k": strings.Repeat("v", 9000)}}}}, core.MetadataTooLarge},
		"missing parent": {core.Path{Bucket: "off", Key: "k"}, core.CopyOptions{Put: core.PutOptions{Tree: true}}, core.Conflict},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := env.Admin.CopyObject(t.Context(), c.src, core.Path{Bucket: "off", Key: "p/q/r"}, c.opts)
			wantCode(t, "CopyObject", err, c.want)
		})
	}
}

// TestConvertJobs sees that content in a foreign class is referred to at once and leaves a job.
func TestConvertJobs(t *testing.T) {
	env := newEnv(t, coretest.Options{Spaces: 2})
	rep := core.BucketPolicy{Redundancy: content.Policy{Redundancy: content.Copies, N: 2}}
	if _, err := env.Bucket(t.Context(), "rep", core.VersioningOff, rep); err != nil {
		t.Fatal(err)
	}
	jobs := func() (states []core.ConvertState) {
		rows(t, env, func(ctx context.Context, tx core.MetaTx) error {
			found, err := tx.Jobs(ctx, core.ConvertPrefix, 100)
			states = nil
			for _, j := range found {
				var st core.ConvertState
				if err := json.Unmarshal(j.State, &st); err != nil {
					t.Error(err)
				}
				states = append(states, st)
			}
			return err
		})
		return states
	}
	big := coretest.Bytes(1, 50_000)
	write(t, env, "off", "big", big, core.PutOptions{})
	write(t, env, "off", "small", []byte("x"), core.PutOptions{})
	write(t, env, "rep", "coded", big, core.PutOptions{})
	at := func(bucket, key string) core.Path { return core.Path{Bucket: bucket, Key: key} }
	for i, c := range []struct {
		src, dst core.Path
		move     bool
		more     int
	}{
		{at("off", "big"), at("ver", "k"), false, 0},
		{at("off", "big"), at("rep", "k"), false, 1},
		{at("off", "small"), at("rep", "s"), false, 1},
		{at("off", "small"), at("off", "t"), false, 0},
		{at("rep", "coded"), at("rep", "l"), false, 0},
		{at("off", "big"), at("rep", "m"), true, 1},
		{at("rep", "coded"), at("off", "n"), true, 1},
	} {
		before := len(jobs())
		var e core.Entry
		var err error
		if c.move {
			e, err = env.Admin.MoveObject(t.Context(), c.src, c.dst, core.MoveOptions{})
		} else {
			var res core.PutResult
			res, err = env.Admin.CopyObject(t.Context(), c.src, c.dst, core.CopyOptions{})
			e = res.Entry
		}
		if err != nil {
			t.Fatal(err)
		}
		after := jobs()
		if len(after) != before+c.more {
			t.Errorf("case %d: %d jobs more, want %d", i, len(after)-before, c.more)
		}
		found := false
		for _, st := range after {
			found = found || st.ObjectID == e.ObjectID && st.Version == e.Version.ID && st.BucketID == e.BucketID
		}
		if found != (c.more == 1) {
			t.Errorf("case %d: jobs %+v for %+v", i, after, e)
		}
	}
	get(t, env, "rep", "m", big)
}

// TestMoveHistory sees that an object takes its versions along and joins those it finds.
func TestMoveHistory(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	src, dst := core.Path{Bucket: "ver", Key: "src"}, core.Path{Bucket: "ver", Key: "dst"}
	write(t, env, "ver", "dst", []byte("old 1"), core.PutOptions{})
	write(t, env, "ver", "dst", []byte("old 2"), core.PutOptions{})
	gone := remove(t, env, "ver", "dst", core.DeleteOptions{})
	write(t, env, "ver", "src", []byte("new 1"), core.PutOptions{})
	last := write(t, env, "ver", "src", []byte("new 2"), core.PutOptions{})
	moved, err := env.Admin.MoveObject(t.Context(), src, dst, core.MoveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if moved.ObjectID != last.ObjectID || moved.CreateTime != last.CreateTime || moved.Version.UpdateTime != last.Version.UpdateTime {
		t.Errorf("moved is %+v, was %+v", moved, last)
	}
	page, err := env.Admin.ListVersions(t.Context(), "ver", core.VersionListOptions{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, it := range page.Items {
		text := "marker"
		if !it.Version.Marker {
			r, err := env.Admin.OpenObject(t.Context(), "ver", it.Key, core.GetOptions{VersionID: it.Version.VersionID()})
			if err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 10)
			n, _ := r.Body.Read(b)
			text = string(b[:n])
		} else if it.Version.VersionID() != gone.VersionID {
			t.Errorf("the marker is %s, was %s", it.Version.VersionID(), gone.VersionID)
		}
		got = append(got, it.Key+": "+text)
	}
	if want := "dst: new 2, dst: new 1, dst: marker, dst: old 2, dst: old 1"; strings.Join(got, ", ") != want {
		t.Errorf("versions are %s, want %s", strings.Join(got, ", "), want)
	}
	_, err = env.Admin.StatObject(t.Context(), "ver", "src", core.GetOptions{})
	wantCode(t, "StatObject of the source", err, core.NoSuchKey)
	// The joined history ends where versions never were: the current version is the null one there.
	moved, err = env.Admin.MoveObject(t.Context(), dst, core.Path{Bucket: "off", Key: "k"}, core.MoveOptions{})
	if err != nil || moved.Version.VersionID() != "null" || moved.ObjectID != last.ObjectID {
		t.Errorf("moved to a bucket without versions: %+v, %v", moved, err)
	}
	remove(t, env, "off", "k", core.DeleteOptions{})
}

// TestMoveTree sees the folder rules of moves.
func TestMoveTree(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	at := func(key string) core.Path { return core.Path{Bucket: "off", Key: key} }
	for _, key := range []string{"p/q/r", "p/file", "p/dir/x"} {
		write(t, env, "off", key, []byte("x"), core.PutOptions{})
	}
	for dst, want := range map[string]core.Code{
		"p/none/x": core.Conflict, "p/file/x": core.Conflict, "none/x": core.Conflict, "p/q/r": core.Conflict,
		"p/dir": core.Exists, "p/file": core.Exists,
	} {
		_, err := env.Admin.MovePath(t.Context(), at("p/q/r"), at(dst), core.TreeOptions{})
		wantCode(t, "MovePath to "+dst, err, want)
	}
	if _, err := env.Admin.MovePath(t.Context(), at("p/q/r"), at("p/s"), core.TreeOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := env.Admin.StatObject(t.Context(), "off", "p/q/", core.GetOptions{}); err != nil {
		t.Errorf("the folder that lost its last file: %v", err)
	}
	// Doors without trees move into folders that do not exist yet.
	if _, err := env.Admin.MoveObject(t.Context(), at("p/s"), at("new/x/y"), core.MoveOptions{}); err != nil {
		t.Error(err)
	}
}
