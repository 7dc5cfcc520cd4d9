package core_test

import (
	"context"
	"path/filepath"
	"testing"

	"trivium/core"
	"trivium/core/meta/sqlite"
	"trivium/drivers"
	"trivium/drivers/memory"
)

// harness starts Services on one store, for tests of starting and stopping. coretest is for all others.
type harness struct {
	dir   string
	keys  *core.MasterKeys
	kinds []drivers.Kind
	// change alters the configuration of the next start.
	change func(*core.Config)
	meta   *sqlite.Store
}

// memoryKind keeps the content of spaces for as long as the harness.
func memoryKind() drivers.Kind { return memory.Kind(new(memory.Registry)) }

// open starts a Service that ends with the test.
func open(t *testing.T, h harness) (*core.Service, *harness) {
	t.Helper()
	s, err := h.start(t)
	ok(t, "open service", err)
	return s, &h
}

// start opens store and Service; both end with the test at the latest.
func (h *harness) start(t *testing.T) (*core.Service, error) {
	t.Helper()
	if h.dir == "" {
		h.dir = t.TempDir()
	}
	if h.keys == nil {
		h.keys = core.GenerateMasterKeys()
	}
	if h.kinds == nil {
		h.kinds = []drivers.Kind{memoryKind()}
	}
	if h.meta == nil {
		meta, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(h.dir, "trivium.db")})
		ok(t, "open store", err)
		t.Cleanup(func() { ok(t, "close store", meta.Close()) })
		h.meta = meta
	}
	cfg := core.Config{
		Meta: h.meta, Keys: h.keys, Kinds: h.kinds, Volatile: true, CheapPasswords: true, Holder: "test",
		Spaces: []core.SpaceSeed{{Name: "one", Kind: "Memory", Config: drivers.Config{"name": "one"}}},
	}
	if h.change != nil {
		h.change(&cfg)
	}
	s, err := core.Open(t.Context(), cfg)
	if err == nil {
		t.Cleanup(func() { ok(t, "close service", s.Close(context.Background())) })
	}
	return s, err
}

// view runs fn in a transaction.
func (h *harness) view(t *testing.T, fn func(ctx context.Context, tx core.MetaTx) error) {
	t.Helper()
	ok(t, "view", h.meta.View(t.Context(), fn))
}

// update runs fn in a writing transaction.
func (h *harness) update(t *testing.T, fn func(ctx context.Context, tx core.MetaTx) error) {
	t.Helper()
	ok(t, "update", h.meta.Update(t.Context(), fn))
}

// setting reads a setting that must be there.
func (h *harness) setting(t *testing.T, name string) (value []byte) {
	t.Helper()
	h.view(t, func(ctx context.Context, tx core.MetaTx) error {
		var found bool
		var err error
		if value, found, err = tx.Setting(ctx, name); err == nil && !found {
			t.Errorf("there is no setting %s", name)
		}
		return err
	})
	return value
}

// leases returns the rows by incarnation.
func (h *harness) leases(t *testing.T) (rows []core.Lease) {
	t.Helper()
	h.view(t, func(ctx context.Context, tx core.MetaTx) error {
		var err error
		rows, err = tx.Leases(ctx)
		return err
	})
	return rows
}
