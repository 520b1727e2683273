package exchange_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/contract/exchange"
	"sluice/shared/contract/schema"
)

// search has parameters of many forms.
const search = `{openapi: 3.1.0, paths: {"/shops/{shop}/items/{id}.{format}": {get: {parameters: [
	{name: shop, in: path, schema: {type: string, maxLength: 10}},
	{name: id, in: path, schema: {type: integer, minimum: 1}},
	{name: format, in: path, schema: {enum: [json, csv]}},
	{name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 100}},
	{name: q, in: query, schema: {type: string, maxLength: 8}},
	{name: any, in: query, schema: {}},
	{name: tag, in: query, schema: {type: array, items: {type: string}, maxItems: 2}},
	{name: ids, in: query, explode: false, schema: {type: array, items: {type: integer}}},
	{name: one or more, in: query, schema: {oneOf: [{type: integer}, {type: array, items: {type: integer}, minItems: 2}]}},
	{name: pipes, in: query, style: pipeDelimited, explode: false, schema: {type: array, items: {type: string}}},
	{name: flag, in: query, allowEmptyValue: true, schema: {type: boolean}},
	{name: maybe, in: query, schema: {type: [integer, "null"]}},
	{name: where, in: query, style: deepObject, schema: {type: object, additionalProperties: false, properties: {
		from: {type: integer}, tags: {type: array, items: {type: string}}, list: {type: array, items: {type: object, properties: {a: {type: integer}}}},
		in: {type: object, properties: {city: {type: string}, to: {type: integer}}}, deep: {}, listed: {type: [array, integer], maxItems: 0}}}},
	{name: json, in: query, content: {application/json: {schema: {type: object, required: [a], properties: {a: {type: integer}}}}}},
	{name: plain, in: query, content: {text/plain: {schema: {maxLength: 2}}}},
	{name: url, in: query, allowReserved: true, schema: {type: string, format: uri}},
	{name: X-Count, in: header, schema: {type: integer}},
	{name: X-List, in: header, schema: {type: array, items: {type: integer}}},
	{name: X-Raw, in: header, schema: {const: "a%20b+c"}},
	{name: session, in: cookie, schema: {type: string, minLength: 2}}
	]}}}}`

// TestRequests: what a call carries is taken for what was meant, and what is wrong with it is told by place and keyword.
func TestRequests(t *testing.T) {
	op := operation(t, search)
	for name, c := range map[string]struct {
		request exchange.Request
		told    []string
	}{
		"a path alone is enough":                         {exchange.Request{}, nil},
		"a number in a path is judged as one":            {exchange.Request{Path: []string{"shops", "a", "items", "0.json"}}, []string{"path:id minimum"}},
		"each variable of a segment is judged":           {exchange.Request{Path: []string{"shops", "a", "items", "x.xml"}}, []string{"path:id type", "path:format enum"}},
		"a path is decoded once":                         {exchange.Request{Path: []string{"shops", "%2541bcdefgh", "items", "1.json"}}, nil},
		"a path is not a form: + is no space":            {exchange.Request{Path: []string{"shops", "a+b", "items", "1.json"}}, nil},
		"a literal of a path may be encoded":             {exchange.Request{Path: []string{"shops", "a", "items", "1%2ejson"}}, nil},
		"another encoded character is not the literal":   {exchange.Request{Path: []string{"shops", "a", "items", "1%2cjson"}}, []string{"path:id required", "path:format required"}},
		"a path with a broken encoding is refused":       {exchange.Request{Path: []string{"shops", "%4", "items", "1.json"}}, []string{"path:shop encoding"}},
		"a path that is not UTF-8 is refused":            {exchange.Request{Path: []string{"shops", "%ff", "items", "1.json"}}, []string{"path:shop encoding"}},
		"a path of other segments lacks the variables":   {exchange.Request{Path: []string{"shops"}}, []string{"path:shop required", "path:id required", "path:format required"}},
		"every fault is told":                            {exchange.Request{Query: "limit=0&q=123456789"}, []string{"query:limit minimum", "query:q maxLength"}},
		"a number that is none is refused":               {exchange.Request{Query: "limit=ten"}, []string{"query:limit type"}},
		"a number in other digits is none":               {exchange.Request{Query: "limit=0x10"}, []string{"query:limit type"}},
		"a number with a plus is none":                   {exchange.Request{Query: "limit=%2B1"}, []string{"query:limit type"}},
		"a number may have an exponent":                  {exchange.Request{Query: "limit=1e3"}, []string{"query:limit maximum"}},
		"a text of digits stays a text":                  {exchange.Request{Query: "q=12345678"}, nil},
		"an encoded name is the name":                    {exchange.Request{Query: "%6cimit=0"}, []string{"query:limit minimum"}},
		"a name is decoded once":                         {exchange.Request{Query: "%256cimit=0"}, nil},
		"a plus in a query is a space":                   {exchange.Request{Query: "one+or+more=a"}, []string{"query:one or more oneOf"}},
		"an ampersand that is encoded does not separate": {exchange.Request{Query: "q=a%26limit=0"}, []string{"query:q maxLength"}},
		"a semicolon does not separate":                  {exchange.Request{Query: "q=a;limit=0"}, []string{"query:q maxLength"}},
		"empty pairs are nothing":                        {exchange.Request{Query: "&&limit=5&"}, nil},
		"a broken encoding of a value is refused":        {exchange.Request{Query: "q=%zz"}, []string{"query:q encoding"}},
		"a broken encoding of a name is refused":         {exchange.Request{Query: "%zz=1"}, []string{"query: encoding"}},
		"a value that is not UTF-8 is refused":           {exchange.Request{Query: "q=%ff"}, []string{"query:q encoding"}},
		"a single value twice is refused":                {exchange.Request{Query: "limit=1&limit=2"}, []string{"query:limit duplicate"}},
		"what may be anything may come twice":            {exchange.Request{Query: "any=1&any=2"}, nil},
		"an exploded list comes again and again":         {exchange.Request{Query: "tag=a&q=b&tag=c"}, nil},
		"an exploded list is not split":                  {exchange.Request{Query: "tag=a,b&tag=c,d"}, nil},
		"an exploded list may be too long":               {exchange.Request{Query: "tag=a&tag=b&tag=c"}, []string{"query:tag maxItems"}},
		"a list that is split is split at commas":        {exchange.Request{Query: "ids=1,2,x"}, []string{"query:ids/2 type"}},
		"an encoded comma is part of an element":         {exchange.Request{Query: "ids=1%2C2"}, []string{"query:ids/0 type"}},
		"a list that is split comes once":                {exchange.Request{Query: "ids=1&ids=2"}, []string{"query:ids duplicate"}},
		"an empty list cannot be written":                {exchange.Request{Query: "ids="}, []string{"query:ids/0 type"}},
		"one of a value or a list may be the value":      {exchange.Request{Query: "one%20or%20more=1"}, nil},
		"one of a value or a list may be the list":       {exchange.Request{Query: "one+or+more=1&one+or+more=2"}, nil},
		"pipes may be encoded or not":                    {exchange.Request{Query: "pipes=a|b%7Cc"}, nil},
		"an empty value is an empty text":                {exchange.Request{Query: "q="}, nil},
		"an empty value is no number":                    {exchange.Request{Query: "limit="}, []string{"query:limit type"}},
		"a name without a value is an empty value":       {exchange.Request{Query: "limit"}, []string{"query:limit type"}},
		"allowEmptyValue takes an empty value":           {exchange.Request{Query: "flag"}, nil},
		"allowEmptyValue takes no other value":           {exchange.Request{Query: "flag=1"}, []string{"query:flag type"}},
		"a boolean is true or false":                     {exchange.Request{Query: "flag=true"}, nil},
		"null can be written":                            {exchange.Request{Query: "maybe=null"}, nil},
		"reserved characters can be read":                {exchange.Request{Query: "url=https://a.example/b?c=d,e"}, nil},
		"reserved characters or not, + is a space":       {exchange.Request{Query: "url=https://a.example/b+c"}, []string{"query:url format"}},
		"members of a deep object are judged":            {exchange.Request{Query: "where[from]=x"}, []string{"query:where/from type"}},
		"members that are not declared are refused":      {exchange.Request{Query: "where[form]=1"}, []string{"query:where/form additionalProperties"}},
		"a list in a deep object may come once":          {exchange.Request{Query: "where[tags]=a"}, nil},
		"a list in a deep object may come again":         {exchange.Request{Query: "where[tags]=a&where[tags]=b"}, nil},
		"a list in a deep object may say so":             {exchange.Request{Query: "where[tags][]=a&where[tags][]=b"}, nil},
		"a list in a deep object may be numbered":        {exchange.Request{Query: "where[list][0][a]=1&where[list][1][a]=x"}, []string{"query:where/list/1/a type"}},
		"objects nest in a deep object":                  {exchange.Request{Query: "where[in][city]=x&where[in][to]=y"}, []string{"query:where/in/to type"}},
		"a member is a value or an object":               {exchange.Request{Query: "where[in]=x&where[in][to]=1"}, []string{"query:where/in duplicate"}},
		"a member twice is no number":                    {exchange.Request{Query: "where[from]=1&where[from]=2"}, []string{"query:where/from type"}},
		"brackets that do not close are refused":         {exchange.Request{Query: "where[from=1"}, []string{"query:where style"}},
		"text behind brackets is refused":                {exchange.Request{Query: "where[from]x=1"}, []string{"query:where style"}},
		"empty brackets come last":                       {exchange.Request{Query: "where[][from]=1"}, []string{"query:where style"}},
		"nesting is bounded":                             {exchange.Request{Query: "where[deep]" + strings.Repeat("[a]", 8) + "=1"}, []string{"query:where limit"}},
		"JSON in a parameter is judged":                  {exchange.Request{Query: "json=%7B%22a%22:%22x%22%7D"}, []string{"query:json/a type"}},
		"JSON in a parameter must be JSON":               {exchange.Request{Query: "json={a}"}, []string{"query:json syntax"}},
		"JSON in a parameter comes once":                 {exchange.Request{Query: "json={}&json={}"}, []string{"query:json duplicate"}},
		"text in a parameter is judged":                  {exchange.Request{Query: "plain=abc"}, []string{"query:plain maxLength"}},
		"a header is found in lower case":                {exchange.Request{Headers: header("x-count", "x")}, []string{"header:X-Count type"}},
		"a single header twice is refused":               {exchange.Request{Headers: header("x-count", "1", "2")}, []string{"header:X-Count duplicate"}},
		"a list in a header may have spaces":             {exchange.Request{Headers: header("x-list", " 1 , 2")}, nil},
		"a list in a header may have several lines":      {exchange.Request{Headers: header("x-list", "1,2", "x")}, []string{"header:X-List/2 type"}},
		"a header is not decoded":                        {exchange.Request{Headers: header("x-raw", "a%20b+c")}, nil},
		"a variable takes at least one character":        {exchange.Request{Path: []string{"shops", "a", "items", ".5.json"}}, []string{"path:id type"}},
		"text in a parameter must be UTF-8":              {exchange.Request{Query: "plain=%ff"}, []string{"query:plain encoding"}},
		"a deep object is no list":                       {exchange.Request{Query: "where[]=1"}, []string{"query:where style"}},
		"nothing follows empty brackets":                 {exchange.Request{Query: "where[tags][][x]=1"}, []string{"query:where style"}},
		"text between brackets is refused":               {exchange.Request{Query: "where[from]x]=1"}, []string{"query:where style"}},
		"empty brackets make a list of one":              {exchange.Request{Query: "where[listed][]=1"}, []string{"query:where/listed maxItems"}},
		"a header's white space is none of its value":    {exchange.Request{Headers: header("x-count", " 5 ")}, nil},
		"a cookie is found among others":                 {exchange.Request{Cookies: []string{"a=b; session=c", "d=e"}}, []string{"cookie:session minLength"}},
		"a cookie is decoded":                            {exchange.Request{Cookies: []string{"session=%41"}}, []string{"cookie:session minLength"}},
		"a cookie twice is refused":                      {exchange.Request{Cookies: []string{"session=aa", "session=bb"}}, []string{"cookie:session duplicate"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.request.Path == nil {
				c.request.Path = []string{"shops", "a", "items", "1.json"}
			}
			got := op.Validate(&c.request, exchange.Options{})
			if diff := cmp.Diff(c.told, told(got)); diff != "" {
				t.Errorf("faults (-want +got):\n%s%+v", diff, got.Faults)
			}
			if (got.Status == 400) == got.OK() {
				t.Errorf("status %d", got.Status)
			}
		})
	}
}

func header(name string, values ...string) map[string][]string {
	return map[string][]string{name: values}
}

// TestParametersAlone: what one parameter takes, by its fields.
func TestParametersAlone(t *testing.T) {
	const rgb = `schema: {type: object, properties: {R: {type: integer}}}`
	for name, c := range map[string]struct {
		in, fields, sent string
		told             []string
	}{
		"a plus in a path is a plus":                      {"path", `schema: {const: a+b c}`, "a+b%20c", nil},
		"a plus in a cookie is a plus":                    {"cookie", `schema: {const: a+b c}`, "color=a+b%20c", nil},
		"an object lacks a value":                         {"query", `explode: false, ` + rgb, "color=R,100,G", []string{"query:color style"}},
		"an object has a name twice":                      {"query", `explode: false, ` + rgb, "color=R,100,R,200", []string{"query:color/R duplicate"}},
		"an exploded object without a member's value":     {"path", `explode: true, ` + rgb, "R", []string{"path:color style"}},
		"a label without its dot":                         {"path", `style: label, schema: {}`, "blue", []string{"path:color style"}},
		"a matrix of another name":                        {"path", `style: matrix, schema: {}`, ";colour=blue", []string{"path:color style"}},
		"an object that declares nothing takes all names": {"query", `schema: {type: object, maxProperties: 1}`, "x=1&y=2", []string{"query:color maxProperties"}},
		"an object that says so takes all names":          {"query", `schema: {type: object, properties: {a: {}}, additionalProperties: {type: integer}}`, "x=y", []string{"query:color/x type"}},
		"an object takes the names that it declares":      {"query", `schema: {type: object, properties: {a: {}}}`, "a=1&x=y", []string{"query:x undeclared"}},
		"a cookie as it is, is one element":               {"cookie", `style: cookie, explode: true, schema: {type: array, maxItems: 1}`, "color=a&color=b", nil},
		"a cookie that is not exploded is one value":      {"cookie", `explode: false, schema: {type: array, maxItems: 1}`, "color=a&color=b", nil},
		"members that are not exploded are no cookies":    {"cookie", `explode: false, ` + rgb, "R=x", nil},
	} {
		t.Run(name, func(t *testing.T) {
			op := operation(t, parameter("/a/{color}", "name: color, in: "+c.in+", "+c.fields))
			if diff := cmp.Diff(c.told, told(op.Validate(request(c.in, c.sent), exchange.Options{RefuseQuery: true}))); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestASegmentThatIsDecodedIsNotDecodedAgain(t *testing.T) {
	op := operation(t, parameter("/a/{color}", "name: color, in: path, schema: {const: '%41,b'}"))
	r := request("path", "%41,b")
	if got := op.Validate(r, exchange.Options{}); got.OK() {
		t.Error("it is not decoded")
	}
	r.Decoded = true
	if got := op.Validate(r, exchange.Options{}); !got.OK() {
		t.Errorf("%+v", got.Faults)
	}
}

func TestNothingIsStrippedFromParameters(t *testing.T) {
	op := operation(t, parameter("/a/{x}", "name: color, in: query, content: {application/json: {schema: {type: object, properties: {a: {}}, additionalProperties: false}}}"))
	if got := op.Validate(request("query", `color={"b":1}`), exchange.Options{Values: schema.Options{Strip: true}}); got.OK() {
		t.Error("it is accepted")
	}
}
