package drivertest

import (
	"fmt"
	"sync"

	"trivium/drivers"
)

func concurrencyChecks() []check {
	return []check{
		{"own names", checkOwnNames},
		{"one name", checkOneName},
		{"new directories", checkNewDirectories},
		{"one reader each", checkParallelReaders},
	}
}

const workers = 16

func (b *bench) parallel(n int, work func(w int)) {
	var wg sync.WaitGroup
	for w := range n {
		wg.Go(func() { work(w) })
	}
	wg.Wait()
}

func checkOwnNames(b *bench) {
	b.parallel(workers, func(w int) {
		for i := range 8 {
			name := fmt.Sprintf("d%d/%d.%d", i%3, w, i)
			want := content(uint64(w*8+i), int64(1000*i))
			if err := b.tryPut(name, want, drivers.PutOptions{}); err != nil {
				b.Errorf("Put(%q) = %v", name, err)
				return
			}
			b.wantContent(name, want)
			if i%2 == 1 {
				if err := b.d.Delete(b.Context(), name); err != nil {
					b.Errorf("Delete(%q) = %v", name, err)
				}
				b.wantMissing(name)
			}
		}
	})
	var want []string
	for w := range workers {
		for i := 0; i < 8; i += 2 {
			want = append(want, fmt.Sprintf("d%d/%d.%d", i%3, w, i))
		}
	}
	b.wantStore(want...)
}

// checkOneName lets everybody write one name: in the end it is one whole content.
func checkOneName(b *bench) {
	b.parallel(workers, func(w int) {
		for range 4 {
			if err := b.tryPut("dir/one", content(uint64(w), int64(10_000+w)), drivers.PutOptions{}); err != nil {
				b.Errorf("Put = %v", err)
			}
		}
	})
	got, err := b.read("dir/one", 0, -1)
	if err != nil || len(got) < 10_000 {
		b.Fatalf("reading what all wrote: %s, %v", brief(got), err)
	}
	b.wantContent("dir/one", content(uint64(len(got)-10_000), int64(len(got))))
}

func checkNewDirectories(b *bench) {
	b.parallel(workers, func(w int) {
		for i := range 4 {
			name := fmt.Sprintf("new/%d/%d/%d", i, i, w)
			if err := b.tryPut(name, []byte(name), drivers.PutOptions{IfAbsent: w%2 == 0}); err != nil {
				b.Errorf("Put(%q) = %v", name, err)
				continue
			}
			b.wantContent(name, []byte(name))
		}
	})
}

func checkParallelReaders(b *bench) {
	want := content(1, 1<<20)
	b.put("x", want)
	b.parallel(workers, func(w int) {
		for i := range 4 {
			offset := int64(w*4+i) * 10_000
			got, err := b.read("x", offset, 50_000)
			if err != nil || string(got) != string(want[offset:offset+50_000]) {
				b.Errorf("Open(%d, 50000) beside others: %s, %v", offset, brief(got), err)
			}
		}
	})
}
