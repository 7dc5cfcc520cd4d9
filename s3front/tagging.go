package s3front

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"trivium/core"
	"trivium/s3front/s3xml"
	"trivium/s3front/sigv4"
)

// Limits of a tag (S3 object tagging), in characters.
const (
	maxTagKey   = 128
	maxTagValue = 256
)

// tagLimit is how many tags something may have (S3 object tagging, PutBucketTagging).
type tagLimit int

const (
	objectTags tagLimit = 10
	bucketTags tagLimit = 50
)

// refusal says that there are more.
func (l tagLimit) refusal() string {
	if l == bucketTags {
		return "Bucket tag count cannot be greater than 50"
	}
	return "Object tags cannot be greater than 10"
}

// getTagging is S3 GetObjectTagging: the tags of a version, by key.
func getTagging(w http.ResponseWriter, r *request, se *core.Session) error {
	o, err := se.StatObject(r.Context(), r.bucket, r.key, core.GetOptions{VersionID: r.query.Get("versionId")})
	if err != nil {
		return err
	}
	v := &o.Entry.Version
	if o.Bucket.EverVersioned {
		w.Header()["X-Amz-Version-Id"] = []string{v.VersionID()}
	}
	return r.writeTagging(w, v.Attrs.Tags)
}

// writeTagging answers with a Tagging document: tags by key.
func (r *request) writeTagging(w http.ResponseWriter, tags map[string]string) error {
	return r.writeXML(w, http.StatusOK, func(x *s3xml.Writer) {
		x.Start("Tagging")
		x.Open("TagSet")
		for _, key := range slices.Sorted(maps.Keys(tags)) {
			x.Open("Tag")
			x.Text("Key", key)
			x.Text("Value", tags[key])
			x.Close("Tag")
		}
		x.Close("TagSet")
		x.Close("Tagging")
	})
}

// putTagging is S3 PutObjectTagging: these tags in place of all that a version has.
func putTagging(w http.ResponseWriter, r *request, se *core.Session) error {
	// Who may not write shall not make the server hold a document.
	if err := se.May(r.Context(), r.bucket, core.AccessWrite); err != nil {
		return err
	}
	root, err := readXML(r, maxDocument)
	if err != nil {
		return err
	}
	tags, err := tagsOf(root, objectTags)
	if err != nil {
		return err
	}
	return setTags(w, r, se, tags, http.StatusOK)
}

// deleteTagging is S3 DeleteObjectTagging.
func deleteTagging(w http.ResponseWriter, r *request, se *core.Session) error {
	return setTags(w, r, se, nil, http.StatusNoContent)
}

// setTags changes the tags of a version and answers.
func setTags(w http.ResponseWriter, r *request, se *core.Session, tags map[string]string, status int) error {
	e, err := se.SetAttrs(r.Context(), r.path(), core.AttrsOptions{
		VersionID: r.query.Get("versionId"),
		Change: func(v *core.Version) error {
			v.Attrs.Tags = tags
			return nil
		},
	})
	if err != nil {
		return err
	}
	h := w.Header()
	if !e.Version.Null || r.query.Has("versionId") {
		h["X-Amz-Version-Id"] = []string{e.Version.VersionID()}
	}
	if status != http.StatusNoContent {
		setLength(h, 0)
	}
	w.WriteHeader(status)
	return nil
}

// tagsOf reads a Tagging document of at most limit tags.
func tagsOf(root *s3xml.Node, limit tagLimit) (map[string]string, error) {
	set := root.Child("TagSet")
	if root.Name != "Tagging" || set == nil || ambiguous(root) {
		return nil, &apiError{code: malformedXML}
	}
	tags := make(map[string]string, min(len(set.Children), int(limit)))
	for i := range set.Children {
		n := &set.Children[i]
		key, value := n.Child("Key"), n.Child("Value")
		if n.Name != "Tag" || key == nil || value == nil || ambiguous(n) {
			return nil, &apiError{code: malformedXML}
		}
		if err := addTag(tags, limit, key.Text, value.Text); err != nil {
			return nil, err
		}
	}
	return tags, nil
}

// headerTags reads x-amz-tagging: tags written as the parameters of a query.
func headerTags(h http.Header) (map[string]string, error) {
	value := h.Get("X-Amz-Tagging")
	if value == "" {
		return nil, nil //nolint:nilnil // no tags, no error
	}
	bad := badArgument("x-amz-tagging", value, "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
	q, err := sigv4.ParseQuery(value)
	if err != nil {
		return nil, bad
	}
	tags := make(map[string]string, min(len(q), int(objectTags)))
	for i := range q {
		if _, twice := tags[q[i].Name]; twice || !utf8.ValidString(q[i].Name) || !utf8.ValidString(q[i].Value) {
			return nil, bad
		}
		if err := addTag(tags, objectTags, q[i].Name, q[i].Value); err != nil {
			return nil, err
		}
	}
	return tags, nil
}

// addTag judges one tag more of at most limit and adds it.
func addTag(tags map[string]string, limit tagLimit, key, value string) error {
	code, msg := invalidTag, ""
	_, twice := tags[key]
	switch {
	case twice:
		msg = "Cannot provide multiple Tags with the same key"
	case len(tags) == int(limit):
		code, msg = tooManyTags, limit.refusal() // as AWS does, which documents only InvalidTag
	case strings.HasPrefix(key, "aws:"):
		msg = "System tags cannot be added/updated by requester"
	case key == "" || utf8.RuneCountInString(key) > maxTagKey || !tagText(key):
		msg = "The TagKey you have provided is invalid"
	case utf8.RuneCountInString(value) > maxTagValue || !tagText(value):
		msg = "The TagValue you have provided is invalid"
	default:
		tags[key] = value
		return nil
	}
	return &apiError{code: code, msg: msg, fields: []field{{"TagKey", key}, {"TagValue", value}}}
}

// tagText tells whether s has only characters that tags may have: letters, numbers, spaces and _.:/=+-@.
func tagText(s string) bool {
	for _, c := range s {
		if !unicode.In(c, unicode.L, unicode.N, unicode.Z) && !strings.ContainsRune("_.:/=+-@", c) {
			return false
		}
	}
	return true
}
