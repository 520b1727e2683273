package structure

import (
	"go/ast"
	"go/token"
	"regexp"
	"strings"
)

// exception is a package-level variable that the rule cannot judge, and why it is right.
type exception struct{ dir, name, reason string }

func exceptions() []exception {
	return []exception{
		{"test/engine", "inMemory", "the engine's process is shared by the tests of a binary; their tables are not"},
		{"test/engine", "local", "likewise"},
		{"shared/policy", "common", "a table of terms, made once: a map of them cannot be written as a literal"},
	}
}

// constants are calls whose result nobody can change, or nobody would.
func constants() *regexp.Regexp {
	return regexp.MustCompile(`^(errors\.New|fmt\.Errorf|problem\.(New|Wrap)|regexp\.MustCompile|template\.Must|strings\.NewReplacer|` +
		`netip\.(MustParse\w+|\w+From\w*)|time\.(Date|Duration|Unix)|crc32\.MakeTable|big\.NewInt|reflect\.Type(Of|For)|sync\.OnceValues?|` +
		`ast\.(String|Boolean|Object|Array)Term|\[\]byte|base64\.\w+|json\.RawMessage|len|slices\.\w+|maps\.\w+|strings\.\w+|math\.\w+)$`)
}

// state finds mutable package-level variables: those without a value, those that hold a lock, a channel, something made or
// an address, and those that some code of the package assigns to. Errors, regular expressions, embedded files and tables
// that are only read are none.
func (t *tree) state() {
	touched := t.touched()
	constant := constants()
	for _, s := range t.code {
		if s.test || s.generated {
			continue
		}
		for _, d := range s.syntax.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok && !embedded(g, v) {
					t.judge(s, v, constant, touched)
				}
			}
		}
	}
}

func (t *tree) judge(s *source, v *ast.ValueSpec, constant *regexp.Regexp, touched map[string]int) {
	for i, name := range v.Names {
		why := ""
		switch {
		case name.Name == "_" || excepted(s.dir, name.Name):
		case touched[s.dir+"."+name.Name] > 0:
			why = "it is changed in this package"
		case sentinel().MatchString(name.Name) && len(v.Values) > 0: // errors are compared and never written to
		case len(v.Values) == 0:
			why = "it has no value, so something will give it one"
		case i < len(v.Values):
			why = mutable(v.Values[i], constant)
		}
		if why != "" {
			t.fault(s.name, t.line(name.Pos()), "package state", "%s: %s", name.Name, why)
		}
	}
}

func sentinel() *regexp.Regexp { return regexp.MustCompile(`^(err|Err)[A-Z]`) }

func excepted(dir, name string) bool {
	for _, e := range exceptions() {
		if e.dir == dir && e.name == name {
			return true
		}
	}
	return false
}

func embedded(g *ast.GenDecl, v *ast.ValueSpec) bool {
	for _, doc := range []*ast.CommentGroup{g.Doc, v.Doc} {
		if doc == nil {
			continue
		}
		for _, c := range doc.List {
			if strings.HasPrefix(c.Text, "//go:embed") {
				return true
			}
		}
	}
	return false
}

// mutable says why a value can change later, or "".
func mutable(value ast.Expr, constant *regexp.Regexp) string {
	switch x := value.(type) {
	case *ast.UnaryExpr:
		if x.Op == token.AND {
			return "it is an address: whoever has it can change what is there"
		}
	case *ast.CallExpr:
		switch fun := written(x.Fun); {
		case fun == "make" || fun == "new":
			return "it is made empty, so something will fill it"
		case fun == "" || constant.MatchString(fun):
		default:
			return "nobody can tell whether what " + fun + " gives stays as it is"
		}
	case *ast.CompositeLit:
		if strings.HasPrefix(written(x.Type), "sync.") || strings.HasPrefix(written(x.Type), "atomic.") {
			return "it holds a lock or a counter"
		}
	}
	return ""
}

// written is the name of a type or function as the source has it; "" for anything that has none.
func written(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		if in := written(x.X); in != "" {
			return in + "." + x.Sel.Name
		}
	case *ast.IndexExpr:
		return written(x.X)
	case *ast.ArrayType:
		return "[]" + written(x.Elt)
	}
	return ""
}

// touched counts, by folder and name, the places that assign to a name, to a part of it, or take its address. A local
// variable of the same name counts too: better one name less than one hole more.
func (t *tree) touched() map[string]int {
	found := make(map[string]int)
	for _, s := range t.code {
		if s.test {
			continue
		}
		mark := func(e ast.Expr) {
			if name := root(e); name != "" {
				found[s.dir+"."+name]++
			}
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, e := range n.Lhs {
						mark(e)
					}
				}
			case *ast.IncDecStmt:
				mark(n.X)
			case *ast.UnaryExpr:
				if n.Op == token.AND {
					mark(n.X)
				}
			case *ast.CallExpr:
				if f := written(n.Fun); (f == "delete" || f == "clear") && len(n.Args) > 0 {
					mark(n.Args[0])
				}
			}
			return true
		})
	}
	return found
}

// root is the variable that an expression is a part of.
func root(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.IndexExpr:
		return root(x.X)
	case *ast.SelectorExpr:
		return root(x.X)
	case *ast.ParenExpr:
		return root(x.X)
	case *ast.StarExpr:
		return root(x.X)
	}
	return ""
}
