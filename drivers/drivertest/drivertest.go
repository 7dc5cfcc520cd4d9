// Package drivertest is the conformance suite of package drivers: what every driver and every decorator passes.
package drivertest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"trivium/drivers"
)

// Options tell the suite what it cannot find out through the contract. The zero value is the common case.
type Options struct {
	// Big is the size of the large contents; 0 is 10 MiB.
	Big int64
	// Reserved are well-formed names that the driver keeps to itself: every call on them must be ErrName and
	// List must not show them.
	Reserved []string
	// Refuses tells of a well-formed name that the store behind the driver cannot keep: it must be ErrName.
	// nil means that every name can be kept.
	Refuses func(name string) bool
	// Symlink makes a symbolic link to target at name, behind the driver's back; nil where there are none.
	Symlink func(t *testing.T, d drivers.Driver, name, target string)
	// Outside fails t when something was made outside of the store; nil where nobody can look.
	Outside func(t *testing.T, d drivers.Driver)
}

// Run runs the suite, each check on a driver of its own: fresh returns an empty one, which the suite closes; what
// lies below it fresh releases with t.Cleanup. Since it looks for leaked goroutines at the end
// it must not run beside parallel tests.
func Run(t *testing.T, fresh func(t *testing.T) drivers.Driver, opts Options) {
	t.Helper()
	if opts.Big == 0 {
		opts.Big = 10 << 20
	}
	before := goleak.IgnoreCurrent()
	s := &suite{fresh: fresh, opts: opts}
	for _, topic := range []struct {
		name   string
		checks []check
	}{
		{"blobs", blobChecks()},
		{"names", nameChecks()},
		{"conditions", conditionChecks()},
		{"lists", listChecks()},
		{"trees", treeChecks()},
		{"optional", optionalChecks()},
		{"contexts", contextChecks()},
		{"concurrency", concurrencyChecks()},
	} {
		t.Run(topic.name, func(t *testing.T) {
			for _, c := range topic.checks {
				t.Run(c.name, func(t *testing.T) { c.run(&bench{T: t, suite: s, d: s.open(t)}) })
			}
		})
	}
	t.Run("leaks", func(t *testing.T) {
		if err := goleak.Find(before); err != nil {
			t.Errorf("goroutines left behind: %v", err)
		}
	})
}

type suite struct {
	fresh func(t *testing.T) drivers.Driver
	opts  Options
}

type check struct {
	name string
	run  func(b *bench)
}

func (s *suite) open(t *testing.T) drivers.Driver {
	t.Helper()
	d := s.fresh(t)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return d
}

// bench is one check at work: its test, its driver, and short ways to use it.
type bench struct {
	*testing.T
	*suite
	d drivers.Driver
}

func (b *bench) put(name string, content []byte) {
	b.Helper()
	if err := b.tryPut(name, content, drivers.PutOptions{}); err != nil {
		b.Fatalf("Put(%q, %d bytes) = %v", name, len(content), err)
	}
}

func (b *bench) tryPut(name string, content []byte, opts drivers.PutOptions) error {
	return b.d.Put(b.Context(), name, bytes.NewReader(content), int64(len(content)), opts)
}

func (b *bench) read(name string, offset, length int64) ([]byte, error) {
	rc, err := b.d.Open(b.Context(), name, offset, length)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(struct{ io.Reader }{rc})
	return got, errors.Join(err, rc.Close())
}

func (b *bench) wantContent(name string, want []byte) {
	b.Helper()
	got, err := b.read(name, 0, -1)
	if err != nil {
		b.Errorf("reading %q = %v", name, err)
		return
	}
	if !bytes.Equal(got, want) {
		b.Errorf("content of %q: %s, want %s", name, brief(got), brief(want))
	}
	info, err := b.d.Stat(b.Context(), name)
	if err != nil || info.Name != name || info.Size != int64(len(want)) || info.IsDir {
		b.Errorf("Stat(%q) = %+v, %v, want a file of %d bytes", name, info, err, len(want))
	}
}

func (b *bench) wantMissing(name string) {
	b.Helper()
	_, err := b.d.Open(b.Context(), name, 0, -1)
	b.wantErr("Open of the missing "+name, err, drivers.ErrNotExist)
	_, err = b.d.Stat(b.Context(), name)
	b.wantErr("Stat of the missing "+name, err, drivers.ErrNotExist)
}

// wantErr checks that err is an *Error that wraps want and no other sentinel.
func (b *bench) wantErr(what string, err, want error) {
	b.Helper()
	if !errors.Is(err, want) {
		b.Errorf("%s = %v, want %v", what, err, want)
		return
	}
	if e, ok := errors.AsType[*drivers.Error](err); !ok {
		b.Errorf("%s = %v (%T), want a *drivers.Error", what, err, err)
	} else if e.Op == "" || e.Space == "" {
		b.Errorf("%s = %+v, want Op and Space told", what, e)
	}
	for _, s := range drivers.Sentinels() {
		if !errors.Is(want, s) && errors.Is(err, s) {
			b.Errorf("%s = %v wraps %q as well as %q", what, err, s, want)
		}
	}
}

func (b *bench) list(prefix string, opts drivers.ListOptions) []string {
	b.Helper()
	var keys []string
	for info, err := range b.d.List(b.Context(), prefix, opts) {
		if err != nil {
			b.Errorf("List(%q, %+v) = %v", prefix, opts, err)
			break
		}
		keys = append(keys, info.Key())
	}
	return keys
}

// wantKeys lists once, or where lists are stale until they are right or 5 s are over.
func (b *bench) wantKeys(prefix string, opts drivers.ListOptions, want []string) {
	b.Helper()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		got := b.list(prefix, opts)
		if slices.Equal(got, want) {
			return
		}
		if !b.d.Traits().StaleLists || time.Now().After(end) {
			b.Errorf("List(%q, %+v) (-want +got):\n%s", prefix, opts, cmp.Diff(want, got))
			return
		}
	}
}

// wantStore checks that the store holds exactly files, whatever directories there are.
func (b *bench) wantStore(files ...string) {
	b.Helper()
	var got []string
	for info, err := range b.d.List(b.Context(), "", drivers.ListOptions{Recursive: true}) {
		if err != nil {
			b.Errorf("List(everything) = %v", err)
			return
		}
		if !info.IsDir {
			got = append(got, info.Name)
		}
	}
	if slices.Sort(files); !b.d.Traits().StaleLists && !slices.Equal(got, files) {
		b.Errorf("the store holds %q, want %q", got, files)
	}
}

// content returns size bytes that differ from seed to seed and have no period.
func content(seed uint64, size int64) []byte {
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	p := make([]byte, size)
	_, _ = rand.NewChaCha8(key).Read(p)
	return p
}

func brief(p []byte) string {
	return fmt.Sprintf("%d bytes %.24q", len(p), p)
}
