package main

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"trivium/core/content"
	"trivium/core/upkeep"
)

// redundancyGauges tell how well the content is kept.
type redundancyGauges struct {
	degraded func(ctx context.Context, limit int) (int, error)
	passes   func(ctx context.Context) ([]upkeep.Pass, error)
	spaces   func() []content.Space

	mu     sync.Mutex
	looked time.Time
	blobs  int
	scrubs []upkeep.Pass
	known  bool

	degradedBlobs, spaceStates, scrubShards, scrubStart, scrubEnd *prometheus.Desc
}

// newRedundancyGauges names them; the caller sets the functions.
func newRedundancyGauges() *redundancyGauges {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("trivium_"+name, help, labels, nil)
	}
	return &redundancyGauges{
		degradedBlobs: desc("degraded_blobs", "Blobs of which shards wait to be rebuilt; counted in 1000 shards at most."),
		spaceStates:   desc("spaces", "Spaces by state.", "state"),
		scrubShards: desc("scrub_shards",
			"Shards that the pass which runs, or ran last, has looked at (checked), and how many of them are missing, corrupt or unsure.", "pass", "what"),
		scrubStart: desc("scrub_start_time_seconds", "When the pass that runs, or ran last, began, since 1970.", "pass"),
		scrubEnd:   desc("scrub_end_time_seconds", "When the last pass ended, since 1970; 0 while one runs.", "pass"),
	}
}

// Describe implements prometheus.Collector.
func (g *redundancyGauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{g.degradedBlobs, g.spaceStates, g.scrubShards, g.scrubStart, g.scrubEnd} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (g *redundancyGauges) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	states := make([]int, len(stateWords()))
	for _, sp := range g.spaces() {
		states[sp.State]++
	}
	for state, word := range stateWords() {
		gauge(g.spaceStates, float64(states[state]), word)
	}
	blobs, scrubs, ok := g.look()
	if !ok {
		return
	}
	gauge(g.degradedBlobs, float64(blobs))
	for _, p := range scrubs {
		pass := "presence"
		if p.Deep {
			pass = "deep"
		}
		gauge(g.scrubShards, float64(p.Found.Checked), pass, "checked")
		gauge(g.scrubShards, float64(p.Found.Missing), pass, "missing")
		gauge(g.scrubShards, float64(p.Found.Corrupt), pass, "corrupt")
		gauge(g.scrubShards, float64(p.Found.Unsure), pass, "unsure")
		gauge(g.scrubStart, seconds(p.Start), pass)
		gauge(g.scrubEnd, seconds(p.End), pass)
	}
}

// stateWords are the states of spaces by their numbers.
func stateWords() []string {
	return []string{content.Active: "active", content.ReadOnly: "readOnly", content.Draining: "draining", content.Down: "down"}
}

// seconds is a time since 1970; 0 for none.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// look looks at the metadata now and then; false while it cannot be.
func (g *redundancyGauges) look() (blobs int, scrubs []upkeep.Pass, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Since(g.looked) >= queueFresh {
		ctx, cancel := context.WithTimeout(context.Background(), queueTime)
		defer cancel()
		var err error
		if g.blobs, err = g.degraded(ctx, queueLimit); err == nil {
			g.scrubs, err = g.passes(ctx)
		}
		g.known, g.looked = err == nil, time.Now()
	}
	return g.blobs, g.scrubs, g.known
}
