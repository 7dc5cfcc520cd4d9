package s3_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"trivium/drivers"
	"trivium/drivers/retry"
)

// hijack takes the connection of a request and writes text to it.
func hijack(w http.ResponseWriter, text string) {
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = buf.WriteString(text)
	_ = buf.Flush()
	_ = conn.Close()
}

// TestTornContent ends content early in every way that a connection has.
func TestTornContent(t *testing.T) {
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		want   error
	}{
		"short": {func(w http.ResponseWriter, _ *http.Request) {
			hijack(w, "HTTP/1.1 200 OK\r\nETag: \"x\"\r\nContent-Length: 100\r\n\r\n"+strings.Repeat("x", 50))
		}, drivers.ErrTransient},
		"nothing": {func(w http.ResponseWriter, _ *http.Request) {
			hijack(w, "HTTP/1.1 200 OK\r\nETag: \"x\"\r\nContent-Length: 100\r\n\r\n")
		}, drivers.ErrTransient},
		"until the connection ends": {func(w http.ResponseWriter, _ *http.Request) {
			hijack(w, "HTTP/1.1 200 OK\r\nETag: \"x\"\r\nConnection: close\r\n\r\n"+strings.Repeat("x", 50))
		}, drivers.ErrBroken},
		"chunks": {func(w http.ResponseWriter, _ *http.Request) {
			hijack(w, "HTTP/1.1 200 OK\r\nETag: \"x\"\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nxxxxx\r\n0\r\n\r\n")
		}, drivers.ErrBroken},
		"torn in the header": {func(w http.ResponseWriter, _ *http.Request) { hijack(w, "HTTP/1.1 200 OK\r\nConten") }, drivers.ErrTransient},
		"a page of somebody else": {func(w http.ResponseWriter, _ *http.Request) {
			hijack(w, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nLogin")
		}, drivers.ErrBroken},
		"no HTTP": {func(w http.ResponseWriter, _ *http.Request) { hijack(w, "SSH-2.0-OpenSSH_9.2\r\n") }, drivers.ErrTransient},
		"closed":  {func(w http.ResponseWriter, _ *http.Request) { hijack(w, "") }, drivers.ErrTransient},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := serve(t, tt.answer)
			got, err := read(t, d, "x", 0, -1)
			want(t, fmt.Sprintf("reading %d bytes", len(got)), err, tt.want)
		})
	}
}

// TestRangesNotHonoured answers a request for bytes 10 to 19 of 100.
func TestRangesNotHonoured(t *testing.T) {
	answer := func(status int, contentRange string, size int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"x"`)
			if contentRange != "" {
				w.Header().Set("Content-Range", contentRange)
			}
			w.WriteHeader(status)
			_, _ = w.Write(make([]byte, size))
		}
	}
	for name, h := range map[string]http.HandlerFunc{
		"the whole":         answer(200, "", 100),
		"the right size":    answer(200, "", 10),
		"200 with a range":  answer(200, "bytes 10-19/100", 10),
		"no Content-Range":  answer(206, "", 10),
		"another start":     answer(206, "bytes 0-9/100", 10),
		"an earlier start":  answer(206, "bytes 5-19/100", 10),
		"too long":          answer(206, "bytes 10-99/100", 90),
		"too short":         answer(206, "bytes 10-14/100", 5),
		"another size":      answer(206, "bytes 10-19/100", 9),
		"no total":          answer(206, "bytes 10-19/*", 10),
		"nonsense":          answer(206, "bytes ten to nineteen", 10),
		"nothing, and fine": answer(204, "", 0),
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := serve(t, h)
			got, err := read(t, d, "x", 10, 10)
			want(t, fmt.Sprintf("Open(10, 10) that gave %d bytes", len(got)), err, drivers.ErrBroken)
		})
	}
	d, _ := serve(t, answer(206, "bytes 10-19/100", 10))
	if got, err := read(t, d, "x", 10, 10); err != nil || len(got) != 10 {
		t.Errorf("Open(10, 10) = %d bytes, %v, want 10", len(got), err)
	}
	_, err := read(t, d, "x", 0, -1)
	want(t, "Open of the whole that gave a part", err, drivers.ErrBroken)
}

// TestWrongETag answers with the MD5 of other content: it is taken away again.
func TestWrongETag(t *testing.T) {
	for etag, bad := range map[string]bool{
		md5Of("other"):                    true,
		strings.ToUpper(md5Of("other")):   true,
		md5Of("content"):                  false,
		strings.ToUpper(md5Of("content")): false,
		md5Of("other") + "-1":             false, // of no single part: tells nothing
		"0123":                            false,
	} {
		t.Run(etag, func(t *testing.T) {
			var deleted atomic.Int64
			d, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if r.Method == http.MethodDelete {
					deleted.Add(1)
				}
				w.Header().Set("ETag", `"`+etag+`"`)
			})
			err := put(t, d, "x", "content")
			if !bad {
				if err != nil || deleted.Load() != 0 {
					t.Errorf("Put = %v, %d deletes", err, deleted.Load())
				}
				return
			}
			want(t, "Put", err, drivers.ErrTransient, "changed on its way")
			if deleted.Load() != 1 {
				t.Errorf("content with another ETag was deleted %d times, want once", deleted.Load())
			}
		})
	}
}

func md5Of(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// TestChangedOnTheWay changes a byte of every body in front of a server that compares checksums.
func TestChangedOnTheWay(t *testing.T) {
	f := newFake(t)
	d, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if len(body) > 0 {
			body[len(body)/2] ^= 1
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		f.ServeHTTP(w, r)
	}, "maxPartSize", "5242880")
	want(t, "Put", put(t, d, "x", "content"), drivers.ErrTransient, "changed on its way")
	big := bytes.Repeat([]byte("y"), 6<<20)
	err := d.Put(t.Context(), "big", bytes.NewReader(big), int64(len(big)), drivers.PutOptions{})
	want(t, "Put in parts", err, drivers.ErrTransient)
	direct := open(t, f.URL)
	defer direct.Close()
	for _, name := range []string{"x", "big"} {
		_, err := direct.Stat(t.Context(), name)
		want(t, "Stat of "+name, err, drivers.ErrNotExist)
	}
}

// TestRetry has one Put in two refused: retry rewinds the body, and the driver repeats nothing itself.
func TestRetry(t *testing.T) {
	f := newFake(t)
	var puts atomic.Int64
	d, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && puts.Add(1)%2 == 1 {
			_, _ = io.CopyN(io.Discard, r.Body, 3)
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, document("SlowDown", "Please reduce your request rate."))
			return
		}
		f.ServeHTTP(w, r)
	})
	over := retry.New(d, retry.Options{Initial: time.Nanosecond})
	if err := put(t, over, "x", "the content"); err != nil || puts.Load() != 2 {
		t.Errorf("Put = %v after %d tries, want 2", err, puts.Load())
	}
	if got, err := read(t, over, "x", 0, -1); err != nil || got != "the content" {
		t.Errorf("the content is %q, %v", got, err)
	}
}

// TestLostUploads fails parts and aborts: nothing is left behind in the end.
func TestLostUploads(t *testing.T) {
	f := newFake(t)
	var failing atomic.Bool
	failing.Store(true)
	d, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if part := q.Has("partNumber") && q.Get("partNumber") != "1"; failing.Load() && (part || r.Method == http.MethodDelete) {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		f.ServeHTTP(w, r)
	}, "maxPartSize", "5242880")
	big := bytes.Repeat([]byte("y"), 6<<20)
	err := d.Put(t.Context(), "big", bytes.NewReader(big), int64(len(big)), drivers.PutOptions{})
	want(t, "Put", err, drivers.ErrTransient)
	if got := f.uploads(t); len(got) != 1 {
		t.Fatalf("while aborts fail there are the uploads %q, want one", got)
	}
	failing.Store(false)
	if err := d.Put(t.Context(), "big", bytes.NewReader(big), int64(len(big)), drivers.PutOptions{}); err != nil {
		t.Errorf("Put = %v", err)
	}
	if got := f.uploads(t); len(got) != 0 {
		t.Errorf("the uploads %q were left behind", got)
	}
	_, err = read(t, d, "big", 0, 10)
	if err != nil {
		t.Errorf("Open = %v", err)
	}
}

// TestAbortStale aborts what another process left behind, below its prefix and of its time alone.
func TestAbortStale(t *testing.T) {
	f := newFake(t)
	d := open(t, f.URL)
	defer d.Close()
	for _, name := range []string{"work/a", "work/b", "others/c"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.URL+"/"+bucket+"/"+name+"?uploads", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := f.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if n, err := d.AbortStale(t.Context(), "work/", time.Now().Add(-time.Hour)); n != 0 || err != nil {
		t.Errorf("AbortStale of those of an hour ago = %d, %v, want none", n, err)
	}
	if n, err := d.AbortStale(t.Context(), "work/", time.Now().Add(time.Hour)); n != 2 || err != nil {
		t.Errorf("AbortStale = %d, %v, want 2", n, err)
	}
	if got := f.uploads(t); len(got) != 1 || got[0] != "others/c" {
		t.Errorf("the uploads %q are left, want others/c", got)
	}
}

// TestHang ends ctx while a server is silent: before its answer, within it, and while it takes a body.
func TestHang(t *testing.T) {
	var arrived, release atomic.Pointer[chan struct{}]
	hang := func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && !r.URL.Query().Has("list-type") {
			w.Header().Set("ETag", `"x"`)
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
		}
		close(*arrived.Load())
		<-*release.Load()
	}
	d, _ := serve(t, hang)
	for name, call := range map[string]func(ctx context.Context) error{
		"put": func(ctx context.Context) error {
			return d.Put(ctx, "x", strings.NewReader("content"), 7, drivers.PutOptions{})
		},
		"put of much": func(ctx context.Context) error {
			return d.Put(ctx, "x", bytes.NewReader(make([]byte, 32<<20)), 32<<20, drivers.PutOptions{})
		},
		"delete": func(ctx context.Context) error { return d.Delete(ctx, "x") },
		"list": func(ctx context.Context) error {
			for _, err := range d.List(ctx, "", drivers.ListOptions{}) {
				return err
			}
			return nil
		},
		"read": func(ctx context.Context) error {
			rc, err := d.Open(ctx, "x", 0, -1)
			if err != nil {
				return err
			}
			defer rc.Close()
			_, err = io.ReadAll(rc)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			in, out := make(chan struct{}), make(chan struct{})
			arrived.Store(&in)
			release.Store(&out)
			defer close(out)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				<-in
				cancel()
			}()
			want(t, name, call(ctx), context.Canceled)
		})
	}
}

// TestListsThatLie serves pages that must not pass for a list.
func TestListsThatLie(t *testing.T) {
	page := func(tail string, keys ...string) string {
		var b strings.Builder
		b.WriteString("<ListBucketResult><EncodingType>url</EncodingType>")
		for _, k := range keys {
			fmt.Fprintf(&b, "<Contents><Key>%s</Key><Size>1</Size></Contents>", k)
		}
		if tail == "" {
			tail = "<IsTruncated>false</IsTruncated>"
		}
		return b.String() + tail + "</ListBucketResult>"
	}
	const more = "<IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>"
	for name, tt := range map[string]struct {
		answer string
		prefix string
	}{
		"always the same page":      {page(more, "a", "b"), ""},
		"a next page before it":     {page("<IsTruncated>true</IsTruncated><NextContinuationToken>next</NextContinuationToken>", "m", "n"), ""},
		"no way to the next":        {page("<IsTruncated>true</IsTruncated>", "a"), ""},
		"prefix ignored":            {page("", "other"), "dir"},
		"delimiter ignored":         {page("", "dir/a/b"), "dir"},
		"not encoded as it says":    {page("", "%zz"), ""},
		"no list":                   {"<html><body>It works!</body></html>", ""},
		"cut":                       {page("", "a")[:60], ""},
		"no size":                   {"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a</Key></Contents></ListBucketResult>", ""},
		"an error in its place":     {document("InternalError", ""), ""},
		"nothing":                   {"", ""},
		"a common prefix elsewhere": {page("<IsTruncated>false</IsTruncated><CommonPrefixes><Prefix>zz/</Prefix></CommonPrefixes>", "dir/a"), "dir"},
	} {
		t.Run(name, func(t *testing.T) {
			d, requests := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Get("continuation-token") == "next" {
					_, _ = io.WriteString(w, page("", "a"))
					return
				}
				_, _ = io.WriteString(w, tt.answer)
			})
			var last error
			for _, err := range d.List(t.Context(), tt.prefix, drivers.ListOptions{}) {
				last = err
			}
			if last == nil {
				t.Errorf("List ended cleanly")
			}
			if n := requests.Load(); n > 3 {
				t.Errorf("List made %d requests", n)
			}
			if !errors.Is(last, drivers.ErrBroken) && !errors.Is(last, drivers.ErrTransient) {
				t.Errorf("List = %v, want ErrBroken or ErrTransient", last)
			}
		})
	}
}

// TestForeignKeys lists a bucket that others write to: keys that are no names are passed over.
func TestForeignKeys(t *testing.T) {
	d, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>"+
			"<Contents><Key>%2Fabsolute</Key><Size>1</Size></Contents><Contents><Key>..%2Fup</Key><Size>1</Size></Contents>"+
			"<Contents><Key>a+b%2Bc%25</Key><Size>1</Size></Contents><Contents><Key>folder%2F</Key><Size>0</Size></Contents>"+
			"<Contents><Key>folder%2Fx</Key><Size>1</Size></Contents><Contents><Key>x%2F%2Fy</Key><Size>1</Size></Contents></ListBucketResult>")
	})
	var got []string
	for info, err := range d.List(t.Context(), "", drivers.ListOptions{Recursive: true}) {
		if err != nil {
			t.Errorf("List = %v", err)
		}
		got = append(got, info.Name)
	}
	if fmt.Sprint(got) != "[a b+c% folder/x]" {
		t.Errorf("List shows %q, want a b+c%% and folder/x", got)
	}
}

// TestMuchContent reads more than any other answer may have.
func TestMuchContent(t *testing.T) {
	const size = 20 << 20
	d, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"x"`)
		w.Header().Set("Content-Length", fmt.Sprint(size))
		_, _ = io.CopyN(w, zeros{}, size)
	})
	rc, err := d.Open(t.Context(), "x", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, rc); n != size || err != nil {
		t.Errorf("read %d bytes, %v, want %d", n, err, size)
	}
	if err := rc.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
}

// TestEndlessAnswers answers without an end where no content belongs.
func TestEndlessAnswers(t *testing.T) {
	for _, status := range []int{200, 500, 403} {
		d, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "<Error><Code>InternalError</Code>")
			_, _ = io.Copy(w, zeros{})
		})
		for _, err := range d.List(t.Context(), "", drivers.ListOptions{}) {
			if err == nil {
				t.Errorf("List with an endless %d gave something", status)
			}
		}
		if status == 200 {
			continue
		}
		if err := put(t, d, "x", "content"); err == nil {
			t.Errorf("Put with an endless %d = nil", status)
		}
		if err := d.DeleteBatch(t.Context(), []string{"a"}); err == nil {
			t.Errorf("DeleteBatch with an endless %d = nil", status)
		}
	}
}

// zeros has no end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
