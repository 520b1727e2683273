package manage_test

import (
	"net/http"
	"strings"
	"testing"

	"sluice/test/management/front"
)

// Who may do what is decided by policies/admin, whose own tests hold the whole matrix. Here: each operation asks about the
// right action, kind and owner.
func TestEachRoleMayDoWhatItIsForAndNothingElse(t *testing.T) {
	all := []string{front.Admin, front.Sales, front.Auditor}
	admin, sales := []string{front.Admin}, []string{front.Admin, front.Sales}
	for name, c := range map[string]struct {
		method, path, body string
		may                []string
	}{
		"anyone reads teams":                          {"GET", "/teams", "", all},
		"anyone reads an API":                         {"GET", "/apis/orders", "", all},
		"anyone reads a contract":                     {"GET", "/apis/orders/versions/v1/contract", "", all},
		"anyone reads a history":                      {"GET", "/apis/orders/versions/v1/transitions", "", all},
		"anyone reads subscriptions":                  {"GET", "/subscriptions", "", all},
		"admins make teams":                           {"POST", "/teams", `{"id":"new","name":"x"}`, admin},
		"a member changes its own team":               {"PATCH", "/teams/sales", `{"name":"y"}`, sales},
		"a member does not change another team":       {"PATCH", "/teams/billing", `{"name":"y"}`, admin},
		"a member does not delete its team":           {"DELETE", "/teams/billing", ``, admin},
		"a member makes an API of its team":           {"POST", "/apis", strings.Replace(orders, `"orders"`, `"new"`, 1), sales},
		"a member makes no API of another team":       {"POST", "/apis", strings.NewReplacer(`"orders"`, `"new"`, `"sales"`, `"billing"`).Replace(orders), admin},
		"a member changes its API":                    {"PATCH", "/apis/orders", `{"name":"y"}`, sales},
		"a member does not give its API away":         {"PATCH", "/apis/orders", `{"team":"billing"}`, admin},
		"a member does not change another's API":      {"PATCH", "/apis/bills", `{"name":"y"}`, admin},
		"a member does not take another's API":        {"PATCH", "/apis/bills", `{"team":"sales"}`, admin},
		"a member does not delete another's API":      {"DELETE", "/apis/bills", "", admin},
		"a member makes a version of its API":         {"POST", "/apis/orders/versions", strings.Replace(v1, `"v1"`, `"v2"`, 1), sales},
		"a member makes no version of another's":      {"POST", "/apis/bills/versions", v1, admin},
		"a member changes a version of its API":       {"PATCH", "/apis/orders/versions/v1", `{"validation":{"request":"off"}}`, sales},
		"a member deletes a version of its API":       {"DELETE", "/apis/orders/versions/v1", "", sales},
		"a member puts a contract of its API":         {"PUT", "/apis/orders/versions/v1/contract", document, sales},
		"a member puts no contract of another's":      {"PUT", "/apis/bills/versions/v0/contract", document, admin},
		"a member moves a version of its API":         {"POST", "/apis/orders/versions/v1/transitions", `{"to":"review"}`, sales},
		"a member moves no version of another's":      {"POST", "/apis/bills/versions/v0/transitions", `{"to":"review"}`, admin},
		"a member makes no plan":                      {"POST", "/plans", `{"id":"new","name":"x","approval":"manual"}`, admin},
		"a member changes no plan":                    {"PATCH", "/plans/basic", `{"name":"y"}`, admin},
		"a member brings a consumer in":               {"POST", "/consumers", `{"id":"new","name":"x","kind":"public"}`, sales},
		"a member brings an app in":                   {"POST", "/apps", `{"id":"new","name":"x","consumer":"acme"}`, sales},
		"a member deletes no app":                     {"DELETE", "/apps/shop", "", admin},
		"a member subscribes to its API":              {"POST", "/subscriptions", `{"app":"shop","api":"orders","plan":"basic"}`, sales},
		"a member does not subscribe to another's":    {"POST", "/subscriptions", `{"app":"shop","api":"bills","plan":"basic"}`, admin},
		"a member reads the usage of its API":         {"GET", "/usage?api=orders", "", all},
		"a member reads no usage of another's":        {"GET", "/usage?api=bills", "", []string{front.Admin, front.Auditor}},
		"a member reads the usage of all that it may": {"GET", "/usage", "", all},
		"a member reads the limits of its API":        {"GET", "/limits?api=orders", "", all},
		"a member reads no limits of another's":       {"GET", "/limits?api=bills", "", []string{front.Admin, front.Auditor}},
		"a member reads the limits of an app":         {"GET", "/limits?app=shop", "", all},
		"a member reads the trail of its API":         {"GET", "/audit?resource=api:orders", "", all},
		"a member reads the trail of its version":     {"GET", "/audit?resource=version:orders/v1", "", all},
		"a member reads no trail of another's":        {"GET", "/audit?resource=api:bills", "", []string{front.Admin, front.Auditor}},
		"a member reads no trail of everything":       {"GET", "/audit", "", []string{front.Admin, front.Auditor}},
		"a member reads no trail of what is gone":     {"GET", "/audit?resource=api:nothing", "", []string{front.Admin, front.Auditor}},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			seed(d)
			d.Must(http.StatusCreated, "PUT", versionPath+"/contract", document)
			d.Must(http.StatusCreated, "POST", "/admin/v1/apis", strings.NewReplacer(`"orders"`, `"bills"`, `"sales"`, `"billing"`).Replace(orders))
			d.Must(http.StatusCreated, "POST", "/admin/v1/apis/bills/versions", strings.Replace(v1, `"v1"`, `"v0"`, 1))
			d.Must(http.StatusCreated, "PUT", "/admin/v1/apis/bills/versions/v0/contract", document)
			count := len(d.Must(http.StatusOK, "GET", "/admin/v1/audit?limit=100", "").List("items"))
			for _, as := range []string{front.Auditor, front.Sales, front.Admin} {
				may := false
				for _, m := range c.may {
					may = may || m == as
				}
				a := d.Do(c.method, "/admin/v1"+c.path, front.Request{As: as, Body: c.body})
				if !may {
					a.WantProblem(t, http.StatusForbidden, "forbidden")
					if now := len(d.Must(http.StatusOK, "GET", "/admin/v1/audit?limit=100", "").List("items")); now != count {
						t.Errorf("%s changed something", as)
					}
					continue
				}
				if a.Status >= 400 && (as != front.Admin || a.Status != http.StatusConflict && a.Status != http.StatusNotFound) {
					t.Errorf("%s: %d %s", as, a.Status, a.Body) // an admin may find it done by the member already, or in use
				}
				if may && c.method != "GET" {
					count = len(d.Must(http.StatusOK, "GET", "/admin/v1/audit?limit=100", "").List("items"))
				}
			}
		})
	}
}
