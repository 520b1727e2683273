package counter_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/shared/limit/counter"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func add(n int64) *counter.QuotaAdd {
	return &counter.QuotaAdd{Period: "2026-11", Units: n, Most: 1 << 40}
}

func TestAStepThatIsShownAgainIsDoneOnce(t *testing.T) {
	names := counter.NamesOf("i1")
	item := counter.Item{State: counter.State{Period: "2026-11"}}
	first := counter.Step{ID: names.Next(noon), Place: names.Home(), QuotaAdd: add(3)}
	second := counter.Step{ID: names.Next(noon), Place: names.Home(), After: first.ID, QuotaAdd: add(-2)}
	for _, s := range []counter.Step{first, first, second, second, second} {
		if after, applied := item.Apply(s); !applied || after.Seen.Mark != s.ID {
			t.Errorf("%+v: %v, %+v", s, applied, after)
		}
	}
	if _, applied := item.Apply(first); applied || item.State.Used != 1 {
		t.Errorf("one that comes late is applied %v; %d used, want 1", applied, item.State.Used)
	}
}

// Whatever is shown, lost, shown again and late: each step of an instance in a place of its own is done once or not at all, in
// the order in which they were made.
func TestStepsInAPlaceOfOnesOwnAreDoneOnceAndInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names, item := counter.NamesOf("i1"), counter.Item{State: counter.State{Period: "2026-11"}}
		var made []counter.Step
		done := map[counter.Mark]bool{}
		var head counter.Mark
		for range rapid.IntRange(1, 60).Draw(t, "showings") {
			if len(made) == 0 || rapid.Bool().Draw(t, "new") {
				made = append(made, counter.Step{ID: names.Next(noon), Place: names.Home(), After: head, QuotaAdd: add(1)})
			}
			s := made[rapid.IntRange(0, len(made)-1).Draw(t, "which")]
			before := item.State.Used
			if _, applied := item.Apply(s); applied {
				head, done[s.ID] = item.Marks[s.Place], true
			}
			if item.State.Used != before && s.ID != head || item.State.Used != int64(len(done)) {
				t.Fatalf("%d used after %d steps were done", item.State.Used, len(done))
			}
		}
	})
}

func TestAPlaceThatCouldBeTakenIsAnEmptyOneThenAStaleOneThenAShared(t *testing.T) {
	mine := counter.NamesOf("mine")
	now := noon.Add(time.Hour)
	full := func(age time.Duration) (m counter.Marks) {
		for p := range m {
			m[p] = counter.NamesOf(fmt.Sprint("i", p)).Next(now.Add(-age))
		}
		return m
	}
	stale, young, one := full(time.Minute), full(time.Second), full(time.Second)
	one[7] = 0
	for name, c := range map[string]struct {
		marks counter.Marks
		fits  func(counter.Seen) bool
	}{
		"nothing is there": {counter.Marks{}, func(s counter.Seen) bool { return s.Spare < counter.Own && s.SpareMark == 0 && s.Live == 0 }},
		"one is empty":     {one, func(s counter.Seen) bool { return s.Spare == 7 && s.SpareMark == 0 && s.Live == counter.Places-1 }},
		"all are of long ago": {stale, func(s counter.Seen) bool {
			return s.Spare < counter.Own && s.SpareMark == stale[s.Spare] && s.Live == 0
		}},
		"all are of this moment":     {young, func(s counter.Seen) bool { return s.Spare >= counter.Own && s.Live == counter.Places }},
		"clocks are a second apart":  {full(-time.Second), func(s counter.Seen) bool { return s.Spare >= counter.Own && s.Live == counter.Places }},
		"a mark of tomorrow is kept": {full(-24 * time.Hour), func(s counter.Seen) bool { return s.Spare >= counter.Own }},
	} {
		t.Run(name, func(t *testing.T) {
			if seen := c.marks.See(counter.Step{ID: mine.Next(now), Place: mine.Home()}); !c.fits(seen) {
				t.Errorf("%+v", seen)
			}
		})
	}
}

func TestNoTwoStepsOfAnInstanceHaveTheSameID(t *testing.T) {
	names, seen := counter.NamesOf("i1"), map[counter.Mark]bool{}
	for n := range 10_000 {
		id := names.Next(noon.Add(-time.Duration(n%7) * time.Second)) // a clock that jumps back
		if seen[id] || id == 0 || !names.Gave(id) || counter.NamesOf("i2").Gave(id) {
			t.Fatalf("step %d: %x", n, id)
		}
		seen[id] = true
	}
}
