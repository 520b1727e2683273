package authorize_test

import (
	"io"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"sluice/functions/authorizer/authorize"
	"sluice/shared/telemetry"
)

// cpu is what the process has used, garbage collection included: a busy machine makes the time on the clock noise.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkHandle is the own work of a call: the decision with its Rego, its encoding and its log line.
func BenchmarkHandle(b *testing.B) {
	w := newWorld(b)
	w.auth = authorize.New(authorize.Deps{View: viewOf(w.store, time.Now), Policy: access(b), Now: time.Now,
		Log: telemetry.New(io.Discard, slog.LevelInfo)})
	for name, e := range map[string]struct {
		path, key, want string
	}{
		"allow":       {"/orders/v1/orders/42", w.key.Reveal(), "allow"},
		"no such api": {"/none/v1/orders/42", w.key.Reveal(), "no_such_api"},
		"junk":        {"/orders/v1/orders/42", "", "credential_missing"},
	} {
		b.Run(name, func(b *testing.B) {
			event := w.event("GET", e.path, "x-api-key", e.key, "accept", "application/json", "x-forwarded-for", "192.0.2.1",
				"x-forwarded-proto", "https", "x-forwarded-port", "443", "x-amzn-trace-id", "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e")
			if got := code(w.ask(event)); got != e.want {
				b.Fatal(got)
			}
			b.ReportAllocs()
			before := cpu(b)
			for b.Loop() {
				if out, err := w.auth.Handle(b.Context(), event); err != nil || !out.IsAuthorized {
					b.Fatal(out, err)
				}
			}
			b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}
