package audit

import (
	"fmt"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/decision"
)

// period is how a quota's time is cut: into days, or into months that begin on a day of the month.
type period struct {
	month bool
	day   int // 1..31; in a shorter month its last day
}

func periodOf(l decision.Limit) (period, error) {
	switch {
	case l.Period == catalog.Day && l.AnchorDay == 0:
		return period{}, nil
	case l.Period == catalog.Month && l.AnchorDay >= 0 && l.AnchorDay <= 31:
		return period{true, max(1, l.AnchorDay)}, nil
	}
	return period{}, fmt.Errorf("the quota %q of %d per %q from day %d cannot be counted", l.Name, l.Requests, l.Period, l.AnchorDay)
}

// around gives the period that an instant lies in: from start until before end.
func (p period) around(at int64) (start, end int64) {
	if !p.month {
		const day = int64(24 * time.Hour)
		start = at - (at%day+day)%day
		return start, start + day
	}
	t := time.Unix(0, at).UTC()
	begin := p.begin(t.Year(), t.Month())
	if begin > at {
		return p.begin(t.Year(), t.Month()-1), begin
	}
	return begin, p.begin(t.Year(), t.Month()+1)
}

// begin gives the instant at which the period of a month begins.
func (p period) begin(year int, month time.Month) int64 {
	first := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
	length := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(p.day, length)-1).UnixNano()
}

// tally counts one quota of a counter: the period that the log is in, and the one before it until nothing more can be charged to it.
type tally struct {
	period     period
	here, past count
}

// count is what became of the calls of one period.
type count struct {
	start, end int64
	admitted   int64
	excused    int64 // charged here and spent elsewhere, as the package comment has it
	doubted    int64 // perhaps charged here, which an instance cannot tell
	told, when int64 // no longer doubted, since its instance learnt of it
	open       int64 // doubted when the last call was refused
	lent       int64 // that may be admitted beyond the quota
	late       int64 // admitted within the skew before the end
	refused    bool  // the last call was
	most       int64 // in force for it
	cost       int64 // of it
	at         int64
	call       uint64
}

// tally takes an entry of a counter with a quota.
func (a *Auditor) tally(c *counter, t *terms, e Entry) {
	near := 2 * int64(a.rules.Skew)
	q := a.turn(c, t, e.At, near)
	switch e.Fate {
	case Admitted:
		a.count(c, q, t, e, near)
	case OverQuota:
		if e.At >= q.here.start+near { // earlier, the clocks need not agree that the period has begun
			q.here.refused, q.here.most, q.here.cost, q.here.at, q.here.call = true, t.most, e.Cost, e.At, e.Call
			if q.here.open = q.here.doubted; e.At-q.here.when < int64(settling) {
				q.here.open += q.here.told
			}
		}
	case Died:
		q.here.excused += e.Cost
		if e.At < q.here.start+near {
			q.past.excused += e.Cost
		}
	case OverRate:
	}
}

// turn gives the tally that an instant is counted in.
func (a *Auditor) turn(c *counter, t *terms, at, near int64) *tally {
	q := c.quota(t.period)
	if at >= q.here.end {
		a.judge(c, &q.past)
		late := q.here.late
		q.past = q.here
		start, end := t.period.around(at)
		q.here = count{start: start, end: end}
		if q.past.end == start {
			q.here.excused = late
		}
	}
	if q.past.end != 0 && at >= q.past.end+near {
		a.judge(c, &q.past)
	}
	return q
}

// settling is how long an instance that learns at last what it was charged for calls that have gone may take to give it back.
const settling = 2 * time.Second

// Doubt takes that an instance does not know whether more units were charged, or fewer, since the store did not answer it.
// As long as it does not it may as well be dead: what is in doubt when a period's last call is refused, or when it is over,
// counts as used.
func (a *Auditor) Doubt(at int64, item, terms int, units int64) {
	t := &a.terms[terms]
	if t.most == 0 {
		return
	}
	q := a.turn(&a.counters[item], t, at, 2*int64(a.rules.Skew))
	p := &q.here
	if p.doubted+units < 0 {
		p = &q.past
	}
	if p.doubted = max(0, p.doubted+units); units < 0 {
		if at-p.when >= int64(settling) {
			p.told = 0
		}
		p.told, p.when = p.told-units, at
	}
}

// Lend takes that units more than the quota may be admitted in the present period: the overdrafts of an outage.
func (a *Auditor) Lend(at int64, item, terms int, units int64) {
	t := &a.terms[terms]
	a.turn(&a.counters[item], t, at, 2*int64(a.rules.Skew)).here.lent += units
}

// Settle holds what the store has counted in the present period, once everybody has told it, against the log.
func (a *Auditor) Settle(at int64, item, terms int, used int64) {
	c := &a.counters[item]
	if p := a.turn(c, &a.terms[terms], at, 2*int64(a.rules.Skew)).here; p.admitted != used {
		a.fault(Violation{Rule: Settled, At: at, Counter: c.name, Detail: fmt.Sprintf(
			"%d used, with %d admitted since %s", used, p.admitted, stamp(p.start))})
	}
}

// count takes an admitted entry of the present period.
func (a *Auditor) count(c *counter, q *tally, t *terms, e Entry, near int64) {
	h := &q.here
	if h.admitted+e.Cost > t.most+h.lent {
		a.found.Over += e.Cost
		a.fault(Violation{Rule: Quota, At: e.At, Call: e.Call, Counter: c.name, Detail: fmt.Sprintf(
			"unit %d of %d since %s", h.admitted+e.Cost, t.most, stamp(h.start))})
	}
	h.admitted += e.Cost
	h.refused = false
	if e.At >= h.end-near {
		h.late += e.Cost
	}
	if e.At < h.start+near && q.past.end == h.start {
		q.past.excused += e.Cost
	}
}

// judge holds a period that is over against promise 4.
func (a *Auditor) judge(c *counter, p *count) {
	done := *p
	*p = count{}
	if !done.refused {
		return
	}
	a.found.Periods++
	used := done.admitted + done.excused + max(done.open, done.doubted) + done.cost - 1
	use := min(1, float64(used)/float64(done.most))
	a.found.WorstUse = min(a.found.WorstUse, use)
	a.found.WorstRawUse = min(a.found.WorstRawUse, float64(done.admitted)/float64(done.most))
	short := done.most-used > done.most/100
	if a.rules.Exact {
		short = used < done.most
	}
	if short {
		a.fault(Violation{Rule: Waste, At: done.at, Call: done.call, Counter: c.name, Detail: fmt.Sprintf(
			"a call of cost %d is refused, with %d of %d admitted since %s, and %d excused", done.cost, done.admitted, done.most, stamp(done.start), done.excused+max(done.open, done.doubted))})
	}
}

func (c *counter) quota(p period) *tally {
	for i := range c.quotas {
		if c.quotas[i].period == p {
			return &c.quotas[i]
		}
	}
	c.quotas = append(c.quotas, tally{period: p})
	return &c.quotas[len(c.quotas)-1]
}
