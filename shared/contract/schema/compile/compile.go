// Package compile makes programs of the schemas of OpenAPI documents, and of lone JSON Schemas, once, when a contract is
// published. What it makes is read by package schema.
//
// Dialects. A document of OpenAPI 3.0 is read by the rules of 3.0: nullable, boolean exclusiveMinimum, nothing beside
// $ref, and none of the keywords that came later. Since 3.1 it is JSON Schema 2020-12 with $id, $anchor, $dynamicAnchor
// and $dynamicRef; a schema that is reached through different dynamic scopes is compiled once for each. $recursiveRef of
// draft 2019-09 leads to the nearest schema around it with $recursiveAnchor, as documents mean it that still write it.
// References lead nowhere outside of the document.
//
// What cannot be enforced is never enforced in part or by guess: it is left out, and a finding names it.
package compile

import (
	"context"
	"fmt"
	"slices"

	"sluice/shared/contract"
	"sluice/shared/contract/internal/tree"
	"sluice/shared/contract/schema/program"
	"sluice/shared/contract/schema/reference"
)

// Compiled is a contract's schemas, ready to be stored.
type Compiled struct {
	Operations []Operation        // in the order of the document
	Pool       [][]byte           // the pages that operations share, by number
	Elements   []byte             // where the elements stand in the document: see program.DecodeElements
	Findings   []contract.Finding // what is not enforced, and what is read in another way than it is written
}

// Operation is the page of one operation.
type Operation struct {
	Key  string // method, space, path template
	Page []byte
}

// Document compiles the schemas of an OpenAPI document, 3.minor, which must have been checked: what leads nowhere or is
// of the wrong kind is taken as not being there. The error is the context's, or says that the document is too large.
func Document(ctx context.Context, root *tree.Node, minor int) (*Compiled, error) {
	c := newCompiler(ctx, root, minor)
	d := &document{compiler: c}
	d.paths()
	if c.err != nil {
		return nil, fmt.Errorf("compile schemas: %w", c.err)
	}
	return c.pack(d.operations)
}

// Source compiles the schemas of a document that is still text, JSON or YAML.
func Source(ctx context.Context, source []byte, yaml bool) (*Compiled, error) {
	root, err := read(ctx, source, yaml)
	if err != nil {
		return nil, err
	}
	minor := 1
	if v := root.Get("openapi").Str(); len(v) > 2 && v[:2] == "3." {
		minor = int(v[2] - '0')
	}
	return Document(ctx, root, minor)
}

// Schema compiles a lone schema, JSON Schema 2020-12, as the JSON body of an operation without a name.
func Schema(ctx context.Context, source []byte) (*Compiled, error) {
	root, err := read(ctx, source, false)
	if err != nil {
		return nil, err
	}
	c := newCompiler(ctx, root, 1)
	id := c.schema(target{Value: root, In: c.names.Document()}, 0)
	if c.err != nil {
		return nil, fmt.Errorf("compile schema: %w", c.err)
	}
	body := &program.Body{Contents: []program.Content{{Media: "application/json", Schema: id}}}
	return c.pack([]described{{Operation: program.Operation{Body: body}}})
}

func read(ctx context.Context, source []byte, yaml bool) (*tree.Node, error) {
	parse := tree.JSON
	if yaml {
		parse = tree.YAML
	}
	root, faults, err := parse(ctx, source)
	if err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	if root == nil || len(faults) > 0 {
		return nil, fmt.Errorf("read document: %s: %s", faults[0].Pointer, faults[0].Detail)
	}
	return root, nil
}

// compiler turns schemas into nodes. Until pack, a node is named by its place in nodes, as if all stood on page 0.
type compiler struct {
	root     *tree.Node
	names    *reference.Names
	ctx      context.Context //nolint:containedctx // lives as long as one call
	minor    int
	nodes    []program.Node
	about    []about // beside nodes
	known    map[key]program.ID
	equal    map[string]program.ID // nodes without elements, by signature
	patterns map[string]uint32
	texts    []string // the patterns, translated
	findings []contract.Finding
	omitted  int
	steps    int
	depth    int
	err      error
}

type (
	target = reference.Target
	scope  = reference.Scope
)

func found(value *tree.Node, at *tree.Path, in *reference.Resource) target {
	return target{Value: value, At: at, In: in}
}

// about is what is known of a node beside what it asks for.
type about struct {
	at       *tree.Path
	elements []*tree.Path
}

// key names a schema: the same text means something else in another dynamic scope.
type key struct {
	node  *tree.Node
	scope scope
}

// building marks a schema that is being compiled and that nothing refers to yet.
const building = ^program.ID(0)

func newCompiler(ctx context.Context, root *tree.Node, minor int) *compiler {
	c := &compiler{root: root, ctx: ctx, minor: minor, known: map[key]program.ID{}, equal: map[string]program.ID{},
		patterns: map[string]uint32{}}
	c.names = reference.New(root, minor > 0, c.running)
	return c
}

// stop ends the work.
func (c *compiler) stop(err error) {
	if c.err == nil {
		c.err = err
	}
}

// running counts a step and reports whether there is time left.
func (c *compiler) running() bool {
	c.steps++
	if c.steps%1024 == 0 && c.ctx.Err() != nil {
		c.stop(c.ctx.Err())
	}
	return c.err == nil
}

// schema compiles what stands at a place, and gives its node.
func (c *compiler) schema(t target, s scope) program.ID {
	for hops := 0; ; hops++ {
		switch {
		case t.Value.Is(tree.Bool) && t.Value.Text == "false":
			return program.Never
		case !t.Value.Is(tree.Object) || !c.running():
			return program.Any
		}
		if r := c.names.Within(t.Value); r != nil {
			t.In = r
		}
		s = c.names.Enter(s, t.In)
		to, plain := c.plainRef(t)
		if !plain {
			break
		}
		if to.Value == nil {
			return program.Any // nowhere: the walk has told
		}
		if hops > maxHops {
			c.includes(t.At)
			return program.Any
		}
		t = to
	}
	k := key{t.Value, s}
	if id, ok := c.known[k]; ok {
		if id == building {
			id = c.place(program.Node{}, about{at: t.At})
			c.known[k] = id
		}
		return id
	}
	c.known[k] = building
	b := &builder{compiler: c, target: t, scope: s}
	if c.depth++; c.depth > maxDepth {
		c.stop(fmt.Errorf("schemas lead to each other more than %d deep", maxDepth))
	}
	b.build()
	c.depth--
	id := c.keep(c.known[k], b)
	c.known[k] = id
	return id
}

// maxDepth is how deep schemas may lead to each other, properties and elements included: it bounds the stack.
const maxDepth = 10_000

// maxHops is how many references may lead to each other.
const maxHops = 100

// plainRef gives where a schema leads that is a reference and asks for nothing else.
func (c *compiler) plainRef(t target) (to target, plain bool) {
	ref := t.Value.Get("$ref")
	if ref.Str() == "" {
		return target{}, false
	}
	if c.minor > 0 {
		for _, name := range t.Value.Keys {
			if name != "$ref" && asserts(name) {
				return target{}, false
			}
		}
	}
	to, _ = c.names.Resolve(ref.Text, t.In)
	return to, true
}

// asserts reports whether a keyword can change what a schema accepts.
func asserts(keyword string) bool {
	return !slices.Contains([]string{"title", "description", "default", "example", "examples", "deprecated", "readOnly", "writeOnly",
		"$comment", "externalDocs", "xml", "$defs", "definitions", "nullable", "$schema", "$vocabulary", "$anchor", "contentEncoding",
		"contentMediaType", "contentSchema"}, keyword) && (len(keyword) < 2 || keyword[:2] != "x-")
}

// place adds a node.
func (c *compiler) place(n program.Node, a about) program.ID {
	if len(c.nodes) >= program.MaxSlots {
		c.stop(fmt.Errorf("there are more than %d schemas", program.MaxSlots))
		return program.Any
	}
	c.nodes, c.about = append(c.nodes, n), append(c.about, a)
	return program.At(0, len(c.nodes)-1)
}

// keep gives the node that was built its place: the one that others refer to already, that of an equal one, or a new one.
func (c *compiler) keep(taken program.ID, b *builder) program.ID {
	if taken != building {
		c.nodes[taken.Slot()], c.about[taken.Slot()] = b.Node, about{b.At, b.elements}
		return taken
	}
	if len(b.elements) > 0 {
		return c.place(b.Node, about{b.At, b.elements})
	}
	signature := b.Signature()
	if id, ok := c.equal[signature]; ok {
		return id
	}
	id := program.Any
	if signature != c.nothing() {
		id = c.place(b.Node, about{at: b.At})
	}
	c.equal[signature] = id
	return id
}

// nothing is the signature of a schema that asks for nothing.
func (c *compiler) nothing() string { return (&program.Node{}).Signature() }

// maxFindings bounds what is told.
const maxFindings = 200

// find tells something that an owner should know.
func (c *compiler) find(rule string, at *tree.Path, fix, format string, args ...any) {
	if len(c.findings) >= maxFindings {
		c.omitted++
		return
	}
	c.findings = append(c.findings, contract.Finding{Rule: rule, Level: contract.Warning, Pointer: at.String(),
		Message: fmt.Sprintf(format, args...), Fix: fix})
}

// maxQuote is how much of a document is quoted.
const maxQuote = 80

func quote(s string) string {
	if len(s) > maxQuote {
		s = s[:maxQuote] + "…"
	}
	return fmt.Sprintf("%q", s)
}
