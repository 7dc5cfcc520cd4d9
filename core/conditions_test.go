package core

import (
	"strings"
	"testing"
)

func TestConditionsOfReads(t *testing.T) {
	const then, before, after = 1000*second + 5, 999 * second, 1001 * second
	v := &Version{ETag: "abc", UpdateTime: then}
	cases := []struct {
		name string
		c    Conditions
		want Code // Internal: none
	}{
		{"none", Conditions{}, Internal},
		{"match", Conditions{IfMatch: []string{"x", "abc"}}, Internal},
		{"match any", Conditions{IfMatch: []string{"*"}}, Internal},
		{"no match", Conditions{IfMatch: []string{"x"}}, PreconditionFailed},
		{"match is strong", Conditions{IfMatch: []string{"W/abc"}}, PreconditionFailed},
		{"none-match is weak", Conditions{IfNoneMatch: []string{`W/"abc"`}}, NotModified},
		{"none-match of another", Conditions{IfNoneMatch: []string{"x"}}, Internal},
		{"none-match any", Conditions{IfNoneMatch: []string{"*"}}, NotModified},
		{"unmodified since the same second", Conditions{IfUnmodifiedSince: 1000 * second}, Internal},
		{"unmodified since before", Conditions{IfUnmodifiedSince: before}, PreconditionFailed},
		{"modified since the same second", Conditions{IfModifiedSince: 1000 * second}, NotModified},
		{"modified since before", Conditions{IfModifiedSince: before}, Internal},
		{"modified since after", Conditions{IfModifiedSince: after}, NotModified},
		{"true match outweighs unmodified", Conditions{IfMatch: []string{"abc"}, IfUnmodifiedSince: before}, Internal},
		{"false match outweighs unmodified", Conditions{IfMatch: []string{"x"}, IfUnmodifiedSince: after}, PreconditionFailed},
		{"none-match outweighs modified", Conditions{IfNoneMatch: []string{"x"}, IfModifiedSince: after}, Internal},
		{"false none-match with modified", Conditions{IfNoneMatch: []string{"abc"}, IfModifiedSince: before}, NotModified},
		{"match goes first", Conditions{IfMatch: []string{"x"}, IfNoneMatch: []string{"abc"}}, PreconditionFailed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if err := c.c.judgeRead(v); CodeOf(err) != c.want || (err == nil) != (c.want == Internal) {
				t.Errorf("judgeRead = %v, want code %d", err, c.want)
			}
			want := c.want
			if want == NotModified {
				want = PreconditionFailed
			}
			if err := c.c.judgeSource(v); CodeOf(err) != want || (err == nil) != (want == Internal) {
				t.Errorf("judgeSource = %v, want code %d", err, want)
			}
		})
	}
}

func TestConditionsOfWrites(t *testing.T) {
	size, other := int64(3), int64(4)
	v := &Version{ETag: "abc", Size: 3, UpdateTime: 1000*second + 5}
	cases := []struct {
		name          string
		c             Conditions
		over, missing Code // over v; over nothing. Internal: none
	}{
		{"none", Conditions{}, Internal, Internal},
		{"create only", Conditions{IfNoneMatch: []string{"*"}}, PreconditionFailed, Internal},
		{"not that one", Conditions{IfNoneMatch: []string{"abc"}}, PreconditionFailed, Internal},
		{"not another one", Conditions{IfNoneMatch: []string{"x"}}, Internal, Internal},
		{"replace only", Conditions{IfMatch: []string{"*"}}, Internal, NoSuchKey},
		{"that one", Conditions{IfMatch: []string{"abc"}}, Internal, NoSuchKey},
		{"another one", Conditions{IfMatch: []string{"x"}}, PreconditionFailed, NoSuchKey},
		{"unmodified", Conditions{IfUnmodifiedSince: 1000 * second}, Internal, Internal},
		{"modified", Conditions{IfUnmodifiedSince: 999 * second}, PreconditionFailed, Internal},
		{"modified since is for reads", Conditions{IfModifiedSince: 2000 * second}, Internal, Internal},
		{"size", Conditions{IfSize: &size}, Internal, Internal},
		{"other size", Conditions{IfSize: &other}, PreconditionFailed, Internal},
		{"time", Conditions{IfUpdateTime: 1000 * second}, Internal, Internal},
		{"other time", Conditions{IfUpdateTime: 1001 * second}, PreconditionFailed, Internal},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if err := c.c.judgeWrite(v); CodeOf(err) != c.over || (err == nil) != (c.over == Internal) {
				t.Errorf("judgeWrite over a version = %v, want code %d", err, c.over)
			}
			if err := c.c.judgeWrite(nil); CodeOf(err) != c.missing || (err == nil) != (c.missing == Internal) {
				t.Errorf("judgeWrite over nothing = %v, want code %d", err, c.missing)
			}
		})
	}
}

func TestRangeClip(t *testing.T) {
	cases := []struct {
		first, last, size  int64
		wantOff, wantBytes int64 // 0 bytes: InvalidRange
	}{
		{0, 0, 10, 0, 1},
		{0, -1, 10, 0, 10},
		{9, -1, 10, 9, 1},
		{10, -1, 10, 0, 0},
		{3, 5, 10, 3, 3},
		{3, 100, 10, 3, 7},
		{5, 3, 10, 0, 0},
		{11, 12, 10, 0, 0},
		{-3, 0, 10, 7, 3},
		{-10, 0, 10, 0, 10},
		{-11, 0, 10, 0, 10},
		{0, -1, 0, 0, 0},
		{0, 0, 0, 0, 0},
		{-1, 0, 0, 0, 0},
	}
	for _, c := range cases {
		off, n, err := Range{First: c.first, Last: c.last}.Clip(c.size)
		if off != c.wantOff || n != c.wantBytes || (err != nil) != (c.wantBytes == 0) {
			t.Errorf("Range{%d, %d} of %d bytes = %d+%d, %v, want %d+%d",
				c.first, c.last, c.size, off, n, err, c.wantOff, c.wantBytes)
		}
		if err != nil && CodeOf(err) != InvalidRange {
			t.Errorf("Range{%d, %d} of %d bytes: %v, want InvalidRange", c.first, c.last, c.size, err)
		}
	}
}

func TestKeyRule(t *testing.T) {
	cases := []struct{ key, pkg, path string }{
		{"a/b/c", "a", "b/c"},
		{"a", "", "a"},
		{"/a", "", "/a"},
		{"/a/b", "", "/a/b"},
		{"a/", "a", ""},
		{"a//b", "a", "/b"},
		{"/", "", "/"},
		{"../x", "..", "x"},
		{"ü/ä", "ü", "ä"},
	}
	for _, c := range cases {
		pkg, path := SplitKey(c.key)
		if pkg != c.pkg || path != c.path {
			t.Errorf("SplitKey(%q) = %q, %q, want %q, %q", c.key, pkg, path, c.pkg, c.path)
		}
		if back, ok := JoinKey(pkg, path); back != c.key || !ok {
			t.Errorf("JoinKey(%q, %q) = %q, %t, want %q", pkg, path, back, ok, c.key)
		}
	}
	if key, ok := JoinKey("", "a/b"); ok {
		t.Errorf("JoinKey of the root package and a/b = %q, want refused", key)
	}
	long := strings.Repeat("k", MaxKey)
	codes := map[string]Code{
		"": BadKey, "a\x00b": BadKey, "\xff": BadKey, long + "k": KeyTooLong, long: Internal, "../x": Internal, "a//b": Internal,
	}
	for key, want := range codes {
		if err := CheckKey(key); CodeOf(err) != want || (err == nil) != (want == Internal) {
			t.Errorf("CheckKey(%.10q, %d bytes) = %v, want code %d", key, len(key), err, want)
		}
	}
}

func TestVersionIDs(t *testing.T) {
	for _, s := range []string{"null", "0", "1", "1795167613941945054"} {
		ref, err := parseVersionID(s)
		if err != nil || ref.String() != s {
			t.Errorf("parseVersionID(%q) = %v, %v", s, ref, err)
		}
	}
	for _, s := range []string{"", "-1", "+1", "01", "1.0", "Null", "99999999999999999999", "x"} {
		if ref, err := parseVersionID(s); CodeOf(err) != BadArgument || err == nil {
			t.Errorf("parseVersionID(%q) = %v, %v, want BadArgument", s, ref, err)
		}
	}
}

// TestIfRange: a range of other content than the caller has the rest of is the whole (RFC 9110 §13.1.5).
func TestIfRange(t *testing.T) {
	const then = 1000*second + 5
	middle, behind := &Range{First: 1, Last: 2}, &Range{First: 9, Last: -1}
	for _, c := range []struct {
		name   string
		opts   GetOptions
		ranged bool
		want   Code // Internal: none
	}{
		{"none", GetOptions{Range: middle}, true, Internal},
		{"same ETag", GetOptions{Range: middle, IfRange: &Validator{ETag: "abc"}}, true, Internal},
		{"other ETag", GetOptions{Range: middle, IfRange: &Validator{ETag: "x"}}, false, Internal},
		{"any ETag", GetOptions{Range: middle, IfRange: &Validator{ETag: "*"}}, false, Internal},
		{"weak ETag", GetOptions{Range: middle, IfRange: &Validator{ETag: `W/"abc"`}}, false, Internal},
		{"nothing", GetOptions{Range: middle, IfRange: &Validator{}}, false, Internal},
		{"same second", GetOptions{Range: middle, IfRange: &Validator{UpdateTime: 1000 * second}}, true, Internal},
		{"later", GetOptions{Range: middle, IfRange: &Validator{UpdateTime: 1001 * second}}, false, Internal},
		{"earlier", GetOptions{Range: middle, IfRange: &Validator{UpdateTime: 999 * second}}, false, Internal},
		{"without range", GetOptions{IfRange: &Validator{ETag: "x"}}, false, Internal},
		{"behind the end", GetOptions{Range: behind, IfRange: &Validator{ETag: "abc"}}, true, InvalidRange},
		{"behind the end of another", GetOptions{Range: behind, IfRange: &Validator{ETag: "x"}}, false, Internal},
		{"conditions go first", GetOptions{
			Range: middle, IfRange: &Validator{ETag: "x"}, Conditions: Conditions{IfMatch: []string{"x"}},
		}, false, PreconditionFailed},
	} {
		r := &resolved{object: Object{Entry: Entry{Version: Version{ETag: "abc", Size: 5, UpdateTime: then}}}}
		err := r.judge(&c.opts)
		if CodeOf(err) != c.want || (err == nil) != (c.want == Internal) || r.object.Ranged != c.ranged {
			t.Errorf("%s: judge = %v, ranged %v, want code %d, %v", c.name, err, r.object.Ranged, c.want, c.ranged)
		}
		if length := r.object.Length; err == nil && (length == 5) == c.ranged {
			t.Errorf("%s: length %d, ranged %v", c.name, length, c.ranged)
		}
	}
}
