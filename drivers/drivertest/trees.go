package drivertest

import (
	"fmt"
	"time"

	"trivium/drivers"
)

func treeChecks() []check {
	return []check{
		{"modification time", checkModTime},
		{"time of writing", checkWriteTime},
		{"directories", checkDirectories},
		{"directories and files in each other's way", checkClashes},
		{"flat names", checkFlat},
		{"symbolic links", checkSymlinks},
	}
}

func checkModTime(b *bench) {
	tr := b.d.Traits()
	if !tr.KeepsModTime {
		b.Skip("keeps no times")
	}
	east := time.FixedZone("east", 3*3600)
	for i, want := range []time.Time{
		time.Date(2001, 2, 3, 4, 5, 6, 789_012_345, time.UTC),
		time.Date(2024, 12, 31, 23, 59, 59, 999_999_999, east),
		time.Date(1980, 1, 2, 3, 4, 6, 0, time.UTC),
		time.Date(2031, 1, 1, 0, 0, 0, 1, time.UTC),
	} {
		name := fmt.Sprintf("t/%d", i%2) // the last two replace the first two
		if err := b.tryPut(name, []byte("x"), drivers.PutOptions{ModTime: want, IfAbsent: i < 2}); err != nil {
			b.Fatalf("Put(ModTime %v) = %v", want, err)
		}
		info, err := b.d.Stat(b.Context(), name)
		if diff := info.ModTime.Sub(want).Abs(); err != nil || diff > tr.ModTimeGrain || info.ModTime.Location() != time.UTC {
			b.Errorf("Stat = %v, %v, want %v within %v in UTC", info.ModTime, err, want, tr.ModTimeGrain)
		}
		for listed, err := range b.d.List(b.Context(), "t", drivers.ListOptions{}) {
			if listed.Name == name && (err != nil || !listed.ModTime.Equal(info.ModTime)) {
				b.Errorf("List = %v, %v, want %v as Stat", listed.ModTime, err, info.ModTime)
			}
		}
	}
}

func checkWriteTime(b *bench) {
	if !b.d.Traits().KeepsModTime {
		b.Skip("keeps no times")
	}
	old := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	if err := b.tryPut("x", []byte("x"), drivers.PutOptions{ModTime: old}); err != nil {
		b.Fatalf("Put = %v", err)
	}
	b.put("x", []byte("y"))
	info, err := b.d.Stat(b.Context(), "x")
	if err != nil || info.ModTime.Location() != time.UTC || time.Since(info.ModTime).Abs() > 5*time.Minute {
		b.Errorf("Stat after a Put without a time = %v, %v, want about now in UTC", info.ModTime, err)
	}
}

func (b *bench) mkdirer() drivers.Mkdirer {
	b.Helper()
	m, ok := drivers.As[drivers.Mkdirer](b.d)
	if !ok {
		b.Skip("makes no directories of their own")
	}
	return m
}

func (b *bench) must(what string, err error) {
	b.Helper()
	if err != nil {
		b.Fatalf("%s = %v", what, err)
	}
}

func checkDirectories(b *bench) {
	m, ctx := b.mkdirer(), b.Context()
	if !b.d.Traits().Directories {
		b.Error("a Mkdirer whose Traits say that it has no directories")
	}
	b.must("Mkdir(a/b/c)", m.Mkdir(ctx, "a/b/c"))
	b.must("Mkdir(a/b/c) again", m.Mkdir(ctx, "a/b/c"))
	b.must("Mkdir(a)", m.Mkdir(ctx, "a"))
	b.put("a/b/f", []byte("f"))
	b.put("a/b.x", []byte("x"))
	b.wantKeys("", drivers.ListOptions{Recursive: true}, []string{"a/", "a/b.x", "a/b/", "a/b/c/", "a/b/f"})
	b.wantKeys("a/b", drivers.ListOptions{StartAfter: "a/b/c"}, []string{"a/b/c/", "a/b/f"})
	b.wantKeys("a/b", drivers.ListOptions{StartAfter: "a/b/c/"}, []string{"a/b/f"})
	b.wantKeys("a/b/c", drivers.ListOptions{Recursive: true}, nil)
	info, err := b.d.Stat(ctx, "a/b/c")
	if err != nil || !info.IsDir || info.Size != 0 || info.Name != "a/b/c" {
		b.Errorf("Stat of a directory = %+v, %v, want IsDir and size 0", info, err)
	}
	b.wantErr("Rmdir of one with members", m.Rmdir(ctx, "a/b"), drivers.ErrExist)
	b.must("Rmdir(a/b/c)", m.Rmdir(ctx, "a/b/c"))
	b.must("Rmdir(a/b/c) again", m.Rmdir(ctx, "a/b/c"))
	b.must("Rmdir(never/was)", m.Rmdir(ctx, "never/was"))
	b.must("Delete(a/b/f)", b.d.Delete(ctx, "a/b/f"))
	b.wantKeys("", drivers.ListOptions{Recursive: true}, []string{"a/", "a/b.x", "a/b/"})
	b.must("Rmdir(a/b)", m.Rmdir(ctx, "a/b"))
	b.put("a/b/again", []byte("again"))
	b.wantContent("a/b/again", []byte("again"))
}

func checkClashes(b *bench) {
	if !b.d.Traits().Directories {
		b.Skip("has no directories")
	}
	ctx := b.Context()
	b.put("dir/file", []byte("file"))
	_, err := b.d.Open(ctx, "dir", 0, -1)
	b.wantErr("Open of a directory", err, drivers.ErrNotExist)
	b.wantErr("Delete of a directory", b.d.Delete(ctx, "dir"), drivers.ErrDenied)
	b.wantErr("Put over a directory", b.tryPut("dir", []byte("x"), drivers.PutOptions{}), drivers.ErrDenied)
	b.wantErr("Put(IfAbsent) over a directory", b.tryPut("dir", []byte("x"), drivers.PutOptions{IfAbsent: true}), drivers.ErrExist)
	b.wantErr("Put below a file", b.tryPut("dir/file/x", []byte("x"), drivers.PutOptions{}), drivers.ErrDenied)
	b.wantErr("Put(IfAbsent) below a file", b.tryPut("dir/file/x/y", nil, drivers.PutOptions{IfAbsent: true}), drivers.ErrDenied)
	if m, ok := drivers.As[drivers.Mkdirer](b.d); ok {
		b.wantErr("Mkdir over a file", m.Mkdir(ctx, "dir/file"), drivers.ErrDenied)
		b.wantErr("Mkdir below a file", m.Mkdir(ctx, "dir/file/x"), drivers.ErrDenied)
		b.wantErr("Rmdir of a file", m.Rmdir(ctx, "dir/file"), drivers.ErrDenied)
		b.must("Mkdir(empty)", m.Mkdir(ctx, "empty"))
		b.wantErr("Delete of an empty directory", b.d.Delete(ctx, "empty"), drivers.ErrDenied)
		b.wantErr("Put over an empty directory", b.tryPut("empty", nil, drivers.PutOptions{}), drivers.ErrDenied)
		b.must("Rmdir(empty)", m.Rmdir(ctx, "empty"))
	}
	b.wantContent("dir/file", []byte("file"))
	b.wantStore("dir/file")
}

// checkFlat uses a name and names below it at the same time.
func checkFlat(b *bench) {
	if b.d.Traits().Directories {
		b.Skip("has directories")
	}
	b.put("a", []byte("a"))
	b.put("a/b", []byte("a/b"))
	b.put("a/b/c", []byte("a/b/c"))
	for _, name := range []string{"a", "a/b", "a/b/c"} {
		b.wantContent(name, []byte(name))
	}
	b.wantKeys("", drivers.ListOptions{}, []string{"a", "a/"})
	b.wantKeys("a", drivers.ListOptions{}, []string{"a/b", "a/b/"})
	b.must("Delete(a/b)", b.d.Delete(b.Context(), "a/b"))
	b.wantKeys("", drivers.ListOptions{Recursive: true}, []string{"a", "a/b/c"})
}

func checkSymlinks(b *bench) {
	if b.opts.Symlink == nil {
		b.Skip("no way to make symbolic links")
	}
	b.put("dir/file", []byte("file"))
	for name, target := range map[string]string{
		"link": "dir/file", "dirlink": "dir", "dangling": "nowhere", "dir/up": "..", "dir/self": "self",
	} {
		b.opts.Symlink(b.T, b.d, name, target)
	}
	b.wantKeys("", drivers.ListOptions{}, []string{"dir/"})
	b.wantKeys("", drivers.ListOptions{Recursive: true}, []string{"dir/", "dir/file"})
	b.wantMissing("dangling")
	b.put("link", []byte("own content"))
	b.wantContent("link", []byte("own content"))
	b.wantContent("dir/file", []byte("file"))
	b.must("Delete of a link", b.d.Delete(b.Context(), "dirlink"))
	b.wantContent("dir/file", []byte("file"))
}
