package manage_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/test/management/front"
)

func TestTrafficIsChangedMemberByMember(t *testing.T) {
	d := open(t)
	seed(d)
	d.Must(http.StatusOK, "PATCH", "/admin/v1/apis/orders", `{"limits":{"rate":{"requests":5,"seconds":1},"quota":{"requests":100,"period":"day"}},
		"operations":{"getOrder":{"cost":3,"limits":{"rate":{"requests":9,"seconds":1}}},"a/b~c":{"cost":2}}}`)
	for _, step := range []struct {
		patch string
		want  any
	}{
		{`{"limits":{"quota":null}}`, nil},
		{`{"operations":{"getOrder":{"limits":{"rate":{"requests":7}}}}}`, nil},
		{`{"operations":{"a/b~c":null}}`, map[string]any{"getOrder": map[string]any{"cost": 3.0, "limits": map[string]any{"rate": map[string]any{"requests": 7.0, "seconds": 1.0}}}}},
		{`{"operations":{"getOrder":{"limits":null},"listOrders":{"cost":4}}}`, map[string]any{"getOrder": map[string]any{"cost": 3.0}, "listOrders": map[string]any{"cost": 4.0}}},
		{`{"operations":null}`, nil},
	} {
		got := d.Must(http.StatusOK, "PATCH", "/admin/v1/apis/orders", step.patch)
		if step.want != nil && !cmp.Equal(step.want, got["operations"]) {
			t.Errorf("%s: %v", step.patch, got["operations"])
		}
	}
	want := map[string]any{"rate": map[string]any{"requests": 5.0, "seconds": 1.0}}
	if got := d.Must(http.StatusOK, "GET", "/admin/v1/apis/orders", ""); !cmp.Equal(want, got["limits"]) || got["operations"] != nil {
		t.Errorf("in the end: %v", got)
	}
}

func TestFaultsOfTrafficHaveTheirPointers(t *testing.T) {
	d := open(t)
	seed(d)
	for path, cases := range map[string]map[string]string{
		"/admin/v1/apis/orders": {
			`{"anonymous":{"rate":{"requests":5,"seconds":1}}}`: "/anonymous", // it is for partners
			`{"limits":{}}`:                                                     "/limits",
			`{"operations":{"a/b":{"cost":1001}}}`:                              "/operations/a~1b/cost",
			`{"operations":{"a/b":{"price":1}}}`:                                "/operations/a~1b/price",
			`{"limits":{"quota":{"requests":5,"period":"day","anchor_day":3}}}`: "/limits/quota/anchor_day",
			`{"limits":{"rate":{"requests":5}}}`:                                "/limits/rate/seconds",
			`{"limits":{"rate":{"requests":5,"seconds":1,"burst":2}},"operations":{"getOrder":{"cost":3}}}`: "/operations/getOrder/cost",
		},
		"/admin/v1/plans/basic": {
			`{"overdraft":5}`: "/overdraft", `{"on_store_outage":"open"}`: "/overdraft", `{"priority":"urgent"}`: "/priority", `{"operations":{"":{"rate":{"requests":1,"seconds":1}}}}`: "/operations/",
		},
		"/admin/v1/apis/orders/versions/v1": {
			`{"upstream":{"fallback":{"url":"https://orders.example.com/base"}}}`:              "/upstream/fallback/url",
			`{"upstream":{"fallback":{"url":"http://169.254.169.254/"}}}`:                      "/upstream/fallback/url",
			`{"upstream":{"fallback":{"url":"https://localhost/"}}}`:                           "/upstream/fallback/url",
			`{"upstream":{"hedge_after_ms":10000}}`:                                            "/upstream/hedge_after_ms",
			`{"upstream":{"retries":{}}}`:                                                      "/upstream/retries/attempts",
			`{"upstream":{"fallback":{"static":{"status":200,"content_type":"","body":"x"}}}}`: "/upstream/fallback/static/content_type",
		},
	} {
		for patch, pointer := range cases {
			a := d.Do("PATCH", path, front.Request{Body: patch, Header: map[string]string{"Content-Type": "application/merge-patch+json", "If-Match": "*"}})
			if got := a.Pointers(t); a.Status != http.StatusUnprocessableEntity || !cmp.Equal([]string{pointer}, got) {
				t.Errorf("%s: %d %v, want %s", patch, a.Status, got, pointer)
			}
		}
	}
	for path, body := range map[string]string{"/admin/v1/consumers": `{"id":"anonymous","name":"A","kind":"public"}`, "/admin/v1/apps": `{"id":"anonymous","name":"A","consumer":"acme"}`} {
		if a := d.Do("POST", path, front.Request{Body: body}); a.Status != http.StatusUnprocessableEntity || !cmp.Equal([]string{"/id"}, a.Pointers(t)) {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
}
