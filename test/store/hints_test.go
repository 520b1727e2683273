package store_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/catalog"
	"sluice/shared/dynamo"
	"sluice/shared/problem"
)

var hints = []guarantee{
	{"a hint is only ever extended, and is not told once its time has passed", hintExtends},
	{"of many hints at once the longest is kept, whatever calls are lost", hintRace},
	{"an alert is first once, until it is forgotten", alertOnce},
	{"alerts are told newest period first, of their counter only", alertOrder},
	{"an alert whose answer is lost is first all the same", alertLost},
	{"of many alerts at once one is first", alertRace},
	{"an alert that cannot be told from others is refused", alertImpossible},
}

func hintOf(t testing.TB, table *dynamo.Table, id string) time.Time {
	t.Helper()
	until, err := table.Hint(t.Context(), id)
	must(t, err, "read a hint")
	return until
}

func hintExtends(t *testing.T, b bench) {
	clock := newHand()
	sent := 0
	table := b.open(t, clock.skewed(0), dynamo.WithObserver(func(string, float64, float64) { sent++ }))
	put := func(until, then time.Time) {
		t.Helper()
		must(t, table.PutHint(t.Context(), "up", until), "put a hint")
		if got := hintOf(t, table, "up"); !got.Equal(then) {
			t.Fatalf("after %v: told %v, want %v", until, got, then)
		}
	}
	first := noon.Truncate(time.Microsecond).Add(time.Minute)
	if got := hintOf(t, table, "up"); !got.IsZero() {
		t.Errorf("before any: %v", got)
	}
	put(first, first)
	put(first.Add(-time.Second), first)
	put(first, first)
	put(first.Add(time.Microsecond), first.Add(time.Microsecond))
	sent = 0
	put(noon.Add(-time.Hour), first.Add(time.Microsecond))
	if sent != 1 {
		t.Errorf("a hint that has passed and its reading made %d calls", sent)
	}
	clock.move(time.Minute + 2*time.Microsecond)
	if got := hintOf(t, table, "up"); !got.IsZero() {
		t.Errorf("after its time: %v", got)
	}
	put(first.Add(time.Hour), first.Add(time.Hour))
	if got := hintOf(t, table, "other"); !got.IsZero() {
		t.Errorf("another's: %v", got)
	}
	long := strings.Repeat("x", 3000)
	if want(t, problem.Invalid, table.PutHint(t.Context(), long, first.Add(time.Hour)), "an id too long"); !hintOf(t, table, long).IsZero() {
		t.Error("an id too long has a hint")
	}
}

func hintRace(t *testing.T, b bench) {
	clock := newHand()
	var all sync.WaitGroup
	for n := range 24 {
		all.Go(func() {
			net := &network{plan: func(_ string, call int) fault { return []fault{fine, loseAnswer, loseRequest}[(n+call)%3] }}
			table := b.open(t, clock.skewed(0), dynamo.WithTransport(net))
			if err := table.PutHint(t.Context(), "up", noon.Add(time.Duration(1+n*7%24)*time.Second)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got, longest := hintOf(t, b.open(t, clock.skewed(0)), "up"), noon.Truncate(time.Microsecond).Add(24*time.Second); !got.Equal(longest) {
		t.Errorf("kept is %v, the longest is %v", got, longest)
	}
}

func alert(period, limit string, percent int) catalog.LimitAlert {
	return catalog.LimitAlert{Counter: "s1", Limit: limit, Period: period, Percent: percent, At: noon}
}

func first(t testing.TB, table *dynamo.Table, a catalog.LimitAlert, expires time.Time) bool {
	t.Helper()
	first, err := table.PutAlert(t.Context(), a, expires)
	must(t, err, "put an alert")
	return first
}

func alertsOf(t testing.TB, table *dynamo.Table, counter string) []catalog.LimitAlert {
	t.Helper()
	all, err := table.Alerts(t.Context(), counter)
	must(t, err, "read alerts")
	return all
}

func alertOnce(t *testing.T, b bench) {
	clock := newHand()
	table := b.open(t, clock.skewed(0))
	a := alert("2026-11", "quota", 80)
	if got := alertsOf(t, table, "s1"); len(got) != 0 {
		t.Errorf("before any: %v", got)
	}
	again := a
	again.At = noon.Add(time.Minute)
	if !first(t, table, a, noon.Add(time.Hour)) || first(t, table, a, noon.Add(time.Hour)) || first(t, table, again, noon.Add(time.Hour)) {
		t.Error("an alert is not first exactly once")
	}
	if diff := cmp.Diff([]catalog.LimitAlert{a}, alertsOf(t, table, "s1")); diff != "" {
		t.Error(diff)
	}
	clock.move(2 * time.Hour)
	if got := alertsOf(t, table, "s1"); len(got) != 0 {
		t.Errorf("forgotten, and told: %v", got)
	}
	if !first(t, table, again, noon.Add(3*time.Hour)) {
		t.Error("after it was forgotten, it is not first again")
	}
	if diff := cmp.Diff([]catalog.LimitAlert{again}, alertsOf(t, table, "s1")); diff != "" {
		t.Error(diff)
	}
}

func alertOrder(t *testing.T, b bench) {
	table := b.open(t, newHand().skewed(0))
	ordered := []catalog.LimitAlert{
		alert("2026-11", "quota", 100), alert("2026-11", "quota", 80), alert("2026-11", "quota", 50), alert("2026-11", "a#b", 5),
		alert("2026-10", "quota", 80), alert("2025-12", "rate", 999), alert("2025-12", "rate", 0),
	}
	for _, n := range []int{3, 0, 6, 5, 2, 4, 1} {
		if !first(t, table, ordered[n], noon.Add(time.Hour)) {
			t.Errorf("%+v is not first", ordered[n])
		}
	}
	other := alert("2026-11", "quota", 50)
	for _, other.Counter = range []string{"s1/get", "s", "s1#2026-11"} {
		first(t, table, other, noon.Add(time.Hour))
	}
	if diff := cmp.Diff(ordered, alertsOf(t, table, "s1")); diff != "" {
		t.Error(diff)
	}
}

func alertLost(t *testing.T, b bench) {
	plainly := b.open(t, newHand().skewed(0))
	for _, f := range []fault{loseAnswer, loseRequest, throttle, breakDown} {
		net := &network{plan: func(_ string, n int) fault {
			if n%2 == 1 {
				return f
			}
			return fine
		}}
		table := b.open(t, newHand().skewed(0), dynamo.WithTransport(net))
		a := alert("2026-11", fmt.Sprint("quota-", f), 80)
		if !first(t, table, a, noon.Add(time.Hour)) || first(t, table, a, noon.Add(time.Hour)) || first(t, plainly, a, noon.Add(time.Hour)) {
			t.Errorf("fault %d: the alert is not first exactly once", f)
		}
	}
}

func alertRace(t *testing.T, b bench) {
	var firsts atomic.Int64
	var all sync.WaitGroup
	for n := range 24 {
		all.Go(func() {
			net := &network{plan: func(_ string, call int) fault { return []fault{fine, loseAnswer, loseRequest}[(n+call)%3] }}
			table := b.open(t, newHand().skewed(0), dynamo.WithTransport(net))
			is, err := table.PutAlert(t.Context(), alert("2026-11", "quota", 80), noon.Add(time.Hour))
			if err != nil {
				t.Error(err)
			}
			if is {
				firsts.Add(1)
			}
		})
	}
	all.Wait()
	if firsts.Load() != 1 {
		t.Errorf("%d are first", firsts.Load())
	}
}

func alertImpossible(t *testing.T, b bench) {
	table := b.open(t)
	for what, a := range map[string]catalog.LimitAlert{
		"a period with the sign that ends it": alert("2026#11", "quota", 80),
		"less than nothing":                   alert("2026-11", "quota", -1),
		"more than three digits":              alert("2026-11", "quota", 1000),
	} {
		_, err := table.PutAlert(t.Context(), a, noon.Add(time.Hour))
		plain(t, err, what)
	}
}
