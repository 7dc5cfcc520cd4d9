package nativeapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"trivium/core"
	"trivium/s3front/sigv4"
)

// paramToken is the parameter of URLs that object/presign makes.
const paramToken = "X-Trivium-Token" //nolint:gosec // its name, not its value

// newVerifier makes the verifier of signatures: services jcs and s3, any region.
func newVerifier(now func() time.Time) *sigv4.Verifier {
	return sigv4.New(sigv4.Config{
		Services: []string{"jcs", "s3"}, Twice: []string{"jcs"}, XExpires: true, Now: now, Unsaid: unsaid,
	})
}

// bodyKey is where authenticate leaves how to read a body that the signature covers, for unsaid.
type bodyKey struct{}

// unsaid are the hashes that count where a request announces none: that of the body for JSON and GET requests; a
// multipart or raw body is not covered.
func unsaid(r *http.Request, kind sigv4.Kind) ([]string, error) {
	if kind == sigv4.Presigned {
		return []string{sigv4.UnsignedPayload, ""}, nil
	}
	read, ok := r.Context().Value(bodyKey{}).(func() ([]byte, error))
	if !ok {
		return []string{"", sigv4.UnsignedPayload, sigv4.EmptyHash}, nil
	}
	body, err := read()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	return []string{hex.EncodeToString(sum[:])}, nil
}

// authenticate finds out who makes a request, by what it carries. With Unauthorized the challenges are in w.
func (d *native) authenticate(ctx context.Context, w http.ResponseWriter, r *request, e *endpoint) (core.Principal, error) {
	if d.local != nil {
		return *d.local, nil
	}
	p, err := d.caller(ctx, r, e)
	if err != nil && (core.CodeOf(err) == core.Unauthorized || isRefused(err)) {
		w.Header().Add("WWW-Authenticate", `Bearer realm="trivium"`)
		if d.cfg.Service.MayAsk(core.RemoteOf(r.RemoteAddr, r.TLS != nil)) == nil {
			w.Header().Add("WWW-Authenticate", challenge)
		}
	}
	return p, err
}

// isRefused tells a signature that was refused.
func isRefused(err error) bool {
	_, ok := errors.AsType[*sigv4.Error](err)
	return ok
}

// caller is who makes a request.
func (d *native) caller(ctx context.Context, r *request, e *endpoint) (core.Principal, error) {
	svc := d.cfg.Service
	if token, ok := bearer(r.Request); ok {
		return svc.TokenPrincipal(ctx, token, core.TokenUse{})
	}
	if name, password, ok := r.BasicAuth(); ok {
		// Browsers add such credentials to what any page sends.
		if err := http.NewCrossOriginProtection().Check(r.Request); err != nil {
			return core.Principal{}, &refusal{http.StatusForbidden, "Forbidden", "requests of other origins are refused"}
		}
		return svc.Basic(ctx, name, password, core.RemoteOf(r.RemoteAddr, r.TLS != nil))
	}
	if token := r.query.Get(paramToken); token != "" {
		return svc.TokenPrincipal(ctx, token, core.TokenUse{URL: signedText(r.Method, r.URL.Path, r.query)})
	}
	return d.signed(ctx, r, e)
}

// signed is who has signed a request.
func (d *native) signed(ctx context.Context, r *request, e *endpoint) (core.Principal, error) {
	q, err := sigv4.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return core.Principal{}, err
	}
	in := r.Request
	if e.body == jsonBody || e.body == noBody {
		in = in.WithContext(context.WithValue(ctx, bodyKey{}, r.readBody))
	}
	var found core.Credentials
	known := ""
	auth, err := d.verifier.Verify(in, q, func(ctx context.Context, key string) (string, bool, error) {
		c, err := d.cfg.Service.KeyCredentials(ctx, key)
		if err != nil && core.CodeOf(err) != core.Unauthorized {
			return "", false, err
		}
		if found = c; err == nil {
			known = key
		}
		return c.Secret, err == nil, nil
	}, publicHosts(d.cfg.PublicURL)...)
	if err != nil {
		if known != "" && isRefused(err) {
			d.cfg.Service.RefuseKey(ctx, known, found)
		}
		return core.Principal{}, err
	}
	if auth.Kind == sigv4.Anonymous {
		return core.Principal{}, &core.Error{
			Code: core.Unauthorized, Msg: "there are no credentials: sign the request, or give name and password or a token",
		}
	}
	r.auth = auth
	if auth.Payload.Chunked() {
		return core.Principal{}, badArgument("x-amz-content-sha256: aws-chunked bodies are not taken here")
	}
	if auth.Payload == sigv4.Hashed {
		r.Body = &hashedBody{ReadCloser: r.Body, sum: sha256.New(), want: auth.PayloadHash}
	}
	return found.Principal, nil
}

// publicHosts are the Host headers that clients of a public URL may send, and sign: with and without the port that its
// scheme has anyway.
func publicHosts(public string) []string {
	u, err := url.Parse(public)
	if err != nil || u.Host == "" {
		return nil
	}
	host, standard := strings.ToLower(u.Host), map[string]string{"http": "80", "https": "443"}[u.Scheme]
	switch u.Port() {
	case "":
		return []string{host, host + ":" + standard}
	case standard:
		return []string{strings.TrimSuffix(host, ":"+standard), host}
	}
	return []string{host}
}

// hashedBody ends with an error unless the body is that of the hash.
type hashedBody struct {
	io.ReadCloser
	sum  hash.Hash
	want string
}

// Read implements io.Reader.
func (b *hashedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.sum.Write(p[:n])
	if errors.Is(err, io.EOF) && hex.EncodeToString(b.sum.Sum(nil)) != b.want {
		return n, &core.Error{Code: core.BadDigest, Msg: "x-amz-content-sha256: the body has another SHA-256"}
	}
	return n, err
}

// signedText is the one request that a URL of object/presign allows: which bytes of a download are read is free.
func signedText(method, path string, q url.Values) string {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	bound := url.Values{}
	for name, values := range q {
		switch name {
		case paramToken, "offset", "length":
		default:
			bound[name] = values
		}
	}
	return method + " " + path + "?" + bound.Encode()
}

// readBody reads the JSON body, once: its memory is the request's until the request is answered.
func (r *request) readBody() ([]byte, error) {
	if r.body != nil {
		return r.body, nil
	}
	body, err := r.document(r.Body)
	if err == nil {
		r.body = body
		r.Body = io.NopCloser(bytes.NewReader(nil))
	}
	return body, err
}
