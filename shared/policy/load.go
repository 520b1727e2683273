package policy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Load makes the Engine that New makes of the modules, out of what Compile wrote of them: it decides the same, and starts in
// a fifth of the time. Modules that were changed since are compiled, as New does, and so are those of which something
// else was written: nothing but the time depends on what is compiled.
func Load(modules map[string]string, compiled []byte, entry string, options ...Option) (*Engine, error) {
	if rules, ok := bytes.CutPrefix(compiled, head(modules)); ok {
		if e, err := load(rules, entry, options); err == nil {
			return e, nil
		}
	}
	return New(modules, entry, options...)
}

// load does not run the stages of the compiler again, except for those that prepare evaluation and the one that refuses
// built-in functions that decisions may not use.
func load(rules []byte, entry string, options []Option) (e *Engine, err error) {
	defer func() {
		if fault := recover(); fault != nil { // of the compiler, which never sees rules of other shapes than its own
			e, err = nil, fmt.Errorf("prepare compiled policy: panic: %v", fault)
		}
	}()
	r := reader{left: rules}
	modules, err := r.modules()
	if err != nil {
		return nil, fmt.Errorf("read compiled policy: at byte %d of %d: %w", len(rules)-len(r.left), len(rules), err)
	}
	ref, err := ast.ParseRef(entry)
	if err != nil {
		return nil, fmt.Errorf("read entry point %q: %w", entry, err)
	}
	compiler := ast.NewCompiler().WithCapabilities(capabilities()).WithDefaultRegoVersion(ast.RegoV1).WithSkipStages(done()...)
	compiler.Compile(modules)
	if compiler.Failed() {
		return nil, fmt.Errorf("prepare compiled policy: %w", compiler.Errors)
	}
	if len(compiler.GetRulesExact(ref)) == 0 {
		return nil, fmt.Errorf("find entry point %q: no such rule", entry)
	}
	return engine(compiler, question(ref), options), nil
}

// done are the stages that what is loaded has been through.
func done() []ast.StageID {
	var all []ast.StageID
	for _, stage := range ast.AllStages() {
		switch stage {
		case ast.StageSetModuleTree, ast.StageSetRuleTree, ast.StageCheckUndefinedFuncs, ast.StageBuildRuleIndices,
			ast.StageBuildComprehensionIndices:
		default:
			all = append(all, stage)
		}
	}
	return all
}

// maxNesting is far above what our policies have, and far below what a stack bears.
const maxNesting = 100

var (
	errShort = errors.New("it ends too early")
	errDeep  = errors.New("it is nested too deeply")
)

// reader reads what a writer wrote. The first error stays, and everything that is read after it is empty.
type reader struct {
	left  []byte
	file  string
	depth int
	err   error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) byte() byte {
	if r.err != nil || len(r.left) == 0 {
		r.fail(errShort)
		return 0
	}
	b := r.left[0]
	r.left = r.left[1:]
	return b
}

func (r *reader) flag() bool {
	b := r.byte()
	if b > 1 {
		r.fail(fmt.Errorf("%d is neither yes nor no", b))
	}
	return b == 1
}

func (r *reader) number() int {
	n, size := binary.Uvarint(r.left)
	if r.err != nil || size <= 0 || n > 1<<30 {
		r.fail(errShort)
		return 0
	}
	r.left = r.left[size:]
	return int(n)
}

// count is a number of things that are still to come, each of a byte or more.
func (r *reader) count() int {
	n := r.number()
	if n > len(r.left) {
		r.fail(errShort)
		return 0
	}
	return n
}

func (r *reader) text() string {
	n := r.count()
	s := string(r.left[:n])
	r.left = r.left[n:]
	return s
}

func (r *reader) modules() (map[string]*ast.Module, error) {
	all := make(map[string]*ast.Module)
	for range r.count() {
		m := &ast.Module{}
		m.SetRegoVersionSpan(ast.RegoVersionSpanOf(ast.RegoV1))
		r.file = r.text()
		m.Package = &ast.Package{Path: r.terms()}
		for range r.count() {
			m.Rules = append(m.Rules, r.rule(m))
		}
		all[r.file] = m
	}
	if r.err == nil && len(r.left) > 0 {
		r.fail(errors.New("there is more after its end"))
	}
	return all, r.err
}

func (r *reader) place() *ast.Location {
	row := r.number()
	return ast.NewLocation(nil, r.file, row, r.number())
}

func (r *reader) rule(m *ast.Module) *ast.Rule {
	at := r.place()
	rule := &ast.Rule{Location: at, Module: m, Default: r.flag(), Head: &ast.Head{Location: at}}
	rule.Head.Assign = r.flag()
	rule.Head.Name = ast.Var(r.text())
	rule.Head.Reference = r.terms()
	rule.Head.Args = r.terms()
	rule.Head.Key = r.term()
	rule.Head.Value = r.term()
	rule.Body = r.body()
	if r.flag() && r.deeper() {
		rule.Else = r.rule(m)
		r.depth--
	}
	return rule
}

func (r *reader) deeper() bool {
	if r.depth++; r.depth > maxNesting {
		r.fail(errDeep)
	}
	return r.err == nil
}

func (r *reader) body() ast.Body {
	n := r.count()
	b := make(ast.Body, 0, n)
	for i := range n {
		e := &ast.Expr{Location: r.place(), Index: i}
		sort := r.byte()
		e.Negated = sort&negated != 0
		switch sort &^ negated {
		case ofTerm:
			e.Terms = r.some()
		case ofCall:
			e.Terms = r.terms()
		default:
			r.fail(fmt.Errorf("there is no expression of sort %d", sort))
		}
		b = append(b, e)
		if r.err != nil {
			break
		}
	}
	return b
}

func (r *reader) terms() []*ast.Term {
	n := r.count()
	if n == 0 {
		return nil
	}
	all := make([]*ast.Term, 0, n)
	for range n {
		all = append(all, r.some())
		if r.err != nil {
			return nil
		}
	}
	return all
}

// some reads a term that must be there.
func (r *reader) some() *ast.Term {
	t := r.term()
	if t == nil {
		r.fail(errors.New("a term is missing"))
		t = ast.NullTerm()
	}
	return t
}

// term reads a term, nil for none. After an error it is null, so that what is made of it can be made.
func (r *reader) term() *ast.Term {
	sort := r.byte()
	if sort == ofNothing && r.err == nil {
		return nil
	}
	v := ast.Value(ast.NullValue)
	if r.deeper() {
		v = r.value(sort)
	}
	r.depth--
	return ast.NewTerm(v)
}

func (r *reader) value(sort byte) ast.Value {
	switch sort {
	case ofFalse, ofTrue:
		return ast.Boolean(sort == ofTrue)
	case ofNumber:
		return ast.Number(r.text())
	case ofText:
		return ast.String(r.text())
	case ofVariable:
		return ast.Var(r.text())
	case ofRef:
		return ast.Ref(r.terms())
	case ofArray:
		return ast.NewArray(r.terms()...)
	case ofSet:
		return ast.NewSet(r.terms()...)
	case ofObject:
		var members []pair
		for range r.count() {
			key := r.some()
			members = append(members, pair{key, r.some()})
			if r.err != nil {
				break
			}
		}
		return ast.NewObject(members...)
	case ofArrayOf:
		t := r.some()
		return &ast.ArrayComprehension{Term: t, Body: r.body()}
	case ofSetOf:
		t := r.some()
		return &ast.SetComprehension{Term: t, Body: r.body()}
	case ofObjectOf:
		key := r.some()
		value := r.some()
		return &ast.ObjectComprehension{Key: key, Value: value, Body: r.body()}
	case ofNull:
	default:
		r.fail(fmt.Errorf("there is no term of sort %d", sort))
	}
	return ast.NullValue
}
