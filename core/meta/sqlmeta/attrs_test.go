package sqlmeta

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trivium/core"
)

// someAttrs are attributes of all kinds.
func someAttrs() []core.Attrs {
	return []core.Attrs{
		{},
		{ContentType: "text/plain"},
		{ContentType: "a\"b\\c<d>&e", CacheControl: "\x00\x1f\x7f\n", Expires: "ä\u2028\xff"},
		{
			ContentType: "a", CacheControl: "b", ContentDisposition: "c", ContentEncoding: "d", ContentLanguage: "e", Expires: "f",
			WebsiteRedirect: "/g",
			Metadata:        map[string]string{"b": "1", "a": "", "": "2", "c": "{}"}, Tags: map[string]string{"x": "y"},
			Checksum: core.Checksum{Algorithm: "CRC64NVME", Value: "AAAAAAAAAAA="},
		},
		{Metadata: map[string]string{}, Checksum: core.Checksum{Composite: true}},
		{Metadata: map[string]string{"<": "1", "a": "é"}},
		{RetainUntil: 1},
		{RetainMode: "GOVERNANCE"},
		{LegalHold: true},
		{CreateReason: "r"},
		{ClientCreated: -1},
		{PartsSHA256: []byte{0, 255, 3}},
		{ContentType: "a", PartsSHA256: []byte{1}, Checksum: core.Checksum{Algorithm: "SHA1"}},
	}
}

// TestAttrsJSON writes and reads attributes as encoding/json does.
func TestAttrsJSON(t *testing.T) {
	for _, a := range someAttrs() {
		checkAttrs(t, a)
	}
}

// checkAttrs compares the JSON of a with encoding/json's, and reads it.
func checkAttrs(t *testing.T, a core.Attrs) {
	t.Helper()
	want, err := json.Marshal(&a)
	if err != nil {
		t.Fatal(err)
	}
	got, err := attrsJSON([]byte("x"), &a)
	if err != nil || string(got) != "x"+string(want) {
		t.Errorf("attrsJSON = %s, %v, want x%s", got, err, want)
	}
	checkParse(t, string(want))
}

// checkParse compares what text stands for with encoding/json's opinion.
func checkParse(t *testing.T, text string) {
	t.Helper()
	var got, want core.Attrs
	err := parseAttrs(text, &got)
	var wantErr error
	if text != "" {
		wantErr = json.Unmarshal([]byte(text), &want)
	}
	if (err == nil) != (wantErr == nil) || err == nil && !cmp.Equal(got, want) {
		t.Errorf("parseAttrs(%q) = %+v, %v, want %+v, %v", text, got, err, want, wantErr)
	}
	if err != nil && core.CodeOf(err) != core.Corrupt {
		t.Errorf("parseAttrs(%q) = %v, want Corrupt", text, err)
	}
}

// FuzzParseAttrs reads anything as encoding/json does.
func FuzzParseAttrs(f *testing.F) {
	for _, a := range someAttrs() {
		b, err := json.Marshal(&a)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	for _, s := range []string{
		"", "{", "}", "{}", "{} ", "null", "[]", `{"ct":null}`, `{"ct":1}`, `{"CT":"a"}`, `{"ct":"a","ct":"b"}`, `{"ct":"a",}`, `{,"ct":"a"}`,
		`{"m":{"a":"1"},"m":{"b":"2"}}`, `{"m":null}`, `{"m":{"a":null}}`, `{"m":{"a":"1","a":"2"}}`, `{"cs":{"c":false}}`, `{"cs":{"c":true},"cs":{"v":"x"}}`,
		`{"ct":"a"}{`, `{"ct" :"a"}`, `{"ct":"\u0041"}`, `{"nobody":"knows"}`, `{"m":{}}`, `{"ct":"a""cc":"b"}`, `{"ct""a"}`,
		`{"cs":{}}`, `{"cs":{"c":trues}}`, `{"m":{"a":{"b":"c"}}}`, "{\"ct\":\"\x7f\xff\"}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) { checkParse(t, text) })
}

// FuzzAttrsJSON writes any strings as encoding/json does.
func FuzzAttrsJSON(f *testing.F) {
	f.Add("text/plain", "a", "1", "b", "2", true)
	f.Add("<", "\"", "\\", "\xff", "\u2028", false)
	f.Add("", "", "", "", "", false)
	f.Fuzz(func(t *testing.T, contentType, k1, v1, k2, v2 string, composite bool) {
		checkAttrs(t, core.Attrs{
			ContentType: contentType, Expires: v1, Metadata: map[string]string{k1: v1, k2: v2}, Tags: map[string]string{v2: k1},
			Checksum: core.Checksum{Algorithm: k2, Composite: composite, Value: v2},
		})
	})
}

// BenchmarkAttrs writes and reads the attributes of an upload by an S3 client.
func BenchmarkAttrs(b *testing.B) {
	a := core.Attrs{
		ContentType: "application/octet-stream", Metadata: map[string]string{"mtime": "1700000000.123456789"},
		Checksum: core.Checksum{Algorithm: "CRC64NVME", Value: "AAAAAAAAAAA="},
	}
	text, err := attrsJSON(nil, &a)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 0, 512)
		for b.Loop() {
			buf, _ = attrsJSON(buf[:0], &a)
		}
	})
	b.Run("write-slow", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = json.Marshal(&a)
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var got core.Attrs
			_ = parseAttrs(string(text), &got)
		}
	})
	b.Run("read-slow", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var got core.Attrs
			_ = json.Unmarshal(text, &got)
		}
	})
}
