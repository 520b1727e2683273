package manage_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/test/management/front"
)

func TestASubscriptionStartsAsItsPlanSays(t *testing.T) {
	for name, c := range map[string]struct {
		body, state string
		scopes      []any
	}{
		"automatic approval is active, with all scopes":   {`{"app":"shop","api":"orders","plan":"basic"}`, "active", []any{"read", "write"}},
		"manual approval is requested":                    {`{"app":"shop","api":"orders","plan":"approved"}`, "requested", []any{"read"}},
		"a part of the scopes is kept":                    {`{"app":"shop","api":"orders","plan":"basic","scopes":["write"]}`, "active", []any{"write"}},
		"the state that it will have may be said":         {`{"app":"shop","api":"orders","plan":"basic","state":"active"}`, "active", []any{"read", "write"}},
		"no scopes, where that is what the client wishes": {`{"app":"shop","api":"orders","plan":"basic","scopes":[]}`, "active", nil},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			seed(d)
			got := d.Must(http.StatusCreated, "POST", "/admin/v1/subscriptions", c.body)
			if scopes := got.List("scopes"); got["state"] != c.state || !cmp.Equal(scopes, c.scopes) {
				t.Errorf("%v", got)
			}
		})
	}
}

func TestASubscriptionThatCannotBeIsRefused(t *testing.T) {
	d := open(t)
	seed(d)
	d.Must(http.StatusCreated, "POST", "/admin/v1/consumers", `{"id":"anyone","name":"Anyone","kind":"public"}`)
	d.Must(http.StatusCreated, "POST", "/admin/v1/apps", `{"id":"toy","name":"Toy","consumer":"anyone"}`)
	for name, c := range map[string][2]string{
		"a scope that the plan does not offer": {`{"app":"shop","api":"orders","plan":"approved","scopes":["read","write"]}`, "/scopes/1"},
		"a public app and an API for partners": {`{"app":"toy","api":"orders","plan":"basic"}`, "/api"},
		"active, where an admin must approve":  {`{"app":"shop","api":"orders","plan":"approved","state":"active"}`, "/state"},
		"a state that is none":                 {`{"app":"shop","api":"orders","plan":"basic","state":"gone"}`, "/state"},
		"a scope twice":                        {`{"app":"shop","api":"orders","plan":"basic","scopes":["read","read"]}`, "/scopes"},
		"an id of one's own":                   {`{"id":"0b9f6c1e-8d3a-4c52-9a57-3f1d2e4b5a60","app":"shop","api":"orders","plan":"basic"}`, "/id"},
	} {
		t.Run(name, func(t *testing.T) {
			a := d.Do("POST", "/admin/v1/subscriptions", front.Request{Body: c[0]})
			a.WantProblem(t, http.StatusUnprocessableEntity, "unprocessable")
			if got := a.Pointers(t); len(got) != 1 || got[0] != c[1] {
				t.Errorf("points to %v, want %s", got, c[1])
			}
		})
	}
	d.Must(http.StatusCreated, "POST", "/admin/v1/subscriptions", `{"app":"shop","api":"orders","plan":"basic"}`)
	d.Do("POST", "/admin/v1/subscriptions", front.Request{Body: `{"app":"shop","api":"orders","plan":"approved"}`}).WantProblem(t, 409, "conflict")
}

func TestTheStatesOfASubscription(t *testing.T) {
	d := open(t)
	seed(d)
	reach := map[string][]string{"requested": nil, "active": {"active"}, "suspended": {"active", "suspended"}, "ended": {"ended"}}
	open := map[string]string{"requested": "active ended", "active": "suspended ended", "suspended": "active ended", "ended": ""}
	for from, steps := range reach {
		for to := range reach {
			t.Run(from+" to "+to, func(t *testing.T) {
				s := d.Must(http.StatusCreated, "POST", "/admin/v1/subscriptions", `{"app":"shop","api":"orders","plan":"approved"}`)
				path := "/admin/v1/subscriptions/" + s.Text("id")
				defer d.Do("DELETE", path, front.Request{})
				for _, step := range steps {
					d.Must(http.StatusOK, "PATCH", path, `{"state":"`+step+`"}`)
				}
				a := d.Do("PATCH", path, front.Request{Body: `{"state":"` + to + `"}`})
				if from != "ended" && (from == to || strings.Contains(open[from], to)) {
					if a.Status != http.StatusOK || a.JSON(t)["state"] != to {
						t.Errorf("%d %s", a.Status, a.Body)
					}
					return
				}
				a.WantProblem(t, http.StatusConflict, "conflict")
			})
		}
	}
}

func TestASubscriptionMovesToAnotherPlan(t *testing.T) {
	d := open(t)
	seed(d)
	s := d.Must(http.StatusCreated, "POST", "/admin/v1/subscriptions", `{"app":"shop","api":"orders","plan":"basic"}`)
	path := "/admin/v1/subscriptions/" + s.Text("id")
	a := d.Do("PATCH", path, front.Request{Body: `{"plan":"approved"}`})
	a.WantProblem(t, 422, "unprocessable")
	if got := a.Pointers(t); len(got) != 1 || got[0] != "/scopes/1" {
		t.Errorf("points to %v", got)
	}
	moved := d.Must(http.StatusOK, "PATCH", path, `{"plan":"approved","scopes":null}`)
	if !cmp.Equal(moved["scopes"], []any{"read"}) || moved["state"] != "active" {
		t.Errorf("%v", moved)
	}
	if a := d.Do("DELETE", "/admin/v1/plans/basic", front.Request{}); a.Status != http.StatusNoContent {
		t.Errorf("the old plan is still held: %d %s", a.Status, a.Body)
	}
	d.Do("DELETE", "/admin/v1/plans/approved", front.Request{}).WantProblem(t, 409, "conflict")
	for filter, want := range map[string]int{"plan=approved": 1, "app=shop": 1, "api=orders": 1, "app=other": 0} {
		if page := d.Must(http.StatusOK, "GET", "/admin/v1/subscriptions?"+filter, ""); len(page.List("items")) != want {
			t.Errorf("%s: %v", filter, page)
		}
	}
	for patch, pointer := range map[string]string{`{"app":"other"}`: "/app", `{"api":"other"}`: "/api", `{"plan":"other"}`: "/plan", `{"state":null}`: "/state"} {
		a := d.Do("PATCH", path, front.Request{Body: patch})
		if a.Status != 422 || a.Pointers(t)[0] != pointer {
			t.Errorf("%s: %d %s", patch, a.Status, a.Body)
		}
	}
}

func TestASubscriptionCanBeEndedAfterItsPlanHasChanged(t *testing.T) {
	d := open(t)
	seed(d)
	s := d.Must(http.StatusCreated, "POST", "/admin/v1/subscriptions", `{"app":"shop","api":"orders","plan":"basic"}`)
	d.Must(http.StatusOK, "PATCH", "/admin/v1/plans/basic", `{"scopes":["read"]}`)
	d.Must(http.StatusOK, "PATCH", "/admin/v1/apis/orders", `{"audience":"internal"}`)
	d.Must(http.StatusOK, "PATCH", "/admin/v1/subscriptions/"+s.Text("id"), `{"state":"suspended"}`)
	d.Must(http.StatusOK, "PATCH", "/admin/v1/subscriptions/"+s.Text("id"), `{"state":"ended"}`)
}
