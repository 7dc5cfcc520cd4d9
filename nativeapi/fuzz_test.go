package nativeapi

import (
	"errors"
	"mime/multipart"
	"net/textproto"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"trivium/core"
	v1 "trivium/nativeapi/v1"
)

// FuzzDocuments: whatever a body is, it is decoded or refused with a message, and what is decoded keeps the rules.
func FuzzDocuments(f *testing.F) {
	for _, s := range []string{
		`{"movings":[{"objectID":1,"packageID":2,"path":"x"}]}`, `{"clonings":[]}`, `{"objectIDs":[1,-1]}`, `{"indexes":[1,1],"objectID":3}`,
		`{"bucketID":1,"policy":{"grants":[{"userID":1,"access":"read"}],"spaces":[1]}}`, `{"a":{"b":[[[]]]}}`, `{"objectID":1,"metadata":{"a":"b","c":null,"a":1}}`, `{"objectID":1e3}`, "[]", "{", `{"x":"\ud800"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, doc := range []any{new(v1.Move), new(v1.Clone), new(v1.Delete), new(v1.Complete), new(v1.NewPolicy), new(v1.Presign), new(v1.Login), new(v1.UpdateMetadata)} {
			err := (&request{}).decodeFrom(body, doc)
			if err != nil {
				if ref, ok := errors.AsType[*refusal](err); !ok || ref.status != 400 || ref.message == "" || len(ref.message) > 1000 {
					t.Errorf("%T: %v", doc, err)
				}
				continue
			}
			noNegatives(t, reflect.ValueOf(doc))
		}
	})
}

// noNegatives fails for a negative number anywhere in v.
func noNegatives(t *testing.T, v reflect.Value) {
	switch v.Kind() { //nolint:exhaustive // documents have no others
	case reflect.Pointer:
		if !v.IsNil() {
			noNegatives(t, v.Elem())
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			noNegatives(t, field)
		}
	case reflect.Slice:
		for i := range v.Len() {
			noNegatives(t, v.Index(i))
		}
	default:
		if v.CanInt() && v.Int() < 0 {
			t.Errorf("a negative number was decoded: %d", v.Int())
		}
	}
}

// FuzzFilename: a filename is decoded once, to UTF-8, or refused.
func FuzzFilename(f *testing.F) {
	for _, s := range []string{"a%2Fb", "a+b", "%", "%zz", "%ff", "../x", `a\"b`, "a/b/c", "ä", "%00", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		p, err := newFormPart(&multipart.Part{Header: textproto.MIMEHeader{"Content-Disposition": {`form-data; name="files"; filename="` + name + `"`}}})
		if err != nil {
			return
		}
		path, err := p.path()
		if err == nil && (path == "" || !utf8.ValidString(path)) {
			t.Errorf("%q is the path %q", name, path)
		}
		if plain := strings.Trim(name, "abcdefghijklmnopqrstuvwxyz/.+") == "" && name != ""; plain && path != name {
			t.Errorf("%q is the path %q, %v", name, path, err)
		}
	})
}

// FuzzListToken: a token that was not given for a listing is refused, one that was is read back.
func FuzzListToken(f *testing.F) {
	l := listing{packageID: 1, path: "a/"}
	f.Add(l.mark(&core.MemberPlace{Path: "a/b"}), "a/b", true)
	f.Add("x", "", false)
	f.Fuzz(func(t *testing.T, token, path string, prefix bool) {
		if at, err := l.place(token); err == nil && l.mark(at) != token {
			t.Errorf("token %q is read as %+v, whose token is %q", token, at, l.mark(at))
		}
		if len(path) > core.MaxKey {
			return
		}
		given := l.mark(&core.MemberPlace{Path: path, Prefix: prefix})
		if at, err := l.place(given); err != nil || *at != (core.MemberPlace{Path: path, Prefix: prefix}) {
			t.Errorf("the token of %q, %t is read as %+v, %v", path, prefix, at, err)
		}
		other := listing{packageID: 2, path: "a/"}
		if _, err := other.place(given); err == nil {
			t.Errorf("the token of %q is taken for another package", path)
		}
	})
}

// FuzzRange: a Range header is one range or none.
func FuzzRange(f *testing.F) {
	for _, s := range []string{"bytes=0-1", "bytes=-1", "bytes=1-", "bytes=1-0", "bytes=0-1,2-3", "bytes=99999999999999999999-", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := parseRange(s)
		if r != nil && (!strings.HasPrefix(s, "bytes=") || r.First >= 0 && r.Last >= 0 && r.Last < r.First || strings.Contains(s, ",")) {
			t.Errorf("%q is the range %+v", s, r)
		}
	})
}
