package drivers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"trivium/drivers"
)

func TestCheckName(t *testing.T) {
	for name, valid := range map[string]bool{
		"a": true, "a/b": true, "...": true, ".a/b.": true, "日本/ü": true, "a b": true, "\x01": true, "a\\..": true,
		"": false, "/": false, "/a": false, "a/": false, "a//b": false, ".": false, "..": false, "a/./b": false, "../a": false,
		"a/..": false, "a\x00": false, "\xff": false,
	} {
		if err := drivers.CheckName(name); (err == nil) != valid || err != nil && !errors.Is(err, drivers.ErrName) {
			t.Errorf("CheckName(%q) = %v, want valid: %v", name, err, valid)
		}
	}
}

func TestFail(t *testing.T) {
	if err := drivers.Fail("s", "put", "n", nil); err != nil {
		t.Errorf("Fail(nil) = %v", err)
	}
	other := errors.New("other")
	foreign := &drivers.Error{Space: "source", Op: "read", Name: "m", Err: drivers.ErrTransient}
	for _, tt := range []struct{ err, want error }{
		{drivers.ErrExist, drivers.ErrExist},
		{fmt.Errorf("wrapped: %w", drivers.ErrNoSpace), drivers.ErrNoSpace},
		{other, drivers.ErrBroken},
		{context.Canceled, context.Canceled},
		{fmt.Errorf("%w: %w", drivers.ErrBroken, context.DeadlineExceeded), context.DeadlineExceeded},
		{fmt.Errorf("%w: %w", drivers.ErrBody, foreign), drivers.ErrBody},
	} {
		err := drivers.Fail("s", "put", "n", tt.err)
		var e *drivers.Error
		if got := drivers.Sentinel(err); !errors.Is(got, tt.want) || !errors.Is(err, tt.err) {
			t.Errorf("Fail(%v) = %v with the sentinel %v, want %v", tt.err, err, got, tt.want)
		}
		if !errors.As(err, &e) || e.Space != "s" || e.Op != "put" || e.Name != "n" {
			t.Errorf("Fail(%v) = %#v, want it labelled", tt.err, err)
		}
		if again := drivers.Fail("t", "get", "o", err); !errors.Is(again, err) || again.Error() != err.Error() {
			t.Errorf("Fail of an *Error = %v, want it unchanged", again)
		}
	}
	if got := drivers.Sentinel(other); got != nil {
		t.Errorf("Sentinel(%v) = %v, want nil", other, got)
	}
}

func TestInfoKey(t *testing.T) {
	if got := (drivers.Info{Name: "a/b"}).Key() + " " + (drivers.Info{Name: "a/b", IsDir: true}).Key(); got != "a/b a/b/" {
		t.Errorf("the keys of a file and a directory are %q", got)
	}
}

func TestKindSecrets(t *testing.T) {
	k := drivers.Kind{Fields: []drivers.Field{{Name: "a"}, {Name: "b", Secret: true}, {Name: "c", Secret: true}}}
	if got := fmt.Sprint(k.Secrets()); got != "[b c]" {
		t.Errorf("Secrets() = %s, want [b c]", got)
	}
}

// TestBodyWithholds: nobody gets all the bytes of a body that is too long.
func TestBodyWithholds(t *testing.T) {
	for _, size := range []int64{0, 1, 10, 5000} {
		for extra := range int64(3) {
			src := strings.NewReader(strings.Repeat("x", int(size+extra)))
			got, err := io.ReadAll(drivers.NewBody(t.Context(), src, size))
			switch {
			case extra == 0 && (err != nil || int64(len(got)) != size):
				t.Errorf("a right body of %d: %d bytes, %v", size, len(got), err)
			case extra > 0 && !errors.Is(err, drivers.ErrBody):
				t.Errorf("a body %d too long of %d: %v, want ErrBody", extra, size, err)
			case extra > 0 && size > 0 && int64(len(got)) >= size:
				t.Errorf("a body %d too long gave all of its %d bytes", extra, size)
			}
		}
	}
}

func TestBodyReads(t *testing.T) {
	want := strings.Repeat("0123456789", 500)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"one byte": iotest.OneByteReader, "half": iotest.HalfReader, "data+eof": iotest.DataErrReader,
		"plain": func(r io.Reader) io.Reader { return r },
	} {
		if err := iotest.TestReader(drivers.NewBody(t.Context(), wrap(strings.NewReader(want)), 5000), []byte(want)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var out bytes.Buffer
		err := drivers.NewBody(t.Context(), wrap(strings.NewReader(want)), 5000).CopyTo(&out, make([]byte, 100))
		if err != nil || out.String() != want {
			t.Errorf("%s: CopyTo gave %d bytes, %v", name, out.Len(), err)
		}
		err = drivers.NewBody(t.Context(), wrap(strings.NewReader(want)), 5001).CopyTo(io.Discard, make([]byte, 100))
		if !errors.Is(err, drivers.ErrBody) {
			t.Errorf("%s: CopyTo of a short body = %v, want ErrBody", name, err)
		}
		full := errors.New("full")
		err = drivers.NewBody(t.Context(), wrap(strings.NewReader(want)), 5000).CopyTo(failing{full}, make([]byte, 100))
		if !errors.Is(err, full) || errors.Is(err, drivers.ErrBody) {
			t.Errorf("%s: CopyTo a writer that fails = %v, want its error alone", name, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestBodyStalls(t *testing.T) {
	stuck := io.MultiReader(strings.NewReader("abc"), readerFunc(func([]byte) (int, error) { return 0, nil }))
	if _, err := io.ReadAll(drivers.NewBody(t.Context(), stuck, 3)); !errors.Is(err, drivers.ErrBody) {
		t.Errorf("a body that neither ends nor goes on = %v, want ErrBody", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// The layers of TestAs: a leaf that copies, a layer that does not look, one that adapts, one that hides.
type leaf struct {
	drivers.Driver
	log *[]string
}

func (l leaf) Copy(context.Context, string, string) error {
	*l.log = append(*l.log, "leaf")
	return nil
}

type plain struct{ drivers.Driver }

func (p plain) Unwrap() drivers.Driver { return p.Driver }

type adapting struct {
	plain
	name string
	log  *[]string
}

type adapted struct {
	a     adapting
	below drivers.Copier
}

func (a adapting) Adapt(found any) any {
	c, _ := found.(drivers.Copier)
	return adapted{a, c}
}

func (x adapted) Copy(ctx context.Context, from, to string) error {
	*x.a.log = append(*x.a.log, x.a.name)
	return x.below.Copy(ctx, from, to)
}

func TestAs(t *testing.T) {
	var log []string
	stack := adapting{plain{plain{adapting{plain{leaf{log: &log}}, "inner", &log}}}, "outer", &log}
	c, ok := drivers.As[drivers.Copier](stack)
	if !ok {
		t.Fatal("As found no Copier in a stack that has one")
	}
	if err := c.Copy(t.Context(), "a", "b"); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(log, " "); got != "outer inner leaf" {
		t.Errorf("Copy went through %q, want outer inner leaf", got)
	}
	if m, ok := drivers.As[drivers.Mkdirer](stack); ok {
		t.Errorf("As found a Mkdirer %T where none is", m)
	}
	if l, ok := drivers.As[leaf](stack); !ok || l.log != &log {
		t.Errorf("As found %v, %v, want the leaf itself", l, ok)
	}
	if _, ok := drivers.As[drivers.Copier](nil); ok {
		t.Error("As found a Copier in nothing")
	}
}
