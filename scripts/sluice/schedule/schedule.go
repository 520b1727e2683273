// Package schedule understands the expressions of EventBridge schedules, rate(5 minutes) and cron(0 12 * * ? *), and
// calls a target at those times, in UTC, never twice at once.
package schedule

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Expression tells when a schedule is due.
type Expression interface {
	// Next gives the first due time after t; the zero time if there is none.
	Next(t time.Time) time.Time
}

// Parse reads an expression. L, W and # of cron are not supported and are errors.
func Parse(s string) (Expression, error) {
	name, rest, found := strings.Cut(s, "(")
	inside, after, closed := strings.Cut(rest, ")")
	if !found || !closed || after != "" {
		return nil, fmt.Errorf("schedule %q: want rate(…) or cron(…)", s)
	}
	var e Expression
	var err error
	switch name {
	case "rate":
		e, err = parseRate(inside)
	case "cron":
		e, err = parseCron(inside)
	default:
		err = fmt.Errorf("want rate(…) or cron(…)")
	}
	if err != nil {
		return nil, fmt.Errorf("schedule %q: %w", s, err)
	}
	return e, nil
}

// Every is due again and again after a span of time.
type Every time.Duration

// Next gives t and the span.
func (e Every) Next(t time.Time) time.Time { return t.Add(time.Duration(e)) }

// AtMost makes a rate at least as fast as the span; a cron expression stays as it is.
func AtMost(e Expression, span time.Duration) Expression {
	if rate, ok := e.(Every); ok && span > 0 && time.Duration(rate) > span {
		return Every(span)
	}
	return e
}

func parseRate(s string) (Expression, error) {
	value, unit, found := strings.Cut(s, " ")
	n, err := strconv.Atoi(value)
	if !found || err != nil || n < 1 || n > 1_000_000 {
		return nil, fmt.Errorf("want a whole number and a unit")
	}
	units := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}
	span, ok := units[strings.TrimSuffix(unit, "s")]
	if !ok || span > time.Minute && n > 100_000 {
		return nil, fmt.Errorf("want minutes, hours or days")
	}
	return Every(time.Duration(n) * span), nil
}

// Run calls at each due time until the context ends. A call that takes longer than the span delays the next one. An
// error of the call is for the caller to tell; it does not end the schedule.
func Run(ctx context.Context, e Expression, now func() time.Time, call func(context.Context)) {
	for {
		at := now()
		due := e.Next(at)
		if due.IsZero() {
			return
		}
		timer := time.NewTimer(due.Sub(at))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
			call(ctx)
		}
	}
}
