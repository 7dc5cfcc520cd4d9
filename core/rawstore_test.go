package core_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// rawStore names the functions that reach the metadata store past all gates, and why they may.
func rawStore() map[string]string {
	const (
		gate   = "is a gate, or holds one"
		start  = "runs before there are requests"
		itself = "is work of the Service itself, which does one at a time"
	)
	return map[string]string{
		"Service.updateWithIDs": gate,
		"Service.view":          gate,
		"Service.viewPage":      gate,
		"Service.find":          gate,
		"Service.findID":        gate,
		"Service.commit":        "is the one way for content that was let in: by its memory, or by the gate of what has landed",
		"Service.reserveIDs":    "has one caller for each sequence, behind its gate, who may have passed another",
		"locator.resolve":       "serves a read that was let in by its memory, and must not end in the middle",

		"Open":                  start,
		"newService":            "makes it",
		"Service.loadStamp":     start,
		"Service.checkKeys":     start,
		"Service.seedSpaces":    start,
		"Service.loadSpaces":    start,
		"Service.Bootstrap":     start,
		"Service.firstStart":    start,
		"Service.rewrapKeys":    start,
		"Service.bootstrapRows": start,
		"Service.putBootstrap":  start,

		"Service.Maintenance":     "hands it to upkeep",
		"Maintenance.AbortIdle":   itself,
		"Service.takeLease":       itself,
		"Service.renewLease":      itself,
		"Service.measureSpaces":   itself,
		"Service.convertOnce":     itself,
		"Service.toConvert":       itself,
		"Maintenance.Reclass":     itself,
		"Maintenance.KeepReclass": itself,
		"Maintenance.DropLost":    itself,
		"Service.claimed":         itself,
		"Service.learned":         itself,
		"Service.countSpaces":     itself,
		"Service.endLease":        itself,
		"Service.settleLoss":      itself,
		"Service.knowsWriter":     itself,
		"Service.knownShard":      itself,
		"Service.writeQueue":      itself,
		"Service.Ready":           "is asked whether the store answers: refusing that would take the process out of service when there is much to do",
	}
}

// TestRawStore: whatever a request does with the metadata store, it passes a gate. So nothing but what rawStore names
// selects the store. What upkeep does, by methods of Maintenance, is no request.
func TestRawStore(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no sources: %v", err)
	}
	used := make(map[string]bool)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			name := declared(d)
			if selects(d, "meta") || selects(d, "Meta") && !strings.HasPrefix(name, "Maintenance.") {
				used[name] = true
			}
		}
	}
	allowed := rawStore()
	for name := range used {
		if allowed[name] == "" {
			t.Errorf("%s reaches the metadata store past all gates: use view, viewPage, find, update or commit", name)
		}
	}
	for name := range allowed {
		if !used[name] {
			t.Errorf("%s does not reach the metadata store any more: take it off the list", name)
		}
	}
}

// selects tells whether d has a selector of that field.
func selects(d ast.Decl, field string) (found bool) {
	ast.Inspect(d, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		found = found || ok && s.Sel.Name == field
		return !found
	})
	return found
}

// declared names a function, a method with its receiver's type.
func declared(d ast.Decl) string {
	f, ok := d.(*ast.FuncDecl)
	if !ok {
		return "a declaration"
	}
	if f.Recv == nil {
		return f.Name.Name
	}
	of := f.Recv.List[0].Type
	if p, ok := of.(*ast.StarExpr); ok {
		of = p.X
	}
	if id, ok := of.(*ast.Ident); ok {
		return id.Name + "." + f.Name.Name
	}
	return f.Name.Name
}
