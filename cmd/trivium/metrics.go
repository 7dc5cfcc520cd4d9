package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"

	"trivium/core/admission"
	"trivium/core/content"
)

const (
	// queueLimit is the most that a queue's length is told as; queueFresh how long an answer is given again.
	queueLimit = 1000
	queueFresh = 10 * time.Second
	// queueTime bounds one look at the queues.
	queueTime = 5 * time.Second
)

// commits are figures of the metadata's group commit.
type commits struct {
	updates, seconds prometheus.Histogram
}

// newCommits makes them.
func newCommits() *commits {
	return &commits{
		updates: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "trivium_commit_updates", Help: "Updates that one commit of the metadata made durable.",
			Buckets: []float64{1, 2, 4, 8, 16, 32, 64, 128, 256},
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "trivium_commit_seconds", Help: "Time that a commit of the metadata took to be durable.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}),
	}
}

// committed is told of each commit.
func (c *commits) committed(updates int, took time.Duration) {
	c.updates.Observe(float64(updates))
	c.seconds.Observe(took.Seconds())
}

// Describe implements prometheus.Collector.
func (c *commits) Describe(ch chan<- *prometheus.Desc) {
	c.updates.Describe(ch)
	c.seconds.Describe(ch)
}

// Collect implements prometheus.Collector.
func (c *commits) Collect(ch chan<- prometheus.Metric) {
	c.updates.Collect(ch)
	c.seconds.Collect(ch)
}

// spaceCalls is what a space counted of one sort of call.
type spaceCalls struct {
	space, op              string
	calls, inFlight, bytes int64
	latency                time.Duration
	errors                 map[string]int64
}

// gauges tells the state of the store when it is asked.
type gauges struct {
	budget func() content.BudgetStats
	gates  func() map[string]admission.Stats // by name
	spaces func() []spaceCalls
	free   func() (int64, error)
	queues func(ctx context.Context, limit int) (garbage, repairs int, err error)

	mu               sync.Mutex
	looked           time.Time
	garbage, repairs int
	known            bool

	build, budgetBytes, budgetWaiting, budgetRefused, queue, freeBytes *prometheus.Desc
	gateInside, gateWaiting, gateRefused                               *prometheus.Desc
	calls, bytes, failures, inFlight, latency                          *prometheus.Desc
}

// newGauges names them; the caller sets the functions.
func newGauges() *gauges {
	v := programVersion()
	build := prometheus.Labels{"version": v.Version, "go": v.Go, "os": v.OS, "arch": v.Arch}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("trivium_"+name, help, labels, nil)
	}
	return &gauges{
		build:         prometheus.NewDesc("trivium_build_info", "1; the labels tell what was built.", nil, build),
		budgetBytes:   desc("budget_bytes", "Memory of transfers: what may be handed out (total), is (used), and was taken from the system (allocated).", "what"),
		budgetWaiting: desc("budget_waiting", "Transfers that wait for memory."),
		budgetRefused: desc("budget_refused_total", "Transfers refused since they found no memory in time."),
		gateInside:    desc("gate_inside", "Requests that a gate has let in.", "gate"),
		gateWaiting:   desc("gate_waiting", "Requests that wait at a gate.", "gate"),
		gateRefused:   desc("gate_refused_total", "Requests refused since a gate let in too many already.", "gate"),
		queue:         desc("queue_length", "Rows that wait in a queue; 1000 stands for 1000 and more.", "queue"),
		freeBytes:     desc("metadata_free_bytes", "Free space on the disk of the metadata."),
		calls:         desc("space_calls_total", "Calls of a space.", "space", "op"),
		bytes:         desc("space_bytes_total", "Bytes of contents put into a space, or read from it.", "space", "op"),
		failures:      desc("space_errors_total", "Calls of a space that failed.", "space", "op", "error"),
		inFlight:      desc("space_calls_running", "Calls of a space that have not ended; of read: open readers.", "space", "op"),
		latency:       desc("space_latency_seconds", "Moving average of the time of about the last 10 calls.", "space", "op"),
	}
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		g.build, g.budgetBytes, g.budgetWaiting, g.budgetRefused, g.queue, g.freeBytes,
		g.gateInside, g.gateWaiting, g.gateRefused,
		g.calls, g.bytes, g.failures, g.inFlight, g.latency,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(g.build, 1)
	b := g.budget()
	gauge(g.budgetBytes, float64(b.Total), "total")
	gauge(g.budgetBytes, float64(b.Used), "used")
	gauge(g.budgetBytes, float64(b.Allocated), "allocated")
	gauge(g.budgetWaiting, float64(b.Waiting))
	counter(g.budgetRefused, b.Refused)
	for name, s := range g.gates() {
		gauge(g.gateInside, float64(s.Inside), name)
		gauge(g.gateWaiting, float64(s.Waiting), name)
		counter(g.gateRefused, s.Refused, name)
	}
	if garbage, repairs, ok := g.lengths(); ok {
		gauge(g.queue, float64(garbage), "gc")
		gauge(g.queue, float64(repairs), "repair")
	}
	if free, err := g.free(); err == nil {
		gauge(g.freeBytes, float64(free))
	}
	for _, c := range g.spaces() {
		counter(g.calls, c.calls, c.space, c.op)
		counter(g.bytes, c.bytes, c.space, c.op)
		gauge(g.inFlight, float64(c.inFlight), c.space, c.op)
		gauge(g.latency, c.latency.Seconds(), c.space, c.op)
		for name, n := range c.errors {
			counter(g.failures, n, c.space, c.op, name)
		}
	}
}

// lengths are those of the queues, looked up now and then; false while they cannot be.
func (g *gauges) lengths() (garbage, repairs int, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Since(g.looked) >= queueFresh {
		ctx, cancel := context.WithTimeout(context.Background(), queueTime)
		defer cancel()
		var err error
		g.garbage, g.repairs, err = g.queues(ctx, queueLimit)
		g.known, g.looked = err == nil, time.Now()
	}
	return g.garbage, g.repairs, g.known
}

// minToken is the least length of a token, in bytes: it can be tried without limit.
const minToken = 16

// scrapeToken is the token of /-/metrics as it holds. The zero value lets nobody in.
type scrapeToken struct{ now atomic.Pointer[string] }

// get returns the token, "" for none.
func (t *scrapeToken) get() string {
	if now := t.now.Load(); now != nil {
		return *now
	}
	return ""
}

// read takes the token from the file of c from now on, and tells whether it is another. On an error the one before
// holds.
func (t *scrapeToken) read(c *config) (changed bool, err error) {
	token, err := c.metricsToken()
	if err != nil {
		return false, err
	}
	changed = token != t.get()
	t.now.Store(&token)
	return changed, nil
}

// metricsToken reads the token of /-/metrics; "" when there is no file of it.
func (c *config) metricsToken() (string, error) {
	if c.metricsFile == "" {
		return "", nil
	}
	text, err := readBounded(c.metricsFile)
	if err != nil {
		return "", fmt.Errorf("%s: %w", c.name("metrics-token-file"), err)
	}
	token := strings.TrimSpace(string(text))
	if len(token) < minToken || strings.ContainsFunc(token, unicode.IsSpace) {
		return "", fmt.Errorf("%s: %s must hold one line of at least %d characters without blanks: `openssl rand -hex 32` makes one",
			c.name("metrics-token-file"), c.metricsFile, minToken)
	}
	return token, nil
}
