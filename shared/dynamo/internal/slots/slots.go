// Package slots keeps a counting semaphore in one item: a map of holders to the times until which each holds a slot.
//
// The bound. An entry counts from the write that makes it until its time and Margin have passed. A write that adds an entry has
// one of two conditions: that the map has fewer entries than allowed, whatever they are worth (join), or that the map is
// exactly the one from which the passed entries were dropped and the others counted (replace). Either is judged by the
// store together with the write, so there is no interleaving in which a slot too many is given. Writers of join do not
// disturb each other; those of replace do, and then decide anew by the map that the store answered with.
//
// Lost answers. A repeated join or replace finds its own entry and is answered by it; an entry is never made shorter, so a
// request that arrives late, behind a longer one, changes nothing. One that arrives after the slot was freed, or refused to
// its repetition, takes it until its time passes: too much is counted, and never too little. A late Free would take away a
// later slot of the same name: so a name that was freed must not come back.
package slots

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"sluice/shared/dynamo/internal/items"
	"sluice/shared/problem"
)

const (
	// Most is how many slots one item may have.
	Most = 500
	// MaxHolder is how many bytes a holder's name may have: with Most of them, an item has 38 KB.
	MaxHolder = 64
	// Longest is how far ahead a slot may reach. An item is kept for twice that after its last write.
	Longest = 24 * time.Hour
	// Margin is how long a slot counts after its time: clocks differ by at most 500 ms, and its holder must be the first to
	// know that it is over.
	Margin = time.Second

	attempts   = 24
	attrHolder = "holders" // map of names to microseconds since the epoch
)

// Claim is what a holder asks for.
type Claim struct {
	Holder string
	Most   int
	Until  time.Time
}

// Take takes or extends a slot. It is one write; two where the item is new or has entries to drop, and more only where
// others replace the map in the same moment.
func Take(ctx context.Context, t *items.Table, k items.Key, c Claim) (held bool, err error) {
	const op = "take slot"
	if err := c.check(t.Now()); err != nil {
		return false, err
	}
	w := c.join(k, t.Now())
	for n := 1; ; n++ {
		old, refused, err := t.Apply(ctx, op, w)
		if err != nil || !refused {
			return err == nil, err
		}
		holders, err := old.Numbers(attrHolder)
		if err != nil {
			return false, err
		}
		var next step
		if next, w = c.next(k, holders, t.Now()); next != again {
			return next == yes, nil
		}
		if n == attempts {
			return false, problem.Wrap(errors.New("slots: too many writers at once"), problem.Unavailable, "the store is busy; try again shortly")
		}
		if err := t.Pause(ctx, n); err != nil {
			return false, t.Fault(ctx, op, err)
		}
	}
}

// Free gives a slot back; one that is not held is success.
func Free(ctx context.Context, t *items.Table, k items.Key, holder string) error {
	if !named(holder) {
		return fmt.Errorf("free slot: no holder has the name %q", holder)
	}
	_, _, err := t.Apply(ctx, "free slot", items.Write{Key: k, Set: "REMOVE holders.#h", If: "attribute_exists(holders.#h)",
		Names: map[string]string{"#h": holder}, Quiet: true})
	return err
}

func named(holder string) bool {
	return holder != "" && len(holder) <= MaxHolder && utf8.ValidString(holder)
}

func (c Claim) check(now time.Time) error {
	switch {
	case !named(c.Holder):
		return fmt.Errorf("take slot: no holder can have the name %q", c.Holder)
	case c.Most < 1 || c.Most > Most:
		return fmt.Errorf("take slot: there are 1..%d slots, not %d", Most, c.Most)
	case !c.Until.After(now) || c.Until.Sub(now) > Longest:
		return fmt.Errorf("take slot: a slot is held from now, for at most %v, not until %v", Longest, c.Until)
	}
	return nil
}

type step int

const (
	again step = iota
	yes
	no
)

// next decides by the map that did not allow the last write.
func (c Claim) next(k items.Key, holders map[string]int64, now time.Time) (step, items.Write) {
	mine, there := holders[c.Holder]
	if there && mine >= c.Until.UnixMicro() { // a write whose answer was lost, or a longer one
		return yes, items.Write{}
	}
	dead, others := passed(now), map[string]int64{}
	for name, until := range holders {
		if name != c.Holder && until > dead {
			others[name] = until
		}
	}
	extends := there && mine > dead
	switch {
	case !extends && len(others) >= c.Most:
		return no, items.Write{}
	case extends || (len(holders) > 0 && len(holders) < c.Most):
		return again, c.join(k, now)
	}
	others[c.Holder] = c.Until.UnixMicro()
	return again, replace(k, holders, others, now)
}

// passed is the last microsecond that no longer counts.
func passed(now time.Time) int64 { return now.Add(-Margin).UnixMicro() }

func forget(now time.Time) int64 { return now.Add(2 * Longest).Unix() }

// join adds an entry where there is room without dropping any, or makes a counting one longer.
func (c Claim) join(k items.Key, now time.Time) items.Write {
	return items.Write{
		Key: k, Set: "SET holders.#h = :until, expires_at = :forget", Names: map[string]string{"#h": c.Holder}, Quiet: true,
		If: "attribute_exists(holders) AND (attribute_not_exists(holders.#h) OR holders.#h <= :until)" +
			" AND (holders.#h > :passed OR size(holders) < :most)",
		Values: items.Item{":until": items.Number(c.Until.UnixMicro()), ":passed": items.Number(passed(now)),
			":most": items.Number(int64(c.Most)), ":forget": items.Number(forget(now))},
	}
}

// replace puts one map in place of exactly another.
func replace(k items.Key, from, to map[string]int64, now time.Time) items.Write {
	w := items.Write{
		Key: k, Set: "SET holders = :to, expires_at = :forget", If: "holders = :from", Quiet: true,
		Values: items.Item{":to": items.Numbers(to), ":forget": items.Number(forget(now))},
	}
	if from == nil {
		w.If = "attribute_not_exists(holders)"
		return w
	}
	w.Values[":from"] = items.Numbers(from)
	return w
}
