package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"trivium/core"
	"trivium/core/meta/metatest"
)

// history is a killed store whose commits put, change and delete, with its state before each of them and after the last.
type history struct {
	killed
	states []metatest.State
}

// makeHistory makes the same history each time.
func makeHistory(t *testing.T) (h history) {
	t.Helper()
	s := quietStore(t)
	read := func(suffix string) []byte {
		b, err := os.ReadFile(s.opts.Path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for id := range int64(8) { // more than one page of each kind, in the database
		if err := s.Update(t.Context(), putInline(id+1, 9000)); err != nil {
			t.Fatal(err)
		}
	}
	s.afterBatch()
	if !s.emptyLog() {
		t.Fatal("the log is not empty")
	}
	remember := func() {
		d, err := metatest.Dump(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		h.states = append(h.states, d)
	}
	remember()
	for i := range int64(9) {
		err := s.Update(t.Context(), func(ctx context.Context, tx core.MetaTx) error {
			return errors.Join(
				tx.DeleteInline(ctx, i),
				tx.AddUsage(ctx, 1, core.Usage{Objects: 1 - i%3, Bytes: 100 * i}),
				tx.PutLease(ctx, core.Lease{Incarnation: 7, RenewTime: i + 1}),
				putInline(100+i, int(10+i%4*9000))(ctx, tx))
		})
		if err != nil {
			t.Fatal(err)
		}
		st, err := scanLog(s.opts.Path)
		if err != nil || st.damaged {
			t.Fatalf("a log at rest: %+v, %v", st, err)
		}
		h.ends = append(h.ends, st.good)
		remember()
	}
	h.db, h.log, h.shm = read(""), read("-wal"), read("-shm")
	return h
}

// copied is the database after a checkpoint of the first commits of which the disk kept the pages that keep names.
func (h history) copied(commits int, keep func(page int) bool) []byte {
	newest := map[int][]byte{}
	for at := walHeader; at < int(h.ends[commits-1]); at += frameSize {
		f := frame(h.log[at:][:frameSize])
		newest[int(f.page())] = f[frameHeader:]
	}
	db := bytes.Clone(h.db)
	for number, image := range newest {
		if !keep(number) {
			continue
		}
		if missing := number*pageSize - len(db); missing > 0 {
			db = append(db, make([]byte, missing)...)
		}
		page := db[(number-1)*pageSize:][:pageSize]
		copy(page, image)
		sealPage(int64(number), page)
	}
	return db
}

// lay writes a store into a new directory, with the index that was beside it before any checkpoint.
func (h history) lay(t *testing.T, db, log []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "meta.db")
	for suffix, b := range map[string][]byte{"": db, "-wal": log, "-shm": h.shm} {
		if err := os.WriteFile(path+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// giveUp opens a store whose log is damaged and tells which of the states it has; -1: it was refused, and is as before.
func (h history) giveUp(t *testing.T, o Options, log []byte) (state int) {
	t.Helper()
	var out strings.Builder
	_, refusal := Open(t.Context(), o)
	o.DropDamagedLog, o.ReadConns, o.Log = true, 1, slog.New(slog.NewTextHandler(&out, nil))
	s, err := Open(t.Context(), o)
	kept, globErr := filepath.Glob(o.Path + "-wal?*")
	if err != nil {
		after, readErr := os.ReadFile(o.Path + "-wal")
		if core.CodeOf(err) != core.Corrupt || len(kept) != 0 || !bytes.Equal(after, log) {
			t.Errorf("Open() = %v, beside it are %v, %v %v, want Corrupt and the log as it was", err, kept, globErr, readErr)
		}
		if refusal == nil || strings.Contains(refusal.Error(), "--drop") && !strings.Contains(refusal.Error(), "if the rest is whole") {
			t.Errorf("Open() without the flag = %v, want it not advised, as it is refused", refusal)
		}
		return -1
	}
	defer s.Close()
	if refusal == nil || !strings.Contains(refusal.Error(), "--drop-damaged-log") {
		t.Errorf("Open() without the flag = %v, want it advised", refusal)
	}
	d, err := metatest.Dump(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if !lossNoted(t, s) {
		t.Error("that commits were lost is not noted")
	}
	state = slices.IndexFunc(h.states, func(want metatest.State) bool { return reflect.DeepEqual(d, want) })
	if state < 0 {
		t.Error("the store has a state that never was")
	}
	if len(kept) != 1 || !strings.Contains(out.String(), "given up") {
		t.Fatalf("kept are %v, want one log; the log says %q", kept, out.String())
	}
	if b, err := os.ReadFile(kept[0]); err != nil || !bytes.Equal(b, log) {
		t.Errorf("%d bytes are kept, %v, want the damaged log", len(b), err)
	}
	return state
}

// lossNoted tells whether the store knows that it lost commits.
func lossNoted(t *testing.T, s *Store) (noted bool) {
	t.Helper()
	err := s.View(t.Context(), func(ctx context.Context, tx core.MetaTx) (err error) {
		_, noted, err = tx.Setting(ctx, core.SettingLostCommits)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return noted
}

// TestCheckpointedLog damages a log that a checkpoint has copied not at all, in part and whole. The index beside it is
// older than the database, as a power cut leaves it.
func TestCheckpointedLog(t *testing.T) {
	h := makeHistory(t)
	log := bytes.Clone(h.log)
	log[h.ends[3]+100] ^= 1
	all, last := func(int) bool { return true }, len(h.ends)
	end := int(frame(h.log[h.ends[last-1]-frameSize:]).page())
	for _, c := range []struct {
		name string
		db   []byte
		want int
	}{
		{"nothing is copied", h.db, 4},
		{"two commits are copied", h.copied(2, all), 4},
		{"all before the damage", h.copied(4, all), 4},
		{"all but the last", h.copied(last-1, all), -1},
		{"all but one page", h.copied(last, func(page int) bool { return page != end }), -1},
		{"all", h.copied(last, all), last},
	} {
		if got := h.giveUp(t, Options{Path: h.lay(t, c.db, log)}, log); got != c.want {
			t.Errorf("%s: state %d of %d, want %d", c.name, got, last, c.want)
		}
	}
}

// TestMixedStates has any pages of any checkpoint in the database and damage anywhere in the log: what is opened is a
// state that once was.
func TestMixedStates(t *testing.T) {
	h := makeHistory(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	refused := 0
	for range 60 {
		log := bytes.Clone(h.log)
		at := walHeader + rnd.IntN(int(h.ends[len(h.ends)-2])-walHeader)
		if within := (at - walHeader) % frameSize; within >= frameHeader && within < frameSize-512 && rnd.IntN(2) == 0 {
			copy(log[at:], make([]byte, 512)) // a sector
		}
		log[at] ^= byte(1 + rnd.IntN(255))
		p, commits := rnd.Float64(), 1+rnd.IntN(len(h.ends))
		db := h.copied(commits, func(int) bool { return rnd.Float64() < p })
		if h.giveUp(t, Options{Path: h.lay(t, db, log)}, log) < 0 {
			refused++
		}
		if t.Failed() {
			t.Fatalf("byte %d of the log, pages of %d commits in the database", at, commits)
		}
	}
	t.Logf("%d of 60 refused", refused)
}

// TestKilledJudge ends the process while it looks whether the start of a damaged log is a whole state: the next one finds
// the damaged log again.
func TestKilledJudge(t *testing.T) {
	h := makeHistory(t)
	log := bytes.Clone(h.log)
	log[h.ends[3]+100] ^= 1
	later := filepath.Join(t.TempDir(), "meta.db")
	o := Options{Path: h.lay(t, h.db, log)}
	o.Hook = func(point string) {
		if point != "log.cut" {
			return
		}
		files, err := filepath.Glob(o.Path + "*")
		if err != nil {
			t.Error(err)
		}
		for _, name := range files {
			copyFile(t, name, later+strings.TrimPrefix(name, o.Path))
		}
	}
	if got := h.giveUp(t, o, log); got != 4 {
		t.Errorf("state %d, want 4", got)
	}
	if n, err := h.count(t, "the next start", Options{Path: later}); err == nil {
		t.Errorf("the next start has %d commits, want a refusal", n)
	}
	if got := h.giveUp(t, Options{Path: later}, log); got != 4 {
		t.Errorf("the next start that may drop the log has state %d, want 4", got)
	}
}

// copyFile copies a file.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	src, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(dst, src)
	if err := errors.Join(err, dst.Close()); err != nil {
		t.Fatal(fmt.Errorf("copy %s: %w", from, err))
	}
}
