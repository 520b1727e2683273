package openapi

import (
	"slices"

	"sluice/shared/contract"
	"sluice/shared/contract/internal/tree"
	"sluice/shared/contract/internal/walk"
)

// The bounds on what each call is held against.
const (
	maxAlternatives = 100
	maxScopes       = 500 // of one alternative
)

// security is a list of security requirements at a field. Nothing stands in for a list that is missing or of another
// kind: whether it means "as the document says" or "nothing needed" must not be guessed.
func (g *grammar) security() walk.Want {
	requirement := walk.Each(walk.List(walk.Want{Kinds: walk.Text}))
	requirement.Hard = true
	requirement.Check = g.d.requirement
	w := walk.List(requirement).Checked(func(n *tree.Node, at *tree.Path) {
		if len(n.Items) > maxAlternatives {
			g.d.Fault(at, "there are more than %d alternatives", maxAlternatives)
		}
	})
	w.Hard = true
	return w
}

// securityScheme is what a security requirement names. Callers authenticate to the gateway by its own means, so that
// only the names of scopes matter here.
func (g *grammar) securityScheme() *walk.Object {
	flow := g.object("an OAuth flow", fields{"authorizationUrl": text(), "tokenUrl": text(), "refreshUrl": text(),
		"deviceAuthorizationUrl": text().From(2), "scopes": walk.Each(text())})
	flow.Required = []string{"scopes"}
	one := walk.Want{Kinds: walk.Mapping, Object: flow, Soft: true}
	flows := g.object("the OAuth flows object", fields{"implicit": one, "password": one, "clientCredentials": one,
		"authorizationCode": one, "deviceAuthorization": one.From(2)})
	scheme := g.referable("a security scheme", fields{"type": text(), "description": text(), "name": text(),
		"in": text(), "scheme": text(), "bearerFormat": text(), "openIdConnectUrl": text(),
		"flows": {Kinds: walk.Mapping, Object: flows, Soft: true}, "oauth2MetadataUrl": text().From(2), "deprecated": flag().From(2)})
	scheme.Check = func(n *tree.Node, at *tree.Path) {
		var needs []string
		switch kind := n.Get("type").Str(); kind {
		case "apiKey":
			needs = []string{"name", "in"}
		case "http":
			needs = []string{"scheme"}
		case "oauth2":
			needs = []string{"flows"}
		case "openIdConnect":
			needs = []string{"openIdConnectUrl"}
		case "mutualTLS":
		default:
			g.d.Find(walk.SchemeForm, at, "%s is no type of security scheme", walk.Quote(kind))
		}
		for _, key := range needs {
			if n.Get(key) == nil {
				g.d.Find(walk.SchemeForm, at, "the security scheme lacks %q", key)
			}
		}
	}
	return scheme
}

// scheme finds a security scheme by the name that a requirement uses: since OpenAPI 3.2 that may be a reference.
func (d *document) scheme(name string) *tree.Node {
	if n := d.Root.Get("components").Get("securitySchemes").Get(name); n != nil {
		return d.Deref(n)
	}
	if d.Minor >= 2 {
		if to, ok := d.Resolve(name, nil); ok {
			return d.Deref(to.Node)
		}
	}
	return nil
}

// requirement judges one alternative of a security list.
func (d *document) requirement(n *tree.Node, at *tree.Path) {
	total := 0
	for i, name := range n.Keys {
		below := at.Member(name)
		total += len(n.Items[i].Items)
		scheme := d.scheme(name)
		if scheme == nil {
			d.Fault(below, "there is no security scheme %s", walk.Quote(name))
			continue
		}
		kind := scheme.Get("type").Str()
		for j, scope := range n.Items[i].Items {
			switch {
			case kind == "oauth2" && !declares(scheme, scope.Str()):
				d.Find(walk.ScopeUndeclared, below.Element(j), "no flow of %s declares the scope %s", walk.Quote(name), walk.Quote(scope.Str()))
			case kind != "oauth2" && kind != "openIdConnect" && d.Minor == 0:
				d.Find(walk.ScopeOnOther, below.Element(j), "the scheme %s has no scopes in OpenAPI 3.0", walk.Quote(name))
			}
		}
	}
	if total > maxScopes {
		d.Fault(at, "there are more than %d scopes", maxScopes)
	}
}

// declares reports whether a flow of the scheme has the scope.
func declares(scheme *tree.Node, scope string) bool {
	flows := scheme.Get("flows")
	return flows.Is(tree.Object) && slices.ContainsFunc(flows.Items, func(f *tree.Node) bool {
		return f.Get("scopes").Get(scope) != nil
	})
}

// scopes gives the alternatives of an operation: its own list, or the document's, which is judged once.
func (r *router) scopes(operation *tree.Node) [][]string {
	if security := operation.Get("security"); security != nil {
		return alternatives(security)
	}
	return r.inherited
}

// alternatives gives those of a security list. Whatever a requirement lists counts as a scope, also the roles that
// OpenAPI 3.1 allows on other schemes: denying a call is safer than passing it.
func alternatives(security *tree.Node) [][]string {
	if !security.Is(tree.Array) || len(security.Items) > maxAlternatives {
		return nil
	}
	var all [][]string
	for _, requirement := range security.Items {
		if requirement.Kind != tree.Object {
			continue
		}
		needs := []string{}
		for _, scopes := range requirement.Items {
			for _, scope := range scopes.Items[:min(len(scopes.Items), maxScopes)] {
				needs = append(needs, scope.Str())
			}
		}
		all = append(all, needs)
	}
	return contract.Alternatives(all)
}
