package sigv4

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
)

const docSize = 66560 // of the documented chunked upload: 65 KiB of "a"

func docAuth(t testing.TB, headers string) Auth {
	t.Helper()
	a, err := verify(docVerifier(), docRequest("PUT", "/examplebucket/chunkObject.txt", headers))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestDocumentedChunks encodes the documented upload, finds the documented signatures and decodes it again.
func TestDocumentedChunks(t *testing.T) {
	data := bytes.Repeat([]byte("a"), docSize)
	crc := []Param{{Name: "x-amz-checksum-crc32c", Value: "sOO8/Q=="}}
	cases := []struct {
		name, headers string
		payload       Payload
		trailers      []Param
		signatures    []string
		length        int
	}{
		{"signed", chunkedHeaders(), StreamSigned, nil, []string{
			"10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
			"400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
			"0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
		}, 66824},
		{"signed with trailer", trailerHeaders(), StreamSignedTrailer, crc, []string{
			"10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
			"400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
			"0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
			"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435",
		}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := docAuth(t, c.headers)
			body := a.Encode(data, c.payload, 65536, c.trailers)
			for _, s := range c.signatures {
				if !bytes.Contains(body, []byte(s)) {
					t.Errorf("the encoded body lacks %q; its lines: %q", s, bytes.ReplaceAll(body, []byte("a"), nil))
				}
			}
			if c.length > 0 && len(body) != c.length {
				t.Errorf("encoded length = %d, want %d", len(body), c.length)
			}
			var names []string
			for _, p := range c.trailers {
				names = append(names, p.Name)
			}
			r := a.Body(bytes.NewReader(body), docSize, names)
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, data) {
				t.Fatalf("ReadAll = %d bytes, %v, want the %d of the example", len(got), err, docSize)
			}
			if v, _ := r.Trailer("x-amz-checksum-crc32c"); len(names) > 0 && v != "sOO8/Q==" {
				t.Errorf("Trailer = %q, want sOO8/Q==", v)
			}
		})
	}
}

// stream makes an Auth of each form and an encoded body of data.
func stream(t testing.TB, payload Payload, data []byte, chunk int) (Auth, []byte, []string) {
	t.Helper()
	word := map[Payload]string{StreamSigned: StreamPayload, StreamSignedTrailer: StreamPayloadTrailer, StreamUnsignedTrailer: StreamUnsignedPayload}[payload]
	r := httptest.NewRequest(http.MethodPut, "/b/k", nil)
	s := Signer{AccessKey: docKey, Secret: docSecret}
	signed, err := s.Sign(r, word, docTime())
	if err != nil {
		t.Fatal(err)
	}
	a, err := verify(docVerifier(), r)
	if err != nil {
		t.Fatal(err)
	}
	var trailers []Param
	var names []string
	if payload != StreamSigned {
		trailers = []Param{{Name: "x-amz-checksum-crc32", Value: "AAAAAA=="}}
		names = []string{"x-amz-checksum-crc32"}
	}
	return a, signed.Encode(data, payload, chunk, trailers), names
}

func payloads() []Payload { return []Payload{StreamSigned, StreamSignedTrailer, StreamUnsignedTrailer} }

func TestRoundTrip(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	for _, payload := range payloads() {
		for _, size := range []int{0, 1, 2, 4095, 4096, 4097, 70000} {
			data := make([]byte, size)
			for i := range data {
				data[i] = byte(rnd.Uint32())
			}
			chunk := 1 + rnd.IntN(9000)
			a, body, names := stream(t, payload, data, chunk)
			for how, src := range map[string]io.Reader{
				"whole": bytes.NewReader(body), "byte by byte": iotest.OneByteReader(bytes.NewReader(body)),
				"data with EOF": iotest.DataErrReader(bytes.NewReader(body)),
			} {
				got, err := io.ReadAll(a.Body(src, int64(size), names))
				if err != nil || !bytes.Equal(got, data) {
					t.Errorf("seed %d: form %d, %d bytes in chunks of %d, %s: %d bytes, %v", seed, payload, size, chunk, how, len(got), err)
				}
			}
		}
	}
}

// TestNothingBadIsComplete: whatever is changed, cut or added, a reader of exactly the announced size (one
// that never asks for io.EOF) gets an error.
func TestNothingBadIsComplete(t *testing.T) {
	data := []byte("hello, chunked world")
	for _, payload := range payloads() {
		a, body, names := stream(t, payload, data, 8)
		check := func(what string, body []byte) {
			r := a.Body(bytes.NewReader(body), int64(len(data)), names)
			got := make([]byte, len(data))
			_, err := io.ReadFull(r, got)
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Errorf("form %d, %s: ReadFull = %v, want an *Error", payload, what, err)
			}
			if _, again := r.Read(got); err != nil && again == nil {
				t.Errorf("form %d, %s: the error is forgotten", payload, what)
			}
		}
		for i := range body {
			check("cut", body[:i])
			flipped := bytes.Clone(body)
			flipped[i] ^= 1
			if payload != StreamUnsignedTrailer {
				check("flip", flipped)
			}
		}
		check("doubled", append(bytes.Clone(body), body...))
		check("one byte more", append(bytes.Clone(body), 'x'))
	}
}

func TestBrokenFraming(t *testing.T) {
	const end = "0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"
	cases := []struct {
		name, body string
		size       int64
		want       Reason
	}{
		{"zero while bytes are due", end, 5, ChunkLength},
		{"chunk longer than announced", "6\r\nhello!\r\n" + end, 5, ChunkLength},
		{"one more chunk", "5\r\nhello\r\n1\r\n!\r\n" + end, 5, ChunkLength},
		{"data for an empty body", "1\r\n!\r\n" + end, 0, ChunkLength},
		{"empty body", "", 5, Truncated},
		{"empty size", "\r\nhello\r\n" + end, 5, ChunkFormat},
		{"negative size", "-5\r\nhello\r\n" + end, 5, ChunkFormat},
		{"sign", "+5\r\nhello\r\n" + end, 5, ChunkFormat},
		{"prefix", "0x5\r\nhello\r\n" + end, 5, ChunkFormat},
		{"leading zero", "05\r\nhello\r\n" + end, 5, ChunkFormat},
		{"leading zeros at the end", "5\r\nhello\r\n00\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", 5, ChunkFormat},
		{"space", "5 \r\nhello\r\n" + end, 5, ChunkFormat},
		{"not hex", "g\r\nhello\r\n" + end, 5, ChunkFormat},
		{"huge", "7fffffffffffffff\r\nhello\r\n" + end, 5, ChunkFormat},
		{"overflow", "fffffffffffffffff\r\nhello\r\n" + end, 5, ChunkFormat},
		{"largest", "fffffffffffffff\r\nhello\r\n" + end, 5, ChunkLength},
		{"line over the limit", strings.Repeat("0", 300) + "5\r\nhello\r\n" + end, 5, ChunkFormat},
		{"line over the buffer", strings.Repeat("0", 9000) + "5\r\nhello\r\n" + end, 5, ChunkFormat},
		{"bare LF", "5\nhello\r\n" + end, 5, ChunkFormat},
		{"extension", "5;a=b\r\nhello\r\n" + end, 5, ChunkFormat},
		{"chunk shorter than its size", "5\r\nhell\r\n" + end, 5, ChunkFormat},
		{"no end of chunk", "5\r\nhello0\r\n\r\n", 5, ChunkFormat},
		{"no final chunk", "5\r\nhello\r\n", 5, Truncated},
		{"no trailer", "5\r\nhello\r\n0\r\n\r\n", 5, BadTrailer},
		{"trailer cut", "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAA", 5, Truncated},
		{"trailer without colon", "5\r\nhello\r\n0\r\nx-amz-checksum-crc32\r\n\r\n", 5, BadTrailer},
		{"trailer repeated", "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:A\r\nx-amz-checksum-crc32:A\r\n\r\n", 5, BadTrailer},
		{"trailer not announced", "5\r\nhello\r\n0\r\nx-amz-checksum-sha1:A\r\n\r\n", 5, BadTrailer},
		{"trailer too long", "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:" + strings.Repeat("A", maxTrailer) + "\r\n\r\n", 5, BadTrailer},
		{"signature in an unsigned stream", "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:A\r\nx-amz-trailer-signature:A\r\n\r\n", 5, BadTrailer},
		{"garbage behind", "5\r\nhello\r\n" + end + "garbage", 5, Truncated},
		{"lines behind", "5\r\nhello\r\n" + end + "\r\n\r\n\r\n\r\n\r\n", 5, BadTrailer},
		{"line behind", "5\r\nhello\r\n" + end + "GET / HTTP/1.1\r\n\r\n", 5, BadTrailer},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := Auth{Payload: StreamUnsignedTrailer}
			got, err := io.ReadAll(a.Body(strings.NewReader(c.body), c.size, []string{"x-amz-checksum-crc32"}))
			if e, ok := errors.AsType[*Error](err); !ok || e.Reason != c.want {
				t.Errorf("ReadAll = %q, %v, want reason %d", got, err, c.want)
			}
		})
	}
}

func TestTrailerSpellings(t *testing.T) {
	for _, section := range []string{
		"x-amz-checksum-crc32:AAAAAA==\r\n\r\n",      // SDKs
		"x-amz-checksum-crc32:AAAAAA==\n\r\n\r\n",    // minio-go
		"X-Amz-Checksum-Crc32: AAAAAA==\r\n\r\n\r\n", // other spacing and case
	} {
		a := Auth{Payload: StreamUnsignedTrailer}
		r := a.Body(strings.NewReader("5\r\nhello\r\n0\r\n"+section), 5, []string{"x-amz-checksum-crc32"})
		got, err := io.ReadAll(r)
		if v, _ := r.Trailer("x-amz-checksum-crc32"); err != nil || string(got) != "hello" || v != "AAAAAA==" {
			t.Errorf("%q: %q, trailer %q, %v", section, got, v, err)
		}
	}
}

func TestReaderErrorsPassThrough(t *testing.T) {
	fault := errors.New("connection reset")
	a := Auth{Payload: StreamUnsignedTrailer}
	for _, before := range []string{"", "5\r\nhe", "5\r\nhello", "5\r\nhello\r\n0\r\nx"} {
		src := io.MultiReader(strings.NewReader(before), iotest.ErrReader(fault))
		if _, err := io.ReadAll(a.Body(src, 5, nil)); !errors.Is(err, fault) {
			t.Errorf("behind %q: %v, want the reader's error", before, err)
		}
	}
}

func BenchmarkChunkReader(b *testing.B) {
	data := make([]byte, 4<<20)
	buf := make([]byte, 256<<10)
	for name, payload := range map[string]Payload{"signed": StreamSigned, "unsigned": StreamUnsignedTrailer} {
		b.Run(name, func(b *testing.B) {
			a, body, names := stream(b, payload, data, 64<<10)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				r := a.Body(bytes.NewReader(body), int64(len(data)), names)
				if n, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{r}, buf); err != nil || n != int64(len(data)) {
					b.Fatal(n, err)
				}
			}
		})
	}
}
