package structure

import (
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

func folders() []string {
	return []string{"functions", "policies", "shared", "infra", "events", "scripts", "test"}
}

func topFiles() []string {
	return []string{"README.md", "Makefile", "LICENSE", "go.mod", "go.sum", "samconfig.toml", "template.yaml"}
}

// emptyNames say nothing about what is inside.
func emptyNames() []string {
	return []string{"util", "utils", "common", "helper", "helpers", "types", "base", "model", "models", "misc"}
}

// layout holds folders and files against the fixed top level, and scripts against their modes.
func (t *tree) layout() {
	readme, shared := make(map[string]bool), make(map[string]bool)
	for _, name := range t.files {
		first, rest, inFolder := strings.Cut(name, "/")
		switch {
		case strings.HasPrefix(first, "."):
		case !inFolder && !slices.Contains(topFiles(), first):
			t.fault(name, 0, "top level", "no file but %s, and dotfiles, lies there", strings.Join(topFiles(), ", "))
		case inFolder && !slices.Contains(folders(), first):
			t.fault(name, 0, "top level", "no folder but %s lies there", strings.Join(folders(), ", "))
		case inFolder:
			readme[first] = readme[first] || rest == "README.md"
		}
		if pkg, _, ok := strings.Cut(rest, "/"); ok && first == "shared" {
			shared[pkg] = true
		}
		t.script(name)
	}
	for folder, there := range readme {
		if !there {
			t.fault(folder, 0, "readme", "the folder has no README.md")
		}
	}
	if len(shared) > sharedPackages {
		t.fault("shared", 0, "shared packages", "there are %d, at most %d are allowed", len(shared), sharedPackages)
	}
}

// script sees that what is meant to be run can be run.
func (t *tree) script(name string) {
	if path.Ext(name) == ".go" || path.Ext(name) == ".md" {
		return
	}
	text, err := fs.ReadFile(t.fsys, name)
	if err != nil || (path.Ext(name) != ".sh" && !strings.HasPrefix(string(text), "#!")) {
		return
	}
	if info, err := fs.Stat(t.fsys, name); err == nil && info.Mode()&0o111 == 0 {
		t.fault(name, 1, "executable", "it is a script and cannot be run: chmod +x")
	}
}

// packages holds names and comments of packages against the rules.
func (t *tree) packages() {
	type pkg struct {
		file      string
		commented bool
	}
	found := make(map[string]pkg)
	for _, s := range t.code {
		name := strings.TrimSuffix(s.syntax.Name.Name, "_test")
		for _, n := range []string{name, path.Base(s.dir)} {
			if slices.Contains(emptyNames(), n) {
				t.fault(s.name, t.line(s.syntax.Name.Pos()), "package name", "%s says nothing about what is inside", n)
				break
			}
		}
		if name != strings.ToLower(name) || strings.Contains(name, "_") || !token.IsIdentifier(name) {
			t.fault(s.name, t.line(s.syntax.Name.Pos()), "package name", "%s is not one lower-case word", name)
		}
		p := found[s.dir]
		if p.file == "" {
			p.file = s.name
		}
		p.commented = p.commented || s.syntax.Doc != nil
		found[s.dir] = p
	}
	for _, p := range found {
		if !p.commented {
			t.fault(p.file, 1, "package comment", "no file of the package says what it is for")
		}
	}
}
