package drivertest

import (
	"fmt"
	"slices"
	"strings"

	"trivium/drivers"
)

func nameChecks() []check {
	return []check{
		{"invalid", checkInvalidNames},
		{"reserved", checkReservedNames},
		{"odd", checkOddNames},
		{"distinct", checkDistinctNames},
		{"long", checkLongNames},
	}
}

func invalidNames() []string {
	return []string{
		"", "/", "//", ".", "..", "./", "../", "/a", "a/", "a//b", "//a", "a//", "./a", "a/.", "a/./b", "../a", "a/..",
		"a/../b", "a/../../b", "../../../../tmp/trivium-escape", "..//a", "\x00", "a\x00b", "a/\x00", "\xff", "a/\xfe\xff", "a\xc3",
		"\xed\xa0\x80",
	}
}

func checkInvalidNames(b *bench) {
	b.put("a/kept", []byte("kept"))
	for _, name := range invalidNames() {
		b.wantUnusable(name)
	}
	for _, prefix := range invalidNames()[1:] {
		b.wantErr(fmt.Sprintf("List(%q)", prefix), b.firstError(prefix), drivers.ErrName)
	}
	b.wantStore("a/kept")
	b.wantContent("a/kept", []byte("kept"))
	if b.opts.Outside != nil {
		b.opts.Outside(b.T, b.d)
	}
}

// wantUnusable checks that every call answers name with ErrName.
func (b *bench) wantUnusable(name string) {
	b.Helper()
	ctx := b.Context()
	b.wantErr(fmt.Sprintf("Put(%.40q)", name), b.tryPut(name, []byte("x"), drivers.PutOptions{}), drivers.ErrName)
	b.wantErr(fmt.Sprintf("Put(%.40q, IfAbsent)", name), b.tryPut(name, nil, drivers.PutOptions{IfAbsent: true}), drivers.ErrName)
	_, err := b.d.Open(ctx, name, 0, -1)
	b.wantErr(fmt.Sprintf("Open(%.40q)", name), err, drivers.ErrName)
	_, err = b.d.Stat(ctx, name)
	b.wantErr(fmt.Sprintf("Stat(%.40q)", name), err, drivers.ErrName)
	b.wantErr(fmt.Sprintf("Delete(%.40q)", name), b.d.Delete(ctx, name), drivers.ErrName)
	if c, ok := drivers.As[drivers.Copier](b.d); ok {
		b.wantErr(fmt.Sprintf("Copy to %.40q", name), c.Copy(ctx, "a/kept", name), drivers.ErrName)
		b.wantErr(fmt.Sprintf("Copy from %.40q", name), c.Copy(ctx, name, "a/copy"), drivers.ErrName)
	}
	if m, ok := drivers.As[drivers.Mkdirer](b.d); ok {
		b.wantErr(fmt.Sprintf("Mkdir(%.40q)", name), m.Mkdir(ctx, name), drivers.ErrName)
		b.wantErr(fmt.Sprintf("Rmdir(%.40q)", name), m.Rmdir(ctx, name), drivers.ErrName)
	}
	if bd, ok := drivers.As[drivers.BatchDeleter](b.d); ok {
		b.wantErr(fmt.Sprintf("DeleteBatch(%.40q)", name), bd.DeleteBatch(ctx, []string{name}), drivers.ErrName)
	}
}

func (b *bench) firstError(prefix string) error {
	for _, err := range b.d.List(b.Context(), prefix, drivers.ListOptions{}) {
		if err != nil {
			return err
		}
	}
	return nil
}

func checkReservedNames(b *bench) {
	if len(b.opts.Reserved) == 0 {
		b.Skip("no reserved names")
	}
	b.put("a/kept", []byte("kept"))
	for _, name := range b.opts.Reserved {
		b.wantUnusable(name)
		b.wantUnusable(name + "/below")
		b.wantErr(fmt.Sprintf("List(%q)", name), b.firstError(name), drivers.ErrName)
	}
	b.wantStore("a/kept")
	for _, key := range b.list("", drivers.ListOptions{Recursive: true}) {
		if slices.Contains(b.opts.Reserved, strings.TrimSuffix(key, "/")) {
			b.Errorf("List shows the reserved %q", key)
		}
	}
}

func oddNames() []string {
	return []string{
		"a b", " leading", "trailing ", "a+b", "a%20b", "%", "%zz", "%2e%2e", "a%2Fb", "a&b=c", "a?b", "a#b", "a;b", "a:b", "a\\b",
		"..\\x", "C:\\x", "~", "~root", "-rf", "*", "a[1]", "{x}", "<x>", "\"q\"", "'q'", "`q`", "$HOME", "|", "^", "a,b", "@", "!",
		"...", "....", ".hidden", "..a", "a..", "a.", "x/...", ".git/x", "CON", "nul.txt",
		"é", "e\u0301", "日本語/文書", "\u202eevil", "👩‍👩‍👧", "\ufeffbom", "\ufffd", "\u00a0", "ß", "İ",
		"\x01", "a\nb", "a\rb", "a\tb", "\x1b[31m", "a\x7fb", "\u0085",
		"very/deep/tree/of/many/levels/with/a/file/at/its/end/1/2/3/4/5/6/7/8/9",
	}
}

func checkOddNames(b *bench) {
	names := oddNames()
	var kept []string
	for i, name := range names {
		if b.opts.Refuses != nil && b.opts.Refuses(name) {
			b.wantErr(fmt.Sprintf("Put(%q)", name), b.tryPut(name, []byte("x"), drivers.PutOptions{}), drivers.ErrName)
			continue
		}
		b.put(name, fmt.Appendf(nil, "content %d", i))
		kept = append(kept, name)
	}
	for i, name := range names {
		if slices.Contains(kept, name) {
			b.wantContent(name, fmt.Appendf(nil, "content %d", i))
		}
	}
	b.wantStore(slices.Clone(kept)...)
	for _, name := range kept {
		if err := b.d.Delete(b.Context(), name); err != nil {
			b.Errorf("Delete(%q) = %v", name, err)
		}
	}
	b.wantStore()
}

// checkDistinctNames stores names that differ only in case, normal form or spelling.
func checkDistinctNames(b *bench) {
	groups := []string{"name", "Name", "NAME", "caf\u00e9", "cafe\u0301", "n%61me", "name ", "name.", "ﬁ", "fi", "K", "\u212a"}
	if b.opts.Refuses != nil {
		groups = slices.DeleteFunc(groups, b.opts.Refuses)
	}
	for _, name := range groups {
		b.put("d/"+name, []byte(name))
	}
	for _, name := range groups {
		b.wantContent("d/"+name, []byte(name))
	}
}

func checkLongNames(b *bench) {
	tr := b.d.Traits()
	seg := tr.MaxSegment
	if seg == 0 {
		seg = 255
	}
	if tr.MaxName > 0 {
		seg = min(seg, tr.MaxName)
	}
	long := strings.Repeat("s", seg)
	b.put(long, []byte("long"))
	other := long[:seg-1] + "t"
	b.put(other, []byte("other"))
	b.wantContent(other, []byte("other"))
	b.wantContent(long, []byte("long"))
	wide := strings.Repeat("é", seg/2)
	b.put(wide, []byte("wide"))
	b.wantContent(wide, []byte("wide"))
	name := strings.Repeat("0123456789abcdef/", 56) + "x" // 953 bytes
	if tr.MaxName == 0 || tr.MaxName >= len(name) {
		b.put(name, []byte("deep"))
		b.wantContent(name, []byte("deep"))
	}
	if tr.MaxSegment > 0 {
		b.wantUnusable(strings.Repeat("s", tr.MaxSegment+1))
		b.wantUnusable("dir/" + strings.Repeat("s", tr.MaxSegment+1) + "/x")
	}
	if tr.MaxName > 0 {
		b.wantUnusable(strings.Repeat("12345678/", tr.MaxName/9+1) + "x")
	}
}
