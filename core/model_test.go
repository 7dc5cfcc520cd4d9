package core_test

import (
	"flag"
	"testing"
	"time"

	"trivium/core/coretest"
)

var modelSeed = flag.Uint64("model.seed", 0, "seed of the model test; 0: by the clock")

// TestModel compares random histories with a map.
func TestModel(t *testing.T) {
	seed := *modelSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	t.Logf("seed %d", seed)
	env := coretest.New(t, coretest.Options{})
	if err := coretest.RunModel(t.Context(), env, coretest.ModelOptions{Seed: seed, Ops: 2000, RestartEvery: 700}); err != nil {
		t.Fatal(err)
	}
}
