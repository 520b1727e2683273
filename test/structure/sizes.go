package structure

import (
	"go/ast"
	"slices"
	"strings"
)

// The budgets, each the largest that is allowed.
const (
	mainLines      = 60
	functionLines  = 60 // in tests: without the lines of tables
	fileLines      = 400
	packageLines   = 1500 // without tests
	interfaceSize  = 4    // methods
	structSize     = 15   // fields
	sharedPackages = 14   // top-level folders of shared
)

// wideStructs are the folders whose structs may be wide: settings, and what is stored, mirror the world and not the code.
func wideStructs() []string { return []string{"shared/settings", "shared/catalog"} }

// sizes holds files, packages, functions, interfaces and structs against their budgets.
func (t *tree) sizes() {
	lines := make(map[string]int)
	methods := t.interfaces()
	for _, s := range t.code {
		if s.generated {
			continue
		}
		if !s.test {
			lines[s.dir] += s.lines
		}
		if strings.HasSuffix("/"+s.name, "/main.go") && s.lines > mainLines {
			t.fault(s.name, mainLines, "main size", "it has %d lines, at most %d are allowed", s.lines, mainLines)
		}
		if s.lines > fileLines {
			t.fault(s.name, fileLines, "file size", "it has %d lines, at most %d are allowed", s.lines, fileLines)
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool { t.size(s, n, methods); return true })
	}
	for dir, n := range lines {
		if n > packageLines {
			t.fault(dir, 0, "package size", "it has %d lines without tests, at most %d are allowed", n, packageLines)
		}
	}
}

// size judges one declaration.
func (t *tree) size(s *source, n ast.Node, methods interfaces) {
	switch n := n.(type) {
	case *ast.FuncDecl:
		lines := t.span(n)
		if s.test {
			lines -= t.tables(n)
		}
		if lines > functionLines {
			t.fault(s.name, t.line(n.Pos()), "function size", "%s has %d lines, at most %d are allowed", n.Name.Name, lines, functionLines)
		}
	case *ast.TypeSpec:
		switch what := n.Type.(type) {
		case *ast.InterfaceType:
			if m := methods.count(s, what, nil); m > interfaceSize {
				t.fault(s.name, t.line(n.Pos()), "interface size", "%s has %d methods, at most %d are allowed", n.Name.Name, m, interfaceSize)
			}
		case *ast.StructType:
			if f := what.Fields.NumFields(); f > structSize && !s.test && !within(s.dir, wideStructs()...) {
				t.fault(s.name, t.line(n.Pos()), "struct size", "%s has %d fields, at most %d are allowed", n.Name.Name, f, structSize)
			}
		}
	}
}

func (t *tree) span(n ast.Node) int { return t.line(n.End()) - t.line(n.Pos()) + 1 }

// tables counts the lines inside the maps and slices that a test writes out: they are data, and grow with the cases.
func (t *tree) tables(f ast.Node) int {
	lines := 0
	ast.Inspect(f, func(n ast.Node) bool {
		table, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		switch table.Type.(type) {
		case *ast.MapType, *ast.ArrayType:
			lines += t.span(table) - 1
			return false
		}
		return true
	})
	return lines
}

// declared is an interface and the file that declares it.
type declared struct {
	in   *source
	what *ast.InterfaceType
}

// interfaces are those of the tree, by folder and name.
type interfaces map[string]declared

func (t *tree) interfaces() interfaces {
	found := make(interfaces)
	for _, s := range t.code {
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if i, ok := spec.Type.(*ast.InterfaceType); ok {
					found[s.dir+"."+spec.Name.Name] = declared{s, i}
				}
			}
			return true
		})
	}
	return found
}

// count counts the methods of an interface, with those of the interfaces of this module that it embeds. A foreign one that
// it embeds counts as one.
func (known interfaces) count(s *source, i *ast.InterfaceType, seen []*ast.InterfaceType) int {
	n := 0
	for _, m := range i.Methods.List {
		if len(m.Names) > 0 {
			n += len(m.Names)
			continue
		}
		name := ""
		switch e := m.Type.(type) {
		case *ast.Ident:
			name = s.dir + "." + e.Name
		case *ast.SelectorExpr:
			name = strings.TrimPrefix(imported(s.syntax)[written(e.X)], Module+"/") + "." + e.Sel.Name
		default: // a union of types is no method
			continue
		}
		inner, ours := known[name]
		switch {
		case ours && !slices.Contains(seen, inner.what):
			n += known.count(inner.in, inner.what, append(seen, i))
		case !ours && !strings.HasSuffix(name, ".any") && !strings.HasSuffix(name, ".comparable"):
			n++
		}
	}
	return n
}
