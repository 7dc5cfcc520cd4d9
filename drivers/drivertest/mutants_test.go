package drivertest_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"trivium/drivers"
	"trivium/drivers/drivertest"
	"trivium/drivers/memory"
)

const inChild = "TRIVIUM_DRIVERTEST_MUTANTS"

// mutant is a driver with one flaw, made of hooks around a right one.
type mutant struct {
	drivers.Driver
	put    func(ctx context.Context, d drivers.Driver, name string, body io.Reader, size int64, opts drivers.PutOptions) error
	open   func(ctx context.Context, d drivers.Driver, name string, offset, length int64) (io.ReadCloser, error)
	stat   func(ctx context.Context, d drivers.Driver, name string) (drivers.Info, error)
	delete func(ctx context.Context, d drivers.Driver, name string) error
	list   func(ctx context.Context, d drivers.Driver, prefix string, opts drivers.ListOptions) iter.Seq2[drivers.Info, error]
	traits func(drivers.Traits) drivers.Traits
	rename func(string) string
}

func (m *mutant) name(name string) string {
	if m.rename != nil {
		return m.rename(name)
	}
	return name
}

func (m *mutant) Put(ctx context.Context, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
	if m.put != nil {
		return m.put(ctx, m.Driver, name, body, size, opts)
	}
	return m.Driver.Put(ctx, m.name(name), body, size, opts)
}

func (m *mutant) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if m.open != nil {
		return m.open(ctx, m.Driver, name, offset, length)
	}
	return m.Driver.Open(ctx, m.name(name), offset, length)
}

func (m *mutant) Stat(ctx context.Context, name string) (drivers.Info, error) {
	if m.stat != nil {
		return m.stat(ctx, m.Driver, name)
	}
	info, err := m.Driver.Stat(ctx, m.name(name))
	if m.rename != nil {
		info.Name = name
	}
	return info, err
}

func (m *mutant) Delete(ctx context.Context, name string) error {
	if m.delete != nil {
		return m.delete(ctx, m.Driver, name)
	}
	return m.Driver.Delete(ctx, m.name(name))
}

func (m *mutant) List(ctx context.Context, prefix string, opts drivers.ListOptions) iter.Seq2[drivers.Info, error] {
	if m.list != nil {
		return m.list(ctx, m.Driver, prefix, opts)
	}
	return m.Driver.List(ctx, prefix, opts)
}

func (m *mutant) Traits() drivers.Traits {
	if m.traits != nil {
		return m.traits(m.Driver.Traits())
	}
	return m.Driver.Traits()
}

type flaw struct {
	name  string
	fails string // the check that must find it
	mutant
}

func flaws() []flaw {
	return slices.Concat(putFlaws(), readFlaws(), listFlaws(), errorFlaws())
}

func putFlaws() []flaw {
	type put = func(ctx context.Context, d drivers.Driver, name string, body io.Reader, size int64, opts drivers.PutOptions) error
	withPut := func(name, fails string, p put) flaw { return flaw{name, fails, mutant{put: p}} }
	return []flaw{
		withPut("torso of a failed body", "blobs/body_that_fails",
			func(ctx context.Context, d drivers.Driver, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
				var seen bytes.Buffer
				err := d.Put(ctx, name, io.TeeReader(body, &seen), size, opts)
				if errors.Is(err, drivers.ErrBody) && seen.Len() > 0 {
					_ = d.Put(ctx, name, bytes.NewReader(seen.Bytes()), int64(seen.Len()), drivers.PutOptions{})
				}
				return err
			}),
		withPut("long bodies are cut", "blobs/body_of_the_wrong_size",
			func(ctx context.Context, d drivers.Driver, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
				return d.Put(ctx, name, io.LimitReader(body, max(0, size)), size, opts)
			}),
		withPut("short bodies are padded", "blobs/body_of_the_wrong_size",
			func(ctx context.Context, d drivers.Driver, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
				if l, ok := body.(interface{ Len() int }); ok && size-int64(l.Len()) == 1 {
					body = io.MultiReader(body, strings.NewReader("\x00"))
				}
				return d.Put(ctx, name, body, size, opts)
			}),
		withPut("body's error lost", "blobs/body_that_fails",
			func(ctx context.Context, d drivers.Driver, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
				err := d.Put(ctx, name, body, size, opts)
				if errors.Is(err, drivers.ErrBody) {
					return drivers.Fail("x", "put", name, fmt.Errorf("%w: %s", drivers.ErrBody, err.Error()))
				}
				return err
			}),
		withPut("if absent ignored", "conditions/if_absent",
			func(ctx context.Context, d drivers.Driver, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
				opts.IfAbsent = false
				return d.Put(ctx, name, body, size, opts)
			}),
		withPut("if absent is a look before a write", "conditions/if_absent_race",
			func(ctx context.Context, d drivers.Driver, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
				if _, err := d.Stat(ctx, name); err == nil && opts.IfAbsent {
					return drivers.Fail("x", "put", name, drivers.ErrExist)
				}
				time.Sleep(time.Millisecond)
				opts.IfAbsent = false
				return d.Put(ctx, name, body, size, opts)
			}),
		withPut("replaces by deleting first", "conditions/replace_while_reading",
			func(ctx context.Context, d drivers.Driver, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
				if ctx.Err() == nil && !opts.IfAbsent && size > 1000 {
					_ = d.Delete(ctx, name)
					time.Sleep(time.Millisecond)
				}
				return d.Put(ctx, name, body, size, opts)
			}),
		withPut("never replaces", "blobs/replace",
			func(ctx context.Context, d drivers.Driver, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
				if _, err := d.Stat(ctx, name); err == nil && !opts.IfAbsent {
					_, err := io.CopyN(io.Discard, body, size)
					return err
				}
				return d.Put(ctx, name, body, size, opts)
			}),
		withPut("immutable trusts the name alone", "conditions/immutable",
			func(ctx context.Context, d drivers.Driver, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
				if _, err := d.Stat(ctx, name); err == nil && opts.Immutable {
					return nil
				}
				return d.Put(ctx, name, body, size, opts)
			}),
		withPut("times dropped", "trees/modification_time",
			func(ctx context.Context, d drivers.Driver, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
				opts.ModTime = time.Time{}
				return d.Put(ctx, name, body, size, opts)
			}),
		withPut("times in the body's zone of seconds", "trees/modification_time",
			func(ctx context.Context, d drivers.Driver, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
				opts.ModTime = opts.ModTime.Truncate(time.Second)
				return d.Put(ctx, name, body, size, opts)
			}),
		withPut("ctx ignored", "contexts/cancelled_in_a_body",
			func(ctx context.Context, d drivers.Driver, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
				if err := ctx.Err(); err != nil {
					return drivers.Fail("x", "put", name, err)
				}
				return d.Put(context.WithoutCancel(ctx), name, body, size, opts)
			}),
		withPut("leaves a goroutine", "leaks",
			func(ctx context.Context, d drivers.Driver, name string, body io.Reader, size int64, opts drivers.PutOptions) error {
				if name == "big" {
					go func() { time.Sleep(time.Minute) }()
				}
				return d.Put(ctx, name, body, size, opts)
			}),
	}
}

func readFlaws() []flaw {
	type open = func(ctx context.Context, d drivers.Driver, name string, offset, length int64) (io.ReadCloser, error)
	withOpen := func(name, fails string, o open) flaw { return flaw{name, fails, mutant{open: o}} }
	return []flaw{
		withOpen("an empty range at the end is refused", "blobs/ranges",
			func(ctx context.Context, d drivers.Driver, name string, offset, length int64) (io.ReadCloser, error) {
				if info, err := d.Stat(ctx, name); err == nil && offset == info.Size {
					return nil, drivers.Fail("x", "open", name, drivers.ErrRange)
				}
				return d.Open(ctx, name, offset, length)
			}),
		withOpen("a range past the end is empty", "blobs/ranges",
			func(ctx context.Context, d drivers.Driver, name string, offset, length int64) (io.ReadCloser, error) {
				if info, err := d.Stat(ctx, name); err == nil && offset > info.Size {
					offset = info.Size
				}
				return d.Open(ctx, name, offset, length)
			}),
		withOpen("offset ignored", "blobs/ranges",
			func(ctx context.Context, d drivers.Driver, name string, offset, length int64) (io.ReadCloser, error) {
				if offset < 1000 && offset > 0 {
					offset--
				}
				return d.Open(ctx, name, offset, length)
			}),
		withOpen("length 0 is everything", "blobs/ranges",
			func(ctx context.Context, d drivers.Driver, name string, offset, length int64) (io.ReadCloser, error) {
				if length == 0 {
					length = -1
				}
				return d.Open(ctx, name, offset, length)
			}),
		withOpen("a clean end too early", "blobs/big",
			func(ctx context.Context, d drivers.Driver, name string, offset, length int64) (io.ReadCloser, error) {
				if length < 0 || length > 4<<20 {
					length = 4 << 20
				}
				return d.Open(ctx, name, offset, length)
			}),
		withOpen("an own reader that repeats its last byte", "blobs/reader",
			func(ctx context.Context, d drivers.Driver, name string, offset, length int64) (io.ReadCloser, error) {
				rc, err := d.Open(ctx, name, offset, length)
				if err != nil {
					return nil, err
				}
				return &stutter{ReadCloser: rc}, nil
			}),
		{"sizes rounded up to sectors", "blobs/sizes", mutant{
			stat: func(ctx context.Context, d drivers.Driver, name string) (drivers.Info, error) {
				info, err := d.Stat(ctx, name)
				info.Size = (info.Size + 511) / 512 * 512
				return info, err
			},
		}},
		{"case folded", "names/distinct", mutant{rename: strings.ToLower}},
		{"names cleaned", "names/invalid", mutant{rename: func(name string) string {
			return strings.TrimPrefix(path.Clean(cmp.Or(name, "x")), "/")
		}}},
		{"percent decoded", "names/odd", mutant{rename: func(name string) string {
			return strings.NewReplacer("%2F", "/", "%20", " ", "+", " ", "%2e", ".").Replace(name)
		}}},
		{"long names cut", "names/long", mutant{
			rename: func(name string) string { return name[:min(len(name), 200)] },
		}},
	}
}

// stutter gives a byte after the end of a part of the content.
type stutter struct {
	io.ReadCloser
	n int
}

func (s *stutter) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if s.n += n; errors.Is(err, io.EOF) && s.n == 5000 && len(p) > 0 {
		s.n++
		return 1, nil
	}
	return n, err
}

func listFlaws() []flaw {
	type infos = []drivers.Info
	// redo lists everything that matches and lets f spoil it.
	redo := func(name, fails string, f func(all infos, prefix string, opts drivers.ListOptions) infos) flaw {
		return flaw{name, fails, mutant{
			list: func(ctx context.Context, d drivers.Driver, prefix string, opts drivers.ListOptions) iter.Seq2[drivers.Info, error] {
				return func(yield func(drivers.Info, error) bool) {
					var all infos
					for info, err := range d.List(ctx, prefix, opts) {
						if err != nil {
							yield(info, err)
							return
						}
						all = append(all, info)
					}
					for _, info := range f(all, prefix, opts) {
						if !yield(info, nil) {
							return
						}
					}
				}
			},
		}}
	}
	bySegment := func(a, b drivers.Info) int {
		return slices.Compare(strings.Split(a.Name, "/"), strings.Split(b.Name, "/"))
	}
	return []flaw{
		redo("in the order of a walk", "lists/order", func(all infos, _ string, _ drivers.ListOptions) infos {
			return slices.SortedFunc(slices.Values(all), bySegment)
		}),
		redo("start included", "lists/every_prefix_and_start", func(all infos, _ string, opts drivers.ListOptions) infos {
			if opts.StartAfter == "ac" {
				return append(infos{{Name: "ac"}}, all...)
			}
			return all
		}),
		redo("the first page only", "lists/many", func(all infos, _ string, _ drivers.ListOptions) infos {
			return all[:min(len(all), 1000)]
		}),
		redo("directories named with a slash", "lists/order", func(all infos, _ string, _ drivers.ListOptions) infos {
			for i := range all {
				all[i].Name = all[i].Key()
			}
			return all
		}),
		redo("sizes forgotten", "lists/info", func(all infos, _ string, _ drivers.ListOptions) infos {
			for i := range all {
				all[i].Size = 0
			}
			return all
		}),
		redo("implied directories in a recursive listing of a flat store", "lists/order",
			func(all infos, _ string, opts drivers.ListOptions) infos {
				if opts.Recursive && len(all) > 2 {
					all = append(all, drivers.Info{Name: "zz", IsDir: true})
				}
				return all
			}),
		{"ends cleanly when cancelled", "contexts/cancelled_in_a_list", mutant{
			list: func(ctx context.Context, d drivers.Driver, prefix string, opts drivers.ListOptions) iter.Seq2[drivers.Info, error] {
				return func(yield func(drivers.Info, error) bool) {
					for info, err := range d.List(context.WithoutCancel(ctx), prefix, opts) {
						if ctx.Err() != nil || !yield(info, err) {
							return
						}
					}
				}
			},
		}},
		{"a prefix is a string", "lists/every_prefix_and_start", mutant{
			list: func(ctx context.Context, d drivers.Driver, prefix string, opts drivers.ListOptions) iter.Seq2[drivers.Info, error] {
				if prefix == "ab/d" {
					prefix = "ab"
				}
				return d.List(ctx, prefix, opts)
			},
		}},
	}
}

func errorFlaws() []flaw {
	return []flaw{
		{"deleting what is missing fails", "blobs/delete", mutant{
			delete: func(ctx context.Context, d drivers.Driver, name string) error {
				if _, err := d.Stat(ctx, name); err != nil {
					return err
				}
				return d.Delete(ctx, name)
			},
		}},
		{"bare sentinels", "blobs/missing", mutant{
			stat: func(ctx context.Context, d drivers.Driver, name string) (drivers.Info, error) {
				info, err := d.Stat(ctx, name)
				if errors.Is(err, drivers.ErrNotExist) {
					err = drivers.ErrNotExist
				}
				return info, err
			},
		}},
		{"two sentinels", "blobs/missing", mutant{
			stat: func(ctx context.Context, d drivers.Driver, name string) (drivers.Info, error) {
				info, err := d.Stat(ctx, name)
				if err != nil {
					err = fmt.Errorf("%w: %w", drivers.ErrBroken, err)
				}
				return info, err
			},
		}},
		{"ctx comes as ErrTransient", "contexts/cancelled_before", mutant{
			stat: func(ctx context.Context, d drivers.Driver, name string) (drivers.Info, error) {
				if ctx.Err() != nil {
					return drivers.Info{}, drivers.Fail("x", "stat", name, drivers.ErrTransient)
				}
				return d.Stat(ctx, name)
			},
		}},
		{"deadlines unseen", "contexts/deadline_passed_before", mutant{
			delete: func(ctx context.Context, d drivers.Driver, name string) error {
				if errors.Is(ctx.Err(), context.DeadlineExceeded) {
					ctx = context.WithoutCancel(ctx)
				}
				return d.Delete(ctx, name)
			},
		}},
		{"traits that change", "blobs/traits", mutant{
			traits: func(tr drivers.Traits) drivers.Traits {
				tr.MaxInFlight = int(time.Now().UnixNano())
				return tr
			},
		}},
	}
}

// TestMutants runs in a process of its own, where every flawed driver has to fail.
func TestMutants(t *testing.T) {
	if os.Getenv(inChild) == "" {
		t.Skip("run by TestFlawsAreFound")
	}
	for _, f := range flaws() {
		t.Run(f.name, func(t *testing.T) {
			drivertest.Run(t, func(*testing.T) drivers.Driver {
				m := f.mutant
				m.Driver = memory.New()
				return &m
			}, drivertest.Options{})
		})
	}
}

// TestFlawsAreFound runs, topic by topic, the checks that are meant for each flaw.
func TestFlawsAreFound(t *testing.T) {
	topics := map[string][]flaw{}
	for _, f := range flaws() {
		topic, _, _ := strings.Cut(f.fails, "/")
		topics[topic] = append(topics[topic], f)
	}
	for topic, flaws := range topics {
		t.Run(topic, func(t *testing.T) { findFlaws(t, topic, flaws) })
	}
}

func findFlaws(t *testing.T, topic string, flaws []flaw) {
	var names, checks []string
	for _, f := range flaws {
		_, check, _ := strings.Cut(f.fails, "/")
		names = append(names, regexp.QuoteMeta(testName(f.name)))
		checks = append(checks, check)
	}
	pattern := fmt.Sprintf("^TestMutants$/^(%s)$/^(%s)$/^(%s)", strings.Join(names, "|"), topic, strings.Join(checks, "|"))
	if topic == "leaks" {
		pattern = strings.Replace(pattern, "^(leaks)$", "^(leaks|blobs)$", 1)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+pattern, "-test.v")
	cmd.Env = append(os.Environ(), inChild+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("the flawed drivers passed")
	}
	for _, f := range flaws {
		want := "--- FAIL: TestMutants/" + testName(f.name) + "/" + f.fails + " "
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q for a driver with the flaw %q", want, f.name)
		}
	}
	if t.Failed() {
		t.Logf("%s", out[max(0, len(out)-20_000):])
	}
}

func testName(s string) string { return strings.ReplaceAll(s, " ", "_") }
