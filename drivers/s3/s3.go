// Package s3 is the driver for S3-compatible clouds.
package s3

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/semaphore"

	"trivium/drivers"
)

// maxName is S3's longest key in bytes.
const maxName = 1024

// bufferRoom bounds the memory of bodies that cannot be read twice, in bytes of one driver.
const bufferRoom = 64 * mib

// Driver keeps each name as the key of that name in one bucket. It implements drivers.Driver, Copier, BatchDeleter and
// Presigner. Keys that are no valid names, markers of folders ("dir/") among them, are left alone and not listed.
//
// It tries every request once: drivers/retry repeats. Where the provider does not refuse a second PutObject by
// If-None-Match (B2, OBS, OSS and COS; Other may not), IfAbsent looks whether the name is there and then puts it:
// two writers that begin within the same moment can both succeed.
type Driver struct {
	space     string
	set       settings
	client    *s3.Client
	transport *http.Transport
	buffers   *semaphore.Weighted

	mu    sync.Mutex
	stray []upload // uploads that could not be aborted
}

func newDriver(space string, s settings, opts Options) *Driver {
	transport := newTransport(opts, stallTimeout)
	return &Driver{
		space: space, set: s, client: newClient(s, transport), transport: transport,
		buffers: semaphore.NewWeighted(bufferRoom),
	}
}

// Traits implements drivers.Driver.
func (d *Driver) Traits() drivers.Traits {
	return drivers.Traits{MaxInFlight: maxInFlight, StaleLists: d.set.stale, AtomicPut: true, MaxName: maxName}
}

// Close implements drivers.Driver. Uploads that could not be aborted are tried again, for a few seconds.
func (d *Driver) Close() error {
	d.abortStray(context.Background())
	d.transport.CloseIdleConnections()
	return nil
}

// Delete implements drivers.Driver. A bucket with versions keeps the content as an older version.
func (d *Driver) Delete(ctx context.Context, name string) error {
	return d.fail(ctx, "delete", name, d.delete(ctx, name))
}

func (d *Driver) delete(ctx context.Context, name string) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	_, err := d.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &d.set.bucket, Key: &name})
	if codeOf(err) == "NoSuchKey" {
		return nil
	}
	return err
}

// check refuses what cannot be a name here.
func check(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := drivers.CheckName(name); err != nil {
		return err
	}
	if len(name) > maxName {
		return textOf(drivers.ErrName, "it has %d bytes, and a key at most %d", len(name), maxName)
	}
	return nil
}

// usable tells whether a key that the store has is a name.
func usable(key string) bool {
	return len(key) <= maxName && drivers.CheckName(key) == nil
}

// aftermath returns a context for what must be done after a failure although ctx may have ended. It ends soon enough
// for the 5 s of the contract.
func aftermath(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
}

// unquoted returns an ETag without its quotes, "" where there is none.
func unquoted(etag *string) string { return strings.Trim(aws.ToString(etag), `"`) }
