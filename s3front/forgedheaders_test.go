package s3front

import (
	"net/http"
	"strings"
	"time"
)

func internalForgeries() []forgery {
	var all []forgery
	for _, header := range []string{
		"X-Trivium-User: alice", "X-Trivium-Principal: admin", "X-Trivium-Internal: true", "X-Minio-Source-Proxy-Request: true", "X-Minio-Internal: 1",
		"X-Minio-Replication-Ssec-Crc: x", "X-Forwarded-User: admin", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: victim.s3.test", "X-Forwarded-Proto: https",
		"Forwarded: for=127.0.0.1;host=victim.s3.test", "X-Real-Ip: 127.0.0.1", "X-Remote-User: alice", "Remote-User: alice", "X-Http-Method-Override: GET",
		"X-Http-Method: GET", "X-Method-Override: GET", "X-Original-Url: /thief/mine", "X-Rewrite-Url: /thief/mine", "X-Original-Host: victim.s3.test",
		"X-Request-Id: forged", "X-Auth-Token: x", "X-Storage-User: alice", "X-Rgw-Auth: 1", "X-Seaweedfs-User: admin", "Cookie: user=alice", "Origin: http://evil.test",
	} {
		all = append(all,
			forgery{name: header, want: denied, make: func(h *heist, c call) shot { return h.signed(c.with(header), "") }},
			forgery{name: header + ", signed by another user", want: denied, but: anyoneMay(), make: func(h *heist, c call) shot { return h.signed(c.with(header), "mallory") }})
	}
	// What begins with x-amz- is never dropped: it means what S3 means by it, or is refused.
	for _, header := range []string{"X-Amz-User: alice", "X-Amz-Access-Key: " + aliceKey, "X-Amz-Meta: 1", "X-Amz-Server-Side-Encryption: AES256", "X-Amz-Mfa: 1 2", "X-Amz-Write-Offset-Bytes: 0"} {
		all = append(all,
			forgery{name: header, want: noThing, make: func(h *heist, c call) shot { return h.signed(c.with(header), "") }},
			forgery{name: header + ", by the owner", want: noThing, make: func(h *heist, c call) shot { return h.signed(c.with(header), "alice") }})
	}
	return append(all,
		forgery{name: "a token", want: "400 InvalidToken", make: func(h *heist, c call) shot { return h.signed(c.with("X-Amz-Security-Token: alice"), "") }},
		forgery{name: "a token in the query", want: "400 InvalidToken", make: func(h *heist, c call) shot {
			c.target = withParam(c.target, "X-Amz-Security-Token=alice")
			return h.presigned(c, "alice", time.Time{})
		}})
}

func subForgeries() []forgery {
	var all []forgery
	for _, sub := range []string{"policy", "policy=", "cors", "lifecycle=x", "website", "nobody-knows", "nobody-knows=", "legal-hold", "restore", "select&select-type=2", "encryption", "POLICY", "uploads&delete&acl"} {
		for _, who := range []string{"alice", ""} {
			want := noThing
			all = append(all, forgery{name: sub + " by " + who, want: want, make: func(h *heist, c call) shot {
				c.target = withParam(c.target, sub)
				return h.signed(c, who)
			}})
		}
	}
	return all
}

func injectionForgeries() []forgery {
	var all []forgery
	for _, param := range []string{
		"x-amz-meta-a=b%0d%0aSet-Cookie:%20a=b", "x-amz-meta-a%0d%0aSet-Cookie:%20a=b", "x-amz-meta-a=%00", "x-amz-acl=private%0a", "X-Amz-Copy-Source=victim/secret%0d%0a.", "x-amz-%20=1",
	} {
		for _, who := range []string{"alice", ""} {
			all = append(all, forgery{name: param + " by " + who, want: badArg, make: func(h *heist, c call) shot {
				c.target = withParam(c.target, param)
				return h.signed(c, who)
			}})
		}
	}
	return all
}

func responseForgeries() []forgery {
	var all []forgery
	for _, param := range []string{"response-content-type=text/html", "response-content-disposition=inline", "response-expires=0%0d%0aSet-Cookie:%20a=b", "response-cache-control=x"} {
		all = append(all, forgery{name: param, want: denied, but: map[string]string{"GetObject": "400 InvalidRequest", "HeadObject": "400"}, make: func(h *heist, c call) shot {
			c.target = withParam(c.target, param)
			return h.signed(c, "")
		}})
	}
	return all
}

func formForgeries() []forgery {
	form := func(headers string, fields ...string) func(h *heist, c call) shot {
		return func(h *heist, c call) shot {
			c = post("/victim", "", "Content-Type: multipart/form-data; boundary=x")
			for i := 0; i+1 < len(fields); i += 2 {
				c.body += "--x\r\nContent-Disposition: form-data; name=\"" + fields[i] + "\"\r\n\r\n" + fields[i+1] + "\r\n"
			}
			c.body += "--x--\r\n"
			s := h.signed(c, headers)
			return s
		}
	}
	once := []string{"PutObject"}
	return []forgery{
		{name: "anonymous", ops: once, want: noThing, make: form("", "key", "secret", "file", "forged")},
		{name: "of the thief, for the victim's bucket", ops: once, want: noThing, make: form("mallory", "bucket", "victim", "key", "secret", "file", "forged")},
		{name: "with a policy nobody has signed", ops: once, want: noThing, make: form("", "policy", "e30=", "x-amz-credential", aliceKey+"/20261120/us-east-1/s3/aws4_request", "x-amz-signature", strings.Repeat("0", 64), "key", "secret", "file", "forged")},
		{name: "of another key than the path's", ops: once, want: noThing, make: form("", "key", "../victim/secret", "file", "forged")},
	}
}

func addressForgeries() []forgery {
	var all []forgery
	for _, source := range []string{"http://169.254.169.254/latest/meta-data", "file:///etc/passwd", "//127.0.0.1:7070/victim/secret", "http:%2F%2Flocalhost/victim", "localhost:7070/victim/secret"} {
		all = append(all, forgery{name: source, ops: copyOps(), want: badArg, make: func(h *heist, c call) shot {
			c.target = strings.Replace(strings.Replace(c.target, "/victim", "/thief", 1), h.upload, h.own, 1)
			c.headers = "X-Amz-Copy-Source: " + source
			return h.signed(c, "mallory")
		}})
	}
	for _, host := range []string{"169.254.169.254", "localhost:7070", "[::1]", "127.0.0.1"} {
		all = append(all, forgery{name: "host " + host, want: denied, but: anyoneMay(), make: func(h *heist, c call) shot {
			c.host = host
			return h.signed(c, "mallory")
		}})
	}
	return append(all, forgery{name: "redirection", ops: []string{"PutObject", "CreateMultipartUpload", "CopyObject"}, want: "400 InvalidRedirectLocation", make: func(h *heist, c call) shot {
		return h.signed(c.with("X-Amz-Website-Redirect-Location: file:///etc/passwd"), "alice")
	}})
}

func adminForgeries() []forgery {
	var all []forgery
	for _, path := range []string{
		"/minio/admin/v3/inspect-data?volume=..%2f..%2f&file=passwd", "/minio/bootstrap/v1/verify", "/minio/health/cluster", "/minio/webrpc", "/minio/admin/v3/add-user?accessKey=x",
		"/admin/user?uid=alice", "/metrics/v2", "/debug/pprof/cmdline", "/victim/../../etc/passwd",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut} {
			want := "404 NoSuchBucket"
			switch {
			case method != http.MethodGet && strings.Contains(path, "?"):
				want = noThing
			case method == http.MethodPost:
				want = "405 MethodNotAllowed"
			case strings.HasPrefix(path, "/victim"):
				want = denied
			}
			all = append(all, forgery{name: method + " " + path, ops: []string{"GetObject"}, want: want, make: func(h *heist, _ call) shot {
				return h.signed(call{method: method, target: path}, "")
			}})
		}
	}
	return all
}
