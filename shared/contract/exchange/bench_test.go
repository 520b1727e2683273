package exchange_test

import (
	"strconv"
	"strings"
	"testing"

	"sluice/shared/contract/exchange"
	"sluice/shared/contract/schema"
)

// order is a typical operation: six parameters and a body in one of three forms.
const order = `{openapi: 3.1.0, paths: {"/shops/{shop}/orders/{order}": {put: {parameters: [
	{name: shop, in: path, required: true, schema: {type: string, maxLength: 40}},
	{name: order, in: path, required: true, schema: {type: integer, minimum: 1}},
	{name: limit, in: query, schema: {type: integer, maximum: 100}},
	{name: expand, in: query, schema: {type: array, items: {enum: [items, customer, events]}}},
	{name: X-Trace, in: header, schema: {type: string, format: uuid}},
	{name: session, in: cookie, schema: {type: string}}],
	requestBody: {required: true, content: {
		application/json: {schema: {$ref: "#/components/schemas/order"}},
		application/x-www-form-urlencoded: {schema: {$ref: "#/components/schemas/flat"}},
		multipart/form-data: {schema: {$ref: "#/components/schemas/flat"}}}}}}},
	components: {schemas: {
		order: {type: object, required: [customer, items], additionalProperties: false, properties: {
			customer: {type: object, required: [email], properties: {email: {type: string, format: email}, name: {type: string}, address: {type: object, properties: {
				city: {type: string}, zip: {type: string, pattern: "^[0-9]{5}$"}, country: {enum: [DE, FR, NL]}}}}},
			currency: {enum: [EUR, USD]}, note: {type: string, maxLength: 500}, placed: {type: string, format: date-time},
			items: {type: array, minItems: 1, maxItems: 100, items: {type: object, required: [sku, count, price], properties: {
				sku: {type: string, minLength: 3}, count: {type: integer, minimum: 1}, price: {type: number, minimum: 0}, tags: {type: array, items: {type: string}}}}}}},
		flat: {type: object, required: [name], properties: {name: {type: string}, count: {type: integer}, tags: {type: array, items: {type: string}},
			note: {type: string, maxLength: 2000}, urgent: {type: boolean}, at: {type: string, format: date-time}, price: {type: number}}}}}}`

// typical are calls of about 1 kB.
func typical() map[string]*exchange.Request {
	var items, text []string
	for i := range 10 {
		items = append(items, `{"sku":"SKU-`+strconv.Itoa(1000+i)+`","count":2,"price":19.99,"tags":["a","b"]}`)
	}
	json := `{"customer":{"email":"a@example.com","name":"A. Nobody","address":{"city":"Berlin","zip":"10115","country":"DE"}},"currency":"EUR",` +
		`"placed":"2026-01-02T03:04:05Z","note":"` + strings.Repeat("please ", 30) + `","items":[` + strings.Join(items, ",") + `]}`
	fields := [][2]string{{"name", "A. Nobody"}, {"count", "12"}, {"tags", "a"}, {"tags", "b"}, {"urgent", "true"}, {"at", "2026-01-02T03:04:05Z"}, {"price", "19.99"},
		{"note", strings.Repeat("please ", 90)}}
	parts := ""
	for _, f := range fields {
		text = append(text, f[0]+"="+strings.ReplaceAll(f[1], " ", "+"))
		parts += part(f[0], "", f[1])
	}
	calls := map[string]*exchange.Request{"JSON": {ContentType: "application/json; charset=utf-8", Body: []byte(json)},
		"form":      {ContentType: "application/x-www-form-urlencoded", Body: []byte(strings.Join(text, "&"))},
		"multipart": {ContentType: "multipart/form-data; boundary=b", Body: []byte(parts + "--b--\r\n")}}
	for _, r := range calls {
		r.Path, r.Query, r.Cookies = []string{"shops", "berlin", "orders", "4711"}, "limit=20&expand=items&expand=customer", []string{"theme=dark", "session=abcdef"}
		r.Headers = header("x-trace", "0190163d-8694-739b-aea5-966c26f8ad91")
	}
	return calls
}

func TestATypicalCallTakesFewAllocations(t *testing.T) {
	op := operation(t, order)
	for name, r := range typical() {
		o := exchange.Options{RefuseQuery: true, RefuseMedia: true, Values: schema.Options{Marks: op.Schemas().NewMarks()}}
		if got := op.Validate(r, o); !got.OK() {
			t.Fatalf("%s: %+v", name, got.Faults)
		}
		got := testing.AllocsPerRun(100, func() { op.Validate(r, o) })
		if t.Logf("%s, %d bytes: %v allocations", name, len(r.Body), got); got > 100 {
			t.Errorf("%s: %v allocations, at most 100 are promised", name, got)
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	op := operation(b, order)
	for name, r := range typical() {
		for marking, marks := range map[string]schema.Marks{"": nil, ", marked": op.Schemas().NewMarks()} {
			b.Run(name+marking, func(b *testing.B) {
				b.ReportAllocs()
				o := exchange.Options{RefuseQuery: true, RefuseMedia: true, Values: schema.Options{Marks: marks}}
				for b.Loop() {
					if got := op.Validate(r, o); !got.OK() {
						b.Fatal(got.Faults)
					}
				}
			})
		}
	}
	b.Run("no body", func(b *testing.B) {
		op := operation(b, strings.Replace(order, "required: true, content", "content", 1))
		r := typical()["JSON"]
		r.Body, r.ContentType = nil, ""
		b.ReportAllocs()
		for b.Loop() {
			if got := op.Validate(r, exchange.Options{RefuseQuery: true}); !got.OK() {
				b.Fatal(got.Faults)
			}
		}
	})
}

func BenchmarkNew(b *testing.B) {
	loaded := loaded(b, order)
	b.ReportAllocs()
	for b.Loop() {
		exchange.New(loaded)
	}
}
