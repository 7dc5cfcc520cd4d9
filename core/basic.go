package core

import (
	"context"
	"net/netip"
	"strings"
)

// Remote is where a request that carries a password comes from. The zero value is a stranger without TLS.
type Remote struct {
	Addr netip.Addr // of the client, from no header but a trusted proxy's; the zero Addr is not known
	TLS  bool       // the connection is encrypted
}

// RemoteOf returns the Remote of a request from an address as ReadAddr takes it: Request.RemoteAddr of net/http, in
// which the server puts the client that a trusted proxy names. What cannot be read is a stranger.
func RemoteOf(address string, tls bool) Remote { return Remote{Addr: ReadAddr(address), TLS: tls} }

// ReadAddr reads an IP address with or without a port, an IPv6 address in brackets or not. It is the zero Addr for all
// else. IPv4 addresses that are written as IPv6 are IPv4, and zones, which mean nothing elsewhere, are dropped.
func ReadAddr(s string) netip.Addr {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		var withPort netip.AddrPort
		if withPort, err = netip.ParseAddrPort(s); err == nil {
			addr = withPort.Addr()
		} else if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(inner, "]") {
			addr, err = netip.ParseAddr(inner[:len(inner)-1])
			if err == nil && !addr.Is6() {
				return netip.Addr{}
			}
		}
	}
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

// here tells whether the connection comes from this machine, where a proxy for many clients may run. By one of the
// machine's other addresses it does not: a proxy that hands on from there is told by the client's headers alone.
func (r Remote) here() bool { return r.Addr.IsLoopback() }

// network is what failed logins are counted by: one caller of IPv6 has a /64. "" when they are not: on this machine
// it would be everybody's.
func (r Remote) network() string {
	if !r.Addr.IsValid() || r.here() {
		return ""
	}
	bits := 32
	if r.Addr.Is6() {
		bits = 64
	}
	p, err := r.Addr.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

// MayAsk tells whether a door may ask a client for a password: over TLS, from this machine, or where Config.PlainBasic
// allows what anybody on the way can read. Else the error is Forbidden, with the next step. A door that gets a request
// without credentials calls it before it answers with a challenge (WWW-Authenticate, RFC 9110 §11.6.1): with an error
// it answers that and sends no challenge, so that no client is brought to send a password in the clear.
func (s *Service) MayAsk(from Remote) error {
	if from.TLS || from.here() || s.plainBasic {
		return nil
	}
	if !from.Addr.IsValid() {
		return &Error{
			Code: Forbidden,
			Msg: "passwords are not taken over plain http from a proxy that is not trusted or does not say whose request it is: " +
				"name it with --trusted-proxies and let it set X-Forwarded-Proto and X-Forwarded-For, or use https, or set basic-over-http on the server",
		}
	}
	return &Error{
		Code: Forbidden,
		Msg:  "passwords are taken over plain http from 127.0.0.1 and ::1 alone: use https, or localhost on the server itself, or set basic-over-http on the server",
	}
}

// Basic authenticates a request with Basic credentials (RFC 7617): a user's name and password, or an access key and
// its secret, which Principal.KeyID then names. It is Login for doors, which call it with each request: what was
// verified is remembered for 5 min as an HMAC and costs a lookup; a changed password, a removed or disabled user or
// key is refused from the next request on. The door fills in Door and RequestID.
//
// Errors: Unauthorized for all that is wrong (unknown name, wrong password, disabled: alike in words and work), which
// the door answers with 401 and the challenge `Basic realm="...", charset="UTF-8"`; what MayAsk returns, before the
// credentials are looked at; Overloaded when a name failed 10 times from one network (one is forgotten every 6 s), or
// 100 times from all, when a network failed 100 times, too many logins wait or this one did for 10 s: 429 or 503, without a challenge;
// Canceled.
func (s *Service) Basic(ctx context.Context, name, password string, from Remote) (Principal, error) {
	if err := s.MayAsk(from); err != nil {
		return Principal{}, err
	}
	return s.login(ctx, name, password, from.network())
}
