package cold_test

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func functions(t *testing.T) []string {
	t.Helper()
	mains, err := filepath.Glob(filepath.Join(root, "functions", "*", "main.go"))
	if err != nil || len(mains) < 6 {
		t.Fatalf("functions: %v, %v", mains, err)
	}
	var names []string
	for _, m := range mains {
		names = append(names, filepath.Base(filepath.Dir(m)))
	}
	return names
}

// tool runs the Go tool as functions are built.
func tool(t *testing.T, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "go", args...) // #nosec G204 -- fixed words
	c.Dir, c.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("go %v: %v: %s", args, err, stderr.String())
	}
	return string(out)
}

// What a package does before main is done in each cold start by every function that links it, whether it is used or not.
func TestNoFunctionLinksWhatTakesLongToPrepare(t *testing.T) {
	for _, f := range functions(t) {
		linked := strings.Fields(tool(t, "list", "-tags", "lambda.norpc", "-deps", "./functions/"+f))
		if len(linked) < 100 {
			t.Fatalf("%s links %d packages: the list is not what it should be", f, len(linked))
		}
		for _, p := range linked {
			for dear, why := range map[string]string{
				"github.com/santhosh-tekuri/jsonschema":    "5 ms for the metaschemas of six drafts",
				"github.com/danielgtaylor/huma/v2":         "1 ms for the document's writer, which no function writes",
				"github.com/aws/aws-sdk-go-v2/config":      "1 ms and 2 MB for a chain of credentials that Lambda does not need",
				"github.com/open-policy-agent/opa/v1/rego": "policies are compiled before, and evaluated by v1/topdown",
				"github.com/open-policy-agent/opa/v1/sdk":  "twice what v1/topdown takes",
			} {
				if p == dear || strings.HasPrefix(p, dear+"/") {
					t.Errorf("%s links %s: %s", f, p, why)
				}
			}
		}
	}
}

// The times of a busy machine say little, but what packages allocate before main does not depend on it: at most twice what
// those of hello do, and none of ours more than a trifle.
func TestFunctionsPrepareLittleBeforeMain(t *testing.T) {
	folder := t.TempDir()
	source, err := os.ReadFile("hello.go.txt")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "hello.go"), source, 0o600); err != nil {
		t.Fatal(err)
	}
	build := []string{"build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o"}
	tool(t, append(build, filepath.Join(folder, "hello"), filepath.Join(folder, "hello.go"))...)
	largest := []string{"authorizer", "catalog"} // the others link a part of what these do
	for _, f := range largest {
		tool(t, append(build, filepath.Join(folder, f), "./functions/"+f)...)
	}
	base := sum(prepared(t, filepath.Join(folder, "hello")))
	for _, f := range largest {
		packages := prepared(t, filepath.Join(folder, f))
		if total := sum(packages); base < 100_000 || total > 2*base {
			t.Errorf("%s allocates %d bytes before main, hello %d", f, total, base)
		}
		for p, n := range packages {
			if strings.HasPrefix(p, "sluice/") && n > 16<<10 {
				t.Errorf("%s: %s allocates %d bytes before main", f, p, n)
			}
		}
	}
}

// prepared gives the bytes that each package of a binary allocates before main. There is no Lambda for it to run in, so it
// ends soon after.
func prepared(t *testing.T, binary string) map[string]int {
	t.Helper()
	c := exec.CommandContext(t.Context(), binary) // #nosec G204 -- just built
	c.Env = []string{"GODEBUG=inittrace=1", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:1"}
	out, _ := c.CombinedOutput() // it fails, as it should
	packages := map[string]int{}
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		words := strings.Fields(s.Text()) // init sluice/shared/policy @2.9 ms, 0.006 ms clock, 3224 bytes, 81 allocs
		if len(words) < 10 || words[0] != "init" {
			continue
		}
		n, err := strconv.Atoi(words[7])
		if err != nil {
			t.Fatalf("%s: %q", binary, s.Text())
		}
		packages[words[1]] = n
	}
	if len(packages) < 20 {
		t.Fatalf("%s traces %d packages: %s", binary, len(packages), out)
	}
	return packages
}

func sum(packages map[string]int) int {
	total := 0
	for _, n := range packages {
		total += n
	}
	return total
}
