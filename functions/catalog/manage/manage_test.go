package manage_test

import (
	"log/slog"
	"net/http"
	"testing"

	"sluice/functions/catalog/manage"
	"sluice/shared/dynamo"
	"sluice/shared/settings"
	"sluice/test/engine"
	"sluice/test/management/front"
)

// open makes a desk in front of the catalog on a table of its own.
func open(t testing.TB) *front.Desk {
	t.Helper()
	clock := front.NewClock()
	table, _ := engine.Table(t, dynamo.WithClock(clock.Now))
	return on(t, table, clock)
}

func on(t testing.TB, table *dynamo.Table, clock *front.Clock) *front.Desk {
	t.Helper()
	return front.NewDesk(t, clock, func(log *slog.Logger) http.Handler {
		h, err := manage.Wire(settings.Management{Networks: settings.PublicNetworks}, table, clock.Now, log)
		if err != nil {
			t.Fatal(err)
		}
		return h
	})
}

const (
	sales    = `{"id":"sales","name":"Sales","contacts":[{"kind":"email","value":"sales@example.com"}]}`
	billing  = `{"id":"billing","name":"Billing"}`
	orders   = `{"id":"orders","name":"Orders","team":"sales","kind":"rest","audience":"partner","sensitivity":"internal","tags":["a"]}`
	v1       = `{"version":"v1","upstream":{"url":"https://orders.example.com/base"}}`
	basic    = `{"id":"basic","name":"Basic","approval":"automatic","rate":{"requests":10,"seconds":1},"quota":{"requests":1000,"period":"day"},"scopes":["read","write"]}`
	approved = `{"id":"approved","name":"Approved","approval":"manual","scopes":["read"]}`
	acme     = `{"id":"acme","name":"ACME","kind":"partner"}`
	shop     = `{"id":"shop","name":"Shop","consumer":"acme"}`
)

// seed creates one of each resource but a subscription.
func seed(d *front.Desk) {
	for path, body := range map[string][]string{"/teams": {sales, billing}, "/plans": {basic, approved}, "/consumers": {acme}} {
		for _, b := range body {
			d.Must(http.StatusCreated, "POST", "/admin/v1"+path, b)
		}
	}
	d.Must(http.StatusCreated, "POST", "/admin/v1/apis", orders)
	d.Must(http.StatusCreated, "POST", "/admin/v1/apis/orders/versions", v1)
	d.Must(http.StatusCreated, "POST", "/admin/v1/apps", shop)
}
