package manage_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"sluice/shared/catalog"
	"sluice/shared/dynamo"
	"sluice/shared/usage"
	"sluice/test/engine"
	"sluice/test/management/front"
)

func TestTheTrailTellsWhoChangedWhatFromWhatToWhat(t *testing.T) {
	d := open(t)
	d.Must(http.StatusCreated, "POST", "/admin/v1/teams", sales)
	d.Clock.Pass(time.Minute)
	d.Do("PATCH", "/admin/v1/teams/sales", front.Request{As: front.Second, Body: `{"name":"New"}`})
	d.Do("PATCH", "/admin/v1/teams/sales", front.Request{Body: `{"name":""}`}) // refused: no trace
	d.Do("DELETE", "/admin/v1/teams/sales", front.Request{})
	page := d.Must(http.StatusOK, "GET", "/admin/v1/audit", "")
	var got []string
	for _, item := range page.List("items") {
		e := front.Of(item)
		name := func(member string) any {
			v, ok := e[member].(map[string]any)
			if !ok {
				return e[member]
			}
			return v["name"]
		}
		got = append(got, fmt.Sprintf("%v %v %v: %v > %v at %v", name("actor"), e["action"], e["resource"], name("before"), name("after"), e["at"]))
		if e["request_id"] == "" || e["id"] == "" {
			t.Errorf("%v", e)
		}
	}
	want := []string{
		"Ada team.delete map[id:sales kind:team]: New > <nil> at 2026-11-23T19:01:00Z",
		"Bob team.update map[id:sales kind:team]: Sales > New at 2026-11-23T19:01:00Z",
		"Ada team.create map[id:sales kind:team]: <nil> > Sales at 2026-11-23T19:00:00Z"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	d.Must(http.StatusCreated, "POST", "/admin/v1/teams", billing)
	if page := d.Must(http.StatusOK, "GET", "/admin/v1/audit?resource=team:sales&limit=2", ""); len(page.List("items")) != 2 || page["next"] == "" {
		t.Errorf("%v", page)
	}
	for _, query := range []string{"resource=sales", "resource=team:Sales", "resource=rocket:x", "resource=team:"} {
		d.Do("GET", "/admin/v1/audit?"+query, front.Request{}).WantProblem(t, 422, "unprocessable")
	}
}

func TestUsageIsAskedByWindowAndGroup(t *testing.T) {
	clock := front.NewClock()
	table, _ := engine.Table(t, dynamo.WithClock(clock.Now))
	d := on(t, table, clock)
	seed(d)
	d.Must(http.StatusCreated, "POST", "/admin/v1/apis", strings.NewReplacer(`"orders"`, `"bills"`, `"sales"`, `"billing"`).Replace(orders))
	add := func(step usage.Step, at string, api catalog.APIID, app catalog.AppID, calls int64) {
		t.Helper()
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		delta := usage.Delta{Bucket: usage.Bucket{Step: step, At: when, API: api, Version: "v1", Operation: "getOrder", App: app, Consumer: "acme"},
			Add: map[string]int64{usage.CountCalls: calls, usage.CountWouldRefuse: calls, "w_basic-rate": calls}}
		record := usage.Pending{ID: uuid.NewString(), Body: []byte("x")}
		record.Shard = usage.Shard(record.ID)
		if err := table.PutUsage(t.Context(), record, clock.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if err := table.FoldUsage(t.Context(), []usage.Pending{record}, []usage.Delta{delta}); err != nil {
			t.Fatal(err)
		}
	}
	add(usage.Hour, "2026-11-23T18:00:00Z", "orders", "shop", 5)
	add(usage.Hour, "2026-11-23T17:00:00Z", "orders", "shop", 3)
	add(usage.Hour, "2026-11-23T17:00:00Z", "orders", "toy", 2)
	add(usage.Hour, "2026-11-22T17:00:00Z", "orders", "shop", 90) // too old for the default
	add(usage.Hour, "2026-11-23T18:00:00Z", "bills", "shop", 7)
	add(usage.Day, "2026-11-22T00:00:00Z", "orders", "shop", 95)
	for query, want := range map[string]string{
		"api=orders":                "17:00  5, 18:00  5",
		"api=orders&group_by=app":   "17:00 shop 3, 17:00 toy 2, 18:00 shop 5",
		"api=orders&app=toy":        "17:00  2",
		"api=orders&group_by=limit": "17:00 basic-rate 0, 18:00 basic-rate 0",
		"api=orders&consumer=other": "",
		"api=orders&version=v1&operation=getOrder&consumer=acme": "17:00  5, 18:00  5",
		"group_by=api":                         "17:00 orders 5, 18:00 bills 7, 18:00 orders 5",
		"api=orders&from=2026-11-23T18:30:00Z": "18:00  5",
		"api=orders&from=2026-11-22T17:00:00Z&to=2026-11-22T18:00:00Z":        "17:00  90",
		"api=orders&from=2026-11-22T18:00:00%2B01:00&to=2026-11-22T17:30:00Z": "17:00  90",
		"api=orders&step=day&from=2026-11-20T00:00:00Z":                       "00:00  95",
	} {
		t.Run(query, func(t *testing.T) {
			var got []string
			for _, item := range d.Must(http.StatusOK, "GET", "/admin/v1/usage?"+query, "").List("points") {
				p := front.Of(item)
				got = append(got, fmt.Sprintf("%s %v %v", p.Text("at")[11:16], p["group"], p["calls"]))
				if p["would_refuse"] != p["calls"] && p["calls"] != 0.0 || p["would_refuse"] == 0.0 {
					t.Errorf("a limit in the shadow would refuse all of %v", p)
				}
			}
			if diff := cmp.Diff(want, strings.Join(got, ", ")); diff != "" {
				t.Error(diff)
			}
		})
	}
	own := d.Do("GET", "/admin/v1/usage?group_by=api", front.Request{As: front.Sales}).JSON(t).List("points")
	if len(own) != 2 || strings.Contains(fmt.Sprint(own), "bills") {
		t.Errorf("a member sees %v", own)
	}
	for query, pointer := range map[string]string{
		"step=week": "query:step", "group_by=colour": "query:group_by", "from=yesterday": "query:from", "to=2026-13-01T00:00:00Z": "query:to",
		"from=2026-11-23T18:00:00Z&to=2026-11-23T18:00:00Z": "query:from", "step=minute&from=2026-11-01T00:00:00Z": "query:from",
		"from=0001-01-01T00:00:00Z": "query:from", "to=9999-12-31T23:59:59Z": "query:to", "api=nothing": "query:api", "api=Orders": "query:api",
	} {
		a := d.Do("GET", "/admin/v1/usage?"+query, front.Request{})
		if a.Status != 422 || !cmp.Equal(a.Pointers(t), []string{pointer}) {
			t.Errorf("%s: %d %s", query, a.Status, a.Body)
		}
	}
}
