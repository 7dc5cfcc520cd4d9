package s3front

import (
	"context"
	"net/http"
	"strings"

	"trivium/core"
	"trivium/s3front/sigv4"
)

// authenticate verifies the signature, if there is one, and fills in r.auth and r.principal.
func (d *door) authenticate(r *request) error {
	r.principal = core.Anonymous()
	var found core.Principal
	unknown := false
	auth, err := d.verifier.Verify(r.Request, r.query, func(ctx context.Context, key string) (string, bool, error) {
		c, err := d.cfg.Service.KeyCredentials(ctx, key)
		unknown = err != nil && core.CodeOf(err) == core.Unauthorized
		if err != nil && !unknown {
			return "", false, err
		}
		found = c.Principal
		return c.Secret, !unknown, nil
	})
	if err != nil {
		if unknown && d.cfg.NameUnknownKeys {
			return &apiError{code: invalidAccessKeyID}
		}
		return err
	}
	r.auth = auth
	if auth.Kind != sigv4.Anonymous {
		r.principal = found
	}
	r.principal.Door, r.principal.RequestID = "s3", r.id
	if auth.Kind == sigv4.Presigned {
		hoist(r)
	}
	return nil
}

// hoist gives headers that a presigning client moved into the query their place: x-amz-acl=... in a signed
// query means what the header means, and must not be dropped.
func hoist(r *request) {
	for _, p := range r.query {
		if len(p.Name) <= 6 || !strings.EqualFold(p.Name[:6], "x-amz-") {
			continue
		}
		switch name := http.CanonicalHeaderKey(p.Name); name {
		case "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Signedheaders",
			"X-Amz-Signature", "X-Amz-Content-Sha256":
		default:
			if _, ok := r.Header[name]; !ok {
				r.Header[name] = []string{p.Value}
			}
		}
	}
}

// checkExpectedOwner honours x-amz-expected-bucket-owner.
func checkExpectedOwner(ctx context.Context, r *request, se *core.Session) error {
	want := r.Header["X-Amz-Expected-Bucket-Owner"]
	if len(want) == 0 || r.bucket == "" || r.op == "CreateBucket" {
		return nil
	}
	b, err := se.Bucket(ctx, r.bucket)
	if err != nil {
		return err
	}
	if len(want) > 1 || want[0] != canonicalID(b.Owner) {
		return &apiError{code: accessDenied}
	}
	return nil
}
