package exchange_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"sluice/shared/contract/exchange"
	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/compile"
	"sluice/shared/contract/schema/program"
)

// loaded compiles a document and loads its first operation.
func loaded(t testing.TB, document string) *schema.Operation {
	t.Helper()
	made, err := compile.Source(t.Context(), []byte(document), !json.Valid([]byte(document)))
	if err != nil {
		t.Fatal(err)
	}
	c := schema.NewContract(func(_ context.Context, n int) ([]byte, error) { return made.Pool[n], nil })
	op, err := c.Load(t.Context(), made.Operations[0].Page)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

// operation prepares the first operation of a document.
func operation(t testing.TB, document string) *exchange.Operation {
	t.Helper()
	return exchange.New(loaded(t, document))
}

// parameter is a document with one parameter.
func parameter(path, fields string) string {
	return `{openapi: 3.1.0, paths: {"` + path + `": {get: {parameters: [{` + fields + `}]}}}}`
}

// told writes faults as "place keyword".
func told(r exchange.Result) []string {
	var list []string
	for _, f := range r.Faults {
		list = append(list, f.Place()+" "+f.Keyword)
	}
	return list
}

// request puts what is sent to its place.
func request(in, sent string) *exchange.Request {
	r := &exchange.Request{Path: []string{"a", "x"}}
	switch in {
	case "path":
		r.Path[1] = sent
	case "query":
		r.Query = sent
	case "header":
		r.Headers = map[string][]string{"color": {sent}}
	case "cookie":
		r.Cookies = []string{sent}
	}
	return r
}

func mutated(s, old, new string) string { return strings.Replace(s, old, new, 1) }

// pointers reads where the elements of a contract stand.
func pointers(t testing.TB, made *compile.Compiled) *program.Elements {
	t.Helper()
	elements, err := program.DecodeElements(made.Elements)
	if err != nil {
		t.Fatal(err)
	}
	return elements
}

// marked lists the elements that are marked.
func marked(marks schema.Marks, elements []string) (list []string) {
	for i, at := range elements {
		if marks.Has(i) {
			list = append(list, at)
		}
	}
	return list
}
