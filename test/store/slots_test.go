package store_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/shared/dynamo"
	"sluice/shared/problem"
)

var slots = []guarantee{
	{"as many slots as allowed are held at once, and each that is freed or has passed can be taken again", slotBound},
	{"a holder extends its own slot, even where most was lowered below those that are held, and nothing makes it shorter", slotExtended},
	{"where most was lowered, no slot is given until enough are back", slotsLowered},
	{"a slot counts until its time and one second have passed", slotMargin},
	{"500 holders with the longest names fit, and all of them can be replaced once they have passed", slotsFull},
	{"what no slot can be is refused before anything is sent", slotsImpossible},
	{"slots do what a model of them does, for random calls, a most that changes and a clock that moves", slotsAsModel},
	{"of many who are the first at once, as many as allowed hold a slot", slotsNew},
	{"of many who find the slots of the dead, as many as allowed hold a slot", slotsOfTheDead},
	{"a slot whose answer is lost is held once, freed once, and taken by no late request for longer than asked", slotsLost},
	{"never more than most hold a slot by their own clocks: many goroutines, skewed clocks, lost calls, slots left to pass", slotRace},
}

// hand is a clock that a test moves.
type hand struct{ micros atomic.Int64 }

func newHand() *hand {
	h := new(hand)
	h.micros.Store(noon.UnixMicro())
	return h
}

func (h *hand) now() time.Time { return time.UnixMicro(h.micros.Load()).UTC() }

func (h *hand) move(d time.Duration) { h.micros.Add(d.Microseconds()) }

func (h *hand) skewed(by time.Duration) dynamo.Option {
	return dynamo.WithClock(func() time.Time { return h.now().Add(by) })
}

// taker takes slots of one semaphore.
type taker struct {
	t     testing.TB
	table *dynamo.Table
	id    string
}

func (k taker) take(holder string, most int, until time.Time) bool {
	k.t.Helper()
	held, err := k.table.TakeSlot(k.t.Context(), k.id, holder, most, until)
	must(k.t, err, "take a slot for "+holder)
	return held
}

func (k taker) want(held bool, holder string, most int, until time.Time) {
	k.t.Helper()
	if got := k.take(holder, most, until); got != held {
		k.t.Fatalf("%s holds one of %d slots: %v, want %v", holder, most, got, held)
	}
}

func (k taker) free(holder string) {
	k.t.Helper()
	must(k.t, k.table.FreeSlot(k.t.Context(), k.id, holder), "free the slot of "+holder)
}

func slotBound(t *testing.T, b bench) {
	clock := newHand()
	s := taker{t, b.open(t, clock.skewed(0)), "up"}
	s.free("nobody")
	soon, late := noon.Add(time.Minute), noon.Add(time.Hour)
	s.want(true, "a", 3, soon)
	s.want(true, "b", 3, late)
	s.want(true, "c", 3, late)
	s.want(false, "d", 3, late)
	s.free("nobody")
	s.want(false, "d", 3, late)
	s.free("b")
	s.free("b")
	s.want(true, "d", 3, late)
	s.want(false, "e", 3, late)
	clock.move(2 * time.Minute)
	s.want(true, "e", 3, late)
	s.want(false, "f", 3, late)
	s.want(true, "f", 4, late)
	other := taker{t, s.table, "another"}
	other.want(true, "x", 1, late)
	clock.move(2 * time.Hour)
	for n := range 3 {
		s.want(true, fmt.Sprint("new-", n), 3, late.Add(2*time.Hour))
	}
	s.want(false, "x", 3, late.Add(2*time.Hour))
	if held := b.stored(t, "slots#up", "self")["holders"].(map[string]any)["M"].(map[string]any); len(held) != 3 {
		t.Errorf("passed slots were kept: %v", held)
	}
}

func slotExtended(t *testing.T, b bench) {
	clock := newHand()
	s := taker{t, b.open(t, clock.skewed(0)), "up"}
	s.want(true, "a", 2, noon.Add(time.Minute))
	s.want(true, "b", 2, noon.Add(time.Hour))
	s.want(true, "a", 1, noon.Add(3*time.Minute))
	s.want(true, "a", 1, noon.Add(2*time.Minute)) // has longer already
	clock.move(2*time.Minute + 30*time.Second)
	s.want(false, "c", 2, noon.Add(time.Hour))
	clock.move(time.Minute)
	s.want(false, "a", 1, noon.Add(time.Hour)) // has passed: as new
	s.want(true, "a", 2, noon.Add(time.Hour))
	s.want(false, "c", 2, noon.Add(time.Hour))
}

func slotsLowered(t *testing.T, b bench) {
	clock := newHand()
	s := taker{t, b.open(t, clock.skewed(0)), "up"}
	for n := range 6 {
		s.want(true, fmt.Sprint(n), 6, noon.Add(time.Duration(n+1)*time.Minute))
	}
	s.want(false, "x", 3, noon.Add(time.Hour))
	s.free("5")
	s.free("4")
	s.want(false, "x", 3, noon.Add(time.Hour))
	clock.move(time.Minute + 2*time.Second)
	s.want(false, "x", 3, noon.Add(time.Hour))
	clock.move(time.Minute)
	s.want(true, "x", 3, noon.Add(time.Hour))
	s.want(false, "y", 3, noon.Add(time.Hour))
}

func slotMargin(t *testing.T, b bench) {
	clock := newHand()
	s := taker{t, b.open(t, clock.skewed(0)), "up"}
	s.want(true, "a", 1, noon.Add(time.Minute))
	clock.move(time.Minute + time.Second - time.Microsecond)
	s.want(false, "b", 1, noon.Add(time.Hour))
	clock.move(time.Microsecond)
	s.want(true, "b", 1, noon.Add(time.Hour))
}

func slotsFull(t *testing.T, b bench) {
	clock := newHand()
	name := func(n int) string { return fmt.Sprintf("%064d", n) }
	write := 0.0
	s := taker{t, b.open(t, clock.skewed(0), dynamo.WithObserver(func(_ string, _, w float64) { write = w })), "up"}
	for n := range 500 {
		s.want(true, name(n), 500, noon.Add(time.Minute))
	}
	if write < 30 || write > 40 {
		t.Errorf("the last of 500 slots costs %v WCU", write)
	}
	s.want(false, name(500), 500, noon.Add(time.Minute))
	clock.move(time.Hour)
	s.want(true, name(501), 1, noon.Add(2*time.Hour))
	s.want(false, name(502), 1, noon.Add(2*time.Hour))
}

func slotsImpossible(t *testing.T, b bench) {
	sent := 0
	table := b.open(t, newHand().skewed(0), dynamo.WithObserver(func(string, float64, float64) { sent++ }))
	for what, c := range map[string]struct {
		holder string
		most   int
		until  time.Time
	}{
		"no name":            {"", 1, noon.Add(time.Minute)},
		"a name too long":    {strings.Repeat("x", 65), 1, noon.Add(time.Minute)},
		"a name not text":    {"\xff", 1, noon.Add(time.Minute)},
		"no slot":            {"a", 0, noon.Add(time.Minute)},
		"more than an item":  {"a", 501, noon.Add(time.Minute)},
		"a time that is now": {"a", 1, noon.Truncate(time.Microsecond)},
		"a time too far":     {"a", 1, noon.Add(25 * time.Hour)},
	} {
		held, err := table.TakeSlot(t.Context(), "up", c.holder, c.most, c.until)
		if plain(t, err, what); held {
			t.Errorf("%s: held", what)
		}
	}
	plain(t, table.FreeSlot(t.Context(), "up", ""), "free without a name")
	_, err := table.TakeSlot(t.Context(), strings.Repeat("x", 3000), "a", 1, noon.Add(time.Minute))
	if want(t, problem.Invalid, err, "an id too long"); sent > 0 {
		t.Errorf("%d calls were made", sent)
	}
}

func slotsLost(t *testing.T, b bench) {
	clock := newHand()
	var net *network
	each := func(f fault) taker { // each call fails once, then works
		net = &network{plan: func(_ string, n int) fault {
			if n%2 == 1 {
				return f
			}
			return fine
		}}
		return taker{t, b.open(t, clock.skewed(0), dynamo.WithTransport(net)), "up"}
	}
	plainly := taker{t, b.open(t, clock.skewed(0)), "up"}
	until := noon.Add(time.Minute)
	for _, f := range []fault{loseAnswer, loseRequest, throttle, breakDown} {
		s := each(f)
		for n := range 3 {
			s.want(true, fmt.Sprint(f, n), 3, until)
		}
		s.want(false, "x", 3, until)
		for n := range 3 {
			s.free(fmt.Sprint(f, n))
		}
		for n := range 3 {
			plainly.want(true, fmt.Sprint(f, "again", n), 3, until)
		}
		plainly.want(false, "x", 3, until)
		clock.move(2 * time.Minute)
		until = until.Add(2 * time.Minute)
		s.want(true, fmt.Sprint(f, "over"), 1, until) // drops the passed ones
		s.free(fmt.Sprint(f, "over"))
	}
	s := each(delay)
	s.want(true, "early", 1, until)
	plainly.want(true, "early", 1, until.Add(time.Hour))
	net.deliver(t)
	clock.move(2 * time.Minute)
	plainly.want(false, "x", 1, until.Add(time.Hour)) // the late request made nothing shorter
}

// contend has 16 at once, each with a table of its own, take slots, and fails unless most of them hold one.
func contend(t *testing.T, b bench, clock *hand, id string, most int) {
	t.Helper()
	var held atomic.Int64
	var all sync.WaitGroup
	for n := range 16 {
		all.Go(func() {
			won, err := b.open(t, clock.skewed(0)).TakeSlot(t.Context(), id, fmt.Sprint("holder-", n), most, clock.now().Add(time.Minute))
			if err != nil {
				t.Error(err)
			}
			if won {
				held.Add(1)
			}
		})
	}
	all.Wait()
	if held.Load() != int64(most) {
		t.Errorf("%d hold one of %d slots of %s", held.Load(), most, id)
	}
}

func slotsNew(t *testing.T, b bench) {
	for n := range 12 {
		contend(t, b, newHand(), fmt.Sprint("up-", n), 1+n)
	}
}

func slotsOfTheDead(t *testing.T, b bench) {
	clock := newHand()
	s := taker{t, b.open(t, clock.skewed(0)), "up"}
	for n := range 8 {
		for i := range 12 - n {
			s.take(fmt.Sprint("dead-", n, "-", i), 12, clock.now().Add(time.Duration(i+1)*time.Second))
		}
		clock.move(time.Hour)
		contend(t, b, clock, "up", 12-n)
		clock.move(time.Hour)
	}
}

// holding is what the holders believe by their own clocks, who may be wrong by half a second: the other half of slotRace.
type holding struct {
	mu    sync.Mutex
	until map[string]time.Time // by the common clock
	most  int                  // seen at once
	given int
}

// begin notes a slot and counts those that are held by now.
func (h *holding) begin(clock *hand, holder string, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.until[holder] = until
	now, n := clock.now(), 0
	for _, u := range h.until {
		if u.After(now) {
			n++
		}
	}
	h.most, h.given = max(h.most, n), h.given+1
}

func (h *holding) end(holder string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.until, holder)
}

func slotRace(t *testing.T, b bench) {
	const most, workers, rounds = 5, 24, 30
	clock, held := newHand(), &holding{until: map[string]time.Time{}}
	var all sync.WaitGroup
	for n := range workers {
		all.Go(func() {
			dice := rand.New(rand.NewPCG(7, uint64(n)))
			skew := time.Duration(dice.IntN(1000)-500) * time.Millisecond / 2
			net := &network{plan: func(string, int) fault {
				return []fault{fine, fine, fine, fine, fine, fine, loseAnswer, loseRequest, throttle}[dice.IntN(9)]
			}}
			table := b.open(t, clock.skewed(skew), dynamo.WithTransport(net))
			for round := range rounds {
				holder := fmt.Sprintf("w%d-%d", n, round)
				until := clock.now().Add(skew + time.Duration(1+dice.IntN(3000))*time.Millisecond)
				won, err := table.TakeSlot(t.Context(), "up", holder, most, until)
				if err != nil && !problem.Is(err, problem.Unavailable) && until.After(clock.now().Add(skew)) {
					t.Errorf("take: %v", err)
				}
				if won {
					held.begin(clock, holder, until.Add(-skew))
				}
				clock.move(time.Duration(dice.IntN(40)) * time.Millisecond)
				if won && dice.IntN(4) > 0 || err != nil {
					held.end(holder)
					if err := table.FreeSlot(t.Context(), "up", holder); err != nil && !problem.Is(err, problem.Unavailable) {
						t.Errorf("free: %v", err)
					}
				}
			}
		})
	}
	all.Wait()
	if held.most > most || held.given < workers {
		t.Errorf("at most %d of %d slots were held at once; %d were given", held.most, most, held.given)
	}
	clock.move(time.Hour)
	s := taker{t, b.open(t, clock.skewed(0)), "up"}
	for n := range most {
		s.want(true, fmt.Sprint("last-", n), most, clock.now().Add(time.Minute))
	}
	s.want(false, "last", most, clock.now().Add(time.Minute))
}
