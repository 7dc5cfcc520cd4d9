package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"trivium/core/content"
	"trivium/core/upkeep"
)

func TestRedundancyGauges(t *testing.T) {
	g := newRedundancyGauges()
	g.degraded = func(context.Context, int) (int, error) { return 3, nil }
	g.passes = func(context.Context) ([]upkeep.Pass, error) {
		return []upkeep.Pass{{Start: time.Unix(10, 0), Found: upkeep.Scrubbed{Checked: 9, Missing: 2, Corrupt: 1}}}, nil
	}
	g.spaces = func() []content.Space { return []content.Space{{State: content.Draining}, {}, {}} }
	want := `# HELP trivium_degraded_blobs Blobs of which shards wait to be rebuilt; counted in 1000 shards at most.
# TYPE trivium_degraded_blobs gauge
trivium_degraded_blobs 3
# HELP trivium_scrub_end_time_seconds When the last pass ended, since 1970; 0 while one runs.
# TYPE trivium_scrub_end_time_seconds gauge
trivium_scrub_end_time_seconds{pass="presence"} 0
# HELP trivium_scrub_shards Shards that the pass which runs, or ran last, has looked at (checked), and how many of them are missing, corrupt or unsure.
# TYPE trivium_scrub_shards gauge
trivium_scrub_shards{pass="presence",what="checked"} 9
trivium_scrub_shards{pass="presence",what="corrupt"} 1
trivium_scrub_shards{pass="presence",what="missing"} 2
trivium_scrub_shards{pass="presence",what="unsure"} 0
# HELP trivium_scrub_start_time_seconds When the pass that runs, or ran last, began, since 1970.
# TYPE trivium_scrub_start_time_seconds gauge
trivium_scrub_start_time_seconds{pass="presence"} 10
# HELP trivium_spaces Spaces by state.
# TYPE trivium_spaces gauge
trivium_spaces{state="active"} 2
trivium_spaces{state="down"} 0
trivium_spaces{state="draining"} 1
trivium_spaces{state="readOnly"} 0
`
	reg := prometheus.NewRegistry()
	if err := reg.Register(g); err != nil {
		t.Fatal(err)
	}
	page := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(page.Body.String(), "\n")); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
}
