package limit

import "time"

// State is what the store keeps of the limits of one subscription, in one item. The zero State is a subscription that
// has never called.
type State struct {
	TAT    int64  // GCRA's theoretical arrival time, ns since the Unix epoch: when the bucket is full again; 0 if never set
	Period string // calendar period that Used counts in, "2026-11-23" or "2026-11"; "" if never set
	Used   int64  // calls admitted in Period
}

// Step is one conditional change of a State: it is applied as a whole or not at all. It is made from a guess of the
// State; if the guess was wrong the store answers with the State as it is, and the caller makes a better Step.
//
// At most one of RateAdvance and RateSet is not nil, and at most one of QuotaAdd and QuotaReset.
type Step struct {
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

// QuotaAdd adds Units where the stored period is Period and Used is at most Most. It commutes with others.
type QuotaAdd struct {
	Period      string
	Units, Most int64
}

// QuotaReset starts a period: Period = Period, Used = Units, where the stored period is absent or sorts before Period.
type QuotaReset struct {
	Period string
	Units  int64
}

// Apply does the step to a State as a store does, and reports whether the State allowed it. It is the meaning of a Step:
// stores are tested against it.
func (s Step) Apply(to State) (after State, applied bool) {
	switch r, set := s.RateAdvance, s.RateSet; {
	case r != nil && (to.TAT == 0 || to.TAT < r.Min || to.TAT > r.Max):
		return to, false
	case set != nil && to.TAT >= set.Below:
		return to, false
	}
	switch a, r := s.QuotaAdd, s.QuotaReset; {
	case a != nil && (to.Period != a.Period || to.Used > a.Most):
		return to, false
	case r != nil && to.Period >= r.Period:
		return to, false
	}
	after = to
	if s.RateAdvance != nil {
		after.TAT += s.RateAdvance.By
	}
	if s.RateSet != nil {
		after.TAT = s.RateSet.To
	}
	if s.QuotaAdd != nil {
		after.Used += s.QuotaAdd.Units
	}
	if s.QuotaReset != nil {
		after.Period, after.Used = s.QuotaReset.Period, s.QuotaReset.Units
	}
	return after, true
}
