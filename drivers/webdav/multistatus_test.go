package webdav

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"trivium/drivers"
)

func TestSplitHref(t *testing.T) {
	for href, want := range map[string][]string{
		"/": {}, "": {}, "http://host": {}, "http://host/": {}, "https://h:1/a/b/": {"a", "b"}, "/a//b": {"a", "b"},
		"a/b": {"a", "b"}, "/a%20b": {"a b"}, "/a%2520b": {"a%20b"}, "/a+b": {"a+b"}, "/100%": {"100%"}, "/%C3%A9": {"é"},
		"/a?b#c": {"a?b#c"}, "/x/http://y": {"x", "http:", "y"},
		"/a%2Fb": nil, "/..": nil, "/a/%2e%2e/b": nil, "/%00": nil, "/%FF": nil, "/.": nil,
	} {
		if got := splitHref(href); !slices.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("splitHref(%q) = %q, want %q", href, got, want)
		}
	}
}

func TestParseStatus(t *testing.T) {
	for s, want := range map[string]int{
		"HTTP/1.1 200 OK": 200, "HTTP/1.1 404": 404, " HTTP/2  507  x ": 507, "": 0, "200": 0, "HTTP/1.1 OK": 0, "HTTP/1.1 99 x": 0, "HTTP/1.1 1000 x": 0,
	} {
		if got := parseStatus(s); got != want {
			t.Errorf("parseStatus(%q) = %d, want %d", s, got, want)
		}
	}
}

func TestReadMultistatusStrangers(t *testing.T) {
	for _, doc := range []string{
		"", "<html>", "<multistatus/>", `<multistatus xmlns="DAV:">`, `<error xmlns="DAV:"/>`, "plain text", "{}",
		`<multistatus xmlns="DAV:"><response><href>/x</href></multistatus>`,
		`<multistatus xmlns="y"></multistatus>`,
		`<!DOCTYPE x [<!ENTITY e "boom">]><multistatus xmlns="DAV:"><response><href>&e;</href></response></multistatus>`,
	} {
		err := readMultistatus(strings.NewReader(doc), func(member) error { return nil })
		if !errors.Is(err, drivers.ErrBroken) {
			t.Errorf("readMultistatus(%q) = %v, want ErrBroken", doc, err)
		}
	}
}

func FuzzReadMultistatus(f *testing.F) {
	f.Add([]byte(`<D:multistatus xmlns:D="DAV:"><D:response><D:href>/a/b%20c</D:href><D:propstat><D:prop><D:resourcetype><D:collection/></D:resourcetype><D:getcontentlength>5</D:getcontentlength><D:getlastmodified>Mon, 02 Jan 2006 15:04:05 GMT</D:getlastmodified></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>`))
	f.Add([]byte(`<multistatus xmlns="DAV:"><response><href>http://h/x</href><href>y</href><status>HTTP/1.1 423 Locked</status></response><responsedescription>no</responsedescription></multistatus>`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		err := readMultistatus(strings.NewReader(string(doc)), func(m member) error {
			for _, seg := range m.path {
				if drivers.CheckName(seg) != nil || strings.Contains(seg, "/") {
					t.Errorf("segment %q", seg)
				}
			}
			if m.size < -1 || m.status < 0 {
				t.Errorf("member %+v", m)
			}
			return nil
		})
		if err != nil && !errors.Is(err, drivers.ErrBroken) {
			t.Errorf("error %v", err)
		}
	})
}
