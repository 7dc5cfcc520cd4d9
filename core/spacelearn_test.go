package core_test

import (
	"context"
	"sync/atomic"
	"testing"

	"trivium/core"
	"trivium/core/content"
	"trivium/drivers"
	"trivium/drivers/memory"
)

// learningKind is a kind of space whose key is learned when none is configured, as that of an SFTP server is.
func learningKind(reg *memory.Registry, shown *atomic.Value) drivers.Kind {
	mem := memory.Kind(reg)
	learns := mem
	learns.Name = "Learns"
	learns.Fields = []drivers.Field{{Name: "name", Required: true}, {Name: "hostKey", Learned: true}, {Name: "user", Credential: true}}
	learns.Validate = nil
	learns.Open = func(ctx context.Context, name string, cfg drivers.Config) (drivers.Driver, error) {
		key, _ := shown.Load().(string)
		switch cfg["hostKey"] {
		case key:
		case "":
			if err := drivers.Learned(ctx, "hostKey", key); err != nil {
				return nil, err
			}
		default:
			return nil, drivers.Fail(name, "open", "", drivers.ErrDenied)
		}
		return mem.Open(ctx, name, drivers.Config{"name": cfg["name"]})
	}
	return learns
}

func TestWhatIsLearnedOfASpaceIsRequired(t *testing.T) {
	reg, shown := new(memory.Registry), new(atomic.Value)
	shown.Store("first")
	learns := learningKind(reg, shown)
	s, _ := open(t, harness{kinds: []drivers.Kind{memory.Kind(reg), learns}})
	ctx, se := t.Context(), s.Session(core.System("test"))
	made := core.NewSpace{Name: "cloud", Kind: "Learns", Config: drivers.Config{"name": "c1", "user": "u"}, WorkingDir: "w"}
	ok(t, "test", se.TestSpace(ctx, core.SpaceTest{Kind: "Learns", Config: made.Config, WorkingDir: "w"}))
	row, err := se.CreateSpace(ctx, made)
	ok(t, "create", err)
	up(t, s, row.ID)
	learned := func(want string) {
		t.Helper()
		cfg, err := se.SpaceConfig(ctx, row.ID, false)
		ok(t, "config", err)
		if cfg["hostKey"] != want {
			t.Fatalf("the hostKey that is kept is %q, want %q", cfg["hostKey"], want)
		}
	}
	learned("first")
	// A change that began before it was learned leaves it alone.
	_, err = se.UpdateSpace(ctx, row.ID, core.SpaceChange{Config: drivers.Config{"user": "v"}})
	ok(t, "update", err)
	up(t, s, row.ID)
	learned("first")
	// Only a space that is opened anew shows whether it is required.
	shown.Store("second")
	_, err = se.UpdateSpace(ctx, row.ID, core.SpaceChange{Config: drivers.Config{"user": "w"}})
	ok(t, "update", err)
	failed(t, s, row.ID)
	learned("first")
	for _, bad := range []drivers.Config{{"hostKey": ""}, {"hostKey": " "}, {"name": "c2"}, {"user": "x"}, {"hostKey": "second", "other": "x"}} {
		if _, err := se.UpdateSpace(ctx, row.ID, core.SpaceChange{Learned: bad}); core.CodeOf(err) != core.BadArgument {
			t.Errorf("change of %v = %v, want BadArgument", bad, err)
		}
	}
	learned("first")
	// It is not where the storage is, so it may change, and the credentials stay.
	_, err = se.UpdateSpace(ctx, row.ID, core.SpaceChange{Learned: drivers.Config{"hostKey": "second"}})
	ok(t, "update", err)
	up(t, s, row.ID)
	learned("second")
	cfg, err := se.SpaceConfig(ctx, row.ID, false)
	ok(t, "config", err)
	if cfg["user"] != "w" || cfg["name"] != "c1" {
		t.Errorf("the settings are %v", cfg)
	}
}

// failed waits until a space is down.
func failed(t *testing.T, s *core.Service, id content.SpaceID) {
	t.Helper()
	for {
		if sp, _ := s.Maintenance().Spaces.Get(id); sp.State == content.Down {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal("the space never went down")
		}
	}
}

// TestDomainsOfServers: all that lies on one server, of one account, fails together, whatever the path.
func TestDomainsOfServers(t *testing.T) {
	for _, tt := range []struct {
		kind string
		cfg  drivers.Config
		want string
	}{
		{"SFTP", drivers.Config{"host": "Nas", "port": "22", "path": "/a", "user": "u"}, "sftp nas 22 u"},
		{"SFTP", drivers.Config{"host": "nas", "port": "22", "path": "/b", "user": "u"}, "sftp nas 22 u"},
		{"WebDAV", drivers.Config{"url": "https://Nas:8443/dav/a", "user": "u"}, "webdav nas:8443 u"},
		{"WebDAV", drivers.Config{"url": "https://nas:8443/dav/b/", "user": "u"}, "webdav nas:8443 u"},
		{"Local", drivers.Config{"path": "/Disk"}, "local /Disk"},
		{"S3", drivers.Config{"endpoint": "https://cloud", "region": "r", "bucket": "b", "accessKeyId": "AK"}, "s3 https://cloud r AK"},
		{"Memory", drivers.Config{}, "memory x"},
	} {
		if got := core.DefaultDomain(core.SpaceSeed{Name: "x", Kind: tt.kind, Config: tt.cfg}); got != tt.want {
			t.Errorf("%s %v: domain %q, want %q", tt.kind, tt.cfg, got, tt.want)
		}
	}
}
