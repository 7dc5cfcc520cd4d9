package core_test

import (
	"context"
	"flag"
	"testing"
	"time"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/coretest"
	"trivium/core/meta/metatest"
	"trivium/drivers"
	"trivium/drivers/faulty"
)

var (
	modelSeed  = flag.Uint64("model.seed", 0, "seed of the model tests; 0: by the clock")
	modelTimes = flag.Int("model.times", 1, "how many times the usual number of operations the model tests run")
)

// seed returns the seed of a random test and prints it.
func seed(t *testing.T) uint64 {
	n := *modelSeed
	if n == 0 {
		n = uint64(time.Now().UnixNano()) % 1_000_000
	}
	t.Logf("seed %d", n)
	return n
}

// recount compares references, inline rows and usage with what is there.
func recount(ctx context.Context, env *coretest.Env) error { return metatest.Recount(ctx, env.Meta) }

// TestModel compares random histories with maps: short content inline, everything in blobs, coded content. Each
// transaction runs twice.
func TestModel(t *testing.T) {
	cases := map[string]struct {
		env    coretest.Options
		policy core.BucketPolicy
		ops    int
	}{
		"inline": {ops: 2000},
		"blobs":  {env: coretest.Options{InlineMax: -1}, ops: 1000},
		"coded": {
			env:    coretest.Options{Spaces: 4},
			policy: core.BucketPolicy{Redundancy: content.Policy{Redundancy: content.ErasureCoded, K: 2, N: 3}},
			ops:    700,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			n := seed(t)
			c.env.WrapMeta = metatest.Twice
			env := coretest.New(t, c.env)
			err := coretest.RunModel(t.Context(), env, coretest.ModelOptions{
				Seed: n, Ops: c.ops * *modelTimes / slower, RestartEvery: 500 / slower, AbandonEvery: 300 / slower, Policy: c.policy, Check: recount,
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestModelWithFaults lets calls of the spaces fail: what is acknowledged stays right, what is refused changes
// nothing.
func TestModelWithFaults(t *testing.T) {
	n := seed(t)
	var spaces []*faulty.Driver
	env := coretest.New(t, coretest.Options{
		Spaces: 4, InlineMax: 100,
		Wrap: func(space string, d drivers.Driver) drivers.Driver {
			f := faulty.New(d, n+uint64(space[len(space)-1]),
				faulty.Rule{Op: faulty.Put, Name: "shards/*", Chance: 0.4, Fault: faulty.Fail(drivers.ErrDenied)},
				faulty.Rule{Op: faulty.Open, Name: "shards/*", Chance: 0.2, Fault: faulty.Fail(drivers.ErrBroken)},
				faulty.Rule{Op: faulty.Open, Name: "shards/*", Chance: 0.2, Fault: faulty.BrokenRead(drivers.ErrTransient)},
			)
			spaces = append(spaces, f)
			return f
		},
	})
	policy := core.BucketPolicy{Redundancy: content.Policy{Redundancy: content.Copies, N: 2}}
	refused := 0
	err := coretest.RunModel(t.Context(), env, coretest.ModelOptions{
		Seed: n, Ops: 700 * *modelTimes / slower, RestartEvery: 300, Policy: policy, Check: recount,
		Tolerate: func(err error) bool {
			refused++
			return core.CodeOf(err) == core.Unavailable
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	injected := 0
	for _, f := range spaces {
		injected += len(f.Injected())
	}
	t.Logf("%d faults, %d operations refused", injected, refused)
	if injected == 0 || refused == 0 && slower == 1 {
		t.Error("the faults did not reach any operation")
	}
}
