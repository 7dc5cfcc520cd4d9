package s3front

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"trivium/s3front/sigv4"
)

// TestNoteReason: what the answer keeps to itself is told to the log: the key that was sent and what is wrong.
func TestNoteReason(t *testing.T) {
	type note struct{ key, reason string }
	noted := make(chan note, 16)
	e := newEnv(t, func(c *Config) {
		c.NoteReason = func(_ context.Context, key, reason string) { noted <- note{key, reason} }
	})
	header := func(name, value string) func(*http.Request, []byte) []byte {
		return func(r *http.Request, b []byte) []byte { r.Header.Set(name, value); return b }
	}
	presign := func(r *http.Request, _ []byte) []byte {
		signer := sigv4.Signer{AccessKey: adminKey, Secret: adminSecret}
		if err := signer.Presign(r, time.Minute, time.Unix(0, e.now.Load()).Add(-time.Hour)); err != nil {
			t.Error(err)
		}
		return nil
	}
	p := put("/bucket/k", "x")
	for _, tt := range []struct {
		call        call
		key, reason string
	}{
		{put("/bucket", ""), "", ""},
		{p, "", ""},
		{get("/bucket/absent"), "", ""},
		{p.as("anonymous"), "", ""},
		{p.as("alice"), "", ""},
		{p.as("AKIANOBODY"), "AKIANOBODY", "unknown key"},
		{p.then(header("X-Amz-Date", "20261120T090500Z")), adminKey, "wrong secret"},
		{p.then(header("X-Amz-Date", "20261120T100000Z")), adminKey, "clock skew"},
		{p.then(header("X-Amz-Meta-A", "b")), adminKey, "unsigned header"},
		{p.then(header("Authorization", "AWS AKIA\xff:abc=")), "AKIA?", "signature version 2"},
		{call{method: "GET", target: "/bucket/k", key: "anonymous", mutate: presign}, adminKey, "expired"},
		{get("/bucket?policy"), "", "Not implemented: sub-resource policy."},
		{get("/bucket?" + strings.Repeat("x", 500)), "", "Not implemented: sub-resource " + strings.Repeat("x", 170)},
	} {
		e.do(tt.call)
		var got note
		select {
		case got = <-noted:
		default:
		}
		if want := (note{tt.key, tt.reason}); got != want {
			t.Errorf("%s %s noted %q, want %q", tt.call.method, tt.call.target, got, want)
		}
	}
}
