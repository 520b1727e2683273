package upstream

import (
	"sync"
	"time"

	"sluice/shared/catalog"
)

// The budget of retries and hedges, in units. Each call pays in BudgetPercent, each repetition takes a hundred. So over any
// time, repetitions ≤ percent × calls / 100 + one a second + mostRepeats: an upstream that fails is never called much more
// often because it fails.
const (
	repeat      = 100
	mostRepeats = 10 // that may be saved up: no burst is larger
	perSecond   = 1  // repetitions for an upstream with next to no calls
	unitEvery   = time.Second / (perSecond * repeat)

	defaultBudgetPercent = 20
)

// budget is a token bucket. The zero value is ready, and allows one repetition.
type budget struct {
	mu    sync.Mutex
	units int64
	at    int64 // ns since the Unix epoch until when time has been paid for; 0 before the first call
}

// deposit pays in for a call.
func (b *budget) deposit(percent int, now time.Time) {
	if percent <= 0 {
		percent = defaultBudgetPercent
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pass(now)
	b.units = min(b.units+int64(percent), mostRepeats*repeat)
}

// take pays for a repetition, if there is enough.
func (b *budget) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pass(now)
	if b.units < repeat {
		return false
	}
	b.units -= repeat
	return true
}

// pass pays in for the time that has passed. A clock that has gone back pays nothing.
func (b *budget) pass(now time.Time) {
	t := now.UnixNano()
	if b.at == 0 {
		b.at, b.units = t, repeat
	}
	if t <= b.at {
		b.at = t
		return
	}
	n := (t - b.at) / int64(unitEvery)
	b.units = min(b.units+n, mostRepeats*repeat)
	b.at += n * int64(unitEvery)
}

// budgetPercent is what a call pays in.
func budgetPercent(u *catalog.Upstream) int {
	if u.Retries == nil {
		return defaultBudgetPercent
	}
	return u.Retries.BudgetPercent
}
