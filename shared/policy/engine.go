// Package policy decides with Rego. It is the only importer of OPA.
package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// DefaultTimeLimit is the longest that one decision may take.
const DefaultTimeLimit = 50 * time.Millisecond

// Engine evaluates one entry point of a set of compiled modules. It is safe for concurrent use.
type Engine struct {
	compiler *ast.Compiler
	query    ast.Body
	store    storage.Store
	limit    time.Duration
	now      func() time.Time
	metrics  metrics.Metrics
	epoch    time.Time
	metadata map[string]any
}

// Verdict is what a policy says. Reasons is empty if Allow is set, and is never empty otherwise; the most telling reason
// comes first, as the policy orders them.
type Verdict struct {
	Allow   bool
	Reasons []string
}

// Option changes how an Engine works.
type Option func(*Engine)

// WithTimeLimit replaces DefaultTimeLimit.
func WithTimeLimit(d time.Duration) Option { return func(e *Engine) { e.limit = d } }

// New compiles the modules (sources by file name) for decisions by the rule at entry, such as "data.access.decision".
func New(modules map[string]string, entry string, options ...Option) (*Engine, error) {
	allowed := capabilities()
	parsed := make(map[string]*ast.Module, len(modules))
	for name, source := range modules {
		m, err := ast.ParseModuleWithOpts(name, source, ast.ParserOptions{Capabilities: allowed, RegoVersion: ast.RegoV1})
		if err != nil {
			return nil, fmt.Errorf("parse policy %s: %w", name, err)
		}
		parsed[name] = m
	}
	compiler := ast.NewCompiler().WithCapabilities(allowed).WithStrict(true).WithDefaultRegoVersion(ast.RegoV1)
	compiler.Compile(parsed)
	if compiler.Failed() {
		return nil, fmt.Errorf("compile policy: %w", compiler.Errors)
	}
	ref, err := ast.ParseRef(entry)
	if err != nil {
		return nil, fmt.Errorf("read entry point %q: %w", entry, err)
	}
	if len(compiler.GetRulesExact(ref)) == 0 {
		return nil, fmt.Errorf("find entry point %q: no such rule", entry)
	}
	query, err := compiler.QueryCompiler().Compile(ast.NewBody(ast.Equality.Expr(ast.VarTerm("decision"), ast.NewTerm(ref))))
	if err != nil {
		return nil, fmt.Errorf("compile entry point %q: %w", entry, err)
	}
	e := &Engine{compiler: compiler, query: query, limit: DefaultTimeLimit, now: time.Now, metrics: metrics.NoOp(), epoch: time.Unix(0, 1), metadata: map[string]any{},
		store: inmem.NewWithOpts(inmem.OptRoundTripOnWrite(false), inmem.OptReturnASTValuesOnRead(true))}
	for _, o := range options {
		o(e)
	}
	return e, nil
}

// Decide asks the policy about one input.
//
// On every error the caller denies: the context has ended, the time limit has passed, a built-in function failed, or the
// policy gave no decision or a malformed one (not exactly allow and reasons, allow with reasons, a denial without).
func (e *Engine) Decide(ctx context.Context, in Input) (Verdict, error) {
	if err := ctx.Err(); err != nil {
		return Verdict{}, fmt.Errorf("decide: %w", err)
	}
	txn, err := e.store.NewTransaction(ctx)
	if err != nil {
		return Verdict{}, fmt.Errorf("decide: open the store: %w", err)
	}
	defer e.store.Abort(ctx, txn)
	var found *ast.Term
	err = topdown.NewQuery(e.query).WithCompiler(e.compiler).WithStore(e.store).WithTransaction(txn).WithInput(in.term()).
		WithCancel(&deadline{ctx: ctx, now: e.now, until: e.now().Add(e.limit)}).WithStrictBuiltinErrors(true).
		WithMetrics(e.metrics).WithTime(e.epoch).WithRequestMetadata(e.metadata).
		Iter(ctx, func(r topdown.QueryResult) error {
			if found != nil {
				return errors.New("more than one decision")
			}
			found = r["decision"]
			return nil
		})
	if err != nil {
		return Verdict{}, fmt.Errorf("decide: %w", err)
	}
	return verdict(found)
}

// errMalformed is a decision that is not what a policy promises.
var errMalformed = errors.New("decide: the policy gave no well-formed decision")

func verdict(t *ast.Term) (Verdict, error) {
	if t == nil {
		return Verdict{}, errMalformed
	}
	o, ok := t.Value.(ast.Object)
	if !ok || o.Len() != 2 {
		return Verdict{}, errMalformed
	}
	allow, reasons := o.Get(termAllow), o.Get(termReasons)
	if allow == nil || reasons == nil {
		return Verdict{}, errMalformed
	}
	yes, ok := allow.Value.(ast.Boolean)
	if !ok {
		return Verdict{}, errMalformed
	}
	texts, err := strings(reasons.Value)
	if err != nil || bool(yes) != (len(texts) == 0) {
		return Verdict{}, errMalformed
	}
	return Verdict{Allow: bool(yes), Reasons: texts}, nil
}

// strings reads an array in its order, or a set in the order of its members.
func strings(v ast.Value) ([]string, error) {
	var texts []string
	var bad bool
	add := func(t *ast.Term) {
		s, ok := t.Value.(ast.String)
		bad = bad || !ok || s == ""
		texts = append(texts, string(s))
	}
	switch v := v.(type) {
	case *ast.Array:
		v.Foreach(add)
	case ast.Set:
		v.Foreach(add)
	default:
		bad = true
	}
	if bad {
		return nil, errMalformed
	}
	return slices.Clip(texts), nil
}
