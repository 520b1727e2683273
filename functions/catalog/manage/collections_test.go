package manage_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/test/management/front"
)

func TestAResourceIsReadAsItWasCreated(t *testing.T) {
	d := open(t)
	seed(d)
	for path, want := range map[string]front.Fields{
		"/teams/sales":             {"id": "sales", "name": "Sales", "contacts": []any{map[string]any{"kind": "email", "value": "sales@example.com"}}},
		"/apis/orders":             {"id": "orders", "name": "Orders", "team": "sales", "kind": "rest", "audience": "partner", "sensitivity": "internal", "tags": []any{"a"}},
		"/apis/orders/versions/v1": {"api": "orders", "version": "v1", "upstream": map[string]any{"url": "https://orders.example.com/base"}, "validation": map[string]any{"request": "report", "response": "report"}, "state": "draft"},
		"/plans/approved":          {"id": "approved", "name": "Approved", "approval": "manual", "scopes": []any{"read"}},
		"/consumers/acme":          {"id": "acme", "name": "ACME", "kind": "partner"},
		"/apps/shop":               {"id": "shop", "name": "Shop", "consumer": "acme"},
	} {
		t.Run(path, func(t *testing.T) {
			a := d.Do("GET", "/admin/v1"+path, front.Request{})
			if a.Status != http.StatusOK || a.Header.Get("ETag") != `"1"` || a.Header.Get("Content-Type") != "application/json" {
				t.Fatalf("%d %v %s", a.Status, a.Header, a.Body)
			}
			want["created"], want["updated"] = "2026-11-23T19:00:00Z", "2026-11-23T19:00:00Z"
			if diff := cmp.Diff(want, a.JSON(t)); diff != "" {
				t.Error(diff)
			}
			unchanged := d.Do("GET", "/admin/v1"+path, front.Request{Header: map[string]string{"If-None-Match": `"7", W/"1"`}})
			if unchanged.Status != http.StatusNotModified || len(unchanged.Body) != 0 || unchanged.Header.Get("ETag") != `"1"` {
				t.Errorf("with its ETag: %d %s", unchanged.Status, unchanged.Body)
			}
			for name, value := range map[string]string{"another ETag": `"2"`, "an unquoted star in quotes": `"*"`} {
				if fresh := d.Do("GET", "/admin/v1"+path, front.Request{Header: map[string]string{"If-None-Match": value}}); fresh.Status != http.StatusOK {
					t.Errorf("%s: %d", name, fresh.Status)
				}
			}
		})
	}
}

func TestCreationSaysWhereTheResourceIs(t *testing.T) {
	d := open(t)
	for _, c := range [][3]string{{"/teams", sales, "/teams/sales"}, {"/apis", orders, "/apis/orders"}, {"/apis/orders/versions", v1, "/apis/orders/versions/v1"}} {
		a := d.Do("POST", "/admin/v1"+c[0], front.Request{Body: c[1]})
		if a.Status != http.StatusCreated || a.Header.Get("Location") != "/admin/v1"+c[2] || a.Header.Get("ETag") != `"1"` {
			t.Errorf("%s: %d %v %s", c[0], a.Status, a.Header, a.Body)
		}
		if got := d.Do("GET", a.Header.Get("Location"), front.Request{}); string(got.Body) != string(a.Body) {
			t.Errorf("created %s, read %s", a.Body, got.Body)
		}
	}
}

func TestAListHasEveryResourceOnceAPageAtATime(t *testing.T) {
	d := open(t)
	seed(d)
	for _, id := range []string{"a1", "b2", "c3", "d4"} {
		d.Must(http.StatusCreated, "POST", "/admin/v1/apis", strings.Replace(strings.Replace(orders, `"orders"`, `"`+id+`"`, 1), "sales", "billing", 1))
	}
	for query, want := range map[string][]string{
		"?limit=2&": {"a1", "b2", "c3", "d4", "orders"}, "?": {"a1", "b2", "c3", "d4", "orders"},
		"?team=billing&limit=3&": {"a1", "b2", "c3", "d4"}, "?team=sales&": {"orders"}, "?team=nobody&": nil,
	} {
		var got []string
		for cursor, pages := "", 0; ; pages++ {
			page := d.Must(http.StatusOK, "GET", "/admin/v1/apis"+query+"cursor="+cursor, "")
			items := page.List("items")
			if items == nil || pages > 5 {
				t.Fatalf("page %v", page)
			}
			for _, item := range items {
				got = append(got, front.Of(item).Text("id"))
			}
			if cursor = page.Text("next"); cursor == "" {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
	d.Do("GET", "/admin/v1/apis?cursor=nonsense", front.Request{}).WantProblem(t, http.StatusBadRequest, "invalid_request")
	d.Do("GET", "/admin/v1/apis/nothing/versions", front.Request{}).WantProblem(t, http.StatusNotFound, "not_found")
}

func TestAPatchMergesAndKeepsWhatItDoesNotName(t *testing.T) {
	for name, c := range map[string]struct {
		path, patch string
		want        map[string]any // members after the patch; nil: gone
	}{
		"a member is replaced":                       {"/teams/sales", `{"name":"Sales & Co"}`, map[string]any{"name": "Sales & Co", "contacts": []any{map[string]any{"kind": "email", "value": "sales@example.com"}}}},
		"null removes":                               {"/teams/sales", `{"contacts":null}`, map[string]any{"contacts": nil, "name": "Sales"}},
		"a list is replaced whole":                   {"/apis/orders", `{"tags":["b","c"]}`, map[string]any{"tags": []any{"b", "c"}}},
		"an object merges":                           {"/plans/basic", `{"rate":{"burst":50}}`, map[string]any{"rate": map[string]any{"requests": 10.0, "seconds": 1.0, "burst": 50.0}}},
		"null removes an object":                     {"/plans/basic", `{"rate":null}`, map[string]any{"rate": nil, "quota": map[string]any{"requests": 1000.0, "period": "day"}}},
		"null removes a member of an object":         {"/apis/orders/versions/v1", `{"upstream":{"timeout_ms":null}}`, map[string]any{"upstream": map[string]any{"url": "https://orders.example.com/base"}}},
		"what has a default falls back to it":        {"/apis/orders/versions/v1", `{"validation":null}`, map[string]any{"validation": map[string]any{"request": "report", "response": "report"}}},
		"one half of what has defaults can be set":   {"/apis/orders/versions/v1", `{"validation":{"response":"strip"}}`, map[string]any{"validation": map[string]any{"request": "report", "response": "strip"}}},
		"fixed and given members may come unchanged": {"/apis/orders/versions/v1", `{"version":"v1","api":"orders","state":"draft","created":"2026-11-23T19:00:00Z"}`, map[string]any{"state": "draft"}},
		"nothing at all is fine":                     {"/teams/sales", `{}`, map[string]any{"name": "Sales"}},
		"an API moves to another team":               {"/apis/orders", `{"team":"billing"}`, map[string]any{"team": "billing"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			seed(d)
			a := d.Do("PATCH", "/admin/v1"+c.path, front.Request{Body: c.patch, Header: map[string]string{"Content-Type": "application/merge-patch+json"}})
			if a.Status != http.StatusOK || a.Header.Get("ETag") != `"2"` {
				t.Fatalf("%d %v %s", a.Status, a.Header, a.Body)
			}
			got := a.JSON(t)
			for member, want := range c.want {
				if diff := cmp.Diff(want, got[member]); diff != "" {
					t.Errorf("%s: %s", member, diff)
				}
			}
			if now := d.Do("GET", "/admin/v1"+c.path, front.Request{}); string(now.Body) != string(a.Body) {
				t.Errorf("answered %s, stored %s", a.Body, now.Body)
			}
		})
	}
}

func TestAPatchThatCannotBeAppliedChangesNothing(t *testing.T) {
	d := open(t)
	seed(d)
	for name, c := range map[string]struct{ path, patch, pointer string }{
		"an id":                           {"/teams/sales", `{"id":"other"}`, "/id"},
		"an id removed":                   {"/teams/sales", `{"id":null}`, "/id"},
		"the protocol of an API":          {"/apis/orders", `{"kind":"event"}`, "/kind"},
		"the consumer of an app":          {"/apps/shop", `{"consumer":"other"}`, "/consumer"},
		"a version's state":               {"/apis/orders/versions/v1", `{"state":"published"}`, "/state"},
		"a version's revision":            {"/apis/orders/versions/v1", `{"revision":"` + strings.Repeat("a", 64) + `"}`, "/revision"},
		"a version's dates":               {"/apis/orders/versions/v1", `{"retired":"2026-11-23T19:00:00Z"}`, "/retired"},
		"when it was created":             {"/teams/sales", `{"created":"2020-01-01T00:00:00Z"}`, "/created"},
		"an unknown field":                {"/teams/sales", `{"nmae":"x"}`, "/nmae"},
		"a field in another case":         {"/teams/sales", `{"Name":"x"}`, "/Name"},
		"an unknown field inside":         {"/plans/basic", `{"rate":{"per":1}}`, "/rate/per"},
		"what is needed, removed":         {"/teams/sales", `{"name":null}`, "/name"},
		"what is needed inside, removed":  {"/plans/basic", `{"rate":{"seconds":null}}`, "/rate/seconds"},
		"an object that stays incomplete": {"/plans/approved", `{"rate":{"burst":1}}`, "/rate/requests"},
		"a wrong type":                    {"/teams/sales", `{"name":5}`, "/name"},
		"a name of spaces":                {"/teams/sales", `{"name":"  "}`, "/name"},
		"a null in a list":                {"/apis/orders", `{"tags":[null]}`, "/tags/0"},
		"a team that is not there":        {"/apis/orders", `{"team":"nobody"}`, "/team"},
		"a number out of range":           {"/plans/basic", `{"quota":{"requests":0}}`, "/quota/requests"},
		"a broken address":                {"/apis/orders/versions/v1", `{"upstream":{"url":"ftp://x"}}`, "/upstream/url"},
		"an e-mail that is none":          {"/consumers/acme", `{"contacts":[{"kind":"email","value":"nope"}]}`, "/contacts/0/value"},
	} {
		t.Run(name, func(t *testing.T) {
			before := d.Do("GET", "/admin/v1"+c.path, front.Request{})
			a := d.Do("PATCH", "/admin/v1"+c.path, front.Request{Body: c.patch})
			a.WantProblem(t, http.StatusUnprocessableEntity, "unprocessable")
			if got := a.Pointers(t); len(got) == 0 || got[0] != c.pointer {
				t.Errorf("points to %v, want %s: %s", got, c.pointer, a.Body)
			}
			if after := d.Do("GET", "/admin/v1"+c.path, front.Request{}); string(after.Body) != string(before.Body) {
				t.Errorf("it was %s and is %s", before.Body, after.Body)
			}
		})
	}
	d.Do("PATCH", "/admin/v1/teams/nobody", front.Request{Body: `{"name":"x"}`}).WantProblem(t, http.StatusNotFound, "not_found")
}

func TestWhatOthersDependOnCannotBeDeleted(t *testing.T) {
	d := open(t)
	seed(d)
	d.Must(http.StatusCreated, "POST", "/admin/v1/subscriptions", `{"app":"shop","api":"orders","plan":"basic"}`)
	for _, path := range []string{"/teams/sales", "/apis/orders", "/plans/basic", "/consumers/acme", "/apps/shop"} {
		d.Do("DELETE", "/admin/v1"+path, front.Request{}).WantProblem(t, http.StatusConflict, "conflict")
	}
	for _, path := range []string{"/teams/billing", "/plans/approved", "/apis/orders/versions/v1"} {
		if a := d.Do("DELETE", "/admin/v1"+path, front.Request{}); a.Status != http.StatusNoContent || len(a.Body) != 0 {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
		d.Do("GET", "/admin/v1"+path, front.Request{}).WantProblem(t, http.StatusNotFound, "not_found")
		d.Do("DELETE", "/admin/v1"+path, front.Request{}).WantProblem(t, http.StatusNotFound, "not_found")
	}
}

func TestWhatIsTakenOrNamesNothingCannotBeCreated(t *testing.T) {
	d := open(t)
	seed(d)
	for name, c := range map[string]struct {
		path, body, pointer string
		status              int
	}{
		"a team twice":                  {"/teams", sales, "", 409},
		"an API twice":                  {"/apis", orders, "", 409},
		"a version twice":               {"/apis/orders/versions", v1, "", 409},
		"an API of no team":             {"/apis", strings.Replace(orders, `"sales"`, `"nobody"`, 1), "/team", 422},
		"an API named as the platform":  {"/apis", strings.Replace(orders, `"orders"`, `"admin"`, 1), "/id", 422},
		"an app of no consumer":         {"/apps", `{"id":"x1","name":"X","consumer":"nobody"}`, "/consumer", 422},
		"a version of no API":           {"/apis/nothing/versions", v1, "", 404},
		"a subscription of no app":      {"/subscriptions", `{"app":"nothing","api":"orders","plan":"basic"}`, "/app", 422},
		"a subscription to no API":      {"/subscriptions", `{"app":"shop","api":"nothing","plan":"basic"}`, "/api", 422},
		"a subscription to no plan":     {"/subscriptions", `{"app":"shop","api":"orders","plan":"nothing"}`, "/plan", 422},
		"a version that is published":   {"/apis/orders/versions", `{"version":"v2","upstream":{"url":"https://o.example.com"},"state":"published"}`, "/state", 422},
		"a version with a revision":     {"/apis/orders/versions", `{"version":"v2","upstream":{"url":"https://o.example.com"},"revision":"x"}`, "/revision", 422},
		"a version without an upstream": {"/apis/orders/versions", `{"version":"v2"}`, "/upstream", 422},
	} {
		t.Run(name, func(t *testing.T) {
			a := d.Do("POST", "/admin/v1"+c.path, front.Request{Body: c.body})
			a.WantProblem(t, c.status, map[int]string{404: "not_found", 409: "conflict", 422: "unprocessable"}[c.status])
			if got := a.Pointers(t); c.pointer != "" && !cmp.Equal(got, []string{c.pointer}) {
				t.Errorf("points to %v, want %s", got, c.pointer)
			}
		})
	}
}

func TestAnUpstreamThatTheDeploymentForbidsIsRefusedWhenItIsWritten(t *testing.T) {
	d := open(t)
	seed(d)
	for _, host := range []string{"127.0.0.1", "127.0.0.1:8080", "localhost", "LOCALHOST.", "api.localhost", "[::1]", "10.0.0.1", "192.168.1.1", "172.16.0.1",
		"169.254.169.254", "[fd00:ec2::254]", "[fe80::1]", "0.0.0.0", "100.64.0.1", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "127.1", "0x7f000001", "2130706433", "[64:ff9b::7f00:1]"} {
		body := `{"version":"v2","upstream":{"url":"http://` + host + `/x"}}`
		a := d.Do("POST", "/admin/v1/apis/orders/versions", front.Request{Body: body})
		if a.Status != 422 || !cmp.Equal(a.Pointers(t), []string{"/upstream/url"}) {
			t.Errorf("%s: %d %s", host, a.Status, a.Body)
		}
		if a := d.Do("PATCH", "/admin/v1/apis/orders/versions/v1", front.Request{Body: `{"upstream":{"url":"http://` + host + `/x"}}`}); a.Status != 422 {
			t.Errorf("PATCH %s: %d %s", host, a.Status, a.Body)
		}
	}
	for i, host := range []string{"203.0.114.1", "orders.example.com", "[2600:1f00::1]", "orders.example.com:8443"} {
		d.Must(http.StatusCreated, "POST", "/admin/v1/apis/orders/versions", `{"version":"ok`+string(rune('a'+i))+`","upstream":{"url":"http://`+host+`/x"}}`)
	}
}
