package exchange_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"sluice/shared/contract/exchange"
	"sluice/shared/contract/schema"
)

// FuzzValidate: no call makes it panic, faults are bounded, and the same call gives the same faults.
func FuzzValidate(f *testing.F) {
	f.Add("limit=1&where[in][to]=2&ids=1,2", "1.json", "session=a; b=c", "application/x-www-form-urlencoded", "name=a&deep[a]=1&split=1,2", "*/*")
	f.Add("%zz&json=%7B%7D", "%", "session", "multipart/form-data; boundary=b", part("name", "", "a")+part("address", "application/json", "{}")+"--b--", "a/b;q=0")
	f.Add("tag=a&tag=b&one+or+more=1", "", "=", "text/plain;charset=latin1", "\xff", "")
	first, second := operation(f, search), operation(f, bodies)
	f.Fuzz(func(t *testing.T, query, segment, cookie, media, body, accept string) {
		r := exchange.Request{Path: []string{"shops", segment, "items", segment}, Query: query, Cookies: []string{cookie}, ContentType: media, Body: []byte(body),
			Headers: map[string][]string{"x-list": {segment, cookie}, "x-count": {query}}, Accept: accept}
		o := exchange.Options{RefuseQuery: true, RefuseMedia: true, RefuseAccept: true}
		for _, op := range []*exchange.Operation{first, second} {
			got := op.Validate(&r, o)
			if len(got.Faults) > 20 || got.OK() != (got.Status == 0) {
				t.Fatalf("%d faults, status %d", len(got.Faults), got.Status)
			}
			if again := op.Validate(&r, o); fmt.Sprint(got.Faults) != fmt.Sprint(again.Faults) {
				t.Fatalf("%v, and then %v", got.Faults, again.Faults)
			}
			r.Path = []string{""}
		}
		first.Answer(200, r.Headers, media, o)
	})
}

func TestCallsAtTheSameTimeDoNotMix(t *testing.T) {
	op := operation(t, search)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 100 {
				query, want := "limit=1&where[from]=1&tag=a&tag=b", 0
				if i%2 == 0 {
					query, want = "limit=x&where[from]=y&tag=a&tag=b&tag=c", 3
				}
				if got := op.Validate(&exchange.Request{Path: []string{"shops", "a", "items", "1.json"}, Query: query}, exchange.Options{}); len(got.Faults) != want {
					t.Errorf("%d faults, want %d: %v", len(got.Faults), want, got.Faults)
					return
				}
			}
		})
	}
	all.Wait()
}

// TestWhatIsTooMuchIsRefused: calls that are within a body limit and made to be work.
func TestWhatIsTooMuchIsRefused(t *testing.T) {
	query, body := operation(t, search), operation(t, bodies)
	const million = 1 << 20
	form := func(text string) *exchange.Request {
		return &exchange.Request{Path: []string{""}, ContentType: "application/x-www-form-urlencoded", Body: []byte(text)}
	}
	get := func(text string) *exchange.Request {
		return &exchange.Request{Path: []string{"shops", "a", "items", "1.json"}, Query: text}
	}
	for name, c := range map[string]struct {
		op   *exchange.Operation
		r    *exchange.Request
		told string
	}{
		"pairs of a query":            {query, get(strings.Repeat("x&", million)), "query: limit"},
		"values of a list in a query": {query, get("ids=" + strings.Repeat("1,", million)), "query:ids limit"},
		"members of a deep object":    {query, get(strings.Repeat("where[a]=1&", million/8)), "query: limit"},
		"fields of a form":            {body, form(strings.Repeat("x=1&", million)), " limit"},
		"values in a form":            {body, form("name=a&split=" + strings.Repeat("1,", million)), "/split limit"},
		"values in JSON in a form":    {body, form("name=a&address=[" + strings.Repeat("1,", million/2) + "1]"), "/address limit"},
		"nesting in JSON in a form":   {body, form("name=a&address=" + strings.Repeat("[", million)), "/address/0" + strings.Repeat("/0", 126) + " limit"},
		"parts": {body, &exchange.Request{Path: []string{""}, ContentType: "multipart/form-data; boundary=b", Body: []byte(strings.Repeat(part("x", "", ""), 2000) + "--b--")},
			" syntax"},
		"fields that are refused each": {body, &exchange.Request{Path: []string{""}, ContentType: "multipart/form-data; boundary=b",
			Body: []byte(strings.Repeat(part("name", "a", ""), 900) + "--b--")}, "/name contentType"},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.op.Validate(c.r, exchange.Options{Values: schema.Options{Faults: 5}})
			if list := told(got); len(list) == 0 || list[0] != c.told || len(list) > 5 {
				t.Errorf("%.200q", list)
			}
		})
	}
}
