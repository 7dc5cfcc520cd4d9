package server

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// scrapes is how many readers of /-/metrics are served at a time.
const scrapes = 2

// Metrics count requests by door and operation, and are the page /-/metrics, in the text format of Prometheus, with
// whatever else is registered. Several Servers may share one. Its labels hold no names of users, buckets or keys.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	bytes    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	running  prometheus.Gauge
	page     http.Handler
	mu       sync.RWMutex
	series   map[seriesKey]*series // looking labels up costs more than counting
}

// seriesKey is what a request is counted by.
type seriesKey struct {
	door, op string
	status   int
}

// series are the counters of one key.
type series struct {
	requests, in, out prometheus.Counter
	seconds           prometheus.Observer
}

// NewMetrics makes metrics with a registry of their own, which has figures of the Go runtime and of the process.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(), series: make(map[seriesKey]*series),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "trivium_requests_total", Help: "Requests that have ended, by the status of the answer; 0: cut before one.",
		}, []string{"door", "op", "status"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "trivium_request_bytes_total", Help: "Bytes of bodies of requests (in) and answers (out).",
		}, []string{"door", "op", "direction"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "trivium_request_seconds", Help: "Time from a request's head to the end of its answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"door", "op"}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "trivium_requests_running", Help: "Requests that are being answered.",
		}),
	}
	m.registry.MustRegister(m.requests, m.bytes, m.seconds, m.running,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.page = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapes, ErrorHandling: promhttp.ContinueOnError})
	return m
}

// Register adds what else there is to tell. An error is of a name that is there already.
func (m *Metrics) Register(c prometheus.Collector) error { return m.registry.Register(c) }

// begin counts a request as running; nil Metrics count nothing.
func (m *Metrics) begin() {
	if m != nil {
		m.running.Inc()
	}
}

// end counts a request that has ended.
func (m *Metrics) end(x *exchange, aborted bool) {
	if m == nil {
		return
	}
	m.running.Dec()
	key := seriesKey{x.door, x.op, x.status}
	if key.status == 0 && !aborted {
		key.status = http.StatusOK
	}
	s := m.of(key)
	s.requests.Inc()
	s.in.Add(float64(x.in))
	s.out.Add(float64(x.out))
	s.seconds.Observe(time.Since(x.start).Seconds())
}

// of returns the counters of a key. Doors name their operations from tables, so there are not many.
func (m *Metrics) of(key seriesKey) *series {
	m.mu.RLock()
	s := m.series[key]
	m.mu.RUnlock()
	if s != nil {
		return s
	}
	s = &series{
		requests: m.requests.WithLabelValues(key.door, key.op, strconv.Itoa(key.status)),
		in:       m.bytes.WithLabelValues(key.door, key.op, "in"),
		out:      m.bytes.WithLabelValues(key.door, key.op, "out"),
		seconds:  m.seconds.WithLabelValues(key.door, key.op),
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.series[key] = s
	return s
}
