package tree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"sluice/shared/problem"
)

// YAML reads a document of JSON's data model: keys are texts as they are written ("200", "on"), dates stay texts, merge
// keys are applied. Faults are as with JSON, and aliases that lead to themselves or grow without measure.
func YAML(ctx context.Context, source []byte) (*Node, []problem.Fault, error) {
	if !utf8.Valid(source) {
		return nil, []problem.Fault{{Detail: "the document is not UTF-8 text"}}, nil
	}
	// The library builds all of its nodes before we can count them: a value takes one of these bytes.
	if n := bytes.Count(source, []byte(",")) + bytes.Count(source, []byte("\n")) + bytes.Count(source, []byte(":")); n > MaxNodes {
		return nil, []problem.Fault{{Detail: fmt.Sprintf("the document has more than %d values", MaxNodes)}}, nil
	}
	decoder := yaml.NewDecoder(&contextReader{ctx: ctx, r: bytes.NewReader(source)})
	var doc, more yaml.Node
	if err := decoder.Decode(&doc); err != nil {
		return nil, syntax(err), ctx.Err()
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, []problem.Fault{{Detail: "there is more than one YAML document"}}, ctx.Err()
	}
	c := &converter{ctx: ctx, anchors: make(map[*yaml.Node]*converted)}
	root := c.convert(&doc, nil, 0)
	if c.err != nil {
		return nil, nil, c.err
	}
	if c.stop != nil {
		return nil, append(c.faults, *c.stop), nil
	}
	return root.node, c.faults, nil
}

// contextReader gives a document piece by piece until the context ends, which ends the parser too.
type contextReader struct {
	ctx context.Context //nolint:containedctx // lives as long as one call
	r   io.Reader
}

func (c *contextReader) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}

func syntax(err error) []problem.Fault {
	if errors.Is(err, io.EOF) {
		return []problem.Fault{{Detail: "the document is empty"}}
	}
	return []problem.Fault{{Detail: "this is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}}
}

// converted is a subtree with its size, each alias counted as if written out, and its height.
type converted struct {
	node         *Node
	size, height int
}

type converter struct {
	builder
	ctx     context.Context           //nolint:containedctx // lives as long as one call
	anchors map[*yaml.Node]*converted // nil while the anchor's own value is being converted
	steps   int
	stop    *problem.Fault
	err     error
}

func (c *converter) ok() bool { return c.stop == nil && c.err == nil }

func (c *converter) fail(at *Path, y *yaml.Node, format string, args ...any) converted {
	if c.ok() {
		c.stop = &problem.Fault{Pointer: at.String(), Detail: fmt.Sprintf(format, args...) + fmt.Sprintf(" (line %d)", y.Line)}
	}
	return converted{}
}

// step counts work, and ends it with the context or with a document that grows beyond measure.
func (c *converter) step(at *Path, y *yaml.Node) bool {
	c.steps++
	if c.steps%4096 == 0 && c.err == nil {
		c.err = c.ctx.Err()
	}
	if c.steps > MaxNodes {
		c.fail(at, y, "the document has more than %d values, aliases included", MaxNodes)
	}
	return c.ok()
}

func (c *converter) convert(y *yaml.Node, at *Path, depth int) converted {
	if !c.step(at, y) {
		return converted{}
	}
	if y.Kind == yaml.AliasNode {
		return c.alias(y, at, depth)
	}
	if y.Anchor != "" {
		c.anchors[y] = nil
	}
	var v converted
	switch y.Kind {
	case yaml.DocumentNode:
		if len(y.Content) == 0 {
			return c.fail(at, y, "the document is empty")
		}
		return c.convert(y.Content[0], at, depth)
	case yaml.MappingNode, yaml.SequenceNode:
		if depth >= MaxDepth {
			return c.fail(at, y, "the document is nested more than %d deep", MaxDepth)
		}
		if y.Kind == yaml.MappingNode {
			v = c.mapping(y, at, depth+1)
		} else {
			v = c.sequence(y, at, depth+1)
		}
	default:
		v = converted{c.scalar(y, at), 1, 0}
	}
	if y.Anchor != "" && c.ok() {
		c.anchors[y] = &v
	}
	return v
}

// alias gives the subtree that the alias stands for, if the document stays within its bounds with it.
func (c *converter) alias(y *yaml.Node, at *Path, depth int) converted {
	v := c.anchors[y.Alias]
	if v == nil {
		return c.fail(at, y, "the alias *%s leads back to itself", y.Value)
	}
	if c.steps += v.size - 1; c.steps > MaxNodes {
		return c.fail(at, y, "the document has more than %d values, aliases included", MaxNodes)
	}
	if depth+v.height > MaxDepth {
		return c.fail(at, y, "the document is nested more than %d deep, aliases included", MaxDepth)
	}
	return *v
}

func (c *converter) sequence(y *yaml.Node, at *Path, depth int) converted {
	n := c.node(Array)
	size, height := 1, 0
	for i, item := range y.Content {
		below := Path{Up: at, Index: i, Array: true}
		v := c.convert(item, &below, depth)
		if !c.ok() {
			return converted{}
		}
		n.Items = append(n.Items, v.node)
		size, height = size+v.size, max(height, v.height)
	}
	return converted{n, size, height + 1}
}

func (c *converter) mapping(y *yaml.Node, at *Path, depth int) converted {
	n := c.node(Object)
	size, height := 1, 0
	var merges []*yaml.Node
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := y.Content[i], y.Content[i+1]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode {
			return c.fail(at, key, "a key must be a single value")
		}
		if key.ShortTag() == "!!merge" {
			merges = append(merges, value)
			continue
		}
		below := Path{Up: at, Key: key.Value}
		v := c.convert(value, &below, depth)
		if !c.ok() {
			return converted{}
		}
		if !n.add(key.Value, v.node) {
			c.duplicate(at, key.Value)
		}
		size, height = size+v.size, max(height, v.height)
	}
	for _, m := range merges {
		v := c.merge(n, m, at, depth)
		if !c.ok() {
			return converted{}
		}
		size, height = size+v.size, max(height, v.height)
	}
	return converted{n, size, height + 1}
}

// merge adds the members of one mapping, or of each in a sequence of them, that the node does not have yet.
func (c *converter) merge(n *Node, y *yaml.Node, at *Path, depth int) converted {
	v := c.convert(y, at.Member("<<"), depth)
	if !c.ok() {
		return v
	}
	sources := []*Node{v.node}
	if v.node.Kind == Array {
		sources = v.node.Items
	}
	for _, s := range sources {
		if s.Kind != Object {
			return c.fail(at, y, "only mappings can be merged into a mapping")
		}
		for i, key := range s.Keys {
			if !c.step(at, y) {
				return v
			}
			n.add(key, s.Items[i])
		}
	}
	return v
}

func (c *converter) scalar(y *yaml.Node, at *Path) *Node {
	switch y.ShortTag() {
	case "!!null":
		return c.node(Null)
	case "!!bool":
		n := c.node(Bool)
		n.Text = strings.ToLower(y.Value)
		return n
	case "!!int", "!!float":
		if text, ok := jsonNumber(y.Value); ok {
			n := c.node(Number)
			if n.Text = text; !number(text) {
				c.fail(at, y, "a number is too large or too small to be represented")
			}
			return n
		}
	}
	n := c.node(String)
	n.Text = y.Value
	return n
}

// jsonNumber writes a YAML number as JSON writes it; infinity and its like have no such form and stay texts.
func jsonNumber(s string) (string, bool) {
	r := jsonReader{ctx: context.Background(), text: s}
	if r.num(nil); r.stop == nil && r.pos == len(s) || len(s) > 400 {
		return s, true
	}
	if i, ok := new(big.Int).SetString(strings.TrimPrefix(s, "+"), 0); ok {
		return i.String(), true
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	if err != nil || f-f != 0 {
		return "", false
	}
	return strconv.FormatFloat(f, 'g', -1, 64), true
}
