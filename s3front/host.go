package s3front

import (
	"net/http"
	"net/url"
	"strings"
)

// BucketOfHost returns the bucket that a Host header names below one of the domains, as virtual-hosted-style requests
// do: bucket.s3.example.com is the bucket below s3.example.com. Case and port do not count. ok is false for the
// domains themselves, which are for path-style requests, and for every other host. Of domains that lie in each other
// the longest counts. The name is as it was sent, in lower case: it may be none that a bucket can have.
func BucketOfHost(host string, domains []string) (bucket string, ok bool) {
	host = strings.ToLower(hostName(host))
	longest := 0
	for _, domain := range domains {
		domain = strings.ToLower(domain)
		if host == domain {
			return "", false
		}
		rest, below := strings.CutSuffix(host, "."+domain)
		if below && rest != "" && len(domain) > longest {
			bucket, longest = rest, len(domain)
		}
	}
	return bucket, longest > 0
}

// hostName drops the port of a Host header.
func hostName(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		return host[:i]
	}
	return host
}

// hosted returns the place of a virtual-hosted-style request: the whole path is a key of the bucket that its host
// names. ok is false for every other request.
func (d *door) hosted(r *http.Request) (at place, ok bool) {
	if len(d.cfg.Domains) == 0 {
		return at, false
	}
	bucket, ok := BucketOfHost(r.Host, d.cfg.Domains)
	if !ok {
		return at, false
	}
	key, rooted := strings.CutPrefix(r.URL.EscapedPath(), "/")
	return place{bucket: bucket, key: key, nowhere: !rooted && key != "", hosted: true}, true
}

// publicHosts are the Host headers that clients of a public URL may send, and sign: clients leave out the port that its
// scheme has anyway, but not all of them.
func publicHosts(public string) []string {
	u, err := url.Parse(public)
	if err != nil || u.Host == "" {
		return nil
	}
	standard := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	host := strings.ToLower(u.Host)
	switch u.Port() {
	case "":
		return []string{host, host + ":" + standard}
	case standard:
		return []string{strings.TrimSuffix(host, ":"+standard), host}
	}
	return []string{host}
}

// hosts are those that the signature may have been made for beside the request's own. On the host of a bucket there is
// none: what somebody has signed as /bucket/key would be a key of another bucket there.
func (r *request) hosts() (hosts []string) {
	if r.hosted {
		return nil
	}
	for _, host := range r.door.hosts {
		if host != r.Host {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// address is that of a path, which is escaped and begins with the bucket, as clients reach it.
func (r *request) address(path string) string {
	if public := r.door.cfg.PublicURL; public != "" {
		return strings.TrimSuffix(public, "/") + path
	}
	return r.scheme() + "://" + r.Host + path
}

// scheme is what the client speaks.
func (r *request) scheme() string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// location is the address of the object: at the public URL, else as the client reached it.
func (r *request) location() string {
	path := r.URL.EscapedPath()
	if r.hosted && r.door.cfg.PublicURL != "" {
		path = "/" + r.bucket + path
	}
	return r.address(path)
}
