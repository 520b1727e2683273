package promises_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"sluice/test/platform"
)

// admin makes a management call with further headers.
func (w *world) admin(method, path, body string, headers ...string) platform.Response {
	h := map[string]string{"authorization": "Bearer " + platform.AdminKey, "content-type": "application/json"}
	for i := 0; i < len(headers); i += 2 {
		h[headers[i]] = headers[i+1]
	}
	return w.Management(platform.Request{Method: method, Target: "/admin/v1" + path, Headers: h, Body: body})
}

// trail reads the whole audit trail of a resource.
func (w *world) trail(resource string) []m {
	var all []m
	next := ""
	for {
		page := w.Admin(200, "GET", "/audit?limit=100&resource="+resource+"&cursor="+next, nil).JSON()
		items, _ := page["items"].([]any)
		for _, i := range items {
			entry, _ := i.(m)
			all = append(all, entry)
		}
		if next, _ = page["next"].(string); next == "" {
			return all
		}
	}
}

// TestPromise6AllOrNothing: every change that was answered is there, with its audit entry and its feed entry; every change
// that was refused left neither.
func TestPromise6AllOrNothing(t *testing.T) {
	w := newWorld(t, 1)
	head := func() int64 {
		n, err := w.Table.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for name, c := range map[string]struct {
		method, path, body string
		want               int
	}{
		"a change that is made":            {"POST", "/teams", `{"id":"made","name":"Made"}`, 201},
		"a change of what exists":          {"PATCH", "/plans/free", `{"name":"Gratis"}`, 200},
		"a resource that exists":           {"POST", "/teams", `{"id":"sales","name":"Again"}`, 409},
		"a parent that is missing":         {"POST", "/apis", `{"id":"lonely","name":"L","team":"nobody","kind":"rest","audience":"public","sensitivity":"open"}`, 422},
		"a parent with children":           {"DELETE", "/teams/sales", ``, 409},
		"a field that is not known":        {"POST", "/teams", `{"id":"odd","name":"Odd","colour":"red"}`, 422},
		"a body that is cut off":           {"POST", "/teams", `{"id":"cut","na`, 400},
		"a state that cannot be":           {"POST", "/apis/orders/versions/v1/transitions", `{"to":"retired"}`, 409},
		"a contract that cannot be served": {"PUT", "/apis/orders/versions/v1/contract", `{"openapi":"3.1.0"}`, 422},
	} {
		before := head()
		out := w.admin(c.method, c.path, c.body)
		if out.Status != c.want {
			t.Errorf("%s: %d %s, want %d", name, out.Status, out.Body, c.want)
		}
		entries := head() - before
		if made := out.Status < 300; (made && entries != 1) || (!made && entries != 0) {
			t.Errorf("%s: %d with %d feed entries", name, out.Status, entries)
		}
	}
	if n := len(w.trail("team:made")); n != 1 {
		t.Errorf("%d audit entries of a team that was made once", n)
	}
	if n := len(w.trail("team:sales")); n != 1 {
		t.Errorf("%d audit entries of a team that was made once and refused the rest", n)
	}
}

// TestPromise6TwoAdminsCannotOverwriteEachOther: of 32 writers that have read the same state, one wins.
func TestPromise6TwoAdminsCannotOverwriteEachOther(t *testing.T) {
	w := newWorld(t, 1)
	etag := w.Admin(200, "GET", "/plans/free", nil).Headers["etag"]
	statuses := make([]int, 32)
	var wg sync.WaitGroup
	for i := range statuses {
		wg.Go(func() {
			statuses[i] = w.admin("PATCH", "/plans/free", fmt.Sprintf(`{"name":"by %d"}`, i), "if-match", etag).Status
		})
	}
	wg.Wait()
	count := map[int]int{}
	for _, s := range statuses {
		count[s]++
	}
	if count[http.StatusOK] != 1 || count[http.StatusPreconditionFailed] != 31 {
		t.Errorf("statuses %v, want one 200 and 31 times 412", count)
	}
	if n := len(w.trail("plan:free")); n != 2 {
		t.Errorf("%d audit entries, want the creation and one change", n)
	}
}

// TestPromise6ARepeatedPOSTDoesItsWorkOnce, however many come at once.
func TestPromise6ARepeatedPOSTDoesItsWorkOnce(t *testing.T) {
	w := newWorld(t, 1)
	w.Admin(201, "POST", "/apps", m{"id": "second", "name": "Second", "consumer": "acme"})
	body := `{"app":"second","api":"orders","plan":"free"}`
	outs := make([]platform.Response, 32)
	var wg sync.WaitGroup
	for i := range outs {
		wg.Go(func() { outs[i] = w.admin("POST", "/subscriptions", body, "idempotency-key", "once-only") })
	}
	wg.Wait()
	ids := map[string]int{}
	for _, o := range outs {
		switch o.Status {
		case http.StatusCreated:
			ids[fmt.Sprint(o.JSON()["id"])]++
		case http.StatusConflict:
			if o.Code() != "idempotency_in_flight" {
				t.Errorf("%s", o.Body)
			}
		default:
			t.Errorf("%d %s", o.Status, o.Body)
		}
	}
	again := w.admin("POST", "/subscriptions", body, "idempotency-key", "once-only")
	if len(ids) != 1 || again.Status != 201 || ids[fmt.Sprint(again.JSON()["id"])] == 0 {
		t.Errorf("ids %v, then %d %s", ids, again.Status, again.Body)
	}
	if out := w.admin("POST", "/subscriptions", `{"app":"second","api":"orders","plan":"writer"}`, "idempotency-key", "once-only"); out.Status != 422 || out.Code() != "idempotency_mismatch" {
		t.Errorf("another request under the same key: %d %s", out.Status, out.Body)
	}
	if items, _ := w.Admin(200, "GET", "/subscriptions?app=second", nil).JSON()["items"].([]any); len(items) != 1 {
		t.Errorf("%d subscriptions", len(items))
	}
}
