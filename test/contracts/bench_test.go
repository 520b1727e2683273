package contracts_test

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/compile"
	"sluice/test/contracts/reference"
)

// payment and chat are requests as they are typically sent.
const (
	payment = `{"amount":{"currency":"EUR","value":1000},"reference":"YOUR_ORDER_NUMBER","paymentMethod":{"type":"scheme",
"encryptedCardNumber":"adyenjs_0_1_18$MT6ppy0FAMVMLH","encryptedExpiryMonth":"adyenjs_0_1_18$MT6ppy0","encryptedExpiryYear":"adyenjs_0_1_18$MT6p",
"encryptedSecurityCode":"adyenjs_0_1_24$XUyMJyHebrra/TpSda9f"},"browserInfo":{"acceptHeader":"text/html","colorDepth":24,"javaEnabled":true,
"language":"nl-NL","screenHeight":723,"screenWidth":1536,"timeZoneOffset":0,"userAgent":"Mozilla/5.0"},"billingAddress":{"city":"Amsterdam",
"country":"NL","houseNumberOrName":"6","postalCode":"1011DJ","street":"Simon Carmiggeltstraat"},"shopperEmail":"s.hopper@example.com",
"shopperIP":"192.0.2.1","channel":"Web","origin":"https://example.com","returnUrl":"https://example.com/return","merchantAccount":"M"}`
	chat = `{"model":"gpt-4o","messages":[{"role":"developer","content":"You are a helpful assistant."},{"role":"user","content":[{"type":"text",
"text":"What is in this image?"},{"type":"image_url","image_url":{"url":"https://example.com/a.jpg"}}]}],"temperature":0.7,"max_tokens":300,
"tools":[{"type":"function","function":{"name":"get_weather","description":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}],
"tool_choice":"auto","stream":false}`
)

// typical are the requests and where they go.
func typical() map[string]struct{ file, operation, body string } {
	return map[string]struct{ file, operation, body string }{
		"payment": {"adyen-checkout-v71.json", "POST /payments", payment},
		"chat":    {"openai.json", "POST /chat/completions", chat},
	}
}

func body(t testing.TB, made string, operation string) (op *schema.Operation, s schema.Schema) {
	t.Helper()
	_, ops := loaded(t, compiled(t, filepath.Join(folder(t), made)))
	for _, op := range ops {
		if op.Description().Key == operation {
			return op, op.Schema(op.Description().Body.Contents[0].Schema)
		}
	}
	t.Fatalf("%s has no %s", made, operation)
	return nil, schema.Schema{}
}

func TestATypicalRequestTakesFewAllocations(t *testing.T) {
	for name, c := range typical() {
		op, s := body(t, c.file, c.operation)
		text, marks := []byte(c.body), op.NewMarks()
		if got := s.Validate(text, schema.Options{Direction: schema.Request}); !got.OK() {
			t.Fatalf("%s: %v", name, got.Faults)
		}
		allocations := testing.AllocsPerRun(100, func() { s.Validate(text, schema.Options{Direction: schema.Request, Marks: marks}) })
		if t.Logf("%s, %d bytes: %v allocations", name, len(text), allocations); allocations > 100 {
			t.Errorf("%s: %v allocations, at most 100 are promised", name, allocations)
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	for name, c := range typical() {
		op, s := body(b, c.file, c.operation)
		text, marks := []byte(c.body), op.NewMarks()
		for kind, o := range map[string]schema.Options{"plain": {Direction: schema.Request}, "marked": {Direction: schema.Request, Marks: marks},
			"stripped": {Direction: schema.Request, Strip: true}} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(text)))
				busy(b, func() {
					if got := s.Validate(text, o); !got.OK() {
						b.Fatal(got.Faults)
					}
				})
			})
		}
		b.Run(name+"/elsewhere", func(b *testing.B) { elsewhere(b, c.file, c.operation, text) })
	}
}

// elsewhere is the same with a library's validator, precompiled, parsing included.
func elsewhere(b *testing.B, file, operation string, text []byte) {
	document := plain(b, filepath.Join(folder(b), file))
	op, _ := body(b, file, operation)
	judge, err := reference.New(plain(b, filepath.Join(folder(b), file)), reference.Request)
	if err != nil {
		b.Fatal(err)
	}
	s, err := judge.Schema(places(op, document)[0].pointer)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	busy(b, func() {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Validate(v); err != nil {
			b.Fatal(err)
		}
	})
}

// busy tells the processor time beside the time on the wall: the machine may have other work.
func busy(b *testing.B, f func()) {
	start := cpu(b)
	n := 0
	for b.Loop() {
		f()
		n++
	}
	b.ReportMetric(float64((cpu(b)-start).Nanoseconds())/float64(n), "cpu-ns/op")
}

func BenchmarkParsing(b *testing.B) {
	b.ReportAllocs()
	busy(b, func() {
		var v any
		if err := json.Unmarshal([]byte(payment), &v); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkFirstCallOfAColdOperation loads an operation of a contract of which nothing is in memory, and makes its first call.
func BenchmarkFirstCallOfAColdOperation(b *testing.B) {
	for name, c := range typical() {
		made := compiled(b, filepath.Join(folder(b), c.file))
		page := made.Operations[slices.IndexFunc(made.Operations, func(o compile.Operation) bool { return o.Key == c.operation })].Page
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				contract := schema.NewContract(func(_ context.Context, n int) ([]byte, error) { return made.Pool[n], nil })
				op, err := contract.Load(b.Context(), page)
				if err != nil {
					b.Fatal(err)
				}
				if got := op.Schema(op.Description().Body.Contents[0].Schema).Validate([]byte(c.body), schema.Options{Direction: schema.Request}); !got.OK() {
					b.Fatal(got.Faults)
				}
			}
		})
	}
}
