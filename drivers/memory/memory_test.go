package memory_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"trivium/drivers"
	"trivium/drivers/drivertest"
	"trivium/drivers/memory"
)

func TestDriver(t *testing.T) {
	drivertest.Run(t, func(*testing.T) drivers.Driver { return memory.New() }, drivertest.Options{})
}

func TestLimited(t *testing.T) {
	drivertest.Run(t, func(*testing.T) drivers.Driver { return memory.NewLimited(64 << 20) }, drivertest.Options{})
}

func put(t *testing.T, d drivers.Driver, name, content string) error {
	t.Helper()
	return d.Put(t.Context(), name, strings.NewReader(content), int64(len(content)), drivers.PutOptions{})
}

func TestCapacity(t *testing.T) {
	d := memory.NewLimited(10)
	if err := put(t, d, "a", "12345678"); err != nil {
		t.Fatalf("Put of 8 of 10 bytes = %v", err)
	}
	if err := put(t, d, "b", "123"); !errors.Is(err, drivers.ErrNoSpace) {
		t.Errorf("Put of 3 of the last 2 bytes = %v, want ErrNoSpace", err)
	}
	if err := put(t, d, "a", "1234567890"); err != nil {
		t.Errorf("Put of 10 bytes in place of 8 = %v", err)
	}
	if err := d.Copy(t.Context(), "a", "c"); !errors.Is(err, drivers.ErrNoSpace) {
		t.Errorf("Copy without room = %v, want ErrNoSpace", err)
	}
	if used, free, err := d.Usage(t.Context()); used != 10 || free != 0 || err != nil {
		t.Errorf("Usage() = %d, %d, %v, want 10, 0", used, free, err)
	}
	if err := d.Delete(t.Context(), "a"); err != nil {
		t.Fatalf("Delete = %v", err)
	}
	if err := put(t, d, "b", "1234567890"); err != nil {
		t.Errorf("Put after Delete made room = %v", err)
	}
	// An announced size is refused before its body is read.
	body := iotestFail{t}
	if err := d.Put(t.Context(), "huge", body, 1<<40, drivers.PutOptions{}); !errors.Is(err, drivers.ErrNoSpace) {
		t.Errorf("Put of 1 TiB = %v, want ErrNoSpace", err)
	}
}

type iotestFail struct{ t *testing.T }

func (f iotestFail) Read([]byte) (int, error) {
	f.t.Error("the body was read")
	return 0, io.EOF
}

func TestRegistryKeepsContent(t *testing.T) {
	reg := &memory.Registry{}
	kind := memory.Kind(reg)
	open := func(space string, cfg drivers.Config) drivers.Driver {
		t.Helper()
		if err := kind.Validate(cfg); err != nil {
			t.Fatalf("Validate(%v) = %v", cfg, err)
		}
		d, err := kind.Open(t.Context(), space, cfg)
		if err != nil {
			t.Fatalf("Open(%q, %v) = %v", space, cfg, err)
		}
		return d
	}
	first := open("one", nil)
	if err := put(t, first, "x", "kept"); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	for space, cfg := range map[string]drivers.Config{"one": nil, "two": {"name": "one"}} {
		if info, err := open(space, cfg).Stat(t.Context(), "x"); err != nil || info.Size != 4 {
			t.Errorf("Stat after reopening as %s = %+v, %v, want 4 bytes", space, info, err)
		}
	}
	if _, err := open("two", nil).Stat(t.Context(), "x"); !errors.Is(err, drivers.ErrNotExist) {
		t.Errorf("Stat in another store = %v, want ErrNotExist", err)
	}
	var e *drivers.Error
	if _, err := open("two", nil).Stat(t.Context(), "x"); !errors.As(err, &e) || e.Space != "two" {
		t.Errorf("Stat = %v, want the space's name told", err)
	}
}

func TestKindValidate(t *testing.T) {
	kind := memory.Kind(&memory.Registry{})
	for _, tt := range []struct {
		cfg   drivers.Config
		field string
	}{
		{drivers.Config{}, ""},
		{drivers.Config{"capacity": "100", "discard": "true"}, ""},
		{drivers.Config{"capacity": "-1"}, "capacity"},
		{drivers.Config{"capacity": "1 GB"}, "capacity"},
		{drivers.Config{"discard": "perhaps"}, "discard"},
	} {
		err := kind.Validate(tt.cfg)
		if tt.field == "" && err != nil || tt.field != "" && (err == nil || !strings.Contains(err.Error(), tt.field)) {
			t.Errorf("Validate(%v) = %v, want an error about %q", tt.cfg, err, tt.field)
		}
		if _, openErr := kind.Open(t.Context(), "s", tt.cfg); (openErr == nil) != (err == nil) {
			t.Errorf("Open(%v) = %v, but Validate = %v", tt.cfg, openErr, err)
		}
	}
	if !kind.Trusted || kind.Name != "Memory" {
		t.Errorf("Kind = %+v, want the trusted Memory", kind)
	}
}

func TestDiscard(t *testing.T) {
	d := memory.NewDiscard()
	for i := range 64 {
		name := fmt.Sprintf("d/%02d", i)
		body := io.LimitReader(zeros{}, 4<<20)
		if err := d.Put(t.Context(), name, body, 4<<20, drivers.PutOptions{}); err != nil {
			t.Fatalf("Put = %v", err)
		}
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 64<<20 {
		t.Errorf("after 256 MiB were discarded the heap holds %d MiB, want little", m.HeapAlloc>>20)
	}
	if info, err := d.Stat(t.Context(), "d/07"); err != nil || info.Size != 4<<20 || info.ModTime.IsZero() {
		t.Errorf("Stat = %+v, %v, want 4 MiB", info, err)
	}
	if _, err := d.Open(t.Context(), "d/07", 0, -1); !errors.Is(err, drivers.ErrNotExist) {
		t.Errorf("Open = %v, want ErrNotExist", err)
	}
	err := d.Put(t.Context(), "short", bytes.NewReader(nil), 1, drivers.PutOptions{})
	if !errors.Is(err, drivers.ErrBody) {
		t.Errorf("Put of a short body = %v, want ErrBody", err)
	}
	n := 0
	for info, err := range d.List(t.Context(), "d", drivers.ListOptions{}) {
		if n++; err != nil || info.Size != 4<<20 {
			t.Errorf("List gives %+v, %v", info, err)
		}
	}
	if n != 64 {
		t.Errorf("List gives %d names, want 64", n)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
