package davxml

import (
	"encoding/xml"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":              "",
		"no element":           "<!-- x -->",
		"a document type":      "<!DOCTYPE a><a/>",
		"an entity":            "<a>&e;</a>",
		"an undeclared prefix": "<x:a/>",
		"one of an attribute":  "<a x:b='1'/>",
		"an empty prefix":      "<x:a xmlns:x=''/>",
		"the prefix xmlns":     "<a xmlns:xmlns='x'/>",
		"another xml":          "<a xmlns:xml='x'/>",
		"xml by another name":  "<a xmlns:x='" + xmlSpace + "'/>",
		"a prefix twice":       "<a xmlns:x='1' xmlns:x='2'/>",
		"an attribute twice":   "<a xmlns:x='1' xmlns:y='1' x:b='' y:b=''/>",
		"a wrong end":          "<a></b>",
		"another prefix":       "<x:a xmlns:x='1' xmlns:y='1'></y:a>",
		"no end":               "<a><b></b>",
		"two roots":            "<a/><b/>",
		"text behind":          "<a/>x",
		"text before":          "x<a/>",
		"a late declaration":   "<a><?xml version='1.0'?></a>",
		"another encoding":     "<?xml version='1.0' encoding='iso-8859-1'?><a/>",
		"no UTF-8":             "<a>\xff</a>",
		"a control character":  "<a>\x01</a>",
		"levels":               strings.Repeat("<a>", 65) + strings.Repeat("</a>", 65),
		"nodes":                "<a>" + strings.Repeat("<b/>", 20000) + "</a>",
		"attributes":           "<a " + strings.Repeat("b", 2000) + "=''/>",
		"declarations": "<a" + func() (s string) {
			for i := range 257 {
				s += fmt.Sprintf(" xmlns:x%d='u'", i)
			}
			return s
		}() + "/>",
		"two colons":       "<x:a:b xmlns:x='1'/>",
		"a long namespace": "<a xmlns='" + strings.Repeat("x", 1025) + "'/>",
	} {
		if n, err := Parse([]byte(text)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: Parse = %+v, %v, want ErrMalformed", name, n, err)
		}
	}
}

// TestFragment: an element taken out of a document means the same by itself.
func TestFragment(t *testing.T) {
	for doc, want := range map[string]string{
		`<D:p xmlns:D="DAV:"><D:a/></D:p>`:                                  `<D:a xmlns:D="DAV:"/>`,
		`<p xmlns="DAV:"><a>x</a></p>`:                                      `<a xmlns="DAV:">x</a>`,
		`<p><a>x</a></p>`:                                                   `<a>x</a>`,
		`<p xmlns="DAV:"><a xmlns=""><b/></a></p>`:                          `<a><b/></a>`,
		`<p xmlns="u"><x:a xmlns:x="v"><b/></x:a></p>`:                      `<x:a xmlns:x="v"><b xmlns="u"/></x:a>`,
		`<p xml:lang="de"><a/></p>`:                                         `<a xml:lang="de"/>`,
		`<p xml:lang="de"><a xml:lang="en">x</a></p>`:                       `<a xml:lang="en">x</a>`,
		`<p xmlns:x="u"><a x:b="&quot;&lt;&#13;" c="'"/></p>`:               `<a xmlns:x="u" x:b="&quot;&lt;&#13;" c="'"/>`,
		`<p><a>1 &lt; 2 <![CDATA[& <b>]]></a></p>`:                          `<a>1 &lt; 2 &amp; &lt;b&gt;</a>`,
		`<p><a><!-- c --><?pi x?>x</a></p>`:                                 `<a>x</a>`,
		`<p xmlns:x="u"><x:a><x:b xmlns:x="v"><x:c/></x:b><x:d/></x:a></p>`: `<x:a xmlns:x="u"><x:b xmlns:x="v"><x:c/></x:b><x:d/></x:a>`,
		"<p><a>\u00e4\U00010437</a></p>":                                    "<a>\u00e4\U00010437</a>",
		"\xff\xfe<\x00p\x00>\x00<\x00a\x00/\x00>\x00<\x00/\x00p\x00>\x00":   `<a/>`,
		"\xfe\xff\x00<\x00p\x00>\x00<\x00a\x00/\x00>\x00<\x00/\x00p\x00>":   `<a/>`,
		"\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?><p><a/></p>":     `<a/>`,
	} {
		n, err := Parse([]byte(doc))
		if err != nil {
			t.Errorf("Parse(%q) = %v", doc, err)
			continue
		}
		if got := Fragment(n.Elements()[0]); got != want {
			t.Errorf("Fragment of %q = %q, want %q", doc, got, want)
		}
	}
}

// TestAmplified: short elements that need a long declaration each do not make much more of a document than it is.
func TestAmplified(t *testing.T) {
	doc := `<D:propertyupdate xmlns:D="DAV:" xmlns:x="` + strings.Repeat("u", 1024) + `"><D:set><D:prop><a>` + strings.Repeat("<x:b/>", 10000) +
		`</a></D:prop></D:set></D:propertyupdate>`
	changes, err := ParseUpdate([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(Fragment(changes[0].Value)); n <= MaxFragment || n > 2*MaxFragment {
		t.Errorf("the fragment has %d bytes, want few more than %d", n, MaxFragment)
	}
	for _, body := range []string{"<D:prop>%s</D:prop>", "<D:allprop/><D:include>%s</D:include>"} {
		var names strings.Builder
		for i := range 501 {
			fmt.Fprintf(&names, "<n%d/>", i)
		}
		_, err := ParsePropfind(fmt.Appendf(nil, `<D:propfind xmlns:D="DAV:">`+body+`</D:propfind>`, names.String()))
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("501 properties: %v, want ErrMalformed", err)
		}
	}
}

func TestBodies(t *testing.T) {
	l, err := ParseLockinfo([]byte(`<lockinfo xmlns="DAV:"><lockscope><shared/></lockscope><locktype><write/></locktype><owner>me</owner></lockinfo>`))
	if want := (Lockinfo{Shared: true, Owner: `<owner xmlns="DAV:">me</owner>`}); err != nil || l != want {
		t.Errorf("ParseLockinfo = %+v, %v, want %+v", l, err, want)
	}
	changes, err := ParseUpdate([]byte(`<propertyupdate xmlns="DAV:"><set><prop><a xmlns="x"/></prop></set><remove><prop><b/></prop></remove></propertyupdate>`))
	if err != nil || len(changes) != 2 || changes[0].Value == nil || changes[1].Value != nil || changes[0].Name != (Name{"x", "a"}) {
		t.Errorf("ParseUpdate = %+v, %v", changes, err)
	}
	q, err := ParsePropfind([]byte(`<propfind xmlns="DAV:"><allprop/><include><x/><x/></include></propfind>`))
	if diff := cmp.Diff(Propfind{All: true, Include: []Name{{DAV, "x"}}}, q); diff != "" || err != nil {
		t.Errorf("ParsePropfind: %v, %s", err, diff)
	}
}

// FuzzParse: what is parsed and written again is well-formed, and parses to the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`<D:p xmlns:D="DAV:"><D:a x="1" xml:lang="en">t</D:a></D:p>`, `<p xmlns="u"><x:a xmlns:x="v"><b xmlns=""/></x:a></p>`,
		"<a>&#65;&amp;<![CDATA[x]]></a>", "<!DOCTYPE a>", "<a xmlns:x='1' x:y='2'/>", "\xff\xfe<\x00a\x00/\x00>\x00", "<a b='\n\t\r'/>",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		n, err := Parse(doc)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("Parse(%q) = %v, want ErrMalformed", doc, err)
			}
			return
		}
		text := Fragment(n)
		again, err := Parse([]byte(text))
		if err != nil {
			t.Fatalf("%q of %q does not parse: %v", text, doc, err)
		}
		if second := Fragment(again); second != text {
			t.Errorf("%q of %q becomes %q", text, doc, second)
		}
		var any struct {
			XMLName xml.Name
		}
		if err := xml.Unmarshal([]byte(text), &any); err != nil || any.XMLName.Local != n.Name.Local {
			t.Errorf("%q: %v, %v", text, any, err)
		}
		for _, parse := range []func([]byte) error{
			func(b []byte) error { _, err := ParsePropfind(b); return err },
			func(b []byte) error { _, err := ParseUpdate(b); return err },
			func(b []byte) error { _, err := ParseLockinfo(b); return err },
		} {
			_ = parse(doc)
		}
	})
}

// TestTextInPieces: text that comments cut into many pieces is put together at the cost of its length.
func TestTextInPieces(t *testing.T) {
	long := strings.Repeat("y", 600<<10)
	doc := []byte("<a>" + long + strings.Repeat("<!---->x", 16_000) + "<b>in</b><![CDATA[&]]>amp;</a>")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	root, err := Parse(doc)
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if got := root.Content(); got != long+strings.Repeat("x", 16_000)+"in&amp;" {
		t.Errorf("the text has %d bytes, ending in %q", len(got), got[max(0, len(got)-20):])
	}
	if len(root.Children) != 3 {
		t.Errorf("%d children, want text, b and text", len(root.Children))
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 100<<20 {
		t.Errorf("%d MiB were allocated for a document of %d bytes", n>>20, len(doc))
	}
}
