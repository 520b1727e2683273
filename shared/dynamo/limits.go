package dynamo

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"sluice/shared/dynamo/internal/items"
	"sluice/shared/limit"
)

// ApplyLimit makes one step of a counter, as a whole or not at all. after is the State as it then is; where the step was
// not applied, it is the State that did not allow it. On an error it is not known whether the step was applied; it may be
// shown again.
//
// Access: one conditional UpdateItem, 1 WCU. A step whose answer was lost is repeated, here and by whoever made it: each
// instance leaves the ID of its last step in one of 32 places of the item, which the repetition then meets, so it is not
// applied twice unless one of the other instances that share the place wrote in between; then it may be, which charges
// units for nothing and never admits one too many. A step that gives units back names the ID that it must find there
// (limit.Step.After): it is never applied twice, and not repeated here, so a refusal means that it was not applied at all.
func (t *Table) ApplyLimit(ctx context.Context, id string, step limit.Step) (after limit.State, applied bool, err error) {
	if step.ID == "" {
		step.ID = t.instance + "." + strconv.FormatUint(t.steps.Add(1), 36)
	}
	w, err := limitWrite(id, step)
	if err != nil {
		return limit.State{}, false, err
	}
	i, refused, err := t.items.Apply(ctx, "apply limit", w)
	if err != nil {
		return limit.State{}, false, err
	}
	after, err = stateOf(i)
	after.Mark = i.Text(opPlace(step.ID))
	return after, err == nil && (!refused || i.Text(opPlace(step.ID)) == step.ID), err
}

// LimitState reads a counter as it is, the zero State if nobody has called on it. An expired item is told too: steps are
// judged by what is stored, so a caller must see the same.
//
// Access: one GetItem, strongly consistent, 1 RCU.
func (t *Table) LimitState(ctx context.Context, id string) (limit.State, error) {
	i, err := t.items.GetAnyAge(ctx, "limit state", limitKey(id))
	if err != nil {
		return limit.State{}, err
	}
	return stateOf(i)
}

// opPlace is the place in a counter where an instance leaves the ID of its last step.
func opPlace(id string) string {
	const places = 32
	instance, _, _ := strings.Cut(id, ".")
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(instance)) // it never fails
	return "op" + strconv.Itoa(int(sum.Sum32()%places))
}

// limitWrite spells a step. Everything is joined by hand: this is on the path of calls.
func limitWrite(id string, step limit.Step) (items.Write, error) {
	twice := (step.RateAdvance != nil && step.RateSet != nil) || (step.QuotaAdd != nil && step.QuotaReset != nil)
	if twice || step.Expires.IsZero() {
		return items.Write{}, fmt.Errorf("a limit step changes each limit at most once and needs a time to expire: %+v", step)
	}
	op := opPlace(step.ID)
	fresh := "(attribute_not_exists(" + op + ") OR " + op + " <> :op)"
	if step.After != "" {
		fresh = op + " = :after"
	}
	s := spelling{set: "SET " + op + " = :op, expires_at = :expires", when: fresh,
		values: items.Item{":op": items.Text(step.ID), ":expires": items.Number(step.Expires.Unix())}}
	if step.After != "" {
		s.values[":after"] = items.Text(step.After)
	}
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
	return items.Write{Key: limitKey(id), Set: s.set, If: s.when, Values: s.values, Once: step.After != ""}, nil
}

// spelling is a step on its way to become an UpdateItem.
type spelling struct {
	set, when string
	values    items.Item
}

func (s *spelling) add(a *limit.QuotaAdd) {
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

func (s *spelling) reset(r *limit.QuotaReset) {
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

func stateOf(i items.Item) (limit.State, error) {
	var faults [4]error
	var s limit.State
	s.TAT, faults[0] = i.Number(attrTAT)
	s.Used, faults[1] = i.Number(attrUsed)
	s.Risk, faults[2] = i.Number(attrRisk)
	s.Ahead, faults[3] = i.Number(attrAhead)
	s.Period, s.AheadOf = i.Text(attrPeriod), i.Text(attrAheadOf)
	return s, errors.Join(faults[:]...)
}
