package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/shared/telemetry"
)

// slow is the same logger with nothing but slog in it: an empty group leaves every record to slog's own handler.
func slow(w io.Writer) *slog.Logger {
	h := telemetry.New(w, slog.LevelInfo).Handler()
	return slog.New(h.WithAttrs([]slog.Attr{slog.Group("none")}))
}

// words are parts of texts and names.
var words = []string{"", "a", "api", "slk", "slk_", "sla_", "_", "slk_0123456789", "sl", "x-api-key", "Authorization", "credential", "é", "\"", "\\", "<>&",
	"\n", "\x00", "\x7f", "\xff", "\u2028", "😀", " ", "/orders/{id}", "request_id"}

func text(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(4) {
		b.WriteString(words[r.IntN(len(words))])
	}
	return b.String()
}

func value(r *rand.Rand) slog.Value {
	switch r.IntN(14) {
	case 0:
		return slog.Int64Value(r.Int64() - r.Int64())
	case 1:
		return slog.BoolValue(r.IntN(2) == 0)
	case 2:
		return slog.Uint64Value(r.Uint64())
	case 3:
		return slog.Float64Value(r.Float64())
	case 4:
		return slog.DurationValue(time.Duration(r.Int64()))
	case 5:
		return slog.TimeValue(time.Unix(r.Int64N(1e10), 5).UTC())
	case 6:
		return slog.AnyValue(errors.New(text(r)))
	case 7:
		return slog.GroupValue(slog.String("in", text(r)))
	case 8:
		return slog.AnyValue([]string{"a"})
	}
	return slog.StringValue(text(r))
}

func attrs(r *rand.Rand) []slog.Attr {
	var all []slog.Attr
	for range r.IntN(5) {
		all = append(all, slog.Attr{Key: text(r), Value: value(r)})
	}
	return all
}

// TestALineIsTheOneThatSlogWrites holds both ways of writing against each other.
func TestALineIsTheOneThatSlogWrites(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var got, want bytes.Buffer
	own, whole := telemetry.New(&got, slog.LevelInfo).Handler(), slow(&want).Handler()
	for range 20_000 {
		h1, h2 := own, whole
		if fixed := attrs(r); r.IntN(3) == 0 {
			h1, h2 = h1.WithAttrs(fixed), h2.WithAttrs(fixed)
		}
		if r.IntN(20) == 0 {
			h1, h2 = h1.WithGroup("g"), h2.WithGroup("g")
		}
		at := []time.Time{{}, time.Unix(r.Int64N(1e10), r.Int64N(1e9)).UTC(), time.Unix(1e9, 0).In(time.FixedZone("", 3600)), time.Date(12_000, 1, 1, 0, 0, 0, 0, time.UTC)}
		record := slog.NewRecord(at[r.IntN(len(at))], slog.Level(r.IntN(14)-4), text(r), 0)
		record.AddAttrs(attrs(r)...)
		got.Reset()
		want.Reset()
		if err := errors.Join(h1.Handle(t.Context(), record), h2.Handle(t.Context(), record)); err != nil {
			t.Fatal(err)
		}
		if got.String() != want.String() {
			t.Fatalf("got  %swant %s", got.String(), want.String())
		}
	}
}

func TestLinesOfManyAtOnceStayWhole(t *testing.T) {
	var out bytes.Buffer
	log := telemetry.New(&out, slog.LevelInfo)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				log.Info("call", "api", "orders", "status", 200)
				log.Info("call", "error", errors.New("é"))
			}
		})
	}
	group.Wait()
	got := strings.Count(out.String(), `","level":"INFO","msg":"call","api":"orders","status":200}`+"\n") +
		strings.Count(out.String(), `","level":"INFO","msg":"call","error":"é"}`+"\n")
	if got != 1600 || strings.Count(out.String(), "\n") != 1600 {
		t.Errorf("%d whole lines", got)
	}
}

func TestLogKeepsToTheLevelAndWritesTheSameLine(t *testing.T) {
	var out bytes.Buffer
	log := telemetry.New(&out, slog.LevelInfo).With("environment", "test")
	telemetry.Log(t.Context(), log, slog.LevelDebug, "nothing")
	telemetry.Log(t.Context(), log, slog.LevelWarn, "call", slog.String("detail", "the key "+key), slog.Int("status", 500))
	if want := `,"level":"WARN","msg":"call","environment":"test","detail":"the key slk_[redacted]","status":500}` + "\n"; strings.Count(out.String(), "\n") != 1 ||
		!strings.HasSuffix(out.String(), want) {
		t.Errorf("got %s", out.String())
	}
}

func BenchmarkLog(b *testing.B) {
	log := telemetry.New(io.Discard, slog.LevelInfo)
	b.ReportAllocs()
	for b.Loop() {
		telemetry.Log(context.Background(), log, slog.LevelInfo, "call", slog.String("request_id", "RBNrsJiKE7oVrzGk"), slog.String("method", "GET"),
			slog.Int("status", 200), slog.String("api", "orders"), slog.String("version", "v1"), slog.String("operation", "getOrder"),
			slog.String("consumer", "acme"), slog.String("app", "acme-shop"), slog.String("key", "key-0123456789"),
			slog.Int64("duration_us", 1200), slog.Int64("upstream_us", 1000), slog.Int("bytes_in", 0), slog.Int("bytes_out", 1024))
	}
}

func BenchmarkLogBySlog(b *testing.B) {
	log := slow(io.Discard)
	b.ReportAllocs()
	for b.Loop() {
		log.LogAttrs(context.Background(), slog.LevelInfo, "call", slog.String("request_id", "RBNrsJiKE7oVrzGk"), slog.String("method", "GET"),
			slog.Int("status", 200), slog.String("api", "orders"), slog.String("version", "v1"), slog.String("operation", "getOrder"),
			slog.String("consumer", "acme"), slog.String("app", "acme-shop"), slog.String("key", "key-0123456789"),
			slog.Int64("duration_us", 1200), slog.Int64("upstream_us", 1000), slog.Int("bytes_in", 0), slog.Int("bytes_out", 1024))
	}
}
