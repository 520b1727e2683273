package structure

import (
	"go/ast"
	"go/token"
	"regexp"
)

// dear are calls that a cold start has no time for.
func dear() *regexp.Regexp { return regexp.MustCompile(`(^|\.)(MustCompile|MustCompilePOSIX|Must)$`) }

// prepared finds what functions would do before main, in each cold start: init functions, and variables that compile an
// expression or parse a template. In sync.OnceValue they do so when they are first needed.
func (t *tree) prepared() {
	calls := dear()
	for _, s := range t.code {
		if s.test || s.generated || !within(s.dir, "functions", "shared", "policies") {
			continue
		}
		for _, d := range s.syntax.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					t.fault(s.name, t.line(d.Pos()), "cold start", "init does in each one what may never be needed")
				}
			case *ast.GenDecl:
				if d.Tok == token.VAR {
					t.calls(s, d, calls)
				}
			}
		}
	}
}

// calls finds dear calls in the values of variables, but for those inside of functions.
func (t *tree) calls(s *source, d *ast.GenDecl, calls *regexp.Regexp) {
	for _, spec := range d.Specs {
		v, ok := spec.(*ast.ValueSpec)
		if !ok {
			continue
		}
		for _, value := range v.Values {
			ast.Inspect(value, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.FuncLit:
					return false
				case *ast.CallExpr:
					if fun := written(n.Fun); calls.MatchString(fun) {
						t.fault(s.name, t.line(n.Pos()), "cold start", "%s: %s belongs into sync.OnceValue", v.Names[0].Name, fun)
						return false
					}
				}
				return true
			})
		}
	}
}
