package strictjson

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"unicode/utf8"

	"sluice/shared/problem"
)

// Schema holds values against one schema, which is read when it is first needed: a cold start reads none.
//
// It knows the keywords of JSON Schema 2020-12 that resources are described with, and refuses any other one, rather than
// pass over a rule. There are no references. A general validator would cost each cold start 5 ms of its own preparation,
// as much as everything else that a function does before its first call.
type Schema struct {
	source json.Marshaler
	once   sync.Once
	rules  *rules
	err    error
}

// NewSchema makes a Schema of one that can be written as JSON Schema 2020-12 without references.
func NewSchema(source json.Marshaler) *Schema { return &Schema{source: source} }

func (v *Schema) compile() {
	text, err := json.Marshal(v.source)
	if err != nil {
		v.err = fmt.Errorf("write schema: %w", err)
		return
	}
	if v.rules, err = readRules(text); err != nil {
		v.err = fmt.Errorf("read schema: %w", err)
	}
}

// Check gives everything that is wrong with a value as Parse gives it; prefix precedes each pointer. The error is ours: a
// schema that cannot be read.
func (v *Schema) Check(value any, prefix string) ([]problem.Fault, error) {
	v.once.Do(v.compile)
	if v.err != nil {
		return nil, fmt.Errorf("compile schema: %w", v.err)
	}
	var c checker
	c.value(v.rules, value, prefix)
	return c.faults, nil
}

// checker collects what is wrong, without repeating what was sent.
type checker struct{ faults []problem.Fault }

func (c *checker) fault(at, format string, args ...any) {
	c.faults = append(c.faults, problem.Fault{Pointer: at, Detail: fmt.Sprintf(format, args...)})
}

// value holds a value against its rules. One of a wrong type, beside an enumeration or of a wrong format is wrong as a whole:
// nothing more is said of it.
func (c *checker) value(r *rules, v any, at string) {
	switch {
	case r.Type != nil && !r.Type.allow(v):
		c.fault(at, "must be %s", r.Type)
		return
	case r.Enum != nil && !slices.ContainsFunc(r.Enum, func(one any) bool { return equal(one, v) }):
		c.fault(at, "must be one of %v", r.Enum)
		return
	}
	switch v := v.(type) {
	case map[string]any:
		c.object(r, v, at)
	case []any:
		c.array(r, v, at)
	case string:
		c.text(r, v, at)
	case json.Number:
		c.number(r, v, at)
	}
}

func (c *checker) object(r *rules, v map[string]any, at string) {
	if r.MaxProperties != nil && len(v) > *r.MaxProperties {
		c.fault(at, "does not fit the schema of this operation")
	}
	for _, name := range r.Required {
		if _, ok := v[name]; !ok {
			c.fault(at+"/"+Escape(name), "is required")
		}
	}
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		here := at + "/" + Escape(name)
		switch member := r.Properties[name]; {
		case member != nil:
			c.value(member, v[name], here)
		case r.AdditionalProperties == nil:
		case r.AdditionalProperties.refused:
			c.fault(here, "is not a known field")
		default:
			c.value(r.AdditionalProperties.rules, v[name], here)
		}
	}
}

func (c *checker) array(r *rules, v []any, at string) {
	if r.MinItems != nil && len(v) < *r.MinItems {
		c.fault(at, "must have at least %d entries", *r.MinItems)
	}
	if r.MaxItems != nil && len(v) > *r.MaxItems {
		c.fault(at, "must have at most %d entries", *r.MaxItems)
	}
	if r.UniqueItems && repeats(v) {
		c.fault(at, "has the same entry twice")
	}
	if r.Items == nil {
		return
	}
	for i, item := range v {
		c.value(r.Items, item, fmt.Sprintf("%s/%d", at, i))
	}
}

func (c *checker) text(r *rules, v, at string) {
	if r.Format == dateTime && !isMoment(v) {
		c.fault(at, "must be a time such as 2026-11-23T19:00:00Z")
		return
	}
	if n := r.MinLength; n != nil && utf8.RuneCountInString(v) < *n {
		c.fault(at, "must have at least %d characters", *n)
	}
	if n := r.MaxLength; n != nil && utf8.RuneCountInString(v) > *n {
		c.fault(at, "must have at most %d characters", *n)
	}
	if p := r.Pattern; p != nil && !p.MatchString(v) {
		if p.String() == `\S` {
			c.fault(at, "must not be empty")
			return
		}
		c.fault(at, "must match %s", p)
	}
}

func (c *checker) number(r *rules, v json.Number, at string) {
	if r.Minimum == nil && r.Maximum == nil {
		return
	}
	n, ok := new(big.Rat).SetString(v.String())
	switch {
	case !ok: // not reached with what Parse gives
		c.fault(at, "must be a number")
	case r.Minimum != nil && n.Cmp(r.Minimum.Rat) < 0:
		c.fault(at, "must be at least %s", r.Minimum.RatString())
	case r.Maximum != nil && n.Cmp(r.Maximum.Rat) > 0:
		c.fault(at, "must be at most %s", r.Maximum.RatString())
	}
}
