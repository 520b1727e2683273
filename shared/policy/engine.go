// Package policy decides with Rego. It is the only importer of OPA.
//
// An Engine holds one entry point of a set of modules, compiled once: strictly, and with a short list of built-in functions
// that can neither reach out nor differ from one evaluation to the next. The policies of this repository are compiled before
// they are built in (Compile, Load), since a compilation is a third of what the authorizer's cold start would take. A call builds its input directly as terms, out of
// typed facts, and evaluates it on its own: nothing is shared between calls but what is only read. Whatever goes wrong is an
// error, and on an error the caller denies.
//
// Rule indexing is off. An index passes over a rule whose startswith or == could not hold, without calling it: a refusal that
// would have failed on a garbled value then does not fire, strict errors or not, and the call is allowed. It would save 1 µs.
//
// A verdict on a call is remembered by the facts that it follows from (see memo): 0.7 µs and no allocation in place of the
// evaluation. Which facts those are is read off the compiled policies: one that does not look at the call's path, as
// policies/access does not, has one verdict for all calls of an app to an operation.
//
// Measured, as the least of 400 runs since the two-core machine was busy with other work: policies/access 29 µs and 218
// allocations for an allow, of which 3.5 µs build the input and 4 µs are the evaluator's own; 60 µs and 416 for a denial,
// which also looks for every reason; policies/admin 27 µs; New 1.4 ms, Load a fifth of it. What was tried for an allow, on the same day: a body of
// helper rules, about 3.5 µs each, 52 µs; the same conditions as comparisons of references in one body 34 to 39 µs, surplus
// members unnoticed; one pattern for the whole input 29 µs, surplus members refused. Partial evaluation took a sixth off the
// helper rules, multiplied their bodies (48 for four alternatives) and would have to be paid at each cold start.
package policy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"

	"sluice/shared/problem"
)

// DefaultTimeLimit is the longest that one decision may take: a thousand times what it takes.
const DefaultTimeLimit = 50 * time.Millisecond

// Engine evaluates one entry point of a set of compiled modules. It is safe for concurrent use.
type Engine struct {
	compiler *ast.Compiler
	query    ast.Body
	store    storage.Store
	limit    time.Duration
	now      func() time.Time
	metrics  metrics.Metrics
	metadata map[string]any // empty; only keeps the evaluator from making one for each call
	memo     *memo          // nil without one
}

// Option changes how an Engine works.
type Option func(*Engine)

// WithTimeLimit replaces DefaultTimeLimit.
func WithTimeLimit(d time.Duration) Option { return func(e *Engine) { e.limit = d } }

// WithClock replaces time.Now as the clock that the time limit is held against. Policies see no clock.
func WithClock(now func() time.Time) Option { return func(e *Engine) { e.now = now } }

// WithoutMemo makes the Engine evaluate the policy each time it is asked, in place of remembering verdicts on calls.
func WithoutMemo() Option { return func(e *Engine) { e.memo = nil } }

// New compiles the modules (sources by file name) for decisions by the rule at entry, such as "data.access.decision". The
// error names the file and the line of whatever is wrong, a built-in function that decisions may not use among them.
func New(modules map[string]string, entry string, options ...Option) (*Engine, error) {
	compiler, err := compile(modules)
	if err != nil {
		return nil, err
	}
	ref, err := ast.ParseRef(entry)
	if err != nil {
		return nil, fmt.Errorf("read entry point %q: %w", entry, err)
	}
	if len(compiler.GetRulesExact(ref)) == 0 {
		return nil, fmt.Errorf("find entry point %q: no such rule", entry)
	}
	query, err := compiler.QueryCompiler().Compile(question(ref))
	if err != nil {
		return nil, fmt.Errorf("compile entry point %q: %w", entry, err)
	}
	return engine(compiler, query, options), nil
}

// question asks for the value of a rule.
func question(rule ast.Ref) ast.Body {
	return ast.NewBody(ast.Equality.Expr(ast.NewTerm(answer), ast.NewTerm(rule)))
}

func engine(compiler *ast.Compiler, query ast.Body, options []Option) *Engine {
	e := &Engine{compiler: compiler, query: query, limit: DefaultTimeLimit, now: time.Now, metrics: metrics.NoOp(),
		metadata: map[string]any{}, memo: &memo{path: mayRead(compiler.Modules, callPath)},
		store: inmem.NewWithOpts(inmem.OptRoundTripOnWrite(false), inmem.OptReturnASTValuesOnRead(true))}
	for _, o := range options {
		o(e)
	}
	return e
}

func compile(modules map[string]string) (*ast.Compiler, error) {
	allowed := capabilities()
	parsed := make(map[string]*ast.Module, len(modules))
	for name, source := range modules {
		m, err := ast.ParseModuleWithOpts(name, source, ast.ParserOptions{Capabilities: allowed, RegoVersion: ast.RegoV1})
		if err != nil {
			return nil, fmt.Errorf("parse policy: %w", err)
		}
		parsed[name] = m
	}
	compiler := ast.NewCompiler().WithCapabilities(allowed).WithStrict(true).WithDefaultRegoVersion(ast.RegoV1)
	compiler.Compile(parsed)
	if compiler.Failed() {
		return nil, fmt.Errorf("compile policy: %w", compiler.Errors)
	}
	return compiler, nil
}

// answer is the variable that the query binds to the decision.
const answer = ast.Var("answer")

// Decide asks the policy about one input.
//
// On every error the caller denies. The error wraps ctx.Err() if the context has ended, has kind problem.Unavailable if the
// time limit has passed, and is internal otherwise: a built-in function failed, or the policy gave no decision or a
// malformed one (see Verdict).
func (e *Engine) Decide(ctx context.Context, in Input) (v Verdict, err error) {
	if err := ctx.Err(); err != nil {
		return Verdict{}, fmt.Errorf("decide: %w", err)
	}
	if in == nil {
		return Verdict{}, errors.New("decide: no input")
	}
	defer func() {
		if r := recover(); r != nil { // a fault of the evaluator must deny this call and leave the others alone
			v, err = Verdict{}, fmt.Errorf("decide: the evaluator panicked: %v", r)
		}
	}()
	if call, ok := in.(*AccessInput); ok && e.memo != nil {
		var buffer [512]byte
		key := call.key(buffer[:0], e.memo.path)
		if v, ok := e.memo.verdict(key); ok {
			return v, nil
		}
		if v, err = e.ask(ctx, in); err == nil {
			e.memo.keep(key, v)
		}
		return v, err
	}
	return e.ask(ctx, in)
}

// ask evaluates the policy.
func (e *Engine) ask(ctx context.Context, in Input) (Verdict, error) {
	found, err := e.evaluate(ctx, in.term())
	if err != nil {
		return Verdict{}, e.explain(ctx, err)
	}
	return verdict(found)
}

// evaluate gives the one answer to the query, nil if it is undefined.
func (e *Engine) evaluate(ctx context.Context, input *ast.Term) (*ast.Term, error) {
	txn, err := e.store.NewTransaction(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	defer e.store.Abort(ctx, txn)
	started := e.now()
	query := topdown.NewQuery(e.query).WithCompiler(e.compiler).WithStore(e.store).WithTransaction(txn).WithInput(input).
		WithCancel(&deadline{ctx: ctx, now: e.now, until: started.Add(e.limit)}).WithStrictBuiltinErrors(true).
		WithIndexing(false).WithTime(started).WithMetrics(e.metrics).WithRequestMetadata(e.metadata)
	var found *ast.Term
	err = query.Iter(ctx, func(r topdown.QueryResult) error {
		if found != nil {
			return errors.New("the policy gave more than one decision")
		}
		found = r[answer]
		return nil
	})
	return found, err
}

func (e *Engine) explain(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("decide: %w", ended)
	}
	if topdown.IsCancel(err) {
		return problem.Wrap(err, problem.Unavailable, "the policy took longer than %v", e.limit)
	}
	return fmt.Errorf("decide: %w", err)
}
