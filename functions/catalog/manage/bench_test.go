package manage_test

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"sluice/functions/catalog/manage"
	"sluice/shared/resource"
	"sluice/shared/settings"
	"sluice/test/engine"
	"sluice/test/management/front"
)

// BenchmarkRegister is what a cold start pays for the catalog's operations: describing and routing them.
func BenchmarkRegister(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		manage.New(manage.Deps{Shared: resource.Deps{Now: time.Now, Log: slog.New(slog.DiscardHandler)}})
	}
}

// BenchmarkWire is all of the catalog's own start: policies compiled, operations registered.
func BenchmarkWire(b *testing.B) {
	table, _ := engine.Table(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := manage.Wire(settings.Management{}, table, time.Now, slog.New(slog.DiscardHandler)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFirstPatch is a first change after a cold start: the schemas that it needs are compiled by it.
func BenchmarkFirstPatch(b *testing.B) {
	table, _ := engine.Table(b)
	clock := front.NewClock()
	seed(on(b, table, clock))
	for b.Loop() {
		b.StopTimer()
		d := on(b, table, clock)
		b.StartTimer()
		if a := d.Do("PATCH", "/admin/v1/apis/orders", front.Request{Body: `{"name":"x"}`}); a.Status != http.StatusOK {
			b.Fatal(a.Status)
		}
	}
}

// BenchmarkGet is a read as it usually is, the store's answer included.
func BenchmarkGet(b *testing.B) {
	d := open(b)
	seed(d)
	b.ReportAllocs()
	for b.Loop() {
		if a := d.Do("GET", "/admin/v1/apis/orders", front.Request{}); a.Status != http.StatusOK {
			b.Fatal(a.Status)
		}
	}
}
