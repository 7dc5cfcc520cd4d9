// Package tests holds what crosses packages. This file guards the house's walls: who may import whom and the
// forms that no reader should meet (design §2). It parses the sources itself: a cached test would be served
// stale answers of `go list`.
package tests

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// source is one parsed file.
type source struct {
	path  string // slash-separated, from the repository's root
	lines int
	file  *ast.File
	set   *token.FileSet
}

func (s source) dir() string  { return path.Dir(s.path) }
func (s source) test() bool   { return strings.HasSuffix(s.path, "_test.go") }
func (s source) base() string { return path.Base(s.path) }

// imports returns the import paths.
func (s source) imports() []string {
	var all []string
	for _, i := range s.file.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			p = i.Path.Value
		}
		all = append(all, p)
	}
	return all
}

// under tells whether p is one of the trees or below it.
func under(p string, trees ...string) bool {
	return slices.ContainsFunc(trees, func(t string) bool { return p == t || strings.HasPrefix(p, t+"/") })
}

// wall limits the imports of the packages that it is about. The first wall that fits a package is its only one.
type wall struct {
	name string
	dirs []string // trees of packages
	// own are the trees of this module that may be imported; "" stands for none. A tree that ends in "!" is
	// that package alone.
	own []string
	// deny are other modules and standard packages that may not be imported.
	deny []string
}

const module = "trivium/"

func walls() []wall {
	web := []string{"net/http", "encoding/xml"}
	sql := []string{
		"database/sql", "modernc.org/sqlite", "github.com/jackc/pgx", "github.com/pressly/goose",
		"github.com/mattn/go-sqlite3",
	}
	clouds := []string{
		"github.com/aws", "github.com/Azure", "cloud.google.com", "google.golang.org/api", "github.com/pkg/sftp",
		"golang.org/x/crypto/ssh",
	}
	all := slices.Concat(web, sql, clouds)
	return []wall{
		{"pure packages know nothing of the rest", []string{
			"core/admission", "core/digest", "core/erasure", "core/nearest", "core/placement", "core/plainfile", "core/shardfile", "s3front/sigv4", "s3front/s3xml", "davfront/davxml",
			"nativeapi/adminapi", "nativeapi/v1",
		}, nil, slices.Concat(sql, clouds)},
		{"tests reach everything", []string{"tests"}, []string{""}, nil},
		{"coretest puts core on real parts", []string{"core/coretest"}, []string{"core", "drivers"}, all},
		{
			"content imports nothing of core but its pure packages",
			[]string{"core/content"},
			[]string{"core/admission", "core/digest", "core/erasure", "core/placement", "core/shardfile", "drivers!"},
			all,
		},
		{"stores see core alone", []string{"core/meta"}, []string{"core!", "core/admission", "core/content!", "core/meta", "core/plainfile"}, slices.Concat(web, clouds)},
		{
			"upkeep and syncer work on core and content",
			[]string{"core/upkeep", "core/syncer"},
			[]string{"core!", "core/content", "core/placement", "drivers!"},
			all,
		},
		{
			"core knows no HTTP, XML, SQL and no driver",
			[]string{"core"},
			[]string{"core!", "core/admission", "core/content!", "core/digest", "core/erasure", "core/placement", "core/shardfile", "drivers!"},
			all,
		},
		{"the driver contract stands alone", []string{"drivers!"}, nil, all},
		{"drivers know only the contract", []string{"drivers"}, []string{"drivers!"}, sql},
		{"the S3 door reaches everything through core", []string{"s3front"}, []string{"core!", "core/admission", "core/content!", "s3front"}, slices.Concat(sql, clouds)},
		{"the WebDAV door reaches everything through core", []string{"davfront"}, []string{"core!", "core/content!", "davfront"}, slices.Concat(sql, clouds)},
		{
			"the client of the native API knows its documents alone",
			[]string{"nativeapi/client"},
			[]string{"nativeapi/adminapi", "nativeapi/v1"},
			slices.Concat(sql, clouds),
		},
		{
			"the native door reaches everything through core",
			[]string{"nativeapi"},
			[]string{"core!", "core/content!", "core/nearest", "nativeapi", "s3front/sigv4"},
			slices.Concat(sql, clouds),
		},
		{"the server hands requests to doors it does not know", []string{"server"}, []string{"core!"}, slices.Concat(sql, clouds)},
		{"the console is files", []string{"console"}, nil, all},
		{"commands are above all", []string{"cmd"}, []string{""}, nil},
	}
}

// about tells whether w is the wall of the package in dir.
func (w wall) about(dir string) bool { return inTrees(dir, w.dirs) }

// inTrees tells whether p is in one of the trees as wall.own writes them.
func inTrees(p string, trees []string) bool {
	return slices.ContainsFunc(trees, func(t string) bool {
		if exact, ok := strings.CutSuffix(t, "!"); ok {
			return p == exact
		}
		return t == "" || under(p, t)
	})
}

// checkImports judges the imports of one file that is no test.
func checkImports(s source) []string {
	i := slices.IndexFunc(walls(), func(w wall) bool { return w.about(s.dir()) })
	if i < 0 {
		return []string{fmt.Sprintf("%s: no rule of this test is about this folder: add one", s.path)}
	}
	w := walls()[i]
	var bad []string
	for _, p := range s.imports() {
		own, ok := strings.CutPrefix(p, module)
		if ok && !inTrees(own, w.own) || !ok && under(p, w.deny...) {
			bad = append(bad, fmt.Sprintf("%s imports %s: %s", s.path, p, w.name))
		}
		if ok && under(s.path, "cmd") && s.base() != "wire.go" && concrete(own) {
			bad = append(bad, fmt.Sprintf("%s imports %s: only wire.go names drivers, stores and doors", s.path, p))
		}
	}
	return bad
}

// concrete tells whether the package is a driver, a store or a door. Commands are clients of the native API.
func concrete(own string) bool {
	return own != "drivers" && !under(own, "nativeapi/client", "nativeapi/adminapi", "nativeapi/v1") && under(own, "drivers", "core/meta", "s3front", "davfront", "nativeapi")
}

// checkForm judges what no file may have.
func checkForm(s source) []string {
	var bad []string
	switch name := strings.TrimSuffix(strings.TrimSuffix(s.base(), ".go"), "_test"); name {
	case "util", "utils", "common", "helper", "helpers", "types", "misc":
		bad = append(bad, fmt.Sprintf("%s: the name says nothing", s.path))
	}
	switch s.file.Name.Name {
	case "util", "utils", "common", "helpers", "types", "misc":
		bad = append(bad, fmt.Sprintf("%s: package %s says nothing", s.path, s.file.Name.Name))
	}
	for _, d := range s.file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			bad = append(bad, fmt.Sprintf("%s: init(): registration is explicit", s.path))
		}
	}
	if s.base() == "main.go" && under(s.path, "cmd") && s.lines > 40 {
		bad = append(bad, fmt.Sprintf("%s has %d lines: main has at most 40", s.path, s.lines))
	}
	return bad
}

// maxHandler is the longest handler of a door, in lines: it decodes, calls the core once and encodes.
const maxHandler = 40

// checkHandlers bounds what answers requests in a door: functions whose first parameter is an http.ResponseWriter.
func checkHandlers(s source) []string {
	if !under(s.path, "s3front", "davfront", "nativeapi") {
		return nil
	}
	var bad []string
	for _, d := range s.file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || !answers(f.Type) {
			continue
		}
		if n := s.set.Position(f.End()).Line - s.set.Position(f.Pos()).Line + 1; n > maxHandler {
			bad = append(bad, fmt.Sprintf("%s: handler %s has %d lines, at most %d", s.path, f.Name.Name, n, maxHandler))
		}
	}
	return bad
}

// answers tells whether the first parameter is an http.ResponseWriter.
func answers(f *ast.FuncType) bool {
	if len(f.Params.List) == 0 {
		return false
	}
	t, ok := f.Params.List[0].Type.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := t.X.(*ast.Ident)
	return ok && pkg.Name == "http" && t.Sel.Name == "ResponseWriter"
}

// checkComments demands a package comment of every package.
func checkComments(all []source) []string {
	documented := make(map[string]bool)
	for _, s := range all {
		documented[s.dir()] = documented[s.dir()] || s.file.Doc != nil
	}
	var bad []string
	for dir, ok := range documented {
		if !ok {
			bad = append(bad, fmt.Sprintf("%s: the package has no comment with its job", dir))
		}
	}
	slices.Sort(bad)
	return bad
}

// check applies every rule.
func check(all []source) []string {
	bad := checkComments(all)
	for _, s := range all {
		bad = append(bad, checkForm(s)...)
		if !s.test() {
			bad = append(bad, checkImports(s)...)
			bad = append(bad, checkHandlers(s)...)
		}
	}
	return bad
}

// parse reads one file.
func parse(name string, text []byte) (source, error) {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	return source{path: name, lines: strings.Count(string(text), "\n"), file: f, set: set}, err
}

// repository parses every Go file below the root.
func repository(t *testing.T, root string) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "data") {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(name) != ".go" {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		s, err := parse(filepath.ToSlash(rel), text)
		all = append(all, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestArchitecture(t *testing.T) {
	all := repository(t, "..")
	if len(all) < 50 {
		t.Fatalf("only %d files found: is this the repository?", len(all))
	}
	for _, v := range check(all) {
		t.Error(v)
	}
}

// handler is one with that many lines between its braces.
func handler(lines int) string {
	return "func get(w http.ResponseWriter, r *request) error {\n" + strings.Repeat("\tnone()\n", lines) + "}\n"
}

// TestArchitectureRulesCanFail shows each rule a file that breaks it.
func TestArchitectureRulesCanFail(t *testing.T) {
	file := func(pkg string, imports ...string) string {
		s := "// Package " + pkg + " is a sample.\npackage " + pkg + "\n"
		for _, i := range imports {
			s += "import _ " + strconv.Quote(i) + "\n"
		}
		return s
	}
	for _, tt := range []struct{ name, path, text, want string }{
		{"door sees the contract of drivers", "s3front/a.go", file("s3front", "trivium/drivers"), "through core"},
		{"door sees a driver", "s3front/a.go", file("s3front", "trivium/drivers/local"), "through core"},
		{"door sees a store", "davfront/a.go", file("davfront", "trivium/core/meta/sqlite"), "through core"},
		{"door sees SQL", "nativeapi/a.go", file("nativeapi", "database/sql"), "through core"},
		{"door sees a cloud", "s3front/a.go", file("s3front", "github.com/aws/aws-sdk-go-v2/service/s3"), "through core"},
		{"door sees another door", "s3front/a.go", file("s3front", "trivium/davfront"), "through core"},
		{"door sees the server", "s3front/a.go", file("s3front", "trivium/server"), "through core"},
		{"core sees a door", "core/a.go", file("core", "trivium/s3front/s3xml"), "core knows no"},
		{"core sees HTTP", "core/a.go", file("core", "net/http"), "core knows no"},
		{"core sees XML", "core/a.go", file("core", "encoding/xml"), "core knows no"},
		{"core sees SQL", "core/a.go", file("core", "database/sql"), "core knows no"},
		{"core sees a cloud", "core/a.go", file("core", "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"), "core knows no"},
		{"core sees a driver", "core/a.go", file("core", "trivium/drivers/memory"), "core knows no"},
		{"core sees a store", "core/a.go", file("core", "trivium/core/meta/sqlite"), "core knows no"},
		{"core sees its upkeep", "core/a.go", file("core", "trivium/core/upkeep"), "core knows no"},
		{"content sees core", "core/content/a.go", file("content", "trivium/core"), "content imports nothing"},
		{"content sees a driver", "core/content/a.go", file("content", "trivium/drivers/local"), "content imports nothing"},
		{"upkeep sees a store", "core/upkeep/a.go", file("upkeep", "trivium/core/meta/sqlite"), "upkeep and syncer"},
		{"store sees a driver", "core/meta/sqlite/a.go", file("sqlite", "trivium/drivers/local"), "stores see core"},
		{"store sees HTTP", "core/meta/sqlmeta/a.go", file("sqlmeta", "net/http"), "stores see core"},
		{"erasure sees drivers", "core/erasure/a.go", file("erasure", "trivium/drivers"), "pure packages"},
		{"placement sees content", "core/placement/a.go", file("placement", "trivium/core/content"), "pure packages"},
		{"digest sees content", "core/digest/a.go", file("digest", "trivium/core/content"), "pure packages"},
		{"shardfile sees erasure", "core/shardfile/a.go", file("shardfile", "trivium/core/erasure"), "pure packages"},
		{"sigv4 sees core", "s3front/sigv4/a.go", file("sigv4", "trivium/core"), "pure packages"},
		{"s3xml sees sigv4", "s3front/s3xml/a.go", file("s3xml", "trivium/s3front/sigv4"), "pure packages"},
		{"contract sees a driver", "drivers/a.go", file("drivers", "trivium/drivers/local"), "contract stands alone"},
		{"driver sees core", "drivers/local/a.go", file("local", "trivium/core"), "drivers know only"},
		{"driver sees a driver", "drivers/local/a.go", file("local", "trivium/drivers/memory"), "drivers know only"},
		{"server sees a door", "server/a.go", file("server", "trivium/s3front"), "the server hands"},
		{"server sees drivers", "server/a.go", file("server", "trivium/drivers"), "the server hands"},
		{"command names a driver", "cmd/trivium/serve.go", file("main", "trivium/drivers/local"), "only wire.go"},
		{"command names a store", "cmd/trivium/serve.go", file("main", "trivium/core/meta/sqlite"), "only wire.go"},
		{"command names a door", "cmd/trivium/serve.go", file("main", "trivium/s3front"), "only wire.go"},
		{"command names the native door", "cmd/trivium/user.go", file("main", "trivium/nativeapi"), "only wire.go"},
		{"client sees its server", "nativeapi/client/a.go", file("client", "trivium/nativeapi"), "documents alone"},
		{"documents see core", "nativeapi/adminapi/a.go", file("adminapi", "trivium/core"), "pure packages"},
		{"unknown folder", "stuff/a.go", file("stuff"), "no rule of this test"},
		{"init", "core/a.go", file("core") + "func init() {}\n", "init()"},
		{"init in a test", "core/a_test.go", file("core") + "func init() {}\n", "init()"},
		{"no package comment", "core/x/a.go", "package x\n", "no comment with its job"},
		{"long main", "cmd/trivium/main.go", file("main") + strings.Repeat("\n", 40), "at most 40"},
		{"long handler", "s3front/a.go", file("s3front") + handler(39), "handler get has 41 lines"},
		{"long method that answers", "nativeapi/files/a.go", file("files") + strings.Replace(handler(39), "func ", "func (d *door) ", 1), "at most 40"},
		{"util.go", "core/util.go", file("core"), "says nothing"},
		{"helpers_test.go", "core/helpers_test.go", file("core"), "says nothing"},
		{"types.go", "core/types.go", file("core"), "says nothing"},
		{"package common", "core/common/a.go", file("common"), "says nothing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := parse(tt.path, []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if bad := check([]source{s}); !strings.Contains(strings.Join(bad, "\n"), tt.want) {
				t.Errorf("check = %q, want a line with %q", bad, tt.want)
			}
		})
	}
}

// TestArchitectureAllows shows that the rules let through what the design wants.
func TestArchitectureAllows(t *testing.T) {
	for name, text := range map[string]string{
		"core/a.go":              "import _ \"trivium/core/content\"\nimport _ \"trivium/drivers\"\n",
		"core/content/a.go":      "import _ \"trivium/core/erasure\"\nimport _ \"trivium/core/digest\"\nimport _ \"trivium/drivers\"\n",
		"core/meta/sqlite/a.go":  "import _ \"database/sql\"\nimport _ \"trivium/core\"\n",
		"core/coretest/a.go":     "import _ \"trivium/drivers/memory\"\nimport _ \"trivium/core/meta/sqlite\"\n",
		"s3front/a.go":           "import _ \"net/http\"\nimport _ \"trivium/core\"\nimport _ \"trivium/s3front/sigv4\"\n",
		"s3front/a_test.go":      "import _ \"trivium/core/coretest\"\nimport _ \"trivium/drivers\"\n",
		"drivers/s3/a.go":        "import _ \"github.com/aws/aws-sdk-go-v2/service/s3\"\nimport _ \"trivium/drivers\"\n",
		"s3front/b.go":           handler(38),
		"server/a.go":            handler(50),
		"nativeapi/files/a.go":   "import _ \"trivium/nativeapi\"\n",
		"cmd/trivium/wire.go":    "import _ \"trivium/drivers/local\"\nimport _ \"trivium/s3front\"\n",
		"cmd/trivium/user.go":    "import _ \"trivium/nativeapi/client\"\nimport _ \"trivium/nativeapi/adminapi\"\n",
		"cmd/trivium/serve.go":   "import _ \"trivium/server\"\nimport _ \"trivium/core/upkeep\"\nimport _ \"trivium/drivers\"\n",
		"tests/e2e/some_test.go": "import _ \"trivium/drivers/local\"\n",
	} {
		s, err := parse(name, []byte("// Package x is a sample.\npackage x\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		if bad := check([]source{s}); len(bad) != 0 {
			t.Errorf("%s: %q, want nothing", name, bad)
		}
	}
}
