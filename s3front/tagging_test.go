package s3front

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"trivium/s3front/s3xml"
)

// TestTags judges tags at the borders of what is allowed, in a document and in the header.
func TestTags(t *testing.T) {
	many := func(n int) (tags []string) {
		for i := range n {
			tags = append(tags, fmt.Sprintf("key%d", i), "v")
		}
		return tags
	}
	long := strings.Repeat("ü", 257)
	for _, c := range []struct {
		name string
		tags []string // key, value, ...
		want string   // the message of the refusal; "" none
	}{
		{"none", nil, ""},
		{"ten", many(10), ""},
		{"eleven", many(11), "Object tags cannot be greater than 10"},
		{"longest key", []string{long[:2*128], "v"}, ""},
		{"key too long", []string{long[:2*129], "v"}, "The TagKey you have provided is invalid"},
		{"longest value", []string{"k", long[:2*256]}, ""},
		{"value too long", []string{"k", long}, "The TagValue you have provided is invalid"},
		{"no key", []string{"", "v"}, "The TagKey you have provided is invalid"},
		{"no value", []string{"k", ""}, ""},
		{"all characters", []string{"aZ09 äß漢+-=._:/@", "aZ09 äß漢+-=._:/@"}, ""},
		{"other characters", []string{"k", "a&b"}, "The TagValue you have provided is invalid"},
		{"control characters", []string{"a\tb", "v"}, "The TagKey you have provided is invalid"},
		{"AWS's own", []string{"aws:k", "v"}, "System tags cannot be added/updated by requester"},
	} {
		var query []string
		var x s3xml.Writer
		x.Start("Tagging")
		x.Open("TagSet")
		for i := 0; i < len(c.tags); i += 2 {
			query = append(query, url.QueryEscape(c.tags[i])+"="+url.QueryEscape(c.tags[i+1]))
			x.Open("Tag")
			x.Text("Key", c.tags[i])
			x.Text("Value", c.tags[i+1])
			x.Close("Tag")
		}
		x.Close("TagSet")
		x.Close("Tagging")
		root, err := s3xml.Parse(x.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		check := func(how string, got map[string]string, err error) {
			t.Helper()
			msg := ""
			if err != nil {
				want := invalidTag
				if len(c.tags) > 2*int(objectTags) {
					want = tooManyTags
				}
				e := translate(err)
				if msg = e.msg; e.code != want {
					t.Errorf("%s in %s = %v, want %s", c.name, how, err, want.reply().name)
				}
			}
			if msg != c.want || err == nil && len(got) != len(c.tags)/2 {
				t.Errorf("%s in %s = %d tags, %q, want %d, %q", c.name, how, len(got), msg, len(c.tags)/2, c.want)
			}
			for i := 0; err == nil && i < len(c.tags); i += 2 {
				if got[c.tags[i]] != c.tags[i+1] {
					t.Errorf("%s in %s has %q = %q, want %q", c.name, how, c.tags[i], got[c.tags[i]], c.tags[i+1])
				}
			}
		}
		got, err := tagsOf(root, objectTags)
		check("a document", got, err)
		got, err = headerTags(http.Header{"X-Amz-Tagging": {strings.Join(query, "&")}})
		check("the header", got, err)
	}
	for _, s := range []string{"a=1&a=1", "a=%zz", "a=%ff", "%ff=a"} {
		if got, err := headerTags(http.Header{"X-Amz-Tagging": {s}}); err == nil || translate(err).code != invalidArgument {
			t.Errorf("headerTags(%q) = %v, %v, want InvalidArgument", s, got, err)
		}
	}
}
