package dynamo_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/dynamo"
	"sluice/shared/limit/counter"
	"sluice/shared/settings"
	"sluice/shared/usage"
	"sluice/test/engine"
)

// measured reports our own CPU time for each operation: what the engine burns is in another process, and elapsed time on a
// busy machine says little.
func measured(b *testing.B, operation func() error) {
	b.Helper()
	b.ReportAllocs()
	if err := operation(); err != nil { // connects
		b.Fatal(err)
	}
	before := cpu(b)
	for b.Loop() {
		if err := operation(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkApplyLimit(b *testing.B) {
	table, _ := engine.Table(b)
	step := counter.Step{Expires: time.Now().Add(time.Hour), RateSet: &counter.RateSet{To: 1, Below: 1 << 60},
		QuotaReset: &counter.QuotaReset{Period: "2026-11", Units: 0}}
	if _, _, err := table.ApplyLimit(b.Context(), "s1", step); err != nil {
		b.Fatal(err)
	}
	step = counter.Step{Expires: step.Expires, RateAdvance: &counter.RateAdvance{By: 1, Min: 0, Max: 1 << 60},
		QuotaAdd: &counter.QuotaAdd{Period: "2026-11", Units: 1, Most: 1 << 60}}
	measured(b, func() error {
		_, _, err := table.ApplyLimit(b.Context(), "s1", step)
		return err
	})
}

func BenchmarkCredential(b *testing.B) {
	table, _ := engine.Table(b)
	key := catalog.AdminKey{ID: "k1", Name: "Ann", Role: catalog.RoleAuditor, Hash: "0f1e2d"}
	if err := dynamo.NewResources[catalog.AdminKey](table).Create(b.Context(), catalog.Write{At: time.Now()}, &key); err != nil {
		b.Fatal(err)
	}
	measured(b, func() error {
		_, err := table.Credential(b.Context(), "0f1e2d")
		return err
	})
}

func BenchmarkSinceNothingNew(b *testing.B) {
	table, _ := engine.Table(b)
	teams := dynamo.NewResources[catalog.Team](table)
	if err := teams.Create(b.Context(), catalog.Write{At: time.Now()}, &catalog.Team{ID: "pay"}); err != nil {
		b.Fatal(err)
	}
	measured(b, func() error {
		_, err := table.Since(b.Context(), 1)
		return err
	})
}

func BenchmarkPutUsage(b *testing.B) {
	table, _ := engine.Table(b)
	body := make([]byte, 2<<10)
	measured(b, func() error {
		return table.PutUsage(b.Context(), usage.Pending{ID: "p", Body: body}, time.Now().Add(time.Hour))
	})
}

// BenchmarkHTTP is the floor: the bare HTTP client makes the same exchange.
func BenchmarkHTTP(b *testing.B) {
	_, cfg := engine.Table(b)
	measured(b, func() error {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, cfg.Endpoint, nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		return res.Body.Close()
	})
}

// canned answers every call at once, so that what is left is the client's own work.
type canned string

// RoundTrip answers.
func (c canned) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "X-Amzn-Requestid": {"r"}}, ContentLength: int64(len(c)),
		Body: io.NopCloser(strings.NewReader(string(c)))}, nil
}

// open opens a table whose store says nothing else.
func (c canned) open(t testing.TB) *dynamo.Table {
	t.Helper()
	table, err := dynamo.Open(settings.Table{Name: "sluice", Region: "eu-central-1", Endpoint: "http://store.invalid"},
		dynamo.WithTransport(c), dynamo.WithSleep(func(ctx context.Context, _ time.Duration) error { return ctx.Err() }))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func BenchmarkClientApplyLimit(b *testing.B) {
	table := canned(`{"Attributes":{"pk":{"S":"limit#s1"},"sk":{"S":"self"},"tat":{"N":"1790000000000000"},` +
		`"period":{"S":"2026-11"},"used":{"N":"17"},"op":{"S":"3w5e11264sgsf.1"},"expires_at":{"N":"1790000000"}}}`).open(b)
	step := counter.Step{Expires: time.Now(), RateAdvance: &counter.RateAdvance{By: 1, Min: 0, Max: 1 << 60},
		QuotaAdd: &counter.QuotaAdd{Period: "2026-11", Units: 1, Most: 1 << 60}}
	measured(b, func() error {
		_, _, err := table.ApplyLimit(b.Context(), "s1", step)
		return err
	})
}

func BenchmarkClientCredential(b *testing.B) {
	table := canned(`{"Item":{"pk":{"S":"credential#0f1e2d"},"sk":{"S":"self"},` +
		`"doc":{"S":"{\"key\":\"k1\",\"app\":\"shop\"}"}}}`).open(b)
	measured(b, func() error {
		_, err := table.Credential(b.Context(), "0f1e2d")
		return err
	})
}

// BenchmarkOpen is what a cold start spends on the client, its first call included and the network not.
func BenchmarkOpen(b *testing.B) {
	answers := canned(`{"Item":{"pk":{"S":"credential#0f1e2d"},"sk":{"S":"self"},"doc":{"S":"{}"}}}`)
	measured(b, func() error {
		_, err := answers.open(b).Credential(b.Context(), "0f1e2d")
		return err
	})
}
