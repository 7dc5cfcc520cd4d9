package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"trivium/core"
	"trivium/core/content"
	"trivium/core/coretest"
	"trivium/drivers"
	"trivium/drivers/memory"
)

// spaceKinds are a kind in memory that everybody may use, and one whose secret is looked at.
func spaceKinds(reg *memory.Registry) []drivers.Kind {
	mem := memory.Kind(reg)
	cloud := mem
	cloud.Name = "Cloud"
	cloud.Fields = []drivers.Field{
		{Name: "name", Required: true},
		{Name: "port", Type: drivers.Number, Default: "22"},
		{Name: "user", Credential: true},
		{Name: "password", Secret: true, Credential: true},
	}
	cloud.Features = []string{"S2STransfer", "MultipartUpload"}
	cloud.Validate = nil
	cloud.Open = func(ctx context.Context, name string, cfg drivers.Config) (drivers.Driver, error) {
		if cfg["password"] != "right" {
			return nil, drivers.Fail(name, "open", "", errors.Join(drivers.ErrDenied, errors.New("the password is refused")))
		}
		return mem.Open(ctx, name, drivers.Config{"name": cfg["name"]})
	}
	return []drivers.Kind{mem, cloud}
}

// withSpaces opens a Service with the kinds.
func withSpaces(t *testing.T) (*core.Service, *harness, *memory.Registry) {
	t.Helper()
	reg := new(memory.Registry)
	kinds := spaceKinds(reg)
	h := harness{kinds: kinds, change: func(c *core.Config) { c.UserKinds = kinds[1:] }}
	s, hp := open(t, h)
	return s, hp, reg
}

// up waits until a space is in use.
func up(t *testing.T, s *core.Service, id content.SpaceID) {
	t.Helper()
	for {
		sp, found := s.Maintenance().Spaces.Get(id)
		if found && sp.Driver != nil && sp.State == content.Active {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal("the space never came up")
		}
	}
}

func TestSpaceLife(t *testing.T) {
	s, h, _ := withSpaces(t)
	ctx := t.Context()
	se := s.Session(core.System("test"))
	row, err := se.CreateSpace(ctx, core.NewSpace{
		Name: "a cloud", Kind: "Cloud", Config: drivers.Config{"name": "c1", "user": "u", "password": "right"},
		WorkingDir: "trivium", MaxSize: 1 << 20, Features: []core.SpaceFeature{{Type: "S2STransfer"}},
	})
	ok(t, "create", err)
	if row.Revision != 1 || row.State != "active" || row.Weight != 1 || row.Config["port"] != "22" || row.Secrets != nil || row.Config["password"] != "" {
		t.Fatalf("created %+v", row)
	}
	up(t, s, row.ID)
	cfg, err := se.SpaceConfig(ctx, row.ID, false)
	ok(t, "config", err)
	if cfg["password"] != core.HiddenSecret || cfg["user"] != "u" {
		t.Fatalf("config %v", cfg)
	}
	cfg, err = se.SpaceConfig(ctx, row.ID, true)
	ok(t, "config", err)
	if cfg["password"] != "right" {
		t.Fatalf("shown config %v", cfg)
	}
	st, err := se.SpaceStatus(ctx, row.ID)
	ok(t, "status", err)
	if st.State != "ok" || st.Checked.IsZero() {
		t.Fatalf("status %+v", st)
	}
	// The secret that is not shown stands for the one that is kept.
	row, err = se.UpdateSpace(ctx, row.ID, core.SpaceChange{Config: drivers.Config{"user": "v", "password": core.HiddenSecret}})
	ok(t, "update", err)
	up(t, s, row.ID)
	cfg, err = se.SpaceConfig(ctx, row.ID, true)
	ok(t, "config", err)
	if cfg["password"] != "right" || cfg["user"] != "v" || row.Revision != 2 {
		t.Fatalf("updated to %v, %+v", cfg, row)
	}
	state := "readOnly"
	_, err = se.UpdateSpace(ctx, row.ID, core.SpaceChange{State: &state})
	ok(t, "update", err)
	if sp, _ := s.Maintenance().Spaces.Get(row.ID); sp.State != content.ReadOnly {
		t.Fatalf("state %v after readOnly", sp.State)
	}
	ok(t, "delete", se.DeleteSpace(ctx, row.ID, false))
	ok(t, "delete again", se.DeleteSpace(ctx, row.ID, false))
	if _, err := se.Space(ctx, row.ID); core.CodeOf(err) != core.NotFound {
		t.Fatalf("space after delete: %v", err)
	}
	h.view(t, func(ctx context.Context, tx core.MetaTx) error {
		rows, err := tx.Spaces(ctx)
		if len(rows) != 1 {
			t.Errorf("%d rows are left", len(rows))
		}
		return err
	})
}

func TestSpaceRefusals(t *testing.T) {
	s, _, _ := withSpaces(t)
	ctx := t.Context()
	admin := s.Session(core.System("test"))
	u, err := admin.CreateUser(ctx, "ann", "correct horse battery", false)
	ok(t, "user", err)
	ann, err := admin.For(ctx, u.ID)
	ok(t, "for", err)
	good := core.NewSpace{Name: "s", Kind: "Cloud", Config: drivers.Config{"name": "c", "password": "right"}}
	row, err := ann.CreateSpace(ctx, good)
	ok(t, "create", err)
	for what, c := range map[string]struct {
		change func(*core.NewSpace)
		code   core.Code
		says   string
	}{
		"name taken":      {func(*core.NewSpace) {}, core.Exists, "name"},
		"no name":         {func(n *core.NewSpace) { n.Name = "" }, core.BadArgument, "name"},
		"unknown kind":    {func(n *core.NewSpace) { n.Kind = "Foo" }, core.BadArgument, "Cloud, Memory"},
		"kind of admins":  {func(n *core.NewSpace) { n.Kind = "Memory"; n.Config = nil }, core.Forbidden, "administrators"},
		"missing field":   {func(n *core.NewSpace) { n.Config = drivers.Config{"password": "x"} }, core.BadArgument, "name"},
		"unknown field":   {func(n *core.NewSpace) { n.Config = drivers.Config{"name": "x", "foo": "x"} }, core.BadArgument, "foo"},
		"no number":       {func(n *core.NewSpace) { n.Config = drivers.Config{"name": "x", "port": "x"} }, core.BadArgument, "port"},
		"state":           {func(n *core.NewSpace) { n.State = "dead" }, core.BadArgument, "state"},
		"weight":          {func(n *core.NewSpace) { n.Weight = -1 }, core.BadArgument, "weight"},
		"size":            {func(n *core.NewSpace) { n.MaxSize = -1 }, core.BadArgument, "maxSize"},
		"working dir":     {func(n *core.NewSpace) { n.WorkingDir = "a/../b" }, core.BadArgument, "workingDir"},
		"unknown feature": {func(n *core.NewSpace) { n.Features = []core.SpaceFeature{{Type: "X"}} }, core.BadArgument, "X"},
		"feature twice": {func(n *core.NewSpace) {
			n.Features = []core.SpaceFeature{{Type: "S2STransfer"}, {Type: "S2STransfer"}}
		}, core.BadArgument, "twice"},
	} {
		n := good
		if c.change(&n); n.Name == "s" && what != "name taken" {
			n.Name = "other"
		}
		_, err := ann.CreateSpace(ctx, n)
		if core.CodeOf(err) != c.code || err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want code %d that says %q", what, err, c.code, c.says)
		}
	}
	// Others do not see it.
	v, err := admin.CreateUser(ctx, "bob", "correct horse battery", false)
	ok(t, "user", err)
	bob, err := admin.For(ctx, v.ID)
	ok(t, "for", err)
	if _, err := bob.Space(ctx, row.ID); core.CodeOf(err) != core.NotFound {
		t.Errorf("another user's space: %v", err)
	}
	ok(t, "delete of another user's", bob.DeleteSpace(ctx, row.ID, false))
	if _, err := ann.Space(ctx, row.ID); err != nil {
		t.Errorf("space after a stranger's delete: %v", err)
	}
	rows, err := bob.Spaces(ctx)
	if ok(t, "list", err); len(rows) != 0 {
		t.Errorf("bob sees %v", rows)
	}
}

func TestSpaceTest(t *testing.T) {
	s, _, reg := withSpaces(t)
	ctx := t.Context()
	se := s.Session(core.System("test"))
	cfg := drivers.Config{"name": "c", "password": "right"}
	ok(t, "test", se.TestSpace(ctx, core.SpaceTest{Kind: "Cloud", Config: cfg, WorkingDir: "w"}))
	for info, err := range reg.Open("c", 0, false).List(ctx, "", drivers.ListOptions{Recursive: true}) {
		t.Errorf("the test left %v, %v", info, err)
	}
	err := se.TestSpace(ctx, core.SpaceTest{Kind: "Cloud", Config: drivers.Config{"name": "c", "password": "wrong"}})
	if core.CodeOf(err) != core.Unavailable || !strings.Contains(err.Error(), "the password is refused") {
		t.Errorf("test with a wrong password: %v", err)
	}
	row, err := se.CreateSpace(ctx, core.NewSpace{Name: "s", Kind: "Cloud", Config: cfg})
	ok(t, "create", err)
	hidden := drivers.Config{"name": "c", "password": core.HiddenSecret, "port": "22"}
	ok(t, "test with the kept secret", se.TestSpace(ctx, core.SpaceTest{ID: row.ID, Kind: "Cloud", Config: hidden}))
	hidden["name"] = "elsewhere"
	if err := se.TestSpace(ctx, core.SpaceTest{ID: row.ID, Kind: "Cloud", Config: hidden}); core.CodeOf(err) != core.BadArgument {
		t.Errorf("a kept secret was sent elsewhere: %v", err)
	}
}

// TestTwoSpacesInOnePlace: the second one is never used, or a loss of one place would be a loss of two shards.
func TestTwoSpacesInOnePlace(t *testing.T) {
	s, _, _ := withSpaces(t)
	ctx := t.Context()
	se := s.Session(core.System("test"))
	cfg := drivers.Config{"name": "c", "password": "right"}
	first, err := se.CreateSpace(ctx, core.NewSpace{Name: "a", Kind: "Cloud", Config: cfg})
	ok(t, "create", err)
	up(t, s, first.ID)
	second, err := se.CreateSpace(ctx, core.NewSpace{Name: "b", Kind: "Cloud", Config: cfg})
	ok(t, "create", err)
	for st := (core.SpaceStatus{}); st.State != "error"; {
		if st, err = se.SpaceStatus(ctx, second.ID); err != nil || t.Context().Err() != nil || st.State == "ok" {
			t.Fatalf("status of the second: %+v, %v", st, err)
		}
		if st.State == "error" && !strings.Contains(st.Message, "another space of this store") {
			t.Fatalf("message %q", st.Message)
		}
	}
	ok(t, "ready", s.Ready(ctx))
}

// TestSpaceInThePlaceOfAnother: where a space was that is removed a new one may be.
func TestSpaceInThePlaceOfAnother(t *testing.T) {
	s, _, _ := withSpaces(t)
	ctx := t.Context()
	se := s.Session(core.System("test"))
	n := core.NewSpace{Name: "a", Kind: "Cloud", Config: drivers.Config{"name": "c", "password": "right"}}
	first, err := se.CreateSpace(ctx, n)
	ok(t, "create", err)
	up(t, s, first.ID)
	test := core.SpaceTest{Kind: "Cloud", Config: n.Config}
	wantCode(t, "test of the place of another", se.TestSpace(ctx, test), core.Unavailable)
	ok(t, "delete", se.DeleteSpace(ctx, first.ID, false))
	ok(t, "test", se.TestSpace(ctx, test))
	second, err := se.CreateSpace(ctx, n)
	ok(t, "create again", err)
	up(t, s, second.ID)
}

// TestManySpaces: nobody makes any number of them.
func TestManySpaces(t *testing.T) {
	s, h, _ := withSpaces(t)
	se := s.Session(core.System("test"))
	h.update(t, func(ctx context.Context, tx core.MetaTx) error {
		for i := range content.SpaceID(300) {
			if err := tx.PutSpace(ctx, core.Space{ID: 5000 + i, Name: fmt.Sprint("s", i), Kind: "none", State: "down"}); err != nil {
				return err
			}
		}
		return nil
	})
	_, err := se.CreateSpace(t.Context(), core.NewSpace{Name: "more", Kind: "Memory"})
	wantCode(t, "one more", err, core.Conflict)
}

// TestSpaceUsage counts what spaces hold, keeps limits, and refuses to remove what holds content.
func TestSpaceUsage(t *testing.T) {
	s, h, _ := withSpaces(t)
	ctx := t.Context()
	se := s.Session(core.System("test"))
	row, err := se.CreateSpace(ctx, core.NewSpace{
		Name: "s", Kind: "Cloud", Config: drivers.Config{"name": "c", "password": "right"}, MaxSize: 300 << 10,
	})
	ok(t, "create", err)
	up(t, s, row.ID)
	u, err := se.CreateUser(ctx, "ann", "correct horse battery", false)
	ok(t, "user", err)
	_, err = se.CreateBucket(ctx, "bkt", core.CreateBucketOptions{Owner: u.ID})
	ok(t, "bucket", err)
	ok(t, "policy", se.SetPolicy(ctx, "bkt", core.BucketPolicy{Spaces: []content.SpaceID{row.ID}}))
	data := coretest.Bytes(1, 200<<10)
	_, err = se.PutObject(ctx, "bkt", "k", strings.NewReader(string(data)), int64(len(data)), core.PutOptions{})
	ok(t, "put", err)
	usage := func() (u core.Usage) {
		h.view(t, func(ctx context.Context, tx core.MetaTx) (err error) {
			u, err = core.SpaceUsage(ctx, tx, row.ID)
			return err
		})
		return u
	}
	if u := usage(); u.Objects != 1 || u.Bytes <= 200<<10 || u.Bytes > 201<<10 {
		t.Fatalf("usage %+v", u)
	}
	_, err = se.PutObject(ctx, "bkt", "k2", strings.NewReader(string(coretest.Bytes(2, 200<<10))), 200<<10, core.PutOptions{})
	if core.CodeOf(err) != core.NoSpace {
		t.Fatalf("put beyond the limit: %v", err)
	}
	if err := se.DeleteSpace(ctx, row.ID, false); core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), "1 shards") {
		t.Fatalf("delete of a space in use: %v", err)
	}
	off := true
	if _, err := se.UpdateSpace(ctx, row.ID, core.SpaceChange{NoShards: &off}); core.CodeOf(err) != core.Conflict {
		t.Fatalf("no shards for a space in use: %v", err)
	}
}
