package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestParsePlace(t *testing.T) {
	for s, want := range map[string]place{
		"bkt": {bucket: "bkt"}, "bkt/": {bucket: "bkt"}, "bkt/top": {bucket: "bkt", path: "top"}, "bkt/pkg/": {"bkt", "pkg", ""},
		"bkt/pkg/a/b": {"bkt", "pkg", "a/b"}, "bkt//lead": {bucket: "bkt", path: "/lead"}, "bkt/pkg//x": {"bkt", "pkg", "/x"},
	} {
		if got := parsePlace(s); got != want {
			t.Errorf("parsePlace(%q) = %+v, want %+v", s, got, want)
		}
		if strings.Count(s, "/") > 1 && parsePlace(s).String() != s {
			t.Errorf("%q is written as %q", s, parsePlace(s))
		}
	}
}

// TestProgress counts what is read, and leaves nothing running.
func TestProgress(t *testing.T) {
	for size, want := range map[int64]string{-1: "x: 3 bytes", 0: "x: 3 bytes", 6: "x: 3 of 6 bytes, 50 %"} {
		var out bytes.Buffer
		p := newProgress(&out, "x", size)
		if n, err := io.Copy(io.Discard, p.reader(strings.NewReader("abc"))); n != 3 || err != nil {
			t.Errorf("Copy = %d, %v", n, err)
		}
		p.end(true)
		if got := p.line(); got != want || out.Len() > 0 {
			t.Errorf("of %d: %q and %q, want %q", size, got, out.String(), want)
		}
	}
}
