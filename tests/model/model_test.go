// Package model runs long random histories of core against plain maps, on spaces that fail, with restarts, crashes
// and all of upkeep in between, and compares every answer and in the end the spaces with the layouts.
package model

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/coretest"
	"trivium/core/meta/metatest"
	"trivium/core/upkeep"
	"trivium/drivers"
	"trivium/drivers/faulty"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var seedFlag = flag.Uint64("seed", 0, "seed of one history to run again; 0: by the clock")

// history is how many operations one Service lives through; crashes leave open stores behind, so it is limited.
const history = 2500

// total is how many operations all histories have.
func total() int {
	if os.Getenv("TRIVIUM_SOAK") != "" {
		return 1_000_000
	}
	return 10_000
}

// world is a kind of history.
type world struct {
	name    string
	opts    coretest.Options
	policy  core.BucketPolicy
	maxSize int
	faulty  bool
}

func worlds() []world {
	redundancy := func(p content.Policy) core.BucketPolicy { return core.BucketPolicy{Redundancy: p} }
	return []world{
		{"inline", coretest.Options{}, core.BucketPolicy{}, 0, false},
		{"none", coretest.Options{InlineMax: 1000}, core.BucketPolicy{}, 0, true},
		{"rep2", coretest.Options{Spaces: 3}, redundancy(content.Policy{Redundancy: content.Copies, N: 2}), 0, true},
		{"ec23", coretest.Options{Spaces: 4}, redundancy(content.Policy{
			Redundancy: content.ErasureCoded, K: 2, N: 3, ChunkSize: 64 << 10,
		}), 200 << 10, true},
	}
}

// TestModel runs 10,000 operations, or 1,000,000 with TRIVIUM_SOAK, in histories of all kinds in turn.
func TestModel(t *testing.T) {
	var done, injected, tolerated atomic.Int64
	start := time.Now()
	t.Run("histories", func(t *testing.T) {
		for i := range total() / history {
			w := worlds()[i%len(worlds())]
			t.Run(fmt.Sprintf("%d %s", i, w.name), func(t *testing.T) {
				t.Parallel()
				h := &run{t: t, w: w, seed: *seedFlag, tolerated: &tolerated}
				if h.seed == 0 {
					h.seed = uint64(time.Now().UnixNano()) % 1_000_000_000
				}
				t.Logf("seed %d", h.seed)
				h.run()
				done.Add(history)
				injected.Add(h.injected())
			})
		}
	})
	t.Logf("%d operations in %v, %d faults injected, %d operations refused because of them", done.Load(),
		time.Since(start).Round(time.Second), injected.Load(), tolerated.Load())
	if !t.Failed() && (injected.Load() == 0 || tolerated.Load() == 0) {
		t.Error("the faults did not reach any operation")
	}
}

// run is one history.
type run struct {
	t         *testing.T
	w         world
	seed      uint64
	env       *coretest.Env
	tolerated *atomic.Int64

	mu     sync.Mutex // a Service opens its spaces side by side
	spaces []space
}

// space is a driver that one Service opened. Each start of a Service opens them anew.
type space struct {
	name string
	*faulty.Driver
}

// rules are the faults: rare enough that most operations go through.
func rules() []faulty.Rule {
	rule := func(op faulty.Op, chance float64, f faulty.Fault) faulty.Rule {
		return faulty.Rule{Op: op, Name: "shards/*", Chance: chance, Fault: f}
	}
	return []faulty.Rule{
		rule(faulty.Put, 0.08, faulty.Fail(drivers.ErrDenied)),
		rule(faulty.Put, 0.05, faulty.LostAnswer(drivers.ErrBroken)),
		rule(faulty.Put, 0.03, faulty.Fail(drivers.ErrNoSpace)),
		rule(faulty.Open, 0.05, faulty.Fail(drivers.ErrBroken)),
		rule(faulty.Open, 0.05, faulty.BrokenRead(drivers.ErrBroken)),
		rule(faulty.Open, 0.05, faulty.ShortRead()),
		rule(faulty.Open, 0.05, faulty.FlipBit()),
		rule(faulty.Open, 0.05, faulty.OtherObject()),
		rule(faulty.Delete, 0.1, faulty.Fail(drivers.ErrBroken)),
		rule(faulty.Delete, 0.1, faulty.LostAnswer(drivers.ErrBroken)),
	}
}

func (r *run) run() {
	opts := r.w.opts
	opts.Wrap = func(name string, d drivers.Driver) drivers.Driver {
		r.mu.Lock()
		defer r.mu.Unlock()
		f := faulty.New(d, r.seed+uint64(len(r.spaces)))
		if r.w.faulty {
			f.Script(rules()...)
		}
		r.spaces = append(r.spaces, space{name, f})
		return f
	}
	r.env = coretest.New(r.t, opts)
	err := coretest.RunModel(r.t.Context(), r.env, coretest.ModelOptions{
		Seed: r.seed, Ops: history, RestartEvery: 701, AbandonEvery: 503, CheckEvery: 400,
		Policy: r.w.policy, MaxSize: r.w.maxSize, Tolerate: r.tolerate, Check: r.upkeep,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.end()
}

// tolerate tells which errors a fault may cause: the spaces do not answer, are full, or gave wrong bytes for the
// only copy.
func (r *run) tolerate(err error) bool {
	code := core.CodeOf(err)
	ok := r.w.faulty && slices.Contains([]core.Code{core.Unavailable, core.NoSpace, core.Corrupt}, code)
	if ok {
		r.tolerated.Add(1)
	}
	return ok
}

// upkeep runs every work once, in the middle of the history and of the faults, and recounts.
func (r *run) upkeep(ctx context.Context, env *coretest.Env) error {
	runner := upkeep.New(env.Service.Maintenance())
	for _, work := range []func() (upkeep.Report, error){
		func() (upkeep.Report, error) { return runner.Repair(ctx) },
		func() (upkeep.Report, error) { return runner.Pack(ctx) },
		func() (upkeep.Report, error) { return runner.All(ctx, upkeep.CollectOptions{Now: true}) },
	} {
		if _, err := work(); err != nil && !r.w.faulty {
			return fmt.Errorf("upkeep: %w", err)
		}
	}
	return metatest.Recount(ctx, env.Meta)
}

// injected counts the faults.
func (r *run) injected() (n int64) {
	for _, s := range r.spaces {
		n += int64(len(s.Injected()))
	}
	return n
}

// end switches the faults off, ends the incarnation and collects: the spaces hold what the layouts name.
func (r *run) end() {
	for _, s := range r.spaces {
		s.Off()
	}
	if err := r.env.Restart(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	for _, s := range r.spaces {
		s.Off()
	}
	rep, err := upkeep.New(r.env.Service.Maintenance()).All(r.t.Context(), upkeep.CollectOptions{Now: true})
	if err != nil || rep.Failed > 0 || rep.Waiting > 0 {
		r.t.Errorf("seed %d: collect = %+v, %v", r.seed, rep, err)
	}
	named, err := r.named()
	stored, err2 := r.stored()
	if err := errors.Join(err, err2, metatest.Recount(r.t.Context(), r.env.Meta)); err != nil {
		r.t.Errorf("seed %d: %v", r.seed, err)
	}
	if diff := cmp.Diff(named, stored); diff != "" {
		r.t.Errorf("seed %d: names in layouts against names in spaces (-layouts +spaces):\n%s", r.seed, diff)
	}
}

// named returns space and name of every shard that a layout has.
func (r *run) named() ([]string, error) {
	state, err := metatest.Dump(r.t.Context(), r.env.Meta)
	if err != nil {
		return nil, err
	}
	label := map[content.SpaceID]string{}
	for _, sp := range state.Spaces {
		label[sp.ID] = sp.Name
	}
	names := []string{}
	for _, b := range state.Blobs {
		if b.State != core.BlobStored {
			continue
		}
		for p := range b.Layout.Places() {
			if p.Space != 0 {
				names = append(names, label[p.Space]+": "+content.ShardName("", b.ID, p))
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// stored returns space and name of every shard that there is, as the last start opened the spaces.
func (r *run) stored() ([]string, error) {
	names := []string{}
	last := map[string]space{}
	for _, s := range r.spaces {
		last[s.name] = s
	}
	for _, s := range last {
		for info, err := range s.Driver.List(r.t.Context(), "shards", drivers.ListOptions{Recursive: true}) {
			if err != nil {
				return nil, err
			}
			if !info.IsDir {
				names = append(names, s.name+": "+info.Name)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}
