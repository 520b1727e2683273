// Package counter says what a store keeps of one limit's counter, how it is changed, and how a change that is asked for again
// is known. It does no I/O.
package counter

import "time"

// State is what the store keeps of one counter, in one item. The zero State is a counter that nobody has called on.
type State struct {
	TAT     int64  // GCRA's theoretical arrival time, ns since the Unix epoch: when the bucket is full again; 0 if never set
	Period  string // calendar period that Used counts in, "2026-11-23" or "2026-11"; "" if never set
	Used    int64  // units charged in Period: spent, on lease, or lost
	Risk    int64  // those of them that nobody has told to be spent: on lease, or lost with an instance
	AheadOf string // the period behind Period, once units near the boundary were charged to both; else ""
	Ahead   int64  // units charged to AheadOf so far

	Seen Seen // what stands in the item beside, for the maker of the step that it answers
}

// Step is one conditional change of a State: it is applied as a whole or not at all. It is made from a guess of the
// State; if the guess was wrong the store answers with the State as it is, and the instance makes a better Step.
//
// At most one of RateAdvance and RateSet is not nil, and at most one of QuotaAdd and QuotaReset.
type Step struct {
	// ID tells a repeated step from a new one: a store that is shown a step again, because its answer was lost, finds the ID
	// in the step's place and does not apply it twice. 0 is never remembered.
	ID Mark
	// Place is where the store leaves the ID, and After the Mark that must be there; see Meets.
	Place       int
	After       Mark
	RateAdvance *RateAdvance
	RateSet     *RateSet
	QuotaAdd    *QuotaAdd
	QuotaReset  *QuotaReset
	Expires     time.Time // when the item may be swept: nothing in it matters any more by then
}

// Empty reports whether the step changes nothing, so that there is nothing to write.
func (s Step) Empty() bool {
	return s.RateAdvance == nil && s.RateSet == nil && s.QuotaAdd == nil && s.QuotaReset == nil
}

// RateAdvance adds By to a TAT that lies in Min..Max (a bucket that is in use): TAT += By. It commutes with others. By is
// negative where a TAT that an earlier, slower plan left behind is cut back.
type RateAdvance struct{ By, Min, Max int64 }

// RateSet starts anew from a bucket that has refilled: TAT = To, where TAT is absent or below Below.
type RateSet struct{ To, Below int64 }

// QuotaAdd adds Units where the stored period is Period and Used is at most Most. It commutes with others. Negative Units
// give back what was charged and not spent.
type QuotaAdd struct {
	Period      string
	Units, Most int64

	// Risk is added to the State's. Where it is more than nothing, the State's must be MostRisk at most before.
	Risk, MostRisk int64

	Ahead *Ahead // charges the same Units to the period behind, too
}

// QuotaReset starts a period: Period = Period, Used = Units, Risk = Risk, where the stored period is From, "" for none.
type QuotaReset struct {
	From, Period string
	Units, Risk  int64

	// Carried says that Units begin with what was charged ahead: then the State's AheadOf must be Period and its Ahead
	// exactly CarriedAhead. Else its AheadOf must be anything but Period.
	Carried      bool
	CarriedAhead int64

	Ahead *Ahead // the new period's Own; else there is none
}

// Ahead charges Units to the period Of, which is the one behind.
type Ahead struct {
	Of          string
	Units, Most int64 // Ahead before, at most
	Fresh       bool  // nothing was charged to Of so far: the State's AheadOf is another
}

// Apply does the step to a State as a store does, and reports whether the State allowed it. It is the meaning of a Step,
// but for repeated ones: stores are tested against it.
func (s Step) Apply(to State) (after State, applied bool) {
	if !s.rateFits(to) || !s.quotaFits(to) || !s.Meets(to.Seen.Mark) {
		return to, false
	}
	after = to
	after.Seen.Mark = s.ID
	if s.RateAdvance != nil {
		after.TAT += s.RateAdvance.By
	}
	if s.RateSet != nil {
		after.TAT = s.RateSet.To
	}
	if a := s.QuotaAdd; a != nil {
		after.Used += a.Units
		after.Risk += a.Risk
		if n := a.Ahead; n != nil && n.Fresh {
			after.AheadOf, after.Ahead = n.Of, n.Units
		} else if n != nil {
			after.Ahead += n.Units
		}
	}
	if r := s.QuotaReset; r != nil {
		after.Period, after.Used, after.Risk, after.AheadOf, after.Ahead = r.Period, r.Units, r.Risk, "", 0
		if r.Ahead != nil {
			after.AheadOf, after.Ahead = r.Ahead.Of, r.Ahead.Units
		}
	}
	return after, true
}

func (s Step) rateFits(to State) bool {
	if r := s.RateAdvance; r != nil && (to.TAT == 0 || to.TAT < r.Min || to.TAT > r.Max) {
		return false
	}
	return s.RateSet == nil || to.TAT < s.RateSet.Below
}

func (s Step) quotaFits(to State) bool {
	if a := s.QuotaAdd; a != nil {
		switch n := a.Ahead; {
		case to.Period != a.Period || to.Used > a.Most, a.Risk > 0 && to.Risk > a.MostRisk:
			return false
		case n != nil && n.Fresh && to.AheadOf == n.Of:
			return false
		case n != nil && !n.Fresh && (to.AheadOf != n.Of || to.Ahead > n.Most):
			return false
		}
	}
	if r := s.QuotaReset; r != nil {
		switch {
		case to.Period != r.From, r.Carried != (to.AheadOf == r.Period):
			return false
		case r.Carried && to.Ahead != r.CarriedAhead:
			return false
		}
	}
	return true
}
