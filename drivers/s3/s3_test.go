package s3_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"trivium/drivers"
	"trivium/drivers/drivertest"
	"trivium/drivers/retry"
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

// TestDriverOverFailures passes the suite below retry although a third of the requests without content is refused for a
// moment or loses its connection, before or after it was done.
func TestDriverOverFailures(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) drivers.Driver {
		f := newFake(t)
		var requests atomic.Int64
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			turn := int64(9)
			if r.Method != http.MethodPut && r.Method != http.MethodPost {
				turn = requests.Add(7) % 10
			}
			switch turn {
			case 0:
				w.WriteHeader(http.StatusServiceUnavailable)
				_, _ = io.WriteString(w, document("SlowDown", "Please reduce your request rate."))
			case 1:
				hijack(w, "")
			case 2:
				f.ServeHTTP(httptest.NewRecorder(), r)
				hijack(w, "")
			default:
				f.ServeHTTP(w, r)
			}
		}))
		t.Cleanup(srv.Close)
		opts := retry.Options{MaxTries: 50, Initial: time.Microsecond, MaxWait: time.Microsecond, MaxElapsed: time.Hour}
		return retry.New(open(t, srv.URL, "provider", "AWS"), opts)
	}, drivertest.Options{Big: 1 << 20})
}
