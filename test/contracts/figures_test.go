package contracts_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/compile"
)

// folder finds the documents: $SLUICE_CORPUS, or shared/corpus beside the repository. Where there are none the test is
// skipped, unless SLUICE_REQUIRE_CORPUS=1.
func folder(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("SLUICE_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	if _, err := os.Stat(filepath.Join(dir, "openapi")); err != nil {
		if os.Getenv("SLUICE_REQUIRE_CORPUS") == "1" {
			t.Fatalf("SLUICE_REQUIRE_CORPUS=1, but: %v", err)
		}
		t.Skipf("skipped: there is no folder openapi in %s; set SLUICE_CORPUS to where the documents are", dir)
	}
	return filepath.Join(dir, "openapi")
}

// documents lists the OpenAPI documents of the corpus.
func documents(t testing.TB) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder(t), "*"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	slices.Sort(found)
	return found
}

func compiled(t testing.TB, file string) *compile.Compiled {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	made, err := compile.Source(context.Background(), text, strings.HasSuffix(file, "yaml"))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return made
}

// loaded gives all operations of a compiled contract.
func loaded(t testing.TB, made *compile.Compiled) (*schema.Contract, []*schema.Operation) {
	t.Helper()
	c := schema.NewContract(func(_ context.Context, n int) ([]byte, error) { return made.Pool[n], nil })
	var all []*schema.Operation
	for _, op := range made.Operations {
		o, err := c.Load(context.Background(), op.Page)
		if err != nil {
			t.Fatalf("%s: %v", op.Key, err)
		}
		all = append(all, o)
	}
	return c, all
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

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestEachContractIsCompiledInTimeAndAllOfThemFitAnInstance(t *testing.T) {
	var kept []any
	total := uint64(0)
	for _, file := range documents(t) {
		start := cpu(t)
		made := compiled(t, file)
		took := cpu(t) - start
		pool, own, largest := 0, 0, 0
		for _, p := range made.Pool {
			pool += len(p)
		}
		for _, o := range made.Operations {
			own += len(o.Page)
			largest = max(largest, len(o.Page))
		}
		before := heap()
		c, ops := loaded(t, made)
		size := heap() - before
		total += size
		kept = append(kept, c, ops)
		said, elements := c.Size(), 0
		for _, o := range ops {
			said += o.Size()
			elements = max(elements, o.Elements())
		}
		t.Logf("%-26s %8v CPU, %3d operations %7d B (largest %6d), pool %2d pages %7d B, elements %7d B, most %d; %d findings; in memory %d kB, said %d kB",
			filepath.Base(file), took.Round(time.Millisecond), len(ops), own, largest, len(made.Pool), pool, len(made.Elements), elements, len(made.Findings), size>>10, said>>10)
	}
	t.Logf("all in memory: %d kB", total>>10)
	if total > 64<<20 {
		t.Errorf("all contracts together take %d bytes", total)
	}
	runtime.KeepAlive(kept)
}
