package limit_test

import (
	"testing"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/limit"
	"sluice/shared/limit/counter"
)

func TestAPeriodStartsOnItsAnchorDayOrTheLastDayOfAShorterMonth(t *testing.T) {
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		anchor     int
		at         time.Time
		ends       time.Time
		start      string
		daysWindow int
	}{
		"the calendar's month":                  {0, noon, day(2026, 12, 1), "2026-11", 30},
		"its first day is the calendar's":       {1, noon, day(2026, 12, 1), "2026-11", 30},
		"the 17th, after it":                    {17, noon, day(2026, 12, 17), "2026-11-17", 30},
		"the 24th, the day before":              {24, noon, day(2026, 11, 24), "2026-10-24", 31},
		"the 23rd, on the day":                  {23, noon, day(2026, 12, 23), "2026-11-23", 30},
		"the 31st in November":                  {31, noon, day(2026, 11, 30), "2026-10-31", 30},
		"the 31st from the last of February":    {31, day(2027, 3, 1), day(2027, 3, 31), "2027-02-28", 31},
		"the 30th in a leap year":               {30, day(2028, 2, 29), day(2028, 3, 30), "2028-02-29", 30},
		"the 31st over the year":                {31, day(2027, 1, 1), day(2027, 1, 31), "2026-12-31", 31},
		"the 29th, just before its last moment": {29, day(2026, 11, 29).Add(-1), day(2026, 11, 29), "2026-10-29", 31},
	} {
		t.Run(name, func(t *testing.T) {
			l := quota(5, catalog.Month)
			l.AnchorDay = c.anchor
			var s counter.State
			v := take(t, &s, c.at, 1, l)
			if s.Period != c.start || !c.at.Add(v.Limits[0].Reset).Equal(c.ends) {
				t.Errorf("period %q ends %v", s.Period, c.at.Add(v.Limits[0].Reset))
			}
			if got := limit.Window(l, c.at); got != time.Duration(c.daysWindow)*24*time.Hour {
				t.Errorf("a window of %v", got)
			}
			if v = take(t, &s, c.ends, 5, l); v.Admitted != 5 {
				t.Errorf("%d of 5 in the next period", v.Admitted)
			}
		})
	}
	for _, bad := range []decision.Limit{{Kind: decision.QuotaLimit, Requests: 1, Period: catalog.Day, AnchorDay: 2},
		{Kind: decision.QuotaLimit, Requests: 1, Period: catalog.Month, AnchorDay: 32}} {
		if _, _, err := limit.Plan([]decision.Limit{bad}, counter.State{}, noon, 1); err == nil {
			t.Errorf("%+v is kept", bad)
		}
	}
}
