package openapi

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"sluice/shared/contract"
	"sluice/shared/contract/internal/tree"
	"sluice/shared/contract/internal/walk"
)

// maxID is the longest operation id that is kept as it is, in bytes: ids become part of keys of the store.
const maxID = 512

// methods lists the methods that have a field of their own in a path item of every version, in the order of OpenAPI.
func methods() []string {
	return []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodOptions, http.MethodHead,
		http.MethodPatch, http.MethodTrace}
}

// path is one entry of the paths object.
type path struct {
	key      string
	at       *tree.Path
	template contract.Template
	names    map[string]bool // of its parameters, with and without operators
	items    []*tree.Node    // the path item, and those it refers to
	own      []declared      // parameters of all its operations
}

// router turns paths into operations.
type router struct {
	*document
	shapes map[string]*path          // by what paths they cover
	taken  map[string]*served        // by method and what calls they cover
	ids    map[string]*tree.Path     // operation id: where it is
	nodes  map[*tree.Node]*tree.Path // operations that calls can be matched to
	// what an operation without security of its own needs
	inherited [][]string
	routes    []contract.Operation
}

// served is an operation with the place it was found at.
type served struct {
	contract.Operation
	at *tree.Path
}

// routes lists what calls can be matched to.
func (d *document) routes() []contract.Operation {
	r := &router{document: d, shapes: map[string]*path{}, taken: map[string]*served{}, ids: map[string]*tree.Path{},
		nodes: map[*tree.Node]*tree.Path{}, inherited: alternatives(d.Root.Get("security"))}
	paths := d.Deref(d.Root.Get("paths"))
	at := tree.At("/paths")
	if paths.Is(tree.Object) {
		// Paths without a query first: where two cannot be told apart, the plain one is served.
		for _, query := range []bool{false, true} {
			for i, key := range paths.Keys {
				if strings.HasPrefix(key, "/") && strings.ContainsAny(key, "?#") == query && d.Running() {
					r.path(&path{key: key, at: at.Member(key)}, paths.Items[i])
				}
			}
		}
	}
	if len(r.routes) == 0 && !d.Faulty() {
		d.Find(walk.NoOperations, at, "the document has no operations")
	}
	if len(r.routes) > contract.MaxOperations {
		d.Fault(at, "there are %d operations; at most %d can be served", len(r.routes), contract.MaxOperations)
	}
	r.elsewhere()
	return r.routes
}

// path adds the operations of one path.
func (r *router) path(p *path, item *tree.Node) {
	t, faults := contract.ParseTemplate(p.key)
	for _, f := range faults {
		r.Fault(p.at, "%s", f)
	}
	if len(faults) > 0 {
		return
	}
	p.template, p.names = t, make(map[string]bool, len(t.Params))
	for _, name := range t.Params {
		p.names[name], p.names[plain(name)] = true, true
	}
	base := strings.TrimSuffix(p.key, t.Query)
	if first, known := r.shapes[t.Shape()]; !known {
		r.shapes[t.Shape()] = p
	} else if strings.TrimSuffix(first.key, first.template.Query) != base {
		r.Fault(p.at, "the path covers the same calls as %s", walk.Quote(first.key))
		return
	}
	if t.Query != "" {
		r.Find(walk.PathQuery, p.at, "%s is no part of a path; it only chooses between operations of the same path", walk.Quote(t.Query))
	}
	if why := t.Reachable(); why != "" {
		r.Find(walk.PathUnreachable, p.at, "the path has %s", why)
	}
	for hops := 0; item.Is(tree.Object) && hops <= 100; hops++ {
		p.items = append(p.items, item)
		ref := item.Get("$ref")
		if ref == nil {
			break
		}
		to, _ := r.Resolve(ref.Str(), nil)
		item = to.Node
	}
	if parameters := p.field("parameters"); parameters != nil {
		p.own = r.parameters(parameters, p.at.Member("parameters"))
	}
	r.methods(p)
}

// field gives a field of the path item: its own, else that of the path item it refers to.
func (p *path) field(key string) *tree.Node {
	for _, item := range p.items {
		if n := item.Get(key); n != nil && n.Kind != tree.Null {
			return n
		}
	}
	return nil
}

// methods adds the operation of each method of a path.
func (r *router) methods(p *path) {
	all := methods()
	if r.Minor >= 2 {
		all = append(all, "QUERY")
	}
	before := len(r.nodes)
	for _, method := range all {
		key := strings.ToLower(method)
		if n := r.Deref(p.field(key)); n.Is(tree.Object) {
			r.operation(p, method, n, p.at.Member(key))
		}
	}
	if more := p.field("additionalOperations"); r.Minor >= 2 && more.Is(tree.Object) {
		for i, method := range more.Keys {
			at := p.at.Member("additionalOperations").Member(method)
			if !token(method) || slices.Contains(all, strings.ToUpper(method)) {
				r.Fault(at, "%s is no additional method", walk.Quote(method))
			} else if n := r.Deref(more.Items[i]); n.Is(tree.Object) {
				r.operation(p, method, n, at)
			}
		}
	}
	if len(r.nodes) > before {
		r.surplus(p, p.own)
	}
}

// operation adds one operation.
func (r *router) operation(p *path, method string, n *tree.Node, at *tree.Path) {
	r.nodes[n] = at
	own := r.parameters(n.Get("parameters"), at.Member("parameters"))
	r.surplus(p, own)
	names := inPath(own, p.own)
	for _, name := range p.template.Params {
		switch {
		case names[name]:
		case names[plain(name)]:
			r.Find(walk.PathOperator, p.at, "{%s} is matched as one segment named %s", name, plain(name))
		default:
			r.Fault(at, "the path has {%s}, but the operation declares no such path parameter", name)
		}
	}
	op := &served{contract.Operation{ID: r.id(p, method, n, at), Method: method, Template: p.key, Scopes: r.scopes(n)}, at}
	if r.tellable(p, op) {
		r.routes = append(r.routes, op.Operation)
	}
}

// tellable reports whether calls of the operation can be told from those of others of the same method. Where only a
// query differs, which a caller can write in many ways, it must not matter to who may call: else it is a fault. Where
// nothing differs, one operation is served for both.
func (r *router) tellable(p *path, op *served) bool {
	for _, covers := range []string{p.template.Shape(), p.template.Calls()} {
		key := op.Method + " " + covers
		first, taken := r.taken[key]
		switch {
		case !taken:
			r.taken[key] = op
		case !slices.EqualFunc(first.Scopes, op.Scopes, slices.Equal):
			r.Fault(op.at, "calls cannot be told from those of %s, and the two need different scopes",
				walk.Quote(first.Method+" "+first.Template))
			return false
		case covers == p.template.Calls():
			r.Find(walk.PathQuery, op.at, "calls cannot be told from those of %s and are served as such",
				walk.Quote(first.Method+" "+first.Template))
			return false
		}
	}
	return true
}

// surplus finds path parameters that the path does not have.
func (r *router) surplus(p *path, all []declared) {
	for _, d := range all {
		if d.in() == "path" && !p.names[d.name()] && !strings.Contains(p.template.Query, "{"+d.name()+"}") {
			r.Fault(d.at, "the path %s has no {%s}", walk.Quote(p.key), d.name())
		}
	}
}

// plain removes the operators of RFC 6570 that some documents write into braces.
func plain(name string) string { return strings.TrimRight(strings.TrimLeft(name, "+;./#"), "*") }

// id gives the operation its id: the contract's, if it is there, else method and path.
func (r *router) id(p *path, method string, n *tree.Node, at *tree.Path) string {
	here := at.Member("operationId")
	given := n.Get("operationId")
	var id string
	if given != nil && (given.Kind == tree.String || given.Kind == tree.Number) {
		id = strings.TrimSpace(given.Text)
	}
	if id == "" {
		r.Find(walk.IDMissing, at, "the operation has no operationId")
		id, here = method+" "+p.key, at
	}
	if len(id) > maxID || strings.ContainsFunc(id, unicode.IsControl) {
		if given != nil {
			r.Find(walk.IDUnfit, here, "the operationId is longer than %d bytes or has control characters: it is shortened", maxID)
		}
		id = shorten(id)
	}
	if first, taken := r.ids[id]; taken {
		r.Fault(here, "the operationId %s is taken by %s", walk.Quote(id), first)
	} else {
		r.ids[id] = at
	}
	return id
}

// shorten makes a fit id of an unfit one; different ids stay different.
func shorten(id string) string {
	sum := sha256.Sum256([]byte(id))
	clean := strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return -1
		}
		return c
	}, id)
	return strings.ToValidUTF8(clean[:min(len(clean), maxID/2)], "") + "~" + hex.EncodeToString(sum[:8])
}

// elsewhere notes what refers to operations, and operations that share an id, where no calls are served: in callbacks,
// webhooks and links.
func (r *router) elsewhere() {
	seen := make(map[string]bool)
	for _, o := range r.operations {
		id := o.Node.Get("operationId").Str()
		if _, isServed := r.nodes[o.Node]; isServed || id == "" {
			continue
		}
		if _, taken := r.ids[id]; taken || seen[id] {
			r.Find(walk.IDElsewhere, o.At, "the operationId %s is not unique", walk.Quote(id))
		}
		seen[id] = true
	}
	for _, l := range r.links {
		if id := l.Node.Get("operationId").Str(); id != "" && r.ids[id] == nil && !seen[id] {
			r.Find(walk.BrokenLink, l.At, "there is no operation %s", walk.Quote(id))
		}
		if ref := l.Node.Get("operationRef").Str(); strings.HasPrefix(ref, "#") {
			if _, ok := r.Resolve(ref, nil); !ok {
				r.Find(walk.BrokenLink, l.At, "the reference %s leads nowhere", walk.Quote(ref))
			}
		}
	}
}

// token reports whether a text is a method by RFC 9110 §5.6.2.
func token(s string) bool {
	return s != "" && strings.IndexFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
	}) < 0
}
