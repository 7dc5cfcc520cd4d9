package meter

import (
	"errors"
	"io"
	"math"
	"sync/atomic"
	"time"

	"trivium/drivers"
)

// Op is a sort of call.
type Op int

// The sorts of calls that are counted apart.
const (
	Put Op = iota
	Open
	Read // of what Open returned
	Stat
	Delete
	List
	Copy
	Other // directories, usage
	numOps
)

// String returns the name that errors and metrics use.
func (o Op) String() string {
	names := [numOps]string{"put", "open", "read", "stat", "delete", "list", "copy", "other"}
	if o < 0 || o >= numOps {
		return "unknown"
	}
	return names[o]
}

// numErrors is one more than drivers.Sentinels has: the last counts what is none of them.
const numErrors = 12

type counter struct {
	calls, inFlight, bytes atomic.Int64
	errors                 [numErrors]atomic.Int64
	latency                atomic.Uint64 // bits of a float64 in seconds; 0: none yet
}

func (c *counter) begin() time.Time {
	c.calls.Add(1)
	c.inFlight.Add(1)
	return time.Now()
}

func (c *counter) end(start time.Time, err error) {
	c.inFlight.Add(-1)
	c.observe(time.Since(start))
	c.fail(err)
}

func (c *counter) fail(err error) {
	if err == nil {
		return
	}
	for i, s := range drivers.Sentinels() {
		if errors.Is(err, s) {
			c.errors[i].Add(1)
			return
		}
	}
	c.errors[numErrors-1].Add(1)
}

// weight is what the newest call has in the average: about the last 10 calls count.
const weight = 0.1

func (c *counter) observe(d time.Duration) {
	for {
		old := c.latency.Load()
		next := d.Seconds()
		if old != 0 {
			mean := math.Float64frombits(old)
			next = mean + weight*(next-mean)
		}
		if c.latency.CompareAndSwap(old, math.Float64bits(max(next, 1e-9))) {
			return
		}
	}
}

// Counts is what was counted of one Op.
type Counts struct {
	Calls    int64
	InFlight int64            // now; of Read: open readers
	Bytes    int64            // of contents put, or read
	Latency  time.Duration    // moving average, failed calls included; 0: none yet
	Errors   map[string]int64 // by the sentinel's text, "other" for none; only what occurred
}

// Snapshot returns the counts of every Op that was called. The figures of one Op may be a call apart.
func (d *Driver) Snapshot() map[Op]Counts {
	all := map[Op]Counts{}
	for op := range numOps {
		if c := d.ops[op].counts(); c.Calls > 0 || c.InFlight > 0 {
			all[op] = c
		}
	}
	return all
}

// Latency returns the moving average of op, 0 if there was no call yet. It is cheap enough for every read.
func (d *Driver) Latency(op Op) time.Duration {
	if op < 0 || op >= numOps {
		return 0
	}
	return d.ops[op].mean()
}

func (c *counter) mean() time.Duration {
	return time.Duration(math.Float64frombits(c.latency.Load()) * float64(time.Second))
}

func (c *counter) counts() Counts {
	out := Counts{Calls: c.calls.Load(), InFlight: c.inFlight.Load(), Bytes: c.bytes.Load(), Latency: c.mean()}
	for i := range c.errors {
		n := c.errors[i].Load()
		if n == 0 {
			continue
		}
		name := "other"
		if all := drivers.Sentinels(); i < len(all) {
			name = all[i].Error()
		}
		if out.Errors == nil {
			out.Errors = map[string]int64{}
		}
		out.Errors[name] = n
	}
	return out
}

// reader counts what it reads.
type reader struct {
	io.ReadCloser
	c      *counter
	closed atomic.Bool
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	start := time.Now()
	n, err := r.ReadCloser.Read(p)
	r.c.calls.Add(1)
	r.c.bytes.Add(int64(n))
	r.c.observe(time.Since(start))
	if !errors.Is(err, io.EOF) {
		r.c.fail(err)
	}
	return n, err
}

// Close implements io.Closer.
func (r *reader) Close() error {
	if r.closed.CompareAndSwap(false, true) {
		r.c.inFlight.Add(-1)
	}
	return r.ReadCloser.Close()
}
