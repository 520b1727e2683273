package openapi

import (
	"slices"
	"strings"

	"sluice/shared/contract/internal/tree"
	"sluice/shared/contract/internal/walk"
)

// parameter judges what a parameter's fields alone do not tell. Without a name and a place it cannot be served.
func (d *document) parameter(n *tree.Node, at *tree.Path) {
	name, in := n.Get("name"), n.Get("in")
	if name == nil || name.Is(tree.String) && name.Text == "" {
		d.Fault(at, "the parameter has no name")
	}
	styles := []string{}
	switch {
	case in == nil:
		d.Fault(at, "the parameter does not say where it is: in is missing")
	case in.Str() == "path":
		styles = []string{"simple", "label", "matrix"}
		if n.Get("required") == nil || n.Get("required").Text != "true" {
			d.Find(walk.PathOptional, at, "the path parameter %s is not required", walk.Quote(name.Str()))
		}
	case in.Str() == "query":
		styles = []string{"form", "spaceDelimited", "pipeDelimited", "deepObject"}
	case in.Str() == "header":
		styles = []string{"simple"}
		if slices.Contains([]string{"accept", "content-type", "authorization"}, strings.ToLower(name.Str())) {
			d.Find(walk.ParameterIgnored, at, "a header parameter named %s is ignored", walk.Quote(name.Str()))
		}
	case in.Str() == "cookie":
		styles = []string{"form", "cookie"}
	case in.Str() == "querystring" && d.Minor >= 2:
	case in.Is(tree.String):
		d.Fault(at.Member("in"), "%s is no place of a parameter: use path, query, header or cookie", walk.Quote(in.Text))
	}
	if style := n.Get("style"); style != nil && len(styles) > 0 && !slices.Contains(styles, style.Str()) {
		d.Find(walk.ParameterForm, at.Member("style"), "a parameter in %s cannot have the style %s", in.Text, walk.Quote(style.Text))
	}
	d.valueForm(n, at)
}

// valueForm judges how the values of a parameter or header are described, and takes its examples to be checked.
func (d *document) valueForm(n *tree.Node, at *tree.Path) {
	schema, content := n.Get("schema"), n.Get("content")
	switch {
	case schema == nil && content == nil:
		d.Find(walk.ParameterForm, at, "there is neither a schema nor content")
	case schema != nil && content != nil:
		d.Find(walk.ParameterForm, at, "there are both a schema and content")
	case content.Is(tree.Object) && len(content.Keys) != 1:
		d.Find(walk.ParameterForm, at.Member("content"), "there are %d media types where one belongs", len(content.Keys))
	}
	d.schemas.Samples(schema, n, at)
}

// mediaType takes the examples of a JSON media type to be checked.
func (d *document) mediaType(n *tree.Node, at *tree.Path) {
	name, _, _ := strings.Cut(at.Key, ";")
	name = strings.ToLower(strings.TrimSpace(name))
	if name == "application/json" || strings.HasSuffix(name, "+json") {
		d.schemas.Samples(n.Get("schema"), n, at)
	}
}

// declared is a parameter of an operation: its own or its path's.
type declared struct {
	node *tree.Node // with references followed
	at   *tree.Path
}

// in gives the place of the parameter.
func (p declared) in() string { return p.node.Get("in").Str() }

// name gives the name by which parameters in one place differ. Header names are compared without case.
func (p declared) name() string {
	if p.in() == "header" {
		return strings.ToLower(p.node.Get("name").Str())
	}
	return p.node.Get("name").Str()
}

// parameters lists the parameters at one place of the document. One that is there twice is a fault if the two differ.
func (d *document) parameters(n *tree.Node, at *tree.Path) []declared {
	if !n.Is(tree.Array) {
		return nil
	}
	var all []declared
	places := make(map[[2]string]int, len(n.Items))
	for i, item := range n.Items {
		p := declared{d.Deref(item), at.Element(i)}
		if !p.node.Is(tree.Object) || p.name() == "" || !d.Running() {
			continue
		}
		first, taken := places[[2]string{p.in(), p.name()}]
		switch {
		case !taken:
			places[[2]string{p.in(), p.name()}] = len(all)
			all = append(all, p)
		case tree.Equal(all[first].node, p.node):
			d.Find(walk.RepeatedValue, p.at, "the %s parameter %s is listed more than once", p.in(), walk.Quote(p.name()))
		default:
			d.Fault(p.at, "the %s parameter %s is declared more than once, and differently", p.in(), walk.Quote(p.name()))
		}
	}
	return all
}

// inPath gives the names of the path parameters.
func inPath(lists ...[]declared) map[string]bool {
	names := make(map[string]bool)
	for _, list := range lists {
		for _, p := range list {
			if p.in() == "path" {
				names[p.name()] = true
			}
		}
	}
	return names
}
