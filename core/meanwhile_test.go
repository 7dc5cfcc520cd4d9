package core_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"trivium/core"
	"trivium/core/coretest"
)

// meanwhile is a Service in which something happens between what a method looks at and its transaction.
type meanwhile struct {
	*coretest.Env
	event atomic.Pointer[func()]
}

// watched starts such a Service, with the buckets of newEnv.
func watched(t *testing.T) *meanwhile {
	t.Helper()
	m := new(meanwhile)
	m.Env = newEnv(t, coretest.Options{Hook: func(point string) {
		if point != "update.before" && !strings.HasSuffix(point, ".commit.before") {
			return
		}
		if happen := m.event.Swap(nil); happen != nil {
			(*happen)()
		}
	}})
	return m
}

// let has happen happen before the next transaction, once.
func (m *meanwhile) let(happen func()) { m.event.Store(&happen) }

// TestDeletePackageThatMoves: the package that is meant is deleted, wherever it is by then, and nothing that took its
// place.
func TestDeletePackageThatMoves(t *testing.T) {
	for name, to := range map[string]core.Path{
		"renamed": {Bucket: "off", Key: "b"}, "in another bucket": {Bucket: "ver", Key: "a"},
	} {
		for _, step := range []int{1, 2} { // the transaction that it comes before
			t.Run(fmt.Sprintf("%s, %d", name, step), func(t *testing.T) { deleteMoving(t, to, step) })
		}
	}
	t.Run("gone", func(t *testing.T) {
		env := watched(t)
		id := pkg(t, env.Env, "off", "a")
		env.let(func() { ok(t, "delete", env.Admin.DeletePackage(t.Context(), id)) })
		wantCode(t, "delete", env.Admin.DeletePackage(t.Context(), id), core.NotFound)
	})
}

// deleteMoving deletes a package that moves before that transaction.
func deleteMoving(t *testing.T, to core.Path, step int) {
	t.Helper()
	var before func()
	env := newEnv(t, coretest.Options{Hook: func(point string) {
		if step--; point == "delete.commit.before" && step == 0 && before != nil {
			before()
		} else if point != "delete.commit.before" {
			step++
		}
	}})
	ctx := t.Context()
	id := pkg(t, env, "off", "a")
	for i := range 501 { // more than one transaction takes
		write(t, env, "off", fmt.Sprintf("a/%03d", i), nil, core.PutOptions{})
	}
	before = func() {
		_, err := env.Admin.MovePath(ctx, core.Path{Bucket: "off", Key: "a"}, to, core.TreeOptions{})
		ok(t, "move", err)
		write(t, env, "off", "a/innocent", nil, core.PutOptions{})
	}
	ok(t, "delete", env.Admin.DeletePackage(ctx, id))
	_, _, err := env.Admin.Package(ctx, id, core.AccessRead)
	wantCode(t, "the package", err, core.NotFound)
	if got := keys(t, env, "off"); !slices.Equal(got, []string{"a/innocent"}) {
		t.Errorf("off has %d keys, %q..., want what was put there", len(got), got[:min(len(got), 3)])
	}
	if got := keys(t, env, "ver"); len(got) > 0 {
		t.Errorf("ver has %d keys, %q..., want nothing", len(got), got[:min(len(got), 3)])
	}
	if got := packages(t, env, "off"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("the packages of off are %q", got)
	}
}
