package core_test

import (
	"fmt"
	"sync"
	"testing"

	"trivium/core"
	"trivium/core/coretest"
	"trivium/core/meta/metatest"
)

// TestDeleteRootPackage: among many other packages the transactions that delete the root package are as few and as short
// as its objects are, and not as those packages are; these are passed by reads.
func TestDeleteRootPackage(t *testing.T) {
	var counted partsMeta
	env := newEnv(t, coretest.Options{WrapMeta: func(s core.MetaStore) core.MetaStore { counted.MetaStore = s; return &counted }})
	ctx := t.Context()
	const writers, each = 30, 80
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				write(t, env, "ver", fmt.Sprintf("p%d-%d/x", w, i), nil, core.PutOptions{})
			}
		})
	}
	all.Wait()
	for _, key := range []string{"a", "/lead", "zz"} {
		write(t, env, "ver", key, nil, core.PutOptions{})
	}
	root, err := env.Admin.PackageNamed(ctx, "ver", "")
	ok(t, "root package", err)
	counted.most.Store(0)
	counted.wrote.Store(0)
	ok(t, "delete", env.Admin.DeletePackage(ctx, root.ID))
	// A step looks at 500 items, and whether an implied package is empty is found out with 1,001 more.
	if n := counted.most.Load(); n == 0 || n > 500+1001 {
		t.Errorf("a transaction that writes looked at %d items, want at most 1,501", n)
	}
	if n := counted.wrote.Load(); n > 3 {
		t.Errorf("%d transactions for three objects, want at most 3", n)
	}
	_, err = env.Admin.PackageNamed(ctx, "ver", "")
	wantCode(t, "the root package", err, core.NotFound)
	usage, err := env.Admin.Usage(ctx, "ver")
	if err != nil || usage.Objects != writers*each {
		t.Errorf("%d objects are left, %v, want %d", usage.Objects, err, writers*each)
	}
}

// TestDeletePackageMeanwhile: what is written into a package while it is deleted goes with it, wherever it is written; a
// package that moves meanwhile stays whole.
func TestDeletePackageMeanwhile(t *testing.T) {
	for _, name := range []string{"", "p"} {
		steps := 0
		var before func()
		env := newEnv(t, coretest.Options{WrapMeta: metatest.Twice, Hook: func(point string) {
			if point == "delete.commit.before" && before != nil {
				before()
			}
		}})
		ctx := t.Context()
		prefix, paths := "", 620
		if name == "p" {
			prefix = "p/"
			pkg(t, env, "off", "p")
		}
		var all sync.WaitGroup
		for w := range 20 {
			all.Go(func() {
				for i := range paths / 20 {
					write(t, env, "off", fmt.Sprintf("%sm%d-%d", prefix, w, i), nil, core.PutOptions{})
				}
			})
		}
		all.Wait()
		other := write(t, env, "off", "other/x", nil, core.PutOptions{})
		p, err := env.Admin.PackageNamed(ctx, "off", name)
		ok(t, "package", err)
		before = func() {
			if steps++; steps <= 3 { // where the deletion has been, and where it comes yet
				write(t, env, "off", prefix+"a", []byte("late"), core.PutOptions{})
				write(t, env, "off", prefix+"z", []byte("late"), core.PutOptions{})
			}
		}
		ok(t, "delete", env.Admin.DeletePackage(ctx, p.ID))
		before = nil
		if steps < 3 {
			t.Errorf("package %q was deleted in %d steps, want more", name, steps)
		}
		_, err = env.Admin.PackageNamed(ctx, "off", name)
		wantCode(t, "the package", err, core.NotFound)
		page, err := env.Admin.ListObjects(ctx, "off", core.ListOptions{Limit: 10})
		if err != nil || len(page.Items) != 1 || page.Items[0].Entry.ObjectID != other.ObjectID {
			t.Errorf("left: %+v, %v, want the other package alone", page.Items, err)
		}
	}
}
