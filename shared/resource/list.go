package resource

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"sluice/shared/catalog"
	"sluice/shared/resource/shape"
)

const (
	defaultLimit = 50
	maxLimit     = 100
	maxCursor    = 1024
)

// Paging is the query parameters of every list.
func Paging() []Param {
	return []Param{
		{Name: "limit", Schema: shape.Whole("How many items a page has at most; 50 if not given.", 1, maxLimit)},
		{Name: "cursor", Schema: shape.Text("Where the page begins: `next` of the page before.", maxCursor)},
	}
}

// Limit is the page size that the call asks for.
func (c *Call) Limit() int {
	n, err := strconv.Atoi(c.Query["limit"])
	if err != nil {
		return defaultLimit
	}
	return n
}

// PageSchema is the schema of a page of a list.
func PageSchema(item func() *shape.Schema) func() *shape.Schema {
	return func() *shape.Schema {
		return shape.Object("One page of a list.",
			shape.Field{Name: "items", Schema: shape.List("", item(), 0), Always: true},
			shape.Field{Name: "next", Schema: shape.Text("The cursor of the following page; empty at the end.", maxCursor), Always: true})
	}
}

// PageAnswer is the answer of a list whose items have the named schema.
func PageAnswer(name string) *Answer {
	return &Answer{Schema: PageSchema(func() *shape.Schema { return shape.Ref(name) }), Name: name + "Page"}
}

// PageOf answers with one page of a list.
func PageOf[T any](p catalog.Page[T]) *Reply {
	if p.Items == nil {
		p.Items = []T{}
	}
	return &Reply{Status: http.StatusOK, Body: struct {
		Items []T    `json:"items"`
		Next  string `json:"next"`
	}{p.Items, p.Next}}
}

// article writes a noun with its article.
func article(noun string) string {
	if strings.ContainsAny(noun[:1], "aeiouAEIO") {
		return "an " + noun
	}
	return "a " + noun
}

// ItemPath writes the path of an item: its segments, each escaped.
func ItemPath(segments ...string) string {
	out := ""
	for _, s := range segments {
		out += "/" + url.PathEscape(s)
	}
	return out
}
