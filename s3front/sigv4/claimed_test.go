package sigv4

import (
	"net/http"
	"strings"
	"testing"
)

func TestClaimedKey(t *testing.T) {
	const scope = "/20261120/us-east-1/s3/aws4_request"
	long := strings.Repeat("k", 200)
	for _, tt := range []struct{ header, query, want string }{
		{"", "", ""},
		{"AWS4-HMAC-SHA256 Credential=AKIA" + scope + ", SignedHeaders=host, Signature=00ff", "", "AKIA"},
		{"AWS4-HMAC-SHA256 SignedHeaders=host,Signature=00ff,Credential=a/b" + scope, "", "a/b"},
		{"AWS4-HMAC-SHA256 Credential=AKIA/half", "", "AKIA"},
		{"AWS4-HMAC-SHA256 Credential=" + long + scope, "", long[:128]},
		{"AWS4-ECDSA-P256-SHA256 Credential=AKIA/20261120/s3/aws4_request, Signature=00ff", "", "AKIA"},
		{"AWS4-HMAC-SHA256 Signature=00ff", "", ""},
		{"AWS AKIA:c2lnbmF0dXJl", "", "AKIA"},
		{"AWS c2lnbmF0dXJl", "", ""},
		{"Basic dXNlcjpwYXNzd29yZA==", "", ""},
		{"Bearer token", "", ""},
		{"", "X-Amz-Credential=AKIA%2F20261120%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=00ff", "AKIA"},
		{"", "AWSAccessKeyId=AKIA&Signature=c2ln&Expires=1", "AKIA"},
		{"", "X-Amz-Signature=00ff", ""},
	} {
		q, err := ParseQuery(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		r := &http.Request{Header: http.Header{}}
		if tt.header != "" {
			r.Header.Set("Authorization", tt.header)
		}
		if got := ClaimedKey(r, q); got != tt.want {
			t.Errorf("ClaimedKey(%q, %q) = %q, want %q", tt.header, tt.query, got, tt.want)
		}
	}
}

// Every reason has words of its own.
func TestReasonWords(t *testing.T) {
	seen := make(map[string]bool)
	for r := MalformedHeader; r <= BadTrailer; r++ {
		if s := r.String(); s == "" || seen[s] {
			t.Errorf("reason %d is called %q", int(r), s)
		} else {
			seen[s] = true
		}
	}
}
