package sqlite

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trivium/core"
	"trivium/core/meta/metatest"
)

// spy remembers the statements of a store that is closed.
type spy struct {
	*Store
	texts map[string]bool
}

// Close implements core.MetaStore.
func (s spy) Close() error {
	conns := []*conn{s.writer}
	for len(s.readers) > 0 {
		conns = append(conns, <-s.readers)
	}
	for _, c := range conns {
		for text := range c.stmts {
			s.texts[text] = true
		}
		if c != s.writer {
			s.readers <- c
		}
	}
	return s.Store.Close()
}

// TestPlans looks at the plan of every statement that the suite runs: none walks through a table that grows or
// sorts what it found, save those that answer a whole table.
func TestPlans(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the suite once more")
	}
	texts := map[string]bool{}
	metatest.Run(t, func(t testing.TB, dir string) core.MetaStore {
		return spy{openStore(t, Options{Path: filepath.Join(dir, "meta.db"), ReadConns: 1}), texts}
	})
	s := tempStore(t, Options{})
	for _, text := range slices.Sorted(maps.Keys(texts)) {
		if !strings.HasPrefix(text, "SELECT") && !strings.HasPrefix(text, "UPDATE") && !strings.HasPrefix(text, "DELETE") {
			continue
		}
		st, err := s.checkpointer.prepare("EXPLAIN QUERY PLAN " + text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for st.Next() {
			step := st.Text(3)
			whole := strings.Contains(text, "FROM access_keys ORDER BY") || strings.Contains(text, "FROM leases") ||
				strings.Contains(text, "FROM spaces") || strings.Contains(text, "WHERE state = 0") ||
				strings.Contains(text, "count(*)") || strings.Contains(step, "blobs_unreferenced")
			if !whole && (strings.HasPrefix(step, "SCAN") && step != "SCAN CONSTANT ROW" || strings.Contains(step, "TEMP B-TREE")) {
				t.Errorf("%s\n\t%s", text, step)
			}
		}
		st.finalize()
	}
	t.Logf("%d statements", len(texts))
}
