package sqlite

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"trivium/core"
	"trivium/core/meta/metatest"
)

// template is an empty store's file: copying it is quicker than migrating, above all under the race detector.
var template = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "sqlite-template")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "meta.db")
	files, err := migrations()
	if err != nil {
		return nil, err
	}
	if err := prepareFile(context.Background(), path, files); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// openStore opens a store that the test closes.
func openStore(t testing.TB, o Options) *Store {
	t.Helper()
	if _, err := os.Stat(o.Path); err != nil {
		file, err := template()
		if err != nil {
			t.Fatalf("make a template: %v", err)
		}
		if err := os.WriteFile(o.Path, file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatalf("Open() = %v", err)
	}
	return s
}

// TestSuite runs the suite, with few and more readers in turn, and then
// looks at the plan of every statement that it ran: none walks through a table that grows or sorts what it found,
// save those that answer a whole table.
func TestSuite(t *testing.T) {
	texts, opened := map[string]bool{}, 0
	metatest.Run(t, func(t testing.TB, dir string) core.MetaStore {
		opened++
		o := Options{Path: filepath.Join(dir, "meta.db"), ReadConns: 1 + opened%3}
		return spy{openStore(t, o), t, texts}
	})
	s := quietStore(t) // so that the checkpointer's connection is free
	for _, text := range slices.Sorted(maps.Keys(texts)) {
		switch verb, _, _ := strings.Cut(text, " "); verb {
		case "SELECT", "UPDATE", "DELETE":
			checkPlan(t, s.checkpointer, text)
		}
	}
}

// spy looks at a store that is closed: it remembers the statements and reports what no method could find again.
type spy struct {
	*Store
	t     testing.TB
	texts map[string]bool
}

// strayAttrs counts attributes in side tables whose entry or version does not point to them.
const strayAttrs = `SELECT (SELECT count(*) FROM entry_attrs WHERE object_id NOT IN (
		SELECT object_id FROM objects WHERE flags & 16 <> 0 UNION SELECT object_id FROM hidden WHERE flags & 16 <> 0))
	+ (SELECT count(*) FROM version_attrs WHERE (object_id, seq) NOT IN (
		SELECT object_id, seq FROM versions WHERE flags & 16 <> 0))`

// strayLists counts rows of extents and parts whose list does not say that they are there.
const strayLists = `SELECT (SELECT count(*) FROM list_extents WHERE list_id NOT IN (SELECT id FROM lists WHERE long = 1))
	+ (SELECT count(*) FROM list_parts WHERE list_id NOT IN (SELECT id FROM lists WHERE parts > 0))`

// Close implements core.MetaStore.
func (s spy) Close() error {
	if s.closed {
		return s.Store.Close()
	}
	readers := s.readers.takeAll()
	reader := readers[0]
	if n, err := reader.number(strayAttrs); n != 0 || err != nil {
		s.t.Errorf("%d rows of attributes belong to nothing, %v", n, err)
	}
	if n, err := reader.number(strayLists); n != 0 || err != nil {
		s.t.Errorf("%d rows of extents and parts belong to nothing, %v", n, err)
	}
	for _, c := range append(readers, s.writer) {
		for text := range c.stmts {
			s.texts[text] = true
		}
	}
	s.readers.putAll(readers)
	return s.Store.Close()
}

// checkPlan reports a statement that does not find its rows by an index.
func checkPlan(t *testing.T, c *conn, text string) {
	for _, whole := range []string{"FROM access_keys ORDER BY", "FROM leases", "FROM spaces", "WHERE state = 0", "count(*)"} {
		if strings.Contains(text, whole) {
			return
		}
	}
	st, err := c.prepare("EXPLAIN QUERY PLAN " + text)
	if err != nil {
		t.Errorf("%s: %v", text, err)
		return
	}
	defer st.finalize()
	for st.Next() {
		step := st.Text(3)
		all := step == "SCAN CONSTANT ROW" || strings.Contains(step, "blobs_unreferenced") || strings.Contains(step, "lists_dead") ||
			step == "SCAN sqlite_dbpage VIRTUAL TABLE INDEX 1:" // which is one page, by its number
		scan := strings.HasPrefix(step, "SCAN") && !all
		if scan || strings.Contains(step, "TEMP B-TREE") {
			t.Errorf("%s\n\t%s", text, step)
		}
	}
}
