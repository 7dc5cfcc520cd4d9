package s3xml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestWriter(t *testing.T) {
	var w Writer
	w.Start("Root")
	w.Open("A")
	w.Text("T", `<&>"'`)
	w.TextOpt("None", "")
	w.TextOpt("Some", "x")
	w.Int("I", -5)
	w.Bool("B", true)
	w.Time("M", 1_700_000_000_123_456_789)
	w.ETag("E", "abc-2")
	w.URL("U", "a b/ü*+%")
	w.Close("A")
	w.Close("Root")
	want := `<?xml version="1.0" encoding="UTF-8"?>
<Root xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><A><T>&lt;&amp;&gt;&quot;'</T><Some>x</Some><I>-5</I><B>true</B>` +
		`<M>2023-11-14T22:13:20.123Z</M><E>&quot;abc-2&quot;</E><U>a%20b/%C3%BC*%2B%25</U></A></Root>`
	if diff := cmp.Diff(want, string(w.Bytes())); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
	w.Reset()
	if len(w.Bytes()) != 0 {
		t.Errorf("after Reset: %q", w.Bytes())
	}
}

func TestEscaping(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "plain": "plain", "ü€😀": "ü€😀", "\t\r\n": "&#x9;&#xd;&#xa;", "\x01\x1f\x7f": "&#x1;&#x1f;&#x7f;",
		"\uFFFE\uFFFF": "&#xfffe;&#xffff;", "\uFFFD": "\uFFFD", "a\xffb": "a\uFFFDb", "]]>": "]]&gt;", "<a": "&lt;a",
	} {
		if got := string(appendEscaped(nil, in)); got != want {
			t.Errorf("appendEscaped(%q) = %q, want %q", in, got, want)
		}
	}
	all := make([]byte, 255)
	for i := range all {
		all[i] = byte(i + 1)
	}
	if got, err := url.QueryUnescape(string(AppendURL(nil, string(all)))); err != nil || got != string(all) {
		t.Errorf("AppendURL does not survive url.QueryUnescape: %v", err)
	}
}

func TestParse(t *testing.T) {
	const doc = "\uFEFF<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- c --><s:Delete xmlns:s='u' a=\"1\" ><Quiet> true\n</Quiet>" +
		"<Object><Key>a&amp;&#x41;&#66;<![CDATA[<&]]>c</Key><VersionId/></Object><Unknown><Deep x=''/></Unknown></s:Delete>\n<?pi x?>"
	root, err := Parse([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	want := &Node{Name: "Delete", Children: []Node{
		{Name: "Quiet", Text: " true\n"},
		{Name: "Object", Children: []Node{{Name: "Key", Text: "a&AB<&c"}, {Name: "VersionId"}}},
		{Name: "Unknown", Children: []Node{{Name: "Deep"}}},
	}}
	if diff := cmp.Diff(want, root); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
	if got := root.Value("Quiet"); got != "true" {
		t.Errorf("Value(Quiet) = %q, want true", got)
	}
	if root.Child("Nope") != nil || root.Value("Nope") != "" {
		t.Error("a child that is not there was found")
	}
}

// TestManyRuns: a text of many runs costs time linear to its length; quadratic work would take minutes here.
func TestManyRuns(t *testing.T) {
	const runs = 400_000
	n, err := Parse([]byte("<a>" + strings.Repeat("x<!---->", runs) + "</a>"))
	if err != nil || len(n.Text) != runs {
		t.Fatalf("Parse = %v, want a text of %d bytes", err, runs)
	}
}

func TestParseRefuses(t *testing.T) {
	deep := strings.Repeat("<a>", maxDepth+1) + strings.Repeat("</a>", maxDepth+1)
	for name, doc := range map[string]string{
		"empty": "", "text": "hello", "two roots": "<a/><b/>", "text behind": "<a/>x", "open": "<a>", "unmatched": "<a></b>",
		"crossed": "<a><b></a></b>", "end first": "</a>", "half tag": "<a", "half end": "<a></a", "no name": "<>x</>",
		"doctype": "<!DOCTYPE a><a/>", "entity": `<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>`, "unknown entity": "<a>&x;</a>",
		"bare ampersand": "<a>a & b</a>", "null reference": "<a>&#0;</a>", "surrogate": "<a>&#xD800;</a>", "too large": "<a>&#x110000;</a>",
		"huge reference": "<a>&#99999999999999999999;</a>", "control character": "<a>\x01</a>", "NUL": "<a>\x00</a>", "not UTF-8": "<a>\xff</a>",
		"deep": deep, "many": "<a>" + strings.Repeat("<b/>", MaxElements) + "</a>", "attribute without value": "<a b></a>",
		"attribute without quotes": "<a b=c></a>", "attribute without end": `<a b="c></a>`, "attributes in one": `<a b="1"c="2"></a>`,
		"less in attribute": `<a b="<"></a>`, "entity in attribute": `<a b="&x;"></a>`, "CDATA outside": "<![CDATA[x]]><a/>",
		"CDATA without end": "<a><![CDATA[x</a>", "comment without end": "<a><!-- x</a>", "double dash": "<a><!-- x -- y --></a>",
		"late declaration": " <?xml version=\"1.0\"?><a/>", "other encoding": `<?xml version="1.0" encoding="utf-16"?><a/>`,
		"version 2": `<?xml version="2.0"?><a/>`, "]]> in text": "<a>]]></a>", "colon": "<a:></a:>", "digit first": "<1a/>",
	} {
		if n, err := Parse([]byte(doc)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: Parse = %+v, %v, want ErrMalformed", name, n, err)
		}
	}
}

// FuzzParse: what is accepted here, encoding/xml accepts as well, with the same elements and text. Run it with
// -fuzzminimizetime 10x: at 0 execs/s the fuzzer, whose default is a minute, makes an input shorter that reached new
// code.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`<?xml version="1.0"?><a x="1"><b>t&lt;</b><![CDATA[c]]><!-- d --></a>`))
	f.Add([]byte("<a:b xmlns:a='x'>\r\n</a:b>"))
	f.Add([]byte("<a>&#x9;&#10;</a>"))
	f.Add([]byte("<?s\u00f7n=?><a></a>"))
	f.Add([]byte("<?s?><?s ?><a></a>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		root, err := Parse(body)
		if err != nil {
			return
		}
		want, err := byEncodingXML(body)
		if err != nil && controlReference(root) {
			return // the one liberty: references to control characters
		}
		if err != nil {
			t.Fatalf("Parse accepts %q, encoding/xml: %v", body, err)
		}
		if diff := cmp.Diff(want, flat(root)); diff != "" {
			t.Errorf("%q (-encoding/xml +Parse):\n%s", body, diff)
		}
	})
}

func controlReference(n *Node) bool {
	if !chars(n.Text) {
		return true
	}
	for i := range n.Children {
		if controlReference(&n.Children[i]) {
			return true
		}
	}
	return bytes.ContainsAny([]byte(n.Text), "\r")
}

// byEncodingXML lists names at their start and the text of each element at its end, by encoding/xml.
func byEncodingXML(body []byte) ([]string, error) {
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\uFEFF"))))
	var out []string
	texts := []string{""}
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		switch x := token.(type) {
		case xml.StartElement:
			out = append(out, "<"+x.Name.Local)
			texts = append(texts, "")
		case xml.EndElement:
			out = append(out, texts[len(texts)-1])
			texts = texts[:len(texts)-1]
		case xml.CharData:
			texts[len(texts)-1] += string(x)
		}
	}
}

func flat(n *Node) []string {
	out := []string{"<" + n.Name}
	for i := range n.Children {
		out = append(out, flat(&n.Children[i])...)
	}
	return append(out, n.Text)
}

// BenchmarkListing writes a page of 1,000 keys.
func BenchmarkListing(b *testing.B) {
	var w Writer
	b.ReportAllocs()
	for b.Loop() {
		w.Reset()
		w.Start("ListBucketResult")
		for range 1000 {
			w.Open("Contents")
			w.Text("Key", "photos/2026/november/image-0001.jpeg")
			w.Time("LastModified", 1_700_000_000_123_456_789)
			w.ETag("ETag", "d41d8cd98f00b204e9800998ecf8427e")
			w.Int("Size", 123456)
			w.Text("StorageClass", "STANDARD")
			w.Close("Contents")
		}
		w.Close("ListBucketResult")
	}
	b.SetBytes(int64(len(w.Bytes())))
}

// BenchmarkListingFloor writes the same page by encoding/xml.
func BenchmarkListingFloor(b *testing.B) {
	type contents struct {
		Key          string
		LastModified time.Time
		ETag         string
		Size         int64
		StorageClass string
	}
	type result struct {
		XMLName  xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
		Contents []contents
	}
	var page result
	for range 1000 {
		page.Contents = append(page.Contents, contents{
			"photos/2026/november/image-0001.jpeg", time.Unix(0, 1_700_000_000_123_456_789).UTC(),
			`"d41d8cd98f00b204e9800998ecf8427e"`, 123456, "STANDARD",
		})
	}
	size := 0
	b.ReportAllocs()
	for b.Loop() {
		text, err := xml.Marshal(&page)
		if err != nil {
			b.Fatal(err)
		}
		size = len(text)
	}
	b.SetBytes(int64(size))
}

func BenchmarkParseCompletion(b *testing.B) {
	part := "<Part><PartNumber>1234</PartNumber><ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag></Part>"
	body := []byte("<CompleteMultipartUpload>" + strings.Repeat(part, 10000) + "</CompleteMultipartUpload>")
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := Parse(body); err != nil {
			b.Fatal(err)
		}
	}
}

// TestCost: Parse allocates no more than Cost says, whatever the document is made of, and what is refused neither.
func TestCost(t *testing.T) {
	part := "<Part><PartNumber>10000</PartNumber><ETag>&quot;0123456789abcdef0123456789abcdef&quot;</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part>"
	chain := strings.Repeat("<a>", maxDepth-2) + strings.Repeat("</a>", maxDepth-2)
	for name, unit := range map[string]string{
		"small elements": "<a/>", "pairs": "<a><b/></a>", "threes": "<a><b/><b/><b/></a>", "chains": chain, "parts": part,
		"keys": "<Object><Key>a/long/key</Key></Object>", "text": "text", "references": "&#65;", "line ends": "\r\n", "line ends in text": "a\r\nb\r&lt;",
		"runs": "x<!---->", "long runs": strings.Repeat("a\rb", 100) + "&lt;<!---->",
		"long runs in elements": "<a>" + strings.Repeat("\r", 900) + "&lt;<b/>" + strings.Repeat("\r", 900) + "&lt;</a>", "CDATA": "<![CDATA[x]]>", "attributes": `<a b="&lt;\r"/>`, "instructions": "<?a b?>", "text in elements": "<a>\r&lt;\r\n</a>",
		"runs in elements": "<a>x<!---->y</a>", "prefixes": "<s:a/>", "less-than": "<![CDATA[<<<<<<<<]]>", "broken": "<a",
	} {
		for _, size := range []int{len(unit), 4 << 10, 256 << 10, 1 << 20} {
			n := size / len(unit)
			if c := strings.Count(unit, "<") - strings.Count(unit, "</"); name != "broken" && c > 0 {
				n = min(n, (MaxElements-1)/c)
			}
			doc := []byte("<r>" + strings.Repeat(unit, n) + "</r>")
			used, err := allocated(doc)
			if (err != nil) != (name == "broken") {
				t.Fatalf("%s, %d bytes: %v", name, len(doc), err)
			}
			cost := Cost(doc)
			if used > cost {
				t.Errorf("%s, %d bytes: Parse allocates %d bytes, Cost is %d", name, len(doc), used, cost)
			}
		}
	}
}

// allocated returns how many bytes Parse allocates: the least of some runs, since others allocate as well.
func allocated(doc []byte) (least int64, err error) {
	least = math.MaxInt64
	for range 3 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err = Parse(doc)
		runtime.ReadMemStats(&after)
		least = min(least, int64(after.TotalAlloc-before.TotalAlloc))
	}
	return least, err
}

// FuzzText: what is written character by character and what is written in runs is the same.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "a/b", "<&>\"'", "\x00\t\x7f\x80\xff", "ä\uFFFD\uFFFE\uFFFF\U0010FFFF", "ab\xe4<"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var want []byte
		for i := 0; i < len(s); {
			r, n := utf8.DecodeRuneInString(s[i:])
			if esc := escape(r, n); esc != "" {
				want = append(want, esc...)
			} else {
				want = append(want, s[i:i+n]...)
			}
			i += n
		}
		if got := appendEscaped(nil, s); !bytes.Equal(got, want) {
			t.Errorf("appendEscaped(%q) = %q, want %q", s, got, want)
		}
	})
}

// FuzzTime: times are those of time.Time.Format.
func FuzzTime(f *testing.F) {
	for _, ns := range []int64{0, 1, -1, 999999, 951782400e9 - 1, 1<<63 - 1, -1 << 63, 1700000000123456789} {
		f.Add(ns)
	}
	f.Fuzz(func(t *testing.T, ns int64) {
		if got, want := string(appendTime(nil, ns)), time.Unix(0, ns).UTC().Format(TimeFormat); got != want {
			t.Errorf("appendTime(%d) = %s, want %s", ns, got, want)
		}
	})
}
