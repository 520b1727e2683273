package compile

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"sluice/shared/contract/internal/tree"
	"sluice/shared/contract/schema/program"
)

// described is an operation and where its elements stand.
type described struct {
	program.Operation
	elements []*tree.Path
}

// document compiles what OpenAPI says around schemas.
type document struct {
	*compiler
	operations []described
	current    *described
}

// methods lists the fields of a path item that are operations.
func methods() []string {
	return []string{"get", "put", "post", "delete", "options", "head", "patch", "trace", "query"}
}

func (d *document) paths() {
	paths := d.deref(target{Value: d.root.Get("paths"), At: tree.At("/paths")})
	if !paths.Value.Is(tree.Object) {
		return
	}
	for i, key := range paths.Value.Keys {
		if strings.HasPrefix(key, "/") {
			d.path(key, found(paths.Value.Items[i], paths.At.Member(key), nil))
		}
	}
}

// deref follows references between objects that are no schemas.
func (c *compiler) deref(t target) target {
	for range maxHops {
		ref := t.Value.Get("$ref").Str()
		if ref == "" {
			return t
		}
		to, ok := c.names.Resolve(ref, nil)
		if !ok {
			return target{}
		}
		t = to
	}
	return target{}
}

// path compiles the operations of a path item. What stands beside its reference comes before what the reference has.
func (d *document) path(key string, item target) {
	items := []target{item}
	if item.Value.Get("$ref") != nil {
		items = append(items, d.deref(item))
	}
	taken := map[string]bool{}
	for _, it := range items {
		if !it.Value.Is(tree.Object) {
			continue
		}
		for i, method := range it.Value.Keys {
			if slices.Contains(methods(), method) {
				d.operation(key, strings.ToUpper(method), found(it.Value.Items[i], it.At.Member(method), nil), items, taken)
			}
		}
		if more := it.Value.Get("additionalOperations"); more.Is(tree.Object) {
			for i, method := range more.Keys {
				d.operation(key, method, found(more.Items[i], it.At.Member("additionalOperations").Member(method), nil), items, taken)
			}
		}
	}
}

func (d *document) operation(path, method string, op target, items []target, taken map[string]bool) {
	if !op.Value.Is(tree.Object) || taken[method] || !d.running() {
		return
	}
	taken[method] = true
	d.current = &described{Operation: program.Operation{Key: method + " " + path}}
	d.element(op.At)
	lists := []target{found(op.Value.Get("parameters"), op.At.Member("parameters"), nil)}
	for _, item := range items {
		lists = append(lists, found(item.Value.Get("parameters"), item.At.Member("parameters"), nil))
	}
	d.parameters(lists)
	if body := d.deref(found(op.Value.Get("requestBody"), op.At.Member("requestBody"), nil)); body.Value.Is(tree.Object) && method != http.MethodTrace {
		b := &program.Body{Contents: d.contents(body)}
		b.Required = yes(body.Value.Get("required"))
		d.current.Body = b
	}
	d.responses(found(op.Value.Get("responses"), op.At.Member("responses"), nil))
	d.current.Elements = uint32(len(d.current.elements)) //nolint:gosec // G115: bounded by the document
	d.operations = append(d.operations, *d.current)
}

// element numbers a place.
func (d *document) element(at *tree.Path) uint32 {
	d.current.elements = append(d.current.elements, at)
	return uint32(len(d.current.elements) - 1) //nolint:gosec // G115: bounded by the document
}

func yes(n *tree.Node) bool { return n.Is(tree.Bool) && n.Text == "true" }

// parameters takes each parameter once: those of the operation first. Headers that OpenAPI says are ignored are ignored.
func (d *document) parameters(lists []target) {
	seen := map[string]bool{}
	for _, list := range lists {
		if !list.Value.Is(tree.Array) {
			continue
		}
		for i, item := range list.Value.Items {
			t := d.deref(found(item, list.At.Element(i), nil))
			name, in := t.Value.Get("name").Str(), t.Value.Get("in").Str()
			id := in + " " + name
			if in == "header" {
				id = strings.ToLower(id)
			}
			if name == "" || in == "" || seen[id] ||
				slices.Contains([]string{"header accept", "header content-type", "header authorization"}, id) {
				continue
			}
			seen[id] = true
			d.current.Parameters = append(d.current.Parameters, d.parameter(t, name, in))
		}
	}
}

// parameter compiles a parameter or a header.
func (d *document) parameter(t target, name, in string) program.Parameter {
	p := program.Parameter{Name: name, In: in, Required: yes(t.Value.Get("required")) || in == "path",
		AllowReserved: yes(t.Value.Get("allowReserved")), AllowEmpty: yes(t.Value.Get("allowEmptyValue")), Element: d.element(t.At)}
	if content := t.Value.Get("content"); content.Is(tree.Object) && len(content.Keys) > 0 {
		p.Media = content.Keys[0]
		p.Schema = d.at(found(content.Items[0], t.At.Member("content").Member(p.Media), nil))
		return p
	}
	p.Style, p.Schema = t.Value.Get("style").Str(), d.at(t)
	if p.Style == "" {
		p.Style = "simple"
		if in == "query" || in == "cookie" {
			p.Style = "form"
		}
	}
	p.Explode = explode(t.Value, p.Style)
	return p
}

// explode is true for forms unless it says no.
func explode(n *tree.Node, style string) bool {
	if v := n.Get("explode"); v.Is(tree.Bool) {
		return yes(v)
	}
	return style == "form" || style == "cookie"
}

// at compiles the schema of a parameter, a header or a media type.
func (d *document) at(t target) program.ID {
	n := t.Value.Get("schema")
	if n == nil {
		return program.Any
	}
	return d.schema(found(n, t.At.Member("schema"), d.names.Document()), 0)
}

func (d *document) contents(t target) []program.Content {
	all := t.Value.Get("content")
	if !all.Is(tree.Object) {
		return nil
	}
	var list []program.Content
	at := t.At.Member("content")
	for i, media := range all.Keys {
		here := d.deref(found(all.Items[i], at.Member(media), nil))
		if !here.Value.Is(tree.Object) {
			continue
		}
		c := program.Content{Media: media, Element: d.element(at.Member(media)), Schema: d.at(here)}
		c.Encoding = d.encodings(found(here.Value.Get("encoding"), here.At.Member("encoding"), nil))
		list = append(list, c)
	}
	return list
}

func (d *document) encodings(t target) []program.Encoding {
	if !t.Value.Is(tree.Object) {
		return nil
	}
	var list []program.Encoding
	for i, property := range t.Value.Keys {
		n := t.Value.Items[i]
		e := program.Encoding{Property: property, ContentType: n.Get("contentType").Str(), Style: n.Get("style").Str(),
			AllowReserved: yes(n.Get("allowReserved"))}
		if e.Style == "" && (n.Get("explode") != nil || n.Get("allowReserved") != nil) {
			e.Style = "form"
		}
		e.Explode = explode(n, e.Style)
		e.Headers = d.headers(found(n.Get("headers"), t.At.Member(property).Member("headers"), nil))
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b program.Encoding) int { return cmp.Compare(a.Property, b.Property) })
	return list
}

func (d *document) headers(t target) []program.Parameter {
	if !t.Value.Is(tree.Object) {
		return nil
	}
	var list []program.Parameter
	for i, name := range t.Value.Keys {
		h := d.deref(found(t.Value.Items[i], t.At.Member(name), nil))
		if h.Value.Is(tree.Object) && !strings.EqualFold(name, "content-type") {
			list = append(list, d.parameter(h, name, "header"))
		}
	}
	return list
}

func (d *document) responses(t target) {
	if !t.Value.Is(tree.Object) {
		return
	}
	for i, status := range t.Value.Keys {
		r := d.deref(found(t.Value.Items[i], t.At.Member(status), nil))
		if !r.Value.Is(tree.Object) || strings.HasPrefix(status, "x-") {
			continue
		}
		out := program.Response{Status: strings.ToUpper(status), Element: d.element(t.At.Member(status))}
		if status == "default" {
			out.Status = status
		}
		out.Headers = d.headers(found(r.Value.Get("headers"), r.At.Member("headers"), nil))
		out.Contents = d.contents(r)
		d.current.Responses = append(d.current.Responses, out)
	}
	slices.SortStableFunc(d.current.Responses, func(a, b program.Response) int { return cmp.Compare(order(a.Status), order(b.Status)) })
}

// order puts exact statuses before ranges, and default last.
func order(status string) string {
	switch {
	case status == "default":
		return "2"
	case strings.HasSuffix(status, "XX"):
		return "1" + status
	}
	return "0" + status
}
