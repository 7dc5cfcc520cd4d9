package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trivium/core"
)

// killed is what a kill leaves of a store: the database and its log, with the commits that were acknowledged.
type killed struct {
	db, shm, log []byte
	before       []byte // the log without the last commit
	// ends are the ends of the commits in the log, in bytes; commit i put the inline row i+1.
	ends  []int64
	first int64 // the first row that is in the log
}

// sizes of the content of the commits, which makes them of one frame and of many.
var commitSizes = []int{10, 3000, 40_000, 10, 100_000, 7000, 10, 20_000, 10}

// killedStore makes a store with a commit for each of sizes in its log. Before that prepare may do something.
func killedStore(t *testing.T, sizes []int, prepare func(s *Store)) killed {
	t.Helper()
	s := quietStore(t)
	k := killed{first: 1000}
	if prepare != nil {
		prepare(s)
	}
	read := func(suffix string) []byte {
		b, err := os.ReadFile(s.opts.Path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for i, size := range sizes {
		k.before = read("-wal")
		if err := s.Update(t.Context(), putInline(k.first+int64(i), size)); err != nil {
			t.Fatal(err)
		}
		st, err := scanLog(s.opts.Path)
		if err != nil || st.damaged || st.torn != 0 {
			t.Fatalf("a log at rest: %+v, %v", st, err)
		}
		k.ends = append(k.ends, st.good)
	}
	k.db, k.log, k.shm = read(""), read("-wal"), read("-shm")
	return k
}

// put writes what is left into a new directory, with another log, and returns the path.
func (k killed) put(t *testing.T, log []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "meta.db")
	for suffix, b := range map[string][]byte{"": k.db, "-wal": log} {
		if err := os.WriteFile(path+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// open opens the store with another log and tells how many of its commits are there; they must be the first ones.
func (k killed) open(t *testing.T, what string, log []byte, o Options) (commits int, err error) {
	t.Helper()
	o.Path, o.ReadConns = k.put(t, log), 1
	defer os.RemoveAll(filepath.Dir(o.Path))
	return k.count(t, what, o)
}

// count opens the store of o and counts its commits.
func (k killed) count(t *testing.T, what string, o Options) (commits int, err error) {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		if core.CodeOf(err) != core.Corrupt || !strings.Contains(err.Error(), o.Path) {
			t.Errorf("%s: Open() = %v, want Corrupt with the path", what, err)
		}
		return 0, err
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("%s: Close() = %v", what, err)
		}
	}()
	err = s.View(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
		rows, err := tx.Inlines(ctx, k.first-1, 1000)
		if err != nil {
			return err
		}
		for commits = 0; commits < len(rows); commits++ {
			if rows[commits] != k.first+int64(commits) {
				t.Errorf("%s: row %d is %d", what, commits, rows[commits])
			}
		}
		return nil
	})
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	return commits, nil
}

// whole is how many commits end at or before length.
func (k killed) whole(length int64) (n int) {
	for n < len(k.ends) && k.ends[n] <= length {
		n++
	}
	return n
}

// TestFlippedLog changes one byte in every part of the log in turn: the store is refused, and with DropDamagedLog it
// has the commits before the change. The last one is no exception.
func TestFlippedLog(t *testing.T) {
	k := killedStore(t, commitSizes, nil)
	places := []int64{0, 3, 4, 8, 10, 12, 17, 20, 25, 30}
	for at := int64(walHeader); at < int64(len(k.log)); at += frameHeader + pageSize {
		places = append(places, at+3, at+4, at+7, at+8, at+14, at+17, at+20, at+23,
			at+frameHeader, at+frameHeader+1001, at+frameHeader+pageSize-1)
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	for i, at := range places {
		log := bytes.Clone(k.log)
		log[at] ^= byte(1 + rnd.IntN(255))
		st, err := scanWAL(bytes.NewReader(log))
		want := k.whole(at)
		if at < walHeader {
			want = 0
		}
		if err != nil || !st.damaged || st.commits != want || st.commits+st.lost < len(k.ends)-1 || st.damage > at || st.lost < 1 {
			t.Errorf("byte %d of %d: %+v, %v, want damage behind %d of %d commits", at, len(log), st, err, want, len(k.ends))
		}
		if i%11 != 0 {
			continue // opening takes time
		}
		what := fmt.Sprintf("byte %d", at)
		if n, err := k.open(t, what, log, Options{}); err == nil {
			t.Errorf("%s: opened with %d commits", what, n)
		}
		if n, err := k.open(t, what, log, Options{DropDamagedLog: true}); err != nil || n != want {
			t.Errorf("%s: given up, %d commits, %v, want %d", what, n, err, want)
		}
	}
}

// TestCutLog cuts the log at every border of frames and inside of them, as a kill in the middle of a write does: all
// commits before the cut are there and nobody is asked.
func TestCutLog(t *testing.T) {
	k := killedStore(t, commitSizes, nil)
	lengths := []int64{0, 1, 24, 31, 32, int64(len(k.log))}
	for at := int64(walHeader); at < int64(len(k.log)); at += frameHeader + pageSize {
		lengths = append(lengths, at, at+1, at+frameHeader, at+frameHeader+pageSize/2, at+frameHeader+pageSize-1)
	}
	for i, length := range lengths {
		st, err := scanWAL(bytes.NewReader(k.log[:length]))
		want := k.whole(length)
		if err != nil || st.damaged || st.commits != want {
			t.Errorf("cut at %d: %+v, %v, want %d commits", length, st, err, want)
		}
		if i%7 != 0 {
			continue
		}
		if n, err := k.open(t, fmt.Sprintf("cut at %d", length), k.log[:length], Options{}); err != nil || n != want {
			t.Errorf("cut at %d: %d commits, %v, want %d", length, n, err, want)
		}
	}
}

// TestWideDamage overwrites whole regions: nothing is lost in silence as long as a commit was begun behind the next.
func TestWideDamage(t *testing.T) {
	k := killedStore(t, commitSizes, nil)
	safe := k.ends[len(k.ends)-3] // two commits follow
	rnd := rand.New(rand.NewPCG(2, 2))
	for at := int64(0); at < safe; at += 512 {
		log := bytes.Clone(k.log)
		fill := byte(rnd.IntN(2) * 0xff)
		for i := at; i < min(at+512, safe); i++ {
			log[i] = fill
		}
		if bytes.Equal(log, k.log) {
			continue
		}
		if st, err := scanWAL(bytes.NewReader(log)); err != nil || !st.damaged {
			t.Errorf("bytes %d: %+v, %v, want damage", at, st, err)
		}
	}
}

// TestPowerCut loses any sectors of the last write, over an old log and over none: what was acknowledged is there and
// nobody is asked.
func TestPowerCut(t *testing.T) {
	old := func(s *Store) {
		for i := range int64(20) {
			if err := s.Update(t.Context(), putInline(i+1, 3000*int(i))); err != nil {
				t.Fatal(err)
			}
		}
		s.afterBatch()
		s.copying.Lock()
		defer s.copying.Unlock()
		if done, err := s.checkpointer.checkpoint("RESTART"); err != nil || done.busy {
			t.Fatalf("checkpoint() = %+v, %v", done, err)
		}
	}
	rnd := rand.New(rand.NewPCG(3, 3))
	for _, c := range []struct {
		name    string
		prepare func(*Store)
	}{{"over nothing", nil}, {"over an old log", old}} {
		for last, size := range []int{10, 5000, 100_000} {
			sizes := append(bytesOf(commitSizes[:1+last*2]), size)
			k := killedStore(t, sizes, c.prepare)
			end := k.ends[len(k.ends)-2]
			if c.prepare != nil && len(k.before) < len(k.log) {
				t.Fatal("the old log is too short")
			}
			before := make([]byte, len(k.log)) // the last write has not begun
			copy(before, k.before)
			for round := range 40 {
				log := bytes.Clone(before)
				p := rnd.Float64()
				for at := end &^ 511; at < int64(len(log)); at += 512 {
					if stop := min(at+512, int64(len(log))); rnd.Float64() < p {
						copy(log[at:stop], k.log[at:stop])
					}
				}
				st, err := scanWAL(bytes.NewReader(log))
				if err != nil || st.damaged || st.commits < len(sizes)-1 {
					t.Errorf("%s, round %d: %+v, %v, want %d commits", c.name, round, st, err, len(sizes)-1)
				}
			}
		}
	}
}

// bytesOf copies sizes.
func bytesOf(sizes []int) []int { return append([]int(nil), sizes...) }

// TestRolledBack leaves frames of a large write that was rolled back behind those of smaller commits: no damage.
func TestRolledBack(t *testing.T) {
	k := killedStore(t, []int{10, 10, 10}, func(s *Store) {
		if err := s.writer.run("PRAGMA cache_size = 10"); err != nil { // or nothing would be written before the commit
			t.Fatal(err)
		}
		errStop := errors.New("stop")
		err := s.Update(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
			return errors.Join(putInline(1, 1<<20)(ctx, tx), errStop)
		})
		if !errors.Is(err, errStop) {
			t.Fatal(err)
		}
	})
	if len(k.log) < 1<<19 {
		t.Fatalf("the log has %d bytes, want those of the large write", len(k.log))
	}
	if n, err := k.open(t, "rolled back", k.log, Options{}); n != 3 || err != nil {
		t.Errorf("%d commits, %v, want 3", n, err)
	}
}

// TestMissingDatabase is not made anew beside a log with commits.
func TestMissingDatabase(t *testing.T) {
	k := killedStore(t, []int{10}, nil)
	path := k.put(t, k.log)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := k.count(t, "empty", Options{Path: path}); err == nil {
		t.Error("an empty database was opened")
	}
}

// TestSums compares the checksum with that of a big-endian machine's log.
func TestSums(t *testing.T) {
	data := bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7, 8}, 3)
	swapped := bytes.Repeat([]byte{4, 3, 2, 1, 8, 7, 6, 5}, 3)
	if a, b := (sum{7, 9}).add(data, true), (sum{7, 9}).add(swapped, false); a != b || a == (sum{7, 9}) {
		t.Errorf("sums %v and %v, want equal ones", a, b)
	}
	if _, err := scanWAL(io.LimitReader(rand.NewChaCha8([32]byte{}), 1<<20)); err != nil {
		t.Errorf("scanWAL of noise = %v", err)
	}
}
