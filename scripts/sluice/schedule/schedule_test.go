package schedule_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"sluice/scripts/sluice/schedule"
)

func at(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestAnExpressionTellsWhenItIsDueNext(t *testing.T) {
	now := at("2026-11-23 12:30:15") // a Monday
	for expression, want := range map[string]time.Time{
		"rate(1 minute)":                    at("2026-11-23 12:31:15"),
		"rate(5 minutes)":                   at("2026-11-23 12:35:15"),
		"rate(2 hours)":                     at("2026-11-23 14:30:15"),
		"rate(1 day)":                       at("2026-11-24 12:30:15"),
		"cron(* * * * ? *)":                 at("2026-11-23 12:31:00"),
		"cron(0/15 * * * ? *)":              at("2026-11-23 12:45:00"),
		"cron(30 12 * * ? *)":               at("2026-11-24 12:30:00"),
		"cron(0 8 ? * SUN,tue *)":           at("2026-11-24 08:00:00"),
		"cron(0 8 ? * MON-FRI *)":           at("2026-11-24 08:00:00"),
		"cron(0 0 1 JAN ? 2030)":            at("2030-01-01 00:00:00"),
		"cron(0 0 29 2 ? *)":                at("2028-02-29 00:00:00"),
		"cron(10,20,31 9-17 * 1-6,11 ? *)":  at("2026-11-23 12:31:00"),
		"cron(0 0 30 2 ? *)":                {},
		"cron(0 0 1 1 ? 2020)":              {},
		"cron(5 */6 * * ? *)":               at("2026-11-23 18:05:00"),
		"cron(59 23 31 12 ? 2026-2030/100)": at("2026-12-31 23:59:00"),
	} {
		e, err := schedule.Parse(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if got := e.Next(now); !got.Equal(want) {
			t.Errorf("%s is due at %s, want %s", expression, got, want)
		}
	}
}

func TestWhatIsNoExpressionIsRefused(t *testing.T) {
	for _, s := range []string{"", "rate", "rate()", "rate(0 minutes)", "rate(-1 minute)", "rate(1 week)", "rate(1)", "rate(1 minute) ", "at(2026-01-01T00:00:00)",
		"rate(99999999999999999999 days)", "rate(1000000 days)", "cron(* * * *)", "cron(* * * * * *)", "cron(* * ? * ? *)", "cron(60 * * * ? *)", "cron(* 24 * * ? *)",
		"cron(* * 0 * ? *)", "cron(* * L * ? *)", "cron(* * ? * 2#1 *)", "cron(5-1 * * * ? *)", "cron(*/0 * * * ? *)", "cron(,* * * * ? *)", "cron(* * * 13 ? *)"} {
		if e, err := schedule.Parse(s); err == nil {
			t.Errorf("%q is read as %v", s, e)
		}
	}
}

func TestARateCanBeMadeFasterButNeverSlower(t *testing.T) {
	minute := schedule.Every(time.Minute)
	if got := schedule.AtMost(minute, 2*time.Second); got != schedule.Every(2*time.Second) {
		t.Errorf("%v", got)
	}
	for _, span := range []time.Duration{0, time.Hour} {
		if got := schedule.AtMost(minute, span); got != minute {
			t.Errorf("%s makes it %v", span, got)
		}
	}
}

func TestAScheduleCallsUntilItIsEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	schedule.Run(ctx, schedule.Every(time.Millisecond), time.Now, func(context.Context) {
		if calls++; calls == 3 {
			cancel()
		}
	})
	if calls != 3 {
		t.Errorf("%d calls", calls)
	}
	never, err := schedule.Parse("cron(0 0 30 2 ? *)")
	if err != nil {
		t.Fatal(err)
	}
	schedule.Run(t.Context(), never, time.Now, func(context.Context) { t.Error("called on February 30th") })
}

func FuzzParseNeverPanicsAndNextIsLater(f *testing.F) {
	for _, s := range []string{"rate(1 minute)", "cron(0/15 8-17 ? * MON-FRI 2026)", "cron(* * 31 2 ? *)"} {
		f.Add(s)
	}
	now := at("2026-11-23 12:30:15")
	f.Fuzz(func(t *testing.T, s string) {
		e, err := schedule.Parse(s)
		if err != nil {
			return
		}
		if next := e.Next(now); !next.IsZero() && !next.After(now) {
			t.Errorf("%s is due at %s", s, next)
		}
	})
}

func TestAScheduleThatFailsSaysSoOnceAndWhenItWorksAgain(t *testing.T) {
	var said []string
	var fault error
	ctx, end := context.WithCancel(t.Context())
	call := schedule.Telling(func(context.Context) error { return fault },
		func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) })
	for _, fault = range []error{nil, errors.New("away"), errors.New("away"), errors.New("still"), nil, nil, errors.New("again")} {
		call(ctx)
	}
	end()
	fault = nil
	call(ctx) // it ended with us
	if want := []string{"fails: away", "works again", "fails: again"}; !slices.Equal(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
}
