package mediation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sluice/shared/problem"
)

// Bounds of a declaration.
const (
	maxEdits    = 100 // of a list
	maxText     = 1000
	maxStatuses = 20
	maxFaults   = 100
)

// compiler collects what is wrong while it makes steps.
type compiler struct {
	limits Limits
	faults []problem.Fault
}

func (c *compiler) that(ok bool, pointer, format string, args ...any) bool {
	if !ok {
		c.faults = append(c.faults, problem.Fault{Pointer: pointer, Detail: fmt.Sprintf(format, args...)})
	}
	return ok
}

// once gives the faults in order, each once: what is declared for all operations is compiled for several.
func (c *compiler) once() []problem.Fault {
	slices.SortStableFunc(c.faults, func(a, b problem.Fault) int {
		return cmp.Or(strings.Compare(a.Pointer, b.Pointer), strings.Compare(a.Detail, b.Detail))
	})
	c.faults = slices.Compact(c.faults)
	return c.faults[:min(len(c.faults), maxFaults)]
}

// rule makes the steps of both sides. They know of each other: what is to be read of an answer is to be asked for.
func (c *compiler) rule(at string, request, response *Side) (req, res side) {
	if request != nil {
		req = c.request(at+"/request", request)
	}
	if response != nil {
		res = c.response(at+"/response", response)
		if response.Body != nil {
			req = append(req, c.asking(response))
		}
	}
	return req, res
}

func (c *compiler) request(at string, s *Side) (steps side) {
	if s.Path != nil {
		steps = append(steps, step{"path", c.path(at+"/path", s.Path)})
	}
	if len(s.Query) > 0 {
		steps = append(steps, step{"query", c.query(at+"/query", s.Query)})
	}
	if len(s.Headers) > 0 {
		steps = append(steps, step{"headers", c.headers(at+"/headers", s.Headers, OfCaller)})
	}
	if s.Body != nil {
		c.that(s.Body.Statuses == nil, at+"/body/statuses", "a request has no status")
		steps = append(steps, step{"body", c.body(at+"/body", s.Body, OfCaller)})
	}
	return steps
}

func (c *compiler) response(at string, s *Side) (steps side) {
	c.that(s.Path == nil, at+"/path", "an answer has no path")
	c.that(s.Query == nil, at+"/query", "an answer has no query")
	if len(s.Headers) > 0 {
		steps = append(steps, step{"headers", c.headers(at+"/headers", s.Headers, OfUpstream)})
	}
	if s.Body != nil {
		steps = append(steps, step{"body", c.body(at+"/body", s.Body, OfUpstream)})
	}
	return steps
}

func escape(name string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(name) }
