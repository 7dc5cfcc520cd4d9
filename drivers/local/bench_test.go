package local

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"trivium/drivers"
)

const (
	benchSize    = 128 << 10
	benchClients = 16
)

// BenchmarkPut128K compares Put with a floor that does what every durable write must do, nothing shared: temporary
// file, write, fsync, rename, fsync of the directory. The two take turns of 128 files by 16 goroutines, so that what
// else the machine does meets both; "of-floor" is the ratio of their speeds.
func BenchmarkPut128K(b *testing.B) {
	content := bytes.Repeat([]byte("trivium!"), benchSize/8)
	for _, dirs := range []int{256, 1} {
		b.Run(fmt.Sprintf("dirs=%d", dirs), func(b *testing.B) {
			name := func(i int64) string { return fmt.Sprintf("shards/%02x/%d", int(i*7)%dirs, i) }
			root := b.TempDir()
			d, err := Open(b.Context(), "disk", b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = d.Close() }()
			floor := func(i int64) error { return floorPut(root, name(i), i, content) }
			local := func(i int64) error {
				return d.Put(b.Context(), name(i), bytes.NewReader(content), benchSize, drivers.PutOptions{})
			}
			var next int64
			for i := range int64(dirs) { // all directories are there before the clock runs
				if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name(i))), 0o700); err != nil {
					b.Fatal(err)
				}
				if err := d.Mkdir(b.Context(), filepath.Dir(name(i))); err != nil {
					b.Fatal(err)
				}
			}
			var tFloor, tLocal time.Duration
			for b.Loop() {
				tFloor += turn(b, next, floor)
				tLocal += turn(b, next, local)
				next += benchTurn
			}
			b.ReportMetric(tFloor.Seconds()/tLocal.Seconds(), "of-floor")
			b.ReportMetric(float64(next)/tLocal.Seconds(), "puts/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

const benchTurn = 128

// turn puts the next files with all clients at once.
func turn(b *testing.B, next int64, put func(i int64) error) time.Duration {
	start := time.Now()
	var wg sync.WaitGroup
	for c := range int64(benchClients) {
		wg.Go(func() {
			for i := c; i < benchTurn; i += benchClients {
				if err := put(next + i); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

func floorPut(root, name string, i int64, content []byte) error {
	temp := filepath.Join(root, fmt.Sprintf("tmp%d", i))
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	path := filepath.Join(root, name)
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// BenchmarkRead reads 16 MiB in blocks of 256 KiB from the page cache, beside a plain file.
func BenchmarkRead(b *testing.B) {
	const size = 16 << 20
	root := b.TempDir()
	d, err := Open(b.Context(), "disk", root)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	if err := d.Put(b.Context(), "x", bytes.NewReader(make([]byte, size)), size, drivers.PutOptions{}); err != nil {
		b.Fatal(err)
	}
	run := func(name string, open func() (io.ReadCloser, error)) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			block := make([]byte, 256<<10)
			for b.Loop() {
				rc, err := open()
				if err != nil {
					b.Fatal(err)
				}
				for range size / len(block) {
					if _, err := io.ReadFull(rc, block); err != nil {
						b.Fatal(err)
					}
				}
				_ = rc.Close()
			}
		})
	}
	run("floor", func() (io.ReadCloser, error) { return os.Open(filepath.Join(root, "x")) })
	run("local", func() (io.ReadCloser, error) { return d.Open(b.Context(), "x", 0, -1) })
}

// BenchmarkOpen opens a shard, reads its first bytes and closes it: with the system call that takes the whole name,
// and as os.Root does it.
func BenchmarkOpen(b *testing.B) {
	const name = "shards/3f/0123456789abcdef0123456789abcdef.0.0.0"
	d, err := Open(b.Context(), "disk", b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	if err := d.Put(b.Context(), name, bytes.NewReader(make([]byte, benchSize)), benchSize, drivers.PutOptions{}); err != nil {
		b.Fatal(err)
	}
	var head [128]byte
	run := func(b *testing.B, open func() (file, int64, error)) {
		b.ReportAllocs()
		for b.Loop() {
			f, _, err := open()
			if err != nil {
				b.Fatal(err)
			}
			if _, err := f.ReadAt(head[:], 0); err != nil {
				b.Fatal(err)
			}
			_ = f.Close()
		}
	}
	b.Run("beneath", func(b *testing.B) { run(b, func() (file, int64, error) { return d.beneath.open(name) }) })
	b.Run("root", func(b *testing.B) {
		run(b, func() (file, int64, error) {
			src, err := d.openFile(name)
			return src.f, src.size, err
		})
	})
}
