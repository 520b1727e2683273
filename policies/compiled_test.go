package policies_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"sluice/policies"
	"sluice/shared/policy"
)

var write = flag.Bool("write", false, "write what is compiled of the policies")

// A policy that was changed and not compiled anew is compiled at each cold start, which takes 3 ms.
func TestWhatIsCompiledIsMadeOfTheSources(t *testing.T) {
	for name, c := range map[string]struct {
		sources map[string]string
		have    []byte
	}{
		"access/compiled.bin": {policies.Access(), policies.CompiledAccess()},
		"admin/compiled.bin":  {policies.Admin(), policies.CompiledAdmin()},
	} {
		want, err := policy.Compile(c.sources)
		if err != nil {
			t.Fatal(err)
		}
		if *write {
			if err := os.WriteFile(name, want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if !bytes.Equal(c.have, want) {
			t.Errorf("%s is not what the sources compile to: run `go generate ./policies`", name)
		}
	}
}
