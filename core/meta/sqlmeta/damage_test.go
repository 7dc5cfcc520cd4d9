package sqlmeta

import (
	"errors"
	"testing"

	"trivium/core"
	"trivium/core/content"
)

// row is one row of bytes and numbers.
type row map[int][]byte

func (r row) Next() bool           { return false }
func (r row) Int(int) int64        { return 0 }
func (r row) Float(int) float64    { return 0 }
func (r row) Text(col int) string  { return string(r[col]) }
func (r row) Bytes(col int) []byte { return r[col] }
func (r row) IsNull(col int) bool  { return r[col] == nil }
func (r row) Close() error         { return nil }

// TestDamagedBlobIDs reads rows whose blob ids are too short: they are damaged.
func TestDamagedBlobIDs(t *testing.T) {
	short, whole := make([]byte, 15), make([]byte, 16)
	for name, read := range map[string]func() error{
		"blob":    func() error { _, err := scanBlob(row{0: short}); return err },
		"pack":    func() error { _, err := scanBlob(row{0: whole, 7: short}); return err },
		"garbage": func() error { _, err := scanGarbage(row{1: short}); return err },
		"repair":  func() error { _, err := scanRepair(row{0: short}); return err },
		"extents": func() error { _, err := unpackExtents(nil, short); return err },
	} {
		if err := read(); core.CodeOf(err) != core.Corrupt {
			t.Errorf("%s: %v, want Corrupt", name, err)
		}
	}
	if _, err := blobID(short); !errors.Is(err, content.ErrFormat) {
		t.Errorf("blobID() = %v, want ErrFormat in it", err)
	}
	if id, err := blobID(append(make([]byte, 15), 1)); err != nil || id.Counter != 1 {
		t.Errorf("blobID() = %v, %v, want counter 1", id, err)
	}
}
