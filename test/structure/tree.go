// Package structure holds the tree against its own rules: how large things may be, who may import what, where things lie and
// what they are called. DESIGN and HOUSE-STYLE say why; the rules here only say where.
//
// Check reads a tree and gives every place that breaks a rule. It uses nothing but the standard library's parser, so it runs
// on a tree that does not compile.
package structure

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Module is the path of the module that the rules are about.
const Module = "sluice"

// Fault is one place that breaks a rule.
type Fault struct {
	File string // slash-separated, from the root
	Line int    // 0 if it is about the whole file
	Rule string // one word or two
	Text string
}

// String writes a fault so that editors find the place.
func (f Fault) String() string { return fmt.Sprintf("%s:%d: %s: %s", f.File, f.Line, f.Rule, f.Text) }

// source is one Go file.
type source struct {
	name      string // path from the root
	dir       string
	test      bool
	generated bool
	lines     int
	syntax    *ast.File
}

// tree is what the rules look at.
type tree struct {
	fsys   fs.FS
	files  []string // every file, sorted
	code   []*source
	places *token.FileSet
	faults []Fault
}

// Check gives every fault of the tree, in the order of files and lines. The error is one of reading.
func Check(fsys fs.FS) ([]Fault, error) {
	t := &tree{fsys: fsys, places: token.NewFileSet()}
	if err := fs.WalkDir(fsys, ".", t.visit); err != nil {
		return nil, fmt.Errorf("read the tree: %w", err)
	}
	for _, rule := range []func(*tree){
		(*tree).layout, (*tree).sizes, (*tree).packages, (*tree).imports, (*tree).selectors, (*tree).state, (*tree).prepared, (*tree).words, (*tree).habits} {
		rule(t)
	}
	slices.SortStableFunc(t.faults, func(a, b Fault) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), strings.Compare(a.Rule, b.Rule))
	})
	return t.faults, nil
}

// made reports whether a folder holds what tools make or install, which no rule is about. It follows .gitignore.
func made(name string) bool {
	switch path.Base(name) {
	case ".git", ".sluice", ".aws-sam", "node_modules", "__pycache__":
		return true
	case "rapid": // what a failed property test leaves
		return path.Base(path.Dir(name)) == "testdata"
	}
	return name == "bin"
}

// left reports whether a file is what a tool leaves where it was run.
func left(name string) bool {
	base := path.Base(name)
	return path.Ext(base) == ".test" || path.Ext(base) == ".prof" || strings.HasPrefix(base, "coverage")
}

func (t *tree) visit(name string, entry fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	if entry.IsDir() {
		if made(name) {
			return fs.SkipDir
		}
		return nil
	}
	if left(name) {
		return nil
	}
	t.files = append(t.files, name)
	if path.Ext(name) != ".go" || strings.Contains(name, "/testdata/") {
		return nil
	}
	text, err := fs.ReadFile(t.fsys, name)
	if err != nil {
		return err
	}
	syntax, err := parser.ParseFile(t.places, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.fault(name, 0, "syntax", "%v", err)
		return nil
	}
	t.code = append(t.code, &source{name: name, dir: path.Dir(name), test: strings.HasSuffix(name, "_test.go"),
		generated: ast.IsGenerated(syntax), lines: strings.Count(string(text), "\n"), syntax: syntax})
	return nil
}

func (t *tree) fault(file string, line int, rule, format string, args ...any) {
	t.faults = append(t.faults, Fault{File: file, Line: line, Rule: rule, Text: fmt.Sprintf(format, args...)})
}

func (t *tree) line(at token.Pos) int { return t.places.Position(at).Line }

// within reports whether a folder is one of these, or lies in one.
func within(dir string, folders ...string) bool {
	for _, f := range folders {
		if dir == f || strings.HasPrefix(dir, f+"/") {
			return true
		}
	}
	return false
}
