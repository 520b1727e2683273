package describe_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/functions/catalog/describe"
	"sluice/shared/catalog"
	"sluice/shared/resource/shape"
	"sluice/shared/resource/strictjson"
	"sluice/test/management/front"
)

// record is what every resource of the catalog can do.
type record interface{ Validate() error }

// kinds has an empty resource of each model.
func kinds() map[string]func() record {
	return map[string]func() record{
		"Team": func() record { return &catalog.Team{} }, "API": func() record { return &catalog.API{} }, "Version": func() record { return &catalog.Version{} },
		"Plan": func() record { return &catalog.Plan{} }, "Consumer": func() record { return &catalog.Consumer{} }, "App": func() record { return &catalog.App{} },
		"Subscription": func() record { return &catalog.Subscription{} },
	}
}

// A field that shared/catalog gains must be described, or nobody can set it and answers break the document.
func TestAModelHasExactlyTheFieldsOfItsResource(t *testing.T) {
	for _, m := range describe.Models() {
		if diff := cmp.Diff(fieldsOf(reflect.TypeOf(kinds()[m.Name]()).Elem()), namesOf(m.View())); diff != "" {
			t.Errorf("%s: %s", m.Name, diff)
		}
	}
}

// fieldsOf lists the paths of all members that encoding/json writes of a type.
func fieldsOf(of reflect.Type) []string {
	var out []string
	for i := range of.NumField() {
		f := of.Field(i)
		if f.Anonymous {
			out = append(out, fieldsOf(f.Type)...)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		out = append(out, name)
		inner := f.Type
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice || inner.Kind() == reflect.Map {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && inner != reflect.TypeFor[time.Time]() {
			for _, below := range fieldsOf(inner) {
				out = append(out, name+"."+below)
			}
		}
	}
	slices.Sort(out)
	return out
}

func namesOf(s *shape.Schema) []string {
	var out []string
	for name, p := range s.Properties {
		out = append(out, name)
		if p.Items != nil {
			p = p.Items
		}
		if member, ok := p.AdditionalProperties.(*shape.Schema); ok {
			p = member
		}
		for _, below := range namesOf(p) {
			out = append(out, name+"."+below)
		}
	}
	slices.Sort(out)
	return out
}

// The schema refuses what shared/catalog refuses, at the edges of each bound, so that the document tells the truth.
func TestTheSchemaAndTheDomainAgreeAtEachBound(t *testing.T) {
	number := func(n int) string { return fmt.Sprint(n) }
	text := func(n int) string { return `"` + strings.Repeat("x", n) + `"` }
	list := func(n int) string {
		items := make([]string, n)
		for i := range items {
			items[i] = fmt.Sprintf(`"t%d"`, i)
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	members := func(n int) string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf(`"op%d":{"rate":{"requests":1,"seconds":1}}`, i)
		}
		return "{" + strings.Join(all, ",") + "}"
	}
	for _, c := range []struct {
		model, pointer string
		good, bad      []string
	}{
		{"Team", "/id", []string{`"ab"`, text(63), `"a-1"`}, []string{text(1), text(64), `"1a"`, `"A"`, `"a_b"`, `"é"`, `""`}},
		{"Team", "/name", []string{text(1), text(200)}, []string{`""`, `" "`, text(201)}},
		{"Team", "/contacts/0/kind", []string{text(40)}, []string{text(41), `""`}},
		{"Team", "/contacts/0/value", []string{text(200)}, []string{text(201), `""`}},
		{"API", "/summary", []string{text(2000), `""`}, []string{text(2001)}},
		{"API", "/kind", []string{`"rest"`, `"graphql"`, `"event"`}, []string{`"soap"`, `""`}},
		{"API", "/audience", []string{`"public"`}, []string{`"all"`}}, // the others are not for an API with "anonymous"
		{"API", "/sensitivity", []string{`"open"`, `"internal"`, `"confidential"`, `"restricted"`}, []string{`"secret"`}},
		{"API", "/tags", []string{list(50), `[]`}, []string{list(51), `["a b"]`, `["a","a"]`, `[""]`, `["` + strings.Repeat("x", 201) + `"]`}},
		{"Version", "/upstream/timeout_ms", []string{number(0), number(1), number(catalog.MaxTimeoutMs)}, []string{number(-1), number(catalog.MaxTimeoutMs + 1)}},
		{"Version", "/upstream/max_request_bytes", []string{number(catalog.MaxBodyBytes)}, []string{number(-1), number(catalog.MaxBodyBytes + 1)}},
		{"Version", "/upstream/max_response_bytes", []string{number(catalog.MaxBodyBytes)}, []string{number(-1), number(catalog.MaxBodyBytes + 1)}},
		{"Version", "/upstream/url", []string{`"https://a.example"`, `"http://a.example:81/x"`}, []string{`"a.example"`, `"ftp://a.example"`, `""`}},
		{"Version", "/validation/request", []string{`"enforce"`, `"report"`, `"off"`}, []string{`"strip"`}},
		{"Version", "/validation/response", []string{`"off"`, `"report"`, `"strip"`, `"block"`}, []string{`"enforce"`}},
		{"Plan", "/rate/requests", []string{number(1), number(1_000_000_000)}, []string{number(0), number(1_000_000_001)}},
		{"Plan", "/rate/seconds", []string{number(1), number(86_400)}, []string{number(0), number(86_401)}},
		{"Plan", "/rate/burst", []string{number(0), number(1_000_000_000)}, []string{number(-1), number(1_000_000_001)}},
		{"Plan", "/quota/requests", []string{number(1), number(1_000_000_000)}, []string{number(0), number(1_000_000_001)}},
		{"Plan", "/quota/period", []string{`"day"`, `"month"`}, []string{`"week"`}},
		{"Plan", "/rate/shadow", []string{"true", "false"}, nil},
		{"Plan", "/quota/anchor_day", []string{number(0), number(31)}, []string{number(-1), number(32)}},
		{"Plan", "/operations/createOrder/rate/requests", []string{number(1), number(1_000_000_000)}, []string{number(0), number(1_000_000_001)}},
		{"Plan", "/operations/createOrder/quota/anchor_day", []string{number(0), number(31)}, []string{number(-1), number(32)}},
		{"Plan", "/operations", []string{members(300), `{}`}, []string{members(301)}},
		{"Plan", "/priority", []string{`"low"`, `"normal"`, `"high"`}, []string{`"urgent"`}},
		{"Plan", "/on_store_outage", []string{`"open"`}, []string{`"shut"`}},
		{"Plan", "/overdraft", []string{number(1), number(catalog.MaxOverdraft)}, []string{number(-1), number(catalog.MaxOverdraft + 1)}},
		{"API", "/limits/rate/burst", []string{number(0), number(1_000_000_000)}, []string{number(-1), number(1_000_000_001)}},
		{"API", "/operations/getOrder/cost", []string{number(0), number(1), number(catalog.MaxCost)}, []string{number(-1), number(catalog.MaxCost + 1)}},
		{"API", "/operations/getOrder/limits/quota/requests", []string{number(1000), number(1_000_000_000)}, []string{number(0), number(1_000_000_001)}},
		{"API", "/operations", []string{strings.ReplaceAll(members(300), `{"rate":{"requests":1,"seconds":1}}`, `{"cost":1}`), `{}`},
			[]string{strings.ReplaceAll(members(301), `{"rate":{"requests":1,"seconds":1}}`, `{"cost":1}`)}},
		{"API", "/anonymous/rate/seconds", []string{number(1), number(86_400)}, []string{number(0), number(86_401)}},
		{"Version", "/upstream/max_in_flight", []string{number(0), number(catalog.MaxInFlight)}, []string{number(-1), number(catalog.MaxInFlight + 1)}},
		{"Version", "/upstream/hedge_after_ms", []string{number(0), number(9999)}, []string{number(-1), number(catalog.MaxTimeoutMs + 1)}},
		{"Version", "/upstream/retries/attempts", []string{number(1), number(catalog.MaxRetries)}, []string{number(0), number(catalog.MaxRetries + 1)}},
		{"Version", "/upstream/retries/budget_percent", []string{number(0), number(100)}, []string{number(-1), number(101)}},
		{"Version", "/upstream/breaker/failure_percent", []string{number(0), number(100)}, []string{number(-1), number(101)}},
		{"Version", "/upstream/breaker/minimum_calls", []string{number(catalog.MaxBreakerCalls)}, []string{number(-1), number(catalog.MaxBreakerCalls + 1)}},
		{"Version", "/upstream/breaker/window_seconds", []string{number(catalog.MaxBreakerSeconds)}, []string{number(-1), number(catalog.MaxBreakerSeconds + 1)}},
		{"Version", "/upstream/breaker/open_seconds", []string{number(catalog.MaxBreakerSeconds)}, []string{number(-1), number(catalog.MaxBreakerSeconds + 1)}},
		{"Version", "/upstream/cache/max_bytes", []string{number(catalog.MaxBodyBytes)}, []string{number(-1), number(catalog.MaxBodyBytes + 1)}},
		{"Version", "/upstream/cache/default_ttl_seconds", []string{number(catalog.MaxTTLSeconds)}, []string{number(-1), number(catalog.MaxTTLSeconds + 1)}},
		{"Version", "/upstream/cache/stale_if_error_seconds", []string{number(catalog.MaxStaleSeconds)}, []string{number(-1), number(catalog.MaxStaleSeconds + 1)}},
		{"Version", "/upstream/fallback/url", []string{`"https://b.example"`}, []string{`"b.example"`}},
		{"Version", "/upstream/fallback/static/status", []string{number(200), number(599)}, []string{number(199), number(600)}},
		{"Version", "/upstream/fallback/static/body", []string{text(catalog.MaxStaticBytes), `""`}, []string{text(catalog.MaxStaticBytes + 1)}},
		{"Version", "/upstream/idempotency", []string{`"replay"`, `"require"`, `"off"`}, []string{`"maybe"`}},
		{"Plan", "/approval", []string{`"automatic"`, `"manual"`}, []string{`"none"`}},
		{"Consumer", "/kind", []string{`"internal"`, `"partner"`, `"public"`}, []string{`"private"`}},
		{"App", "/consumer", []string{text(63)}, []string{text(64)}},
		{"Subscription", "/scopes", []string{list(50)}, []string{list(51), `["a","a"]`, `["a b"]`}},
		{"Subscription", "/state", []string{`"requested"`, `"active"`, `"suspended"`, `"ended"`}, []string{`"gone"`}},
	} {
		for value, good := range verdicts(c.good, c.bad) {
			if schema, domain := judge(t, c.model, c.pointer, value); schema != good || domain != good {
				t.Errorf("%s%s = %.40s: good %v, the schema says %v, the domain %v", c.model, c.pointer, value, good, schema, domain)
			}
		}
	}
}

func verdicts(good, bad []string) map[string]bool {
	out := map[string]bool{}
	for _, v := range good {
		out[v] = true
	}
	for _, v := range bad {
		out[v] = false
	}
	return out
}

// judge puts a value into an otherwise good resource, and asks schema and domain.
func judge(t *testing.T, model, pointer, value string) (schema, domain bool) {
	t.Helper()
	const limits = `{"rate":{"requests":1000,"seconds":1},"quota":{"requests":1000,"period":"month"}}`
	whole := map[string]string{
		"Team":     `{"id":"sales","name":"Sales","contacts":[{"kind":"chat","value":"#sales"}]}`,
		"Consumer": `{"id":"acme","name":"ACME","kind":"partner"}`, "App": `{"id":"shop","name":"Shop","consumer":"acme"}`,
		"API": `{"id":"orders","name":"Orders","team":"sales","kind":"rest","audience":"public","sensitivity":"open","tags":[],"limits":` + limits +
			`,"anonymous":` + limits + `,"operations":{"getOrder":{"cost":1,"limits":` + limits + `}}}`,
		"Plan": `{"id":"basic","name":"Basic","approval":"manual","rate":{"requests":1,"seconds":1},"quota":{"requests":1,"period":"month"},"operations":{"createOrder":` +
			limits + `},"on_store_outage":"open","overdraft":1}`,
		"Version": `{"version":"v1","upstream":{"url":"https://a.example","retries":{"attempts":1},"breaker":{},"cache":{},` +
			`"fallback":{"static":{"status":200,"content_type":"text/plain","body":""}}},"validation":{"request":"off","response":"off"}}`,
		"Subscription": `{"app":"shop","api":"orders","plan":"basic","scopes":["a"],"state":"active"}`}[model]
	document, err := strictjson.Parse([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	into, err := strictjson.Parse([]byte(value))
	if err != nil {
		t.Fatal(err)
	}
	steps := strings.Split(pointer, "/")[1:]
	at := document
	for _, step := range steps[:len(steps)-1] {
		switch v := at.(type) {
		case map[string]any:
			if at = v[step]; at == nil {
				t.Fatalf("%s has no %s", model, pointer)
			}
		case []any:
			at = v[0]
		}
	}
	front.Of(at)[steps[len(steps)-1]] = into
	for _, m := range describe.Models() {
		if m.Name == model {
			faults, err := strictjson.NewSchema(m.Creation()).Check(document, "")
			if err != nil {
				t.Fatal(err)
			}
			schema = len(faults) == 0
		}
	}
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	r := kinds()[model]()
	if err := json.Unmarshal(text, r); err != nil {
		t.Fatal(err)
	}
	return schema, r.Validate() == nil
}

func TestEveryExampleIsAGoodResource(t *testing.T) {
	for _, m := range describe.Models() {
		whole, _ := m.Detail()
		text, err := json.Marshal(whole)
		if err != nil {
			t.Fatal(err)
		}
		example, err := strictjson.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if faults, err := strictjson.NewSchema(m.View()).Check(example, ""); err != nil || len(faults) > 0 {
			t.Errorf("%s: %v, %v", m.Name, faults, err)
		}
		r := kinds()[m.Name]()
		if err := json.Unmarshal(text, r); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
		if err := r.Validate(); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
}
