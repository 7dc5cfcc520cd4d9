package damage

import (
	"bytes"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // to change the metadata behind the store's back

	"trivium/core"
	"trivium/core/coretest"
	"trivium/core/meta/sqlite"
	"trivium/s3front"
	"trivium/tests/s3client"
)

// row is one row of inline data.
type row struct {
	id   int64
	sum  int64
	data []byte
}

// inlineHouse is a Service with short objects in its metadata.
func inlineHouse(t *testing.T) (h *house, path string) {
	t.Helper()
	dir := t.TempDir()
	h = &house{t: t, want: map[string][]byte{}}
	h.Env = coretest.New(t, coretest.Options{Dir: dir})
	_, err := h.Bucket(t.Context(), bucket, core.VersioningOff, core.BucketPolicy{})
	must(t, err)
	for i := range 3 {
		key := fmt.Sprint(i)
		h.want[key] = coretest.Bytes(uint64(i+1), 300)
		_, err := h.Admin.PutObject(t.Context(), bucket, key, bytes.NewReader(h.want[key]), 300, core.PutOptions{})
		must(t, err)
	}
	return h, filepath.Join(dir, "trivium.db")
}

// behind opens the database beside the store and returns its inline rows.
func behind(t *testing.T, path string) (*sql.DB, []row) {
	t.Helper()
	vfs, err := sqlite.VFS()
	must(t, err)
	db, err := sql.Open("sqlite", "file:"+path+"?_busy_timeout=5000&vfs="+vfs)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	rows, err := db.QueryContext(t.Context(), "SELECT id, sum, data FROM inline_data ORDER BY id")
	must(t, err)
	defer rows.Close()
	var all []row
	for rows.Next() {
		var r row
		must(t, rows.Scan(&r.id, &r.sum, &r.data))
		all = append(all, r)
	}
	must(t, rows.Err())
	if len(all) != 3 {
		t.Fatalf("%d inline rows, want 3", len(all))
	}
	return db, all
}

// store writes a row back, with other content or not.
func (r row) store(t *testing.T, db *sql.DB) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), "UPDATE inline_data SET sum = ?, data = ? WHERE id = ?", r.sum, r.data, r.id)
	must(t, err)
}

// TestInlineRows flips every byte and every bit of the checksum of an inline row, shortens it, makes it longer and
// removes it: every time the read of that object fails and the others do not.
func TestInlineRows(t *testing.T) {
	h, path := inlineHouse(t)
	db, rows := behind(t, path)
	own := rows[0]
	change := func(what string, r row) {
		t.Helper()
		r.store(t, db)
		if h.read("0", nil) != failed {
			t.Errorf("%s was not noticed", what)
		}
		if h.read("0", &core.Range{First: 0, Last: 0}) != failed {
			t.Errorf("%s was not noticed by a range", what)
		}
		if h.read("1", nil) != right {
			t.Errorf("%s changed another object", what)
		}
		own.store(t, db)
	}
	for at := range own.data {
		change(fmt.Sprintf("flip of byte %d", at), row{own.id, own.sum, flip(own.data, at, uint(at%8))})
	}
	for bit := range 64 {
		change(fmt.Sprintf("flip of bit %d of the sum", bit), row{own.id, own.sum ^ 1<<bit, own.data})
	}
	change("a shorter row", row{own.id, own.sum, own.data[:299]})
	change("a longer row", row{own.id, own.sum, append(bytes.Clone(own.data), 0)})
	change("an empty row", row{own.id, own.sum, []byte{}})
	if h.read("0", nil) != right {
		t.Error("the read of intact bytes failed")
	}
}

// TestInlineSwapped swaps two rows of the stopped store, sums included: each is whole and belongs to the other.
func TestInlineSwapped(t *testing.T) {
	h, path := inlineHouse(t)
	must(t, h.Stop(t.Context()))
	db, rows := behind(t, path)
	row{rows[0].id, rows[1].sum, rows[1].data}.store(t, db)
	row{rows[1].id, rows[0].sum, rows[0].data}.store(t, db)
	must(t, h.Restart(t.Context()))
	for key, want := range map[string]outcome{"0": failed, "1": failed, "2": right} {
		if got := h.read(key, nil); got != want {
			t.Errorf("read of %s = %v, want %v", key, got, want)
		}
	}
}

// TestDoor reads damaged objects through the S3 door: an error before the first byte is a 500, one in mid-stream
// cuts the connection, so that no client takes the torso for the object.
func TestDoor(t *testing.T) {
	h := newHouse(t, settings()[0])
	_, secret, err := h.Admin.CreateKey(t.Context(), coretest.AdminID, "DAMAGETESTKEY0000001", "")
	must(t, err)
	srv := httptest.NewServer(s3front.New(s3front.Config{Service: h.Service}))
	defer srv.Close()
	c := &s3client.Client{Endpoint: srv.URL, Access: "DAMAGETESTKEY0000001", Secret: secret, HTTP: srv.Client()}
	get := func(key, rng string) ([]byte, error) {
		resp, err := c.Get(t.Context(), bucket, key, rng)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		return io.ReadAll(resp.Body)
	}
	l := h.put("a", large)[0]
	own := h.spaces[l.space].read(l.name)
	for _, test := range []struct {
		name   string
		at     int
		rng    string
		status int // 0: cut in mid-stream
	}{
		{"first block", 200, "", http.StatusInternalServerError},
		{"header", 40, "", http.StatusInternalServerError},
		{"last block", len(own) - 1, "", 0},
		{"last block, range before it", len(own) - 1, "bytes=0-999", http.StatusOK},
		{"last block, range in it", len(own) - 1, "bytes=-1", http.StatusInternalServerError},
	} {
		t.Run(test.name, func(t *testing.T) {
			h.spaces[l.space].write(l.name, flip(own, test.at, 0))
			got, err := get("a", test.rng)
			if !bytes.HasPrefix(h.want["a"], got) && test.rng == "" {
				t.Errorf("%d bytes, wrong ones among them", len(got))
			}
			if s3client.Status(err) != test.status {
				t.Errorf("ended with %v after %d bytes, want status %d (0: cut)", err, len(got), test.status)
			}
		})
	}
	h.spaces[l.space].write(l.name, own)
	if got, err := get("a", ""); err != nil || !bytes.Equal(got, h.want["a"]) {
		t.Errorf("intact again: %v, %d bytes", err, len(got))
	}
}
