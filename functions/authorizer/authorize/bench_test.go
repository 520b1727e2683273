package authorize_test

import (
	"fmt"
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
	deps := authorize.Deps{View: viewOf(w.store, time.Now), Policy: access(b), Now: time.Now, Log: telemetry.New(io.Discard, slog.LevelInfo)}
	one, many := []string{"192.0.2.1"}, make([]string, 1<<16) // many: none of them is a flood
	for i := range many {
		many[i] = fmt.Sprintf("10.0.%d.%d", i>>8, i&0xff)
	}
	for name, e := range map[string]struct {
		path, key, want string
		from            []string
		floods          bool
	}{
		"allow":                      {"/orders/v1/orders/42", w.key.Reveal(), "allow", one, false},
		"no such api":                {"/none/v1/orders/42", w.key.Reveal(), "no_such_api", one, false},
		"no credential":              {"/orders/v1/orders/42", "", "credential_missing", one, false},
		"malformed key":              {"/orders/v1/orders/42", flip(w.key.Reveal()), "credential_invalid", many, false},
		"malformed key from a flood": {"/orders/v1/orders/42", flip(w.key.Reveal()), "credential_invalid", one, true},
	} {
		b.Run(name, func(b *testing.B) {
			w.auth = authorize.New(deps) // a flood is forgotten
			event := w.event("GET", e.path, "x-api-key", e.key, "accept", "application/json", "x-forwarded-for", "192.0.2.1",
				"x-forwarded-proto", "https", "x-forwarded-port", "443", "x-amzn-trace-id", "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e")
			if got := code(w.ask(event)); got != e.want {
				b.Fatal(got)
			}
			for i := 0; e.floods && i < 100; i++ {
				w.ask(event)
			}
			b.ReportAllocs()
			before := cpu(b)
			for i := 0; b.Loop(); i++ {
				event.RequestContext.HTTP.SourceIP = e.from[i%len(e.from)]
				if out, err := w.auth.Handle(b.Context(), event); err != nil || out.IsAuthorized == e.floods {
					b.Fatal(out, err)
				}
			}
			b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}
