package server

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"trivium/core"
)

// forwarded is what a trusted proxy says of a request that it hands on.
type forwarded struct {
	host   string // "": nothing
	scheme string // "http", "https"; "": nothing
	client string // address without port; "": nothing
}

// maxHost bounds a host with its port, in bytes: a name has 253.
const maxHost = 270

// believe takes what a trusted proxy says of r into r and its exchange, so that doors ask r alone: the host that the
// client asked for, its address without a port in RemoteAddr, and whether it speaks TLS, in TLS, which has nothing else
// then. From everybody else the headers count as if they were not there.
//
// Of several values the last counts, which the proxy itself has added or chosen: what stands before it may be the
// client's. Addresses are read from the end as well, over all that are trusted. What is malformed is nothing, and in a
// list of addresses so is all before it. Forwarded (RFC 7239) and other headers of the kind are not read.
//
// A request from this machine that was handed on, and of which nobody who is trusted says whose it is, is anybody's:
// RemoteAddr is empty then, which core takes for a stranger's. The log goes on naming the proxy.
func (s *Server) believe(x *exchange, r *http.Request) {
	x.remote = r.RemoteAddr
	if s.socket {
		return
	}
	peer := core.ReadAddr(r.RemoteAddr)
	if !s.trusts(peer) {
		if peer.IsLoopback() && handedOn(r) {
			r.RemoteAddr = ""
		}
		return
	}
	f := forwarded{
		host: forwardedHost(last(r.Header["X-Forwarded-Host"])), scheme: forwardedScheme(last(r.Header["X-Forwarded-Proto"])),
		client: s.forwardedFor(r.Header["X-Forwarded-For"]),
	}
	if f.host != "" {
		r.Host = f.host
	}
	switch {
	case f.client != "":
		x.remote, x.proxy = f.client, r.RemoteAddr
		r.RemoteAddr = f.client
	case peer.IsLoopback() && handedOn(r):
		r.RemoteAddr = ""
	}
	switch {
	case f.scheme == "http":
		r.TLS = nil
	case f.scheme == "https" && r.TLS == nil:
		r.TLS = &tls.ConnectionState{}
	}
}

// handedOn tells whether a request has a header that proxies add.
func handedOn(r *http.Request) bool {
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Forwarded", "Via"} {
		if _, ok := r.Header[name]; ok {
			return true
		}
	}
	return false
}

// trusts tells whether an address is one of the proxies.
func (s *Server) trusts(addr netip.Addr) bool {
	for _, p := range s.cfg.TrustedProxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// forwardedFor returns the last address of the lists that is no proxy's, the first when all are; "" without any. What
// is no address ends the search: the proxy behind it is the client then, as far as one can know.
func (s *Server) forwardedFor(lines []string) string {
	found := ""
	for _, line := range slices.Backward(lines) {
		for rest, more := line, true; more; {
			var item string
			comma := strings.LastIndexByte(rest, ',')
			item, more = rest[comma+1:], comma >= 0
			rest = rest[:max(comma, 0)]
			addr := core.ReadAddr(strings.Trim(item, " \t"))
			if !addr.IsValid() {
				return found
			}
			if found = addr.String(); !s.trusts(addr) {
				return found
			}
		}
	}
	return found
}

// last returns what stands behind the last comma of the last line.
func last(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	line := lines[len(lines)-1]
	return strings.Trim(line[strings.LastIndexByte(line, ',')+1:], " \t")
}

// forwardedHost returns s if it is a host as a Host header has it, with or without a port; else "".
func forwardedHost(s string) string {
	name, port := s, ""
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s, "]") {
		name, port = s[:i], s[i+1:]
		if port == "" || len(port) > 5 || strings.Trim(port, "0123456789") != "" {
			return ""
		}
	}
	if len(s) > maxHost || name == "" {
		return ""
	}
	if inner, ok := strings.CutPrefix(name, "["); ok {
		addr, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		if err != nil || !addr.Is6() || addr.Zone() != "" || !strings.HasSuffix(inner, "]") {
			return ""
		}
		return s
	}
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' {
			return ""
		}
	}
	return s
}

// forwardedScheme returns s in lower case if it is one that a client may speak here; else "".
func forwardedScheme(s string) string {
	switch s = strings.ToLower(s); s {
	case "http", "https":
		return s
	}
	return ""
}
