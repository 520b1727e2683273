package upstream_test

import (
	"net/http"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/functions/proxy/upstream"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// spend is what happened at one moment.
type spend struct {
	at    time.Time
	taken bool // a repetition, else a call
}

// Over every stretch of time, repetitions are bounded by the calls in it, by its length, and by what may be saved up.
func TestTheBudgetHoldsOverEveryStretchOfTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		percent := rapid.IntRange(1, 100).Draw(t, "percent")
		var b upstream.Budget
		var all []spend
		now := noon
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 700).Draw(t, "pause")) * time.Millisecond)
			if rapid.Bool().Draw(t, "call") {
				b.Deposit(percent, now)
				all = append(all, spend{now, false})
			} else if b.Take(now) {
				all = append(all, spend{now, true})
			}
		}
		for i := range all {
			calls, taken := 0, 0
			for j := i; j < len(all); j++ {
				if !all[j].taken {
					calls++
					continue
				}
				taken++
				seconds := all[j].at.Sub(all[i].at).Seconds()
				if most := 10 + seconds + float64(calls*percent)/100; float64(taken) > most+0.01 {
					t.Fatalf("%d repetitions of %d calls in %.2f s, at most %.2f", taken, calls, seconds, most)
				}
			}
		}
	})
}

func TestAClockThatGoesBackPaysNothing(t *testing.T) {
	var b upstream.Budget
	if b.Take(noon); b.Take(noon) {
		t.Error("it starts with more than one")
	}
	if b.Take(noon.Add(-time.Hour)) || b.Take(noon.Add(-time.Hour+500*time.Millisecond)) {
		t.Error("time that went back was paid for")
	}
	if !b.Take(noon.Add(-time.Hour + time.Second)) {
		t.Error("time stands still after the clock went back")
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "1", "-1", "1.5", "99999999999999999999", "Mon, 23 Nov 2026 12:00:07 GMT", "Monday, 23-Nov-26 12:00:07 GMT", " 7 ", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d := upstream.RetryAfter(http.Header{"Retry-After": {s}}, noon); d < 0 || d > 24*time.Hour {
			t.Errorf("%q asks for %v", s, d)
		}
	})
}

func TestWhatRetryAfterAsksFor(t *testing.T) {
	for s, want := range map[string]time.Duration{"": 0, "0": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "-1": 0, "1.5": 0, "x": 0,
		"99999999":                      24 * time.Hour,
		"Mon, 23 Nov 2026 12:00:07 GMT": 7 * time.Second, "Mon, 23 Nov 2026 11:00:00 GMT": 0} {
		if got := upstream.RetryAfter(http.Header{"Retry-After": {s}}, noon); got != want {
			t.Errorf("%q asks for %v, want %v", s, got, want)
		}
	}
}
