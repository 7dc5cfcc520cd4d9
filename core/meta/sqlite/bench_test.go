package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	driverpkg "modernc.org/sqlite"

	"trivium/core"
	"trivium/core/meta/sqlmeta"
)

// measureCPU reports the processor time of an operation, which a busy machine changes less than its duration.
func measureCPU(b *testing.B) (stop func()) {
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	start := used()
	return func() { b.ReportMetric(float64(used()-start)/float64(b.N), "cpu-ns/op") }
}

// benchStore opens a store for a benchmark.
func benchStore(b *testing.B) *Store {
	b.Helper()
	s, err := Open(b.Context(), Options{Path: filepath.Join(b.TempDir(), "meta.db")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// benchEntry is an entry as S3 makes them, with inline content.
func benchEntry(id int64, key string) core.Entry {
	sum := make([]byte, 32)
	_, _ = rand.Read(sum)
	return core.Entry{
		BucketID: 1, Key: key, ObjectID: id, CreateTime: 1700000000000000000 + id, LastVersion: 1700000000000000000 + id,
		Version: core.Version{
			Seq: 1, ID: 1700000000000000000 + id, Null: true, Size: 4096, ETag: fmt.Sprintf("%x", sum[:16]), SHA256: sum,
			UpdateTime: 1700000000000000000 + id, MTime: core.NoTime, CreatedBy: 1,
			Content: core.ContentRef{Kind: core.ContentInline, ID: id},
			Attrs:   core.Attrs{ContentType: "application/octet-stream"},
		},
	}
}

func putOne(s *Store, id int64, key string, data []byte) error {
	e := benchEntry(id, key)
	return s.Update(context.Background(), func(ctx context.Context, tx core.MetaTx) error {
		if err := tx.PutInline(ctx, id, 1, data); err != nil {
			return err
		}
		if err := tx.AddUsage(ctx, 1, core.Usage{Objects: 1, Bytes: 4096}); err != nil {
			return err
		}
		return tx.PutEntry(ctx, e)
	})
}

// BenchmarkUpdate writes an entry and 4 KiB of inline data per operation, in random key order.
func BenchmarkUpdate(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s, data := benchStore(b), make([]byte, 4096)
			var id atomic.Int64
			b.SetParallelism((writers + 1) / 2)
			b.ReportAllocs()
			defer measureCPU(b)()
			b.ResetTimer()
			if writers == 1 {
				for b.Loop() {
					n := id.Add(1)
					if err := putOne(s, n, scattered(n), data); err != nil {
						b.Fatal(err)
					}
				}
			} else {
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						n := id.Add(1)
						if err := putOne(s, n, scattered(n), data); err != nil {
							b.Error(err)
						}
					}
				})
			}
			b.ReportMetric(float64(id.Load())/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// scattered is a key whose order has nothing to do with n.
func scattered(n int64) string { return fmt.Sprintf("data/%016x", uint64(n)*0x9e3779b97f4a7c15) }

// filled makes a store with count entries named by key, brief ones.
func filled(b *testing.B, count int, key func(i int) string) *Store {
	b.Helper()
	s := benchStore(b)
	for i := 0; i < count; i += 1000 {
		err := s.Update(b.Context(), func(ctx context.Context, tx core.MetaTx) error {
			for j := i; j < min(i+1000, count); j++ {
				if err := tx.PutEntry(ctx, benchEntry(int64(j+1), key(j))); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// BenchmarkLookup reads an entry with 4 KiB of inline data.
func BenchmarkLookup(b *testing.B) {
	const count = 20000
	s := filled(b, count, func(i int) string { return scattered(int64(i)) })
	data := make([]byte, 4096)
	for i := 0; i < count; i += 1000 {
		err := s.Update(b.Context(), func(ctx context.Context, tx core.MetaTx) error {
			for j := i; j < i+1000; j++ {
				if err := tx.PutInline(ctx, int64(j+1), 1, data); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	for _, with := range []bool{true, false} {
		b.Run(fmt.Sprintf("content=%v", with), func(b *testing.B) {
			b.ReportAllocs()
			defer measureCPU(b)()
			n := int64(0)
			for b.Loop() {
				n += 7919
				f, err := s.Lookup(b.Context(), 1, scattered(n%count), with)
				if err != nil || !f.Exists || with && len(f.Inline) != 4096 {
					b.Fatal(f.Exists, len(f.Inline), err)
				}
			}
		})
	}
}

// BenchmarkLookupBesideWrites reads entries without content from one goroutine and writes one after every few reads,
// which makes readers forget their pages.
func BenchmarkLookupBesideWrites(b *testing.B) {
	const count = 20000
	s := filled(b, count, func(i int) string { return scattered(int64(i)) })
	data, id := make([]byte, 100), int64(count)
	for _, every := range []int{4, 32} {
		b.Run(fmt.Sprintf("every=%d", every), func(b *testing.B) {
			defer measureCPU(b)()
			n := 0
			for b.Loop() {
				if n++; n%every == 0 {
					id++
					if err := putOne(s, id, scattered(id), data); err != nil {
						b.Fatal(err)
					}
				}
				f, err := s.Lookup(b.Context(), 1, scattered(int64(n)*7919%count), false)
				if err != nil || !f.Exists {
					b.Fatal(f.Exists, err)
				}
			}
		})
	}
}

// BenchmarkList reads pages of 1,000: entries among 100,000, and common prefixes of 100 keys each.
func BenchmarkList(b *testing.B) {
	flat := filled(b, 100000, func(i int) string { return fmt.Sprintf("photos/%08d.jpeg", i) })
	deep := filled(b, 100000, func(i int) string { return fmt.Sprintf("photos/%04d/%08d.jpeg", i/100, i) })
	for _, c := range []struct {
		name  string
		store *Store
		q     core.ListQuery
	}{
		{"brief", flat, core.ListQuery{Brief: true}},
		{"whole", flat, core.ListQuery{}},
		{"delimiter-flat", flat, core.ListQuery{Brief: true, Delimiter: "/"}},
		{"prefixes", deep, core.ListQuery{Brief: true, Delimiter: "/"}},
	} {
		c.q.BucketID, c.q.Prefix, c.q.Limit = 1, "photos/", 1000
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			defer measureCPU(b)()
			for b.Loop() {
				err := c.store.View(b.Context(), func(ctx context.Context, tx core.MetaTx) error {
					items, err := tx.List(ctx, c.q)
					if len(items) != 1000 {
						b.Fatal(len(items))
					}
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFloor is what BenchmarkUpdate is measured against: a bare loop of prepared database/sql statements
// that inserts the same two rows, 64 times in a transaction.
func BenchmarkFloor(b *testing.B) {
	ctx, db, data := context.Background(), openSQL(b), make([]byte, 4096)
	insert, err := db.PrepareContext(ctx, layersInsert)
	if err != nil {
		b.Fatal(err)
	}
	defer insert.Close()
	inline, err := db.PrepareContext(ctx, `INSERT INTO inline_data (id, sum, data) VALUES (?1, ?2, ?3)`)
	if err != nil {
		b.Fatal(err)
	}
	defer inline.Close()
	defer measureCPU(b)()
	n := int64(0)
	for b.Loop() {
		if n%64 == 0 {
			if n > 0 {
				_, _ = db.ExecContext(ctx, "COMMIT")
			}
			_, _ = db.ExecContext(ctx, "BEGIN IMMEDIATE")
		}
		n++
		if _, err := inline.ExecContext(ctx, n, 1, data); err != nil {
			b.Fatal(err)
		}
		if _, err := insert.ExecContext(ctx, layersArgs(n)...); err != nil {
			b.Fatal(err)
		}
	}
	_, _ = db.ExecContext(ctx, "COMMIT")
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
}

// The statements of BenchmarkLayers and BenchmarkFloor.
const (
	layersInsert = `INSERT INTO objects (bucket_id, key, object_id, create_time, last_version, last_revision,
		unfinished, seq, version_id, flags, size, etag, sha256, update_time, mtime, expiry, revision, content_kind,
		content_id, class, created_by, part_count, attrs) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,
		?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)`
	layersPage = `SELECT * FROM objects WHERE bucket_id = ?1 AND key >= ?2 ORDER BY key LIMIT 1000`
)

// layersArgs are the arguments of layersInsert.
func layersArgs(n int64) []any {
	e := benchEntry(n, scattered(n))
	return []any{
		int64(1), []byte(e.Key), n, n, n, int64(0), nil, int64(1), n, int64(1), int64(4096), e.Version.ETag,
		e.Version.SHA256, n, nil, int64(0), int64(0), int64(1), n, nil, int64(1), int64(0), `{"ct":"text/plain"}`,
	}
}

// openSQL opens an empty store's file through database/sql, on one connection.
func openSQL(b *testing.B) *sql.DB {
	b.Helper()
	s := benchStore(b)
	c, err := driverpkg.NewConnector("file://" + s.opts.Path + "?_journal_mode=WAL&_synchronous=FULL")
	if err != nil {
		b.Fatal(err)
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(1)
	b.Cleanup(func() { _ = db.Close() })
	return db
}

// BenchmarkLayers runs the same two statements through database/sql, through the driver's statements, and
// through conn: what docs/decisions/group-commit.md decided by.
func BenchmarkLayers(b *testing.B) {
	b.Run("sql", layerSQL)
	b.Run("driver", layerDriver)
	b.Run("conn", layerConn)
}

func layerSQL(b *testing.B) {
	ctx, db := context.Background(), openSQL(b)
	if _, err := db.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		b.Fatal(err)
	}
	insert, err := db.PrepareContext(ctx, layersInsert)
	if err != nil {
		b.Fatal(err)
	}
	list, err := db.PrepareContext(ctx, layersPage)
	if err != nil {
		b.Fatal(err)
	}
	n := int64(0)
	b.Run("insert", func(b *testing.B) {
		defer measureCPU(b)()
		for b.Loop() {
			n++
			if _, err := insert.ExecContext(ctx, layersArgs(n)...); err != nil {
				b.Fatal(err)
			}
		}
	})
	dest := make([]any, 22)
	for i := range dest {
		dest[i] = new(any)
	}
	page := func() error {
		rows, err := list.QueryContext(ctx, 1, []byte{})
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := rows.Scan(dest...); err != nil {
				return err
			}
		}
		return rows.Err()
	}
	b.Run("page", func(b *testing.B) {
		defer measureCPU(b)()
		for b.Loop() {
			if err := page(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// named makes a driver's arguments.
func named(args ...any) []driver.NamedValue {
	all := make([]driver.NamedValue, len(args))
	for i, a := range args {
		all[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return all
}

func layerDriver(b *testing.B) {
	ctx := context.Background()
	c, err := openSQL(b).Conn(ctx)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	_ = c.Raw(func(dc any) error {
		prepare := func(text string) driver.Stmt {
			s, err := dc.(driver.ConnPrepareContext).PrepareContext(ctx, text)
			if err != nil {
				b.Fatal(err)
			}
			return s
		}
		_, _ = prepare("BEGIN IMMEDIATE").(driver.StmtExecContext).ExecContext(ctx, nil)
		insert := prepare(layersInsert).(driver.StmtExecContext)
		list := prepare(layersPage).(driver.StmtQueryContext)
		n := int64(0)
		b.Run("insert", func(b *testing.B) {
			defer measureCPU(b)()
			for b.Loop() {
				n++
				if _, err := insert.ExecContext(ctx, named(layersArgs(n)...)); err != nil {
					b.Fatal(err)
				}
			}
		})
		dest := make([]driver.Value, 22)
		b.Run("page", func(b *testing.B) {
			defer measureCPU(b)()
			for b.Loop() {
				rows, err := list.QueryContext(ctx, named(int64(1), []byte{}))
				if err != nil {
					b.Fatal(err)
				}
				for rows.Next(dest) == nil {
					continue
				}
				_ = rows.Close()
			}
		})
		return nil
	})
}

func layerConn(b *testing.B) {
	ctx, c := context.Background(), benchStore(b).writer
	if err := c.exec("BEGIN IMMEDIATE"); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.exec("ROLLBACK") }()
	n := int64(0)
	b.Run("insert", func(b *testing.B) {
		defer measureCPU(b)()
		for b.Loop() {
			n++
			if _, err := c.Exec(ctx, layersInsert, layersArgs(n)...); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("page", func(b *testing.B) {
		defer measureCPU(b)()
		for b.Loop() {
			rows, err := c.Query(ctx, layersPage, 1, sqlmeta.Blob(""))
			if err != nil {
				b.Fatal(err)
			}
			for rows.Next() {
				for i := range 22 {
					switch i {
					case 1, 6, 11, 12, 19, 21:
						_ = rows.Text(i)
					default:
						_ = rows.Int(i)
					}
				}
			}
			_ = rows.Close()
		}
	})
}
