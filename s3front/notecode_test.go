package s3front

import (
	"context"
	"testing"
)

// TestNoteCode: every refusal tells its code, from the first look at the path to the operation, and success none.
func TestNoteCode(t *testing.T) {
	noted := make(chan string, 16)
	e := newEnv(t, func(c *Config) {
		c.NoteCode = func(ctx context.Context, code string) {
			if ctx == nil {
				t.Error("no context")
			}
			noted <- code
		}
	})
	for _, tt := range []struct {
		call call
		want string
	}{
		{put("/bucket", ""), ""},
		{put("/bucket/k", "x"), ""},
		{get("/bucket/k"), ""},
		{get("/b%2Fk/k"), "InvalidBucketName"},
		{get("/bucket/k").as("AKIANOBODY"), "SignatureDoesNotMatch"},
		{get("/bucket/k").as("alice"), "AccessDenied"},
		{get("/bucket?cors"), "NotImplemented"},
		{get("/bucket/absent"), "NoSuchKey"},
		{call{method: "HEAD", target: "/bucket/absent"}, "NoSuchKey"},
		{call{method: "GET", target: "/bucket/k", headers: "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\n"}, "NotModified"},
	} {
		e.do(tt.call)
		got := ""
		select {
		case got = <-noted:
		default:
		}
		if got != tt.want {
			t.Errorf("%s %s noted %q, want %q", tt.call.method, tt.call.target, got, tt.want)
		}
	}
}
