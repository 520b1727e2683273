package replay_test

import (
	"bytes"
	"strings"
	"testing"

	"sluice/functions/proxy/replay"
)

// BenchmarkNoKey is what most calls pass: nothing to do.
func BenchmarkNoKey(b *testing.B) {
	r, c := instance(newShelf()), post("")
	delete(c.Header, "idempotency-key")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := r.Begin(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFirstCall claims a call and keeps its answer, without the store's own time.
func BenchmarkFirstCall(b *testing.B) {
	small := created
	large := replay.Answer{Status: 200, Header: created.Header, Body: bytes.Repeat([]byte(`{"sku":"abc","amount":17},`), 400)}
	for name, answer := range map[string]replay.Answer{"20 bytes": small, "10 KB": large} {
		b.Run(name, func(b *testing.B) {
			s := newShelf()
			r, c := instance(s), post("8e03978e-40d5-43dc-bc93-6894a57f9324")
			b.ReportAllocs()
			for b.Loop() {
				a, _, err := r.Begin(b.Context(), c)
				if err != nil {
					b.Fatal(err)
				}
				if err := a.Finish(b.Context(), answer); err != nil {
					b.Fatal(err)
				}
				clear(s.calls)
			}
		})
	}
}

// BenchmarkReplay answers a call from the memory.
func BenchmarkReplay(b *testing.B) {
	s := newShelf()
	r, c := instance(s), post("8e03978e-40d5-43dc-bc93-6894a57f9324")
	c.Body = []byte(strings.Repeat("x", 1000))
	a, _, err := r.Begin(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	if err := a.Finish(b.Context(), created); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, answer, err := r.Begin(b.Context(), c); err != nil || answer == nil {
			b.Fatal(err)
		}
	}
}
