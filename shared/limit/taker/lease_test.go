package taker_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/limit/taker"
	"sluice/shared/problem"
)

// clock is set by the test.
type clock struct{ ns atomic.Int64 }

func at(t time.Time) *clock {
	c := &clock{}
	c.ns.Store(t.UnixNano())
	return c
}

func (c *clock) now() time.Time       { return time.Unix(0, c.ns.Load()).UTC() }
func (c *clock) pass(d time.Duration) { c.ns.Add(int64(d)) }

// call takes for one call and tells whether it passed.
func call(t *testing.T, k *taker.Taker, cost int, claims ...decision.Claim) bool {
	t.Helper()
	v, err := k.Take(t.Context(), claims, cost)
	if err != nil {
		t.Fatal(err)
	}
	return v.Admitted == 1
}

func on(counter string, limits ...decision.Limit) decision.Claim {
	return decision.Claim{Counter: counter, Limits: limits}
}

func TestAHotConsumerIsLeasedUnitsAndCountedExactly(t *testing.T) {
	store, now := newShelf(), at(noon)
	k := newTaker(store, now.now)
	gold := on("sub", rate(1000, 1, 1000), quota(1_000_000, catalog.Month))
	admitted := int64(0)
	for range 5000 {
		if call(t, k, 1, gold) {
			admitted++
		}
		now.pass(5 * time.Millisecond)
	}
	k.AfterResponse(t.Context()) // renewals have ended
	if admitted != 5000 || store.writes > 250 {
		t.Errorf("%d of 5000 admitted with %d writes; at most 0.05 a call", admitted, store.writes)
	}
	if err := k.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := store.item("sub").State; s.Used != admitted || s.Risk != 0 {
		t.Errorf("%+v after %d admitted", s, admitted)
	}
}

func TestIdleUnitsAreGivenBackAfterASecond(t *testing.T) {
	store, now := newShelf(), at(noon)
	k := newTaker(store, now.now)
	gold := on("sub", quota(1_000_000, catalog.Month))
	for range 100 {
		call(t, k, 1, gold)
		now.pass(time.Millisecond)
	}
	k.AfterResponse(t.Context())
	if store.used() <= 100 {
		t.Fatalf("%d used, nothing is on lease", store.used())
	}
	now.pass(1100 * time.Millisecond)
	k.AfterResponse(t.Context())
	if store.used() != 100 {
		t.Errorf("%d used after a second without calls", store.used())
	}
}

func TestWhateverInstancesDieHoldingLeasesAllButAHundredthIsSpent(t *testing.T) {
	for _, most := range []int{50, 1000, 20_000} {
		t.Run(fmt.Sprint(most), func(t *testing.T) {
			store, now := newShelf(), at(noon)
			admitted := 0
			for died := 0; ; died++ { // each instance dies in the middle of its calls, with what it has
				k, served := newTaker(store, now.now), 0
				for range 37 {
					if call(t, k, 1, on("sub", quota(most, catalog.Month))) {
						admitted, served = admitted+1, served+1
					}
					now.pass(time.Millisecond)
				}
				if k.AfterResponse(t.Context()); served == 0 {
					t.Logf("%d instances died", died)
					break
				}
			}
			if admitted > most || admitted < most*99/100 {
				t.Errorf("%d of %d admitted", admitted, most)
			}
		})
	}
}

func TestACallThatOneCounterRefusesCostsTheOthersNothing(t *testing.T) {
	store, now := newShelf(), at(noon)
	k := newTaker(store, now.now)
	sub, api := on("sub", rate(100, 1, 100), quota(1000, catalog.Day)), on("api/orders", quota(10, catalog.Day))
	admitted := 0
	for range 50 {
		if call(t, k, 3, sub, api) {
			admitted++
		}
		now.pass(time.Millisecond)
	}
	if err := k.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if admitted != 3 || store.item("sub").State.Used != 9 || store.item("api/orders").State.Used != 9 {
		t.Errorf("%d calls of cost 3 on 10 units: %+v", admitted, store.items)
	}
}

func TestACallThatCostsMoreThanIsLeftIsRefusedAndACheaperOnePasses(t *testing.T) {
	k := newTaker(newShelf(), fixed(noon))
	ten := on("sub", quota(10, catalog.Day))
	if !call(t, k, 8, ten) || call(t, k, 3, ten) || !call(t, k, 2, ten) || call(t, k, 1, ten) {
		t.Error("10 units are not 8 and 2")
	}
}

func TestALimitInTheShadowCountsAndRefusesNothing(t *testing.T) {
	store, now := newShelf(), at(noon)
	k := newTaker(store, now.now)
	r, q := rate(1, 10, 2), quota(3, catalog.Day)
	r.Shadow, q.Shadow = true, true
	var would []string
	for range 5 {
		v, err := k.Take(t.Context(), []decision.Claim{on("sub", r, q)}, 1)
		if err != nil || v.Admitted != 1 {
			t.Fatalf("%+v, %v", v, err)
		}
		if _, refused := v.Refusal(); refused {
			t.Error("a limit in the shadow refuses")
		}
		would = append(would, fmt.Sprint(v.Limits[0].Exceeded, v.Limits[1].Exceeded))
		now.pass(time.Millisecond)
	}
	want := []string{"false false", "false false", "true false", "true true", "true true"}
	if diff := cmp.Diff(want, would); diff != "" {
		t.Error(diff)
	}
}

func TestWhileTheStoreIsAwayThePlanSaysWhatPasses(t *testing.T) {
	for name, c := range map[string]struct {
		choice    catalog.Outage
		overdraft int
		want      func(leased int) int // calls that pass of 500
	}{
		"closed: nothing":                      {catalog.OutageClosed, 0, func(int) int { return 0 }},
		"lease: what is on lease":              {catalog.OutageLease, 0, func(leased int) int { return leased }},
		"unsaid: the same":                     {"", 0, func(leased int) int { return leased }},
		"open: the overdraft, too":             {catalog.OutageOpen, 30, func(leased int) int { return leased + 30 }},
		"an overdraft that is not asked for":   {catalog.OutageLease, 30, func(leased int) int { return leased }},
		"open without an overdraft is a lease": {catalog.OutageOpen, 0, func(leased int) int { return leased }},
	} {
		t.Run(name, func(t *testing.T) {
			store, now := newShelf(), at(noon)
			var away atomic.Bool
			store.before = func(int) error {
				if away.Load() {
					return errAway
				}
				return nil
			}
			k := newTaker(store, now.now)
			claim := on("sub", rate(1000, 1, 1000), quota(100_000, catalog.Day))
			claim.Outage, claim.Overdraft = c.choice, c.overdraft
			for range 200 {
				call(t, k, 1, claim)
				now.pass(5 * time.Millisecond)
			}
			k.AfterResponse(t.Context())
			leased := int(store.used() - 200)
			away.Store(true)
			passed := 0
			for range 500 { // within a period and a bucket, so that only the store is missing
				v, err := k.Take(t.Context(), []decision.Claim{claim}, 1)
				if err != nil && !problem.Is(err, problem.Unavailable) {
					t.Fatal(err)
				}
				passed += v.Admitted
				now.pass(5 * time.Millisecond)
			}
			k.AfterResponse(t.Context()) // nothing is under way
			if want := c.want(leased); passed < want || c.choice != catalog.OutageClosed && passed > want+lostAnswers(store) {
				t.Errorf("%d passed, %d were on lease, want %d", passed, leased, want)
			}
			away.Store(false)
			now.pass(2 * time.Second)
			_, _ = k.Take(t.Context(), []decision.Claim{claim}, 1) // finds the store back
			k.AfterResponse(t.Context())
			if !call(t, k, 1, claim) {
				t.Error("nothing passes although the store is back")
			}
			if err := k.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if used := int(store.used()); used < 200+passed {
				t.Errorf("%d used, %d have passed", used, 200+passed)
			}
		})
	}
}

func TestAnOverdraftIsPaidAlthoughNobodyCallsAnyMore(t *testing.T) {
	store, now := newShelf(), at(noon)
	var away atomic.Bool
	store.before = func(int) error {
		if away.Load() {
			return errAway
		}
		return nil
	}
	k := newTaker(store, now.now)
	claim := on("sub", quota(1000, catalog.Day))
	claim.Outage, claim.Overdraft = catalog.OutageOpen, 30
	call(t, k, 1, claim)
	k.AfterResponse(t.Context())
	away.Store(true)
	passed := 0
	for range 50 {
		if v, err := k.Take(t.Context(), []decision.Claim{claim}, 1); err == nil {
			passed += v.Admitted
		}
		now.pass(10 * time.Millisecond)
	}
	k.AfterResponse(t.Context())
	away.Store(false)
	for range 4 { // an instance that is not frozen looks now and then
		now.pass(2 * time.Second)
		k.AfterResponse(t.Context())
	}
	if used := int(store.used()); passed != 30 || used < 31 || used > 32 { // one write was lost, and what it took given back or not
		t.Errorf("%d passed, %d used", passed, used)
	}
}

func TestWhatARefusedCallTookIsGivenBackBeforeTheFreeze(t *testing.T) {
	store, now := newShelf(), at(noon)
	k := newTaker(store, now.now)
	claims := []decision.Claim{on("sub", quota(1000, catalog.Day)), on("sub/list", rate(1, 60, 1))}
	passed := 0
	for range 5 {
		v, err := k.Take(t.Context(), claims, 1)
		if err != nil {
			t.Fatal(err)
		}
		passed += v.Admitted
		k.AfterResponse(t.Context())
		if used := int(store.used()); used != passed {
			t.Errorf("%d used before the freeze, %d passed", used, passed)
		}
		k = newTaker(store, now.now) // this one never comes back
	}
	if passed != 1 {
		t.Errorf("%d passed", passed)
	}
}

var errAway = errors.New("the store is away")

// lostAnswers is how many units a shelf may have charged while its answers were lost.
func lostAnswers(s *shelf) int { return int(s.item("sub").State.Risk) }

func TestEachPartOfAQuotaIsToldOnceWhoeverTakesIt(t *testing.T) {
	store, now := newShelf(), at(noon)
	takers := []*taker.Taker{newTaker(store, now.now), newTaker(store, now.now), newTaker(store, now.now)}
	told := map[int]int{}
	for i := range 1200 {
		k := takers[i%3]
		call(t, k, 1, on("sub", quota(1000, catalog.Day)))
		now.pass(time.Millisecond)
		k.AfterResponse(t.Context())
		for _, c := range k.Crossings() {
			if c.Counter != "sub" || c.Limit != "gold-quota" || c.Period != "2026-11-23" {
				t.Errorf("%+v", c)
			}
			told[c.Percent]++
		}
	}
	if told[50] != 1 || told[80] != 1 || told[100] < 1 || len(told) != 3 {
		t.Errorf("told %v", told)
	}
}

func TestAPlanThatChangesIsInForceAtOnce(t *testing.T) {
	store, now := newShelf(), at(noon)
	k := newTaker(store, now.now)
	for range 200 {
		call(t, k, 1, on("sub", rate(1000, 1, 1000), quota(100_000, catalog.Day)))
		now.pass(5 * time.Millisecond)
	}
	if call(t, k, 1, on("sub", quota(100, catalog.Day))) {
		t.Error("a smaller quota, used up already, admits what was leased under the larger one")
	}
	if !call(t, k, 1, on("sub", quota(1000, catalog.Day))) {
		t.Error("a larger one refuses")
	}
}
