package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"trivium/core/coretest"
	"trivium/nativeapi/client"
	"trivium/tests/s3client"
)

const (
	workers   = 6
	minPart   = 5 << 20
	plain     = "plain"
	versioned = "versioned"
)

// worker sends one call after the other, through one door or another, on keys of its own: those of the package of its
// name.
type worker struct {
	rnd     *rand.Rand
	name    string
	objects []*object // all of them
	history *object   // in the versioned bucket
	parts   *object   // that native uploads are made of
	locked  *object   // that is locked and unlocked
	files   []*object // that anything is done with
	folders [2]*folder
	unsure  *unsure // the last call, if it had no answer
	calls   int     // acknowledged
	door    doorUse
}

// doorUse counts the acknowledged calls of each door.
type doorUse struct{ s3, dav, native int }

// add adds what another one has counted.
func (d *doorUse) add(more doorUse) {
	d.s3, d.dav, d.native = d.s3+more.s3, d.dav+more.dav, d.native+more.native
}

// String tells the counts.
func (d doorUse) String() string {
	return fmt.Sprintf("S3 %d, WebDAV %d, native %d", d.s3, d.dav, d.native)
}

// newWorkers makes the workers of one data directory with all their keys absent.
func newWorkers(seed uint64) []*worker {
	all := make([]*worker, workers)
	for i := range all {
		w := &worker{rnd: rand.New(rand.NewPCG(seed, uint64(i))), name: workerName(i)}
		w.history = w.object(versioned, "k")
		w.parts, w.locked = w.object(plain, "parts"), w.object(plain, "locked")
		w.files = []*object{w.object(plain, "k")}
		for n, name := range []string{"d", "e"} {
			f := &folder{path: w.name + "/" + name}
			for _, member := range []string{"x", "y", ""} {
				f.members = append(f.members, w.object(plain, name+"/"+member))
			}
			w.folders[n] = f
			w.files = append(w.files, f.files()...)
		}
		all[i] = w
	}
	return all
}

// workerName is the package of a worker.
func workerName(i int) string { return fmt.Sprintf("w%d", i) }

// object makes a key.
func (w *worker) object(bucket, path string) *object {
	o := &object{bucket: bucket, key: w.name + "/" + path, state: absent, versions: map[string]string{}}
	w.objects = append(w.objects, o)
	return o
}

// run sends calls of all workers until the process dies, limit is over or a worker finds a difference. It returns
// the differences.
func run(ctx context.Context, p *process, all []*worker, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var wg sync.WaitGroup
	found := make([]error, len(all))
	for i, w := range all {
		wg.Go(func() {
			for ctx.Err() == nil && !p.dead() && found[i] == nil {
				// A call that was begun is waited for: the limit ends the load, not the calls.
				found[i] = w.call(context.WithoutCancel(ctx), p)
			}
		})
	}
	wg.Wait()
	return errors.Join(found...)
}

// call sends one random call and keeps the ledger. An error is a difference, or an answer nobody may get.
func (w *worker) call(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	if w.unsure != nil {
		_, err := w.resolve(ctx, p) // find out first, so that unknown outcomes do not pile up
		return err
	}
	was := w.calls
	switch n := w.rnd.IntN(100); {
	case n < 12:
		return w.read(ctx, p, w.objects[w.rnd.IntN(len(w.objects))])
	case n < 50:
		err := w.s3Call(ctx, p)
		w.door.s3 += w.calls - was
		return err
	case n < 75:
		err := w.davCall(ctx, p)
		w.door.dav += w.calls - was
		return err
	}
	err := w.nativeCall(ctx, p)
	w.door.native += w.calls - was
	return err
}

// settle books the outcome of a call that wanted to make these changes. An error of the server is a failure of the test
// as long as the server was alive: nothing in the traffic asks for one.
func (w *worker) settle(p *process, what string, err error, changes ...change) error {
	switch {
	case err == nil:
		w.calls++
		w.apply(changes)
		return nil
	case status(err) == 0:
		w.unsure = &unsure{what: what, changes: changes}
		return nil
	}
	return fmt.Errorf("%s of %s: %w (server dead: %v)", what, w.name, err, p.dead())
}

// apply books changes that were made.
func (w *worker) apply(changes []change) {
	for _, c := range changes {
		c.o.state = c.state
	}
}

// status is the HTTP status of the answer that err is of; 200 for nil, 0 when there was none.
func status(err error) int {
	if e, ok := errors.AsType[*client.Error](err); ok {
		return e.Status
	}
	if e, ok := errors.AsType[*davError](err); ok {
		return e.status
	}
	return s3client.Status(err)
}

// resolve finds out what became of the call that had no answer; false where that broke off.
func (w *worker) resolve(ctx context.Context, p *process) (bool, error) {
	u := w.unsure
	found := make([]string, len(u.changes))
	for i, c := range u.changes {
		var err error
		if found[i], err = w.fetch(ctx, p, c.o); err != nil {
			return false, answered(err)
		}
	}
	if u.lock != nil {
		token, err := p.lockOf(ctx, u.lock)
		if err != nil {
			return false, answered(err)
		}
		u.lock.lock = token
	}
	done, err := u.done(found)
	if err == nil && done {
		w.apply(u.changes)
	}
	w.unsure = nil
	return true, err
}

// answered is err where the server answered; a call that broke off says nothing.
func answered(err error) error {
	if status(err) == 0 {
		return nil
	}
	return err
}

// read compares a key with the ledger through one door.
func (w *worker) read(ctx context.Context, p *process, o *object) error {
	state, err := w.fetch(ctx, p, o)
	if err != nil {
		return answered(err)
	}
	return o.saw(state)
}

// saw compares what a read found with what is there.
func (o *object) saw(state string) error {
	if state != o.state {
		return fmt.Errorf("%s/%s is %s, want %s", o.bucket, o.key, state, o.state)
	}
	return nil
}

// body draws content: mostly short, some of it shared between workers so that blobs are, rarely long.
func (w *worker) body() []byte {
	sizes := []struct{ chance, from, to int }{
		{40, 0, 16<<10 + 2}, {25, 16<<10 + 1, 100 << 10}, {29, 100 << 10, 1 << 20}, {6, 1 << 20, 10 << 20},
	}
	n := w.rnd.IntN(100)
	for _, s := range sizes {
		if n -= s.chance; n < 0 {
			if s.from > 0 && w.rnd.IntN(4) == 0 {
				return coretest.Bytes(uint64(w.rnd.IntN(3)), s.from) // shared: dedup meets the collector
			}
			return coretest.Bytes(w.rnd.Uint64(), s.from+w.rnd.IntN(s.to-s.from))
		}
	}
	return nil
}

// mtime draws a time of the client in seconds, mostly none.
func (w *worker) mtime() string {
	if w.rnd.IntN(4) > 0 {
		return ""
	}
	return strconv.Itoa(1_500_000_000 + w.rnd.IntN(1_000_000))
}

// pick draws one of the keys that everything is done with, and that of the versioned bucket.
func (w *worker) pick() *object {
	if n := w.rnd.IntN(len(w.files) + 2); n < len(w.files) {
		return w.files[n]
	}
	return w.history
}

// choose draws a file that is there, or not; nil when there is none.
func (w *worker) choose(there bool) *object {
	some := slices.DeleteFunc(slices.Clone(w.files), func(o *object) bool { return o.there() != there })
	if len(some) == 0 {
		return nil
	}
	return some[w.rnd.IntN(len(some))]
}

// folderOf is the folder that a key lies in, nil for none.
func (w *worker) folderOf(o *object) *folder {
	for _, f := range w.folders {
		if slices.Contains(f.members, o) {
			return f
		}
	}
	return nil
}
