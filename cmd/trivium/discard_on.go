//go:build discard

package main

import (
	"context"
	"errors"
	"io"
	"strings"

	"trivium/core/content"
	"trivium/drivers"
)

// overDisk is what stands between the meter and a local space: here everything that is content is dropped, so that
// a measurement shows the server and no disk. The build tag is for tests and benchmarks alone.
func overDisk(d drivers.Driver) drivers.Driver { return discard{d} }

// discard drops shards once they are read to the end, and all of them seem to be there. Markers go to the driver below.
type discard struct{ drivers.Driver }

// Unwrap implements drivers.Wrapper.
func (d discard) Unwrap() drivers.Driver { return d.Driver }

// Put implements drivers.Driver.
func (d discard) Put(ctx context.Context, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
	if !isContent(name) {
		return d.Driver.Put(ctx, name, body, size, opts)
	}
	_, err := io.Copy(io.Discard, drivers.NewBody(ctx, body, size))
	return drivers.Fail("discard", "put", name, err)
}

// Stat implements drivers.Driver. A space without shards that must be there would be taken for one that is not mounted.
func (d discard) Stat(ctx context.Context, name string) (drivers.Info, error) {
	info, err := d.Driver.Stat(ctx, name)
	if errors.Is(err, drivers.ErrNotExist) && isContent(name) {
		return drivers.Info{Name: name}, nil
	}
	return info, err
}

// isContent tells whether a file of that name lies among the shards.
func isContent(name string) bool {
	shards := content.ShardPrefix("") + "/"
	return strings.HasPrefix(name, shards) || strings.Contains(name, "/"+shards)
}
