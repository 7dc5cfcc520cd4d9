package s3front

import (
	"net/http"
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
	return place{bucket: bucket, key: key, nowhere: !rooted && key != ""}, true
}
