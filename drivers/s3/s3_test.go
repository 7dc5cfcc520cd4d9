package s3_test

import (
	"testing"

	"go.uber.org/goleak"

	"trivium/drivers"
	"trivium/drivers/drivertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestDriver passes the suite as each sort of provider. Contents of 10 MiB go as multipart uploads.
func TestDriver(t *testing.T) {
	for _, tt := range []struct{ name, provider, maxPart string }{
		{"other", "", "5242880"},
		{"conditions and CRC", "MinIO", ""},
		{"in parts, with lists that are never stale", "AWS", "5242880"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			drivertest.Run(t, func(t *testing.T) drivers.Driver {
				return open(t, newFake(t).URL, "provider", tt.provider, "maxPartSize", tt.maxPart)
			}, drivertest.Options{})
		})
	}
}
