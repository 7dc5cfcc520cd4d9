package s3front

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"syscall"
	"testing"

	"trivium/core"
	"trivium/core/coretest"
	"trivium/s3front/sigv4"
)

// measureCPU reports the processor time of an operation, which a busy machine changes less than its duration.
func measureCPU(b *testing.B) (stop func()) {
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	start := used()
	return func() { b.ReportMetric(float64(used()-start)/float64(b.N), "cpu-ns/op") }
}

// sink is a reply that nobody reads.
type sink struct {
	header http.Header
	status int
	sent   int
}

func (s *sink) Header() http.Header  { return s.header }
func (s *sink) WriteHeader(code int) { s.status = code }
func (s *sink) Write(p []byte) (int, error) {
	s.sent += len(p)
	return len(p), nil
}

// reused is a request's body that can be sent again.
type reused struct{ bytes.Reader }

func (*reused) Close() error { return nil }

// bench runs a signed call again and again, without a network.
func (e *env) bench(b *testing.B, handler http.Handler, c call, least int) {
	r := e.request(c)
	r.RequestURI = r.URL.RequestURI()
	var body reused
	if c.body != "" {
		r.Body = &body
	}
	data, out := []byte(c.body), sink{header: http.Header{}}
	b.ReportAllocs()
	defer measureCPU(b)()
	for b.Loop() {
		body.Reset(data)
		clear(out.header)
		out.sent = 0
		handler.ServeHTTP(&out, r)
		if out.status != http.StatusOK || out.sent < least {
			b.Fatal(out.status, out.sent)
		}
	}
}

// BenchmarkDoor runs requests through the whole door: small objects, pages of 1,000 keys among 20,000, and of 1,000
// common prefixes of 20 keys each.
func BenchmarkDoor(b *testing.B) {
	e := newEnv(b, func(c *Config) { c.Observe = nil })
	e.must(call{method: "PUT", target: "/flat"}, call{method: "PUT", target: "/tree"}, call{method: "PUT", target: "/small"})
	benchFill(b, e, "flat", func(i int) string { return fmt.Sprintf("key-%08d", i) })
	benchFill(b, e, "tree", func(i int) string { return fmt.Sprintf("p%03d/key-%08d", i/20, i) })
	small := string(coretest.Bytes(1, 4096))
	put := call{
		method: "PUT", target: "/small/dir/object", body: small,
		headers: "Content-Type: text/plain\nX-Amz-Meta-Mtime: 1700000000.5",
	}
	e.must(put)
	handler := e.srv.Config.Handler
	for _, c := range []struct {
		name  string
		call  call
		least int
	}{
		{"head", call{method: "HEAD", target: "/small/dir/object"}, 0},
		{"get4k", call{method: "GET", target: "/small/dir/object"}, 4096},
		{"put4k", put, 0},
		{"list", call{method: "GET", target: "/flat?list-type=2&max-keys=1000"}, 100_000},
		{"prefixes", call{method: "GET", target: "/tree?list-type=2&max-keys=1000&delimiter=%2F"}, 40_000},
	} {
		b.Run(c.name, func(b *testing.B) { e.bench(b, handler, c.call, c.least) })
	}
}

// BenchmarkRoute finds the operation of a request: path, query, whitelist.
func BenchmarkRoute(b *testing.B) {
	e := newEnv(b)
	d := newDoor(Config{Service: e.core.Service})
	hr := e.request(call{method: "PUT", target: "/bucket/dir/object?partNumber=3&uploadId=abc"})
	b.ReportAllocs()
	for b.Loop() {
		at, ok := cutPath(hr.URL.EscapedPath())
		r := request{Request: hr, door: d}
		if err := r.parse(at); err != nil || !ok {
			b.Fatal(err)
		}
		if rt, err := d.routes.find(&r); err != nil || rt.op != "UploadPart" {
			b.Fatal(rt, err)
		}
	}
}

// BenchmarkUpload sends 16 MiB through the whole door, in each form of a body, into spaces that forget it.
func BenchmarkUpload(b *testing.B) {
	e := newEnvOn(b, coretest.Options{Discard: true}, func(c *Config) { c.Observe = nil })
	e.must(call{method: "PUT", target: "/bucket"})
	data := string(coretest.Bytes(1, 16<<20))
	crc := sigv4.Param{Name: "x-amz-checksum-crc32", Value: crcOf(data)}
	trailer := "X-Amz-Trailer: " + crc.Name
	for _, f := range []struct {
		name string
		call call
	}{
		{"plain", call{payload: sigv4.UnsignedPayload}},
		{"hashed", call{}},
		{"chunks unsigned trailer", call{payload: sigv4.StreamUnsignedPayload, headers: trailer, trailers: []sigv4.Param{crc}, chunk: 1 << 20}},
		{"chunks signed", call{payload: sigv4.StreamPayload, chunk: 64 << 10}},
		{"chunks signed trailer", call{payload: sigv4.StreamPayloadTrailer, headers: trailer, trailers: []sigv4.Param{crc}, chunk: 64 << 10}},
	} {
		b.Run(f.name, func(b *testing.B) {
			f.call.method, f.call.target, f.call.body = "PUT", "/bucket/object", data
			r := e.request(f.call)
			r.RequestURI = r.URL.RequestURI()
			wire, err := io.ReadAll(r.Body)
			if err != nil {
				b.Fatal(err)
			}
			var body reused
			r.Body = &body
			out := sink{header: http.Header{}}
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			defer measureCPU(b)()
			for b.Loop() {
				body.Reset(wire)
				clear(out.header)
				e.srv.Config.Handler.ServeHTTP(&out, r)
				if out.status != http.StatusOK {
					b.Fatal(out.status)
				}
			}
		})
	}
}

// benchFill makes 20,000 empty objects in a bucket's metadata.
func benchFill(b *testing.B, e *env, bucket string, key func(i int) string) {
	const count, batch = 20_000, 1000
	for from := 0; from < count; from += batch {
		err := e.core.Meta.Update(b.Context(), func(ctx context.Context, tx core.MetaTx) error {
			row, _, err := tx.BucketByName(ctx, bucket)
			if err != nil {
				return err
			}
			first, err := tx.ReserveIDs(ctx, "object", batch)
			for i := range batch {
				if err != nil {
					return err
				}
				now := e.now.Load()
				err = tx.PutEntry(ctx, core.Entry{
					BucketID: row.ID, Key: key(from + i), ObjectID: first + int64(i), CreateTime: now, LastVersion: now,
					Version: core.Version{
						Seq: 1, ID: now, Null: true, ETag: "d41d8cd98f00b204e9800998ecf8427e", UpdateTime: now, MTime: core.NoTime,
						Attrs: core.Attrs{ContentType: "binary/octet-stream"},
					},
				})
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
