package limit

import (
	"fmt"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/decision"
)

const (
	dayLayout   = "2006-01-02"
	monthLayout = "2006-01"
)

// allowance is a number of calls per calendar period, in UTC.
type allowance struct {
	most   int64
	period catalog.Period
}

func allowanceOf(l decision.Limit) (allowance, error) {
	if l.Requests < 1 || (l.Period != catalog.Day && l.Period != catalog.Month) {
		return allowance{}, fmt.Errorf("the quota %q of %d per %q cannot be kept", l.Name, l.Requests, l.Period)
	}
	return allowance{int64(l.Requests), l.Period}, nil
}

// name writes the period that the instant lies in; later periods sort behind earlier ones.
func (a allowance) name(now time.Time) string {
	if a.period == catalog.Month {
		return now.UTC().Format(monthLayout)
	}
	return now.UTC().Format(dayLayout)
}

// spent tells which period a call counts in, how much of it is used, and whether that period is new to the State.
//
// Periods only ever go forward: where the State is already in a later one than our clock, ours runs behind and the call
// counts in the later one. So no clock can open a period twice, and each period, as it is counted, admits its quota at most.
// The month "2026-11" sorts before each of its days: where a plan changes from days to months, the month goes on counting from
// what the day had.
func (a allowance) spent(s State, now time.Time) (period string, used int64, fresh bool) {
	period = a.name(now)
	if s.Period >= period {
		return s.Period, s.Used, false
	}
	return period, 0, true
}

// end gives the instant at which the period is over and the quota is whole again.
func (a allowance) end(period string, now time.Time) time.Time {
	if a.period == catalog.Month && len(period) > len(monthLayout) {
		period = period[:len(monthLayout)]
	}
	return endOf(period, now)
}

// endOf gives the end of a period by its name. A name that none of us wrote ends a day from now: nothing waits for ever.
func endOf(period string, now time.Time) time.Time {
	if at, err := time.Parse(monthLayout, period); err == nil {
		return at.AddDate(0, 1, 0)
	}
	if at, err := time.Parse(dayLayout, period); err == nil {
		return at.AddDate(0, 0, 1)
	}
	return now.Add(24 * time.Hour)
}

// Window gives the length of the calendar period that the instant lies in.
func Window(p catalog.Period, now time.Time) time.Duration {
	a := allowance{period: p}
	end := a.end(a.name(now), now)
	if p == catalog.Month {
		return end.Sub(end.AddDate(0, -1, 0))
	}
	return 24 * time.Hour
}
