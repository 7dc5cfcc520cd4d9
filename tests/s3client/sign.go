package s3client

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm = "AWS4-HMAC-SHA256"
	region    = "us-east-1"
	stamp     = "20060102T150405Z"
	unsigned  = "UNSIGNED-PAYLOAD"
)

// sign adds the headers of Signature Version 4 to r; the body is not part of the signature.
func (c *Client) sign(r *http.Request, now time.Time) {
	date := now.UTC().Format(stamp)
	r.Header.Set("X-Amz-Date", date)
	r.Header.Set("X-Amz-Content-Sha256", unsigned)
	names := []string{"host"}
	for name := range r.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") || lower == "content-type" || lower == "range" {
			names = append(names, lower)
		}
	}
	slices.Sort(names)
	var headers strings.Builder
	for _, name := range names {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.URL.Host
		}
		headers.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	signed := strings.Join(names, ";")
	canonical := strings.Join([]string{
		r.Method, r.URL.EscapedPath(), r.URL.RawQuery, headers.String(), signed, unsigned,
	}, "\n")
	r.Header.Set("Authorization", algorithm+" Credential="+c.Access+"/"+scope(date)+", SignedHeaders="+signed+
		", Signature="+c.signature(date, canonical))
}

// Presign returns a URL that may be used for one hour without any further credentials (S3: signature in the
// query). query holds what else belongs to the request.
func (c *Client) Presign(method, bucket, key string, query url.Values, now time.Time) string {
	date := now.UTC().Format(stamp)
	all := url.Values{
		"X-Amz-Algorithm":     {algorithm},
		"X-Amz-Credential":    {c.Access + "/" + scope(date)},
		"X-Amz-Date":          {date},
		"X-Amz-Expires":       {strconv.Itoa(int(time.Hour / time.Second))},
		"X-Amz-SignedHeaders": {"host"},
	}
	maps.Copy(all, query)
	u := c.url(bucket, key, all)
	canonical := strings.Join([]string{
		method, u.EscapedPath(), u.RawQuery, "host:" + u.Host + "\n", "host", unsigned,
	}, "\n")
	u.RawQuery += "&X-Amz-Signature=" + c.signature(date, canonical)
	return u.String()
}

// scope is the credential scope of a time.
func scope(date string) string { return date[:8] + "/" + region + "/s3/aws4_request" }

// signature signs a canonical request.
func (c *Client) signature(date, canonical string) string {
	sum := sha256.Sum256([]byte(canonical))
	key := []byte("AWS4" + c.Secret)
	for _, part := range []string{date[:8], region, "s3", "aws4_request"} {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, algorithm+"\n"+date+"\n"+scope(date)+"\n"+hex.EncodeToString(sum[:])))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// url makes the URL of a bucket or key, with every byte escaped that Signature Version 4 wants escaped.
func (c *Client) url(bucket, key string, query url.Values) *url.URL {
	u, err := url.Parse(c.Endpoint)
	if err != nil {
		return &url.URL{}
	}
	u.Path, u.RawPath = "/", "/"
	if bucket != "" {
		u.Path, u.RawPath = "/"+bucket, "/"+bucket
	}
	if key != "" {
		u.Path, u.RawPath = u.Path+"/"+key, u.RawPath+"/"+escape(key)
	}
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	return u
}

// escape escapes everything but unreserved characters and slashes.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch ch := s[i]; {
		case ch >= 'a' && ch <= 'z', ch >= 'A' && ch <= 'Z', ch >= '0' && ch <= '9', strings.IndexByte("-._~/", ch) >= 0:
			b.WriteByte(ch)
		default:
			b.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{ch})))
		}
	}
	return b.String()
}
