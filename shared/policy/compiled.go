package policy

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// mark begins what Compile writes. The number counts the ways in which it has been written.
const mark = "sluice policy 1\n"

// Compile checks and compiles the modules as New does, and writes what comes out, for Load. What it writes depends on the
// version of OPA: it belongs into the binary that it was made for, beside the modules.
func Compile(modules map[string]string) ([]byte, error) {
	compiler, err := compile(modules)
	if err != nil {
		return nil, err
	}
	w := writer{out: head(modules)}
	w.count(len(compiler.Modules))
	for _, name := range slices.Sorted(maps.Keys(compiler.Modules)) {
		m := compiler.Modules[name]
		w.text(name)
		w.ref(m.Package.Path)
		w.count(len(m.Rules))
		for _, r := range m.Rules {
			w.rule(r)
		}
	}
	if w.err != nil {
		return nil, fmt.Errorf("write compiled policy: %w", w.err)
	}
	return w.out, nil
}

// head begins what Compile writes of these modules, and of no others.
func head(modules map[string]string) []byte {
	h := sha256.New()
	var size [8]byte
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		for _, s := range []string{name, modules[name]} {
			binary.BigEndian.PutUint64(size[:], uint64(len(s)))
			h.Write(size[:])
			h.Write([]byte(s))
		}
	}
	return h.Sum([]byte(mark))
}

// The sorts of term.
const (
	ofNothing byte = iota // no term
	ofNull
	ofFalse
	ofTrue
	ofNumber
	ofText
	ofVariable
	ofRef
	ofArray
	ofSet
	ofObject
	ofArrayOf // comprehensions
	ofSetOf
	ofObjectOf
)

// The sorts of expression.
const (
	ofTerm byte = iota
	ofCall
	negated byte = 0x80
)

// writer writes modules after the last stage of the compiler, in which rules are flat: what our policies do not use, or what
// is gone by then, is an error. The first error stays.
type writer struct {
	out []byte
	err error
}

func (w *writer) byte(b byte)   { w.out = append(w.out, b) }
func (w *writer) count(n int)   { w.out = binary.AppendUvarint(w.out, uint64(max(n, 0))) }
func (w *writer) text(s string) { w.count(len(s)); w.out = append(w.out, s...) }

func (w *writer) refuse(what string, l *ast.Location) {
	if w.err == nil {
		w.err = fmt.Errorf("%v: %s cannot be kept", l, what)
	}
}

// place writes the line and the column: an error of the evaluator names them, with the module's file.
func (w *writer) place(l *ast.Location) {
	if l == nil {
		l = &ast.Location{}
	}
	w.count(l.Row)
	w.count(l.Col)
}

func (w *writer) rule(r *ast.Rule) {
	w.place(r.Location)
	w.byte(bit(r.Default))
	w.byte(bit(r.Head.Assign))
	w.text(string(r.Head.Name))
	w.ref(r.Head.Reference)
	w.terms(r.Head.Args)
	w.term(r.Head.Key)
	w.term(r.Head.Value)
	w.body(r.Body)
	w.byte(bit(r.Else != nil))
	if r.Else != nil {
		w.rule(r.Else)
	}
}

func (w *writer) body(b ast.Body) {
	w.count(len(b))
	for _, e := range b {
		w.expression(e)
	}
}

func (w *writer) expression(e *ast.Expr) {
	if len(e.With) > 0 {
		w.refuse("with", e.Location)
	}
	w.place(e.Location)
	flags := bit(e.Negated) * negated
	switch terms := e.Terms.(type) {
	case *ast.Term:
		w.byte(ofTerm | flags)
		w.term(terms)
	case []*ast.Term:
		w.byte(ofCall | flags)
		w.terms(terms)
	default:
		w.refuse(fmt.Sprintf("a %T", terms), e.Location)
	}
}

func (w *writer) ref(r ast.Ref) { w.terms(r) }

func (w *writer) terms(all []*ast.Term) {
	w.count(len(all))
	for _, t := range all {
		w.term(t)
	}
}

func (w *writer) term(t *ast.Term) {
	if t == nil {
		w.byte(ofNothing)
		return
	}
	switch v := t.Value.(type) {
	case ast.Null:
		w.byte(ofNull)
	case ast.Boolean:
		w.byte(ofFalse + bit(bool(v)))
	case ast.Number:
		w.byte(ofNumber)
		w.text(string(v))
	case ast.String:
		w.byte(ofText)
		w.text(string(v))
	case ast.Var:
		w.byte(ofVariable)
		w.text(string(v))
	case ast.Ref:
		w.byte(ofRef)
		w.ref(v)
	case *ast.Array:
		w.byte(ofArray)
		w.count(v.Len())
		v.Foreach(w.term)
	case ast.Set:
		w.byte(ofSet)
		w.terms(v.Slice())
	case ast.Object:
		w.byte(ofObject)
		w.count(v.Len())
		v.Foreach(func(key, value *ast.Term) { w.term(key); w.term(value) })
	default:
		w.comprehension(t)
	}
}

func (w *writer) comprehension(t *ast.Term) {
	switch v := t.Value.(type) {
	case *ast.ArrayComprehension:
		w.byte(ofArrayOf)
		w.term(v.Term)
		w.body(v.Body)
	case *ast.SetComprehension:
		w.byte(ofSetOf)
		w.term(v.Term)
		w.body(v.Body)
	case *ast.ObjectComprehension:
		w.byte(ofObjectOf)
		w.term(v.Key)
		w.term(v.Value)
		w.body(v.Body)
	default:
		w.refuse(fmt.Sprintf("a %T", v), t.Location)
	}
}
