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
