package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// Headers that proxies send, as the tests write them.
const xHost, xProto, xFor = "X-Forwarded-Host: ", "X-Forwarded-Proto: ", "X-Forwarded-For: "

// said is a request from peer, with what is taken of it: host, scheme, client. A client "" is its own address.
type said struct {
	name, peer, headers string
	want                [3]string
}

// unbelieved is what is taken of a request whose headers count for nothing.
var unbelieved = [3]string{"inner:7070", "", ""}

// TestForwardedPeers: who is believed.
func TestForwardedPeers(t *testing.T) {
	const all = xHost + "s3.example.com\n" + xProto + "https\n" + xFor + "203.0.113.7"
	expectForwarded(t, []said{
		{"all three", "10.0.0.1:999", all, [3]string{"s3.example.com", "https", "203.0.113.7"}},
		{"from an untrusted address", "192.0.2.1:999", all, unbelieved},
		{"from an untrusted IPv6 address", "[2001:db8:1::1]:999", all, unbelieved},
		{"from no address", "@", all, unbelieved},
		{"from an IPv6 address", "[2001:db8::1]:999", all, [3]string{"s3.example.com", "https", "203.0.113.7"}},
		{"from an IPv6 address with a zone", "[fe80::1%eth0]:999", all, [3]string{"s3.example.com", "https", "203.0.113.7"}},
		{"from IPv4 as IPv6", "[::ffff:10.0.0.1]:999", all, [3]string{"s3.example.com", "https", "203.0.113.7"}},
		{"nothing said", "10.0.0.1:999", "", unbelieved},
	})
}

// TestForwardedHosts: X-Forwarded-Host.
func TestForwardedHosts(t *testing.T) {
	expectForwarded(t, []said{
		{"host with port", "10.0.0.1:9", xHost + "s3.example.com:8443", [3]string{"s3.example.com:8443", "", ""}},
		{"host in other case", "10.0.0.1:9", xHost + "S3.Example.com", [3]string{"S3.Example.com", "", ""}},
		{"IPv6 host", "10.0.0.1:9", xHost + "[2001:db8::5]", [3]string{"[2001:db8::5]", "", ""}},
		{"IPv6 host with port", "10.0.0.1:9", xHost + "[2001:db8::5]:8443", [3]string{"[2001:db8::5]:8443", "", ""}},
		{"two hosts", "10.0.0.1:9", xHost + "evil.test, s3.example.com", [3]string{"s3.example.com", "", ""}},
		{"two lines of hosts", "10.0.0.1:9", xHost + "evil.test\n" + xHost + "s3.example.com", [3]string{"s3.example.com", "", ""}},
		{"no host behind the comma", "10.0.0.1:9", xHost + "evil.test,", unbelieved},
		{"empty host", "10.0.0.1:9", xHost, unbelieved},
		{"host with a path", "10.0.0.1:9", xHost + "s3.example.com/x", unbelieved},
		{"host with a scheme", "10.0.0.1:9", xHost + "https://s3.example.com", unbelieved},
		{"host with a user", "10.0.0.1:9", xHost + "u@s3.example.com", unbelieved},
		{"host with a space", "10.0.0.1:9", xHost + "s3 example", unbelieved},
		{"host with a quote", "10.0.0.1:9", xHost + `"s3.example.com"`, unbelieved},
		{"host with an empty port", "10.0.0.1:9", xHost + "s3.example.com:", unbelieved},
		{"host with a word for a port", "10.0.0.1:9", xHost + "s3.example.com:http", unbelieved},
		{"port alone", "10.0.0.1:9", xHost + ":80", unbelieved},
		{"IPv6 host without brackets", "10.0.0.1:9", xHost + "2001:db8::5", unbelieved},
		{"IPv6 host cut", "10.0.0.1:9", xHost + "[2001:db8::5", unbelieved},
		{"IPv4 in brackets", "10.0.0.1:9", xHost + "[10.0.0.1]", unbelieved},
		{"long host", "10.0.0.1:9", xHost + strings.Repeat("a", 300), unbelieved},
	})
}

// TestForwardedSchemesAndClients: X-Forwarded-Proto and X-Forwarded-For, and headers that are not read.
func TestForwardedSchemesAndClients(t *testing.T) {
	expectForwarded(t, []said{
		{"scheme in other case", "10.0.0.1:9", xProto + "HTTPS", [3]string{"inner:7070", "https", ""}},
		{"two schemes", "10.0.0.1:9", xProto + "https,http", [3]string{"inner:7070", "", ""}},
		{"other scheme", "10.0.0.1:9", xProto + "javascript", unbelieved},

		{"client behind two proxies", "10.0.0.1:9", xFor + "203.0.113.7, 10.0.0.2", [3]string{"inner:7070", "", "203.0.113.7"}},
		{"what the client says itself", "10.0.0.1:9", xFor + "127.0.0.1, 203.0.113.7", [3]string{"inner:7070", "", "203.0.113.7"}},
		{"the client pretends a proxy", "10.0.0.1:9", xFor + "1.1.1.1, 10.0.0.3, 203.0.113.7", [3]string{"inner:7070", "", "203.0.113.7"}},
		{"two lines of clients", "10.0.0.1:9", xFor + "203.0.113.7\n" + xFor + "10.0.0.2", [3]string{"inner:7070", "", "203.0.113.7"}},
		{"proxies alone", "10.0.0.1:9", xFor + "10.0.0.3, 10.0.0.2", [3]string{"inner:7070", "", "10.0.0.3"}},
		{"IPv6 client", "10.0.0.1:9", xFor + "2001:db8:1::5", [3]string{"inner:7070", "", "2001:db8:1::5"}},
		{"IPv6 client in brackets", "10.0.0.1:9", xFor + "[2001:db8:1::5]", [3]string{"inner:7070", "", "2001:db8:1::5"}},
		{"IPv6 client with port", "10.0.0.1:9", xFor + "[2001:DB8:1::5]:80", [3]string{"inner:7070", "", "2001:db8:1::5"}},
		{"client with port", "10.0.0.1:9", xFor + "203.0.113.7:80", [3]string{"inner:7070", "", "203.0.113.7"}},
		{"IPv4 client as IPv6", "10.0.0.1:9", xFor + "::ffff:203.0.113.7", [3]string{"inner:7070", "", "203.0.113.7"}},
		{"no client", "10.0.0.1:9", xFor + "unknown", unbelieved},
		{"no client before a proxy", "10.0.0.1:9", xFor + "unknown, 10.0.0.2", [3]string{"inner:7070", "", "10.0.0.2"}},
		{"client behind what is none", "10.0.0.1:9", xFor + "203.0.113.7, unknown", unbelieved},
		{"empty clients", "10.0.0.1:9", xFor + ", ,", unbelieved},
		{"client in IPv4 brackets", "10.0.0.1:9", xFor + "[203.0.113.7]", unbelieved},
		{"client with leading zeros", "10.0.0.1:9", xFor + "203.0.113.007", unbelieved},

		{"RFC 7239 and others", "10.0.0.1:9", "Forwarded: for=1.1.1.1;host=evil.test;proto=https\nX-Real-Ip: 1.1.1.1\nX-Original-Host: evil.test\nX-Forwarded-Server: evil.test", unbelieved},
	})
}

// expectForwarded sends requests and looks at what the door, the router and the log take of them.
func expectForwarded(t *testing.T, requests []said) {
	t.Helper()
	for _, tt := range requests {
		s, l := bare(t)
		s.cfg.TrustedProxies = []netip.Prefix{
			netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/48"), netip.MustParsePrefix("fe80::1/128"),
		}
		var got [3]string
		routed := ""
		s.Open(Doors{S3: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			got = [3]string{r.Host, "", r.RemoteAddr}
			if r.TLS != nil {
				got[1] = "https"
			}
		}), S3Host: func(host string) bool { routed = host; return false }})
		r := httptest.NewRequest(http.MethodGet, "/b/k", nil)
		r.Host, r.RemoteAddr = "inner:7070", tt.peer
		for line := range strings.SplitSeq(tt.headers, "\n") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				r.Header.Add(name, value)
			}
		}
		s.ServeHTTP(httptest.NewRecorder(), r)
		want, proxy := tt.want, any(tt.peer)
		if want[2] == "" {
			want[2], proxy = tt.peer, nil
		}
		line := l.lines(t, "request")[0]
		if got != want || routed != want[0] || line["remote"] != want[2] || line["proxy"] != proxy {
			t.Errorf("%s: host, scheme and client are %q, routed by %q, logged as %v by %v, want %q by %v",
				tt.name, got, routed, line["remote"], line["proxy"], want, proxy)
		}
	}
}

// TestForwardedToTheSocket: nobody is trusted on the operator's socket, whose clients have no address.
func TestForwardedToTheSocket(t *testing.T) {
	s, _ := bare(t)
	s.socket, s.cfg.TrustedProxies = true, []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
	host := ""
	s.Open(Doors{Admin: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { host = r.Host })})
	r := httptest.NewRequest(http.MethodGet, "/v1/admin/status", nil)
	r.Header.Set("X-Forwarded-Host", "evil.test")
	w := httptest.NewRecorder()
	if s.ServeHTTP(w, r); host == "evil.test" || host == "" {
		body, _ := io.ReadAll(w.Body)
		t.Errorf("host is %q: %d %s", host, w.Code, body)
	}
}

// TestForwardedPlain: the client's way to the proxy was not encrypted, whatever the proxy speaks with the server.
func TestForwardedPlain(t *testing.T) {
	s, _ := bare(t)
	s.cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	encrypted := false
	s.Open(Doors{S3: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { encrypted = r.TLS != nil })})
	for proto, want := range map[string]bool{"http": false, "https": true, "": true, "gopher": true} {
		r := httptest.NewRequest(http.MethodGet, "https://inner.test/b/k", nil)
		r.RemoteAddr = "10.0.0.1:9"
		r.Header.Set("X-Forwarded-Proto", proto)
		if s.ServeHTTP(httptest.NewRecorder(), r); encrypted != want {
			t.Errorf("over TLS, said to be %q: encrypted is %v, want %v", proto, encrypted, want)
		}
	}
}

// TestHandedOn sends requests from this machine: who may be anybody behind a proxy is not this machine.
func TestHandedOn(t *testing.T) {
	const proxy = "127.0.0.1:999"
	mine, alien := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128")}, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, tt := range []struct {
		name, peer, header string
		trusted            []netip.Prefix
		want               string // RemoteAddr for the doors
	}{
		{"nobody else", proxy, "", nil, proxy},
		{"nobody else, and it is trusted", proxy, "", mine, proxy},
		{"a header of no proxy", proxy, "X-Forwarded: 1", nil, proxy},
		{"client", proxy, "X-Forwarded-For: 127.0.0.1", nil, ""},
		{"client, other trusted", proxy, "X-Forwarded-For: 127.0.0.1", alien, ""},
		{"client, IPv6", "[::1]:999", "X-Forwarded-For: 127.0.0.1", alien, ""},
		{"client, IPv4 as IPv6", "[::ffff:127.0.0.1]:999", "X-Forwarded-For: 1.2.3.4", nil, ""},
		{"client, elsewhere on this machine", "127.8.8.8:9", "X-Forwarded-For: 127.0.0.1", mine, ""},
		{"host", proxy, "X-Forwarded-Host: s3", nil, ""},
		{"scheme", proxy, "X-Forwarded-Proto: https", nil, ""},
		{"address", proxy, "X-Real-Ip: 127.0.0.1", nil, ""},
		{"RFC 7239", proxy, "Forwarded: for=127.0.0.1", nil, ""},
		{"Via", proxy, "Via: 1.1 proxy", nil, ""},
		{"empty", proxy, "Via: ", nil, ""},
		{"trusted, client", proxy, "X-Forwarded-For: 203.0.113.7", mine, "203.0.113.7"},
		{"trusted, client of this machine", proxy, "X-Forwarded-For: 127.0.0.9", mine, "127.0.0.9"},
		{"trusted, scheme alone", proxy, "X-Forwarded-Proto: http", mine, ""},
		{"trusted, no address", proxy, "X-Forwarded-For: unknown", mine, ""},
		{"trusted, Via alone", proxy, "Via: 1.1 proxy", mine, ""},
		{"trusted IPv6, Via alone", "[::1]:9", "Via: 1.1 proxy", mine, ""},
		{"another machine", "192.0.2.1:9", "X-Forwarded-For: 127.0.0.1", mine, "192.0.2.1:9"},
	} {
		s := &Server{cfg: Config{TrustedProxies: tt.trusted}}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = tt.peer
		if name, value, ok := strings.Cut(tt.header, ": "); ok {
			r.Header.Set(name, value)
		}
		x := &exchange{}
		s.believe(x, r)
		if r.RemoteAddr != tt.want {
			t.Errorf("%s: RemoteAddr = %q, want %q", tt.name, r.RemoteAddr, tt.want)
		}
		if logged := x.remote; tt.want == "" && logged != tt.peer {
			t.Errorf("%s: the log says %q, want %q", tt.name, logged, tt.peer)
		}
	}
}
