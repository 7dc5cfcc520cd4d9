package sigv4

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The examples of "Authenticating Requests (AWS Signature Version 4)" in the S3 API reference.
const (
	docKey    = "AKIAIOSFODNN7EXAMPLE"
	docSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	docStamp  = "20130524T000000Z"
	docHost   = "examplebucket.s3.amazonaws.com"
)

func docTime() time.Time { return time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC) }

func docLookup(_ context.Context, key string) (string, bool, error) {
	if key == docKey {
		return docSecret, true, nil
	}
	return "dummy", false, nil
}

func docVerifier() *Verifier { return New(Config{Now: docTime}) }

// docRequest builds a request as a server sees it from lines "Name: value".
func docRequest(method, target, headers string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.Host = docHost
	for line := range strings.SplitSeq(headers, "\n") {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			if strings.EqualFold(name, "host") {
				r.Host = value
				continue
			}
			r.Header.Add(name, value)
		}
	}
	return r
}

func verify(v *Verifier, r *http.Request) (Auth, error) {
	q, err := ParseQuery(r.URL.RawQuery)
	if err != nil {
		return Auth{}, err
	}
	return v.Verify(r, q, docLookup)
}

func authorization(signed, signature string) string {
	return "\nAuthorization: AWS4-HMAC-SHA256 Credential=" + docKey + "/20130524/us-east-1/s3/aws4_request," +
		"SignedHeaders=" + signed + ",Signature=" + signature
}

type docCase struct {
	name, method, target, headers string
	kind                          Kind
	payload                       Payload
}

func docCases() []docCase {
	empty := "x-amz-content-sha256: " + EmptyHash + "\nx-amz-date: " + docStamp
	return []docCase{
		{"get object", "GET", "/test.txt", "Range: bytes=0-9\n" + empty +
			authorization("host;range;x-amz-content-sha256;x-amz-date", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"), Header, Hashed},
		{"put object", "PUT", "/test$file.text", "Date: Fri, 24 May 2013 00:00:00 GMT\nx-amz-date: " + docStamp +
			"\nx-amz-storage-class: REDUCED_REDUNDANCY\nx-amz-content-sha256: 44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072" +
			authorization("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"), Header, Hashed},
		{"get lifecycle", "GET", "/?lifecycle", empty +
			authorization("host;x-amz-content-sha256;x-amz-date", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"), Header, Hashed},
		{"list", "GET", "/?max-keys=2&prefix=J", empty +
			authorization("host;x-amz-content-sha256;x-amz-date", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"), Header, Hashed},
		{"presigned", "GET", "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + docKey +
			"%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=" + docStamp + "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host" +
			"&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404", "", Presigned, Unsigned},
		{"chunked", "PUT", "/examplebucket/chunkObject.txt", chunkedHeaders(), Header, StreamSigned},
		{"chunked with trailer", "PUT", "/examplebucket/chunkObject.txt", trailerHeaders(), Header, StreamSignedTrailer},
	}
}

func chunkedHeaders() string {
	return "Host: s3.amazonaws.com\nx-amz-date: " + docStamp + "\nx-amz-storage-class: REDUCED_REDUNDANCY\n" +
		"x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\nContent-Encoding: aws-chunked\n" +
		"x-amz-decoded-content-length: 66560\nContent-Length: 66824" +
		authorization("content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class",
			"4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9")
}

func trailerHeaders() string {
	return "Host: s3.amazonaws.com\nx-amz-date: " + docStamp + "\nx-amz-storage-class: REDUCED_REDUNDANCY\n" +
		"x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER\nContent-Encoding: aws-chunked\n" +
		"x-amz-decoded-content-length: 66560\nx-amz-trailer: x-amz-checksum-crc32c" +
		authorization("content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer",
			"106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e")
}

func TestDocumentedRequests(t *testing.T) {
	v := docVerifier()
	for _, c := range docCases() {
		t.Run(c.name, func(t *testing.T) {
			for range 2 { // derived key made, then remembered
				a, err := verify(v, docRequest(c.method, c.target, c.headers))
				if err != nil {
					t.Fatalf("Verify = %v, want success", err)
				}
				if a.Kind != c.kind || a.Payload != c.payload || a.AccessKey != docKey || a.Region != "us-east-1" {
					t.Errorf("Verify = %+v, want kind %v, payload %v", a, c.kind, c.payload)
				}
			}
		})
	}
}

// TestEveryBitCounts alters each part of a request that the signature covers.
func TestEveryBitCounts(t *testing.T) {
	for _, c := range docCases() {
		mutations := map[string]func(*http.Request){
			"method":  func(r *http.Request) { r.Method = "POST" },
			"path":    func(r *http.Request) { r.URL.Path += "x"; r.URL.RawPath = "" },
			"query":   func(r *http.Request) { r.URL.RawQuery += "&a=b" },
			"host":    func(r *http.Request) { r.Host = "other" },
			"payload": func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", strings.Repeat("0", 64)) },
		}
		for name, mutate := range mutations {
			r := docRequest(c.method, c.target, c.headers)
			mutate(r)
			want := Mismatch
			if name == "payload" && c.kind == Presigned {
				want = UnsignedHeaders
			}
			_, err := verify(docVerifier(), r)
			if e, ok := errors.AsType[*Error](err); !ok || e.Reason != want {
				t.Errorf("%s with another %s = %v, want reason %d", c.name, name, err, want)
			}
		}
	}
}

// TestRefusalsCostTheSame counts derivations, of which a remembered key saves the accepted requests one.
func TestRefusalsCostTheSame(t *testing.T) {
	good := docCases()[0].headers
	wrong := strings.Replace(good, "Signature=f", "Signature=0", 1)
	unknown := strings.Replace(good, docKey, "NOBODY", 1)
	if wrong == good || unknown == good {
		t.Fatal("the example has changed")
	}
	v := docVerifier()
	derived := 0
	v.derive = func(secret, date, region, service string) [32]byte {
		derived++
		return signingKey(secret, date, region, service)
	}
	for i, tt := range []struct {
		headers string
		refused bool
		want    int
	}{
		{wrong, true, 1}, {unknown, true, 1}, {good, false, 1}, {good, false, 0}, {wrong, true, 1}, {unknown, true, 1}, {good, false, 0},
	} {
		derived = 0
		_, err := verify(v, docRequest("GET", "/test.txt", tt.headers))
		if (err != nil) != tt.refused || derived != tt.want {
			t.Errorf("request %d = %v with %d derivations, want %d", i, err, derived, tt.want)
		}
	}
}

func TestUnknownKeyTakesTheSamePath(t *testing.T) {
	r := docRequest("GET", "/test.txt", docCases()[0].headers)
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), docKey, "NOBODY", 1))
	_, err := verify(docVerifier(), r)
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Reason != Mismatch || e.Key != "NOBODY" {
		t.Fatalf("Verify with an unknown key = %v, want Mismatch", err)
	}
	// Even a right signature under the dummy secret of an unknown key is refused.
	s := Signer{AccessKey: "NOBODY", Secret: "dummy"}
	r = httptest.NewRequest(http.MethodGet, "/b/k", nil)
	if _, err := s.Sign(r, EmptyHash, docTime()); err != nil {
		t.Fatal(err)
	}
	if _, err := verify(docVerifier(), r); !errors.As(err, &e) || e.Reason != Mismatch {
		t.Errorf("Verify of an unknown key's signature = %v, want Mismatch", err)
	}
	fault := errors.New("store is down")
	q, _ := ParseQuery("")
	_, err = docVerifier().Verify(r, q, func(context.Context, string) (string, bool, error) { return "", false, fault })
	if !errors.Is(err, fault) {
		t.Errorf("Verify with a failing lookup = %v, want its error", err)
	}
}

func TestMalformedAuthorization(t *testing.T) {
	good := docRequest("GET", "/test.txt", docCases()[0].headers).Header.Get("Authorization")
	cut := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	cases := []struct {
		name, value string
		want        Reason
	}{
		{"nothing behind the scheme", "AWS4-HMAC-SHA256", MalformedHeader},
		{"empty", "AWS4-HMAC-SHA256 ", MalformedHeader},
		{"no credential", cut("Credential=", "X="), MalformedHeader},
		{"no signature", good[:strings.Index(good, ",Signature")], MalformedHeader},
		{"repeated", good + "," + good[strings.Index(good, "Signature"):], MalformedHeader},
		{"trailing comma", good + ",", MalformedHeader},
		{"unknown field", good + ",Extra=1", MalformedHeader},
		{"short signature", good[:len(good)-1], MalformedHeader},
		{"upper case signature", strings.ToUpper(good[len(good)-64:]), UnsupportedScheme},
		{"upper case hex", good[:len(good)-64] + strings.ToUpper(good[len(good)-64:]), MalformedHeader},
		{"no key", cut(docKey, ""), MalformedHeader},
		{"key with a space", cut(docKey, "a b"), MalformedHeader},
		{"long key", cut(docKey, strings.Repeat("K", 129)), MalformedHeader},
		{"too few parts", cut("/us-east-1/s3", "/us-east-1"), MalformedHeader},
		{"date of 7 digits", cut("20130524", "2013052"), MalformedHeader},
		{"date with a letter", cut("20130524", "2013052x"), MalformedHeader},
		{"other day", cut("20130524", "20130523"), MalformedHeader},
		{"no region", cut("us-east-1", ""), MalformedHeader},
		{"other service", cut("/s3/", "/ec2/"), MalformedHeader},
		{"other end", cut("aws4_request", "aws5_request"), MalformedHeader},
		{"no signed headers", cut("host;range;x-amz-content-sha256;x-amz-date", ""), MalformedHeader},
		{"empty name", cut("host;range", "host;;range"), MalformedHeader},
		{"unsorted", cut("host;range", "range;host"), MalformedHeader},
		{"repeated name", cut("host;range", "host;host;range"), MalformedHeader},
		{"upper case name", cut("host;range", "Host;range"), MalformedHeader},
		{"host unsigned", cut("host;range", "range"), UnsignedHeaders},
		{"amz header unsigned", cut(";x-amz-date", ""), UnsignedHeaders},
		{"missing header signed", cut("host;range", "host;missing;range"), Mismatch},
		{"version 2", "AWS AKIA:frJIUN8DYpKDtOLCwo//yllqDzg=", UnsupportedVersion},
		{"version 4a", "AWS4-ECDSA-P256-SHA256 Credential=a/b", UnsupportedVariant},
		{"basic", "Basic dTpw", UnsupportedScheme},
		{"one word", "AWS4-HMAC-SHA256x", UnsupportedVariant},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := docRequest("GET", "/test.txt", docCases()[0].headers)
			r.Header.Set("Authorization", c.value)
			_, err := verify(docVerifier(), r)
			if e, ok := errors.AsType[*Error](err); !ok || e.Reason != c.want {
				t.Errorf("Verify(%q) = %v, want reason %d", c.value, err, c.want)
			}
		})
	}
}

func TestRefusedHeaders(t *testing.T) {
	cases := []struct {
		name   string
		mutate func(r *http.Request)
		want   Reason
	}{
		{"no date", func(r *http.Request) { r.Header.Del("X-Amz-Date") }, MissingDate},
		{"two dates", func(r *http.Request) { r.Header.Add("X-Amz-Date", docStamp) }, MissingDate},
		{"date in another form", func(r *http.Request) { r.Header.Set("X-Amz-Date", "2013-05-24T00:00:00Z") }, MissingDate},
		{"date with fraction", func(r *http.Request) { r.Header.Set("X-Amz-Date", "20130524T000000.5Z") }, MissingDate},
		{"no payload hash", func(r *http.Request) { r.Header.Del("X-Amz-Content-Sha256") }, MissingPayloadHash},
		{"bad payload hash", func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "abc") }, BadPayloadHash},
		{"upper case payload hash", func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", strings.ToUpper(EmptyHash)) }, BadPayloadHash},
		{"ecdsa stream", func(r *http.Request) {
			r.Header.Set("X-Amz-Content-Sha256", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD")
		}, UnsupportedVariant},
		{"added amz header", func(r *http.Request) { r.Header.Set("X-Amz-Acl", "public-read") }, UnsignedHeaders},
		{"security token", func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "t") }, UnsupportedToken},
		{"two authorizations", func(r *http.Request) { r.Header.Add("Authorization", "x") }, MultipleMechanisms},
		{"header and query", func(r *http.Request) { r.URL.RawQuery = "X-Amz-Signature=x" }, MultipleMechanisms},
		{"header and version 2 query", func(r *http.Request) { r.URL.RawQuery = "AWSAccessKeyId=x&Signature=x" }, MultipleMechanisms},
		{"broken query", func(r *http.Request) { r.URL.RawQuery = "a=%zz" }, BadEncoding},
		{"cut query", func(r *http.Request) { r.URL.RawQuery = "a=%a" }, BadEncoding},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := docRequest("GET", "/test.txt", docCases()[0].headers)
			c.mutate(r)
			_, err := verify(docVerifier(), r)
			if e, ok := errors.AsType[*Error](err); !ok || e.Reason != c.want {
				t.Errorf("Verify = %v, want reason %d", err, c.want)
			}
		})
	}
}

func TestSkew(t *testing.T) {
	for _, c := range []struct {
		shift time.Duration
		ok    bool
	}{{0, true}, {15 * time.Minute, true}, {-15 * time.Minute, true}, {15*time.Minute + time.Second, false}, {-15*time.Minute - time.Second, false}} {
		v := New(Config{Now: func() time.Time { return docTime().Add(c.shift) }})
		_, err := verify(v, docRequest("GET", "/test.txt", docCases()[0].headers))
		e, _ := errors.AsType[*Error](err)
		if (err == nil) != c.ok || err != nil && e.Reason != Skewed {
			t.Errorf("Verify %v later = %v, want success %v", c.shift, err, c.ok)
		}
	}
}

func TestPresignedTimes(t *testing.T) {
	s := Signer{AccessKey: docKey, Secret: docSecret, Region: "anywhere-9"}
	cases := []struct {
		expires, shift time.Duration
		want           Reason
		ok             bool
	}{
		{time.Second, 0, 0, true},
		{time.Second, time.Second, 0, true},
		{time.Second, 2 * time.Second, Expired, false},
		{maxExpires * time.Second, 7 * 24 * time.Hour, 0, true},
		{maxExpires * time.Second, 7*24*time.Hour + time.Second, Expired, false},
		{time.Minute, -15 * time.Minute, 0, true},
		{time.Minute, -15*time.Minute - time.Second, NotYetValid, false},
		{0, 0, MalformedQuery, false},
		{-time.Second, 0, MalformedQuery, false},
		{(maxExpires + 1) * time.Second, 0, MalformedQuery, false},
	}
	for _, c := range cases {
		r := httptest.NewRequest(http.MethodGet, "/b/k%2Fx?versionId=3&empty&a=1&a=0", nil)
		if err := s.Presign(r, c.expires, docTime()); err != nil {
			t.Fatal(err)
		}
		a, err := verify(New(Config{Now: func() time.Time { return docTime().Add(c.shift) }}), r)
		e, _ := errors.AsType[*Error](err)
		if (err == nil) != c.ok || err != nil && e.Reason != c.want {
			t.Errorf("Verify, expires %v, %v later = %v, want reason %d, success %v", c.expires, c.shift, err, c.want, c.ok)
		}
		if c.ok && (a.Kind != Presigned || a.Region != "anywhere-9") {
			t.Errorf("Verify = %+v, want a presigned request of region anywhere-9", a)
		}
	}
}

func TestMalformedPresigned(t *testing.T) {
	_, good, _ := strings.Cut(docCases()[4].target, "?")
	cases := []struct {
		old, new string
		want     Reason
	}{
		{"X-Amz-Algorithm=AWS4-HMAC-SHA256&", "", MalformedQuery},
		{"AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1", MalformedQuery},
		{"X-Amz-Date=20130524T000000Z&", "", MalformedQuery},
		{"X-Amz-Date=20130524T000000Z", "X-Amz-Date=20130524", MalformedQuery},
		{"X-Amz-Date=20130524T000000Z", "X-Amz-Date=20130525T000000Z", MalformedQuery},
		{"X-Amz-Expires=86400&", "", MalformedQuery},
		{"86400", "soon", MalformedQuery},
		{"86400", "99999999999999999999", MalformedQuery},
		{"X-Amz-Expires=86400", "X-Amz-Expires=86400&X-Amz-Expires=1", MalformedQuery},
		{"X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=", MalformedQuery},
		{"X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=date", UnsignedHeaders},
		{"%2Fs3%2F", "%2Fsqs%2F", MalformedQuery},
		{"d404", "d40", MalformedQuery},
		{"d404", "d405", Mismatch},
		{"86400", "86399", Mismatch},
		{"X-Amz-Expires", "X-Amz-Security-Token=t&X-Amz-Expires", UnsupportedToken},
		{"X-Amz-Expires", "Signature=a&AWSAccessKeyId=b&X-Amz-Expires", MultipleMechanisms},
	}
	for _, c := range cases {
		r := docRequest("GET", "/test.txt?"+strings.Replace(good, c.old, c.new, 1), "")
		_, err := verify(docVerifier(), r)
		if e, ok := errors.AsType[*Error](err); !ok || e.Reason != c.want {
			t.Errorf("Verify with %q for %q = %v, want reason %d", c.new, c.old, err, c.want)
		}
	}
	r := docRequest("GET", "/k?AWSAccessKeyId=a&Expires=1&Signature=b", "")
	_, err := verify(docVerifier(), r)
	if e, ok := errors.AsType[*Error](err); !ok || e.Reason != UnsupportedVersion {
		t.Errorf("Verify of a version 2 query = %v, want UnsupportedVersion", err)
	}
}

func TestAnonymous(t *testing.T) {
	a, err := verify(docVerifier(), docRequest("GET", "/b/k?list-type=2", ""))
	if err != nil || a.Kind != Anonymous || a.AccessKey != "" || a.Payload != Unsigned {
		t.Errorf("Verify without credentials = %+v, %v, want anonymous", a, err)
	}
	_, err = verify(docVerifier(), docRequest("PUT", "/b/k", "x-amz-content-sha256: "+StreamPayload))
	if e, ok := errors.AsType[*Error](err); !ok || e.Reason != BadPayloadHash {
		t.Errorf("anonymous signed stream = %v, want BadPayloadHash", err)
	}
}

// TestSignVerify: what Sign makes, Verify accepts, whatever the spelling of path, query and headers.
func TestSignVerify(t *testing.T) {
	s := Signer{AccessKey: docKey, Secret: docSecret}
	for _, target := range []string{
		"/", "/b", "/b/", "/b//k", "/b/../k", "/b/%2e%2e/k", "/b/a%2Fb", "/b/a+b(1)!*'", "/b/%E4%BD%A0", "/b/a%20b",
		"/b?x", "/b?x=", "/b?x=&x", "/b?b=1&a=2&a=1&a", "/b?a=%2f&A=+&~=*", "/b?prefix=a/b&delimiter=%2F", "/b?&&a=b&", "/b?a=b=c",
	} {
		r := httptest.NewRequest(http.MethodPut, target, nil)
		r.Header.Set("X-Amz-Meta-A", "  two   spaces\tand a tab ")
		r.Header.Add("X-Amz-Meta-A", "twice")
		r.Header.Set("Content-Type", "text/plain")
		if _, err := s.Sign(r, UnsignedPayload, docTime()); err != nil {
			t.Fatal(err)
		}
		if _, err := verify(docVerifier(), r); err != nil {
			t.Errorf("Verify(Sign(%s)) = %v, want success", target, err)
		}
	}
}

func TestCanonicalForms(t *testing.T) {
	for in, want := range map[string]string{
		"": "/", "/a b": "/a%20b", "/%41%2f~": "/A%2F~", "/a+b": "/a%2Bb", "/%zz": "/%25zz", "/%e4": "/%E4", "//a/./..": "//a/./..",
	} {
		if got := string(appendPath(nil, in)); got != want {
			t.Errorf("appendPath(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"": "", "b=2&a=1": "a=1&b=2", "a=2&a=1&a": "a=&a=1&a=2", "a+b=c+d": "a%20b=c%20d", "X-Amz-Signature=1&z": "z=",
		"a=/": "a=%2F", "a-b=1&a=2": "a=2&a-b=1", "a%2Db=1": "a-b=1", "a=%c3%a9": "a=%C3%A9", "a;b=1": "a%3Bb=1",
	} {
		q, err := ParseQuery(in)
		if got := string(appendQuery(nil, q)); got != want || err != nil {
			t.Errorf("appendQuery(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
	for in, want := range map[string]string{"a": "a", " a  b ": "a b", "\ta   b    c": "a b c", "": "", "   ": ""} {
		if got := string(appendTrimmed(nil, in)); got != want {
			t.Errorf("appendTrimmed(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestKeyCache(t *testing.T) {
	k := newKeyCache(2)
	for i, key := range []string{"a", "b", "c", "c"} {
		k.put(&claim{accessKey: key, scope: "s"}, "secret", [32]byte{byte(i)})
	}
	if len(k.keys) != 2 {
		t.Errorf("cache of 2 holds %d keys", len(k.keys))
	}
	if got, ok := k.get(&claim{accessKey: "c", scope: "s"}, "secret"); !ok || got[0] != 3 {
		t.Errorf("get(c) = %v, %v, want the key put last", got[0], ok)
	}
	if _, ok := k.get(&claim{accessKey: "c", scope: "s"}, "changed"); ok {
		t.Error("get with a changed secret found the old key")
	}
	if _, ok := k.get(&claim{accessKey: "c", scope: "t"}, "secret"); ok {
		t.Error("get with another scope found a key")
	}
	v := New(Config{Now: docTime, Keys: 1})
	r := docRequest("GET", "/test.txt", docCases()[0].headers)
	r.Method = "HEAD"
	if _, err := verify(v, r); err == nil || len(v.keys.keys) != 0 {
		t.Errorf("a refused request left %d keys in the cache (%v)", len(v.keys.keys), err)
	}
}

func BenchmarkVerifyHeader(b *testing.B) {
	v, c := docVerifier(), docCases()[1]
	r := docRequest(c.method, c.target, c.headers)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(r, nil, docLookup); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyPresigned(b *testing.B) {
	v, c := docVerifier(), docCases()[4]
	r := docRequest(c.method, c.target, c.headers)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := verify(v, r); err != nil {
			b.Fatal(err)
		}
	}
}

// TestSign compares signatures with those of crypto/hmac, for texts around the length of a block.
func TestSign(t *testing.T) {
	key := signingKey("secret", "20261120", "us-east-1", "s3")
	for n := range 200 {
		text := bytes.Repeat([]byte{byte(n)}, n)
		h := hmac.New(sha256.New, key[:])
		h.Write(text)
		want := hex.EncodeToString(h.Sum(nil))
		padded := append(appendPad(nil), text...)
		if got := sign(&key, padded); string(got[:]) != want {
			t.Fatalf("sign(%d bytes) = %s, want %s", n, got, want)
		}
		if !bytes.Equal(padded, append(make([]byte, padSize), text...)) {
			t.Fatalf("sign(%d bytes) leaves %x", n, padded)
		}
	}
}

// TestOtherHosts: a signature may be made for the request's host or for one of the others that are named, and the
// refusal names all of them.
func TestOtherHosts(t *testing.T) {
	s := Signer{AccessKey: docKey, Secret: docSecret}
	for _, tt := range []struct {
		signed, host string
		others       []string
		want         bool
	}{
		{"a.test", "a.test", nil, true},
		{"a.test", "b.test", nil, false},
		{"a.test", "b.test", []string{"a.test"}, true},
		{"a.test:81", "b.test", []string{"c.test", "a.test:81"}, true},
		{"a.test", "b.test", []string{"a.test:80"}, false},
		{"a.test", "b.test", []string{"c.test", "d.test"}, false},
		{"[2001:db8::1]:9000", "b.test", []string{"[2001:db8::1]:9000"}, true},
	} {
		r := httptest.NewRequest(http.MethodGet, "/b/k", nil)
		r.Host = tt.signed
		if _, err := s.Sign(r, UnsignedPayload, docTime()); err != nil {
			t.Fatal(err)
		}
		r.Host = tt.host
		_, err := docVerifier().Verify(r, nil, docLookup, tt.others...)
		if (err == nil) != tt.want {
			t.Errorf("signed for %q, host %q or %q: %v, want success %t", tt.signed, tt.host, tt.others, err, tt.want)
		}
		for _, host := range append(tt.others, tt.host) {
			if err != nil && !strings.Contains(err.Error(), strconv.Quote(host)) {
				t.Errorf("refusal %q does not name the host %q", err, host)
			}
		}
	}
}
