package limit

import (
	"fmt"
	"sluice/shared/limit/counter"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/decision"
)

const (
	dayLayout   = "2006-01-02"
	monthLayout = "2006-01"
)

// allowance is a number of units per calendar period, in UTC.
type allowance struct {
	most   int64
	period catalog.Period
	anchor int // day of the month that a month starts on; 0 and 1 are the calendar's own

	page page // of the calendar, the last one that was looked at
	last struct {
		name string
		end  time.Time
	} // that was asked for by end
}

// page is what the calendar says from one instant to another: the names of the period that it has surely begun by then and of
// the one that it may have begun, and when the latter ends.
type page struct {
	from, to  int64 // ns since the Unix epoch
	skew      time.Duration
	low, high string
	end       time.Time
}

func allowanceOf(l decision.Limit) (allowance, error) {
	known := l.Period == catalog.Day && l.AnchorDay == 0 || l.Period == catalog.Month && l.AnchorDay >= 0 && l.AnchorDay <= 31
	if l.Requests < 1 || !known {
		return allowance{}, fmt.Errorf("the quota %q of %d per %q from day %d cannot be kept", l.Name, l.Requests, l.Period, l.AnchorDay)
	}
	return allowance{most: int64(l.Requests), period: l.Period, anchor: l.AnchorDay}, nil
}

// starts gives the start of the period that the instant lies in.
func (a *allowance) starts(at time.Time) time.Time {
	at = at.UTC()
	y, m, d := at.Date()
	if a.period == catalog.Day {
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	if start := a.in(y, m); !start.After(at) {
		return start
	}
	return a.in(y, m-1)
}

// in gives the day of a month on which the period starts: its last one where it has fewer days than the anchor.
func (a *allowance) in(y int, m time.Month) time.Time {
	first := time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
	days := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, max(1, min(a.anchor, days))-1)
}

// after gives the start of the period behind the one that starts there.
func (a *allowance) after(start time.Time) time.Time {
	if a.period == catalog.Day {
		return start.AddDate(0, 0, 1)
	}
	return a.in(start.Year(), start.Month()+1)
}

// name writes a period by its start; later periods sort behind earlier ones. A calendar month has no day in its name.
func (a *allowance) name(start time.Time) string {
	if a.period == catalog.Month && a.anchor <= 1 {
		return start.Format(monthLayout)
	}
	return start.Format(dayLayout)
}

// end gives the instant at which the period with the name is over and the quota is whole again. The name may be that of an
// earlier plan's period; one that none of us wrote ends a day from now, so that nothing waits for ever.
func (a *allowance) end(name string, now time.Time) time.Time {
	if a.last.name != name || name == "" {
		a.last.name, a.last.end = name, a.ends(name, now)
	}
	return a.last.end
}

func (a *allowance) ends(name string, now time.Time) time.Time {
	if a.period == catalog.Month && a.anchor <= 1 && len(name) > len(monthLayout) {
		name = name[:len(monthLayout)]
	}
	if start, err := time.Parse(monthLayout, name); err == nil {
		return start.AddDate(0, 1, 0)
	}
	if start, err := time.Parse(dayLayout, name); err == nil {
		return a.after(start)
	}
	return now.Add(24 * time.Hour)
}

// look opens the calendar at an instant, as a clock sees it that may be off by the skew.
func (a *allowance) look(now time.Time, skew time.Duration) *page {
	at := now.UnixNano()
	if at >= a.page.from && at < a.page.to && skew == a.page.skew {
		return &a.page
	}
	low, high := a.starts(now.Add(-skew)), a.starts(now.Add(skew))
	p := page{skew: skew, low: a.name(low), high: a.name(high), end: a.after(high)}
	if low.Equal(high) {
		p.from, p.to = low.Add(skew).UnixNano(), p.end.Add(-skew).UnixNano()
	} else {
		p.from, p.to = high.Add(-skew).UnixNano(), high.Add(skew).UnixNano()
	}
	a.page = p
	return &a.page
}

// window is where units are charged at an instant.
type window struct {
	period  string
	used    int64 // charged there so far, as guessed
	fresh   bool  // the period must be opened
	carried bool  // it then begins with what was charged to it ahead
	ahead   string
	charged int64 // to ahead, so far; where ahead is not ""
	until   time.Time
}

// window tells which period units are charged to by a clock that may be off by the skew, and until when that clock may
// spend them.
//
// A period is opened by a clock that is the skew past its start, so it has begun in truth. Until then, from the skew before
// the start, units are charged to the old period and to the new one: whichever they are spent in, they are charged there.
// Periods only go forward: where the State is in a later one, it was opened by a clock that was entitled to, and units are
// charged there. So each period of true time admits its quota at most while clocks are off by no more than the skew; and each
// period as it is counted does so whatever the clocks do.
//
// The month "2026-11" sorts before each of its days: where a plan changes from days to months, the month goes on counting
// from what the day had.
func (a *allowance) window(s counter.State, now time.Time, skew time.Duration) window {
	p := a.look(now, skew)
	from, to := p.low, p.high
	if s.Period >= to {
		return window{period: s.Period, used: s.Used, until: a.end(s.Period, now).Add(-skew)}
	}
	w := window{period: s.Period, used: s.Used, until: p.end.Add(-skew)}
	if s.Period < from {
		w.period, w.used, w.fresh = from, 0, true
		if w.carried = s.AheadOf == from; w.carried {
			w.used = s.Ahead
		}
	}
	if from != to {
		w.ahead = to
		if !w.fresh && s.AheadOf == to {
			w.charged = s.Ahead
		}
	}
	return w
}

// left is how many units the window has.
func (a *allowance) left(w window) int64 {
	left := a.most - w.used
	if w.ahead != "" {
		left = min(left, a.most-w.charged)
	}
	return max(0, left)
}

// charge puts n units into the step, of which risk are not told to be spent; the State's risk may be mostRisk at most before.
func (w window) charge(step *counter.Step, s counter.State, most, n, risk, mostRisk int64) {
	var ahead *counter.Ahead
	if w.ahead != "" {
		ahead = &counter.Ahead{Of: w.ahead, Units: n, Most: most - n, Fresh: w.fresh || s.AheadOf != w.ahead}
	}
	if w.fresh {
		step.QuotaReset = &counter.QuotaReset{From: s.Period, Period: w.period, Units: w.used + n, Risk: max(0, risk),
			Carried: w.carried, CarriedAhead: w.used, Ahead: ahead}
		if !w.carried {
			step.QuotaReset.CarriedAhead = 0
		}
		return
	}
	step.QuotaAdd = &counter.QuotaAdd{Period: w.period, Units: n, Most: most - n, Risk: risk, Ahead: ahead}
	if risk > 0 {
		step.QuotaAdd.MostRisk = mostRisk
	}
}

// Window gives the length of the period of a quota that the instant lies in.
func Window(l decision.Limit, now time.Time) time.Duration {
	a := &allowance{period: l.Period, anchor: l.AnchorDay}
	start := a.starts(now)
	return a.after(start).Sub(start)
}
