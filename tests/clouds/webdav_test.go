// Package clouds runs the drivers of clouds against Trivium's own doors.
package clouds

import (
	"context"
	"fmt"
	"net/http/httptest"
	"testing"

	"trivium/core"
	"trivium/core/coretest"
	"trivium/davfront"
	"trivium/drivers"
	"trivium/drivers/drivertest"
	"trivium/drivers/webdav"
)

// TestWebDAVDoor keeps content in a bucket of another Trivium, each check in a collection of its own.
func TestWebDAVDoor(t *testing.T) {
	const access, secret, bucket = "CLOUDS", "secret-0123456789", "bucket"
	env := coretest.New(t, coretest.Options{})
	ctx := context.WithoutCancel(t.Context())
	if _, _, err := env.Admin.CreateKey(ctx, coretest.AdminID, access, secret); err != nil {
		t.Fatal(err)
	}
	if _, err := env.Bucket(ctx, bucket, core.VersioningOff, core.BucketPolicy{}); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(davfront.New(davfront.Config{Service: env.Service}))
	t.Cleanup(srv.Close)
	n := 0
	drivertest.Run(t, func(t *testing.T) drivers.Driver {
		n++
		cfg := webdav.Config{
			URL: fmt.Sprintf("%s%s/%s/%d", srv.URL, davfront.Prefix, bucket, n), User: access, Password: secret,
		}
		d, err := webdav.Open(t.Context(), "cloud", cfg, webdav.Options{})
		if err != nil {
			t.Fatalf("Open = %v", err)
		}
		if !d.Traits().KeepsModTime {
			t.Error("the door keeps times and the driver has not seen it")
		}
		return d
	}, drivertest.Options{Reserved: []string{".trivium-tmp", ".Trivium-TMP"}})
}
