package s3front

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"trivium/core"
	"trivium/s3front/sigv4"
)

// authenticate verifies the signature, if there is one, and fills in r.auth and r.principal.
func (d *door) authenticate(ctx context.Context, r *request) error {
	r.principal = core.Anonymous()
	var found core.Credentials
	known, unknown := "", false
	auth, err := d.verifier.Verify(r.Request, r.query, func(ctx context.Context, key string) (string, bool, error) {
		c, err := d.cfg.Service.KeyCredentials(ctx, key)
		unknown = err != nil && core.CodeOf(err) == core.Unauthorized
		if err != nil && !unknown {
			return "", false, err
		}
		if found = c; !unknown {
			known = key
		}
		return c.Secret, !unknown, nil
	}, r.hosts()...)
	if err != nil {
		r.unknownKey = unknown
		if known != "" {
			d.cfg.Service.RefuseKey(ctx, known, found)
		}
		if unknown && d.cfg.NameUnknownKeys {
			return &apiError{code: invalidAccessKeyID}
		}
		return err
	}
	r.auth = auth
	if auth.Kind != sigv4.Anonymous {
		r.principal = found.Principal
	}
	r.principal.Door, r.principal.RequestID = "s3", r.id
	return nil
}

// hoist gives headers that a client moved into the query their place, as presigning clients do: x-amz-acl=... in a
// query means what the header means, in every request, and must never be dropped. What could be no header is refused.
// The one exception are guesses of SDKs that sign before there is a body, see guessed.
func hoist(r *request) error {
	guess := guessed(r)
	for _, p := range r.query {
		if len(p.Name) <= 6 || !strings.EqualFold(p.Name[:6], "x-amz-") || slices.Contains(guess, p) {
			continue
		}
		name, value := http.CanonicalHeaderKey(p.Name), strings.Trim(p.Value, " \t")
		switch name {
		case "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Signedheaders",
			"X-Amz-Signature":
			continue // the signature's own
		case "X-Amz-Content-Sha256":
			if value != r.auth.PayloadWord {
				return badArgument(p.Name, p.Value, "The parameter is not what this request says about its payload.")
			}
			continue
		}
		if !headerName(p.Name) || strings.ContainsFunc(value, unicode.IsControl) {
			return badArgument(p.Name, p.Value, "The parameter could be no header.")
		}
		if !slices.Contains(r.Header[name], value) {
			r.Header[name] = append(r.Header[name], value)
		}
	}
	return nil
}

// guessed returns the parameters of a presigned URL that say something of a body that its signer did not have. The
// AWS SDK for JavaScript puts the checksum of nothing into every URL for PutObject and UploadPart since it sends
// checksums by default (3.729), beside the algorithm; AWS ignores checksums in the query altogether. Any other checksum
// holds here: its signer meant it.
func guessed(r *request) sigv4.Query {
	if r.auth.Kind != sigv4.Presigned || r.Method != http.MethodPut || r.Header["X-Amz-Copy-Source"] != nil {
		return nil
	}
	var guess, algorithms sigv4.Query
	for _, p := range r.query {
		name := http.CanonicalHeaderKey(p.Name)
		switch name {
		case "X-Amz-Copy-Source":
			return nil
		case "X-Amz-Sdk-Checksum-Algorithm":
			algorithms = append(algorithms, p)
			continue
		}
		suffix, ok := strings.CutPrefix(name, checksumHeader)
		if a, err := algorithmNamed(suffix); ok && err == nil && p.Value == base64.StdEncoding.EncodeToString(a.ofNothing()) {
			guess = append(guess, p)
		}
	}
	if guess == nil {
		return nil
	}
	return append(guess, algorithms...)
}

// headerName tells whether s can be the name of a header (RFC 9110 §5.1).
func headerName(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || strings.IndexByte(`"(),/:;<=>?@[\]{}`, s[i]) >= 0 {
			return false
		}
	}
	return s != ""
}

// checkExpectedOwner honours x-amz-expected-bucket-owner and, on the bucket that a copy reads,
// x-amz-source-expected-bucket-owner.
func checkExpectedOwner(ctx context.Context, r *request, se *core.Session) error {
	if err := expectOwner(ctx, se, r.bucket, r.Header["X-Amz-Expected-Bucket-Owner"]); err != nil {
		return err
	}
	want := r.Header["X-Amz-Source-Expected-Bucket-Owner"]
	if len(want) == 0 {
		return nil
	}
	src, err := parseCopySource(r.Header.Get("X-Amz-Copy-Source"))
	if err != nil {
		return err
	}
	return expectOwner(ctx, se, src.Bucket, want)
}

// expectOwner refuses a bucket of another owner than want names, if it names one.
func expectOwner(ctx context.Context, se *core.Session, bucket string, want []string) error {
	if len(want) == 0 {
		return nil
	}
	b, err := se.Bucket(ctx, bucket)
	if err != nil {
		return err
	}
	if want[0] != canonicalID(b.Owner) {
		return &apiError{code: accessDenied}
	}
	return nil
}
