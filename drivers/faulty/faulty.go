// Package faulty is the decorator that makes a driver fail, by script or by seeded chance, for tests of what lies
// above. Every fault that took place is recorded.
package faulty

import (
	"context"
	"io"
	"iter"
	"slices"
	"sync"

	"trivium/drivers"
)

// Op names a sort of call in a Rule.
type Op string

// The sorts of calls. Any stands for all of them. DeleteBatch asks once for each of its names.
const (
	Any    Op = ""
	Put    Op = "put"
	Open   Op = "open"
	Stat   Op = "stat"
	Delete Op = "delete"
	List   Op = "list"
	Copy   Op = "copy"
	Mkdir  Op = "mkdir"
	Rmdir  Op = "rmdir"
)

// Rule says when a fault is injected: in calls of Op on a name that matches Name. Of those calls it is the Nth (from
// 1), or each with probability Chance, or, with both zero, every one. The first rule that fires in a call decides.
type Rule struct {
	Op     Op
	Name   string // "*" matches any run of characters, slashes too, "?" any one; empty matches every name
	Nth    int
	Chance float64 // drawn from the seed, the op, the name and how often both were met: not from the schedule
	Fault  Fault
}

// Injection is a fault that took place.
type Injection struct {
	Op   Op
	Name string
	Kind Kind
}

// Driver injects faults into the calls of the driver below while it is switched on, as it is at first.
type Driver struct {
	drivers.Driver
	seed uint64

	mu       sync.Mutex
	off      bool
	rules    []*rule
	met      map[string]uint64 // op and name: calls so far
	injected []Injection
	older    map[string][]byte // what a Put replaced, kept for rules of Stale
}

// New returns d with faults by rules; seed decides whatever is left to chance.
func New(d drivers.Driver, seed uint64, rules ...Rule) *Driver {
	f := &Driver{Driver: d, seed: seed, met: map[string]uint64{}, older: map[string][]byte{}}
	f.Script(rules...)
	return f
}

// Script replaces all rules; their counts begin at zero.
func (d *Driver) Script(rules ...Rule) {
	compiled := make([]*rule, 0, len(rules))
	for _, r := range rules {
		compiled = append(compiled, compile(r))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rules = compiled
}

// Off stops injecting, also into readers that are open, and counting towards Nth.
func (d *Driver) Off() { d.switchTo(true) }

// On injects again after Off.
func (d *Driver) On() { d.switchTo(false) }

func (d *Driver) switchTo(off bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = off
}

// Injected returns the faults that took place, in their order. A fault of a reader takes place when the bytes that
// it spoils are read.
func (d *Driver) Injected() []Injection {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.injected)
}

// Count returns how many faults of kind took place.
func (d *Driver) Count(kind Kind) int {
	n := 0
	for _, i := range d.Injected() {
		if i.Kind == kind {
			n++
		}
	}
	return n
}

// Unwrap implements drivers.Wrapper.
func (d *Driver) Unwrap() drivers.Driver { return d.Driver }

// Put implements drivers.Driver.
func (d *Driver) Put(ctx context.Context, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
	p := d.plan(Put, name)
	if p.fault.kind == KindFlipBit && size > 0 {
		body = &reader{d: d, p: p, src: io.NopCloser(body), left: size, at: p.offset(size)}
	}
	old, keep := d.remember(ctx, name)
	err := d.around(ctx, p, func() error { return d.Driver.Put(ctx, name, body, size, opts) })
	if err == nil && keep {
		d.mu.Lock()
		d.older[name] = old
		d.mu.Unlock()
	}
	return err
}

// Stat implements drivers.Driver.
func (d *Driver) Stat(ctx context.Context, name string) (drivers.Info, error) {
	var info drivers.Info
	err := d.around(ctx, d.plan(Stat, name), func() (err error) {
		info, err = d.Driver.Stat(ctx, name)
		return err
	})
	if err != nil {
		return drivers.Info{}, err
	}
	return info, nil
}

// Delete implements drivers.Driver.
func (d *Driver) Delete(ctx context.Context, name string) error {
	return d.around(ctx, d.plan(Delete, name), func() error { return d.Driver.Delete(ctx, name) })
}

// List implements drivers.Driver. LostAnswer yields half of what there is before its error.
func (d *Driver) List(ctx context.Context, prefix string, opts drivers.ListOptions) iter.Seq2[drivers.Info, error] {
	return func(yield func(drivers.Info, error) bool) {
		p := d.plan(List, prefix)
		if p.fault.kind == KindLostAnswer {
			d.cutList(ctx, p, opts, yield)
			return
		}
		if err := d.before(ctx, p); err != nil {
			yield(drivers.Info{}, err)
			return
		}
		for info, err := range d.Driver.List(ctx, prefix, opts) {
			if !yield(info, err) {
				return
			}
		}
	}
}

func (d *Driver) cutList(ctx context.Context, p plan, opts drivers.ListOptions, yield func(drivers.Info, error) bool) {
	var all []drivers.Info
	for info, err := range d.Driver.List(ctx, p.name, opts) {
		if err != nil {
			yield(drivers.Info{}, err)
			return
		}
		all = append(all, info)
	}
	for _, info := range all[:len(all)/2] {
		if !yield(info, nil) {
			return
		}
	}
	yield(drivers.Info{}, d.inject(p))
}

// around runs call with the fault of p before or after it.
func (d *Driver) around(ctx context.Context, p plan, call func() error) error {
	if err := d.before(ctx, p); err != nil {
		return err
	}
	if err := call(); err != nil {
		return err
	}
	if p.fault.kind == KindLostAnswer {
		return d.inject(p)
	}
	return nil
}

// before injects what comes before a call: an error, slowness, a hang.
func (d *Driver) before(ctx context.Context, p plan) error {
	switch p.fault.kind { //nolint:exhaustive // the others take place later
	case KindFail:
		return d.inject(p)
	case KindSlow:
		d.record(p)
		return p.fail(sleep(ctx, p.fault.delay))
	case KindHang:
		d.record(p)
		<-ctx.Done()
		return p.fail(ctx.Err())
	}
	return nil
}

// inject records p's fault and returns its error.
func (d *Driver) inject(p plan) error {
	d.record(p)
	return p.fail(p.fault.err)
}

func (d *Driver) record(p plan) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.injected = append(d.injected, Injection{Op: p.op, Name: p.name, Kind: p.fault.kind})
}

func (d *Driver) isOff() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.off
}

// Adapt implements drivers.Adapter: faults reach optional calls too.
func (d *Driver) Adapt(found any) any {
	x := &extra{d: d}
	x.copier, _ = found.(drivers.Copier)
	x.batch, _ = found.(drivers.BatchDeleter)
	x.dirs, _ = found.(drivers.Mkdirer)
	x.Usage, _ = found.(drivers.Usage)
	x.Presigner, _ = found.(drivers.Presigner)
	return x
}
