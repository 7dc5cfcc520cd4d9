package sqlite

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"

	"trivium/core"
)

// checkPages opens a store and checks its pages.
func checkPages(t *testing.T, path string) PageReport {
	t.Helper()
	s, err := Open(t.Context(), Options{Path: path, ReadConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	rep, err := s.CheckPages(t.Context())
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	return rep
}

// TestCheckPages damages single pages: those that are in use are named, free ones are not.
func TestCheckPages(t *testing.T) {
	path := shelf(t)
	file, _ := readShelf(t, path)
	pages, free := len(file)/pageSize, freePages(file)
	if rep := checkPages(t, path); rep.Pages != int64(pages) || len(rep.Damaged) != 0 {
		t.Fatalf("CheckPages of a whole file = %+v, want %d pages, none damaged", rep, pages)
	}
	if len(free) == 0 {
		t.Fatal("the file has no free page")
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	// A damaged first page, or an upper one, is no matter of CheckPages: the store does not open. The last ones are leaves.
	var tried int
	for i := pages - 1; i > 3 && tried < 40; i-- {
		damaged := slices.Clone(file)
		damaged[i*pageSize+random.IntN(pageSize)] ^= byte(1 + random.IntN(255))
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), Options{Path: path, ReadConns: 1})
		if err != nil {
			continue
		}
		tried++
		rep, err := s.CheckPages(t.Context())
		if err != nil {
			t.Errorf("page %d: %v", i+1, err)
		}
		_ = s.Close()
		want := []int64{int64(i + 1)}
		if free[i+1] {
			want = nil
		}
		if rep.Pages != int64(pages) || !slices.Equal(rep.Damaged, want) {
			t.Errorf("CheckPages with page %d damaged (free: %v) = %+v, want %v", i+1, free[i+1], rep, want)
		}
	}
	if tried < 10 {
		t.Errorf("only %d damaged files could be opened", tried)
	}
}

// TestCheckPagesBesideWrites checks while the log is written and moved into the file: nothing is damaged.
func TestCheckPagesBesideWrites(t *testing.T) {
	s, err := Open(t.Context(), Options{Path: t.TempDir() + "/trivium.db", ReadConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	s.walRest = walCopy
	var writers sync.WaitGroup
	writers.Go(func() {
		data := make([]byte, 30*pageSize)
		for i := range int64(200) {
			err := s.Update(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
				if i%3 == 2 {
					return tx.DeleteInline(ctx, i-1)
				}
				return tx.PutInline(ctx, i, 1, data)
			})
			if err != nil {
				t.Error(err)
				return
			}
			if i%20 == 0 {
				s.copyLog("PASSIVE")
			}
		}
	})
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		if rep, err := s.CheckPages(t.Context()); err != nil || len(rep.Damaged) != 0 {
			t.Fatalf("CheckPages = %+v, %v, want nothing damaged", rep, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CheckPages(t.Context()); core.CodeOf(err) != core.Unavailable {
		t.Errorf("CheckPages of a closed store = %v, want Unavailable", err)
	}
}

func TestCheckPagesGivenUp(t *testing.T) {
	s, err := Open(t.Context(), Options{Path: t.TempDir() + "/trivium.db"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.CheckPages(ctx); core.CodeOf(err) != core.Canceled {
		t.Errorf("CheckPages that is given up = %v, want Canceled", err)
	}
}
