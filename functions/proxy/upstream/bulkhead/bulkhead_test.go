package bulkhead_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"sluice/functions/proxy/upstream/bulkhead"
	"sluice/shared/catalog"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// shelf is a store of slots in memory, with a clock of its own.
type shelf struct {
	mu     sync.Mutex
	slots  map[string]time.Time
	now    func() time.Time
	fault  error
	writes int
}

func (s *shelf) TakeSlot(_ context.Context, _, holder string, most int, until time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writes++; s.fault != nil {
		return false, s.fault
	}
	return s.take(holder, most, until, s.now()), nil
}

// take is what the store does: an entry that has passed counts no more, and none is made shorter.
func (s *shelf) take(holder string, most int, until, now time.Time) bool {
	for name, at := range s.slots {
		if !at.After(now) {
			delete(s.slots, name)
		}
	}
	if have, ok := s.slots[holder]; ok {
		if until.After(have) {
			s.slots[holder] = until
		}
		return true
	}
	if len(s.slots) >= most {
		return false
	}
	s.slots[holder] = until
	return true
}

func (s *shelf) FreeSlot(_ context.Context, _, holder string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	delete(s.slots, holder)
	return s.fault
}

func (s *shelf) held() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.slots)
}

// scene is a store, a clock, and pools of one upstream in several processes.
type scene struct {
	t   *testing.T
	now time.Time
	*shelf
}

func play(t *testing.T) *scene {
	s := &scene{t: t, now: noon}
	s.shelf = &shelf{slots: map[string]time.Time{}, now: s.clock}
	return s
}

func (s *scene) clock() time.Time { return s.now }

func (s *scene) pool(instance string) *bulkhead.Pool {
	return bulkhead.New(bulkhead.Deps{Slots: s.shelf, Instance: instance, Now: s.clock, Random: func() float64 { return 0.5 }}).Pool("orders/v1/a")
}

// take takes a slot for a call of at most a second.
func (s *scene) take(p *bulkhead.Pool, most int, priority catalog.Priority) (*bulkhead.Slot, error) {
	return p.Take(s.t.Context(), most, priority, s.now.Add(time.Second))
}

func (s *scene) must(p *bulkhead.Pool, most int) *bulkhead.Slot {
	s.t.Helper()
	slot, err := s.take(p, most, catalog.HighPriority)
	if err != nil {
		s.t.Fatal(err)
	}
	return slot
}

func (s *scene) full(p *bulkhead.Pool, most int, priority catalog.Priority) {
	s.t.Helper()
	slot, err := s.take(p, most, priority)
	var full *bulkhead.Full
	if slot != nil || !errors.As(err, &full) || full.RetryAfter < time.Second || full.Error() == "" {
		s.t.Errorf("a %s call got %v, %v", priority, slot, err)
	}
}

func (s *scene) giveBack(p *bulkhead.Pool, all bool) {
	s.t.Helper()
	if err := p.GiveBack(s.t.Context(), all); err != nil {
		s.t.Error(err)
	}
}

func TestAHotInstanceWritesOnceInTenSeconds(t *testing.T) {
	s := play(t)
	p := s.pool("a")
	for range 1000 { // 100 s of calls that take 90 ms, with 10 ms between them
		slot := s.must(p, 1)
		s.now = s.now.Add(90 * time.Millisecond)
		slot.Release()
		s.now = s.now.Add(10 * time.Millisecond)
		s.giveBack(p, false)
	}
	if s.writes > 13 {
		t.Errorf("%d writes in 100 s", s.writes)
	}
}

func TestAnInstanceWithFewCallsLeavesItsSlotToOthers(t *testing.T) {
	s := play(t)
	a, b := s.pool("a"), s.pool("b")
	for i := range 10 {
		p := []*bulkhead.Pool{a, b}[i%2]
		slot := s.must(p, 1)
		s.now = s.now.Add(50 * time.Millisecond)
		slot.Release()
		s.giveBack(p, false)
		if s.held() != 0 {
			t.Fatalf("after call %d the slot is kept", i)
		}
		s.now = s.now.Add(time.Second)
	}
}

func TestAFrozenOrDeadInstanceLosesItsSlot(t *testing.T) {
	s := play(t)
	a, b := s.pool("a"), s.pool("b")
	s.must(a, 1).Release()
	s.full(b, 1, catalog.HighPriority)
	s.now = s.now.Add(13 * time.Second)
	s.must(b, 1)
	s.full(a, 1, catalog.HighPriority) // which wakes up, and has nothing any more
}

func TestSlotsInHandAreUsedWhileTheStoreIsDown(t *testing.T) {
	s := play(t)
	p := s.pool("a")
	one, two := s.must(p, 3), s.must(p, 3)
	one.Release()
	two.Release()
	s.fault = errors.New("down")
	one = s.must(p, 3)
	s.must(p, 3)
	s.full(p, 3, catalog.HighPriority)
	writes := s.writes
	s.full(p, 3, catalog.HighPriority)
	if s.writes != writes {
		t.Error("a store in trouble is asked for each call")
	}
	s.fault = nil
	s.now = s.now.Add(time.Second)
	s.must(p, 3)
	one.Release()
	s.giveBack(p, true)
	if s.held() != 2 {
		t.Errorf("%d slots are held after all that is idle was given back", s.held())
	}
}

func TestASlotOfWhichNothingIsKnownIsNotUsedAndNotLost(t *testing.T) {
	s := play(t)
	p := s.pool("a")
	s.fault = errors.New("an answer was lost")
	s.shelf.take("a-1", 1, noon.Add(12250*time.Millisecond), noon) // the first name that a uses
	s.full(p, 1, catalog.HighPriority)
	s.fault = nil
	s.now = s.now.Add(time.Second)
	s.must(p, 1) // under the same name
	if s.held() != 1 {
		t.Errorf("%d slots are held", s.held())
	}
}

func TestWithoutAStoreNobodyGetsASlot(t *testing.T) {
	p := bulkhead.New(bulkhead.Deps{Now: time.Now}).Pool("x")
	var full *bulkhead.Full
	if slot, err := p.Take(t.Context(), 1, "", noon); slot != nil || !errors.As(err, &full) {
		t.Errorf("%v, %v", slot, err)
	}
	if err := p.GiveBack(t.Context(), true); err != nil {
		t.Error(err)
	}
}

func TestACallerWhoIsGoneIsToldSo(t *testing.T) {
	s := play(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.fault = context.Canceled
	if _, err := s.pool("a").Take(ctx, 1, "", noon.Add(time.Second)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestLowPrioritiesAreRefusedFirst(t *testing.T) {
	for most, want := range map[int][3]int{ // low, normal, high
		1: {1, 1, 1}, 2: {2, 2, 2}, 5: {3, 5, 5}, 10: {6, 9, 10}, 100: {60, 85, 100},
	} {
		s := play(t)
		p := s.pool("a")
		var got [3]int
		for i, priority := range []catalog.Priority{catalog.LowPriority, "", catalog.HighPriority} {
			for range most + 1 {
				if _, err := s.take(p, most, priority); err != nil {
					break
				}
			}
			got[i] = s.held()
		}
		if got != want {
			t.Errorf("of %d slots: %v, want %v", most, got, want)
		}
	}
}

func TestASlotTakenForAHighCallIsNotReusedByALowOne(t *testing.T) {
	s := play(t)
	p, other := s.pool("a"), s.pool("b")
	for range 6 {
		s.must(other, 10)
	}
	s.must(p, 10).Release()
	s.full(p, 10, catalog.LowPriority)
	s.must(p, 10)
}

func TestAfterAllSlotsWereTakenTheStoreIsLeftAloneForAMoment(t *testing.T) {
	s := play(t)
	a, b := s.pool("a"), s.pool("b")
	first := s.must(a, 1)
	for range 100 {
		s.full(b, 1, catalog.HighPriority)
	}
	if s.writes != 2 {
		t.Errorf("%d writes", s.writes)
	}
	first.Release()
	s.giveBack(a, true)
	s.now = s.now.Add(200 * time.Millisecond)
	s.must(b, 1)
}

func TestManyCallsOfOneProcessShareSlots(t *testing.T) {
	store := &shelf{slots: map[string]time.Time{}, now: time.Now}
	pools := make([]*bulkhead.Pool, 4)
	for i := range pools {
		pools[i] = bulkhead.New(bulkhead.Deps{Slots: store, Instance: strconv.Itoa(i), Now: time.Now, Random: func() float64 { return 0 }}).Pool("x")
	}
	const most = 7
	var mu sync.Mutex
	var inFlight, highest, passed int
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			p := pools[i%len(pools)]
			for n := range 300 {
				slot, err := p.Take(t.Context(), most, catalog.HighPriority, time.Now().Add(time.Second))
				if err == nil {
					mu.Lock()
					inFlight++
					passed++
					highest = max(highest, inFlight)
					mu.Unlock()
					mu.Lock()
					inFlight--
					mu.Unlock()
					slot.Release()
				}
				if n%50 == 0 {
					_ = p.GiveBack(t.Context(), n%100 == 0)
				}
			}
		})
	}
	wg.Wait()
	if highest > most || passed == 0 {
		t.Errorf("%d at once, %d passed", highest, passed)
	}
	for _, p := range pools {
		if err := p.GiveBack(t.Context(), true); err != nil {
			t.Error(err)
		}
	}
	if store.held() != 0 {
		t.Errorf("%d slots are still held", store.held())
	}
}

func TestNamesAreNeverUsedAgainAfterTheirSlotWentBack(t *testing.T) {
	s := play(t)
	p := s.pool("a")
	var names []string
	for range 20 {
		s.must(p, 1).Release()
		for name := range s.slots {
			names = append(names, name)
		}
		s.giveBack(p, true)
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != 20 {
		t.Errorf("%v", names)
	}
}

func TestASlotThatWasLostAndTakenAgainIsThatOfTheCallThatTookIt(t *testing.T) {
	s := play(t)
	p, other := s.pool("a"), s.pool("b")
	slot, err := s.take(p, 5, catalog.LowPriority)
	if err != nil {
		t.Fatal(err)
	}
	slot.Release()
	s.now = s.now.Add(time.Minute)
	for range 4 {
		s.must(other, 5)
	}
	s.must(p, 5).Release() // the fifth, under the old name
	s.full(p, 5, catalog.LowPriority)
}
