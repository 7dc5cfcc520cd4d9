package core_test

import (
	"context"
	"errors"
	"testing"

	"trivium/core"
	"trivium/core/content"
	"trivium/drivers"
)

// TestLostCommits lets a store without its last commits claim spaces that an unknown process used last, over starts
// that fail and spaces that are down, until all are claimed; from then on an unknown process is one too many.
func TestLostCommits(t *testing.T) {
	kind, down := memoryKind(), false
	open := kind.Open
	kind.Open = func(ctx context.Context, name string, cfg drivers.Config) (drivers.Driver, error) {
		if down && name == "two" {
			return nil, errors.New("the disk is not there")
		}
		return open(ctx, name, cfg)
	}
	h := &harness{kinds: []drivers.Kind{kind}, keys: core.GenerateMasterKeys()}
	seeds := func(cfg *core.Config) {
		cfg.Spaces = []core.SpaceSeed{
			{Name: "one", Kind: "Memory", Config: drivers.Config{"name": "one"}},
			{Name: "two", Kind: "Memory", Config: drivers.Config{"name": "two"}},
		}
	}
	h.change = seeds
	start := func() *core.Service {
		t.Helper()
		s, err := h.start(t)
		ok(t, "start", err)
		return s
	}
	noted := func() (found bool) {
		h.view(t, func(ctx context.Context, tx core.MetaTx) (err error) {
			_, found, err = tx.Setting(ctx, core.SettingLostCommits)
			return err
		})
		return found
	}
	s := start()
	m := s.Maintenance()
	for _, sp := range m.Spaces.All() {
		_, err := content.ClaimSpace(t.Context(), sp, content.Claim{StoreID: m.StoreID, Epoch: m.Epoch, Writer: 4711})
		ok(t, "claim by the process whose lease is lost", err)
	}
	ok(t, "close", s.Close(t.Context()))
	h.update(t, func(ctx context.Context, tx core.MetaTx) error {
		return tx.PutSetting(ctx, core.SettingLostCommits, []byte{1})
	})
	h.change = func(cfg *core.Config) { seeds(cfg); cfg.Keys = core.GenerateMasterKeys() }
	if _, err := h.start(t); err == nil {
		t.Error("a start with the wrong master key = nil error")
	}
	h.change, down = seeds, true
	s = start()
	if !noted() {
		t.Error("with a space that is down it is forgotten that commits were lost")
	}
	ok(t, "close", s.Close(t.Context()))
	down = false
	s = start()
	ok(t, "ready", s.Ready(t.Context()))
	if noted() {
		t.Error("with every space claimed it is not forgotten that commits were lost")
	}
	m = s.Maintenance()
	ok(t, "the markers", m.CheckMarkers(t.Context()))
	_, err := content.ClaimSpace(t.Context(), m.Spaces.All()[0], content.Claim{StoreID: m.StoreID, Epoch: m.Epoch, Writer: 4712})
	ok(t, "claim by another process", err)
	wantCode(t, "CheckMarkers", m.CheckMarkers(t.Context()), core.ReadOnly)
}
