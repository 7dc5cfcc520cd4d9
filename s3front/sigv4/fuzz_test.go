package sigv4

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// FuzzAuthorization: a header nobody signed is refused by an *Error, whatever it looks like.
func FuzzAuthorization(f *testing.F) {
	good := docRequest("GET", "/test.txt", docCases()[0].headers).Header.Get("Authorization")
	f.Add(good)
	f.Add("AWS4-HMAC-SHA256 Credential=,SignedHeaders=,Signature=")
	f.Add("AWS a:b")
	v := docVerifier()
	f.Fuzz(func(t *testing.T, value string) {
		r := docRequest("GET", "/test.txt", docCases()[0].headers)
		r.Header.Set("Authorization", value)
		_, err := verify(v, r)
		if _, ok := errors.AsType[*Error](err); !ok && strings.ReplaceAll(value, " ", "") != strings.ReplaceAll(good, " ", "") && !sameFields(value, good) {
			t.Errorf("Verify(%q) = %v, want an *Error", value, err)
		}
	})
}

// sameFields tells whether both headers hold the same three fields: their order is free.
func sameFields(a, b string) bool {
	for part := range strings.SplitSeq(strings.TrimPrefix(b, algorithm+" "), ",") {
		if !strings.Contains(a, strings.TrimSpace(part)) {
			return false
		}
	}
	return true
}

// FuzzChunkReader: without the key nobody makes a signed stream that reads to its end, and an unsigned one
// that does has exactly the announced size.
func FuzzChunkReader(f *testing.F) {
	data := []byte("hello, chunked world")
	for _, p := range payloads() {
		_, body, _ := stream(f, p, data, 7)
		f.Add(body, uint16(len(data)))
	}
	a, good, _ := stream(f, StreamSigned, data, 7)
	f.Fuzz(func(t *testing.T, body []byte, size uint16) {
		got, err := io.ReadAll(a.Body(bytes.NewReader(body), int64(size), nil))
		if err == nil && !bytes.Equal(body, good) {
			t.Errorf("a forged stream was read to its end: %q", got)
		}
		unsigned := Auth{Payload: StreamUnsignedTrailer}
		got, err = io.ReadAll(unsigned.Body(bytes.NewReader(body), int64(size), []string{"x-amz-checksum-crc32"}))
		if err == nil && len(got) != int(size) {
			t.Errorf("%d bytes were read, %d announced", len(got), size)
		}
	})
}

// FuzzQuery: the canonical form is a fixed point, and net/url reads the same parameters from it.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{"a=1&b", "b=%2F&a=+", "a=%zz", "&&=&a==", "a;b=%C3%A9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := ParseQuery(raw)
		if err != nil {
			return
		}
		once := string(appendQuery(nil, q))
		again, err := ParseQuery(once)
		if twice := string(appendQuery(nil, again)); err != nil || once != twice {
			t.Errorf("canonical form of %q: %q, then %q, %v", raw, once, twice, err)
		}
		values, err := url.ParseQuery(once)
		if err != nil {
			t.Fatalf("net/url refuses the canonical form %q: %v", once, err)
		}
		for _, p := range again {
			if values.Get(p.Name) != again.Get(p.Name) {
				t.Errorf("net/url reads %q = %q, want %q", p.Name, values.Get(p.Name), again.Get(p.Name))
			}
		}
		r := httptest.NewRequest(http.MethodGet, "/b/k", nil)
		r.URL.RawQuery = raw
		if q.Has(paramAlgorithm) || q.Has(paramKey) || q.Has(paramSignature) || q.Has("Signature") {
			return
		}
		s := Signer{AccessKey: docKey, Secret: docSecret}
		if _, err := s.Sign(r, UnsignedPayload, docTime()); err != nil {
			t.Fatal(err)
		}
		if _, err := verify(docVerifier(), r); err != nil {
			t.Errorf("Verify(Sign(%q)) = %v", raw, err)
		}
	})
}

// FuzzPresigned: a query nobody signed is refused by an *Error or is nobody's, whatever it looks like; one that was
// signed means the same in any order.
func FuzzPresigned(f *testing.F) {
	r := docRequest(http.MethodGet, "/test.txt?a=b", "")
	s := Signer{AccessKey: docKey, Secret: docSecret}
	if err := s.Presign(r, time.Hour, docTime()); err != nil {
		f.Fatal(err)
	}
	good := r.URL.RawQuery
	f.Add(good)
	f.Add(strings.ReplaceAll(good, "X-Amz-", "x-amz-"))
	f.Add(strings.Replace(good, "Expires=3600", "Expires=-3600", 1))
	f.Add(good + "&X-Amz-Signature=" + strings.Repeat("0", 64))
	f.Add(good + "&X-Amz-Security-Token=a")
	f.Add("AWSAccessKeyId=a&Signature=b&Expires=1")
	v := docVerifier()
	f.Fuzz(func(t *testing.T, raw string) {
		r := docRequest(http.MethodGet, "/test.txt", "")
		r.URL.RawQuery = raw
		q, err := ParseQuery(raw)
		if err != nil {
			return
		}
		a, err := v.Verify(r, q, docLookup)
		if _, ok := errors.AsType[*Error](err); err != nil && !ok {
			t.Errorf("Verify(%q) = %v, want an *Error", raw, err)
		}
		signed, _ := ParseQuery(good)
		if err == nil && a.Kind != Anonymous && (string(appendQuery(nil, q)) != string(appendQuery(nil, signed)) || q.Get(paramSignature) != signed.Get(paramSignature)) {
			t.Errorf("Verify(%q) succeeds, signed was %q", raw, good)
		}
		if ClaimedKey(r, q); a.Kind == Anonymous && a.AccessKey != "" {
			t.Errorf("nobody has the key %q", a.AccessKey)
		}
	})
}

// FuzzCanonicalPath: the canonical form of a path is a fixed point, and means the same octets.
func FuzzCanonicalPath(f *testing.F) {
	for _, s := range []string{"", "/", "/b/k", "/b//k/", "/b/%2F", "/b/%2f%zz%", "/b/\u00fc+ ~", "/../%2e%2e/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		once := string(appendPath(nil, path))
		if twice := string(appendPath(nil, once)); once != twice {
			t.Errorf("canonical form of %q: %q, then %q", path, once, twice)
		}
		plain, err := url.PathUnescape(path)
		if got, err2 := url.PathUnescape(once); err == nil && path != "" && (err2 != nil || got != plain) {
			t.Errorf("%q means %q, its canonical form %q means %q", path, plain, once, got)
		}
		if strings.Count(once, "/") != max(1, strings.Count(path, "/")) && path != "" && strings.Contains(path, "/") {
			t.Errorf("%q has other slashes than %q", once, path)
		}
	})
}
