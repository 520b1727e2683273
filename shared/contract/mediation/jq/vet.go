package jq

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/itchyny/gojq"
)

// own is what the names of a program's own functions begin with once it is rewritten: so none can pass for a built-in one.
const own = "own__"

// operand is the variable that holds the right side of an update.
const operand = "$__operand"

// vetter rewrites a program.
type vetter struct {
	allowed map[string]treatment
	defined map[string]bool // the program's own functions and their closures, by name and number of arguments
	faults  []error
}

// vet rewrites a program so that it stays within bounds, or says what it may not do.
func vet(q *gojq.Query) error {
	v := &vetter{allowed: allowed(), defined: make(map[string]bool)}
	if q.Meta != nil || len(q.Imports) > 0 {
		return errors.New("the program must not be a module, nor import or include one")
	}
	v.queries(q)
	return errors.Join(v.faults...)
}

func (v *vetter) fault(format string, args ...any) {
	const most = 5
	if len(v.faults) < most {
		v.faults = append(v.faults, fmt.Errorf(format, args...))
	}
}

func signature(name string, arguments int) string { return name + "/" + strconv.Itoa(arguments) }

func (v *vetter) queries(list ...*gojq.Query) {
	for _, q := range list {
		if q != nil {
			v.query(q)
		}
	}
}

func (v *vetter) query(q *gojq.Query) {
	for _, d := range q.FuncDefs {
		v.define(d)
	}
	for _, d := range q.FuncDefs {
		v.queries(d.Body)
	}
	v.patterns(q.Patterns)
	if q.Term != nil {
		v.term(q.Term)
	}
	v.queries(q.Left, q.Right)
	if q.Left == nil || q.Right == nil {
		return
	}
	switch q.Op {
	case gojq.OpUpdateAdd, gojq.OpUpdateSub, gojq.OpUpdateMul, gojq.OpUpdateDiv, gojq.OpUpdateMod, gojq.OpUpdateAlt:
		v.update(q)
	case gojq.OpAdd, gojq.OpSub, gojq.OpMul:
		v.operation(q)
	case gojq.OpAssign, gojq.OpModify:
		charged(q)
	default:
	}
}

// define renames a function of the program, and its closures.
func (v *vetter) define(d *gojq.FuncDef) {
	v.defined[signature(d.Name, len(d.Args))] = true
	d.Name = own + d.Name
	for i, a := range d.Args {
		if !strings.HasPrefix(a, "$") {
			v.defined[signature(a, 0)] = true
			d.Args[i] = own + a
		}
	}
}

// update makes "path op= value" what it means: "value as $x | path |= (. op $x)".
func (v *vetter) update(q *gojq.Query) {
	op := map[gojq.Operator]gojq.Operator{gojq.OpUpdateAdd: gojq.OpAdd, gojq.OpUpdateSub: gojq.OpSub, gojq.OpUpdateMul: gojq.OpMul,
		gojq.OpUpdateDiv: gojq.OpDiv, gojq.OpUpdateMod: gojq.OpMod, gojq.OpUpdateAlt: gojq.OpAlt}[q.Op]
	change := &gojq.Query{Left: identity(), Op: op, Right: call(operand)}
	if op == gojq.OpAdd || op == gojq.OpSub || op == gojq.OpMul {
		v.operation(change)
	}
	modify := &gojq.Query{Left: q.Left, Op: gojq.OpModify, Right: grouped(change)}
	charged(modify)
	*q = gojq.Query{Left: grouped(q.Right), Patterns: []*gojq.Pattern{{Name: operand}}, Op: gojq.OpPipe, Right: modify, FuncDefs: q.FuncDefs}
}

// operation guards +, - and *.
func (v *vetter) operation(q *gojq.Query) {
	if q.Op != gojq.OpAdd {
		sides := &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: pair, Args: []*gojq.Query{q.Left, q.Right}}}}
		work := &gojq.Query{Left: item("0"), Op: q.Op, Right: item("1")}
		*q = gojq.Query{Left: sides, Op: gojq.OpPipe, Right: work, FuncDefs: q.FuncDefs}
		if work.Op == gojq.OpSub {
			return
		}
	}
	charged(q)
}

// charged puts a charge behind a query, in place.
func charged(q *gojq.Query) {
	inner := *q
	inner.FuncDefs = nil
	*q = gojq.Query{Left: grouped(&inner), Op: gojq.OpPipe, Right: call(charge), FuncDefs: q.FuncDefs}
}

func identity() *gojq.Query { return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeIdentity}} }

func call(name string) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: name}}}
}

func grouped(q *gojq.Query) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeQuery, Query: q}}
}

func item(n string) *gojq.Query {
	number := &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeNumber, Number: n}}
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeIndex, Index: &gojq.Index{Start: number}}}
}

// wrap puts checks around a term, in place. What is indexed stays outside.
func wrap(t *gojq.Term, before, after string) {
	if before == "" && after == "" {
		return
	}
	inner := *t
	inner.SuffixList = nil
	q := &gojq.Query{Term: &inner}
	if before != "" {
		q = &gojq.Query{Left: call(before), Op: gojq.OpPipe, Right: q}
	}
	if after != "" {
		q = &gojq.Query{Left: q, Op: gojq.OpPipe, Right: call(after)}
	}
	*t = gojq.Term{Type: gojq.TermTypeQuery, Query: q, SuffixList: t.SuffixList}
}

func (v *vetter) term(t *gojq.Term) {
	v.index(t.Index)
	for _, s := range t.SuffixList {
		v.index(s.Index)
	}
	v.queries(t.Query)
	v.control(t)
	switch t.Type {
	case gojq.TermTypeFunc:
		v.call(t)
	case gojq.TermTypeObject:
		for _, m := range t.Object.KeyVals {
			v.variable(m.Key)
			v.text(m.KeyString)
			v.queries(m.KeyQuery, m.Val)
		}
		wrap(t, "", charge)
	case gojq.TermTypeArray:
		v.queries(t.Array.Query)
		wrap(t, "", charge)
	case gojq.TermTypeNumber:
		if len(t.Number) > 400 {
			v.fault("a number must have at most 400 characters")
		}
	case gojq.TermTypeFormat, gojq.TermTypeString:
		if t.Format != "" && !slices.Contains(formats(), t.Format) {
			v.fault("%s is not available here", t.Format)
		}
		v.text(t.Str)
		if t.Format != "" || len(t.Str.Queries) > 0 {
			wrap(t, "", charge)
		}
	default:
	}
}

// control goes into the terms that decide and repeat.
func (v *vetter) control(t *gojq.Term) {
	switch {
	case t.Unary != nil:
		v.term(t.Unary.Term)
	case t.If != nil:
		v.queries(t.If.Cond, t.If.Then, t.If.Else)
		for _, e := range t.If.Elif {
			v.queries(e.Cond, e.Then)
		}
	case t.Try != nil:
		v.queries(t.Try.Body, t.Try.Catch)
	case t.Reduce != nil:
		v.patterns(t.Reduce.Patterns)
		v.queries(t.Reduce.Query, t.Reduce.Start, t.Reduce.Update)
	case t.Foreach != nil:
		v.patterns(t.Foreach.Patterns)
		v.queries(t.Foreach.Query, t.Foreach.Start, t.Foreach.Update, t.Foreach.Extract)
	case t.Label != nil:
		v.queries(t.Label.Body)
	}
}

// index guards the places of arrays: one far behind the end makes an array as long.
func (v *vetter) index(i *gojq.Index) {
	if i == nil {
		return
	}
	v.text(i.Str)
	for _, q := range []*gojq.Query{i.Start, i.End} {
		if q != nil {
			v.query(q)
			inner := *q
			*q = gojq.Query{Left: grouped(&inner), Op: gojq.OpPipe, Right: call(place)}
		}
	}
}

func (v *vetter) text(s *gojq.String) {
	if s != nil {
		v.queries(s.Queries...)
	}
}

func (v *vetter) patterns(list []*gojq.Pattern) {
	for _, p := range list {
		if p == nil {
			continue
		}
		v.variable(p.Name)
		v.patterns(p.Array)
		for _, o := range p.Object {
			v.variable(o.Key)
			v.text(o.KeyString)
			v.queries(o.KeyQuery)
			v.patterns([]*gojq.Pattern{o.Val})
		}
	}
}

// variable refuses those that tell of the world, and the names that rewriting uses.
func (v *vetter) variable(name string) {
	if name == "$ENV" || strings.HasPrefix(name, "$__") {
		v.fault("%s is not available here", name)
	}
}

// call lets a program call its own functions and the allowed ones.
func (v *vetter) call(t *gojq.Term) {
	f := t.Func
	if strings.HasPrefix(f.Name, "$") {
		v.variable(f.Name)
		return
	}
	sign := signature(f.Name, len(f.Args))
	v.queries(f.Args...)
	if v.defined[sign] {
		f.Name = own + f.Name
		return
	}
	how, ok := v.allowed[sign]
	if !ok {
		v.fault("the function %s is not available here", sign)
		return
	}
	if f.Name == "join" {
		f.Name = joined
		return
	}
	for i, a := range f.Args {
		replacement := strings.HasSuffix(f.Name, "sub") && i == 1
		if how.regexp && !replacement {
			v.expression(f.Name, i, a)
		} else if how.within != "" {
			f.Args[i] = &gojq.Query{Left: grouped(a), Op: gojq.OpPipe, Right: call(how.within)}
		}
	}
	wrap(t, how.before, how.after)
}

// expression sees that a regular expression, or its flags, is written out and can be compiled.
func (v *vetter) expression(function string, i int, q *gojq.Query) {
	t := q.Term
	if t == nil || t.Type != gojq.TermTypeString || t.Str == nil || len(t.Str.Queries) > 0 || len(t.SuffixList) > 0 {
		v.fault("what %s looks for, and its flags, must be written out as strings", function)
		return
	}
	if i == 0 {
		if _, err := regexp.Compile(t.Str.Str); err != nil {
			v.fault("%s: %w", function, err)
		}
	}
}
