// Package audit holds a log of calls against promises 3 and 4. It knows nothing of how limits are kept: it is told, in the
// order of true time, what became of each call, what the call cost and which limits its decision named, and counts anew.
//
// It checks
//
//   - of each quota and each calendar period of true time: admitted ≤ limit;
//   - of each rate and all t1 ≤ t2: admitted(t1, t2) ≤ burst + rate × (t2 − t1 + slack), exactly;
//   - of each period in which a consumer kept asking, which is one whose last call the quota refused: admitted ≥ 99 % of
//     the quota, where these count as used: the cost of calls that died, or gave up, while they waited for a write; what an
//     instance that is frozen or ended could not learn to be charged for calls that waited; what was
//     admitted in the other period within twice the clocks' skew of a boundary, since it is charged to both; and what is
//     less than the cost of the refused call;
//   - of each item of the store: the most writes within any one second.
//
// Memory is bounded by the number of counters, limits and writes in a second. An Auditor is not safe for concurrent use.
package audit

import (
	"fmt"
	"time"

	"sluice/shared/decision"
)

// Fate is what became of a call.
type Fate uint8

// The fates. A call that stands at several counters has one entry for each of them.
const (
	Admitted  Fate = iota // it was sent on
	OverRate              // refused by the counter's rate, and not sent on
	OverQuota             // refused by the counter's quota, and not sent on
	Died                  // neither: its instance ended, or it gave up, between its write and its way on
)

// Entry is what became of a call at one counter.
type Entry struct {
	At      int64 // true time, ns since the Unix epoch
	Call    uint64
	Cost    int64
	Counter int // as Counter numbers them
	Terms   int // the limits in force for the call, as Terms numbers them
	Fate    Fate
}

// Rules is what promises 3 and 4 leave to be said.
type Rules struct {
	Slack time.Duration // how much longer than t2 − t1 a rate may count: a lease's life and twice the skew
	Skew  time.Duration // how far a clock may be off
	Exact bool          // nothing dies and all is given back: all of a quota must be used, not just 99 % of it
}

// Auditor checks a log as it is written.
type Auditor struct {
	rules    Rules
	terms    []terms
	counters []counter
	last     int64
	found    Findings
}

// counter is what is counted at one counter.
type counter struct {
	name   string
	rates  []leak
	quotas []tally
	writes window
}

// New makes an Auditor of an empty log.
func New(r Rules) *Auditor {
	return &Auditor{rules: r, found: Findings{WorstUse: 1, WorstRawUse: 1, Against: map[Rule]int64{}}}
}

// Counter gives a counter its number.
func (a *Auditor) Counter(name string) int {
	a.counters = append(a.counters, counter{name: name})
	return len(a.counters) - 1
}

// Terms gives a list of limits its number. Limits in shadow mode are not checked: they refuse nothing. It fails if they
// cannot be counted exactly.
func (a *Auditor) Terms(limits []decision.Limit) (int, error) {
	t, err := termsOf(limits, a.rules.Slack)
	if err != nil {
		return 0, err
	}
	a.terms = append(a.terms, t)
	return len(a.terms) - 1, nil
}

// Add takes an entry. Entries come in the order of true time; one that does not is a fault of the log.
func (a *Auditor) Add(e Entry) {
	if e.At < a.last {
		a.fault(Violation{Rule: Disorder, At: e.At, Call: e.Call, Counter: a.counters[e.Counter].name,
			Detail: fmt.Sprintf("an entry of %s comes after one of %s", stamp(e.At), stamp(a.last))})
		return
	}
	a.last = e.At
	c, t := &a.counters[e.Counter], &a.terms[e.Terms]
	switch e.Fate {
	case Admitted:
		a.found.Admitted += e.Cost
	case OverRate, OverQuota:
		a.found.Refused += e.Cost
	case Died:
		a.found.Died += e.Cost
	}
	if t.rate.window > 0 && e.Fate == Admitted {
		a.pour(c, t, e)
	}
	if t.most > 0 {
		a.tally(c, t, e)
	}
}

// Written takes a write that the store was asked for, of an item that has a counter's number.
func (a *Auditor) Written(at int64, item int) {
	a.found.Writes++
	w := &a.counters[item].writes
	a.found.PeakWrites = max(a.found.PeakWrites, w.add(at))
}

// Finish judges the periods that are over at an instant, and gives all that was found.
func (a *Auditor) Finish(at int64) Findings {
	for i := range a.counters {
		c := &a.counters[i]
		for q := range c.quotas {
			a.judge(c, &c.quotas[q].past)
			if c.quotas[q].here.end <= at {
				a.judge(c, &c.quotas[q].here)
			}
		}
	}
	return a.found
}

func (a *Auditor) fault(v Violation) {
	a.found.Violations++
	a.found.Against[v.Rule]++
	if len(a.found.First) < keep {
		a.found.First = append(a.found.First, v)
	}
}

func stamp(at int64) string { return time.Unix(0, at).UTC().Format("2006-01-02T15:04:05.000000000Z") }
