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
)

var modelSeed = flag.Uint64("model.seed", 0, "seed of the model tests; 0: by the clock")

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
			c.env.WrapMeta = metatest.Twice
			env := coretest.New(t, c.env)
			err := coretest.RunModel(t.Context(), env, coretest.ModelOptions{
				Seed: seed(t), Ops: c.ops, RestartEvery: 500, Policy: c.policy, Check: recount,
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}
