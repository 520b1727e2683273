// Package jq runs jq programs (gojq) on JSON values within bounds that do not depend on the machine: steps of jq's machine and
// bytes that it makes are counted, so that the same program has the same end on the same value, wherever it runs.
//
// jq itself has no such bounds, and single operations of it can take gigabytes ("x" * 1e9). So a program is rewritten when it
// is compiled: what makes values is followed by a charge, what can explode is checked before, and of the built-in functions
// only those are there that depend on nothing but their input (no environment, clock, files, modules) and that these checks
// make harmless. Regular expressions must be written out, since gojq keeps every one that it has seen. A step takes a bounded time, but not always a short one: runs want a
// context with a deadline besides.
package jq

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/itchyny/gojq"

	"sluice/shared/contract/mediation/value"
)

// MaxSource is how long a program may be, in bytes.
const MaxSource = 16 << 10

// Limits bound one run.
type Limits struct {
	Steps int // of jq's machine
	Bytes int // that are made in all, counted about as memory is taken
}

// Fault is why a program failed on a value.
type Fault struct {
	Detail    string // holds nothing of the value
	Message   string // what jq says of it, cut: may hold parts of the value
	Exhausted bool   // it used more than it may
}

// Error says it in one line, without anything of the value.
func (f *Fault) Error() string { return f.Detail }

// Program is a compiled program. It is safe for concurrent use.
type Program struct {
	limits  Limits
	runners sync.Pool // of *runner
}

// runner is a program compiled for one run at a time: its functions charge its meter.
type runner struct {
	code  *gojq.Code
	meter *meter
}

// Compile checks a program and makes it ready. The error says what is wrong with it.
func Compile(source string, limits Limits) (p *Program, err error) {
	defer func() {
		if recover() != nil {
			p, err = nil, errors.New("the program is one that cannot be compiled")
		}
	}()
	if len(source) > MaxSource {
		return nil, fmt.Errorf("the program must have at most %d bytes", MaxSource)
	}
	query, err := gojq.Parse(source)
	if err != nil {
		return nil, fmt.Errorf("the program is not jq: %w", err)
	}
	if err := vet(query); err != nil {
		return nil, err
	}
	first, err := compile(query)
	if err != nil {
		return nil, fmt.Errorf("the program does not compile: %w", unprefixed(err))
	}
	p = &Program{limits: limits}
	p.runners.New = func() any {
		r, err := compile(query)
		if err != nil { // it did before
			return err
		}
		return r
	}
	p.runners.Put(first)
	return p, nil
}

// unprefixed tells of a function by the name that its author gave it.
func unprefixed(err error) error { return errors.New(strings.ReplaceAll(err.Error(), own, "")) }

func compile(query *gojq.Query) (*runner, error) {
	m := &meter{}
	options := append(m.functions(), gojq.WithEnvironLoader(func() []string { return nil }))
	code, err := gojq.Compile(query, options...)
	return &runner{code, m}, err
}

// Run gives the one result of a program for a value. The error is a *Fault, or the context's.
func (p *Program) Run(ctx context.Context, v *value.Value) (result *value.Value, err error) {
	r, ok := p.runners.Get().(*runner)
	if !ok {
		return nil, &Fault{Detail: "the program is broken", Exhausted: true}
	}
	r.meter.start(ctx, p.limits)
	defer func() {
		if recover() != nil { // the runner is not used again
			result, err = nil, &Fault{Detail: "jq fails on it", Exhausted: true}
			return
		}
		r.meter.Context = nil
		p.runners.Put(r)
	}()
	iterator := r.code.RunWithContext(r.meter, plain(v))
	one, ok := iterator.Next()
	if !ok {
		return nil, r.fault(ctx, &Fault{Detail: "the program gives no value for it"})
	}
	if failure, is := one.(error); is {
		return nil, r.failed(ctx, failure)
	}
	switch another, more := iterator.Next(); failure := another.(type) {
	case error:
		return nil, r.failed(ctx, failure)
	default:
		if more {
			return nil, r.fault(ctx, &Fault{Detail: "the program gives several values for it"})
		}
	}
	if r.meter.charge(one); r.meter.spent {
		return nil, r.fault(ctx, nil)
	}
	return tree(one)
}

// fault prefers what ended the run from outside.
func (r *runner) fault(ctx context.Context, f *Fault) error {
	if r.meter.spent {
		return &Fault{Detail: "the program needs more steps or memory than it may take", Exhausted: true}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return f
}

func (r *runner) failed(ctx context.Context, err error) error {
	const longest = 300
	message := err.Error()
	if len(message) > longest {
		message = strings.ToValidUTF8(message[:longest], "") + "…"
	}
	return r.fault(ctx, &Fault{Detail: "the program fails on it", Message: message})
}
