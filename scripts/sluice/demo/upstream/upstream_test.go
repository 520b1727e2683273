package upstream_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sluice/scripts/sluice/demo/upstream"
	"sluice/shared/contract"
	"sluice/shared/contract/openapi"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestTheContractIsServableAndHasNoFindings(t *testing.T) {
	c, err := openapi.Compile(t.Context(), upstream.Contract(), "application/yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Findings) != 0 || c.Operations != 7 {
		t.Errorf("%d operations, findings %+v", c.Operations, c.Findings)
	}
	index, err := contract.DecodeIndex(c.Chunks[contract.ChunkIndex])
	if err != nil {
		t.Fatal(err)
	}
	for call, scope := range map[string]string{"GET /orders": "orders:read", "POST /orders": "orders:write", "DELETE /orders/O-10012": "orders:write",
		"GET /orders/O-10012": "orders:read", "GET /products": "", "GET /products/P-200": "", "GET /reports/revenue": "orders:report"} {
		method, path, _ := strings.Cut(call, " ")
		m := index.Match(method, strings.Split(strings.TrimPrefix(path, "/"), "/"))
		if m.Operation == nil {
			t.Errorf("%s is no operation", call)
			continue
		}
		var needs []string
		for _, alternative := range m.Operation.Scopes {
			needs = append(needs, alternative...)
		}
		if got := strings.Join(needs, " "); got != scope {
			t.Errorf("%s needs %q, want %q", call, got, scope)
		}
	}
}

func TestTheShopAnswersByItsContract(t *testing.T) {
	shop := upstream.NewShop(func() time.Time { return now }).Handler()
	for name, c := range map[string]struct {
		call, body string
		status     int
		has        string
	}{
		"orders, newest first":               {"GET /orders?limit=1", "", 200, `"id":"O-10042"`},
		"orders in a state":                  {"GET /orders?status=shipped", "", 200, `"status":"shipped"`},
		"orders of a customer":               {"GET /orders?customer=C-9999", "", 200, `"items":[],"total":0`},
		"a limit out of bounds":              {"GET /orders?limit=0", "", 400, "limit"},
		"one order":                          {"GET /orders/O-10012", "", 200, `"id":"O-10012"`},
		"an order that is not there":         {"GET /orders/O-99999", "", 404, "no such order"},
		"a product":                          {"GET /products/P-200", "", 200, "pan"},
		"a product that is not there":        {"GET /products/P-999", "", 404, "no such product"},
		"revenue by day":                     {"GET /reports/revenue", "", 200, `"day":"2026-11-`},
		"an order that is placed":            {"POST /orders", `{"customer":"C-1007","lines":[{"product":"P-200","quantity":2}]}`, 201, `"cents":7980`},
		"an order without lines":             {"POST /orders", `{"customer":"C-1007","lines":[]}`, 422, "line"},
		"an order of an unknown product":     {"POST /orders", `{"customer":"C-1","lines":[{"product":"P-999","quantity":1}]}`, 422, "product"},
		"an order of too many":               {"POST /orders", `{"customer":"C-1","lines":[{"product":"P-200","quantity":101}]}`, 422, "quantity"},
		"an order that cannot be read":       {"POST /orders", `{"customer":`, 400, "read"},
		"an order with something unknown":    {"POST /orders", `{"customer":"C-1","lines":[],"x":1}`, 400, "read"},
		"a delivered order is not cancelled": {"DELETE /orders/O-10001", "", 409, "shipped"},
		"a placed order is cancelled":        {"DELETE /orders/O-10042", "", 200, `"status":"cancelled"`},
		"elsewhere":                          {"GET /nowhere", "", 404, "no such page"},
	} {
		t.Run(name, func(t *testing.T) {
			method, target, _ := strings.Cut(c.call, " ")
			w := httptest.NewRecorder()
			shop := shop
			if method != http.MethodGet { // what changes the shop gets one of its own
				shop = upstream.NewShop(func() time.Time { return now }).Handler()
			}
			shop.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(c.body)))
			body, err := io.ReadAll(w.Body)
			if err != nil || w.Code != c.status || !strings.Contains(string(body), c.has) || !json.Valid(body) {
				t.Errorf("%d %s, %v", w.Code, body, err)
			}
		})
	}
}
