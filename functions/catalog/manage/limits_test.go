package manage_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/dynamo"
	"sluice/shared/limit/counter"
	"sluice/test/engine"
	"sluice/test/management/front"
)

// market is two APIs of two teams and two apps: shop uses both, toy only orders, under a plan without limits as well.
func market(t *testing.T, d *front.Desk) {
	t.Helper()
	seed(d)
	d.Must(http.StatusCreated, "POST", "/admin/v1/apis", strings.NewReplacer(`"orders"`, `"bills"`, `"sales"`, `"billing"`).Replace(orders))
	d.Must(http.StatusCreated, "POST", "/admin/v1/apps", strings.Replace(shop, `"shop"`, `"toy"`, 1))
	d.Must(http.StatusCreated, "POST", "/admin/v1/apps", strings.Replace(shop, `"shop"`, `"idle"`, 1))
	for _, s := range []string{`{"app":"shop","api":"orders","plan":"basic"}`, `{"app":"toy","api":"orders","plan":"approved"}`, `{"app":"shop","api":"bills","plan":"basic"}`} {
		d.Must(http.StatusCreated, "POST", "/admin/v1/subscriptions", s)
	}
}

// told writes one page of limits as "app>api name used/limit left remaining", and its cursor.
func told(t *testing.T, a front.Answer) (string, string) {
	t.Helper()
	if a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	page := a.JSON(t)
	got := []string{}
	for _, item := range page.List("items") {
		l := front.Of(item)
		got = append(got, fmt.Sprintf("%v>%v %v:%v %v/%v left %v", l["app"], l["api"], l["plan"], l["kind"], l["used"], l["limit"], l["remaining"]))
	}
	return strings.Join(got, ", "), page.Text("next")
}

func TestLimitsShowTheLiveCounters(t *testing.T) {
	clock := front.NewClock()
	table, _ := engine.Table(t, dynamo.WithClock(clock.Now))
	d := on(t, table, clock)
	seed(d)
	s := d.Must(http.StatusCreated, "POST", "/admin/v1/subscriptions", `{"app":"shop","api":"orders","plan":"basic"}`)
	read := func() []any {
		return d.Must(http.StatusOK, "GET", "/admin/v1/limits?app=shop&api=orders", "").List("items")
	}
	want := func(used, left float64, quotaLeft float64, rateResets, quotaResets string) []any {
		item := func(name, kind string, limit, remaining float64, resets string) map[string]any {
			return map[string]any{"app": "shop", "api": "orders", "subscription": s["id"], "plan": "basic", "counter": s["id"], "name": name, "kind": kind,
				"limit": limit, "used": used, "remaining": remaining, "resets": resets, "shadow": false, "alerts": []any{}}
		}
		rate, quota := item("basic-rate", "rate", 10, left, rateResets), item("basic-quota", "quota", 1000, quotaLeft, quotaResets)
		rate["requests"], rate["seconds"], quota["period"], quota["leased"] = 10.0, 1.0, "day", 0.0
		return []any{rate, quota}
	}
	if diff := cmp.Diff(want(0, 10, 1000, "2026-11-23T19:00:00Z", "2026-11-24T00:00:00Z"), read()); diff != "" {
		t.Errorf("fresh: %s", diff)
	}
	step := counter.Step{QuotaReset: &counter.QuotaReset{Period: "2026-11-23", Units: 4},
		RateSet: &counter.RateSet{To: clock.Now().UnixNano() + 4*int64(100*time.Millisecond), Below: clock.Now().UnixNano()}, Expires: clock.Now().Add(time.Hour)}
	if _, applied, err := table.ApplyLimit(t.Context(), s.Text("id"), step); err != nil || !applied {
		t.Fatal(applied, err)
	}
	if diff := cmp.Diff(want(4, 6, 996, "2026-11-23T19:00:00.4Z", "2026-11-24T00:00:00Z"), read()); diff != "" {
		t.Errorf("after four calls: %s", diff)
	}
	clock.Pass(24 * time.Hour)
	if diff := cmp.Diff(want(0, 10, 1000, "2026-11-24T19:00:00Z", "2026-11-25T00:00:00Z"), read()); diff != "" {
		t.Errorf("a day later: %s", diff)
	}
}

func TestLimitsAreAskedByAppOrAPIOrBoth(t *testing.T) {
	d := open(t)
	market(t, d)
	const (
		shopOrders = "shop>orders basic:rate 0/10 left 10, shop>orders basic:quota 0/1000 left 1000"
		shopBills  = "shop>bills basic:rate 0/10 left 10, shop>bills basic:quota 0/1000 left 1000"
	)
	for query, want := range map[string]string{
		"app=shop&api=orders": shopOrders,
		"app=shop":            shopBills + ", " + shopOrders,
		"api=orders":          shopOrders, // toy's plan sets no limit
		"app=toy":             "",
		"app=idle":            "",
		"app=toy&api=bills":   "", // no subscription
		"api=bills":           shopBills,
	} {
		got, next := told(t, d.Do("GET", "/admin/v1/limits?"+query, front.Request{}))
		if got != want || next != "" {
			t.Errorf("%s: %q, next %q, want %q", query, got, next, want)
		}
	}
	got := []string{}
	for cursor, pages := "", 0; cursor != "" || pages == 0; pages++ {
		var items string
		items, cursor = told(t, d.Do("GET", "/admin/v1/limits?app=shop&limit=1&cursor="+cursor, front.Request{}))
		if got = append(got, items); pages > 3 {
			t.Fatal("the pages have no end")
		}
	}
	if diff := cmp.Diff([]string{shopBills, shopOrders}, got); diff != "" {
		t.Errorf("a page for each subscription: %s", diff)
	}
	_, next := told(t, d.Do("GET", "/admin/v1/limits?app=shop&limit=1", front.Request{}))
	for query, c := range map[string]struct {
		status   int
		pointers []string
	}{
		"": {422, []string{"query:api", "query:app"}}, "limit=10": {422, []string{"query:api", "query:app"}},
		"api=nothing": {422, []string{"query:api"}}, "app=nothing": {422, []string{"query:app"}}, "app=nothing&api=orders": {422, []string{"query:app"}},
		"app=shop&api=nothing": {422, []string{"query:api"}}, "app=Shop": {422, []string{"query:app"}}, "app=shop&limit=0": {422, []string{"query:limit"}},
		"app=shop&api=orders&cursor=" + next: {400, []string{"query:cursor"}}, "api=orders&cursor=" + next: {400, []string{"query:cursor"}}, "app=shop&cursor=AAAA": {400, []string{"query:cursor"}},
	} {
		a := d.Do("GET", "/admin/v1/limits?"+query, front.Request{})
		if a.Status != c.status || !cmp.Equal(a.Pointers(t), c.pointers) {
			t.Errorf("%q: %d %s", query, a.Status, a.Body)
		}
	}
}

func TestAMemberSeesTheLimitsOfItsOwnAPIsOnly(t *testing.T) {
	d := open(t)
	market(t, d)
	_, next := told(t, d.Do("GET", "/admin/v1/limits?app=shop&limit=1", front.Request{As: front.Auditor}))
	for query, want := range map[string]string{
		"app=shop":                        "shop>orders shop>orders",
		"api=orders":                      "shop>orders shop>orders",
		"app=shop&api=orders":             "shop>orders shop>orders",
		"app=shop&limit=1":                "", // the first page is another team's
		"app=shop&limit=1&cursor=" + next: "shop>orders shop>orders",
		"app=idle":                        "",
		"api=bills":                       "forbidden",
		"app=shop&api=bills":              "forbidden",
		"app=idle&api=bills":              "forbidden",
		"api=bills&limit=1&cursor=AAAA":   "forbidden",
	} {
		a := d.Do("GET", "/admin/v1/limits?"+query, front.Request{As: front.Sales})
		if want == "forbidden" {
			a.WantProblem(t, http.StatusForbidden, "forbidden")
			continue
		}
		text, at := told(t, a)
		var got []string
		for _, word := range strings.Fields(text) {
			if strings.Contains(word, ">") {
				got = append(got, word)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %s", query, text)
		}
		if more := query == "app=shop&limit=1"; more != (at != "") {
			t.Errorf("%s: next %q", query, at)
		}
	}
}
