package openapi

import (
	"strings"

	"sluice/shared/contract/internal/tree"
	"sluice/shared/contract/internal/walk"
)

// grammar is OpenAPI as a table. It is made for each document, since its parts refer to each other and to what is
// gathered from the document.
type grammar struct {
	d          *document
	root       *walk.Object
	components map[string]*walk.Object // by section
	bits       uint                    // that objects have so far
}

// fields says what belongs at each key of an object.
type fields = map[string]walk.Want

// schemaBit is the bit of schemas; the other objects have those that follow.
const schemaBit = 0

// object makes an object of the grammar with a mark of its own.
func (g *grammar) object(name string, f fields) *walk.Object {
	g.bits++
	return &walk.Object{Name: name, Bit: g.bits, Fields: f}
}

// referable makes an object in whose place a reference may stand.
func (g *grammar) referable(name string, f fields) *walk.Object {
	o := g.object(name, f)
	o.Ref = true
	return o
}

func newGrammar(d *document) *grammar {
	g := &grammar{d: d, bits: schemaBit}
	docs := walk.Note(walk.Mapping)
	docs.Object = g.object("external documentation", fields{"description": text(), "url": text()})
	server := g.server()
	pathItem := g.referable("a path item", nil)
	pathItem.FieldsToo = true
	callback := g.referable("a callback", nil)
	callback.Others = extensible(walk.One(pathItem))
	example := g.referable("an example", fields{"summary": text(), "description": text(), "value": anything(),
		"externalValue": text(), "dataValue": anything().From(2), "serializedValue": text().From(2)})
	link := g.link(server)
	header, parameter, content := g.content(example)
	response := g.referable("a response", fields{"summary": text().From(2), "description": text(),
		"headers": walk.Each(walk.One(header)), "content": content, "links": walk.Each(walk.One(link))})
	response.Required = []string{"description"}
	body := g.referable("a request body", fields{"description": text(), "content": content, "required": {Kinds: walk.Boolean}})
	body.Required = []string{"content"}
	operation := g.operation(docs, parameter, body, response, callback, server)
	g.pathItem(pathItem, operation, parameter, server)
	g.components = map[string]*walk.Object{"schemas": g.d.schemas.Object, "responses": response, "parameters": parameter, "examples": example,
		"requestBodies": body, "headers": header, "securitySchemes": g.securityScheme(), "links": link, "callbacks": callback,
		"pathItems": pathItem}
	g.document(docs, server, pathItem, content)
	return g
}

// document is the OpenAPI Object itself.
func (g *grammar) document(docs, server walk.Want, pathItem *walk.Object, content walk.Want) {
	contact := g.object("a contact", fields{"name": text(), "url": text(), "email": text()})
	license := g.object("a license", fields{"name": text(), "identifier": text().From(1), "url": text()})
	info := g.object("the info object", fields{"title": text(), "summary": text().From(1), "description": text(),
		"termsOfService": text(), "version": text(),
		"contact": {Kinds: walk.Mapping, Object: contact, Soft: true}, "license": {Kinds: walk.Mapping, Object: license, Soft: true}})
	info.Required = []string{"title", "version"}
	tag := g.object("a tag", fields{"name": text(), "summary": text().From(2), "description": text(),
		"externalDocs": docs, "parent": text().From(2), "kind": text().From(2)})
	sections := make(fields, len(g.components)+1)
	for section, o := range g.components {
		w := walk.Each(walk.One(o))
		w.Component = true
		sections[section] = w
	}
	sections["pathItems"] = sections["pathItems"].From(1)
	sections["mediaTypes"] = content.From(2)
	components := g.object("the components object", sections)
	paths := g.object("the paths object", nil)
	paths.Others = func(key string, at *tree.Path) (walk.Want, bool) {
		if !strings.HasPrefix(key, "/") {
			g.d.Fault(at, "the path does not begin with a slash")
		}
		return walk.One(pathItem), true
	}
	g.root = g.object("the document", fields{
		"openapi": text(), "$self": text().From(2), "jsonSchemaDialect": text().From(1),
		"info":       {Kinds: walk.Mapping, Object: info, Hard: true},
		"paths":      {Kinds: walk.Mapping, Object: paths, Hard: true},
		"webhooks":   walk.Each(walk.One(pathItem)).From(1),
		"components": {Kinds: walk.Mapping, Object: components, Hard: true},
		"servers":    walk.List(server), "security": g.security(), "externalDocs": docs,
		"tags": walk.List(walk.Want{Kinds: walk.Mapping, Object: tag, Soft: true}),
	})
}

// server is a server at a field. Calls go to the version's upstream, so that nothing served depends on it.
func (g *grammar) server() walk.Want {
	variable := g.object("a server variable", fields{"enum": walk.List(text()), "default": text(), "description": text()})
	server := g.object("a server", fields{"url": text(), "description": text(), "name": text().From(2),
		"variables": walk.Each(walk.Want{Kinds: walk.Mapping, Object: variable, Soft: true})})
	server.Required = []string{"url"}
	return walk.Want{Kinds: walk.Mapping, Object: server, Soft: true}
}

func (g *grammar) link(server walk.Want) *walk.Object {
	link := g.referable("a link", fields{"operationRef": text(), "operationId": text(), "parameters": walk.Note(walk.Mapping),
		"requestBody": anything(), "description": text(), "server": server})
	link.Check = func(n *tree.Node, at *tree.Path) { g.d.links = append(g.d.links, walk.Target{Node: n, At: at}) }
	return link
}

// content gives headers, parameters and maps of media types, which contain each other.
func (g *grammar) content(example *walk.Object) (header, parameter *walk.Object, content walk.Want) {
	header = g.referable("a header", nil)
	examples := walk.Each(walk.Want{Kinds: walk.Mapping, Object: example, Soft: true})
	encoding := g.object("an encoding", fields{"contentType": text(), "headers": walk.Each(walk.One(header)), "style": text(),
		"explode": flag(), "allowReserved": flag()})
	media := g.object("a media type", fields{"schema": {Kinds: walk.Any, Object: g.d.schemas.Object}, "example": anything(),
		"examples": examples, "encoding": walk.Each(walk.One(encoding)),
		"itemSchema": walk.Want{Kinds: walk.Any, Object: g.d.schemas.Object}.From(2), "itemEncoding": walk.One(encoding).From(2),
		"prefixEncoding": walk.List(walk.One(encoding)).From(2)})
	media.Ref = true // since OpenAPI 3.2
	media.Check = g.d.mediaType
	content = walk.Each(walk.One(media))
	header.Fields = fields{"description": text(), "required": {Kinds: walk.Boolean}, "deprecated": flag(),
		"allowEmptyValue": flag(), "style": text(), "explode": {Kinds: walk.Boolean}, "allowReserved": flag(),
		"schema": {Kinds: walk.Any, Object: g.d.schemas.Object}, "example": anything(), "examples": examples, "content": content}
	header.Check = g.d.valueForm
	parameter = g.referable("a parameter", fields{"name": {Kinds: walk.Text, Hard: true}, "in": {Kinds: walk.Text, Hard: true}})
	for key, w := range header.Fields {
		parameter.Fields[key] = w
	}
	parameter.Check = g.d.parameter
	return header, parameter, content
}

func (g *grammar) operation(docs walk.Want, parameter, body, response, callback *walk.Object, server walk.Want) *walk.Object {
	responses := g.object("the responses object", nil)
	responses.Others = func(key string, at *tree.Path) (walk.Want, bool) {
		if !statusKey(key) {
			g.d.Find(walk.StatusCode, at, "%s is no status code", walk.Quote(key))
		}
		return walk.One(response), true
	}
	operation := g.object("an operation", fields{"tags": walk.List(text()), "summary": text(), "description": text(),
		"externalDocs": docs, "operationId": text(), "parameters": walk.List(walk.One(parameter)), "requestBody": walk.One(body),
		"responses": walk.One(responses), "callbacks": walk.Each(walk.One(callback)), "deprecated": flag(), "security": g.security(),
		"servers": walk.List(server)})
	operation.Check = func(n *tree.Node, at *tree.Path) {
		g.d.operations = append(g.d.operations, walk.Target{Node: n, At: at})
		if n.Get("responses") == nil && g.d.Minor == 0 {
			g.d.Find(walk.MissingField, at, "an operation lacks %q", "responses")
		}
	}
	return operation
}

func (g *grammar) pathItem(item, operation, parameter *walk.Object, server walk.Want) {
	item.Fields = fields{"summary": text(), "description": text(), "servers": walk.List(server),
		"parameters": walk.List(walk.One(parameter)), "query": walk.One(operation).From(2),
		"additionalOperations": walk.Each(walk.One(operation)).From(2)}
	for _, method := range methods() {
		item.Fields[strings.ToLower(method)] = walk.One(operation)
	}
}

// text, flag and anything are values that readers look at and servers do not.
func text() walk.Want     { return walk.Note(walk.Text) }
func flag() walk.Want     { return walk.Note(walk.Boolean) }
func anything() walk.Want { return walk.Note(walk.Any) }

// extensible is what belongs at any key but extensions.
func extensible(w walk.Want) func(string, *tree.Path) (walk.Want, bool) {
	return func(string, *tree.Path) (walk.Want, bool) { return w, true }
}

// statusKey reports whether a key of the responses object is one.
func statusKey(key string) bool {
	if key == "default" {
		return true
	}
	digits := func(s string) bool { return strings.Trim(s, "0123456789") == "" }
	return len(key) == 3 && '1' <= key[0] && key[0] <= '5' && (key[1:] == "XX" || digits(key[1:]))
}
