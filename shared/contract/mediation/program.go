package mediation

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"sluice/shared/contract/mediation/authentication"
	"sluice/shared/problem"
)

// Limits bound what a program may use for one call. Zero values are the defaults.
type Limits struct {
	BodyBytes int // of a body before and after; 4.5 MiB
	JQSteps   int // of jq's machine; 1,000,000
	JQBytes   int // that jq may make in all; 32 MiB
}

func (l Limits) filled() Limits {
	if l.BodyBytes <= 0 {
		l.BodyBytes = 4<<20 + 1<<19
	}
	if l.JQSteps <= 0 {
		l.JQSteps = 1_000_000
	}
	if l.JQBytes <= 0 {
		l.JQBytes = 32 << 20
	}
	return l
}

// Parts are the parts of a request or an answer. A program changes none of what it is given, and may give back parts of it.
type Parts struct {
	Operation string            // its name in the contract
	Values    map[string]string // of the path, by their names in the contract's template, decoded
	Method    string
	Path      string // escaped, without query
	Query     string // without the question mark
	Header    http.Header
	Body      []byte
	Status    int // of answers
}

// Program is a compiled declaration. It is immutable and safe for concurrent use.
type Program struct {
	limits         Limits
	authentication *authentication.Declaration
	request        side
	response       side
	operations     map[string]*rule
}

type rule struct{ request, response side }

// side is the compiled steps of one direction.
type side []step

// step changes the parts. It may replace what they hold, and changes nothing in place but the header's map.
type step struct {
	name string
	do   func(context.Context, *Parts) *Failure
}

// Compile checks a declaration and makes it ready to run. The program is nil if there are faults; their pointers are into the
// declaration.
func Compile(d Declaration, limits Limits) (*Program, []problem.Fault) {
	c := &compiler{limits: limits.filled()}
	p := &Program{limits: c.limits, authentication: d.Authentication, operations: make(map[string]*rule, len(d.Operations))}
	if d.Authentication != nil {
		c.faults = append(c.faults, d.Authentication.Check("/authentication")...)
	}
	p.request, p.response = c.rule("", d.Request, d.Response)
	for _, name := range slices.Sorted(maps.Keys(d.Operations)) {
		own := d.Operations[name]
		request, response := own.Request, own.Response
		if request == nil {
			request = d.Request
		}
		if response == nil {
			response = d.Response
		}
		r := &rule{}
		r.request, r.response = c.rule("/operations/"+escape(name), request, response)
		p.operations[name] = r
	}
	if len(c.faults) > 0 {
		return nil, c.once()
	}
	return p, nil
}

// Authentication says how calls authenticate to the upstream, or nil.
func (p *Program) Authentication() *authentication.Declaration { return p.authentication }

// Request gives the request that the upstream takes. The error is a *Failure, or the context's.
func (p *Program) Request(ctx context.Context, parts Parts) (Parts, error) {
	return p.run(ctx, p.sides(parts.Operation).request, parts, nil)
}

// Response gives the answer that the contract promises. Parts have the request's operation and values. The error is a
// *Failure, or the context's.
func (p *Program) Response(ctx context.Context, parts Parts) (Parts, error) {
	return p.run(ctx, p.sides(parts.Operation).response, parts, nil)
}

func (p *Program) sides(operation string) rule {
	if r := p.operations[operation]; r != nil {
		return *r
	}
	return rule{p.request, p.response}
}

// observer sees the parts before a step, and gives what is to see them, or the failure, after it.
type observer func(step string, before *Parts) func(after *Parts, f *Failure)

func (p *Program) run(ctx context.Context, s side, parts Parts, see observer) (Parts, error) {
	if len(s) == 0 {
		return parts, nil
	}
	parts.own()
	for _, step := range s {
		if err := ctx.Err(); err != nil {
			return Parts{}, err
		}
		var seen func(*Parts, *Failure)
		if see != nil {
			seen = see(step.name, &parts)
		}
		f := step.do(ctx, &parts)
		if f != nil {
			f.Step = step.name
		}
		if seen != nil {
			seen(&parts, f)
		}
		if f != nil {
			if err := ctx.Err(); err != nil {
				return Parts{}, err
			}
			return Parts{}, f
		}
	}
	return parts, nil
}

// own makes the parts' maps their own. Lists of values are replaced, never changed.
func (p *Parts) own() {
	header := make(http.Header, len(p.Header)+2)
	maps.Copy(header, p.Header)
	p.Header = header
	if p.Values != nil {
		p.Values = maps.Clone(p.Values)
	}
}
