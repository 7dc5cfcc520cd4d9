package davfront

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestConditionsOnShownTimes: a date that a client got as Last-Modified, or as getlastmodified, holds when it comes back,
// whether it is the client's own or the server's; a second less does not.
func TestConditionsOnShownTimes(t *testing.T) {
	e := newEnv(t)
	for name, mtime := range map[string]string{
		"of the server": "", "old": "1000000000", "with decimals": "1000000000.999", "of 1970": "0", "before 1970": "-1.5", "before 1700": "-8589934592",
		"of the future": "4000000000",
	} {
		e.want(http.StatusCreated, call{method: http.MethodPut, target: "/dav/bucket/f", body: "content", headers: mtimeHeader(mtime)})
		shown := e.do(call{method: http.MethodHead, target: "/dav/bucket/f"}).Header.Get("Last-Modified")
		at, err := http.ParseTime(shown)
		if err != nil {
			t.Fatal(err)
		}
		ranged := http.StatusOK // the client's own time is no strong validator
		if at.UnixNano() == e.now.Load() {
			ranged = http.StatusPartialContent
		}
		before := at.Add(-time.Second).Format(http.TimeFormat)
		for _, c := range []struct {
			status int
			call
		}{
			{304, call{method: http.MethodGet, headers: "If-Modified-Since: " + shown}},
			{304, call{method: http.MethodHead, headers: "If-Modified-Since: " + shown}},
			{200, call{method: http.MethodGet, headers: "If-Modified-Since: " + before}},
			{200, call{method: http.MethodGet, headers: "If-Unmodified-Since: " + shown}},
			{412, call{method: http.MethodGet, headers: "If-Unmodified-Since: " + before}},
			{ranged, call{method: http.MethodGet, headers: "Range: bytes=0-1\nIf-Range: " + shown}},
			{304, call{method: http.MethodGet, headers: "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT"}},
			{200, call{method: http.MethodGet, headers: "If-Unmodified-Since: Fri, 31 Dec 9999 23:59:59 GMT"}},
			{412, call{method: http.MethodGet, headers: "If-Unmodified-Since: Sat, 01 Jan 0001 00:00:00 GMT"}},
			{412, call{method: http.MethodPut, body: "x", headers: mtimeHeader(mtime) + "If-Unmodified-Since: " + before}},
			{412, call{method: "COPY", headers: "Destination: /dav/bucket/g\nIf-Unmodified-Since: " + before}},
			{201, call{method: "COPY", headers: "Destination: /dav/bucket/g\nIf-Unmodified-Since: " + shown}},
			{412, call{method: "MOVE", headers: "Destination: /dav/bucket/g\nIf-Unmodified-Since: " + before}},
			{204, call{method: "MOVE", headers: "Destination: /dav/bucket/g\nIf-Unmodified-Since: " + shown}},
			{201, call{method: "MOVE", target: "/dav/bucket/g", headers: "Destination: /dav/bucket/f\nOverwrite: F"}},
			{204, call{method: http.MethodPut, body: "x", headers: mtimeHeader(mtime) + "If-Unmodified-Since: " + shown}},
			{412, call{method: http.MethodDelete, headers: "If-Unmodified-Since: " + before}},
			{204, call{method: http.MethodDelete, headers: "If-Unmodified-Since: " + shown}},
		} {
			if c.target == "" {
				c.target = "/dav/bucket/f"
			}
			if a := e.do(c.call); a.StatusCode != c.status {
				t.Errorf("%s, shown as %s: %s %q = %d, want %d", name, shown, c.method, c.headers, a.StatusCode, c.status)
			}
		}
	}
}

// mtimeHeader is the header of a client's time.
func mtimeHeader(mtime string) string {
	if mtime == "" {
		return ""
	}
	return fmt.Sprintf("X-OC-Mtime: %s\n", mtime)
}

// TestTimesBeyondRange: a time that cannot be kept is refused, and the one that was there stays.
func TestTimesBeyondRange(t *testing.T) {
	e := newEnv(t)
	e.want(http.StatusCreated, call{method: http.MethodPut, target: "/dav/bucket/f", body: "x", headers: mtimeHeader("1000000000")})
	patch := func(property, value string) answer {
		return e.want(http.StatusMultiStatus, call{method: "PROPPATCH", target: "/dav/bucket/f", body: `<D:propertyupdate xmlns:D="DAV:" xmlns:Z="` + microsoft + `"><D:set><D:prop><` +
			property + ">" + value + "</" + property + "></D:prop></D:set></D:propertyupdate>"})
	}
	for _, value := range []string{
		"Mon, 01 Jan 1601 00:00:00 GMT", "Wed, 01 Jan 2300 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT",
		"1677-09-21T00:12:43.145224192Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2300-01-01T00:00:00+01:00",
	} {
		for _, property := range []string{"Z:Win32LastModifiedTime", "D:lastmodified"} {
			if a := patch(property, value); !strings.Contains(a.body, "HTTP/1.1 403 ") || strings.Contains(a.body, "HTTP/1.1 200 ") {
				t.Errorf("%s = %s is answered with %s", property, value, a.body)
			}
		}
		if shown := e.do(call{method: http.MethodHead, target: "/dav/bucket/f"}).Header.Get("Last-Modified"); shown != "Sun, 09 Sep 2001 01:46:40 GMT" {
			t.Errorf("after %s the file is of %s", value, shown)
		}
	}
	for _, value := range []string{"Fri, 01 Jan 1700 00:00:00 GMT", "Wed, 31 Dec 2200 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"} {
		if a := patch("Z:Win32LastModifiedTime", value); !strings.Contains(a.body, "HTTP/1.1 200 ") {
			t.Errorf("%s is answered with %s", value, a.body)
		}
		body := e.want(http.StatusMultiStatus, call{method: "PROPFIND", target: "/dav/bucket/f", headers: "Depth: 0"}).body
		if !strings.Contains(body, "getlastmodified>"+value+"<") {
			t.Errorf("%s is shown as %s", value, body)
		}
	}
}
