package s3_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"trivium/drivers"
	"trivium/drivers/s3"
)

// serve starts a server that is none of S3's; d is a space on it.
func serve(t *testing.T, answer http.HandlerFunc, more ...string) (d *s3.Driver, requests *atomic.Int64) {
	t.Helper()
	requests = new(atomic.Int64)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		answer(w, r)
	}))
	t.Cleanup(srv.Close)
	d = open(t, srv.URL, more...)
	t.Cleanup(func() { _ = d.Close() })
	return d, requests
}

func put(t *testing.T, d drivers.Driver, name, content string) error {
	t.Helper()
	return d.Put(t.Context(), name, strings.NewReader(content), int64(len(content)), drivers.PutOptions{})
}

func read(t *testing.T, d drivers.Driver, name string, offset, length int64) (string, error) {
	t.Helper()
	rc, err := d.Open(t.Context(), name, offset, length)
	if err != nil {
		return "", err
	}
	got, err := io.ReadAll(rc)
	return string(got), errors.Join(err, rc.Close())
}

// want checks that err wraps the sentinel, no other one, and says all of the words.
func want(t *testing.T, what string, err, sentinel error, words ...string) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Errorf("%s = %v, want %v", what, err, sentinel)
		return
	}
	for _, s := range drivers.Sentinels() {
		if !errors.Is(sentinel, s) && errors.Is(err, s) {
			t.Errorf("%s = %v wraps %q as well", what, err, s)
		}
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s = %v, want it to say %q", what, err, w)
		}
	}
}

func document(code, message string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>` + "\n<Error><Code>" + code + "</Code><Message>" + message + "</Message></Error>"
}

// TestRefusals answers every request with one refusal.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		status  int
		code    string
		message string
		header  string // "Name: value"
		put     error
		open    error
		words   []string
	}{
		{403, "InvalidAccessKeyId", "no such key id", "", drivers.ErrDenied, drivers.ErrDenied, []string{keyID, "accessKeyId"}},
		{403, "SignatureDoesNotMatch", "The request signature", "", drivers.ErrDenied, drivers.ErrDenied, []string{keyID, "secretAccessKey"}},
		{403, "RequestTimeTooSkewed", "too large", "Date: Mon, 02 Jan 2006 15:04:05 GMT", drivers.ErrDenied, drivers.ErrDenied, []string{"2006-01-02T15:04:05Z", "set the clock"}},
		{400, "ExpiredToken", "expired", "", drivers.ErrDenied, drivers.ErrDenied, []string{"sessionToken"}},
		{403, "AccessDenied", "Access Denied", "", drivers.ErrDenied, drivers.ErrDenied, []string{bucket, "s3:"}},
		{403, "AllAccessDisabled", "", "", drivers.ErrDenied, drivers.ErrDenied, nil},
		{401, "", "", "", drivers.ErrDenied, drivers.ErrDenied, nil},
		{404, "NoSuchBucket", "none", "", drivers.ErrBroken, drivers.ErrBroken, []string{`no bucket "space"`}},
		{404, "NoSuchKey", "none", "", drivers.ErrNotExist, drivers.ErrNotExist, nil},
		{404, "", "", "", drivers.ErrBroken, drivers.ErrBroken, []string{"endpoint or pathStyle"}},
		{400, "AuthorizationHeaderMalformed", "the region 'us-east-1' is wrong; expecting 'eu-west-3'", "", drivers.ErrBroken, drivers.ErrBroken, []string{"eu-west-3", "us-east-1", "correct region"}},
		{301, "PermanentRedirect", "elsewhere", "X-Amz-Bucket-Region: ap-south-2", drivers.ErrBroken, drivers.ErrBroken, []string{"ap-south-2"}},
		{409, "BucketQuotaExceeded", "", "", drivers.ErrNoSpace, drivers.ErrNoSpace, []string{"quota"}},
		{403, "QuotaExceeded", "", "", drivers.ErrNoSpace, drivers.ErrNoSpace, []string{"quota"}},
		{507, "", "", "", drivers.ErrNoSpace, drivers.ErrNoSpace, []string{"quota"}},
		{503, "SlowDown", "Please reduce your request rate.", "", drivers.ErrTransient, drivers.ErrTransient, []string{"too much to do", "reduce your request rate"}},
		{503, "", "", "", drivers.ErrTransient, drivers.ErrTransient, nil},
		{502, "", "", "", drivers.ErrTransient, drivers.ErrTransient, nil},
		{500, "InternalError", "", "", drivers.ErrTransient, drivers.ErrTransient, nil},
		{429, "TooManyRequests", "", "", drivers.ErrTransient, drivers.ErrTransient, nil},
		{400, "RequestTimeout", "", "", drivers.ErrTransient, drivers.ErrTransient, nil},
		{409, "OperationAborted", "", "", drivers.ErrTransient, drivers.ErrTransient, nil},
		{409, "ConditionalRequestConflict", "", "", drivers.ErrTransient, drivers.ErrTransient, nil},
		{400, "BadDigest", "", "", drivers.ErrTransient, drivers.ErrTransient, []string{"changed on its way"}},
		{412, "PreconditionFailed", "", "", drivers.ErrExist, drivers.ErrExist, nil},
		{400, "KeyTooLongError", "", "", drivers.ErrName, drivers.ErrName, nil},
		{403, "InvalidObjectState", "", "", drivers.ErrDenied, drivers.ErrDenied, []string{"archived"}},
		{501, "NotImplemented", "", "", drivers.ErrBroken, drivers.ErrBroken, []string{"provider"}},
		{400, "SomethingNew", "never heard of", "", drivers.ErrBroken, drivers.ErrBroken, []string{"SomethingNew", "never heard of"}},
	} {
		t.Run(fmt.Sprint(tt.status, tt.code), func(t *testing.T) {
			d, requests := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if name, value, ok := strings.Cut(tt.header, ": "); ok {
					w.Header().Set(name, value)
				}
				w.WriteHeader(tt.status)
				if tt.code != "" {
					_, _ = io.WriteString(w, document(tt.code, tt.message))
				}
			})
			want(t, "Put", put(t, d, "x", "content"), tt.put, tt.words...)
			if n := requests.Load(); n != 1 {
				t.Errorf("Put made %d requests, want 1: nothing but drivers/retry repeats", n)
			}
			_, err := d.Open(t.Context(), "x", 0, -1)
			want(t, "Open", err, tt.open, tt.words...)
			_, err = d.Stat(t.Context(), "x")
			want(t, "Stat", err, tt.open)
			for _, err := range d.List(t.Context(), "", drivers.ListOptions{}) {
				want(t, "List", err, tt.open)
			}
		})
	}
}

// TestReadOnlyKey tells a key that may not write what it lacks.
func TestReadOnlyKey(t *testing.T) {
	d, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, document("AccessDenied", "Access Denied"))
	})
	want(t, "Put", put(t, d, "x", "content"), drivers.ErrDenied, "may not write", "s3:PutObject")
	want(t, "Delete", d.Delete(t.Context(), "x"), drivers.ErrDenied, "may not delete", "s3:DeleteObject")
	_, err := d.Open(t.Context(), "x", 0, -1)
	want(t, "Open", err, drivers.ErrDenied, "may not read", "s3:GetObject")
}

// TestErrorIn200 answers 200 with an error's document, or with none where one belongs.
func TestErrorIn200(t *testing.T) {
	big := bytes.Repeat([]byte("big"), 2<<20)
	for name, doc := range map[string]string{"error": document("InternalError", "We encountered an internal error."), "slow": document("SlowDown", ""), "nothing": ""} {
		t.Run(name, func(t *testing.T) {
			var aborted atomic.Int64
			d, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				switch q := r.URL.Query(); {
				case q.Has("uploads"):
					_, _ = io.WriteString(w, "<InitiateMultipartUploadResult><UploadId>17</UploadId></InitiateMultipartUploadResult>")
				case r.Method == http.MethodDelete && q.Has("uploadId"):
					aborted.Add(1)
				case q.Has("partNumber"):
					w.Header().Set("ETag", `"no-md5"`)
				case r.Method == http.MethodHead:
					w.Header().Set("Content-Length", "5")
					w.Header().Set("ETag", `"no-md5"`)
				default:
					_, _ = io.WriteString(w, doc)
				}
			}, "maxPartSize", "5242880")
			err := d.Put(t.Context(), "x", bytes.NewReader(big), int64(len(big)), drivers.PutOptions{})
			want(t, "Put in parts", err, drivers.ErrTransient)
			if aborted.Load() != 1 {
				t.Errorf("a failed upload was aborted %d times, want once", aborted.Load())
			}
			want(t, "Copy", d.Copy(t.Context(), "x", "y"), drivers.ErrTransient)
			want(t, "DeleteBatch", d.DeleteBatch(t.Context(), []string{"a", "b"}), drivers.ErrTransient)
			sentinel := drivers.ErrTransient
			if doc == "" {
				sentinel = drivers.ErrBroken // any server may answer so
			}
			want(t, "Put", put(t, d, "x", "content"), sentinel)
		})
	}
}

// TestBatchPartlyRefused reads the failures in a DeleteResult.
func TestBatchPartlyRefused(t *testing.T) {
	for _, tt := range []struct {
		code string
		want error
	}{{"AccessDenied", drivers.ErrDenied}, {"SlowDown", drivers.ErrTransient}, {"InternalError", drivers.ErrTransient}, {"Odd", drivers.ErrBroken}, {"NoSuchKey", nil}} {
		d, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Content-MD5") == "" || r.Header.Get("x-amz-checksum-crc32") != "" {
				t.Errorf("DeleteObjects has the headers %v, want Content-MD5 alone", r.Header)
			}
			_, _ = io.WriteString(w, "<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key><Code>"+tt.code+"</Code><Message>no</Message></Error></DeleteResult>")
		})
		err := d.DeleteBatch(t.Context(), []string{"a", "b"})
		if tt.want == nil {
			if err != nil {
				t.Errorf("DeleteBatch with %s = %v", tt.code, err)
			}
			continue
		}
		want(t, "DeleteBatch with "+tt.code, err, tt.want, `"b"`)
	}
}

// TestNoDeleteObjects deletes one by one where the provider has no such call.
func TestNoDeleteObjects(t *testing.T) {
	var deleted atomic.Int64
	d, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusNotImplemented)
			_, _ = io.WriteString(w, document("NotImplemented", ""))
			return
		}
		deleted.Add(1)
		w.WriteHeader(http.StatusNoContent)
	})
	if err := d.DeleteBatch(t.Context(), []string{"a", "b", "c"}); err != nil || deleted.Load() != 3 {
		t.Errorf("DeleteBatch = %v after %d deletes, want 3", err, deleted.Load())
	}
}

// TestRedirect leads to another server, which must not be asked.
func TestRedirect(t *testing.T) {
	var asked atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer thief.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		d, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, thief.URL+r.URL.Path, status)
		})
		want(t, "Put", put(t, d, "x", "content"), drivers.ErrBroken, "redirect")
		_, err := d.Open(t.Context(), "x", 0, -1)
		want(t, "Open", err, drivers.ErrBroken, "redirect")
		_, err = d.Stat(t.Context(), "x")
		want(t, "Stat", err, drivers.ErrBroken)
	}
	if asked.Load() != 0 {
		t.Errorf("a redirect was followed %d times", asked.Load())
	}
}

// TestSecretsStay lets a server repeat all that it was sent.
func TestSecretsStay(t *testing.T) {
	const token = "TOKEN/of+a/session"
	echo := func(w http.ResponseWriter, r *http.Request) {
		text := strings.Join([]string{secret, token, r.Header.Get("X-Amz-Security-Token"), r.Header.Get("Authorization")}, " ")
		w.Header().Set("Location", "http://127.0.0.1:1/"+text)
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, document("Odd"+token, text))
	}
	d, _ := serve(t, echo, "sessionToken", token)
	url, err := d.Presign(t.Context(), http.MethodGet, "x", time.Minute)
	if err != nil || strings.Contains(url, secret) {
		t.Errorf("Presign = %q, %v", url, err)
	}
	broken := open(t, "http://127.0.0.1:1", "sessionToken", token)
	defer broken.Close()
	for _, d := range []drivers.Driver{d, broken} {
		errs := []error{put(t, d, "x", "content"), d.Delete(t.Context(), "x")}
		_, err := d.Open(t.Context(), "x", 0, -1)
		errs = append(errs, err)
		_, err = d.Stat(t.Context(), "x")
		errs = append(errs, err)
		for _, err := range d.List(t.Context(), "", drivers.ListOptions{}) {
			errs = append(errs, err)
		}
		for _, err := range errs {
			for e := err; e != nil; e = errors.Unwrap(e) {
				if text := fmt.Sprintf("%v %+v %#v", e, e, e); strings.Contains(text, secret) || strings.Contains(text, token) {
					t.Errorf("an error tells a secret: %s", text)
				}
			}
		}
	}
}
