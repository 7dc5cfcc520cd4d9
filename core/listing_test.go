package core_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"trivium/core"
	"trivium/core/coretest"
)

// TestListLimits sees the bounds of pages.
func TestListLimits(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	for i := range 3 {
		write(t, env, "off", fmt.Sprint(i), nil, core.PutOptions{})
	}
	for _, limit := range []int{-1, 1001} {
		_, err := env.Admin.ListObjects(t.Context(), "off", core.ListOptions{Limit: limit})
		wantCode(t, fmt.Sprintf("ListObjects(%d)", limit), err, core.BadArgument)
		_, err = env.Admin.ListSummaries(t.Context(), "off", core.ListOptions{Limit: limit})
		wantCode(t, fmt.Sprintf("ListSummaries(%d)", limit), err, core.BadArgument)
		_, err = env.Admin.ListVersions(t.Context(), "off", core.VersionListOptions{Limit: limit})
		wantCode(t, fmt.Sprintf("ListVersions(%d)", limit), err, core.BadArgument)
		_, err = env.Admin.Uploads(t.Context(), "off", core.UploadListOptions{Limit: limit})
		wantCode(t, fmt.Sprintf("Uploads(%d)", limit), err, core.BadArgument)
	}
	for limit, want := range map[int]struct {
		items int
		more  bool
	}{0: {0, false}, 2: {2, true}, 3: {3, false}, 1000: {3, false}} {
		page, err := env.Admin.ListObjects(t.Context(), "off", core.ListOptions{Limit: limit})
		if err != nil || len(page.Items) != want.items || page.Truncated != want.more {
			t.Errorf("ListObjects(%d) = %d items, %t, %v", limit, len(page.Items), page.Truncated, err)
		}
		sameSummaries(t, env.Admin, "off", core.ListOptions{Limit: limit}, page)
	}
}

// sameSummaries sees that ListSummaries says of the same page the same.
func sameSummaries(t *testing.T, se *core.Session, bucket string, opts core.ListOptions, page core.ListPage) {
	t.Helper()
	got, err := se.ListSummaries(t.Context(), bucket, opts)
	want := core.SummaryPage{Truncated: page.Truncated, Next: page.Next, NextPrefix: page.NextPrefix}
	for i := range page.Items {
		e := &page.Items[i].Entry
		want.Items = append(want.Items, core.Summary{
			CommonPrefix: page.Items[i].CommonPrefix, Key: e.Key, ETag: e.Version.ETag, Class: e.Version.Class,
			Size: e.Version.Size, UpdateTime: e.Version.UpdateTime, Expiry: e.Version.Expiry,
			ChecksumAlgorithm: e.Version.Attrs.Checksum.Algorithm, ChecksumComposite: e.Version.Attrs.Checksum.Composite,
		})
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
		t.Errorf("ListSummaries(%+v): %v (-ListObjects +ListSummaries):\n%s", opts, err, diff)
	}
}

// TestListAttrs sees that attributes are listed for those who ask.
func TestListAttrs(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	write(t, env, "off", "k", nil, core.PutOptions{Attrs: core.Attrs{ContentType: "x/y"}})
	for _, attrs := range []bool{false, true} {
		page, err := env.Admin.ListObjects(t.Context(), "off", core.ListOptions{Limit: 1, Attrs: attrs})
		if err != nil || len(page.Items) != 1 || (page.Items[0].Entry.Version.Attrs.ContentType == "x/y") != attrs {
			t.Errorf("ListObjects with attributes %t = %+v, %v", attrs, page, err)
		}
	}
}

// TestListPastExpired sees that pages are full though expired objects lie between.
func TestListPastExpired(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	expire := core.AttrsOptions{Change: func(v *core.Version) error { v.Expiry = 1; return nil }}
	for i := range 20 {
		key := fmt.Sprintf("k%02d", i)
		write(t, env, "off", key, nil, core.PutOptions{})
		if i%4 != 3 {
			if _, err := env.Admin.SetAttrs(t.Context(), core.Path{Bucket: "off", Key: key}, expire); err != nil {
				t.Fatal(err)
			}
		}
	}
	var got []string
	opts := core.ListOptions{Limit: 2}
	for more := true; more; {
		page, err := env.Admin.ListObjects(t.Context(), "off", opts)
		if err != nil {
			t.Fatal(err)
		}
		if page.Truncated && len(page.Items) != 2 {
			t.Errorf("a page of %d items", len(page.Items))
		}
		sameSummaries(t, env.Admin, "off", opts, page)
		for _, it := range page.Items {
			got = append(got, it.Entry.Key)
		}
		more, opts.After = page.Truncated, page.Next
	}
	if want := "k03 k07 k11 k15 k19"; strings.Join(got, " ") != want {
		t.Errorf("listed %v, want %s", got, want)
	}
}

// TestListVersionsPastExpired sees that expired versions hide none behind them, however short the pages are.
func TestListVersionsPastExpired(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	expire := core.AttrsOptions{Change: func(v *core.Version) error { v.Expiry = 1; return nil }}
	var want []string
	for _, key := range []string{"k", "l"} {
		var ids []string
		for i := range 12 {
			e := write(t, env, "ver", key, []byte{byte(i)}, core.PutOptions{})
			ids = append(ids, e.Version.VersionID())
		}
		for i, id := range slices.Backward(ids) {
			if i%4 == 1 {
				want = append(want, key+" "+id)
				continue
			}
			expire.VersionID = id
			if _, err := env.Admin.SetAttrs(t.Context(), core.Path{Bucket: "ver", Key: key}, expire); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, limit := range []int{1, 2, 3, 5, 1000} {
		var got []string
		opts := core.VersionListOptions{Limit: limit}
		for more := true; more; {
			page, err := env.Admin.ListVersions(t.Context(), "ver", opts)
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range page.Items {
				got = append(got, it.Key+" "+it.Version.VersionID())
			}
			more, opts.AfterKey, opts.AfterVersionID = page.Truncated, page.NextKey, page.NextVersionID
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d: listed %v, want %v", limit, got, want)
		}
	}
}

// TestVersionMarkerGone goes on with a listing whose last version was deleted meanwhile.
func TestVersionMarkerGone(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	var ids []string
	for i := range 4 {
		e := write(t, env, "ver", "k", []byte{byte(i)}, core.PutOptions{})
		ids = append(ids, e.Version.VersionID())
	}
	write(t, env, "ver", "l", nil, core.PutOptions{})
	for _, c := range []struct {
		gone int
		want []string // versions behind it
	}{{3, []string{ids[2], ids[1], ids[0]}}, {1, []string{ids[0]}}, {0, nil}} {
		remove(t, env, "ver", "k", core.DeleteOptions{VersionID: ids[c.gone]})
		page, err := env.Admin.ListVersions(t.Context(), "ver", core.VersionListOptions{
			AfterKey: "k", AfterVersionID: ids[c.gone], Limit: 10,
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, it := range page.Items[:len(page.Items)-1] {
			got = append(got, it.Version.VersionID())
		}
		if !slices.Equal(got, c.want) || page.Items[len(page.Items)-1].Key != "l" {
			t.Errorf("behind version %d come %v, want %v and l", c.gone, got, c.want)
		}
	}
	_, err := env.Admin.ListVersions(t.Context(), "ver", core.VersionListOptions{AfterKey: "k", AfterVersionID: "x", Limit: 1})
	wantCode(t, "ListVersions behind a malformed version", err, core.BadArgument)
}

// TestUploadsByAge sees the order of uploads to one key.
func TestUploadsByAge(t *testing.T) {
	env := newEnv(t, coretest.Options{})
	var want []string
	for _, key := range []string{"b", "a", "b", "b", "a"} {
		want = append(want, key+begin(t, env, core.Path{Bucket: "off", Key: key}, core.Checksum{}))
	}
	want = []string{want[1], want[4], want[0], want[2], want[3]}
	var got []string
	opts := core.UploadListOptions{Limit: 2}
	for more := true; more; {
		page, err := env.Admin.Uploads(t.Context(), "off", opts)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range page.Uploads {
			got = append(got, u.Key+u.ID)
		}
		more, opts.AfterKey, opts.AfterID = page.Truncated, page.NextKey, page.NextID
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("uploads are %v, want %v", got, want)
	}
}
