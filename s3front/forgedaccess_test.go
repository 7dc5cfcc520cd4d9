package s3front

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// everywhere gives operations the same answer.
func everywhere(want string, ops ...[]string) map[string]string {
	m := map[string]string{}
	for _, op := range slices.Concat(ops...) {
		m[op] = want
	}
	return m
}

// anyoneMay are the answers to those of a stranger's requests that are not about the victim's: he sees his own buckets,
// and cannot have the name of another's.
func anyoneMay() map[string]string {
	return map[string]string{"ListBuckets": "200", "CreateBucket": "409 BucketAlreadyExists"}
}

func strangerForgeries() []forgery {
	plain := func(name string, change func(h *heist, c *call)) forgery {
		return forgery{name: name, want: denied, but: anyoneMay(), make: func(h *heist, c call) shot {
			change(h, &c)
			return h.signed(c, "mallory")
		}}
	}
	versions := []string{
		"GetObject", "HeadObject", "GetObjectAttributes", "GetObjectTagging", "PutObjectTagging", "DeleteObjectTagging", "GetObjectAcl",
		"PutObjectAcl", "DeleteObject",
	}
	version := func(name string, id func(h *heist) string) forgery {
		f := plain(name, func(h *heist, c *call) { c.target = withParam(c.target, "versionId="+id(h)) })
		f.ops = versions
		return f
	}
	return []forgery{
		plain("plainly", func(*heist, *call) {}),
		{name: "presigned", want: denied, but: anyoneMay(), make: func(h *heist, c call) shot { return h.presigned(c, "mallory", time.Time{}) }},
		plain("by the bucket's host", func(_ *heist, c *call) {
			if target, ok := strings.CutPrefix(c.target, "/victim"); ok {
				c.host = "victim.s3.test"
				c.target = "/" + strings.TrimPrefix(target, "/")
			}
		}),
		version("a version", func(h *heist) string { return h.version }),
		version("a version that is not there", func(*heist) string { return "1" }),
		version("the null version", func(*heist) string { return "null" }),
		{name: "what is deleted", want: denied, ops: versions, make: func(h *heist, c call) shot {
			c.target = strings.Replace(c.target, "/secret", "/deleted", 1)
			return h.signed(c, "mallory")
		}},
		{name: "what is not there", want: denied, ops: objectOps(), make: func(h *heist, c call) shot {
			c.target = strings.Replace(c.target, "/secret", "/nothing", 1)
			c.headers = strings.Replace(c.headers, "victim/secret", "victim/nothing", 1)
			return h.signed(c, "mallory")
		}},
		{name: "an upload that is not there", want: denied, ops: uploadOps(), make: func(h *heist, c call) shot {
			c.target = strings.Replace(c.target, h.upload, strings.Repeat("0", 32), 1)
			return h.signed(c, "mallory")
		}},
		{name: "a prefix", want: denied, ops: []string{"ListObjects", "ListObjectsV2", "ListObjectVersions", "ListMultipartUploads"}, make: func(h *heist, c call) shot {
			c.target = withParam(c.target, "prefix=s&delimiter=/&max-keys=0")
			return h.signed(c, "mallory")
		}},
	}
}

// withParam adds parameters to a target.
func withParam(target, params string) string {
	if strings.Contains(target, "?") {
		return target + "&" + params
	}
	return target + "?" + params
}

func mixedForgeries() []forgery {
	own := func(name, want string, ops []string, change func(h *heist, c *call)) forgery {
		return forgery{name: name, want: want, ops: ops, make: func(h *heist, c call) shot {
			c.target = strings.Replace(c.target, "/victim", "/thief", 1)
			change(h, &c)
			return h.signed(c, "mallory")
		}}
	}
	versions := opsWhere(func(rt *route) bool { return strings.Contains(rt.allow, "versionId") })
	of := own("the victim's version in his own bucket", "404 NoSuchKey", versions, func(h *heist, c *call) {
		c.target = withParam(c.target, "versionId="+h.version)
	})
	of.but = everywhere("404 NoSuchVersion", versions)
	of.but["DeleteObject"] = "204" // of a version that is not there, as S3 does
	mine := func(source string) func(h *heist, c *call) {
		return func(h *heist, c *call) {
			c.target = strings.ReplaceAll(strings.Replace(c.target, "secret", "mine", 1), h.upload, h.own)
			c.headers = strings.Replace(c.headers, "victim/secret", strings.ReplaceAll(source, "$V", h.version), 1)
		}
	}
	all := []forgery{
		of,
		own("the victim's upload in his own bucket", "404 NoSuchUpload", uploadOps(), func(_ *heist, c *call) {
			c.headers = strings.Replace(c.headers, "victim/secret", "thief/mine", 1)
		}),
		own("the victim's upload at his own upload's key", "404 NoSuchUpload", uploadOps(), func(_ *heist, c *call) {
			c.target = strings.Replace(c.target, "secret", "mine", 1)
			c.headers = strings.Replace(c.headers, "victim/secret", "thief/mine", 1)
		}),
		{name: "his own upload in the victim's bucket", want: denied, ops: uploadOps(), make: func(h *heist, c call) shot {
			c.target = strings.Replace(c.target, h.upload, h.own, 1)
			return h.signed(c, "mallory")
		}},
		own("a foreign source", denied, copyOps(), mine("victim/secret")),
		own("a foreign source with a slash", denied, copyOps(), mine("/victim/secret")),
		own("a foreign source, encoded", denied, copyOps(), mine("victim%2Fsecret")),
		own("a foreign version", denied, copyOps(), mine("victim/secret?versionId=$V")),
		own("a foreign source that is not there", denied, copyOps(), mine("victim/nothing")),
		own("a foreign source by range", denied, []string{"UploadPartCopy"}, func(h *heist, c *call) {
			mine("victim/secret")(h, c)
			c.headers += "\nX-Amz-Copy-Source-Range: bytes=0-3"
		}),
		{name: "a source in the query", want: denied, ops: copyOps(), make: func(h *heist, c call) shot {
			c.target = strings.Replace(withParam(strings.Replace(strings.Replace(c.target, "/victim", "/thief", 1), h.upload, h.own, 1), "x-amz-copy-source=victim/secret"), "secret", "mine", 1)
			c.headers = ""
			return h.presigned(c, "mallory", time.Time{})
		}},
		{name: "two sources, his own first", want: "400 InvalidRequest", ops: copyOps(), make: func(h *heist, c call) shot {
			c.target = strings.Replace(c.target, "/victim", "/thief", 1)
			c.headers = "X-Amz-Copy-Source: thief/mine\nX-Amz-Copy-Source: victim/secret"
			return h.signed(c, "mallory")
		}},
	}
	return all
}

func traversalForgeries() []forgery {
	var all []forgery
	for _, bucket := range []string{
		"..", "%2e%2e", "%2e%2e%2fvictim", "thief%2f..%2fvictim", "victim%2f", "victim%00", "victim%5c", ".%2fvictim", "victim%2e%2e%2f", "v%c0%af", "victim%0d%0a",
	} {
		all = append(all, forgery{name: "bucket " + bucket, ops: bucketsOps(), want: "400 InvalidBucketName", make: func(h *heist, c call) shot {
			c.target = strings.Replace(c.target, "/victim", "/"+bucket, 1)
			return h.signed(c, "mallory")
		}})
	}
	inside := everywhere("404 NoSuchKey", objectOps())
	maps.Copy(inside, everywhere("404 NoSuchUpload", uploadOps()))
	inside["PutObject"], inside["CreateMultipartUpload"], inside["DeleteObject"] = "200", "200", "204"
	for _, key := range []string{
		"../victim/secret", "%2e%2e/victim/secret", "..%2fvictim%2fsecret", "%2e%2e%2f%2e%2e%2fspace/victim/secret", "./../victim/secret", "x/../../victim/secret",
		"..%5cvictim%5csecret", "/victim/secret", "%2fvictim%2fsecret", "....//victim/secret", "%252e%252e/victim/secret", "..;/victim/secret",
	} {
		all = append(all, forgery{name: "key " + key, ops: objectOps(), but: inside, own: true, make: func(h *heist, c call) shot {
			c.target = strings.Replace(strings.Replace(c.target, "/victim/secret", "/thief/"+key, 1), "/victim/forged", "/thief/"+key+"x", 1)
			c.headers = strings.Replace(c.headers, "victim/secret", "thief/"+key, 1)
			s := h.signed(c, "mallory")
			if s.Method == http.MethodPut && s.URL.RawQuery == "" && s.Header.Get("X-Amz-Copy-Source") == "" {
				s = h.signed(call{method: s.Method, target: strings.Replace(c.target, "secret", "put", 1), body: "x"}, "mallory")
			}
			return s
		}})
	}
	for _, source := range []string{"../victim/secret", "..%2fvictim/secret", "./victim/secret", "//victim/secret", "%00/victim/secret", "thief%00/../victim/secret"} {
		all = append(all, forgery{name: "source " + source, ops: copyOps(), want: badArg, make: func(h *heist, c call) shot {
			c.target = strings.Replace(strings.Replace(c.target, "/victim", "/thief", 1), h.upload, h.own, 1)
			c.headers = strings.Replace(c.headers, "victim/secret", source, 1)
			return h.signed(c, "mallory")
		}})
	}
	for _, id := range []string{"..%2f..%2fvictim", "../$U", "$U%00", "$U/", "%2e", "", "$U%0a", "*", "%25"} {
		all = append(all, forgery{name: "upload " + id, ops: uploadOps(), want: "404 NoSuchUpload", make: func(h *heist, c call) shot {
			c.target = strings.Replace(strings.Replace(c.target, "/victim", "/thief", 1), h.upload, strings.Replace(id, "$U", h.upload, 1), 1)
			c.headers = strings.Replace(c.headers, "victim/secret", "thief/mine", 1)
			return h.signed(c, "mallory")
		}})
	}
	versions := opsWhere(func(rt *route) bool { return strings.Contains(rt.allow, "versionId") })
	for _, id := range []string{"..%2f..%2fvictim", "$V%00", "$V/", "-1", "+1", "1e3", "0x1", "99999999999999999999"} {
		all = append(all, forgery{name: "version " + id, ops: versions, want: badArg, make: func(h *heist, c call) shot {
			c.target = withParam(strings.Replace(c.target, "/victim", "/thief", 1), "versionId="+strings.Replace(id, "$V", h.version, 1))
			return h.signed(c, "mallory")
		}})
	}
	lists := []string{"ListObjects", "ListObjectsV2", "ListObjectVersions", "ListMultipartUploads"}
	for _, prefix := range []string{"../victim/", "..%2fvictim%2f", "/../victim", "victim/"} {
		all = append(all, forgery{name: "prefix " + prefix, ops: lists, want: "200", make: func(h *heist, c call) shot {
			c.target = withParam(strings.Replace(c.target, "/victim", "/thief", 1), "prefix="+prefix+"&marker="+prefix+"&key-marker="+prefix+"&start-after="+prefix)
			return h.signed(c, "mallory")
		}})
	}
	return all
}

func oracleForgeries() []forgery {
	var all []forgery
	for _, who := range []string{"", "mallory"} {
		but := anyoneMay()
		if who == "" {
			but = nil
		}
		for _, header := range []string{
			`If-Match: "$E"`, `If-Match: *`, `If-Match: "0"`, `If-None-Match: "$E"`, `If-None-Match: *`, "If-Modified-Since: Sun, 01 Jan 2006 00:00:00 GMT",
			"If-Modified-Since: Fri, 01 Jan 2049 00:00:00 GMT", "If-Unmodified-Since: Sun, 01 Jan 2006 00:00:00 GMT", `If-Range: "$E"`, "Range: bytes=0-3",
			"Range: bytes=999999-",
		} {
			for _, key := range []string{"secret", "nothing"} {
				all = append(all, forgery{name: header + " on " + key + " by " + who, want: denied, but: but, make: func(h *heist, c call) shot {
					c.target = strings.Replace(c.target, "secret", key, 1)
					return h.signed(c.with(strings.Replace(header, "$E", h.etag, 1)), who)
				}})
			}
		}
	}
	for _, header := range []string{`If-Match: "$E"`, `If-None-Match: "$E"`, "If-Modified-Since: Sun, 01 Jan 2006 00:00:00 GMT", "If-Unmodified-Since: Sun, 01 Jan 2006 00:00:00 GMT"} {
		all = append(all, forgery{name: "source " + header, ops: copyOps(), want: denied, make: func(h *heist, c call) shot {
			c.target = strings.Replace(strings.Replace(strings.Replace(c.target, "/victim", "/thief", 1), "secret", "mine", 1), h.upload, h.own, 1)
			return h.signed(c.with("X-Amz-Copy-Source-"+strings.Replace(header, "$E", h.etag, 1)), "mallory")
		}})
	}
	return append(all, forgery{name: "sizes and times of a deletion", ops: []string{"DeleteObject"}, want: denied, make: func(h *heist, c call) shot {
		return h.signed(c.with("X-Amz-If-Match-Size: 18"), "mallory")
	}})
}
