package sigv4

import (
	"net/http"
	"testing"
)

// TestMovedHeaders: what net/http takes out of the headers of a request is signed all the same.
func TestMovedHeaders(t *testing.T) {
	for _, tt := range []struct {
		name  string
		proto int
		want  string
		found bool
	}{
		{"content-length", 1, "7", true},
		{"transfer-encoding", 1, "chunked", true},
		{"expect", 2, "100-continue", true},
		{"expect", 1, "", false},
		{"date", 2, "", false},
	} {
		r := &http.Request{Host: "h:1", ContentLength: 7, TransferEncoding: []string{"chunked"}, ProtoMajor: tt.proto, Header: http.Header{}}
		got, found := appendHeader(nil, r, tt.name)
		if string(got) != tt.want || found != tt.found {
			t.Errorf("appendHeader(%q) of HTTP/%d = %q, %v, want %q, %v", tt.name, tt.proto, got, found, tt.want, tt.found)
		}
	}
}
