package mediation_test

import (
	"net/http"
	"strings"
	"testing"

	"sluice/shared/contract/mediation"
)

// kilobyte is a body of 1 KB.
func kilobyte() []byte {
	return []byte(`{"id":"o-1","note":"` + strings.Repeat("n", 200) + `","items":[` + strings.Repeat(`{"sku":"abcdef","price":12.50,"count":3,"tags":["a","b"],"text":"some text of some length"},`, 8) + `{}]}`)
}

func benchmark(b *testing.B, declaration string) {
	b.Helper()
	d, faults := mediation.Parse([]byte(declaration))
	if len(faults) > 0 {
		b.Fatal(faults)
	}
	p, faults := mediation.Compile(d, mediation.Limits{})
	if len(faults) > 0 {
		b.Fatal(faults)
	}
	in := mediation.Parts{Path: "/v1/orders/7", Query: "a=1&b=2", Header: http.Header{"Content-Type": {"application/json"}, "Accept": {"*/*"}}, Body: kilobyte()}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Request(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}

const mapped = `"map":[{"op":"rename","path":"/id","name":"orderId"},{"op":"move","from":"/items/*/price","path":"/items/*/cost/amount"},{"op":"convert","path":"/items/*/count","type":"string"},
	{"op":"drop","path":"/note"},{"op":"default","path":"/currency","value":"EUR"},{"op":"wrap","path":"","name":"data"}]`

func BenchmarkHeadersQueryAndPath(b *testing.B) {
	benchmark(b, `{"request":{"path":{"from":"/v1/orders/{id}","to":"/o/{id}"},"query":[{"op":"set","name":"c","value":"{id}"}],"headers":[{"op":"set","name":"X","value":"y"}]}}`)
}

func BenchmarkMap(b *testing.B) {
	benchmark(b, `{"request":{"body":{"read":{},"write":{},`+mapped+`}}}`)
}

func BenchmarkMapToXML(b *testing.B) {
	benchmark(b, `{"request":{"body":{"read":{},"write":{"as":"xml","xml":{"root":"Order"}},`+mapped+`}}}`)
}

func BenchmarkJQ(b *testing.B) {
	benchmark(b, `{"request":{"body":{"read":{},"write":{},"jq":"{data: {orderId: .id, currency: (.currency // \"EUR\"), items: [.items[] | {sku, tags, text, count: (.count|tostring), cost: {amount: .price}}]}}"}}}`)
}
