package dynamo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sluice/shared/dynamo/internal/items"
	"sluice/shared/limit/counter"
)

// ApplyLimit makes one step of a counter, as a whole or not at all. after is the State as it then is; where the step was
// not applied, it is the State that did not allow it. On an error it is not known whether the step was applied; it may be
// shown again.
//
// Access: one conditional UpdateItem, 1 WCU while the item is below 1 KB: with 64 instances it is. A step whose answer was
// lost is repeated, here and by whoever made it: the ID of an instance's last step stays in its place of the item, where the
// repetition meets it. One that gives units back is not repeated here, so that a refusal means that it was not applied.
func (t *Table) ApplyLimit(ctx context.Context, id string, step counter.Step) (after counter.State, applied bool, err error) {
	w, err := limitWrite(id, step)
	if err != nil {
		return counter.State{}, false, err
	}
	i, refused, err := t.items.Apply(ctx, "apply limit", w)
	if err != nil {
		return counter.State{}, false, err
	}
	if after, err = stateOf(i); err != nil {
		return counter.State{}, false, err
	}
	marks, err := marksOf(i)
	if err != nil {
		return counter.State{}, false, err
	}
	after.Seen = marks.See(step)
	return after, !refused || step.ID != 0 && after.Seen.Mark == step.ID, nil
}

// LimitState reads a counter as it is, the zero State if nobody has called on it. An expired item is told too: steps are
// judged by what is stored, so a caller must see the same.
//
// Access: one GetItem, strongly consistent, 1 RCU.
func (t *Table) LimitState(ctx context.Context, id string) (counter.State, error) {
	i, err := t.items.GetAnyAge(ctx, "limit state", limitKey(id))
	if err != nil {
		return counter.State{}, err
	}
	return stateOf(i)
}

// placeNames spells the attributes that marks are kept in, as briefly as can be: they are the most of an item.
var placeNames = func() (names [counter.Places]string) {
	const signs = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for i := range names {
		names[i] = string("mn"[i/len(signs)]) + signs[i%len(signs):i%len(signs)+1]
	}
	return names
}()

func marksOf(i items.Item) (marks counter.Marks, err error) {
	for p, name := range placeNames {
		n, err := i.Number(name)
		if err != nil {
			return counter.Marks{}, err
		}
		marks[p] = counter.Mark(n)
	}
	return marks, nil
}

// limitWrite spells a step. Everything is joined by hand: this is on the path of calls.
func limitWrite(id string, step counter.Step) (items.Write, error) {
	if step.Place < 0 || step.Place >= counter.Places {
		return items.Write{}, fmt.Errorf("a counter has no place %d", step.Place)
	}
	twice := (step.RateAdvance != nil && step.RateSet != nil) || (step.QuotaAdd != nil && step.QuotaReset != nil)
	if twice || step.Expires.IsZero() {
		return items.Write{}, fmt.Errorf("a limit step changes each limit at most once and needs a time to expire: %+v", step)
	}
	s := spelling{set: "SET expires_at = :expires", values: items.Item{":expires": items.Number(step.Expires.Unix())}}
	s.mark(step)
	switch r, set := step.RateAdvance, step.RateSet; {
	case r != nil:
		s.set, s.when = s.set+", tat = tat + :by", s.when+" AND tat BETWEEN :min AND :max"
		s.values[":by"], s.values[":min"], s.values[":max"] = items.Number(r.By), items.Number(r.Min), items.Number(r.Max)
	case set != nil:
		s.set, s.when = s.set+", tat = :to", s.when+" AND (attribute_not_exists(tat) OR tat < :below)"
		s.values[":to"], s.values[":below"] = items.Number(set.To), items.Number(set.Below)
	}
	if step.QuotaAdd != nil {
		s.add(step.QuotaAdd)
	}
	if step.QuotaReset != nil {
		s.reset(step.QuotaReset)
	}
	return items.Write{Key: limitKey(id), Set: s.set, If: strings.TrimPrefix(s.when, " AND "), Values: s.values,
		Once: step.GivesBack()}, nil
}

// spelling is a step on its way to become an UpdateItem.
type spelling struct {
	set, when string
	values    items.Item
}

// mark leaves the step's ID in its place, if what it must come after is there.
func (s *spelling) mark(step counter.Step) {
	if step.ID == 0 && step.After == 0 {
		return
	}
	place := placeNames[step.Place]
	s.set += ", " + place + " = :op"
	s.values[":op"] = items.Number(int64(step.ID))
	switch {
	case step.After != 0:
		s.when = " AND " + place + " = :after"
		s.values[":after"] = items.Number(int64(step.After))
	case step.Shared():
		s.when = " AND (attribute_not_exists(" + place + ") OR " + place + " <> :op)"
	default:
		s.when = " AND attribute_not_exists(" + place + ")"
	}
}

func (s *spelling) add(a *counter.QuotaAdd) {
	s.set, s.when = s.set+", used = used + :units", s.when+" AND period = :period AND used <= :most"
	s.values[":units"], s.values[":period"], s.values[":most"] = items.Number(a.Units), items.Text(a.Period), items.Number(a.Most)
	if a.Risk != 0 {
		s.set += ", risk = if_not_exists(risk, :zero) + :risk"
		s.values[":zero"], s.values[":risk"] = items.Number(0), items.Number(a.Risk)
	}
	if a.Risk > 0 {
		s.when += " AND (attribute_not_exists(risk) OR risk <= :mostrisk)"
		if a.MostRisk < 0 {
			s.when += " AND risk <= :mostrisk" // an absent one is nothing, which is too much
		}
		s.values[":mostrisk"] = items.Number(a.MostRisk)
	}
	switch n := a.Ahead; {
	case n == nil:
	case n.Fresh:
		s.set, s.when = s.set+", ahead_of = :of, ahead = :ahead", s.when+" AND (attribute_not_exists(ahead_of) OR ahead_of <> :of)"
		s.values[":of"], s.values[":ahead"] = items.Text(n.Of), items.Number(n.Units)
	default:
		s.set, s.when = s.set+", ahead = ahead + :ahead", s.when+" AND ahead_of = :of AND ahead <= :mostahead"
		s.values[":of"], s.values[":ahead"], s.values[":mostahead"] = items.Text(n.Of), items.Number(n.Units), items.Number(n.Most)
	}
}

func (s *spelling) reset(r *counter.QuotaReset) {
	s.set += ", period = :period, used = :units, risk = :risk, ahead_of = :of, ahead = :ahead"
	s.values[":period"], s.values[":units"], s.values[":risk"] = items.Text(r.Period), items.Number(r.Units), items.Number(r.Risk)
	s.values[":of"], s.values[":ahead"] = items.Text(""), items.Number(0)
	if n := r.Ahead; n != nil {
		s.values[":of"], s.values[":ahead"] = items.Text(n.Of), items.Number(n.Units)
	}
	if r.From == "" {
		s.when += " AND attribute_not_exists(period)"
	} else {
		s.when += " AND period = :from"
		s.values[":from"] = items.Text(r.From)
	}
	if r.Carried {
		s.when += " AND ahead_of = :period AND ahead = :carried"
		s.values[":carried"] = items.Number(r.CarriedAhead)
		return
	}
	s.when += " AND (attribute_not_exists(ahead_of) OR ahead_of <> :period)"
}

func stateOf(i items.Item) (counter.State, error) {
	var faults [4]error
	var s counter.State
	s.TAT, faults[0] = i.Number(attrTAT)
	s.Used, faults[1] = i.Number(attrUsed)
	s.Risk, faults[2] = i.Number(attrRisk)
	s.Ahead, faults[3] = i.Number(attrAhead)
	s.Period, s.AheadOf = i.Text(attrPeriod), i.Text(attrAheadOf)
	return s, errors.Join(faults[:]...)
}
