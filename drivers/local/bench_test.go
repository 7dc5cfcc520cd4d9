package local

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"trivium/drivers"
)

const (
	benchSize    = 128 << 10
	benchClients = 16
)

// BenchmarkPut128K compares Put with a floor that does what every durable write must do, nothing shared: temporary
// file, write, fsync, rename, fsync of the directory.
func BenchmarkPut128K(b *testing.B) {
	content := bytes.Repeat([]byte("trivium!"), benchSize/8)
	for _, dirs := range []int{256, 1} {
		name := func(i int64) string { return fmt.Sprintf("shards/%02x/%d", int(i*7)%dirs, i) }
		b.Run(fmt.Sprintf("dirs=%d/floor", dirs), func(b *testing.B) {
			root := b.TempDir()
			for i := range int64(dirs) {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name(i))), 0o700); err != nil {
					b.Fatal(err)
				}
			}
			parallel(b, func(i int64) error { return floorPut(root, name(i), i, content) })
		})
		b.Run(fmt.Sprintf("dirs=%d/local", dirs), func(b *testing.B) {
			d, err := Open(b.Context(), "disk", b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = d.Close() }()
			parallel(b, func(i int64) error {
				return d.Put(b.Context(), name(i), bytes.NewReader(content), benchSize, drivers.PutOptions{})
			})
		})
	}
}

func parallel(b *testing.B, put func(i int64) error) {
	b.SetBytes(benchSize)
	b.SetParallelism(benchClients / 2) // times the 2 processors
	b.ReportAllocs()
	var next atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := put(next.Add(1)); err != nil {
				b.Error(err)
				return
			}
		}
	})
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
