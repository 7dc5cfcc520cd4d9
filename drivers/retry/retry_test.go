package retry_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trivium/drivers"
	"trivium/drivers/drivertest"
	"trivium/drivers/faulty"
	"trivium/drivers/memory"
	"trivium/drivers/meter"
	"trivium/drivers/retry"
)

func TestDriver(t *testing.T) {
	drivertest.Run(t, func(*testing.T) drivers.Driver {
		return retry.New(memory.New(), retry.Options{})
	}, drivertest.Options{})
}

// TestDriverOverFailures passes the suite although a third of the calls that can be repeated whatever their body is
// fail for a moment.
func TestDriverOverFailures(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) drivers.Driver {
		var rules []faulty.Rule
		for _, op := range []faulty.Op{faulty.Open, faulty.Stat, faulty.List, faulty.Copy} {
			rules = append(rules, faulty.Rule{Op: op, Chance: 0.3, Fault: faulty.Fail(drivers.ErrTransient)})
		}
		f := faulty.New(memory.New(), 7, rules...)
		t.Cleanup(func() {
			if strings.Contains(t.Name(), "sizes") && f.Count(faulty.KindFail) == 0 {
				t.Error("nothing failed")
			}
		})
		return retry.New(f, retry.Options{MaxTries: 30, Initial: time.Microsecond, MaxWait: time.Microsecond})
	}, drivertest.Options{Big: 1 << 20})
}

// stack is retry over a meter that counts the tries, over faults, over memory.
func stack(opts retry.Options, rules ...faulty.Rule) (*retry.Driver, *meter.Driver, *memory.Driver) {
	mem := memory.New()
	m := meter.New(faulty.New(mem, 1, rules...))
	return retry.New(m, opts), m, mem
}

func TestCounts(t *testing.T) {
	always := func(err error) faulty.Rule { return faulty.Rule{Fault: faulty.Fail(err)} }
	for _, tt := range []struct {
		name  string
		rule  faulty.Rule
		opts  retry.Options
		tries int64
		want  error
	}{
		{"nothing fails", faulty.Rule{Op: faulty.List, Fault: faulty.Fail(drivers.ErrBroken)}, retry.Options{}, 1, nil},
		{"once", faulty.Rule{Nth: 1, Fault: faulty.Fail(drivers.ErrTransient)}, retry.Options{}, 2, nil},
		{"always", always(drivers.ErrTransient), retry.Options{}, 4, drivers.ErrTransient},
		{"two tries", always(drivers.ErrTransient), retry.Options{MaxTries: 2}, 2, drivers.ErrTransient},
		{"one try", always(drivers.ErrTransient), retry.Options{MaxTries: 1}, 1, drivers.ErrTransient},
		{"no time", always(drivers.ErrTransient), retry.Options{MaxElapsed: time.Millisecond}, 1, drivers.ErrTransient},
		{"broken", always(drivers.ErrBroken), retry.Options{}, 1, drivers.ErrBroken},
		{"denied", always(drivers.ErrDenied), retry.Options{}, 1, drivers.ErrDenied},
		{"no space", always(drivers.ErrNoSpace), retry.Options{}, 1, drivers.ErrNoSpace},
		{"missing", always(drivers.ErrNotExist), retry.Options{}, 1, drivers.ErrNotExist},
		{"ctx", always(context.DeadlineExceeded), retry.Options{}, 1, context.DeadlineExceeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := map[meter.Op]func(d *retry.Driver) error{
					meter.Put: func(d *retry.Driver) error {
						return d.Put(t.Context(), "x", strings.NewReader("content"), 7, drivers.PutOptions{})
					},
					meter.Open: func(d *retry.Driver) error {
						rc, err := d.Open(t.Context(), "there", 0, -1)
						if err == nil {
							err = rc.Close()
						}
						return err
					},
					meter.Stat:   func(d *retry.Driver) error { _, err := d.Stat(t.Context(), "there"); return err },
					meter.Delete: func(d *retry.Driver) error { return d.Delete(t.Context(), "x") },
					meter.Copy: func(d *retry.Driver) error {
						c, _ := drivers.As[drivers.Copier](d)
						return c.Copy(t.Context(), "there", "y")
					},
				}
				for op, call := range calls {
					d, m, mem := stack(tt.opts, tt.rule)
					put(t, mem, "there", "there")
					err := call(d)
					if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
						t.Errorf("%v = %v, want %v", op, err, tt.want)
					}
					if got := m.Snapshot()[op].Calls; got != tt.tries {
						t.Errorf("%v was tried %d times, want %d", op, got, tt.tries)
					}
				}
			})
		})
	}
}

func put(t *testing.T, d drivers.Driver, name, content string) {
	t.Helper()
	if err := d.Put(t.Context(), name, strings.NewReader(content), int64(len(content)), drivers.PutOptions{}); err != nil {
		t.Fatalf("Put(%q) = %v", name, err)
	}
}

func TestBodies(t *testing.T) {
	lost := faulty.Rule{Op: faulty.Put, Nth: 1, Fault: faulty.LostAnswer(drivers.ErrTransient)}
	synctest.Test(t, func(t *testing.T) {
		d, m, mem := stack(retry.Options{}, lost)
		body := strings.NewReader("skipped content")
		_, _ = body.Seek(8, io.SeekStart)
		if err := d.Put(t.Context(), "x", body, 7, drivers.PutOptions{}); err != nil {
			t.Errorf("Put of a seeker = %v", err)
		}
		rc, err := mem.Open(t.Context(), "x", 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(rc); string(got) != "content" || m.Snapshot()[meter.Put].Calls != 2 {
			t.Errorf("after a retry the content is %q, %+v", got, m.Snapshot()[meter.Put])
		}
	})
	synctest.Test(t, func(t *testing.T) {
		d, m, _ := stack(retry.Options{}, lost)
		err := d.Put(t.Context(), "x", io.LimitReader(strings.NewReader("content"), 7), 7, drivers.PutOptions{})
		if !errors.Is(err, drivers.ErrTransient) || m.Snapshot()[meter.Put].Calls != 1 {
			t.Errorf("Put of a plain reader = %v after %d tries, want ErrTransient after 1", err, m.Snapshot()[meter.Put].Calls)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		d, m, _ := stack(retry.Options{})
		broken := &brokenSeeker{err: drivers.Fail("source", "read", "y", drivers.ErrTransient)}
		err := d.Put(t.Context(), "x", broken, 7, drivers.PutOptions{})
		if !errors.Is(err, drivers.ErrBody) || m.Snapshot()[meter.Put].Calls != 1 {
			t.Errorf("Put of a body that fails = %v after %d tries, want ErrBody after 1", err, m.Snapshot()[meter.Put].Calls)
		}
	})
}

type brokenSeeker struct{ err error }

func (b *brokenSeeker) Read([]byte) (int, error)       { return 0, b.err }
func (b *brokenSeeker) Seek(int64, int) (int64, error) { return 0, nil }

func TestCtxEndsAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _, _ := stack(retry.Options{Initial: time.Hour, MaxWait: time.Hour, MaxElapsed: 24 * time.Hour},
			faulty.Rule{Fault: faulty.Fail(drivers.ErrTransient)})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := d.Stat(ctx, "x")
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("Stat = %v after %v, want DeadlineExceeded after 1s", err, time.Since(start))
		}
		var e *drivers.Error
		if !errors.As(err, &e) || errors.Is(err, drivers.ErrTransient) {
			t.Errorf("Stat = %v, want an *Error with ctx's error alone", err)
		}
	})
}

// TestListGoesOn: a listing that breaks is continued behind what it has shown.
func TestListGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, m, mem := stack(retry.Options{},
			faulty.Rule{Op: faulty.List, Nth: 1, Fault: faulty.Fail(drivers.ErrTransient)},
			faulty.Rule{Op: faulty.List, Nth: 2, Fault: faulty.LostAnswer(drivers.ErrTransient)},
			faulty.Rule{Op: faulty.List, Nth: 3, Fault: faulty.LostAnswer(drivers.ErrTransient)})
		for name := range strings.SplitSeq("abcdefgh", "") {
			put(t, mem, name, name)
		}
		got := ""
		for info, err := range d.List(t.Context(), "", drivers.ListOptions{}) {
			if err != nil {
				t.Errorf("List = %v", err)
			}
			got += info.Name
		}
		if got != "abcdefgh" || m.Snapshot()[meter.List].Calls != 4 {
			t.Errorf("List gave %q in %d calls, want abcdefgh in 4", got, m.Snapshot()[meter.List].Calls)
		}
		d, _, mem = stack(retry.Options{}, faulty.Rule{Op: faulty.List, Fault: faulty.LostAnswer(drivers.ErrBroken)})
		put(t, mem, "a", "a")
		n := 0
		for _, err := range d.List(t.Context(), "", drivers.ListOptions{}) {
			if n++; !errors.Is(err, drivers.ErrBroken) {
				t.Errorf("List = %v, want ErrBroken", err)
			}
		}
		if n != 1 {
			t.Errorf("a broken List yielded %d times, want one error", n)
		}
	})
}
