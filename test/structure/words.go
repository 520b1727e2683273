package structure

import (
	"go/ast"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxText is the largest file that is looked into for words: larger ones are data.
const maxText = 2 << 20

// words finds what ties the tree to one machine: absolute paths of it, and the registries that it happens to use. The
// patterns are put together so that this file does not match them.
func (t *tree) words() {
	machine := regexp.MustCompile(`(?m)(^|[\s"'` + "`" + `=(,:])/(` + strings.Join([]string{"work", "root", "home", "Users", "tmp"}, "|") + `)/[\w.]`)
	registry := regexp.MustCompile(`(proxy\.` + `golang\.org|registry\.` + `npmjs\.org|repo1?\.` + `maven|pypi\.` + `org|files\.` + `pythonhosted\.org)`)
	for _, name := range t.files {
		info, err := fs.Stat(t.fsys, name)
		if err != nil || info.Size() > maxText {
			continue
		}
		text, err := fs.ReadFile(t.fsys, name)
		if err != nil || !utf8.Valid(text) {
			continue
		}
		for _, at := range machine.FindAllStringIndex(string(text), -1) {
			t.fault(name, lineAt(text, at[1]-1), "machine path", "%s…: a path of one machine", strings.TrimSpace(string(text[at[0]:at[1]])))
		}
		for _, at := range registry.FindAllStringIndex(string(text), -1) {
			t.fault(name, lineAt(text, at[0]), "registry", "%s: where packages come from is the machine's business", text[at[0]:at[1]])
		}
	}
}

func lineAt(text []byte, offset int) int { return 1 + strings.Count(string(text[:offset]), "\n") }

// habits finds tests that look inside, panics where an error belongs, and promises to do something that no issue keeps.
func (t *tree) habits() {
	todo, issue := regexp.MustCompile(`\b(TO`+`DO|FIX`+`ME|X`+`XX)\b`), regexp.MustCompile(`#\d+`)
	for _, s := range t.code {
		name := s.syntax.Name
		if s.test && !strings.HasSuffix(name.Name, "_test") && path.Base(s.name) != "export_test.go" {
			t.fault(s.name, t.line(name.Pos()), "black box", "package %s: a test sees what users see; what it must see besides goes into export_test.go", name.Name)
		}
		for _, g := range s.syntax.Comments {
			for _, c := range g.List {
				if todo.MatchString(c.Text) && !issue.MatchString(c.Text) {
					t.fault(s.name, t.line(c.Pos()), "open end", "%s: name the issue that closes it, #n", strings.TrimSpace(c.Text))
				}
			}
		}
		if s.test || name.Name == "main" {
			continue
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && written(call.Fun) == "panic" {
				t.fault(s.name, t.line(call.Pos()), "panic", "it belongs to main and to tests")
			}
			return true
		})
	}
}
