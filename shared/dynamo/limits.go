package dynamo

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"sluice/shared/dynamo/internal/items"
	"sluice/shared/limit"
)

// ApplyLimit makes one step of the limits of a subscription, as a whole or not at all. after is the State as it then is;
// where the step was not applied, it is the State that did not allow it. On an error it is not known whether the step was
// applied.
//
// Access: one conditional UpdateItem, 1 WCU. A call whose answer was lost is repeated: each step leaves its id in the item,
// which its repetition then meets, so it is not applied twice unless another instance's step came between; then it may
// be, which charges a call too much and never admits one too many.
func (t *Table) ApplyLimit(ctx context.Context, id string, step limit.Step) (after limit.State, applied bool, err error) {
	op := t.instance + "." + strconv.FormatUint(t.steps.Add(1), 36)
	w, err := limitWrite(id, op, step)
	if err != nil {
		return limit.State{}, false, err
	}
	i, refused, err := t.items.Apply(ctx, "apply limit", w)
	if err != nil {
		return limit.State{}, false, err
	}
	after, err = stateOf(i)
	return after, err == nil && (!refused || i.Text(attrOp) == op), err
}

// LimitState reads the limits of a subscription as they are, the zero State if it has never called. An expired item is
// told too: steps are judged by what is stored, so a caller must see the same.
//
// Access: one GetItem, strongly consistent, 1 RCU.
func (t *Table) LimitState(ctx context.Context, id string) (limit.State, error) {
	i, err := t.items.GetAnyAge(ctx, "limit state", limitKey(id))
	if err != nil {
		return limit.State{}, err
	}
	return stateOf(i)
}

// limitWrite spells a step. Everything is joined by hand: this is on the path of each call.
func limitWrite(id, op string, step limit.Step) (items.Write, error) {
	twice := (step.RateAdvance != nil && step.RateSet != nil) || (step.QuotaAdd != nil && step.QuotaReset != nil)
	if twice || step.Expires.IsZero() {
		return items.Write{}, fmt.Errorf("a limit step changes each limit at most once and needs a time to expire: %+v", step)
	}
	set, condition := "SET op = :op, expires_at = :expires", "(attribute_not_exists(op) OR op <> :op)"
	values := items.Item{":op": items.Text(op), ":expires": items.Number(step.Expires.Unix())}
	switch r, s := step.RateAdvance, step.RateSet; {
	case r != nil:
		set, condition = set+", tat = tat + :by", condition+" AND tat BETWEEN :min AND :max"
		values[":by"], values[":min"], values[":max"] = items.Number(r.By), items.Number(r.Min), items.Number(r.Max)
	case s != nil:
		set, condition = set+", tat = :to", condition+" AND (attribute_not_exists(tat) OR tat < :below)"
		values[":to"], values[":below"] = items.Number(s.To), items.Number(s.Below)
	}
	switch a, r := step.QuotaAdd, step.QuotaReset; {
	case a != nil:
		set, condition = set+", used = used + :units", condition+" AND period = :period AND used <= :most"
		values[":units"], values[":period"], values[":most"] = items.Number(a.Units), items.Text(a.Period), items.Number(a.Most)
	case r != nil:
		set, condition = set+", period = :period, used = :units", condition+" AND (attribute_not_exists(period) OR period < :period)"
		values[":units"], values[":period"] = items.Number(r.Units), items.Text(r.Period)
	}
	return items.Write{Key: limitKey(id), Set: set, If: condition, Values: values}, nil
}

func stateOf(i items.Item) (limit.State, error) {
	tat, err1 := i.Number(attrTAT)
	used, err2 := i.Number(attrUsed)
	return limit.State{TAT: tat, Period: i.Text(attrPeriod), Used: used}, errors.Join(err1, err2)
}
