package main

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// checkPublicURL checks that the public URL is one, without a path, which S3 clients would sign, and none of a bucket.
func (c *config) checkPublicURL() error {
	if c.publicURL == "" {
		return nil
	}
	bad := func(what string) error {
		return fmt.Errorf("%s %s: %s; give scheme://host or scheme://host:port, such as https://s3.example.com", c.name("public-url"), c.publicURL, what)
	}
	u, err := url.Parse(c.publicURL)
	switch {
	case err != nil:
		return bad("it is no URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return bad("its scheme is neither http nor https")
	case u.Hostname() == "" || strings.ContainsAny(u.Host, " ,%") || strings.HasSuffix(u.Host, ":"):
		return bad("it has no host")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(c.publicURL, "#"):
		return bad("it has more than scheme and host")
	case u.Path != "" && u.Path != "/":
		return bad("it has a path, and S3 has none before the bucket")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return bad("ports are 1 to 65535")
		}
	}
	if bucket := c.bucketOf(u.Hostname()); bucket != "" {
		return bad("with " + c.name("domain") + " " + c.domain + " this is the host of the bucket " + bucket)
	}
	return nil
}

// bucketOf is the bucket that a host is for, by the domains; "" for none.
func (c *config) bucketOf(host string) (bucket string) {
	for _, domain := range c.domains() {
		if strings.EqualFold(host, domain) {
			return ""
		}
		if rest, below := strings.CutSuffix(strings.ToLower(host), "."+strings.ToLower(domain)); below {
			bucket = rest
		}
	}
	return bucket
}

// public is the public URL without a slash at its end.
func (c *config) public() string { return strings.TrimSuffix(c.publicURL, "/") }

// trustedProxies are the networks of the proxies that are believed.
func (c *config) trustedProxies() (all []netip.Prefix, err error) {
	for item := range strings.SplitSeq(c.proxies, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		p, err := network(item)
		if err != nil {
			return nil, fmt.Errorf("%s %s: give addresses or networks, such as 127.0.0.1, 10.0.0.0/8 or fd00::/8", c.name("trusted-proxies"), item)
		}
		all = append(all, p)
	}
	return all, nil
}

// network reads a network, or an address, which is one alone. IPv4 addresses written as IPv6 are IPv4.
func network(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		addr, err := netip.ParseAddr(s)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("%q is no address", s)
		}
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, err
	}
	if addr := p.Addr(); addr.Is4In6() {
		if p.Bits() < 96 {
			return p, fmt.Errorf("%q is wider than IPv4", s)
		}
		p = netip.PrefixFrom(addr.Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}
