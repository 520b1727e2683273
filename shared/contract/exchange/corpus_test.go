package exchange_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"sluice/shared/contract/exchange"
	"sluice/shared/contract/exchange/style"
	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/compile"
	"sluice/shared/contract/schema/program"
)

// corpus lists real contracts: those in $SLUICE_CORPUS, or in shared/corpus beside the repository. Where there are none
// the test is skipped, unless SLUICE_REQUIRE_CORPUS=1.
func corpus(t testing.TB) []string {
	t.Helper()
	dir := os.Getenv("SLUICE_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpus")
	}
	files, err := filepath.Glob(filepath.Join(dir, "openapi", "*"))
	if len(files) == 0 {
		if os.Getenv("SLUICE_REQUIRE_CORPUS") == "1" {
			t.Fatalf("SLUICE_REQUIRE_CORPUS=1, but there are no documents in %s, %v", dir, err)
		}
		t.Skipf("skipped: there is no folder openapi in %s; set SLUICE_CORPUS to where the documents are", dir)
	}
	return files
}

// real loads all operations of a document.
func real(t testing.TB, file string) (*compile.Compiled, []*schema.Operation) {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	made, err := compile.Source(t.Context(), source, strings.HasSuffix(file, ".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c := schema.NewContract(func(_ context.Context, n int) ([]byte, error) { return made.Pool[n], nil })
	var list []*schema.Operation
	for _, page := range made.Operations {
		op, err := c.Load(t.Context(), page.Page)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, op)
	}
	return made, list
}

// segments writes a path that fits a template.
func segments(key string) []string {
	_, path, _ := strings.Cut(key, " /")
	path, _, _ = strings.Cut(path, "?")
	var list []string
	for _, s := range strings.Split(path, "/") {
		for strings.Contains(s, "{") {
			before, rest, _ := strings.Cut(s, "{")
			_, after, _ := strings.Cut(rest, "}")
			s = before + "1" + after
		}
		list = append(list, s)
	}
	return list
}

// TestRealContractsAreEnforced: every operation of every real contract can be prepared and called; what is required and
// missing is told and nothing else; what is not enforced is one of few known things.
func TestRealContractsAreEnforced(t *testing.T) {
	for _, file := range corpus(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, list := real(t, file)
			remarks, media := map[string]int{}, map[string]int{}
			for _, loaded := range list {
				for _, r := range exchange.Review(loaded) {
					remarks[r.Rule]++
					if t.Logf("%s: %s", loaded.Description().Key, r.Text); r.Rule != "media-type-not-enforced" {
						t.Errorf("%s: %+v", loaded.Description().Key, r)
					}
				}
				d := loaded.Description()
				op := exchange.New(loaded)
				got := op.Validate(&exchange.Request{Path: segments(d.Key)}, exchange.Options{RefuseQuery: true, RefuseMedia: true, Values: schema.Options{Faults: 1000}})
				missing := required(d)
				for _, f := range got.Faults {
					if f.Keyword == exchange.Missing {
						missing--
					} else if f.In != exchange.InPath {
						t.Errorf("%s: %+v", d.Key, f)
					}
				}
				if missing != 0 {
					t.Errorf("%s: %d that are required are not told as missing", d.Key, missing)
				}
				if d.Body != nil {
					for _, c := range d.Body.Contents {
						media[c.Media]++
					}
				}
			}
			t.Logf("%d operations, not enforced: %v; bodies: %v", len(list), remarks, media)
		})
	}
}

// required counts what a call without anything but a path lacks.
func required(d *program.Operation) (n int) {
	for _, p := range d.Parameters {
		if p.Required && p.In != style.InPath {
			n++
		}
	}
	if d.Body != nil && d.Body.Required {
		n++
	}
	return n
}

// TestPreparingIsCheap: what an instance does for an operation before its first call, and what it keeps.
func TestPreparingIsCheap(t *testing.T) {
	var count, bytes uint64
	var spent, slowest time.Duration
	for _, file := range corpus(t) {
		_, list := real(t, file)
		kept := make([]*exchange.Operation, 0, len(list))
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for _, loaded := range list {
			start := time.Now()
			kept = append(kept, exchange.New(loaded))
			took := time.Since(start)
			spent, slowest = spent+took, max(slowest, took)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		count += uint64(len(kept))
		bytes += after.HeapAlloc - min(before.HeapAlloc, after.HeapAlloc)
		runtime.KeepAlive(kept)
		runtime.KeepAlive(list)
	}
	t.Logf("%d operations: %v each, %v the slowest, %d bytes each", count, spent/time.Duration(count), slowest, bytes/count)
	if bytes/count > 20_000 {
		t.Errorf("%d bytes for an operation", bytes/count)
	}
}
