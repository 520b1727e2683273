package bulkhead_test

import (
	"testing"
	"time"
	"unsafe"

	"sluice/functions/proxy/upstream/bulkhead"
	"sluice/shared/catalog"
)

// The clock of one process is 500 ms behind and that of the other 500 ms ahead. The first one uses its slot as late as it
// may, and its call ends as late as it may.
func TestASlotIsLeftAloneBeforeAnotherClockSaysThatItHasPassed(t *testing.T) {
	for late := range 120 {
		s := play(t)
		s.shelf.now = func() time.Time { return s.now.Add(500 * time.Millisecond) }
		at := func(off time.Duration, name string) *bulkhead.Pool {
			return bulkhead.New(bulkhead.Deps{Slots: s.shelf, Instance: name, Random: func() float64 { return 0 },
				Now: func() time.Time { return s.now.Add(off) }}).Pool("x")
		}
		slow, fast := at(-500*time.Millisecond, "slow"), at(500*time.Millisecond, "fast")
		call := func() {
			slot, err := slow.Take(t.Context(), 1, catalog.HighPriority, s.now.Add(-500*time.Millisecond).Add(time.Second))
			if err != nil {
				t.Fatal(err)
			}
			slot.Release()
		}
		call()
		s.now = s.now.Add(time.Duration(late) * 100 * time.Millisecond)
		call()
		over := s.now.Add(time.Second + 249*time.Millisecond)
		for ; s.now.Before(over); s.now = s.now.Add(10 * time.Millisecond) {
			if _, err := fast.Take(t.Context(), 1, catalog.HighPriority, s.now.Add(2*time.Second)); err == nil {
				t.Fatalf("used after %d00 ms, the slot was taken %v before the call ended", late, over.Sub(s.now))
			}
		}
	}
}

// leap is a time that is later by the wall clock only, as after a freeze in which the monotonic clock stood still. A Time has
// no way to say so; its first word has the seconds from bit 30 on.
func leap(at time.Time, seconds uint64) time.Time {
	word := (*uint64)(unsafe.Pointer(&at)) //nolint:gosec // G103: see above; if it ever fails, so does the test
	*word += seconds << 30
	return at
}

func TestAFrozenInstanceGoesByTheWallClock(t *testing.T) {
	began := time.Now()
	if later := leap(began, 60); later.Sub(began) != 0 || later.Round(0).Sub(began.Round(0)) != time.Minute {
		t.Fatal("a time cannot be made that way any more")
	}
	frozen := uint64(0)
	store := &shelf{slots: map[string]time.Time{}, now: func() time.Time { return leap(began, frozen).Round(0) }}
	at := func(name string) *bulkhead.Pool {
		return bulkhead.New(bulkhead.Deps{Slots: store, Instance: name, Random: func() float64 { return 0 },
			Now: func() time.Time { return leap(began, frozen) }}).Pool("x")
	}
	take := func(p *bulkhead.Pool) (*bulkhead.Slot, error) {
		return p.Take(t.Context(), 1, catalog.HighPriority, leap(began, frozen).Add(time.Second))
	}
	a, b := at("a"), at("b")
	slot, err := take(a)
	if err != nil {
		t.Fatal(err)
	}
	slot.Release()
	frozen = 60
	if _, err := take(b); err != nil {
		t.Fatal(err)
	}
	if _, err := take(a); err == nil {
		t.Error("a slot that has passed while the instance was frozen is used")
	}
}

func TestAClockThatGoesBackClosesNothingForLong(t *testing.T) {
	s := play(t)
	a, b := s.pool("a"), s.pool("b")
	s.now = s.now.Add(time.Hour)
	slot := s.must(a, 1)
	s.full(b, 1, catalog.HighPriority)
	slot.Release()
	s.giveBack(a, true)
	s.now = s.now.Add(-time.Hour)
	s.must(b, 1)
}
