// Package s3client is the small S3 client of the suites: one attempt for each call, so that what was acknowledged
// is known exactly, and a signer that shares nothing with the server's.
package s3client

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client speaks to one endpoint as one access key. It may be used concurrently.
type Client struct {
	Endpoint       string // scheme and host
	Access, Secret string
	HTTP           *http.Client
}

// Error is an answer of the server that is not a success. Any other error of a call means that its outcome is
// unknown.
type Error struct {
	Status  int
	Code    string `xml:"Code"`
	Message string `xml:"Message"`
}

// Error describes the answer.
func (e *Error) Error() string { return fmt.Sprintf("%d %s: %s", e.Status, e.Code, e.Message) }

// Status returns the HTTP status of err: 200 for nil, 0 when there was no answer.
func Status(err error) int {
	if err == nil {
		return http.StatusOK
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Status
	}
	return 0
}

// Request is one call. Bucket, Key and Query say on what; the rest may be empty.
type Request struct {
	Method      string
	Bucket, Key string
	Query       url.Values
	Header      http.Header
	Body        io.Reader
	Size        int64
}

// Do sends r and returns the answer, whose body the caller closes; an *Error for any status but 2xx.
func (c *Client) Do(ctx context.Context, r Request) (*http.Response, error) {
	u := c.url(r.Bucket, r.Key, r.Query)
	req, err := http.NewRequestWithContext(ctx, r.Method, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	req.URL = u
	if r.Header != nil {
		req.Header = r.Header.Clone()
	}
	if r.Body != nil && r.Size > 0 {
		req.Body, req.ContentLength = io.NopCloser(r.Body), r.Size
	}
	c.sign(req, time.Now())
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("status %d: %w", resp.StatusCode, err)
	}
	e := &Error{Status: resp.StatusCode}
	_ = xml.Unmarshal(text, e) // of HEAD and of other servers there is no XML
	return nil, e
}

// call sends r and reads the whole answer, into out unless that is nil.
func (c *Client) call(ctx context.Context, r Request, out any) (http.Header, error) {
	resp, err := c.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return nil, err
	case out == nil && strings.Contains(string(text), "<Error>"):
		return nil, fmt.Errorf("error after success: %s", text)
	case out != nil:
		return resp.Header, xml.Unmarshal(text, out)
	}
	return resp.Header, nil
}

// CreateBucket makes a bucket.
func (c *Client) CreateBucket(ctx context.Context, bucket string) error {
	_, err := c.call(ctx, Request{Method: http.MethodPut, Bucket: bucket}, nil)
	return err
}

// SetVersioning enables versioning.
func (c *Client) SetVersioning(ctx context.Context, bucket string) error {
	body := `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`
	_, err := c.call(ctx, Request{
		Method: http.MethodPut, Bucket: bucket, Query: url.Values{"versioning": {""}}, Body: strings.NewReader(body), Size: int64(len(body)),
	}, nil)
	return err
}

// Put stores an object and returns its version id, if any.
func (c *Client) Put(ctx context.Context, bucket, key string, body io.Reader, size int64) (string, error) {
	h, err := c.call(ctx, Request{Method: http.MethodPut, Bucket: bucket, Key: key, Body: body, Size: size}, nil)
	return h.Get("X-Amz-Version-Id"), err
}

// Get opens an object; rng is a Range header or "". The caller closes the body.
func (c *Client) Get(ctx context.Context, bucket, key, rng string) (*http.Response, error) {
	r := Request{Method: http.MethodGet, Bucket: bucket, Key: key}
	if rng != "" {
		r.Header = http.Header{"Range": {rng}}
	}
	return c.Do(ctx, r)
}

// Delete removes an object.
func (c *Client) Delete(ctx context.Context, bucket, key string) error {
	_, err := c.call(ctx, Request{Method: http.MethodDelete, Bucket: bucket, Key: key}, nil)
	return err
}

// Copy copies an object within a bucket.
func (c *Client) Copy(ctx context.Context, bucket, from, to string) error {
	h := http.Header{"X-Amz-Copy-Source": {"/" + bucket + "/" + escape(from)}}
	_, err := c.call(ctx, Request{Method: http.MethodPut, Bucket: bucket, Key: to, Header: h}, nil)
	return err
}

// CreateUpload begins a multipart upload.
func (c *Client) CreateUpload(ctx context.Context, bucket, key string) (string, error) {
	var out struct {
		UploadID string `xml:"UploadId"`
	}
	_, err := c.call(ctx, Request{Method: http.MethodPost, Bucket: bucket, Key: key, Query: url.Values{"uploads": {""}}}, &out)
	return out.UploadID, err
}

// PutPart stores a part and returns its ETag.
func (c *Client) PutPart(ctx context.Context, p Part, body io.Reader, size int64) (string, error) {
	h, err := c.call(ctx, Request{
		Method: http.MethodPut, Bucket: p.Bucket, Key: p.Key, Body: body, Size: size,
		Query: url.Values{"partNumber": {strconv.Itoa(p.Number)}, "uploadId": {p.UploadID}},
	}, nil)
	return h.Get("Etag"), err
}

// Part names one part of an upload.
type Part struct {
	Bucket, Key, UploadID string
	Number                int
}

// Complete joins the parts with these ETags, numbered from 1.
func (c *Client) Complete(ctx context.Context, bucket, key, uploadID string, etags []string) error {
	body := CompleteBody(etags)
	_, err := c.call(ctx, Request{
		Method: http.MethodPost, Bucket: bucket, Key: key, Query: url.Values{"uploadId": {uploadID}},
		Body: strings.NewReader(body), Size: int64(len(body)),
	}, nil)
	return err
}

// CompleteBody is the body of a completion.
func CompleteBody(etags []string) string {
	var body strings.Builder
	body.WriteString("<CompleteMultipartUpload>")
	for i, etag := range etags {
		fmt.Fprintf(&body, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, etag)
	}
	body.WriteString("</CompleteMultipartUpload>")
	return body.String()
}

// Item is an object of a listing.
type Item struct {
	Key          string
	Size         int64
	ETag         string // with its quotes
	LastModified time.Time
}

// Page is one page of a listing.
type Page struct {
	Contents       []Item
	CommonPrefixes []struct{ Prefix string }
	IsTruncated    bool
	Next           string `xml:"NextContinuationToken"`
}

// List returns one page of a listing.
func (c *Client) List(ctx context.Context, bucket string, query url.Values) (Page, error) {
	q := url.Values{"list-type": {"2"}}
	maps.Copy(q, query)
	var page Page
	_, err := c.call(ctx, Request{Method: http.MethodGet, Bucket: bucket, Query: q}, &page)
	return page, err
}
