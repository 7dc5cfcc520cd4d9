package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	driverpkg "modernc.org/sqlite"

	"trivium/core"
	"trivium/core/meta/sqlmeta"
)

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

// BenchmarkLayers runs the same two statements through database/sql, through the driver's statements, and
// through conn: what docs/decisions/group-commit.md decided by.
func BenchmarkLayers(b *testing.B) {
	const (
		insert = `INSERT INTO objects (bucket_id, key, object_id, create_time, last_version, last_revision, unfinished,
			seq, version_id, flags, size, etag, sha256, update_time, mtime, expiry, revision, content_kind,
			content_id, class, created_by, attrs) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,
			?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)`
		page = `SELECT * FROM objects WHERE bucket_id = ?1 AND key >= ?2 ORDER BY key LIMIT 1000`
	)
	args := func(n int64) []any {
		e := benchEntry(n, scattered(n))
		return []any{
			int64(1), []byte(e.Key), n, n, n, int64(0), nil, int64(1), n, int64(1), int64(4096), e.Version.ETag,
			e.Version.SHA256, n, nil, int64(0), int64(0), int64(1), n, nil, int64(1), `{"ct":"text/plain"}`,
		}
	}
	named := func(args []any) []driver.NamedValue {
		all := make([]driver.NamedValue, len(args))
		for i, a := range args {
			all[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
		}
		return all
	}
	ctx := context.Background()
	open := func(b *testing.B) *sql.DB {
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
	b.Run("sql", func(b *testing.B) {
		db := open(b)
		tx, err := db.Begin()
		if err != nil {
			b.Fatal(err)
		}
		defer tx.Rollback()
		ins, _ := tx.Prepare(insert)
		list, _ := tx.Prepare(page)
		n := int64(0)
		b.Run("insert", func(b *testing.B) {
			for b.Loop() {
				n++
				if _, err := ins.ExecContext(ctx, args(n)...); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("page", func(b *testing.B) {
			dest := make([]any, 22)
			for i := range dest {
				dest[i] = new(any)
			}
			for b.Loop() {
				rows, err := list.QueryContext(ctx, 1, []byte{})
				if err != nil {
					b.Fatal(err)
				}
				for rows.Next() {
					if err := rows.Scan(dest...); err != nil {
						b.Fatal(err)
					}
				}
				rows.Close()
			}
		})
	})
	b.Run("driver", func(b *testing.B) {
		db := open(b)
		c, err := db.Conn(ctx)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		_ = c.Raw(func(dc any) error {
			prep := dc.(driver.ConnPrepareContext)
			begin, _ := prep.PrepareContext(ctx, "BEGIN IMMEDIATE")
			_, _ = begin.(driver.StmtExecContext).ExecContext(ctx, nil)
			ins, _ := prep.PrepareContext(ctx, insert)
			list, _ := prep.PrepareContext(ctx, page)
			n := int64(0)
			b.Run("insert", func(b *testing.B) {
				for b.Loop() {
					n++
					if _, err := ins.(driver.StmtExecContext).ExecContext(ctx, named(args(n))); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("page", func(b *testing.B) {
				dest := make([]driver.Value, 22)
				for b.Loop() {
					rows, err := list.(driver.StmtQueryContext).QueryContext(ctx, named([]any{int64(1), []byte{}}))
					if err != nil {
						b.Fatal(err)
					}
					for rows.Next(dest) == nil {
						continue
					}
					rows.Close()
				}
			})
			return nil
		})
	})
	b.Run("conn", func(b *testing.B) {
		s := benchStore(b)
		c := s.writer
		if err := c.exec("BEGIN IMMEDIATE"); err != nil {
			b.Fatal(err)
		}
		defer func() { _ = c.exec("ROLLBACK") }()
		n := int64(0)
		b.Run("insert", func(b *testing.B) {
			for b.Loop() {
				n++
				if _, err := c.Exec(ctx, insert, args(n)...); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("page", func(b *testing.B) {
			for b.Loop() {
				rows, err := c.Query(ctx, page, 1, sqlmeta.Blob(""))
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
				rows.Close()
			}
		})
	})
}
