package store_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/catalog"
	"sluice/shared/dynamo"
	"sluice/shared/problem"
)

var held = []guarantee{
	{"a call is one owner's until it has an answer, which everybody then gets", callAnswered},
	{"a claim without an answer is anybody's after its time, and its owner can no longer answer", callTakenOver},
	{"an abandoned call is anybody's at once; another's, or one with an answer, stays", callAbandoned},
	{"a call past its time is not there, even while the item is", callExpired},
	{"an answer is kept once, and one of 390 KB with the longest names fits", callAnswers},
	{"what no call can be is refused before anything is sent", callImpossible},
	{"a claim, an answer and an abandoning whose answers are lost are made once", callLost},
	{"a claim that arrives late takes nothing away", callLate},
	{"of many claims at once one is won, and the others are told whose it is", callRace},
}

// claimant is somebody who carries out calls.
type claimant struct {
	t     testing.TB
	table *dynamo.Table
	owner string
}

func (c claimant) claim(id string, held, expires time.Time) (catalog.HeldCall, bool) {
	c.t.Helper()
	call, won, err := c.table.ClaimCall(c.t.Context(), id, c.owner, "print of "+c.owner, held, expires)
	must(c.t, err, c.owner+" claims")
	return call, won
}

// wins fails unless the claim is won.
func (c claimant) wins(id string, held, expires time.Time) {
	c.t.Helper()
	got, won := c.claim(id, held, expires)
	expected := catalog.HeldCall{Owner: c.owner, Fingerprint: "print of " + c.owner,
		Held: held.Truncate(time.Microsecond), Expires: expires.Truncate(time.Second)}
	if diff := cmp.Diff(expected, got); diff != "" || !won {
		c.t.Fatalf("%s did not win: %v\n%s", c.owner, won, diff)
	}
}

// finds fails unless the call is another's.
func (c claimant) finds(id string, expected catalog.HeldCall) {
	c.t.Helper()
	got, won := c.claim(id, noon.Add(time.Hour), noon.Add(time.Hour))
	if diff := cmp.Diff(expected, got); diff != "" || won {
		c.t.Fatalf("%s found something else: won %v\n%s", c.owner, won, diff)
	}
}

func (c claimant) finish(id string, answer string, expires time.Time) error {
	c.t.Helper()
	return c.table.FinishCall(c.t.Context(), id, c.owner, []byte(answer), expires)
}

func (c claimant) abandon(id string) {
	c.t.Helper()
	must(c.t, c.table.AbandonCall(c.t.Context(), id, c.owner), c.owner+" abandons")
}

// pair is two claimants on one table, by one clock.
func pair(t testing.TB, b bench) (clock *hand, ann, bob claimant) {
	t.Helper()
	clock = newHand()
	table := b.open(t, clock.skewed(0))
	return clock, claimant{t, table, "ann"}, claimant{t, table, "bob"}
}

var (
	held30s = noon.Add(30 * time.Second)
	kept24h = noon.Add(24 * time.Hour)
)

func byAnn(answer []byte) catalog.HeldCall {
	return catalog.HeldCall{Owner: "ann", Fingerprint: "print of ann", Answer: answer,
		Held: held30s.Truncate(time.Microsecond), Expires: kept24h.Truncate(time.Second)}
}

func callAnswered(t *testing.T, b bench) {
	_, ann, bob := pair(t, b)
	ann.wins("c1", held30s, kept24h)
	bob.finds("c1", byAnn(nil))
	ann.wins("c1", held30s, kept24h)
	must(t, ann.finish("c1", "201 made", kept24h), "finish")
	bob.finds("c1", byAnn([]byte("201 made")))
	ann.finds("c1", byAnn([]byte("201 made")))
	bob.wins("c2", held30s, kept24h)
}

func callTakenOver(t *testing.T, b bench) {
	clock, ann, bob := pair(t, b)
	ann.wins("c1", held30s, kept24h)
	clock.move(30*time.Second - time.Microsecond)
	bob.finds("c1", byAnn(nil))
	clock.move(time.Microsecond)
	bob.wins("c1", held30s.Add(time.Minute), kept24h)
	want(t, problem.Conflict, ann.finish("c1", "late", kept24h), "the answer of who lost it")
	ann.abandon("c1")
	must(t, bob.finish("c1", "mine", kept24h), "the answer of who has it")
	ann.wins("c2", held30s.Add(time.Hour), kept24h)
	clock.move(2 * time.Hour)
	must(t, ann.finish("c2", "late, and nobody else came", kept24h), "finish")
	want(t, problem.Conflict, bob.finish("never", "x", kept24h), "the answer of a call that nobody claimed")
}

func callAbandoned(t *testing.T, b bench) {
	_, ann, bob := pair(t, b)
	ann.wins("c1", held30s, kept24h)
	bob.abandon("c1")
	bob.abandon("never")
	bob.finds("c1", byAnn(nil))
	ann.abandon("c1")
	ann.abandon("c1")
	bob.wins("c1", held30s, kept24h)
	must(t, bob.finish("c1", "done", kept24h), "finish")
	bob.abandon("c1")
	done := byAnn([]byte("done"))
	done.Owner, done.Fingerprint = "bob", "print of bob"
	ann.finds("c1", done)
}

func callExpired(t *testing.T, b bench) {
	clock, ann, bob := pair(t, b)
	ann.wins("c1", held30s, kept24h)
	must(t, ann.finish("c1", "done", noon.Add(time.Hour)), "finish")
	clock.move(time.Hour - time.Second)
	if c, won := bob.claim("c1", held30s, kept24h); won || string(c.Answer) != "done" {
		t.Errorf("before its time: %+v, %v", c, won)
	}
	clock.move(2 * time.Second)
	bob.wins("c1", clock.now().Add(time.Minute), kept24h)
}

func callAnswers(t *testing.T, b bench) {
	_, ann, bob := pair(t, b)
	ann.wins("c1", held30s, kept24h)
	must(t, ann.finish("c1", "done", kept24h), "finish")
	must(t, ann.finish("c1", "done", kept24h), "finish the same")
	want(t, problem.Conflict, ann.finish("c1", "other", kept24h), "finish otherwise")
	want(t, problem.Conflict, bob.finish("c1", "done", kept24h), "finish another's")
	plain(t, ann.finish("c1", "", kept24h), "an empty answer")
	long, owner := strings.Repeat("i", 2043), strings.Repeat("o", 256)
	big := bytes.Repeat([]byte{0, 0xff}, 195_000)
	_, won, err := ann.table.ClaimCall(t.Context(), long, owner, owner, held30s, kept24h)
	if must(t, err, "claim"); !won {
		t.Fatal("not won")
	}
	want(t, problem.TooLarge, ann.table.FinishCall(t.Context(), long, owner, append(big, 1), kept24h), "one byte more")
	must(t, ann.table.FinishCall(t.Context(), long, owner, big, kept24h), "the largest")
	if c, won := bob.claim(long, held30s, kept24h); won || !bytes.Equal(c.Answer, big) {
		t.Errorf("%d bytes, %v", len(c.Answer), won)
	}
}

func callImpossible(t *testing.T, b bench) {
	sent := 0
	table := b.open(t, dynamo.WithObserver(func(string, float64, float64) { sent++ }))
	long := strings.Repeat("x", 257)
	for what, c := range map[string]struct {
		owner, fingerprint string
		held               time.Time
	}{
		"no owner":                  {"", "f", held30s},
		"an owner too long":         {long, "f", held30s},
		"a fingerprint too long":    {"ann", long, held30s},
		"held longer than it lives": {"ann", "f", kept24h.Add(time.Second)},
	} {
		_, won, err := table.ClaimCall(t.Context(), "c1", c.owner, c.fingerprint, c.held, kept24h)
		if plain(t, err, what); won {
			t.Errorf("%s: won", what)
		}
	}
	if sent > 0 {
		t.Errorf("%d calls were made", sent)
	}
}

func callLost(t *testing.T, b bench) {
	clock, _, bob := pair(t, b)
	for _, f := range []fault{loseAnswer, loseRequest, throttle, breakDown} {
		net := &network{plan: func(_ string, n int) fault {
			if n%2 == 1 {
				return f
			}
			return fine
		}}
		ann := claimant{t, b.open(t, clock.skewed(0), dynamo.WithTransport(net)), "ann"}
		id := fmt.Sprint("c", f)
		ann.wins(id, held30s, kept24h)
		bob.finds(id, byAnn(nil))
		ann.abandon(id)
		bob.wins(id, held30s, kept24h)
		must(t, bob.finish(id, "done", kept24h), "finish")
		ann.wins(id+"b", held30s, kept24h)
		must(t, ann.finish(id+"b", "done", kept24h), "finish")
		bob.finds(id+"b", byAnn([]byte("done")))
	}
}

func callLate(t *testing.T, b bench) {
	clock, _, bob := pair(t, b)
	net := &network{plan: func(_ string, n int) fault {
		if n == 1 {
			return delay
		}
		return fine
	}}
	ann := claimant{t, b.open(t, clock.skewed(0), dynamo.WithTransport(net)), "ann"}
	ann.wins("c1", held30s, kept24h)
	must(t, ann.finish("c1", "done", kept24h), "finish")
	net.deliver(t)
	bob.finds("c1", byAnn([]byte("done")))
}

func callRace(t *testing.T, b bench) {
	const contenders = 32
	found, wins := make([]catalog.HeldCall, contenders), make([]bool, contenders)
	var all sync.WaitGroup
	for n := range contenders {
		all.Go(func() {
			net := &network{plan: func(_ string, call int) fault { return []fault{fine, loseAnswer, loseRequest}[(n+call)%3] }}
			c := claimant{t, b.open(t, newHand().skewed(0), dynamo.WithTransport(net)), fmt.Sprint("owner-", n)}
			var err error
			found[n], wins[n], err = c.table.ClaimCall(t.Context(), "c1", c.owner, "f", held30s, kept24h)
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	winners := map[string]int{}
	for n, c := range found {
		winners[c.Owner]++
		if wins[n] != (c.Owner == fmt.Sprint("owner-", n)) {
			t.Errorf("contender %d: won %v, told %+v", n, wins[n], c)
		}
	}
	if len(winners) != 1 {
		t.Errorf("owners that were told: %v", winners)
	}
}
