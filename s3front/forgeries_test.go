package s3front

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	denied   = "403 AccessDenied"
	mismatch = "403 SignatureDoesNotMatch"
	badAuth  = "400 AuthorizationHeaderMalformed"
	badQuery = "400 AuthorizationQueryParametersError"
	badArg   = "400 InvalidArgument"
	noThing  = "501 NotImplemented"
)

// forgeries are the columns of the table.
func forgeries() []forgeryClass {
	return []forgeryClass{
		{"no signature", unsignedForgeries()},
		{"signature of another secret", secretForgeries()},
		{"signature of another scope", scopeForgeries()},
		{"signature for another request", requestForgeries()},
		// CVE-2025-31489, CVE-2026-40344 and CVE-2026-41145 (MinIO): the signature of such a request was not looked at.
		{"unsigned trailer, false signature (CVE-2025-31489, CVE-2026-41145)", trailerForgeries()},
		{"chunk or trailer forged", chunkForgeries()},
		{"x-amz-content-sha256 lies", payloadForgeries()},
		{"out of time", timeForgeries()},
		{"two ways of authentication, parameters twice", doubleForgeries()},
		// CVE-2026-97731 (MinIO) and CVE-2026-94368 (NooBaa): headers that were not signed counted, x-amz-copy-source too.
		{"headers that are not signed (CVE-2026-97731, CVE-2026-94368)", looseForgeries()},
		{"another user", strangerForgeries()},
		{"another user, with something of his own", mixedForgeries()},
		{"a reader writes", []forgery{{name: "by a grant to read", make: as("rita"), want: denied, ops: writeOps()}}},
		// CVE-2026-54917 and CVE-2026-55874 (SeaweedFS): the path and x-amz-copy-source led into another bucket.
		{"path traversal (CVE-2026-54917, CVE-2026-55874)", traversalForgeries()},
		// CVE-2024-36107 (MinIO): conditions were judged before rights.
		{"conditions as an oracle (CVE-2024-36107)", oracleForgeries()},
		{"internal headers", internalForgeries()},
		{"sub-resources that are not there", subForgeries()},
		// CVE-2020-10753 (Ceph RGW) was such an injection, in the answer to a CORS request.
		{"header injection", injectionForgeries()},
		{"answers changed by response-*", responseForgeries()},
		// CVE-2023-28434 (MinIO): a form put an object into any bucket.
		{"forms (CVE-2023-28434)", formForgeries()},
		{"sources that are addresses", addressForgeries()},
		{"administration by path (CVE-2022-35919, CVE-2023-28432)", adminForgeries()},
	}
}

// as is a shot of what the victim's owner would send, made by who.
func as(who string) func(h *heist, c call) shot {
	return func(h *heist, c call) shot { return h.signed(c, who) }
}

// tampered changes what the owner has signed, by header and by query.
func tampered(name, want string, change func(s *shot)) []forgery {
	return []forgery{
		{name: name, want: want, make: func(h *heist, c call) shot {
			s := h.signed(c, "alice")
			change(&s)
			return s
		}},
		{name: name + ", presigned", want: want, make: func(h *heist, c call) shot {
			s := h.presigned(c, "alice", time.Time{})
			change(&s)
			return s
		}},
	}
}

func unsignedForgeries() []forgery {
	with := func(headers ...string) func(h *heist, c call) shot {
		return func(h *heist, c call) shot { return h.signed(c.with(headers...), "") }
	}
	return []forgery{
		{name: "nothing", make: with(), want: denied},
		{name: "a date", make: with("X-Amz-Date: 20261120T090000Z"), want: denied},
		{name: "a payload word", make: with("X-Amz-Content-Sha256: UNSIGNED-PAYLOAD"), want: denied},
		{name: "a signed stream", make: with("X-Amz-Content-Sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), want: badArg},
		{name: "an unsigned stream", make: with("X-Amz-Content-Sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Decoded-Content-Length: 6"), want: denied},
	}
}

func secretForgeries() []forgery {
	presigned := func(who string) func(h *heist, c call) shot {
		return func(h *heist, c call) shot { return h.presigned(c, who, time.Time{}) }
	}
	var all []forgery
	for _, who := range []string{"wrong", "nobody", "mallory as alice", "gone", "revoked"} {
		all = append(all,
			forgery{name: who, make: as(who), want: mismatch},
			forgery{name: who + ", presigned", make: presigned(who), want: mismatch})
	}
	return all
}

// replaceAuth replaces a piece of the Authorization header or of the query.
func replaceAuth(old, new string) func(s *shot) {
	return func(s *shot) {
		if a := s.Header.Get("Authorization"); a != "" {
			s.Header.Set("Authorization", strings.Replace(a, old, new, 1))
			return
		}
		escape := strings.NewReplacer("/", "%2F", ";", "%3B").Replace
		s.URL.RawQuery = strings.Replace(s.URL.RawQuery, escape(old), escape(new), 1)
	}
}

func scopeForgeries() []forgery {
	var all []forgery
	add := func(f []forgery) { all = append(all, f...) }
	add(tampered("another region", mismatch, replaceAuth("/us-east-1/", "/eu-central-1/")))
	add(tampered("another key", mismatch, replaceAuth(aliceKey, adminKey)))
	add(tampered("another key that is there", mismatch, replaceAuth(aliceKey, "AKIA-mallory")))
	for _, of := range []struct{ name, old, new string }{
		{"another service", "/s3/", "/s3tables/"},
		{"another day", "/20261120/", "/20261121/"},
		{"no day", "/20261120/", "//"},
		{"no service", "/s3/", "//"},
		{"another end", "/aws4_request", "/aws5_request"},
		{"a part more", "/s3/aws4_request", "/s3/x/aws4_request"},
	} {
		f := tampered(of.name, badAuth, replaceAuth(of.old, of.new))
		f[1].want = badQuery
		add(f)
	}
	return all
}

func requestForgeries() []forgery {
	var all []forgery
	add := func(f []forgery) { all = append(all, f...) }
	add(tampered("method", mismatch, func(s *shot) {
		if s.Method = map[string]string{"GET": "DELETE"}[s.Method]; s.Method == "" {
			s.Method = http.MethodGet
		}
	}))
	add(tampered("path", mismatch, func(s *shot) { s.URL.Path += "-other" }))
	add(tampered("host", mismatch, func(s *shot) { s.Host = "other.test" }))
	add(tampered("port", mismatch, func(s *shot) { s.Host = "s3.test:7070" }))
	add(tampered("a parameter more", mismatch, func(s *shot) { s.URL.RawQuery += "&versionId=null" }))
	add(tampered("a sub-resource more", mismatch, func(s *shot) { s.URL.RawQuery += "&acl" }))
	add(tampered("a bucket by the host (Host: victim.s3.test)", mismatch, func(s *shot) { s.Host = "victim.s3.test" }))
	less := tampered("a parameter less", mismatch, func(s *shot) { s.URL.RawQuery = dropOwn(s.URL.RawQuery) })
	less[0].ops, less[1].ops = withQuery(), withQuery()
	add(less)
	add([]forgery{
		{name: "a signed header", want: mismatch, make: func(h *heist, c call) shot {
			s := h.signed(c.with("X-Amz-Meta-A: b"), "alice")
			s.Header.Set("X-Amz-Meta-A", "c")
			return s
		}},
		{name: "a signed header twice", want: mismatch, make: func(h *heist, c call) shot {
			s := h.signed(c.with("X-Amz-Meta-A: b"), "alice")
			s.Header.Add("X-Amz-Meta-A", "c")
			return s
		}},
		{name: "a signed header less", want: mismatch, make: func(h *heist, c call) shot {
			s := h.signed(c.with("X-Amz-Meta-A: b"), "alice")
			s.Header.Del("X-Amz-Meta-A")
			return s
		}},
		{name: "the thief's own object", want: mismatch, ops: objectOps(), make: func(h *heist, c call) shot {
			c.target = strings.Replace(c.target, "/victim/", "/thief/", 1)
			s := h.presigned(c, "mallory", time.Time{})
			s.URL.Path = strings.Replace(s.URL.Path, "/thief/", "/victim/", 1)
			return s
		}},
		{name: "the thief's own bucket by its host", want: mismatch, ops: objectOps(), make: func(h *heist, c call) shot {
			c.target, c.host = strings.TrimPrefix(c.target, "/victim"), "thief.s3.test"
			s := h.presigned(c, "mallory", time.Time{})
			s.Host = "victim.s3.test"
			return s
		}},
	})
	return all
}

// dropOwn drops the first parameter that is not the signature's.
func dropOwn(query string) string {
	params := strings.Split(query, "&")
	at := slices.IndexFunc(params, func(p string) bool { return !strings.HasPrefix(p, "X-Amz-") })
	return strings.Join(slices.Delete(params, at, at+1), "&")
}

// withQuery are the operations that a parameter selects.
func withQuery() []string {
	return opsWhere(func(rt *route) bool { return strings.ReplaceAll(rt.need, bySource, "") != "" })
}

func objectOps() []string  { return opsWhere(func(rt *route) bool { return rt.scope == onObject }) }
func bucketsOps() []string { return opsWhere(func(rt *route) bool { return rt.scope != onService }) }
func copyOps() []string    { return []string{"CopyObject", "UploadPartCopy"} }
func uploadOps() []string {
	return opsWhere(func(rt *route) bool { return strings.Contains(rt.need, "uploadId") })
}

func writeOps() []string {
	return opsWhere(func(rt *route) bool {
		return rt.method != http.MethodGet && rt.method != http.MethodHead && rt.op != "CreateBucket"
	})
}

// bodyOps are the operations that read a body.
func bodyOps() []string {
	return []string{
		"PutObject", "UploadPart", "PutObjectTagging", "CompleteMultipartUpload", "DeleteObjects", "CreateBucket", "PutBucketVersioning",
	}
}

// opsWhere are the operations of the route table for which it holds.
func opsWhere(is func(rt *route) bool) []string {
	var ops []string
	for _, rt := range routes() {
		if is(&rt) {
			ops = append(ops, rt.op)
		}
	}
	return ops
}
