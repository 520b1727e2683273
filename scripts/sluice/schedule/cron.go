package schedule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cron is the six fields of an EventBridge cron expression, as the sets of values at which it is due.
type cron struct {
	minutes, hours, months uint64
	days, weekdays         uint64 // 0 where the field is "?"
	years                  map[int]bool
}

const firstYear, lastYear = 1970, 2199

// field is one field's range and the names that it knows.
type field struct {
	name     string
	from, to int
	names    []string // of the values from `from` on
}

func fields() [6]field {
	return [6]field{
		{"minutes", 0, 59, nil}, {"hours", 0, 23, nil}, {"day of month", 1, 31, nil},
		{"month", 1, 12, []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}},
		{"day of week", 1, 7, []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}},
		{"year", firstYear, lastYear, nil},
	}
}

func parseCron(s string) (Expression, error) {
	parts := strings.Fields(s)
	if len(parts) != 6 {
		return nil, fmt.Errorf("cron needs six fields, not %d", len(parts))
	}
	if (parts[2] == "?") == (parts[4] == "?") {
		return nil, fmt.Errorf("exactly one of day of month and day of week must be ?")
	}
	var values [6][]int
	for i, f := range fields() {
		if parts[i] == "?" && (i == 2 || i == 4) {
			continue
		}
		list, err := f.parse(parts[i])
		if err != nil {
			return nil, err
		}
		values[i] = list
	}
	c := cron{minutes: bits(values[0]), hours: bits(values[1]), days: bits(values[2]), months: bits(values[3]), weekdays: bits(values[4]),
		years: map[int]bool{}}
	for _, y := range values[5] {
		c.years[y] = true
	}
	return c, nil
}

func bits(values []int) (set uint64) {
	for _, v := range values {
		set |= 1 << v
	}
	return set
}

// parse reads a comma-separated list of values, ranges and steps.
func (f field) parse(s string) ([]int, error) {
	var values []int
	for _, item := range strings.Split(s, ",") {
		span, step, stepped := strings.Cut(item, "/")
		every := 1
		if stepped {
			n, err := strconv.Atoi(step)
			if err != nil || n < 1 {
				return nil, fmt.Errorf("%s: the step %q is not a positive number", f.name, step)
			}
			every = n
		}
		low, high, err := f.span(span, stepped)
		if err != nil {
			return nil, err
		}
		for v := low; v <= high; v += every {
			values = append(values, v)
		}
	}
	return values, nil
}

func (f field) span(s string, stepped bool) (low, high int, err error) {
	if s == "*" {
		return f.from, f.to, nil
	}
	first, last, ranged := strings.Cut(s, "-")
	if low, err = f.value(first); err != nil {
		return 0, 0, err
	}
	switch {
	case ranged:
		high, err = f.value(last)
	case stepped:
		high = f.to
	default:
		high = low
	}
	if err == nil && high < low {
		err = fmt.Errorf("%s: %q runs backwards", f.name, s)
	}
	return low, high, err
}

func (f field) value(s string) (int, error) {
	if i := slices.Index(f.names, strings.ToUpper(s)); i >= 0 {
		return f.from + i, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < f.from || n > f.to {
		return 0, fmt.Errorf("%s: %q must lie in %d..%d", f.name, s, f.from, f.to)
	}
	return n, nil
}

// Next steps through months, days, hours and minutes, skipping whole units that do not fit.
func (c cron) Next(t time.Time) time.Time {
	t = t.UTC().Truncate(time.Minute).Add(time.Minute)
	for t.Year() <= lastYear {
		switch {
		case !c.years[t.Year()]:
			t = time.Date(t.Year()+1, 1, 1, 0, 0, 0, 0, time.UTC)
		case c.months&(1<<int(t.Month())) == 0:
			t = time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC)
		case !c.day(t):
			t = time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, time.UTC)
		case c.hours&(1<<t.Hour()) == 0:
			t = t.Truncate(time.Hour).Add(time.Hour)
		case c.minutes&(1<<t.Minute()) == 0:
			t = t.Add(time.Minute)
		default:
			return t
		}
	}
	return time.Time{}
}

func (c cron) day(t time.Time) bool {
	if c.weekdays != 0 {
		return c.weekdays&(1<<(int(t.Weekday())+1)) != 0
	}
	return c.days&(1<<t.Day()) != 0
}
