package lens

import (
	"context"
	"fmt"
	"math/rand/v2"

	"sluice/shared/contract/mediation/value"
)

// Law is one that a lens must keep.
type Law string

// The laws.
const (
	UpSucceeds   Law = "up_succeeds"   // up maps each request that the old contract allows
	UpAccepted   Law = "up_accepted"   // the new contract accepts what up gives
	RoundTrip    Law = "round_trip"    // down(up(x)) = x
	DownSucceeds Law = "down_succeeds" // down maps each answer that the new contract allows
	DownAccepted Law = "down_accepted" // the old contract accepts what down gives
)

// Validator says why a contract does not accept a value, or nil. A nil Validator accepts all.
type Validator func(*value.Value) error

// Values are those that laws are tested on.
type Values struct {
	Examples []*value.Value
	Generate func(*rand.Rand) *value.Value // of the contract; nil: from the examples and the maps
}

// Subject is what a lens is tested against.
type Subject struct {
	OldRequest, NewRequest Validator
	NewAnswer, OldAnswer   Validator
	Requests               Values // as the old contract has them
	Answers                Values // as the new one has them
}

// Options say how long to test.
type Options struct {
	Values    int    // generated ones, for requests and for answers each
	Seed      uint64 // the same gives the same values
	MostFound int    // counterexamples; 0 is 10
}

// Counterexample is a value for which a law does not hold, made as small as was found.
type Counterexample struct {
	Law     Law          `json:"law"`
	Detail  string       `json:"detail"`
	Input   *value.Value `json:"-"`
	Output  *value.Value `json:"-"`       // what came of it; nil if nothing
	Example int          `json:"example"` // the example's index, or -1
	Seed    [2]uint64    `json:"seed"`    // of a generated value: Generate with rand.NewPCG of these gives it
	Found   *value.Value `json:"-"`       // before it was made smaller
}

// Report is what a test came to.
type Report struct {
	Requests        int // values that were tested
	Answers         int
	Broken          int // values that break a law: those of one cause are told once
	Unfit           int // values that were generated and that the contract does not allow
	Counterexamples []Counterexample
	Exhaustive      bool // false if the most counterexamples were found, or the time was up, before all values were tried
}

// OK reports whether no law was broken, and anything was tried at all.
func (r *Report) OK() bool { return len(r.Counterexamples) == 0 && r.Exhaustive }

// Check tests the laws. Values of which nothing is known, neither example nor contract, are not tested, and none are reported. Each law with each cause is told once. The error is the context's; the report is what was found so far.
func (l *Lens) Check(ctx context.Context, s Subject, o Options) (Report, error) {
	if o.MostFound <= 0 {
		o.MostFound = 10
	}
	t := &test{options: o, seen: make(map[string]bool)}
	if err := t.side(ctx, s.Requests, s.OldRequest, l.upLaws(s), newGenerator(l.up, s.Requests.Examples), 0); err != nil {
		return t.report, err
	}
	t.report.Requests, t.report.Answers = t.tried, 0
	t.tried = 0
	err := t.side(ctx, s.Answers, s.NewAnswer, l.downLaws(s), newGenerator(l.down, s.Answers.Examples), 1)
	t.report.Answers = t.tried
	t.report.Exhaustive = err == nil && len(t.report.Counterexamples) < o.MostFound
	return t.report, err
}

// broken says which law a value breaks, and how. Law is "" if none.
type broken struct {
	law    Law
	detail string
	output *value.Value
}

type laws func(*value.Value) broken

func (l *Lens) upLaws(s Subject) laws {
	return func(x *value.Value) broken {
		up, err := l.Up(x)
		if err != nil {
			return broken{law: UpSucceeds, detail: err.Error()}
		}
		if s.NewRequest != nil {
			if err := s.NewRequest(up); err != nil {
				return broken{UpAccepted, err.Error(), up}
			}
		}
		if !l.invertible {
			return broken{}
		}
		back, err := l.Down(up)
		if err != nil {
			return broken{RoundTrip, err.Error(), up}
		}
		if !value.Equal(back, x) {
			return broken{RoundTrip, "what comes back is not what was sent at " + difference(x, back), back}
		}
		return broken{}
	}
}

func (l *Lens) downLaws(s Subject) laws {
	return func(y *value.Value) broken {
		down, err := l.Down(y)
		if err != nil {
			return broken{law: DownSucceeds, detail: err.Error()}
		}
		if s.OldAnswer != nil {
			if err := s.OldAnswer(down); err != nil {
				return broken{DownAccepted, err.Error(), down}
			}
		}
		return broken{}
	}
}

// test is one under way.
type test struct {
	options Options
	report  Report
	tried   int
	seen    map[string]bool // laws and causes that were told
}

// side tests the values of one direction; stream tells its seeds from the other's.
func (t *test) side(ctx context.Context, v Values, allowed Validator, holds laws, own *generator, stream uint64) error {
	for i, x := range v.Examples {
		t.one(x, allowed, holds, i, [2]uint64{})
	}
	generate := v.Generate
	if generate == nil && len(v.Examples) == 0 && allowed == nil { // nothing is known of them
		return nil
	}
	if generate == nil {
		generate = own.value
	}
	for i := range t.options.Values {
		if i%256 == 0 && ctx.Err() != nil {
			return fmt.Errorf("test the lens: %w", ctx.Err())
		}
		if len(t.report.Counterexamples) >= t.options.MostFound {
			return nil
		}
		seed := [2]uint64{t.options.Seed, uint64(i)<<1 | stream}
		x := generate(rand.New(rand.NewPCG(seed[0], seed[1]))) //nolint:gosec // it is to be reproducible
		t.one(x, allowed, holds, -1, seed)
	}
	return nil
}

// one tests one value. An example that its own contract does not allow is tested all the same: it is what people copy.
func (t *test) one(x *value.Value, allowed Validator, holds laws, example int, seed [2]uint64) {
	if x == nil || example < 0 && allowed != nil && allowed(x) != nil {
		t.report.Unfit++
		return
	}
	t.tried++
	b := holds(x)
	if b.law == "" {
		return
	}
	t.report.Broken++
	if len(t.report.Counterexamples) >= t.options.MostFound || !t.first(b) {
		return
	}
	same := func(y *value.Value) (broken, bool) {
		if allowed != nil && allowed(y) != nil {
			return broken{}, false
		}
		other := holds(y)
		return other, other.law == b.law
	}
	cause := b.detail
	small, b := shrink(x, b, same)
	if b.detail != cause && !t.first(b) {
		return
	}
	t.report.Counterexamples = append(t.report.Counterexamples, Counterexample{b.law, b.detail, small, b.output, example, seed, x})
}

// first reports whether a law was not told to be broken in this way before.
func (t *test) first(b broken) bool {
	key := string(b.law) + " " + b.detail
	if t.seen[key] {
		return false
	}
	t.seen[key] = true
	return true
}

// difference is a pointer to a place where two values differ; * stands for an item, so that each place has one name.
func difference(a, b *value.Value) string {
	switch {
	case a.Kind == value.Array && b.Kind == value.Array && len(a.Items) == len(b.Items):
		for i, item := range a.Items {
			if !value.Equal(item, b.Items[i]) {
				return "/*" + difference(item, b.Items[i])
			}
		}
	case a.Kind == value.Object && b.Kind == value.Object:
		for _, m := range a.Members {
			other := b.Get(m.Name)
			if other == nil {
				return "/" + m.Name
			}
			if !value.Equal(m.Value, other) {
				return "/" + m.Name + difference(m.Value, other)
			}
		}
		for _, m := range b.Members {
			if a.Get(m.Name) == nil {
				return "/" + m.Name
			}
		}
	}
	return ""
}
