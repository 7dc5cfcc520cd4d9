package s3

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"trivium/drivers"
)

// batchSize is the most names that one DeleteObjects takes.
const batchSize = 1000

// DeleteBatch implements drivers.BatchDeleter, 1,000 names a request; one by one what no XML can name, and everything
// where the provider has no such call.
func (d *Driver) DeleteBatch(ctx context.Context, names []string) error {
	first := errorOnce{}
	var together, alone []string
	for _, name := range names {
		if err := check(ctx, name); err != nil {
			first.keep(d.fail(ctx, "delete", name, err))
			if ctx.Err() != nil {
				return first.err
			}
		} else if strings.ContainsFunc(name, noXML) {
			alone = append(alone, name)
		} else {
			together = append(together, name)
		}
	}
	slices.Sort(together)
	for batch := range slices.Chunk(slices.Compact(together), batchSize) {
		name, err := d.deleteTogether(ctx, batch)
		if status := statusOf(err); status == http.StatusNotImplemented || status == http.StatusMethodNotAllowed {
			alone = append(alone, batch...)
			continue
		}
		first.keep(d.fail(ctx, "delete", name, err))
	}
	first.keep(d.deleteAlone(ctx, alone))
	return first.err
}

// errorOnce keeps the first of many errors.
type errorOnce struct{ err error }

func (e *errorOnce) keep(err error) {
	if e.err == nil {
		e.err = err
	}
}

// noXML tells of characters that XML 1.0 cannot carry, or changes on the way.
func noXML(r rune) bool { return r < ' ' || r == '\ufffe' || r == '\uffff' }

// deleteTogether deletes different names in one request. A 200 may have failures in it; it returns the first with its
// name. Every name has to be in the answer, so that no other document passes for one.
func (d *Driver) deleteTogether(ctx context.Context, names []string) (string, error) {
	objects := make([]types.ObjectIdentifier, len(names))
	for i := range names {
		objects[i].Key = &names[i]
	}
	out, err := d.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
		Bucket: &d.set.bucket, Delete: &types.Delete{Objects: objects},
	}, withContentMD5)
	if err != nil {
		return "", err
	}
	for _, e := range out.Errors {
		if code := aws.ToString(e.Code); code != "NoSuchKey" {
			return aws.ToString(e.Key), &smithy.GenericAPIError{Code: code, Message: aws.ToString(e.Message)}
		}
	}
	if told := len(out.Deleted) + len(out.Errors); told < len(names) {
		return "", textOf(drivers.ErrTransient, "%s answered for %d of %d names to delete", d.set.endpoint, told, len(names))
	}
	return "", nil
}

// deleteAlone deletes each name by itself, some at a time, and returns the first failure after trying all.
func (d *Driver) deleteAlone(ctx context.Context, names []string) error {
	var g errgroup.Group
	g.SetLimit(maxInFlight / 4)
	for _, name := range names {
		g.Go(func() error { return d.Delete(ctx, name) })
	}
	return g.Wait()
}

// Presign implements drivers.Presigner for GET, HEAD, PUT and DELETE. The URL holds for 1 s to 7 days and needs a key.
func (d *Driver) Presign(ctx context.Context, method, name string, lifetime time.Duration) (string, error) {
	url, err := d.presign(ctx, method, name, lifetime)
	return url, d.fail(ctx, "presign", name, err)
}

func (d *Driver) presign(ctx context.Context, method, name string, lifetime time.Duration) (string, error) {
	if err := check(ctx, name); err != nil {
		return "", err
	}
	if d.set.anonymous() {
		return "", textOf(drivers.ErrDenied, "an anonymous space cannot sign URLs")
	}
	if lifetime < time.Second || lifetime > 7*24*time.Hour {
		return "", textOf(drivers.ErrDenied, "a URL cannot hold for %v: 1 s to 7 days", lifetime)
	}
	c := s3.NewPresignClient(d.client, s3.WithPresignExpires(lifetime))
	bucket := &d.set.bucket
	switch method {
	case http.MethodGet:
		return urlOf(c.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: &name}))
	case http.MethodHead:
		return urlOf(c.PresignHeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: &name}))
	case http.MethodPut:
		return urlOf(c.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: &name}))
	case http.MethodDelete:
		return urlOf(c.PresignDeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: &name}))
	}
	return "", textOf(drivers.ErrDenied, "no URL is signed for %q", method)
}

func urlOf(r *v4.PresignedHTTPRequest, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return r.URL, nil
}
