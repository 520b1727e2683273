package manage_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/catalog"
	"sluice/shared/dynamo"
	"sluice/shared/limit/counter"
	"sluice/test/engine"
	"sluice/test/management/front"
)

// everything is an API and a plan with limits in every place: shop's subscription is given.
func everything(t *testing.T, d *front.Desk) (subscription string) {
	t.Helper()
	seed(d)
	patch := func(path, body string) {
		if a := d.Do("PATCH", path, front.Request{Body: body, Header: map[string]string{"Content-Type": "application/merge-patch+json", "If-Match": "*"}}); a.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	patch("/admin/v1/apis/orders", `{"limits":{"rate":{"requests":500,"seconds":1,"burst":900},"quota":{"requests":90000,"period":"month","anchor_day":15}},
		"operations":{"createOrder":{"cost":5,"limits":{"rate":{"requests":50,"seconds":1}}},"getOrder":{"cost":2}}}`)
	patch("/admin/v1/plans/basic", `{"operations":{"createOrder":{"quota":{"requests":7,"period":"day","shadow":true}},"GET /x/{id}":{"rate":{"requests":3,"seconds":60}}}}`)
	return d.Must(http.StatusCreated, "POST", "/admin/v1/subscriptions", `{"app":"shop","api":"orders","plan":"basic"}`).Text("id")
}

func TestLimitsShowEveryCounterThatACallCanTakeOf(t *testing.T) {
	d := open(t)
	id := everything(t, d)
	shared := []string{"api/orders   orders-api-rate 900 false", "api/orders   orders-api-quota 90000 false",
		"api/orders/createOrder  createOrder orders-createOrder-rate 50 false"}
	own := []string{id + " shop  basic-rate 10 false", id + " shop  basic-quota 1000 false"}
	for query, want := range map[string][]string{
		"app=shop&api=orders": {own[0], own[1], shared[0], shared[1],
			id + "/GET /x/{id} shop GET /x/{id} basic-GET__x__id_~07ead239-rate 3 false", id + "/createOrder shop createOrder basic-createOrder-quota 7 true", shared[2]},
		"api=orders": {shared[0], shared[1], shared[2], own[0], own[1]},
		"app=shop":   own,
	} {
		got := []string{}
		for _, item := range d.Must(http.StatusOK, "GET", "/admin/v1/limits?"+query, "").List("items") {
			l := front.Of(item)
			text := func(name string) string { s, _ := l[name].(string); return s }
			got = append(got, fmt.Sprintf("%s %s %s %s %v %v", text("counter"), text("app"), text("operation"), text("name"), l["limit"], l["shadow"]))
			if (text("subscription") == "") != strings.HasPrefix(text("counter"), "api/") || text("api") != "orders" || (text("plan") == "") != (text("app") == "") {
				t.Errorf("%s: whose is %v", query, l)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
	d.Must(http.StatusCreated, "POST", "/admin/v1/apps", strings.Replace(shop, `"shop"`, `"toy"`, 1))
	if items := d.Must(http.StatusOK, "GET", "/admin/v1/limits?app=toy&api=orders", "").List("items"); len(items) > 0 {
		t.Errorf("an app that is not subscribed takes of %v", items)
	}
}

func TestTheCountersOfAnAPIAreOnItsFirstPageOnly(t *testing.T) {
	d := open(t)
	everything(t, d)
	d.Must(http.StatusCreated, "POST", "/admin/v1/apps", strings.Replace(shop, `"shop"`, `"toy"`, 1))
	d.Must(http.StatusCreated, "POST", "/admin/v1/subscriptions", `{"app":"toy","api":"orders","plan":"basic"}`)
	first := d.Must(http.StatusOK, "GET", "/admin/v1/limits?api=orders&limit=1", "")
	second := d.Must(http.StatusOK, "GET", "/admin/v1/limits?api=orders&limit=1&cursor="+first.Text("next"), "")
	if a, b := len(first.List("items")), len(second.List("items")); a != 5 || b != 2 {
		t.Errorf("%d and %d items", a, b)
	}
}

func TestLimitsShowWhatIsOnLeaseAndWhatWasAlerted(t *testing.T) {
	clock := front.NewClock()
	table, _ := engine.Table(t, dynamo.WithClock(clock.Now))
	d := on(t, table, clock)
	id := everything(t, d)
	charge := func(of, period string, units, risk int64) {
		t.Helper()
		step := counter.Step{QuotaReset: &counter.QuotaReset{Period: period, Units: units, Risk: risk}, Expires: clock.Now().Add(1000 * time.Hour)}
		if _, applied, err := table.ApplyLimit(t.Context(), of, step); err != nil || !applied {
			t.Fatal(applied, err)
		}
	}
	alert := func(counter, period string, percent int) {
		t.Helper()
		if _, err := table.PutAlert(t.Context(), catalog.LimitAlert{Counter: counter, Limit: "x", Period: period, Percent: percent, At: clock.Now()}, clock.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	charge(id, "2026-11-23", 600, 30)
	charge(id+"/createOrder", "2026-11-23", 9, 0) // in the shadow: beyond its 7
	for _, percent := range []int{50, 80, 100} {
		alert(id+"/createOrder", "2026-11-23", percent)
	}
	alert(id, "2026-11-22", 100)
	alert(id, "2026-11-23", 50)
	charge("api/orders", "2026-10-15", 90_000, 500) // the period before: this one starts on the 15th
	alert("api/orders", "2026-10-15", 100)
	read := func() map[string]string {
		all := map[string]string{}
		for _, item := range d.Must(http.StatusOK, "GET", "/admin/v1/limits?app=shop&api=orders", "").List("items") {
			l := front.Of(item)
			var alerts []any
			list, _ := l["alerts"].([]any)
			for _, a := range list {
				alerts = append(alerts, front.Of(a)["percent"])
			}
			if l["kind"] == "quota" {
				all[fmt.Sprint(l["name"])] = fmt.Sprintf("%v of %v, %v left, %v leased, alerts %v, resets %v", l["used"], l["limit"], l["remaining"], l["leased"], alerts, l["resets"])
			}
		}
		return all
	}
	if diff := cmp.Diff(map[string]string{
		"basic-quota":             "600 of 1000, 400 left, 30 leased, alerts [50], resets 2026-11-24T00:00:00Z",
		"basic-createOrder-quota": "9 of 7, 0 left, 0 leased, alerts [100 80 50], resets 2026-11-24T00:00:00Z",
		"orders-api-quota":        "0 of 90000, 90000 left, 0 leased, alerts [], resets 2026-12-15T00:00:00Z",
	}, read()); diff != "" {
		t.Error(diff)
	}
	clock.Pass(24 * time.Hour)
	if diff := cmp.Diff(map[string]string{
		"basic-quota":             "0 of 1000, 1000 left, 0 leased, alerts [], resets 2026-11-25T00:00:00Z",
		"basic-createOrder-quota": "0 of 7, 7 left, 0 leased, alerts [], resets 2026-11-25T00:00:00Z",
		"orders-api-quota":        "0 of 90000, 90000 left, 0 leased, alerts [], resets 2026-12-15T00:00:00Z",
	}, read()); diff != "" {
		t.Errorf("a day later: %s", diff)
	}
}
