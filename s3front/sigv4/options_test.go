package sigv4

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestOptions verifies what the options allow beyond S3's rules, and that S3's Verifier allows none of it.
func TestOptions(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	s3 := New(Config{Now: clock})
	wide := New(Config{
		Now: clock, Services: []string{"jcs", "s3"}, Twice: []string{"jcs"}, XExpires: true,
		Unsaid: func(_ *http.Request, kind Kind) ([]string, error) {
			if kind == Presigned {
				return []string{UnsignedPayload, ""}, nil
			}
			return []string{EmptyHash, ""}, nil
		},
	})
	lookup := func(context.Context, string) (string, bool, error) { return "secret", true, nil }
	verify := func(v *Verifier, r *http.Request) Reason {
		q, err := ParseQuery(r.URL.RawQuery)
		if err != nil {
			t.Fatal(err)
		}
		_, err = v.Verify(r, q, lookup)
		if e, ok := errors.AsType[*Error](err); ok {
			return e.Reason
		}
		if err != nil {
			t.Fatal(err)
		}
		return -1
	}
	header := func(service, payload string, twice bool) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/v1/a%20b?x=1", nil)
		s := Signer{AccessKey: "AK", Secret: "secret", Service: service}
		c := s.claim(now)
		r.Header.Set("X-Amz-Date", c.stamp)
		c.signed = signedNames(r)
		q, _ := ParseQuery(r.URL.RawQuery)
		canonical, err := appendCanonical(nil, r, q, canonicalParts{host: r.Host, signed: c.signed, payload: payload, twice: twice})
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", algorithm+" Credential=AK/"+c.scope+", SignedHeaders="+c.signed+", Signature="+signatureOf(&c, canonical))
		return r
	}
	for _, c := range []struct {
		what     string
		r        *http.Request
		s3, wide Reason
	}{
		{"hash of nothing", header("s3", EmptyHash, false), MissingPayloadHash, -1},
		{"no hash", header("jcs", "", false), MissingPayloadHash, -1},
		{"another hash", header("jcs", UnsignedPayload, false), MissingPayloadHash, Mismatch},
		{"twice", header("jcs", "", true), MissingPayloadHash, -1},
		{"twice for s3", header("s3", "", true), MissingPayloadHash, Mismatch},
		{"another service", header("ec2", "", false), MissingPayloadHash, MalformedHeader},
		{"presigned", presigned(t, now, "X-Amz-Expires", "60"), -1, -1},
		{"X-Expires", presigned(t, now, "X-Expires", "60"), MalformedQuery, -1},
		{"X-Expires too long", presigned(t, now, "X-Expires", "604801"), MalformedQuery, MalformedQuery},
		{"X-Expires over", presigned(t, now.Add(-2*time.Minute), "X-Expires", "60"), MalformedQuery, Expired},
	} {
		if got := verify(s3, c.r); got != c.s3 {
			t.Errorf("%s for S3: %v, want %v", c.what, int(got), int(c.s3))
		}
		if got := verify(wide, c.r); got != c.wide {
			t.Errorf("%s with options: %v, want %v", c.what, int(got), int(c.wide))
		}
	}
}

// signatureOf signs a canonical request with the key "secret".
func signatureOf(c *claim, canonical []byte) string {
	key := signingKey("secret", c.date, c.region, c.service)
	sum := sumHex(canonical)
	out := sign(&key, append(appendStringToSign(appendPad(nil), algorithm, c.stamp, c.scope), sum...))
	return string(out[:])
}

// presigned is a presigned request whose lifetime stands in that parameter.
func presigned(t *testing.T, at time.Time, name, seconds string) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/v1/x", nil)
	s := Signer{AccessKey: "AK", Secret: "secret"}
	c := s.claim(at)
	c.signed = "host"
	q := Query{
		{Name: paramAlgorithm, Value: algorithm},
		{Name: paramKey, Value: "AK/" + c.scope},
		{Name: paramDate, Value: c.stamp},
		{Name: name, Value: seconds},
		{Name: paramSigned, Value: c.signed},
	}
	canonical, err := appendCanonical(nil, r, q, canonicalParts{host: r.Host, signed: c.signed, payload: UnsignedPayload})
	if err != nil {
		t.Fatal(err)
	}
	r.URL.RawQuery = strings.Join([]string{string(appendQuery(nil, q)), paramSignature + "=" + signatureOf(&c, canonical)}, "&")
	return r
}

func sumHex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
