package drivertest

import (
	"fmt"

	"trivium/drivers"
)

func optionalChecks() []check {
	return []check{
		{"copy", checkCopy},
		{"batch delete", checkBatchDelete},
		{"usage", checkUsage},
		{"cancelled", checkOptionalCancelled},
	}
}

func checkCopy(b *bench) {
	c, ok := drivers.As[drivers.Copier](b.d)
	if !ok {
		b.Skip("does not copy")
	}
	want := content(1, 300_000)
	b.put("from", want)
	b.put("empty", nil)
	b.put("old", []byte("old"))
	for _, pair := range [][2]string{{"from", "dir/to"}, {"from", "old"}, {"empty", "dir/empty"}, {"from", "from"}} {
		if err := c.Copy(b.Context(), pair[0], pair[1]); err != nil {
			b.Errorf("Copy(%q, %q) = %v", pair[0], pair[1], err)
		}
	}
	b.wantErr("Copy of a missing name", c.Copy(b.Context(), "missing", "old"), drivers.ErrNotExist)
	b.wantErr("Copy of a prefix", c.Copy(b.Context(), "dir", "old"), drivers.ErrNotExist)
	b.put("from", []byte("changed afterwards"))
	b.wantContent("dir/to", want)
	b.wantContent("old", want)
	b.wantContent("dir/empty", nil)
	b.wantStore("dir/empty", "dir/to", "empty", "from", "old")
}

func checkBatchDelete(b *bench) {
	bd, ok := drivers.As[drivers.BatchDeleter](b.d)
	if !ok {
		b.Skip("deletes no batches")
	}
	var names []string
	for i := range 40 {
		name := fmt.Sprintf("d%d/%d", i%4, i)
		b.put(name, []byte("x"))
		names = append(names, name, fmt.Sprintf("d%d/missing%d", i%4, i), fmt.Sprintf("none%d/x", i))
	}
	b.put("d0/kept", []byte("kept"))
	b.must("DeleteBatch(nothing)", bd.DeleteBatch(b.Context(), nil))
	b.must("DeleteBatch", bd.DeleteBatch(b.Context(), names))
	b.wantStore("d0/kept")
	b.put("d1/x", nil)
	b.put("d2/x", nil)
	err := bd.DeleteBatch(b.Context(), []string{"d1/x", "../bad", "d2/x"})
	b.wantErr("DeleteBatch with an invalid name", err, drivers.ErrName)
	b.wantStore("d0/kept")
}

func checkUsage(b *bench) {
	u, ok := drivers.As[drivers.Usage](b.d)
	if !ok {
		b.Skip("reports no usage")
	}
	b.put("x", content(1, 1<<20))
	used, free, err := u.Usage(b.Context())
	if err != nil || used >= 0 && used < 1<<20 || used == 0 || free == 0 {
		b.Errorf("Usage() = %d, %d, %v, want 1 MiB or more used, something free, or negative numbers", used, free, err)
	}
}

func checkOptionalCancelled(b *bench) {
	b.put("x", []byte("x"))
	ctx, cancel := cancelled(b)
	defer cancel()
	want := ctx.Err()
	if c, ok := drivers.As[drivers.Copier](b.d); ok {
		b.wantErr("Copy", c.Copy(ctx, "x", "y"), want)
	}
	if bd, ok := drivers.As[drivers.BatchDeleter](b.d); ok {
		b.wantErr("DeleteBatch", bd.DeleteBatch(ctx, []string{"x"}), want)
	}
	if m, ok := drivers.As[drivers.Mkdirer](b.d); ok {
		b.wantErr("Mkdir", m.Mkdir(ctx, "dir"), want)
		b.wantErr("Rmdir", m.Rmdir(ctx, "dir"), want)
	}
	b.wantStore("x")
}
