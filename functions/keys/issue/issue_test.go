package issue_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/functions/keys/issue"
	"sluice/shared/catalog"
	"sluice/shared/credential"
	"sluice/shared/dynamo"
	"sluice/shared/problem"
	"sluice/test/engine"
	"sluice/test/management/front"
)

// desk is a desk in front of the keys function, with an app.
type desk struct {
	*front.Desk
	table *dynamo.Table
}

func open(t testing.TB) desk {
	t.Helper()
	clock := front.NewClock()
	table, _ := engine.Table(t, dynamo.WithClock(clock.Now))
	w := catalog.Write{Actor: catalog.Actor{ID: "system"}, RequestID: "seed", Action: "seed", At: clock.Now()}
	seed := []error{
		dynamo.NewResources[catalog.Team](table).Create(t.Context(), w, &catalog.Team{ID: "sales", Name: "Sales"}),
		dynamo.NewResources[catalog.Consumer](table).Create(t.Context(), w, &catalog.Consumer{ID: "acme", Name: "ACME", Kind: catalog.Partner}),
		dynamo.NewResources[catalog.App](table).Create(t.Context(), w, &catalog.App{ID: "shop", Name: "Shop", Consumer: "acme"}),
		dynamo.NewResources[catalog.App](table).Create(t.Context(), w, &catalog.App{ID: "toy", Name: "Toy", Consumer: "acme"}),
	}
	for _, err := range seed {
		if err != nil {
			t.Fatal(err)
		}
	}
	return desk{table: table, Desk: front.NewDesk(t, clock, func(log *slog.Logger) http.Handler {
		h, err := issue.Wire(table, clock.Now, log)
		if err != nil {
			t.Fatal(err)
		}
		return h
	})}
}

const keys = "/admin/v1/apps/shop/keys"

var uuids = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// standing judges what a secret leads to, as the authorizer would.
func (d desk) standing(t testing.TB, secret string) credential.Standing {
	t.Helper()
	s, _, err := credential.Parse(secret)
	if err != nil {
		t.Fatal(err)
	}
	c, err := d.table.Credential(t.Context(), s.Hash())
	if problem.Is(err, problem.NotFound) {
		return credential.Unknown
	}
	if err != nil {
		t.Fatal(err)
	}
	return credential.Judge(c, d.Clock.Now())
}

func TestAKeyIsShownOnceAndWorks(t *testing.T) {
	d := open(t)
	for name, body := range map[string]string{"without a body": "", "with an empty object": `{}`, "with an expiry": `{"expires":"2027-01-01T01:00:00+01:00"}`} {
		t.Run(name, func(t *testing.T) {
			a := d.Do("POST", keys, front.Request{Body: body})
			if a.Status != http.StatusCreated || a.Header.Get("ETag") != `"1"` || a.Header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%d %v %s", a.Status, a.Header, a.Body)
			}
			made := a.JSON(t)
			secret := made.Text("key")
			if !uuids.MatchString(made.Text("id")) || !strings.HasPrefix(secret, made.Text("prefix")) || len(made.Text("prefix")) != 12 {
				t.Errorf("%v", made)
			}
			if strings.Contains(body, "expires") != (made["expires"] == "2027-01-01T00:00:00Z") {
				t.Errorf("expires %v", made["expires"])
			}
			if got := d.standing(t, secret); got != credential.Usable {
				t.Errorf("the key is %v", got)
			}
			read := d.Do("GET", a.Header.Get("Location"), front.Request{})
			delete(made, "key")
			if diff := cmp.Diff(made, read.JSON(t)); diff != "" {
				t.Error(diff)
			}
			if a := d.Do("DELETE", a.Header.Get("Location"), front.Request{}); a.Status != http.StatusNoContent {
				t.Fatalf("%d %s", a.Status, a.Body)
			}
			if got := d.standing(t, secret); got != credential.Unknown {
				t.Errorf("after its deletion the key is %v", got)
			}
			d.Do("GET", a.Header.Get("Location"), front.Request{}).WantProblem(t, http.StatusNotFound, "not_found")
		})
	}
}

func TestNoSecretIsEverSeenAgain(t *testing.T) {
	d := open(t)
	var secrets []string
	post := func(path, body, key string) front.Fields {
		a := d.Do("POST", path, front.Request{Body: body, Header: map[string]string{"Idempotency-Key": key}})
		if a.Status != http.StatusCreated {
			t.Fatalf("%s: %d %s", path, a.Status, a.Body)
		}
		secrets = append(secrets, a.JSON(t).Text("key"))
		return a.JSON(t)
	}
	first := post(keys, ``, "k1")
	post(keys+"/"+first.Text("id")+"/rotate", `{"overlap_seconds":60}`, "k2")
	admin := post("/admin/v1/admin-keys", `{"name":"x","role":"auditor"}`, "k3")
	var seen strings.Builder
	for _, again := range [][3]string{{keys, ``, "k1"}, {keys + "/" + first.Text("id") + "/rotate", `{"overlap_seconds":60}`, "k2"}, {"/admin/v1/admin-keys", `{"name":"x","role":"auditor"}`, "k3"}} {
		a := d.Do("POST", again[0], front.Request{Body: again[1], Header: map[string]string{"Idempotency-Key": again[2]}})
		if a.Status != http.StatusCreated || a.Header.Get("Idempotency-Replayed") != "true" || a.JSON(t)["key"] != nil || a.JSON(t)["id"] == "" {
			t.Errorf("%v: %d %s", again, a.Status, a.Body)
		}
		seen.Write(a.Body)
	}
	for _, path := range []string{keys, keys + "/" + first.Text("id"), "/admin/v1/admin-keys", "/admin/v1/admin-keys/" + admin.Text("id")} {
		a := d.Do("GET", path, front.Request{})
		if a.Status != http.StatusOK {
			t.Errorf("%s: %d", path, a.Status)
		}
		seen.Write(a.Body)
	}
	d.Do("POST", keys, front.Request{Body: `{"key":"` + secrets[0] + `"}`})
	d.Do("POST", keys, front.Request{Body: `{"expires":"` + secrets[0] + `"`})
	trail, err := d.table.Audit(t.Context(), dynamo.AuditQuery{Limit: 100})
	if err != nil || len(trail.Items) < 5 {
		t.Fatal(trail, err)
	}
	for _, e := range trail.Items {
		fmt.Fprintf(&seen, "%s %s %+v", e.Before, e.After, e)
	}
	seen.WriteString(d.Log())
	for _, s := range secrets {
		parsed, _, err := credential.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		for what, text := range map[string]string{"secret": s[12:], "hash": parsed.Hash()} {
			if strings.Contains(seen.String(), text) {
				t.Errorf("a %s is seen again", what)
			}
		}
	}
}

func TestBothKeysWorkDuringTheOverlapAndOnlyTheNewOneAfter(t *testing.T) {
	for name, c := range map[string]struct {
		expires, body        string
		overlap              time.Duration
		oldExpires, newLives any
	}{
		"an hour":                              {"", `{"overlap_seconds":3600}`, time.Hour, "2026-11-23T20:00:00Z", nil},
		"a day, if nothing is said":            {"", ``, 24 * time.Hour, "2026-11-24T19:00:00Z", nil},
		"a week is the most":                   {"", `{"overlap_seconds":604800}`, 7 * 24 * time.Hour, "2026-11-30T19:00:00Z", nil},
		"none":                                 {"", `{"overlap_seconds":0}`, 0, "2026-11-23T19:00:00Z", nil},
		"the new key expires as the old one":   {"2027-01-01T00:00:00Z", `{"overlap_seconds":3600}`, time.Hour, "2026-11-23T20:00:00Z", "2027-01-01T00:00:00Z"},
		"never longer than the old one's life": {"2026-11-23T19:30:00Z", `{"overlap_seconds":3600}`, 30 * time.Minute, "2026-11-23T19:30:00Z", "2026-11-23T19:30:00Z"},
		"unless another expiry is given":       {"2026-11-23T19:30:00Z", `{"expires":"2028-01-01T00:00:00Z"}`, 30 * time.Minute, "2026-11-23T19:30:00Z", "2028-01-01T00:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			body := ""
			if c.expires != "" {
				body = `{"expires":"` + c.expires + `"}`
			}
			old := d.Must(http.StatusCreated, "POST", keys, body)
			path := keys + "/" + old.Text("id")
			a := d.Do("POST", path+"/rotate", front.Request{Body: c.body})
			if a.Status != http.StatusCreated {
				t.Fatalf("%d %s", a.Status, a.Body)
			}
			made := a.JSON(t)
			if made["id"] == old["id"] || made["key"] == old["key"] || made["expires"] != c.newLives || a.Header.Get("Location") != keys+"/"+made.Text("id") {
				t.Errorf("%v %v", a.Header, made)
			}
			if now := d.Must(http.StatusOK, "GET", path, ""); now["expires"] != c.oldExpires {
				t.Errorf("the old key: %v", now)
			}
			check := func(when string, oldWorks, newWorks bool) {
				t.Helper()
				if got := d.standing(t, old.Text("key")); (got == credential.Usable) != oldWorks {
					t.Errorf("%s the old key is %v", when, got)
				}
				if got := d.standing(t, made.Text("key")); (got == credential.Usable) != newWorks {
					t.Errorf("%s the new key is %v", when, got)
				}
			}
			if c.overlap > 0 {
				d.Clock.Pass(c.overlap - time.Second)
				check("just before the end", true, true)
				d.Clock.Pass(time.Second)
			}
			check("at the end", false, c.newLives != c.oldExpires)
			d.Do("POST", path+"/rotate", front.Request{}).WantProblem(t, http.StatusConflict, "conflict")
		})
	}
}

func TestOfEqualRotationsAtOnceOneDoesTheWork(t *testing.T) {
	d := open(t)
	old := d.Must(http.StatusCreated, "POST", keys, "")
	const clients = 16
	answers := make([]front.Answer, clients)
	var wait sync.WaitGroup
	for i := range clients {
		wait.Go(func() {
			answers[i] = d.Do("POST", keys+"/"+old.Text("id")+"/rotate", front.Request{Header: map[string]string{"Idempotency-Key": "r"}})
		})
	}
	wait.Wait()
	shown, ids := 0, map[any]bool{}
	for _, a := range answers {
		if a.Status != http.StatusCreated {
			a.WantProblem(t, http.StatusConflict, "idempotency_in_flight")
			continue
		}
		if ids[a.JSON(t)["id"]] = true; a.JSON(t)["key"] != nil {
			shown++
		}
	}
	if shown != 1 || len(ids) != 1 {
		t.Errorf("%d secrets shown, ids %v", shown, ids)
	}
	if page := d.Must(http.StatusOK, "GET", keys, ""); len(page.List("items")) != 2 {
		t.Errorf("%v", page)
	}
}

func TestABadRequestForAKeyIssuesNone(t *testing.T) {
	d := open(t)
	for name, c := range map[string]struct {
		path, body string
		status     int
		pointer    string
	}{
		"an app that is not there":        {"/admin/v1/apps/nothing/keys", `{}`, 404, ""},
		"an app that can be none":         {"/admin/v1/apps/No/keys", `{}`, 422, "path:app"},
		"an expiry in the past":           {keys, `{"expires":"2026-11-23T18:59:59Z"}`, 422, "/expires"},
		"an expiry now":                   {keys, `{"expires":"2026-11-23T19:00:00Z"}`, 422, "/expires"},
		"an expiry in a hundred years":    {keys, `{"expires":"2126-11-23T19:00:00Z"}`, 422, "/expires"},
		"an expiry that is no time":       {keys, `{"expires":"soon"}`, 422, "/expires"},
		"an expiry at the end of time":    {keys, `{"expires":"9999-12-31T23:59:59-12:00"}`, 422, "/expires"},
		"a key of one's own":              {keys, `{"key":"slk_mine"}`, 422, "/key"},
		"truncated JSON":                  {keys, `{"expires":`, 400, ""},
		"an admin key without a name":     {"/admin/v1/admin-keys", `{"role":"auditor"}`, 422, "/name"},
		"an admin key without a role":     {"/admin/v1/admin-keys", `{"name":"x"}`, 422, "/role"},
		"an admin key of an unknown role": {"/admin/v1/admin-keys", `{"name":"x","role":"root"}`, 422, "/role"},
		"a member of no team":             {"/admin/v1/admin-keys", `{"name":"x","role":"team-member"}`, 422, "/team"},
		"an auditor of a team":            {"/admin/v1/admin-keys", `{"name":"x","role":"auditor","team":"sales"}`, 422, "/team"},
		"a member of an unknown team":     {"/admin/v1/admin-keys", `{"name":"x","role":"team-member","team":"nobody"}`, 422, "/team"},
	} {
		t.Run(name, func(t *testing.T) {
			a := d.Do("POST", c.path, front.Request{Body: c.body})
			a.WantProblem(t, c.status, map[int]string{400: "invalid_request", 404: "not_found", 422: "unprocessable"}[c.status])
			if got := a.Pointers(t); c.pointer != "" && !cmp.Equal(got, []string{c.pointer}) {
				t.Errorf("points to %v, want %s", got, c.pointer)
			}
		})
	}
	k := d.Must(http.StatusCreated, "POST", keys, "").Text("id")
	for body, pointer := range map[string]string{`{"overlap_seconds":-1}`: "/overlap_seconds", `{"overlap_seconds":604801}`: "/overlap_seconds",
		`{"overlap_seconds":1.5}`: "/overlap_seconds", `{"overlap_seconds":"1"}`: "/overlap_seconds", `{"expires":"2020-01-01T00:00:00Z"}`: "/expires"} {
		a := d.Do("POST", keys+"/"+k+"/rotate", front.Request{Body: body})
		if a.Status != 422 || !cmp.Equal(a.Pointers(t), []string{pointer}) {
			t.Errorf("%s: %d %s", body, a.Status, a.Body)
		}
	}
	d.Do("POST", "/admin/v1/apps/toy/keys/"+k+"/rotate", front.Request{}).WantProblem(t, 404, "not_found") // another app's key
	d.Do("GET", "/admin/v1/apps/toy/keys/"+k, front.Request{}).WantProblem(t, 404, "not_found")
	d.Do("DELETE", "/admin/v1/apps/toy/keys/"+k, front.Request{}).WantProblem(t, 404, "not_found")
	d.Do("GET", "/admin/v1/apps/nothing/keys", front.Request{}).WantProblem(t, 404, "not_found")
	if page := d.Must(http.StatusOK, "GET", keys, ""); len(page.List("items")) != 1 {
		t.Errorf("%v", page)
	}
	if page := d.Must(http.StatusOK, "GET", "/admin/v1/admin-keys", ""); len(page.List("items")) != 0 {
		t.Errorf("%v", page)
	}
}

func TestAnAdminKeyWorksUntilItIsDeletedAndCannotDeleteItself(t *testing.T) {
	d := open(t)
	made := d.Must(http.StatusCreated, "POST", "/admin/v1/admin-keys", `{"name":"CI","role":"team-member","team":"sales","expires":"2027-01-01T00:00:00Z"}`)
	if !strings.HasPrefix(made.Text("key"), "sla_") || made["role"] != "team-member" || made["team"] != "sales" {
		t.Errorf("%v", made)
	}
	if got := d.standing(t, made.Text("key")); got != credential.Usable {
		t.Errorf("the key is %v", got)
	}
	boss := d.Must(http.StatusCreated, "POST", "/admin/v1/admin-keys", `{"name":"Boss","role":"platform-admin"}`)
	d.Gateway.Actors["sla_boss"] = catalog.Actor{ID: boss.Text("id"), Name: "Boss", Role: catalog.RolePlatformAdmin}
	path := "/admin/v1/admin-keys/"
	d.Do("DELETE", path+boss.Text("id"), front.Request{As: "sla_boss"}).WantProblem(t, http.StatusConflict, "conflict")
	if a := d.Do("DELETE", path+made.Text("id"), front.Request{As: "sla_boss"}); a.Status != http.StatusNoContent {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if got := d.standing(t, made.Text("key")); got != credential.Unknown {
		t.Errorf("after its deletion the key is %v", got)
	}
	d.Do("PATCH", path+boss.Text("id"), front.Request{Body: `{}`}).WantProblem(t, 405, "method_not_allowed")
}

func TestEachRoleMayDoWithKeysWhatItIsFor(t *testing.T) {
	all, issuers, admin := []string{front.Admin, front.Sales, front.Auditor}, []string{front.Admin, front.Sales}, []string{front.Admin}
	for name, c := range map[string]struct {
		method, path, body string
		may                []string
	}{
		"anyone reads keys":           {"GET", keys, "", all},
		"a member issues keys":        {"POST", keys, "", issuers},
		"a member rotates keys":       {"POST", keys + "/{key}/rotate", "", issuers},
		"a member stops keys":         {"DELETE", keys + "/{key}", "", issuers},
		"admins issue admin keys":     {"POST", "/admin/v1/admin-keys", `{"name":"x","role":"auditor"}`, admin},
		"a member issues none":        {"POST", "/admin/v1/admin-keys", `{"name":"x","role":"team-member","team":"sales"}`, admin},
		"a member reads no admin key": {"GET", "/admin/v1/admin-keys", "", []string{front.Admin, front.Auditor}},
		"admins delete admin keys":    {"DELETE", "/admin/v1/admin-keys/{admin}", "", admin},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			for _, as := range []string{front.Auditor, front.Sales, front.Admin} {
				may := false
				for _, m := range c.may {
					may = may || m == as
				}
				key := d.Must(http.StatusCreated, "POST", keys, "")
				admin := d.Must(http.StatusCreated, "POST", "/admin/v1/admin-keys", `{"name":"x","role":"auditor"}`)
				path := strings.NewReplacer("{key}", key.Text("id"), "{admin}", admin.Text("id")).Replace(c.path)
				a := d.Do(c.method, path, front.Request{As: as, Body: c.body})
				if !may {
					a.WantProblem(t, http.StatusForbidden, "forbidden")
				} else if a.Status >= 400 {
					t.Errorf("%s: %d %s", as, a.Status, a.Body)
				}
			}
		})
	}
}
