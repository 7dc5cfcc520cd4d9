package s3front

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"trivium/s3front/sigv4"
)

func trailerForgeries() []forgery {
	stream := func(c call) call {
		return c.stream(sigv4.StreamUnsignedPayload, crcTrailer(helloCRC)...)
	}
	word := []string{"X-Amz-Content-Sha256: " + sigv4.StreamUnsignedPayload, "X-Amz-Decoded-Content-Length: 5"}
	var all []forgery
	for _, who := range []string{"wrong", "nobody"} {
		all = append(all,
			forgery{name: who, want: mismatch, make: func(h *heist, c call) shot { return h.signed(stream(c), who) }},
			forgery{name: who + ", presigned", want: mismatch, make: func(h *heist, c call) shot {
				s := h.presigned(c.with(word...), who, time.Time{})
				s.body = []byte("5\r\nhello\r\n0\r\n\r\n")
				return s
			}})
	}
	return append(all, forgery{name: "presigned by nobody, the word not signed", want: denied, make: func(h *heist, c call) shot {
		s := h.presigned(c, "wrong", time.Time{})
		s.Header.Set("X-Amz-Content-Sha256", sigv4.StreamUnsignedPayload)
		s.Header.Set("X-Amz-Decoded-Content-Length", "5")
		s.body = []byte("5\r\nhello\r\n0\r\n\r\n")
		return s
	}})
}

func chunkForgeries() []forgery {
	signed := func(payload string, change func(body []byte) []byte) func(h *heist, c call) shot {
		return func(h *heist, c call) shot {
			c.chunk = max(1, len(c.body)/3)
			c.payload = payload
			if payload == sigv4.StreamPayloadTrailer {
				c.headers = strings.ReplaceAll(c.headers, "X-Amz-Checksum-Crc32", "X-Test-Crc32")
				c.trailers = crcTrailer(crcOf(c.body))
				c = c.with("X-Amz-Trailer: x-amz-checksum-crc32")
			}
			s := h.signed(c, "alice")
			s.body = change(s.body)
			return s
		}
	}
	// zeros puts another digit for the first of a signature, which is no other's then.
	zeros := func(mark string, n int) func(body []byte) []byte {
		return func(body []byte) []byte {
			at := -1
			for range n + 1 {
				at += 1 + bytes.Index(body[at+1:], []byte(mark))
			}
			if n < 0 {
				at = bytes.LastIndex(body, []byte(mark))
			}
			at += len(mark)
			body = bytes.Clone(body)
			if body[at]++; body[at] > '9' && body[at] < 'a' || body[at] > 'f' {
				body[at] = '0'
			}
			return body
		}
	}
	const mark, end = "chunk-signature=", "x-amz-trailer-signature:"
	content := func(body []byte) []byte {
		body = bytes.Clone(body)
		body[bytes.Index(body, []byte("\r\n"))+2] ^= 1
		return body
	}
	return []forgery{
		{name: "first chunk", ops: bodyOps(), want: mismatch, make: signed(sigv4.StreamPayload, zeros(mark, 0))},
		{name: "second chunk", ops: bodyOps(), want: mismatch, make: signed(sigv4.StreamPayload, zeros(mark, 1))},
		{name: "last chunk", ops: bodyOps(), want: mismatch, make: signed(sigv4.StreamPayload, zeros(mark, -1))},
		{name: "content of a chunk", ops: bodyOps(), want: mismatch, make: signed(sigv4.StreamPayload, content)},
		{name: "last chunk before trailers", ops: bodyOps(), want: mismatch, make: signed(sigv4.StreamPayloadTrailer, zeros(mark, -1))},
		{name: "signature of the trailers", ops: bodyOps(), want: mismatch, make: signed(sigv4.StreamPayloadTrailer, zeros(end, 0))},
		{name: "trailer", ops: bodyOps(), want: mismatch, make: signed(sigv4.StreamPayloadTrailer, func(body []byte) []byte {
			return zeros("crc32:", 0)(body)
		})},
		{name: "chunks of another request", ops: bodyOps(), want: mismatch, make: func(h *heist, c call) shot {
			c.payload, c.chunk = sigv4.StreamPayload, 4
			other := h.signed(c.with("X-Amz-Meta-Other: 1"), "alice")
			s := h.signed(c, "alice")
			s.body = other.body
			return s
		}},
	}
}

func payloadForgeries() []forgery {
	const lie = "400 XAmzContentSHA256Mismatch"
	set := func(word string) func(h *heist, c call) shot {
		return func(h *heist, c call) shot {
			s := h.signed(c, "alice")
			s.Header.Set("X-Amz-Content-Sha256", word)
			return s
		}
	}
	return []forgery{
		{name: "hash of another body", ops: bodyOps(), want: lie, make: func(h *heist, c call) shot {
			s := h.signed(c, "alice")
			s.body = append(bytes.Clone(s.body[:len(s.body)-1]), ' ')
			return s
		}},
		{name: "hash of nothing", ops: bodyOps(), want: lie, make: func(h *heist, c call) shot {
			c.payload = sigv4.EmptyHash
			return h.signed(c, "alice")
		}},
		{name: "hash of another body, presigned", ops: bodyOps(), want: lie, make: func(h *heist, c call) shot {
			return h.presigned(c.with("X-Amz-Content-Sha256: "+sigv4.EmptyHash), "alice", time.Time{})
		}},
		{name: "unsigned in place of a hash", want: mismatch, make: set(sigv4.UnsignedPayload)},
		{name: "unsigned stream in place of a hash", want: mismatch, make: set(sigv4.StreamUnsignedPayload)},
		{name: "signed stream in place of a hash", want: mismatch, make: set(sigv4.StreamPayload)},
		{name: "another hash", want: mismatch, make: set(strings.Repeat("0", 64))},
		{name: "hash in capitals", want: badArg, make: set(strings.ToUpper(sigv4.EmptyHash))},
		{name: "half a hash", want: badArg, make: set(sigv4.EmptyHash[:32])},
		{name: "no word", want: badArg, make: set("STREAMING-NOTHING")},
		{name: "stream of another algorithm", want: noThing, make: set("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD")},
		{name: "missing", want: "400 InvalidRequest", make: func(h *heist, c call) shot {
			s := h.signed(c, "alice")
			s.Header.Del("X-Amz-Content-Sha256")
			return s
		}},
		{name: "twice", want: mismatch, make: func(h *heist, c call) shot {
			s := h.signed(c, "alice")
			s.Header.Add("X-Amz-Content-Sha256", sigv4.UnsignedPayload)
			return s
		}},
	}
}

func timeForgeries() []forgery {
	// early makes the owner's signature some time before or after now.
	early := func(by time.Duration, presigned bool) func(h *heist, c call) shot {
		return func(h *heist, c call) shot {
			if presigned {
				return h.presigned(c, "alice", time.Unix(0, h.now.Load()).Add(-by))
			}
			h.now.Add(-int64(by))
			s := h.signed(c, "alice")
			h.now.Add(int64(by))
			return s
		}
	}
	presigned := func(name, want, old, new string) forgery {
		f := tampered(name, want, func(s *shot) {
			if s.URL.RawQuery = strings.Replace(s.URL.RawQuery, old, new, 1); !strings.Contains(s.URL.RawQuery, new) {
				panic(s.URL.RawQuery)
			}
		})[1]
		return f
	}
	return []forgery{
		{name: "old", want: "403 RequestTimeTooSkewed", make: early(16*time.Minute, false)},
		{name: "of the future", want: "403 RequestTimeTooSkewed", make: early(-16*time.Minute, false)},
		{name: "expired", want: denied, make: early(time.Hour+time.Second, true)},
		{name: "not yet valid", want: denied, make: early(-16*time.Minute, true)},
		presigned("longer than signed", mismatch, "X-Amz-Expires=3600", "X-Amz-Expires=3601"),
		presigned("longer than a week", badQuery, "X-Amz-Expires=3600", "X-Amz-Expires=604801"),
		presigned("never", badQuery, "X-Amz-Expires=3600", "X-Amz-Expires=99999999999999999999"),
		presigned("negative", badQuery, "X-Amz-Expires=3600", "X-Amz-Expires=-1"),
		presigned("zero", badQuery, "X-Amz-Expires=3600", "X-Amz-Expires=0"),
		presigned("no number", badQuery, "X-Amz-Expires=3600", "X-Amz-Expires=0x10"),
		presigned("without end", badQuery, "&X-Amz-Expires=3600", "&"),
		presigned("another date", mismatch, "X-Amz-Date=20261120T09", "X-Amz-Date=20261120T08"),
		presigned("no date", badQuery, "X-Amz-Date=20261120T09", "X-Amz-Date=now"),
		{name: "another date", want: mismatch, make: func(h *heist, c call) shot {
			s := h.signed(c, "alice")
			s.Header.Set("X-Amz-Date", "20261120T085959Z")
			return s
		}},
		{name: "no date", want: denied, make: func(h *heist, c call) shot {
			s := h.signed(c, "alice")
			s.Header.Del("X-Amz-Date")
			return s
		}},
		{name: "Date in place of x-amz-date", want: mismatch, make: func(h *heist, c call) shot {
			s := h.signed(c, "alice")
			s.Header.Del("X-Amz-Date")
			s.Header.Set("Date", time.Unix(0, h.now.Load()).UTC().Format(http.TimeFormat))
			return s
		}},
	}
}

func doubleForgeries() []forgery {
	query := func(name, want string, change func(query string) string) forgery {
		return forgery{name: name, want: want, make: func(h *heist, c call) shot {
			s := h.presigned(c, "alice", time.Time{})
			s.URL.RawQuery = change(s.URL.RawQuery)
			return s
		}}
	}
	all := []forgery{
		{name: "header and query", want: badArg, make: func(h *heist, c call) shot {
			s := h.presigned(c, "wrong", time.Time{})
			s.Header = h.signed(c, "alice").Header
			return s
		}},
		{name: "version 2 in the query beside a header", want: badArg, make: func(h *heist, c call) shot {
			s := h.signed(c, "alice")
			s.URL.RawQuery += "&AWSAccessKeyId=" + aliceKey + "&Signature=abc&Expires=99999999999"
			return s
		}},
		{name: "two headers", want: badArg, make: func(h *heist, c call) shot {
			s := h.signed(c, "alice")
			s.Header.Add("Authorization", h.signed(c, "mallory").Header.Get("Authorization"))
			return s
		}},
		query("in small letters", denied, func(q string) string { return strings.ReplaceAll(q, "X-Amz-", "x-amz-") }),
		query("one in small letters", badQuery, func(q string) string { return strings.Replace(q, "X-Amz-Signature", "x-amz-signature", 1) }),
		query("version 2", "400 InvalidRequest", func(string) string {
			return "AWSAccessKeyId=" + aliceKey + "&Signature=abc&Expires=99999999999"
		}),
		{name: "version 2 in the header", want: "400 InvalidRequest", make: func(h *heist, c call) shot {
			s := h.signed(c, "")
			s.Header.Set("Authorization", "AWS "+aliceKey+":abc=")
			return s
		}},
	}
	for _, name := range []string{"Signature", "Credential", "Date", "Expires", "SignedHeaders", "Algorithm"} {
		all = append(all, query(name+" twice", badQuery, func(q string) string { return q + "&X-Amz-" + name + "=x" }),
			query(name+" twice, the false one first", badQuery, func(q string) string { return "X-Amz-" + name + "=x&" + q }),
			query(name+" missing", badQuery, func(q string) string { return strings.Replace(q, "X-Amz-"+name+"=", "X-Other=", 1) }))
	}
	for _, field := range []string{"Credential", "SignedHeaders", "Signature"} {
		all = append(all, forgery{name: field + " twice in the header", want: badAuth, make: func(h *heist, c call) shot {
			s := h.signed(c, "alice")
			s.Header.Set("Authorization", s.Header.Get("Authorization")+","+field+"=x")
			return s
		}})
	}
	return all
}

func looseForgeries() []forgery {
	var all []forgery
	for _, header := range []string{
		"X-Amz-Copy-Source: victim/other", "X-Amz-Meta-A: b", "X-Amz-Acl: bucket-owner-full-control", "X-Amz-Tagging: a=b",
		"X-Amz-Copy-Source-Range: bytes=0-1", "X-Amz-Metadata-Directive: REPLACE", "X-Amz-Storage-Class: STANDARD_IA",
		"X-Amz-Expected-Bucket-Owner: 1", "X-Amz-Decoded-Content-Length: 1", "X-Amz-Trailer: x-amz-checksum-crc32", "X-Amz-Nothing: 1",
	} {
		name, value, _ := strings.Cut(header, ": ")
		but := map[string]string{} // where the owner has sent and signed it
		switch name {
		case "X-Amz-Copy-Source":
			but["CopyObject"], but["UploadPartCopy"] = mismatch, mismatch
		case "X-Amz-Acl":
			but["PutObjectAcl"], but["PutBucketAcl"] = mismatch, mismatch
		}
		f := tampered(name, denied, func(s *shot) { s.Header.Set(name, value) })
		f[0].but, f[1].but = but, but
		all = append(all, f...)
	}
	header := func(s *shot) bool { return s.Header.Get("Authorization") != "" }
	all = append(all, tampered("host", denied, func(s *shot) {
		if header(s) {
			replaceAuth("SignedHeaders=host;", "SignedHeaders=")(s)
		} else {
			s.URL.RawQuery = strings.Replace(s.URL.RawQuery, "SignedHeaders=host", "SignedHeaders=date", 1)
		}
	})...)
	return append(all, tampered("x-amz-date", denied, replaceAuth(";x-amz-date", ""))[0],
		tampered("x-amz-content-sha256", denied, replaceAuth(";x-amz-content-sha256", ""))[0])
}
