package s3front

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"trivium/s3front/s3xml"
)

// bucketTagging is the request that sets tags, given as key, value, ...
func bucketTagging(tags ...string) call {
	var b strings.Builder
	for i := 0; i < len(tags); i += 2 {
		fmt.Fprintf(&b, "<Tag><Key>%s</Key><Value>%s</Value></Tag>", tags[i], tags[i+1])
	}
	return checked(put("/bucket?tagging", "<Tagging><TagSet>"+b.String()+"</TagSet></Tagging>"))
}

// numberedTags are n tags of the longest keys and values, all of that character.
func numberedTags(n int, char string) (tags []string) {
	for i := range n {
		tags = append(tags, fmt.Sprintf("%02d", i)+strings.Repeat(char, maxTagKey-2), strings.Repeat(char, maxTagValue))
	}
	return tags
}

// TestBucketTags: what is set comes back by key, 50 tags however long their document is; what is refused changes
// nothing.
func TestBucketTags(t *testing.T) {
	e := newEnv(t)
	e.must(put("/bucket", ""))
	for _, c := range []struct {
		name string
		call call
		code string // "": accepted
		want string // what is read then
	}{
		{"one", bucketTagging("k", " a  b "), "", "k= a  b \n"},
		{"none", bucketTagging(), "", "NoSuchTagSet"},
		{"two", bucketTagging("b", "", "a", "1&#x2b;1=2"), "", "a=1+1=2\nb=\n"},
		{"fifty-one", bucketTagging(numberedTags(51, "a")...), "BadRequest", ""},
		{"fifty", bucketTagging(numberedTags(50, "a")...), "", lines(numberedTags(50, "a"))},
		{"fifty, widest characters", bucketTagging(numberedTags(50, "\U00020000")...), "", lines(numberedTags(50, "\U00020000"))},
		{"fifty, character references", bucketTagging(numberedTags(50, "&#x0020001;")...), "", lines(numberedTags(50, "\U00020001"))},
		{"document too long", checked(put("/bucket?tagging", strings.Repeat(" ", maxBucketTagging)+"<Tagging><TagSet/></Tagging>")), "MalformedXML", ""},
		{"key too long", bucketTagging(strings.Repeat("k", 129), "v"), "InvalidTag", ""},
		{"value too long", bucketTagging("k", strings.Repeat("v", 257)), "InvalidTag", ""},
		{"no key", bucketTagging("", "v"), "InvalidTag", ""},
		{"same key", bucketTagging("k", "1", "k", "2"), "InvalidTag", ""},
		{"AWS's own", bucketTagging("aws:k", "v"), "InvalidTag", ""},
		{"other characters", bucketTagging("k", "a&amp;b"), "InvalidTag", ""},
		{"other document", checked(put("/bucket?tagging", "<TagSet/>")), "MalformedXML", ""},
		{"no document", checked(put("/bucket?tagging", "")), "MalformedXML", ""},
		{"version", del("/bucket?tagging&versionId=1"), "NotImplemented", ""},
		{"tags in a header", bucketTagging().with("X-Amz-Tagging: k=v"), "NotImplemented", ""},
		{"bucket of somebody", del("/bucket?tagging").with("X-Amz-Expected-Bucket-Owner: somebody"), "AccessDenied", ""},
		{"deletion", del("/bucket?tagging"), "", "NoSuchTagSet"},
	} {
		before := e.bucketTags()
		if a := e.do(c.call); a.code() != c.code || c.code == "" && a.StatusCode != http.StatusNoContent {
			t.Errorf("%s = %d %q, want %q: %s", c.name, a.StatusCode, a.code(), c.code, a.body)
		}
		want := c.want
		if c.code != "" {
			want = before
		}
		if got := e.bucketTags(); got != want {
			t.Errorf("after %s the tags are %.200q, want %.200q", c.name, got, want)
		}
	}
}

// TestBucketTagsGo: tags go with their bucket; another of its name has none.
func TestBucketTagsGo(t *testing.T) {
	e := newEnv(t)
	e.must(put("/bucket", ""), bucketTagging("k", "v"))
	if got := e.bucketTags(); got != "k=v\n" {
		t.Fatalf("tags are %q, want k=v", got)
	}
	e.must(del("/bucket"), put("/bucket", ""))
	if got := e.bucketTags(); got != "NoSuchTagSet" {
		t.Errorf("tags of a new bucket are %q, want none", got)
	}
}

// TestDamagedBucketTags: what does not read as tags is an error, not the lack of tags.
func TestDamagedBucketTags(t *testing.T) {
	e := newEnv(t)
	e.must(put("/bucket", ""))
	if err := e.core.Admin.SetDoc(t.Context(), "bucket", taggingDoc, []byte("{")); err != nil {
		t.Fatal(err)
	}
	if a := e.do(get("/bucket?tagging")); a.StatusCode != http.StatusInternalServerError || a.code() != "InternalError" {
		t.Errorf("damaged tags = %d %s, want 500 InternalError", a.StatusCode, a.code())
	}
}

// bucketTags are the tags of the bucket in the order of the answer, or the code of the refusal.
func (e *env) bucketTags() string {
	e.tb.Helper()
	a := e.do(get("/bucket?tagging"))
	if a.StatusCode != http.StatusOK {
		return a.code()
	}
	root, err := s3xml.Parse([]byte(a.body))
	if err != nil {
		e.tb.Fatal(err)
	}
	set := root.Child("TagSet")
	var tags []string
	for i := range set.Children {
		tags = append(tags, set.Children[i].Child("Key").Text, set.Children[i].Child("Value").Text)
	}
	return lines(tags)
}

// lines writes tags, given as key, value, ..., one in a line.
func lines(tags []string) string {
	var b strings.Builder
	for i := 0; i < len(tags); i += 2 {
		fmt.Fprintf(&b, "%s=%s\n", tags[i], tags[i+1])
	}
	return b.String()
}
