package metatest

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"

	"trivium/core"
	"trivium/core/content"
)

// testUploads keeps uploads by (key, ID) and parts by number.
func testUploads(t *testing.T, open Open) {
	v := fullVersion(1, 900)
	a := core.Upload{
		ID: "0a", BucketID: 1, Key: "k", Owner: 3, CreateTime: 4, ActiveTime: 5, Native: true,
		Checksum: v.Attrs.Checksum, Class: "X", MTime: 0, Attrs: v.Attrs,
	}
	b := core.Upload{ID: "0b", BucketID: 1, Key: "k", MTime: core.NoTime}
	c := core.Upload{ID: "00", BucketID: 1, Key: "k\xff", ActiveTime: 9, MTime: -1}
	p0 := core.UploadPart{UploadID: "0a", Size: 1}
	p9 := core.UploadPart{
		Chain:    []byte{0, 1, 255},
		UploadID: "0a", Number: 10000, Size: 5 << 30, ETag: "e", SHA256: v.SHA256, Checksum: "c",
		CRC64: 1<<64 - 1, UpdateTime: 3, Content: listed(4),
	}
	again := p9
	again.Size, again.SHA256 = 2, nil
	deletePart := func(ctx context.Context, tx core.MetaTx) error { return tx.DeletePart(ctx, "0a", 0) }
	runSteps(t, open, []step{
		{"put", put(core.MetaTx.PutUpload, c), func(d *State) { d.Uploads = []core.Upload{c} }},
		{"put b", put(core.MetaTx.PutUpload, b), func(d *State) { d.Uploads = []core.Upload{b, c} }},
		{"put a", put(core.MetaTx.PutUpload, a), func(d *State) { d.Uploads = []core.Upload{a, b, c} }},
		{"part", put(core.MetaTx.PutPart, p9), func(d *State) { d.Parts = []core.UploadPart{p9} }},
		{"part 0", put(core.MetaTx.PutPart, p0), func(d *State) { d.Parts = []core.UploadPart{p0, p9} }},
		{"part again", put(core.MetaTx.PutPart, again), func(d *State) { d.Parts = []core.UploadPart{p0, again} }},
		{"delete part", deletePart, func(d *State) { d.Parts = d.Parts[1:] }},
		{"delete", put(core.MetaTx.DeleteUpload, "00"), func(d *State) { d.Uploads = []core.Upload{a, b} }},
	})
	s := fresh(t, open)
	update(t, s, func(ctx context.Context, tx core.MetaTx) error {
		for _, u := range []core.Upload{a, b, c} {
			if err := tx.PutUpload(ctx, u); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(ctx context.Context, tx core.MetaTx) error {
		for _, q := range []struct {
			prefix, key, id string
			limit           int
			want            []core.Upload
		}{
			{"", "", "", 9, []core.Upload{a, b, c}},
			{"", "", "", 2, []core.Upload{a, b}},
			{"k\xff", "", "", 9, []core.Upload{c}},
			{"", "k", "0a", 9, []core.Upload{b, c}},
			{"k", "k", "0b", 9, []core.Upload{c}},
			{"l", "", "", 9, nil},
			{"", "k\xff", "00", 9, nil},
		} {
			got, err := tx.Uploads(ctx, 1, q.prefix, q.key, q.id, q.limit)
			equal(t, "Uploads", q.want, got)
			if err != nil {
				return err
			}
		}
		got, err := tx.IdleUploads(ctx, 9, 9)
		equal(t, "IdleUploads", []core.Upload{b, a}, got)
		return err
	})
}

// testUpkeep keeps the queues, jobs, classes, settings, documents and sequences.
func testUpkeep(t *testing.T, open Open) {
	g1 := core.Garbage{ID: 1, Blob: blobID(1, 1), Layout: layout(5), QueuedAt: 1, NotBefore: 100}
	g2 := core.Garbage{ID: 2, Blob: blobID(2, 1), QueuedAt: 1, NotBefore: 50, NeverReferred: true}
	g3 := core.Garbage{ID: 3, Blob: blobID(1, 1), NotBefore: 70}
	r1 := core.RepairRow{Blob: blobID(1, 1), Segment: 3, Index: 2, Reason: "r", QueuedAt: 4, NotBefore: 60, Attempts: 2, LastError: "e"}
	r2 := core.RepairRow{Blob: blobID(1, 1), Segment: 3, Index: 1, NotBefore: 61}
	job := core.Job{Name: "repair/x", Incarnation: 1 << 63, State: []byte(`{}`), UpdateTime: 3}
	scrub := core.Job{Name: "scrub"}
	runSteps(t, open, []step{
		{"garbage", puts(core.MetaTx.QueueGarbage, g3, g1, g2), func(d *State) { d.Garbage = []core.Garbage{g1, g2, g3} }},
		{"repairs", puts(core.MetaTx.PutRepair, r2, r1), func(d *State) { d.Repairs = []core.RepairRow{r1, r2} }},
		{"jobs", puts(core.MetaTx.PutJob, scrub, job), func(d *State) { d.Jobs = []core.Job{job, scrub} }},
		{"no garbage", put(core.MetaTx.DeleteGarbage, int64(1)), func(d *State) { d.Garbage = []core.Garbage{g2, g3} }},
		{"no repair", func(ctx context.Context, tx core.MetaTx) error {
			return tx.DeleteRepair(ctx, r1.Blob, 3, 2)
		}, func(d *State) { d.Repairs = d.Repairs[1:] }},
		{"no job", put(core.MetaTx.DeleteJob, "scrub"), func(d *State) { d.Jobs = d.Jobs[:1] }},
	})
	s := fresh(t, open)
	update(t, s, puts(core.MetaTx.QueueGarbage, g3, g1, g2))
	update(t, s, puts(core.MetaTx.PutRepair, r2, r1))
	update(t, s, puts(core.MetaTx.PutJob, scrub, job))
	view(t, s, func(ctx context.Context, tx core.MetaTx) error {
		return checkDue(ctx, t, tx, []core.Garbage{g1, g2, g3}, []core.RepairRow{r1, r2})
	})
	testFindBlob(t, s)
	testNamed(t, s)
}

// puts is a step that calls one method for each value.
func puts[T any](method func(core.MetaTx, context.Context, T) error, all ...T) func(context.Context, core.MetaTx) error {
	return func(ctx context.Context, tx core.MetaTx) error {
		for _, v := range all {
			if err := method(tx, ctx, v); err != nil {
				return err
			}
		}
		return nil
	}
}

// checkDue asks for rows that are due.
func checkDue(ctx context.Context, t *testing.T, tx core.MetaTx, g []core.Garbage, r []core.RepairRow) error {
	for _, c := range []struct {
		q    core.GarbageQuery
		want []core.Garbage
	}{
		{core.GarbageQuery{Due: 49, Limit: 9}, nil},
		{core.GarbageQuery{Due: 50, Limit: 9}, g[1:2]},
		{core.GarbageQuery{Due: 99, Limit: 9}, g[1:]},
		{core.GarbageQuery{Due: 100, Limit: 2}, g[:2]},
		{core.GarbageQuery{Due: 100, AfterID: 2, Limit: 9}, g[2:]},
		{core.GarbageQuery{Due: 100, Limit: 9, Blob: g[0].Blob}, []core.Garbage{g[0], g[2]}},
		{core.GarbageQuery{Due: 99, Limit: 9, Blob: g[0].Blob}, g[2:]},
		{core.GarbageQuery{Due: 99, Limit: 0}, nil},
	} {
		got, err := tx.Garbage(ctx, c.q)
		equal(t, "Garbage", c.want, got)
		if err != nil {
			return err
		}
	}
	for _, c := range []struct {
		q    core.RepairQuery
		want []core.RepairRow
	}{
		{core.RepairQuery{Due: 59, Limit: 9}, nil},
		{core.RepairQuery{Due: 60, Limit: 9}, r[:1]},
		{core.RepairQuery{Due: 61, Limit: 9}, []core.RepairRow{r[0], r[1]}},
		{core.RepairQuery{Due: 61, Limit: 1}, r[:1]},
		{core.RepairQuery{Due: 61, Limit: 9, Blob: r[0].Blob}, []core.RepairRow{r[1], r[0]}},
		{core.RepairQuery{Due: 60, Limit: 9, Blob: r[0].Blob}, r[:1]},
		{core.RepairQuery{Due: 61, Limit: 9, Blob: blobID(1, 2)}, nil},
	} {
		got, err := tx.Repairs(ctx, c.q)
		equal(t, "Repairs", c.want, got)
		if err != nil {
			return err
		}
	}
	jobs, err := tx.Jobs(ctx, "repair/", 9)
	if err == nil && len(jobs) != 1 {
		t.Errorf("Jobs(repair/) = %v, want one", jobs)
	}
	return err
}

// testFindBlob finds blobs by digest, by state and by having no reference.
func testFindBlob(t *testing.T, s core.MetaStore) {
	sum := sha256.Sum256([]byte("x"))
	twin := sum
	twin[31]++ // the digest index keeps the first 8 bytes
	blob := func(n uint64, class, size int64, sum [32]byte, state core.BlobState) core.Blob {
		b := core.Blob{Class: class, State: state, Refs: 1}
		b.ID, b.Size, b.SHA256, b.HasSHA256 = blobID(7, n), size, sum, true
		return b
	}
	all := []core.Blob{
		blob(1, 1, 5, twin, core.BlobStored), blob(2, 1, 5, sum, core.BlobStored), blob(3, 2, 5, sum, core.BlobBuffered),
		blob(4, 1, 6, sum, core.BlobPacked),
	}
	all[3].Refs = 0
	update(t, s, puts(core.MetaTx.PutBlob, all...))
	update(t, s, put(core.MetaTx.PutRepair, core.RepairRow{Blob: blobID(7, 3), NotBefore: 1 << 60}))
	view(t, s, func(ctx context.Context, tx core.MetaTx) error {
		for _, c := range []struct {
			class, size int64
			sum         [32]byte
			want        core.Blob
		}{
			{1, 5, sum, all[1]},
			{1, 5, twin, all[0]},
			{1, 6, sum, all[3]},
			{3, 5, sum, core.Blob{}},
			{1, 5, [32]byte{}, core.Blob{}},
			{2, 5, sum, core.Blob{}}, // the last waits for repair
		} {
			got, found, err := tx.FindBlob(ctx, c.class, c.size, c.sum)
			equal(t, "FindBlob", c.want, got)
			if err != nil || found != (c.want.Size != 0) {
				t.Errorf("FindBlob(%d, %d) found %v, %v", c.class, c.size, found, err)
			}
		}
		for _, c := range []struct {
			state core.BlobState
			class int64
			want  []core.Blob
		}{
			{core.BlobStored, 0, all[:2]},
			{core.BlobStored, 2, nil},
			{core.BlobBuffered, 0, all[2:3]},
			{core.BlobBuffered, 2, all[2:3]},
			{core.BlobBuffered, 1, nil},
			{core.BlobPacked, 1, all[3:]},
		} {
			got, err := tx.BlobsIn(ctx, c.state, c.class, 9)
			equal(t, "BlobsIn", c.want, got)
			if err != nil {
				return err
			}
		}
		got, err := tx.Unreferenced(ctx, 9)
		equal(t, "Unreferenced", all[3:], got)
		return err
	})
}

// testNamed keeps classes, settings, documents and sequences, which no listing enumerates.
func testNamed(t *testing.T, s core.MetaStore) {
	class := core.Class{ID: 1, Owner: 2, Policy: content.Policy{Redundancy: content.Copies, N: 2}, Spaces: []content.SpaceID{3, 1}, KeyID: 4}
	equalOne, other := class, class
	equalOne.ID, equalOne.Spaces = 2, []content.SpaceID{1, 3}
	other.ID, other.KeyID = 3, 5
	var got [3]core.Class
	update(t, s, func(ctx context.Context, tx core.MetaTx) (err error) {
		for i, c := range []core.Class{class, equalOne, other} {
			if got[i], err = tx.PutClass(ctx, c); err != nil {
				return err
			}
		}
		return nil
	})
	if got[0].ID != 1 || got[1].ID != 1 || got[2].ID != 3 {
		t.Errorf("PutClass = %d, %d, %d, want 1, 1, 3", got[0].ID, got[1].ID, got[2].ID)
	}
	var first, second, foreign int64
	update(t, s, func(ctx context.Context, tx core.MetaTx) error {
		var errs [5]error
		first, errs[0] = tx.ReserveIDs(ctx, "a", 1000)
		second, errs[1] = tx.ReserveIDs(ctx, "a", 1)
		foreign, errs[2] = tx.ReserveIDs(ctx, "b", 5)
		errs[3] = tx.PutDoc(ctx, 1, "cors", []byte("<x/>"))
		errs[4] = tx.PutSetting(ctx, "name", []byte{})
		return errors.Join(errs[:]...)
	})
	if first != 1 || second != 1001 || foreign != 1 {
		t.Errorf("ReserveIDs = %d, %d, %d, want 1, 1001, 1", first, second, foreign)
	}
	view(t, s, func(ctx context.Context, tx core.MetaTx) error {
		c, found, err := tx.Class(ctx, 1)
		if err != nil || !found || c.KeyID != 4 || c.Owner != 2 || len(c.Spaces) != 2 {
			t.Errorf("Class(1) = %+v, %v, %v", c, found, err)
		}
		doc, found, err := tx.Doc(ctx, 1, "cors")
		if string(doc) != "<x/>" || !found || err != nil {
			t.Errorf("Doc = %q, %v, %v", doc, found, err)
		}
		value, found, err := tx.Setting(ctx, "name")
		if value == nil || len(value) != 0 || !found || err != nil {
			t.Errorf("Setting = %v, %v, %v", value, found, err)
		}
		_, found, err = tx.Doc(ctx, 2, "cors")
		if found || err != nil {
			t.Errorf("Doc of another bucket = %v, %v", found, err)
		}
		return nil
	})
	update(t, s, func(ctx context.Context, tx core.MetaTx) error {
		return errors.Join(tx.PutDoc(ctx, 1, "cors", nil), tx.PutSetting(ctx, "name", nil))
	})
	view(t, s, func(ctx context.Context, tx core.MetaTx) error {
		_, doc, err := tx.Doc(ctx, 1, "cors")
		_, value, err2 := tx.Setting(ctx, "name")
		if doc || value {
			t.Errorf("deleted: doc %v, setting %v", doc, value)
		}
		return errors.Join(err, err2)
	})
}

// testTaken writes what a unique name or ID forbids: the transaction fails with Exists and leaves nothing.
func testTaken(t *testing.T, open Open) {
	s := fresh(t, open)
	null := core.Version{Seq: 1, ID: 1, Null: true}
	update(t, s, func(ctx context.Context, tx core.MetaTx) error {
		return errors.Join(tx.PutUser(ctx, core.User{ID: 1, Name: "a"}), tx.PutBucket(ctx, theBucket()),
			tx.PutPackage(ctx, core.Package{ID: 1, BucketID: 1, Name: "p"}), tx.PutEntry(ctx, entry("live", 1)),
			tx.PutEntry(ctx, marker("hidden", 2)), tx.PutVersion(ctx, 1, null))
	})
	want := dump(t, s)
	for name, do := range map[string]func(context.Context, core.MetaTx) error{
		"user name":      put(core.MetaTx.PutUser, core.User{ID: 2, Name: "a"}),
		"bucket name":    put(core.MetaTx.PutBucket, core.Bucket{ID: 2, Name: "bucket"}),
		"package name":   put(core.MetaTx.PutPackage, core.Package{ID: 2, BucketID: 1, Name: "p"}),
		"live object":    put(core.MetaTx.PutEntry, entry("x", 1)),
		"hidden object":  put(core.MetaTx.PutEntry, entry("x", 2)),
		"live, hidden":   put(core.MetaTx.PutEntry, marker("x", 1)),
		"hidden, hidden": put(core.MetaTx.PutEntry, marker("x", 2)),
		"version ID": func(ctx context.Context, tx core.MetaTx) error {
			return tx.PutVersion(ctx, 1, core.Version{Seq: 2, ID: 1})
		},
		"null version": func(ctx context.Context, tx core.MetaTx) error {
			return tx.PutVersion(ctx, 1, core.Version{Seq: 2, ID: 2, Null: true})
		},
	} {
		err := s.Update(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
			if err := tx.PutUser(ctx, core.User{ID: 9, Name: "also undone"}); err != nil {
				return err
			}
			return do(ctx, tx)
		})
		if core.CodeOf(err) != core.Exists {
			t.Errorf("%s: Update() = %v, want Exists", name, err)
		}
		same(t, name, want, dump(t, s))
	}
}
