// Package policies puts the Rego policies into the binaries that evaluate them (embed cannot reach upward).
package policies

import (
	"embed"
	"io/fs"
	"path"
	"strings"
)

//go:embed access/*.rego admin/*.rego
var sources embed.FS

// What policy.Compile wrote of the sources; `go generate ./policies` writes it anew.
//
//go:generate go test -run TestWhatIsCompiledIsMadeOfTheSources -write
var (
	//go:embed access/compiled.bin
	compiledAccess string
	//go:embed admin/compiled.bin
	compiledAdmin string
)

// Access gives the sources of package access by file name, without tests: may this call pass? The entry point is
// data.access.decision.
func Access() map[string]string { return modules("access") }

// Admin gives the sources of package admin by file name, without tests: may this admin do that? The entry point is
// data.admin.decision.
func Admin() map[string]string { return modules("admin") }

// CompiledAccess is what policy.Compile made of Access, for policy.Load.
func CompiledAccess() []byte { return []byte(compiledAccess) }

// CompiledAdmin is what policy.Compile made of Admin, for policy.Load.
func CompiledAdmin() []byte { return []byte(compiledAdmin) }

func modules(dir string) map[string]string {
	all := map[string]string{}
	names, err := fs.Glob(sources, dir+"/*.rego")
	if err != nil {
		return all // not reached: the pattern is constant and well-formed; a policy without modules does not compile
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.rego") {
			continue
		}
		source, err := sources.ReadFile(name)
		if err != nil {
			return map[string]string{} // not reached: the file was just listed
		}
		all[path.Clean(name)] = string(source)
	}
	return all
}
