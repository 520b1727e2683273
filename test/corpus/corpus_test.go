// Package corpus_test compiles real contracts and calls each of their operations by a path of its own. It lives outside
// of the packages it tests because it needs documents that are not part of this repository.
package corpus_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/shared/contract"
	"sluice/shared/contract/openapi"
)

// folder finds the documents: $SLUICE_CORPUS, or shared/corpus beside the repository. Where there are none the test is
// skipped, unless SLUICE_REQUIRE_CORPUS=1.
func folder(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("SLUICE_CORPUS")
	if dir == "" {
		dir = filepath.Join(repository(t), "..", "shared", "corpus")
	}
	if _, err := os.Stat(filepath.Join(dir, "openapi")); err != nil {
		if os.Getenv("SLUICE_REQUIRE_CORPUS") == "1" {
			t.Fatalf("SLUICE_REQUIRE_CORPUS=1, but: %v", err)
		}
		t.Skipf("skipped: there is no folder openapi in %s; set SLUICE_CORPUS to where the documents are", dir)
	}
	return dir
}

// repository finds the folder of go.mod.
func repository(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
}

// cpu is the processor time that this process has used.
func cpu(t testing.TB) time.Duration {
	t.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// TestEveryRealContractIsServed: each document is accepted, and each of its operations is what a call with its method
// and a path made of its template leads to.
func TestEveryRealContractIsServed(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(folder(t), "openapi", "*"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d documents, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			start := cpu(t)
			c, err := openapi.Compile(context.Background(), source, "")
			spent := cpu(t) - start
			if err != nil {
				t.Fatalf("refused: %v", err)
			}
			start = cpu(t)
			ix, err := contract.DecodeIndex(c.Chunks[contract.ChunkIndex])
			if err != nil {
				t.Fatal(err)
			}
			decoded := cpu(t) - start
			fmt.Printf("%-26s %5d KB %4d operations %4d findings | compile %4d ms CPU, decode index %5d µs CPU | source %4d KB, index %5d B, findings %5d B\n",
				filepath.Base(file), len(source)>>10, c.Operations, len(c.Findings), spent.Milliseconds(), decoded.Microseconds(),
				len(c.Chunks[contract.ChunkSource])>>10, len(c.Chunks[contract.ChunkIndex]), len(c.Chunks[contract.ChunkFindings]))
			if c.Operations == 0 || c.Operations != len(ix.Operations()) {
				t.Fatalf("%d operations, %d in the index", c.Operations, len(ix.Operations()))
			}
			for _, op := range ix.Operations() {
				call(t, ix, op)
			}
		})
	}
}

// call makes a call of an operation's template and checks that it is matched to that operation, and to no other method.
func call(t *testing.T, ix *contract.Index, op contract.Operation) {
	t.Helper()
	template, faults := contract.ParseTemplate(op.Template)
	if len(faults) > 0 {
		t.Fatalf("%s: %v", op.Template, faults)
	}
	var path []string
	for i, s := range template.Segments {
		path = append(path, strings.Join(s.Texts, fmt.Sprintf("value %d/é", i)))
	}
	m := ix.MatchQuery(op.Method, path, strings.TrimPrefix(template.Query, "?"))
	if m.Operation == nil || m.Operation.ID != op.ID {
		t.Errorf("%s %s was matched to %+v", op.Method, op.Template, m)
	}
	other := ix.Match("UNKNOWN", path)
	if other.Operation != nil || !slices.Contains(other.Allow, op.Method) {
		t.Errorf("UNKNOWN %s was matched to %+v", op.Template, other)
	}
	if longer := ix.Match(op.Method, append(slices.Clone(path), "no", "such", "path", url.PathEscape("#"))); longer.Operation != nil {
		t.Errorf("%s was matched with four segments more, to %s", op.Template, longer.Operation.ID)
	}
}

// TestTheOperationsOfKnownContractsAreAllThere counts what the documents are known to have.
func TestTheOperationsOfKnownContractsAreAllThere(t *testing.T) {
	dir := folder(t)
	for name, want := range map[string]int{"openai.json": 288, "twilio-api-v2010.json": 197, "adyen-management-v3.json": 134, "petstore.yaml": 19} {
		source, err := os.ReadFile(filepath.Join(dir, "openapi", name))
		if err != nil {
			t.Fatal(err)
		}
		c, err := openapi.Compile(context.Background(), source, "")
		if err != nil || c.Operations != want {
			t.Errorf("%s: %+v, %v; want %d operations", name, c, err, want)
		}
	}
}

// compiled gives the largest document, and its compiled form.
func compiled(b *testing.B) ([]byte, *contract.Compiled) {
	b.Helper()
	source, err := os.ReadFile(filepath.Join(folder(b), "openapi", "openai.json"))
	if err != nil {
		b.Fatal(err)
	}
	c, err := openapi.Compile(context.Background(), source, "application/json")
	if err != nil {
		b.Fatal(err)
	}
	return source, c
}

func BenchmarkCompileOpenAI(b *testing.B) {
	source, _ := compiled(b)
	b.ReportAllocs()
	start := cpu(b)
	for b.Loop() {
		if _, err := openapi.Compile(context.Background(), source, "application/json"); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cpu(b)-start).Milliseconds())/float64(b.N), "cpu-ms/op")
}

func BenchmarkDecodeIndexOpenAI(b *testing.B) {
	_, c := compiled(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := contract.DecodeIndex(c.Chunks[contract.ChunkIndex]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMatchOpenAI(b *testing.B) {
	_, c := compiled(b)
	ix, err := contract.DecodeIndex(c.Chunks[contract.ChunkIndex])
	if err != nil {
		b.Fatal(err)
	}
	path := []string{"organization", "projects", "p1", "service_accounts", "s1"}
	b.ReportAllocs()
	for b.Loop() {
		if ix.Match("GET", path).Operation == nil {
			b.Fatal("not matched")
		}
	}
}
