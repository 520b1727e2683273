package jq

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"strings"

	"github.com/itchyny/gojq"
)

// The names of functions that only rewriting calls. A program cannot: it may call what is allowed, and its own.
const (
	charge = "__charge" // charges for its input
	place  = "__place"  // refuses places far behind the end of any array
	short  = "__short"  // refuses long texts
	small  = "__small"  // refuses values of many parts
	pair   = "__pair"   // the two sides of * or -, if the result is no explosion
	joined = "__join"   // join, counted before
)

// Bounds of single operations that jq does in one step.
const (
	maxPlace   = 100_000
	maxShort   = 8 << 10   // bytes of a text that a regular expression is held against: gojq's work grows with the square
	maxSmall   = 1000      // values within one that is searched for or in
	maxProduct = 1_000_000 // comparisons of a difference of arrays
	maxDigits  = 10_000    // bits of a whole number
)

// What a value is charged, in bytes: about what it takes.
const (
	scalarBytes = 16
	arrayBytes  = 24
	objectBytes = 48
	memberBytes = 48
)

// meter is the context of a run: jq asks it before each step whether to go on.
type meter struct {
	context.Context //nolint:containedctx // it is the run's own
	steps, bytes    int
	spent           bool
	stop            chan struct{}
}

func (m *meter) start(ctx context.Context, l Limits) {
	m.Context, m.steps, m.bytes, m.spent = ctx, l.Steps, l.Bytes, false
	m.stop = nil
}

// Done is asked once a step.
func (m *meter) Done() <-chan struct{} {
	if m.steps--; m.steps < 0 {
		m.spent = true
	}
	if !m.spent {
		return m.Context.Done()
	}
	if m.stop == nil {
		m.stop = make(chan struct{})
		close(m.stop)
	}
	return m.stop
}

// Err is why Done is done.
func (m *meter) Err() error {
	if m.spent {
		return errSpent
	}
	return m.Context.Err()
}

var errSpent = errors.New("more steps or memory than allowed")

// spend takes bytes, and reports whether they were there.
func (m *meter) spend(n int) bool {
	if m.bytes -= n; m.bytes < 0 {
		m.spent = true
	}
	return !m.spent
}

// charge takes what a value and all in it needs, though parts of it may be shared: whoever writes it writes all.
func (m *meter) charge(v any) bool {
	switch v := v.(type) {
	case string:
		return m.spend(scalarBytes + len(v))
	case json.Number:
		return m.spend(scalarBytes + len(v))
	case *big.Int:
		if v.BitLen() > maxDigits {
			m.spent = true
		}
		return m.spend(scalarBytes + v.BitLen()/8)
	case []any:
		if !m.spend(arrayBytes) {
			return false
		}
		for _, item := range v {
			if !m.charge(item) {
				return false
			}
		}
		return true
	case map[string]any:
		if !m.spend(objectBytes) {
			return false
		}
		for name, item := range v {
			if !m.spend(memberBytes+len(name)) || !m.charge(item) {
				return false
			}
		}
		return true
	}
	return m.spend(scalarBytes)
}

// functions are those that rewriting calls.
func (m *meter) functions() []gojq.CompilerOption {
	check := func(ok func(any) bool) func(any, []any) any {
		return func(v any, _ []any) any {
			if !ok(v) {
				m.spent = true
				return errSpent
			}
			return v
		}
	}
	return []gojq.CompilerOption{
		gojq.WithFunction(charge, 0, 0, check(m.charge)),
		gojq.WithFunction(place, 0, 0, check(near)),
		gojq.WithFunction(short, 0, 0, check(func(v any) bool { s, is := v.(string); return !is || len(s) <= maxShort })),
		gojq.WithFunction(small, 0, 0, check(func(v any) bool { left := maxSmall; return fits(v, &left) })),
		gojq.WithFunction(pair, 2, 2, func(_ any, sides []any) any {
			if !m.harmless(sides[0], sides[1]) || !m.harmless(sides[1], sides[0]) {
				m.spent = true
				return errSpent
			}
			return []any{sides[0], sides[1]}
		}),
		gojq.WithFunction(joined, 1, 1, m.join),
	}
}

// near reports whether a place, or each of a path, is one that an array can have without growing beyond reason.
func near(v any) bool {
	switch v := v.(type) {
	case []any:
		for _, step := range v {
			if !near(step) {
				return false
			}
		}
		return true
	case map[string]any: // a slice's bounds
		return near(v["start"]) && near(v["end"])
	}
	n, is := gojq.ToInt(v)
	return !is || n <= maxPlace
}

// fits counts the values in a value, a long text as several.
func fits(v any, left *int) bool {
	*left--
	switch v := v.(type) {
	case string:
		*left -= len(v) / maxShort
	case []any:
		for _, item := range v {
			if *left < 0 || !fits(item, left) {
				return false
			}
		}
	case map[string]any:
		for _, item := range v {
			if *left < 0 || !fits(item, left) {
				return false
			}
		}
	}
	return *left >= 0
}

// harmless reports whether a repeated text is not too long, and a difference of arrays not too much work.
func (m *meter) harmless(a, b any) bool {
	switch a := a.(type) {
	case string:
		if n, is := gojq.ToFloat64(b); is {
			return !(n*float64(len(a)) > float64(m.bytes))
		}
	case []any:
		if b, is := b.([]any); is {
			return len(a)*len(b) <= maxProduct
		}
	}
	return true
}

// join is jq's join, charged before it is done.
func (m *meter) join(v any, args []any) any {
	list, is := v.([]any)
	if !is {
		return errors.New("join: the input must be an array")
	}
	between, is := args[0].(string)
	if !is && len(list) > 0 {
		return errors.New("join: what stands between must be a string")
	}
	texts := make([]string, len(list))
	for i, item := range list {
		switch item := item.(type) {
		case nil:
		case string:
			texts[i] = item
		case []any, map[string]any:
			return errors.New("join: an item is an array or an object")
		default:
			text, err := gojq.Marshal(item)
			if err != nil {
				return err
			}
			texts[i] = string(text)
		}
		if !m.spend(len(texts[i]) + len(between)) {
			return errSpent
		}
	}
	return strings.Join(texts, between)
}
