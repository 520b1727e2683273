package audit

import "fmt"

// keep is how many violations are told in full.
const keep = 10

// Rule is what a violation is against.
type Rule string

// The rules.
const (
	Quota    Rule = "more than the quota"
	Rate     Rule = "more than the rate"
	Waste    Rule = "less than 99 % of the quota"
	Settled  Rule = "the store counts otherwise"
	Disorder Rule = "the log is out of order"
)

// Violation is one entry, or one period, that breaks a rule.
type Violation struct {
	Rule    Rule
	At      int64 // true time, ns since the Unix epoch
	Call    uint64
	Counter string
	Detail  string
}

// String writes a violation on one line.
func (v Violation) String() string {
	return fmt.Sprintf("%s: %s, call %d at %s: %s", v.Rule, v.Counter, v.Call, stamp(v.At), v.Detail)
}

// Findings is what an audit found. Units are units of cost, one entry each counter of a call.
type Findings struct {
	Admitted, Refused, Died int64 // units
	Over                    int64 // units admitted beyond a quota or a rate: none, if promise 3 holds
	Violations              int64
	Against                 map[Rule]int64 // violations
	First                   []Violation    // the first few of them

	Periods     int64   // in which a consumer kept asking, so that promise 4 is about them
	WorstUse    float64 // the least used of them, with what the package comment counts as used; 1 if there was none
	WorstRawUse float64 // likewise, from what was admitted alone

	Writes     int64 // that the store was asked for
	PeakWrites int   // the most of them within a second on one item
}

// Join adds the findings of another audit.
func (f *Findings) Join(o Findings) {
	f.Admitted, f.Refused, f.Died, f.Over = f.Admitted+o.Admitted, f.Refused+o.Refused, f.Died+o.Died, f.Over+o.Over
	f.Violations, f.Periods, f.Writes = f.Violations+o.Violations, f.Periods+o.Periods, f.Writes+o.Writes
	for rule, n := range o.Against {
		if f.Against == nil {
			f.Against = map[Rule]int64{}
		}
		f.Against[rule] += n
	}
	f.First = append(f.First, o.First[:min(len(o.First), keep-min(keep, len(f.First)))]...)
	f.WorstUse, f.WorstRawUse = min(f.WorstUse, o.WorstUse), min(f.WorstRawUse, o.WorstRawUse)
	f.PeakWrites = max(f.PeakWrites, o.PeakWrites)
}
