package davfront

import (
	"bufio"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"trivium/core"
)

// raw sends bytes as they are and returns the status of the answer; 0 when the connection ends without one. cut closes
// the sending side after them.
func (e *env) raw(text string, cut bool) int {
	e.tb.Helper()
	u, err := url.Parse(e.srv.URL)
	if err != nil {
		e.tb.Fatal(err)
	}
	c, err := new(net.Dialer).DialContext(e.tb.Context(), "tcp", u.Host)
	if err != nil {
		e.tb.Fatal(err)
	}
	defer c.Close()
	auth := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(adminKey+":"+secret)) + "\r\n"
	if _, err := io.WriteString(c, strings.Replace(text, "\r\n", "\r\nHost: "+u.Host+"\r\n"+auth, 1)); err != nil {
		e.tb.Fatal(err)
	}
	if tcp, ok := c.(*net.TCPConn); ok && cut {
		_ = tcp.CloseWrite()
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// TestPutWholeOrNot: whatever is wrong with a body or its announcement, the old file stays, and nothing new appears.
func TestPutWholeOrNot(t *testing.T) {
	e := newEnv(t)
	e.mkcol("/dav/bucket/p")
	e.put("/dav/bucket/p/old", "the old content")
	big := strings.Repeat("x", 300_000)
	for name, tc := range map[string]struct {
		headers, body string
		status        int
	}{
		"cut":                    {"Content-Length: 400000\r\n\r\n", big, 400},
		"short":                  {"Content-Length: 10\r\n\r\n", "0123", 400},
		"chunked and cut":        {"Transfer-Encoding: chunked\r\n\r\n", "5\r\n01234\r\n5\r\n01", 400},
		"chunked without end":    {"Transfer-Encoding: chunked\r\n\r\n", "5\r\n01234\r\n", 400},
		"chunked and malformed":  {"Transfer-Encoding: chunked\r\n\r\n", "zz\r\n01234\r\n0\r\n\r\n", 400},
		"shorter than announced": {"X-Expected-Entity-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n", "5\r\n01234\r\n0\r\n\r\n", 400},
		"longer than announced":  {"X-Expected-Entity-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", "5\r\n01234\r\n0\r\n\r\n", 400},
		"announced in two ways":  {"X-Expected-Entity-Length: 4\r\nContent-Length: 5\r\n\r\n", "01234", 400},
		"announced in words":     {"X-Expected-Entity-Length: five\r\nTransfer-Encoding: chunked\r\n\r\n", "5\r\n01234\r\n0\r\n\r\n", 400},
		"a range":                {"Content-Range: bytes 0-4/15\r\nContent-Length: 5\r\n\r\n", "01234", 400},
		"a malformed range":      {"Content-Range: x\r\nContent-Length: 5\r\n\r\n", "01234", 400},
		"a wrong mtime":          {"X-OC-Mtime: soon\r\nContent-Length: 5\r\n\r\n", "01234", 400},
		"a wrong checksum":       {"OC-Checksum: MD5:d41d8cd98f00b204e9800998ecf8427e\r\nContent-Length: 5\r\n\r\n", "01234", 400},
		"a malformed checksum":   {"OC-Checksum: MD5\r\nContent-Length: 5\r\n\r\n", "01234", 400},
		"If-Match":               {"If-Match: \"none\"\r\nContent-Length: 5\r\n\r\n", "01234", 412},
		"If-None-Match":          {"If-None-Match: *\r\nContent-Length: 5\r\n\r\n", "01234", 412},
		"If":                     {"If: ([\"none\"])\r\nContent-Length: 5\r\n\r\n", "01234", 412},
		"If that cannot be read": {"If: ([\"none\"]\r\nContent-Length: 5\r\n\r\n", "01234", 400},
		"If-Unmodified-Since":    {"If-Unmodified-Since: Thu, 01 Jan 2015 00:00:00 GMT\r\nContent-Length: 5\r\n\r\n", "01234", 412},
		"metadata that is a lot": {"Content-Type: " + strings.Repeat("x", 9000) + "\r\nContent-Length: 5\r\n\r\n", "01234", 507},
	} {
		for _, target := range []string{"old", "new"} {
			if target == "new" && name == "If-None-Match" || target == "new" && name == "If-Unmodified-Since" {
				continue // they hold where nothing is
			}
			status := e.raw("PUT /dav/bucket/p/"+target+" HTTP/1.1\r\n"+tc.headers+tc.body, true)
			if want := tc.status; status != want {
				t.Errorf("%s on %s = %d, want %d", name, target, status, want)
			}
		}
		if got, _ := e.content("/dav/bucket/p/old"); got != "the old content" {
			t.Fatalf("%s: the old file is %.40q", name, got)
		}
		if _, there := e.content("/dav/bucket/p/new"); there {
			t.Fatalf("%s: there is a new file", name)
		}
	}
}

// TestPutOfHTTP10: before HTTP/1.1 a body without Content-Length goes on to the end of the connection, and the server
// does not see that there is one: the file would be emptied.
func TestPutOfHTTP10(t *testing.T) {
	e := newEnv(t)
	e.put("/dav/bucket/old", "the old content")
	for _, tc := range []struct {
		request string
		status  int
		content string
	}{
		{" HTTP/1.0\r\n\r\nnew", 411, "the old content"},
		{" HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nnew\r\n0\r\n\r\n", 411, "the old content"},
		{" HTTP/1.0\r\nX-Expected-Entity-Length: 0\r\n\r\nnew", 411, "the old content"},
		{" HTTP/1.0\r\nContent-Length: 3\r\n\r\nnew", 204, "new"},
		{" HTTP/1.0\r\nContent-Length: 0\r\n\r\n", 204, ""},
		{" HTTP/1.1\r\nContent-Length: 3\r\n\r\nold", 204, "old"},
		{" HTTP/1.1\r\n\r\n", 204, ""},
	} {
		if status := e.raw("PUT /dav/bucket/old"+tc.request, false); status != tc.status {
			t.Errorf("%q = %d, want %d", tc.request, status, tc.status)
		}
		if got, _ := e.content("/dav/bucket/old"); got != tc.content {
			t.Errorf("after %q the file is %q, want %q", tc.request, got, tc.content)
		}
	}
}

// TestPutPlaces: a file needs a folder around it, and its own name.
func TestPutPlaces(t *testing.T) {
	e := newEnv(t)
	e.mkcol("/dav/bucket/p")
	e.put("/dav/bucket/f", "x")
	for target, status := range map[string]int{
		"/dav/bucket/none/f": 409, "/dav/bucket/f/g": 409, "/dav/bucket/p": 409, "/dav/bucket/p/": 409,
		"/dav/bucket/p/g/": 409, "/dav/bucket": 405, "/dav/": 405, "/dav/none/f": 404, "/dav/bucket/p/a": 201,
		"/dav/bucket/p//a": 400, "/dav/bucket/p/" + strings.Repeat("a", 1025): 414,
	} {
		e.want(status, call{method: http.MethodPut, target: target, body: "x"})
	}
}

// TestPutKeeps: what a client says of a file is what all see of it.
func TestPutKeeps(t *testing.T) {
	e := newEnv(t)
	a := e.want(201, call{
		method: http.MethodPut, target: "/dav/bucket/f.html", body: "<p>",
		headers: fmt.Sprintf("X-OC-Mtime: 1500000000.5\nContent-Type: application/octet-stream\nOC-Checksum: MD5:%X SHA3:00", md5.Sum([]byte("<p>"))),
	})
	if got := a.Header.Get("X-Oc-Mtime"); got != "accepted" {
		t.Errorf("X-OC-Mtime of the answer = %q, want accepted", got)
	}
	o, err := e.core.Admin.StatObject(t.Context(), "bucket", "f.html", core.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	v := o.Entry.Version
	if v.MTime != 1500000000_500000000 || !strings.HasPrefix(v.Attrs.ContentType, "text/html") {
		t.Errorf("mtime %d, type %q, want 1500000000.5 and text/html", v.MTime, v.Attrs.ContentType)
	}
	g := e.want(200, call{method: http.MethodGet, target: "/dav/bucket/f.html"})
	for name, want := range map[string]string{
		"Etag": fmt.Sprintf("%q", v.ETag), "Last-Modified": "Fri, 14 Jul 2017 02:40:00 GMT",
		"Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff", "Content-Length": "3",
	} {
		if got := g.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}
