package drivertest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"trivium/drivers"
)

func listChecks() []check {
	return []check{
		{"order", checkListOrder},
		{"every prefix and start", checkListOracle},
		{"info", checkListInfo},
		{"missing prefix", checkListMissing},
		{"early break", checkListBreak},
		{"many", checkListMany},
		{"during writes", checkListDuringWrites},
		{"twice", checkListTwice},
	}
}

func checkListOrder(b *bench) {
	for _, name := range []string{"a/b", "a.txt", "a-b", "a0", "b", "a/b.c/d", "Z", "é"} {
		b.put(name, nil)
	}
	b.wantKeys("", drivers.ListOptions{}, []string{"Z", "a-b", "a.txt", "a/", "a0", "b", "é"})
	want := []string{"Z", "a-b", "a.txt", "a/b", "a/b.c/d", "a0", "b", "é"}
	if b.d.Traits().Directories {
		want = []string{"Z", "a-b", "a.txt", "a/", "a/b", "a/b.c/", "a/b.c/d", "a0", "b", "é"}
	}
	b.wantKeys("", drivers.ListOptions{Recursive: true}, want)
}

func listTree() []string {
	return []string{
		"a", "a!", "a-/x", "a.txt", "ab/c", "ab/c d", "ab/d/e", "ab/d/f/g", "ab/d-", "ab/d.x/y", "ab/d0", "ab0", "ac",
		"b/b/b", "c d/e", "c%2Fd", "\U0001F600/x", "\uffff", "\x01",
	}
}

// checkListOracle compares every listing of a small tree with the definition in package drivers.
func checkListOracle(b *bench) {
	files := slices.DeleteFunc(listTree(), func(name string) bool {
		return b.opts.Refuses != nil && b.opts.Refuses(name)
	})
	for _, name := range files {
		b.put(name, nil)
	}
	all := expectKeys(files, "", true, true)
	starts := []string{"", "a", "a/", "a/z", "ab", "ab/d/e0", "ab/d/f/", "ab/zz", "zzz", "\xff", " ", "ab//", "ab/.."}
	starts = append(starts, all...)
	prefixes := []string{"", "a", "ab", "ab/d", "ab/d/f", "ab/d.x", "b", "b/b", "c d", "c", "none", "ab/c"}
	for _, prefix := range prefixes {
		for _, start := range starts {
			for _, recursive := range []bool{false, true} {
				want := expectKeys(files, prefix, recursive, !recursive || b.d.Traits().Directories)
				want = slices.DeleteFunc(want, func(key string) bool { return key <= start })
				b.wantKeys(prefix, drivers.ListOptions{Recursive: recursive, StartAfter: start}, want)
				if b.Failed() {
					return
				}
			}
		}
	}
}

// expectKeys is the contract of List in its slowest form.
func expectKeys(files []string, prefix string, recursive, dirs bool) []string {
	keys := map[string]bool{}
	if prefix != "" {
		prefix += "/"
	}
	for _, name := range files {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok || rest == "" {
			continue
		}
		for i := range len(rest) {
			if rest[i] == '/' && dirs {
				keys[prefix+rest[:i+1]] = true
			}
			if rest[i] == '/' && !recursive {
				rest = ""
				break
			}
		}
		if rest != "" {
			keys[name] = true
		}
	}
	out := make([]string, 0, len(keys))
	for k := range keys {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func checkListInfo(b *bench) {
	sizes := map[string]int64{"d/one": 1, "d/empty": 0, "d/big": 100_000}
	for name, size := range sizes {
		b.put(name, content(1, size))
	}
	seen := 0
	for info, err := range b.d.List(b.Context(), "", drivers.ListOptions{Recursive: true}) {
		if err != nil {
			b.Fatalf("List = %v", err)
		}
		if info.IsDir {
			if info.Name != "d" || info.Size != 0 {
				b.Errorf("List gives %+v, want d as a directory of size 0", info)
			}
			continue
		}
		seen++
		stat, err := b.d.Stat(b.Context(), info.Name)
		if size, ok := sizes[info.Name]; !ok || info.Size != size || err != nil || !info.ModTime.Equal(stat.ModTime) {
			b.Errorf("List gives %+v, Stat %+v, %v, want size %d and equal times", info, stat, err, size)
		}
	}
	if seen != len(sizes) {
		b.Errorf("List gave %d files, want %d", seen, len(sizes))
	}
}

func checkListMissing(b *bench) {
	both := func(prefix string) {
		b.Helper()
		b.wantKeys(prefix, drivers.ListOptions{}, nil)
		b.wantKeys(prefix, drivers.ListOptions{Recursive: true}, nil)
	}
	both("")
	both("none")
	b.put("dir/file", nil)
	both("none")
	both("di")
	both("dir/file")
	both("dir/file/below")
	both("dir/none/below")
}

func checkListBreak(b *bench) {
	for i := range 30 {
		b.put(fmt.Sprintf("d%d/f%d", i%3, i), nil)
	}
	for stop := range 10 {
		for _, recursive := range []bool{true, false} {
			n := 0
			for _, err := range b.d.List(b.Context(), "", drivers.ListOptions{Recursive: recursive}) {
				if n++; err != nil {
					b.Errorf("List = %v", err)
				}
				if n > stop {
					break
				}
			}
		}
	}
	if err := b.d.Delete(b.Context(), "d0/f0"); err != nil {
		b.Errorf("Delete after broken-off listings = %v", err)
	}
}

func checkListMany(b *bench) {
	const files = 1100 // more than a page of the usual stores
	var want []string
	var wg sync.WaitGroup
	queue := make(chan string)
	for range 16 {
		wg.Go(func() {
			for name := range queue {
				if err := b.tryPut(name, nil, drivers.PutOptions{}); err != nil {
					b.Errorf("Put(%q) = %v", name, err)
				}
			}
		})
	}
	for i := range files {
		name := fmt.Sprintf("many/%05d", i*7)
		want = append(want, name)
		queue <- name
	}
	close(queue)
	wg.Wait()
	b.wantKeys("many", drivers.ListOptions{}, want)
	b.wantKeys("many", drivers.ListOptions{Recursive: true, StartAfter: want[1010]}, want[1011:])
}

// checkListDuringWrites lists while names come and go: those that stay are listed once each and in order.
func checkListDuringWrites(b *bench) {
	if b.d.Traits().StaleLists {
		b.Skip("lists are stale")
	}
	var stay []string
	for i := range 60 {
		name := fmt.Sprintf("d%d/stay%02d", i/20, i)
		b.put(name, []byte("x"))
		stay = append(stay, name)
	}
	var done atomic.Bool
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			for i := 0; !done.Load(); i++ {
				name := fmt.Sprintf("d%d/come%d.%d", i%4, w, i%50)
				if err := b.tryPut(name, []byte("y"), drivers.PutOptions{}); err != nil {
					b.Errorf("Put during List = %v", err)
					return
				}
				if err := b.d.Delete(b.Context(), name); err != nil {
					b.Errorf("Delete during List = %v", err)
					return
				}
			}
		})
	}
	for range 20 {
		keys := b.list("", drivers.ListOptions{Recursive: true})
		if !slices.IsSorted(keys) || len(slices.Compact(slices.Clone(keys))) != len(keys) {
			b.Errorf("List during writes is out of order or repeats names: %q", keys)
		}
		keys = slices.DeleteFunc(keys, func(k string) bool { return !strings.Contains(k, "stay") })
		if !slices.Equal(keys, stay) {
			b.Errorf("List during writes shows %d of the %d names that stay", len(keys), len(stay))
		}
	}
	done.Store(true)
	wg.Wait()
}

// checkListTwice runs one returned sequence twice.
func checkListTwice(b *bench) {
	b.put("x", nil)
	b.put("y", nil)
	seq := b.d.List(b.Context(), "", drivers.ListOptions{})
	for range 2 {
		n := 0
		for _, err := range seq {
			if n++; err != nil {
				b.Errorf("List = %v", err)
			}
		}
		if n != 2 && !b.d.Traits().StaleLists {
			b.Errorf("running a sequence again gave %d names, want 2", n)
		}
	}
}
