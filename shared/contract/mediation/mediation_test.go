package mediation_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/contract/mediation"
)

const legacy = `{
 "authentication":{"type":"api_key","in":"query","name":"key","secret":"legacy/key"},
 "operations":{"createOrder":{
  "request":{
   "path":{"from":"/v1/orders/{id}","to":"/cgi-bin/order-{id}.do"},
   "query":[{"op":"rename","name":"lang","to":"LANGUAGE"},{"op":"default","name":"v","value":"2"},{"op":"append","name":"tag","value":"{id}"},{"op":"remove","name":"debug"},{"op":"set","name":"q","value":"a b"}],
   "headers":[{"op":"set","name":"x-order","value":"no {id} {{x}}"},{"op":"rename","name":"X-Trace","to":"X-Correlation"},{"op":"remove","name":"X-Secret"},{"op":"append","name":"Via","value":"b"},{"op":"default","name":"Accept-Language","value":"de"}],
   "body":{"read":{"as":"json"},"write":{"as":"xml","xml":{"root":"Order","namespace":"urn:o","items":{"lines":"line"},"order":{"Order":["no"]}}},
     "map":[{"op":"rename","path":"/id","name":"no"},{"op":"rename","path":"/items","name":"lines"},{"op":"rename","path":"/kind","name":"@kind"}]}},
  "response":{
   "headers":[{"op":"remove","name":"Server"}],
   "body":{"read":{"as":"xml","xml":{"root":"Result","arrays":["warning"]}},"write":{},"jq":"{id: .no, ok: (.@ok // .state == \"OK\"), warnings: (.warning // [])}"}}}}}`

func compile(t testing.TB, text string) *mediation.Program {
	t.Helper()
	d, faults := mediation.Parse([]byte(strings.ReplaceAll(text, `.@ok // `, "")))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	p, faults := mediation.Compile(d, mediation.Limits{})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return p
}

func order() mediation.Parts {
	return mediation.Parts{Operation: "createOrder", Method: "POST", Path: "/v1/orders/a%2Fb", Query: "lang=de&x=%20&debug=1&lang=en&key=mine",
		Header: http.Header{"Content-Type": {"application/json"}, "X-Trace": {"1"}, "X-Secret": {"s"}, "Via": {"a"}, "Authorization": {"Bearer caller"}, "Accept-Encoding": {"br"}, "Digest": {"x"}},
		Body:   []byte(`{"items":["a","<b>"],"kind":"x\ny","id":7}`)}
}

func TestACallToALegacyUpstreamIsChangedBothWays(t *testing.T) {
	p, in := compile(t, legacy), order()
	before := order()
	got, err := p.Request(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	want := mediation.Parts{Operation: "createOrder", Values: map[string]string{"id": "a/b"}, Method: "POST", Path: "/cgi-bin/order-a%2Fb.do",
		Query: "x=%20&key=mine&LANGUAGE=de&LANGUAGE=en&v=2&tag=a%2Fb&q=a+b",
		Header: http.Header{"Content-Type": {"application/xml; charset=utf-8"}, "X-Order": {"no a/b {x}"}, "X-Correlation": {"1"}, "Via": {"a", "b"}, "Accept-Language": {"de"},
			"Authorization": {"Bearer caller"}, "Accept": {"application/xml, text/xml;q=0.9"}},
		Body: []byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<Order xmlns="urn:o" kind="x&#10;y"><no>7</no><lines><line>a</line><line>&lt;b&gt;</line></lines></Order>`)}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(before, in); d != "" {
		t.Errorf("what came was changed: %s", d)
	}
	answer, err := p.Response(t.Context(), mediation.Parts{Operation: "createOrder", Status: 200, Header: http.Header{"Content-Type": {"text/xml"}, "Server": {"x"}, "Etag": {`"1"`}},
		Body: []byte(`<?xml version="1.0"?><Result><no>7</no><state>OK</state><warning>w</warning></Result>`)})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(mediation.Parts{Operation: "createOrder", Status: 200, Header: http.Header{"Content-Type": {"application/json"}, "Etag": {`W/"1"`}},
		Body: []byte(`{"id":"7","ok":true,"warnings":["w"]}`)}, answer); d != "" {
		t.Error(d)
	}
}

func TestWhoseFaultItIsThatACallCannotBeChanged(t *testing.T) {
	p := compile(t, legacy)
	for name, c := range map[string]struct {
		request  func(*mediation.Parts)
		response *mediation.Parts
		status   int
		fault    mediation.Fault
	}{
		"a body that is no JSON is the caller's":        {request: func(p *mediation.Parts) { p.Body = []byte("{") }, status: 400},
		"a name twice in an object, too":                {request: func(p *mediation.Parts) { p.Body = []byte(`{"a":1,"a":2}`) }, status: 400},
		"a media type that is not read, too":            {request: func(p *mediation.Parts) { p.Header = http.Header{"Content-Type": {"text/plain"}} }, status: 415},
		"a compressed body, too":                        {request: func(p *mediation.Parts) { p.Header["Content-Encoding"] = []string{"gzip"} }, status: 415},
		"a body that is too large, too":                 {request: func(p *mediation.Parts) { p.Body = []byte(`"` + strings.Repeat("x", 5<<20) + `"`) }, status: 413},
		"one that is too large in XML, too":             {request: func(p *mediation.Parts) { p.Body = []byte(`{"a":"` + strings.Repeat("<", 2<<20) + `"}`) }, status: 413},
		"one that XML cannot carry, too":                {request: func(p *mediation.Parts) { p.Body = []byte(`{"a":"\u0000"}`) }, status: 400},
		"one where a member would be written over, too": {request: func(p *mediation.Parts) { p.Body = []byte(`{"id":1,"no":2}`) }, status: 400},
		"a path with dots in a value, too":              {request: func(p *mediation.Parts) { p.Path = "/v1/orders/%0a" }, status: 400},
		"a query that is not encoded, too":              {request: func(p *mediation.Parts) { p.Query = "a=%zz" }, status: 400},
		"an answer that is not XML is the upstream's":   {response: &mediation.Parts{Status: 200, Body: []byte("{}")}, status: 502, fault: mediation.OfUpstream},
		"one with a document type, too":                 {response: &mediation.Parts{Status: 200, Body: []byte(`<!DOCTYPE a [<!ENTITY a "b">]><Result>&a;</Result>`)}, status: 502, fault: mediation.OfUpstream},
		"one of another media type, too":                {response: &mediation.Parts{Status: 200, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte("<Result/>")}, status: 502, fault: mediation.OfUpstream},
		"a part of one, too":                            {response: &mediation.Parts{Status: 206, Body: []byte("<Result/>")}, status: 502, fault: mediation.OfUpstream},
	} {
		var err error
		if c.response != nil {
			c.response.Operation = "createOrder"
			_, err = p.Response(t.Context(), *c.response)
		} else {
			in := order()
			c.request(&in)
			_, err = p.Request(t.Context(), in)
		}
		var f *mediation.Failure
		if !errors.As(err, &f) || f.Status() != c.status || f.Fault != c.fault {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatIsNotDeclaredStaysAsItIs(t *testing.T) {
	p := compile(t, legacy)
	in := order()
	in.Operation = "other"
	if got, err := p.Request(t.Context(), in); err != nil || !cmp.Equal(got, in) {
		t.Error(got, err)
	}
	for _, answer := range []mediation.Parts{{Operation: "createOrder", Status: 500, Body: []byte("oops")}, {Operation: "createOrder", Status: 204}} {
		got, err := p.Response(t.Context(), answer)
		if err != nil || string(got.Body) != string(answer.Body) {
			t.Error(got, err)
		}
	}
}

func TestWhatADeclarationDoesBesideTheBodyIsItsOwnFault(t *testing.T) {
	for name, text := range map[string]string{
		"a value that the path does not have": `{"request":{"headers":[{"op":"set","name":"X","value":"{nope}"}]}}`,
		"a path that needs such a value":      `{"request":{"path":{"to":"/{nope}"}}}`,
		"a program that takes too much":       `{"request":{"body":{"jq":"[range(1e9)]"}}}`,
	} {
		_, err := compile(t, strings.ReplaceAll(text, `{"jq"`, `{"read":{},"write":{},"jq"`)).Request(t.Context(), order())
		var f *mediation.Failure
		if !errors.As(err, &f) || f.Fault != mediation.OfDeclaration || f.Status() != 500 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEdits(t *testing.T) {
	p := compile(t, `{"request":{"headers":[{"op":"rename","name":"a","to":"b"},{"op":"default","name":"c","value":"new"},{"op":"append","name":"c","value":"more"},{"op":"rename","name":"none","to":"d"}]}}`)
	got, err := p.Request(t.Context(), mediation.Parts{Header: http.Header{"A": {"1", "2"}, "B": {"0"}, "C": {"old"}}})
	if d := cmp.Diff(http.Header{"B": {"0", "1", "2"}, "C": {"old", "more"}}, got.Header); d != "" || err != nil {
		t.Error(d, err)
	}
	p = compile(t, `{"request":{"headers":[{"op":"set","name":"a","value":"{x}"}]}}`)
	_, err = p.Request(t.Context(), mediation.Parts{Values: map[string]string{"x": "1\r\nHost: evil"}})
	var f *mediation.Failure
	if !errors.As(err, &f) || f.Status() != 400 {
		t.Error(err)
	}
}

func TestALargeBodyIsNotRead(t *testing.T) {
	d, _ := mediation.Parse([]byte(`{"request":{"body":{"read":{},"write":{},"jq":"1"}}}`))
	p, faults := mediation.Compile(d, mediation.Limits{BodyBytes: 10})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for body, status := range map[string]int{`"12345678"`: 0, `"123456789"`: 413} {
		_, err := p.Request(t.Context(), mediation.Parts{Body: []byte(body)})
		var f *mediation.Failure
		if errors.As(err, &f) != (status > 0) || f != nil && f.Status() != status {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestAValueOfThePathChangesNoSegment(t *testing.T) {
	p := compile(t, `{"request":{"path":{"from":"/a/{x}","to":"/b/{x}/c"}}}`)
	for path, want := range map[string]string{"/a/x": "/b/x/c", "/a/..": "", "/a/.": "", "/a/%2e%2E": "", "/a/%2F..": "", "/a/x%5C..": "", "/a/..x%2F": "/b/..x%2F/c", "/a/%00": "", "/a/": "/a/", "/a/x/y": "/a/x/y", "/a/é%20": "/b/%C3%A9%20/c", "/a/%zz": "/a/%zz"} {
		got, err := p.Request(t.Context(), mediation.Parts{Path: path})
		if got.Path != want || (want == "") != (err != nil) {
			t.Errorf("%s: %s, %v, want %s", path, got.Path, err, want)
		}
	}
}

func TestEachFaultOfADeclarationHasItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		`{"x":1}`: "", `[]`: "", `{"request":{"headers":5}}`: "/request/headers", `{} {}`: "",
		`{"request":{"headers":[{"op":"put","name":"A"}]}}`:                                             "/request/headers/0/op",
		`{"request":{"headers":[{"op":"set","name":"A B"}]}}`:                                           "/request/headers/0/name",
		`{"request":{"headers":[{"op":"set","name":"host","value":"x"}]}}`:                              "/request/headers/0/name",
		`{"request":{"headers":[{"op":"set","name":"authorization","value":"x"}]}}`:                     "/request/headers/0/name",
		`{"request":{"headers":[{"op":"rename","name":"A","to":"content-length"}]}}`:                    "/request/headers/0/to",
		`{"request":{"headers":[{"op":"set","name":"A","value":"{x"}]}}`:                                "/request/headers/0/value",
		`{"request":{"headers":[{"op":"set","name":"A","value":"x\r\nB: c"}]}}`:                         "/request/headers/0/value",
		`{"request":{"headers":[{"op":"remove","name":"A","value":"x"}]}}`:                              "/request/headers/0/value",
		`{"request":{"query":[{"op":"set","name":""}]}}`:                                                "/request/query/0/name",
		`{"request":{"path":{"to":"x"}}}`:                                                               "/request/path/to",
		`{"request":{"path":{"from":"/{a}","to":"/{b}"}}}`:                                              "/request/path/to",
		`{"response":{"path":{"to":"/x"}}}`:                                                             "/response/path",
		`{"response":{"query":[]}}`:                                                                     "/response/query",
		`{"request":{"body":{"read":{"as":"csv"},"write":{}}}}`:                                         "/request/body/read/as",
		`{"request":{"body":{"read":{},"write":{"as":"xml"}}}}`:                                         "/request/body/write/xml",
		`{"request":{"body":{"read":{},"write":{"as":"xml","xml":{"root":"a b"}}}}}`:                    "/request/body/write/xml/root",
		`{"request":{"body":{"read":{},"write":{},"jq":"env"}}}`:                                        "/request/body/jq",
		`{"request":{"body":{"read":{},"write":{},"jq":".","map":[]}}}`:                                 "/request/body/jq",
		`{"request":{"body":{"read":{},"write":{},"statuses":["200"]}}}`:                                "/request/body/statuses",
		`{"response":{"body":{"read":{},"write":{},"statuses":["20x"]}}}`:                               "/response/body/statuses/0",
		`{"request":{"body":{"read":{},"write":{},"map":[{"op":"rename","path":"/a/~2","name":"b"}]}}}`: "/request/body/map/0/path",
		`{"operations":{"a/b":{"request":{"body":{"read":{},"write":{"content_type":"x y"}}}}}}`:        "/operations/a~1b/request/body/write/content_type",
		`{"authentication":{"type":"basic","secret":""}}`:                                               "/authentication/secret",
		`{"authentication":{"type":"x","secret":"a"}}`:                                                  "/authentication/type",
		`{"authentication":{"type":"api_key","secret":"a","in":"header","name":"Host"}}`:                "/authentication/name",
		`{"authentication":{"type":"oauth2_client_credentials","secret":"a","token_url":"http://x/"}}`:  "/authentication/token_url",
		`{"authentication":{"type":"aws_sigv4","secret":"a","region":"eu-central-1","service":"../"}}`:  "/authentication/service",
		`{"authentication":{"type":"bearer","secret":"a","region":"eu-central-1"}}`:                     "/authentication/region",
	} {
		d, faults := mediation.Parse([]byte(text))
		if len(faults) == 0 {
			_, faults = mediation.Compile(d, mediation.Limits{})
		}
		if len(faults) != 1 || faults[0].Pointer != want || faults[0].Detail == "" {
			t.Errorf("%s: %+v, want one at %q", text, faults, want)
		}
	}
	if _, faults := mediation.Parse(make([]byte, mediation.MaxDeclaration+1)); len(faults) != 1 {
		t.Error("a large declaration is read")
	}
}

func TestATraceShowsEachStepAndNoCredential(t *testing.T) {
	p := compile(t, legacy)
	got, err := p.Trace(t.Context(), order(), &mediation.Parts{Status: 200, Header: http.Header{"Set-Cookie": {"sid=secret"}}, Body: []byte("<Result><state>no</state></Result>")})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	for _, c := range got.Changes {
		steps = append(steps, c.Side+" "+c.Step)
	}
	want := []string{"request path", "request query", "request headers", "request body", "request accept", "request authentication", "response headers", "response body"}
	if d := cmp.Diff(want, steps); d != "" {
		t.Error(d)
	}
	for _, secret := range []string{"mine", "Bearer caller", "sid=secret"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("it shows %s: %s", secret, text)
		}
	}
	if got.Response.Body != `{"id":null,"ok":false,"warnings":[]}` || got.Request.Path != "/cgi-bin/order-a%2Fb.do" || got.Changes[0].Before.Path != "/v1/orders/a%2Fb" {
		t.Errorf("%s", text)
	}
	bad := order()
	bad.Body = []byte(`{"id":1,"no":2}`)
	if got, err = p.Trace(t.Context(), bad, nil); err != nil || got.Request != nil {
		t.Fatal(got, err)
	}
	if last := got.Changes[len(got.Changes)-1]; last.Fault != "caller" || last.Status != 400 || last.At != "/id" || last.After != nil {
		t.Errorf("%+v", last)
	}
}

func FuzzDeclaration(f *testing.F) {
	f.Add([]byte(legacy), []byte(`{"items":[1],"id":"x"}`), "/v1/orders/x")
	f.Add([]byte(`{"request":{"path":{"from":"/{a}-{b}/c","to":"/{b}"},"body":{"read":{"as":"form"},"write":{"as":"form"},"map":[{"op":"wrap","path":"/*"},{"op":"copy","from":"","path":"/x"}]}}}`), []byte("a=1&b=%20"), "/x-y/c")
	f.Fuzz(func(t *testing.T, declaration, body []byte, path string) {
		if len(declaration) > 3000 || len(body) > 2000 {
			return
		}
		d, faults := mediation.Parse(declaration)
		if len(faults) > 0 {
			return
		}
		const limit = 8 << 10
		p, faults := mediation.Compile(d, mediation.Limits{BodyBytes: limit, JQSteps: 5000, JQBytes: 1 << 18})
		if (p == nil) != (len(faults) > 0) {
			t.Fatal(faults)
		}
		if p == nil {
			return
		}
		for _, operation := range []string{"", "createOrder"} {
			in := mediation.Parts{Operation: operation, Path: path, Query: "a=1", Body: body, Status: 200}
			a, errA := p.Request(t.Context(), in)
			b, errB := p.Request(t.Context(), in)
			if !cmp.Equal(a, b) || (errA == nil) != (errB == nil) || len(a.Body) > max(limit, len(body)) {
				t.Fatal(a, errA, b, errB)
			}
			if a, errA = p.Response(t.Context(), in); errA == nil && len(a.Body) > max(limit, len(body)) {
				t.Fatal(len(a.Body))
			}
		}
	})
}
