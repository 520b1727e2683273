package breaker_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"sluice/functions/proxy/upstream/breaker"
	"sluice/shared/catalog"
)

// model follows a breaker by what is promised only: a list of calls.
type model struct {
	catalog.Breaker
	ended []ended
	open  time.Time // until when nobody passes; zero if it is closed
}

type ended struct {
	at  time.Time
	bad bool
}

// within counts the calls of the last while.
func (m *model) within(now time.Time, while time.Duration) (bad, all int) {
	for _, e := range m.ended {
		if now.Sub(e.at) < while {
			if all++; e.bad {
				bad++
			}
		}
	}
	return bad, all
}

// must reports whether so many failures open it.
func (m *model) must(bad, all int) bool {
	return all >= m.MinimumCalls && bad*100 >= m.FailurePercent*all
}

// report takes a call into account that was let through, and says what was wrong with that the breaker is open after it.
func (m *model) report(now time.Time, bad, open bool) string {
	m.ended = append(m.ended, ended{now, bad})
	window := time.Duration(m.WindowSeconds) * time.Second
	failed, all := m.within(now, window)
	recent, most := m.within(now, window*9/10) // a tenth of the window may have gone by already
	switch probing := !m.open.IsZero(); {
	case probing && open != bad:
		return fmt.Sprintf("a probe failed: %v; it is open: %v", bad, open)
	case !probing && open && !m.must(failed, all) && !m.must(recent, most):
		return fmt.Sprintf("it opened when %d of %d calls had failed", failed, all)
	case !probing && !open && bad && all == most && m.must(failed, all): // it is a failure that opens it
		return fmt.Sprintf("it is closed when %d of %d calls have failed", failed, all)
	case open:
		m.ended, m.open = nil, now.Add(time.Duration(m.OpenSeconds)*time.Second)
	case probing && len(m.ended) == 3: // closed, with a clean slate
		m.ended, m.open = nil, time.Time{}
	}
	return ""
}

// pass is a call some time after the last one.
type pass struct {
	PauseMs int
	Bad     bool
}

// run makes the calls and says what was wrong.
func (m *model) run(t *testing.T, calls []pass) (wrong string) {
	b := breaker.New(m.Breaker, time.Now)
	for _, c := range calls {
		time.Sleep(time.Duration(c.PauseMs) * time.Millisecond)
		now := time.Now()
		p, wait := b.Allow()
		switch {
		case wait > 0 && now.After(m.open):
			return fmt.Sprintf("a call is refused %v after its time", now.Sub(m.open))
		case wait == 0 && now.Before(m.open):
			return fmt.Sprintf("a call passes %v too early", m.open.Sub(now))
		case wait > 0:
			continue
		}
		how := breaker.Well
		if c.Bad {
			how = breaker.Bad
		}
		p.Report(t.Context(), "x", nil, how)
		if wrong := m.report(now, c.Bad, b.Closed() > 0); wrong != "" {
			return wrong
		}
	}
	return ""
}

func TestWhileClosedItPassesAllAndWhileOpenNone(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := &model{Breaker: catalog.Breaker{FailurePercent: rapid.IntRange(1, 100).Draw(r, "percent"),
			MinimumCalls:  rapid.IntRange(1, 12).Draw(r, "minimum"),
			WindowSeconds: rapid.IntRange(1, 20).Draw(r, "window"), OpenSeconds: rapid.IntRange(1, 20).Draw(r, "open")}}
		calls := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) pass {
			return pass{rapid.IntRange(0, 1500).Draw(r, "pause"), rapid.Bool().Draw(r, "bad")}
		}), 1, 150).Draw(r, "calls")
		var wrong string
		synctest.Test(t, func(t *testing.T) { wrong = m.run(t, calls) })
		if wrong != "" {
			r.Fatal(wrong)
		}
	})
}
