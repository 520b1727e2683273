package authorize_test

import (
	"testing"

	"sluice/shared/catalog"
)

func TestOperationsToldApartByTheQueryAreCountedAsThemselves(t *testing.T) {
	w := newWorld(t)
	for query, want := range map[string]string{
		"": "search /search", "beta=true": "searchBeta /search?beta=true", "q=x&beta=true&page=2": "searchBeta /search?beta=true",
		"beta=%74rue": "searchBeta /search?beta=true", "beta=false": "search /search", "BETA=true": "search /search", "beta": "search /search",
	} {
		e := w.asShop("POST", "/orders/v1/search")
		e.RawQueryString = query
		d := w.wants(e, "allow")
		if got := d.Target.Operation + " " + d.Target.Route; got != want || d.Target.Path != "/search" {
			t.Errorf("%q is counted as %s on %s, want %s", query, got, d.Target.Path, want)
		}
	}
	w.put(&catalog.Plan{ID: "gold"}) // which offers no scope any more
	for _, query := range []string{"", "beta=true"} {
		e := w.asShop("POST", "/orders/v1/search")
		e.RawQueryString = query
		w.wants(e, "scope_missing")
	}
}
