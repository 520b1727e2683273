package dynamo

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

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
	in, err := t.limitUpdate(id, op, step)
	if err != nil {
		return limit.State{}, false, err
	}
	var out *dynamodb.UpdateItemOutput
	err = t.attempt(ctx, "apply limit", func() (float64, float64, error) {
		var err error
		if out, err = t.db.UpdateItem(ctx, in); err != nil {
			return 0, refusedUnits(err), err
		}
		return 0, consumed(out.ConsumedCapacity), nil
	})
	var refused *types.ConditionalCheckFailedException
	if errors.As(err, &refused) {
		now := item(refused.Item)
		after, err = stateOf(now)
		return after, err == nil && now.text(attrOp) == op, err
	}
	if err != nil {
		return limit.State{}, false, err
	}
	after, err = stateOf(out.Attributes)
	return after, err == nil, err
}

// LimitState reads the limits of a subscription as they are, the zero State if it has never called. An expired item is
// told too: steps are judged by what is stored, so a caller must see the same.
//
// Access: one GetItem, strongly consistent, 1 RCU.
func (t *Table) LimitState(ctx context.Context, id string) (limit.State, error) {
	i, err := t.getAnyAge(ctx, "limit state", limitKey(id))
	if err != nil {
		return limit.State{}, err
	}
	return stateOf(i)
}

// limitUpdate spells a step. Everything is joined by hand: this is on the path of each call.
func (t *Table) limitUpdate(id, op string, step limit.Step) (*dynamodb.UpdateItemInput, error) {
	if (step.RateAdvance != nil && step.RateSet != nil) || (step.QuotaAdd != nil && step.QuotaReset != nil) || step.Expires.IsZero() {
		return nil, fmt.Errorf("a limit step changes each limit at most once and needs a time to expire: %+v", step)
	}
	set, condition := "SET op = :op, expires_at = :expires", "(attribute_not_exists(op) OR op <> :op)"
	values := item{":op": text(op), ":expires": number(step.Expires.Unix())}
	switch r, s := step.RateAdvance, step.RateSet; {
	case r != nil:
		set, condition = set+", tat = tat + :by", condition+" AND tat BETWEEN :min AND :max"
		values[":by"], values[":min"], values[":max"] = number(r.By), number(r.Min), number(r.Max)
	case s != nil:
		set, condition = set+", tat = :to", condition+" AND (attribute_not_exists(tat) OR tat < :below)"
		values[":to"], values[":below"] = number(s.To), number(s.Below)
	}
	switch a, r := step.QuotaAdd, step.QuotaReset; {
	case a != nil:
		set, condition = set+", used = used + :units", condition+" AND period = :period AND used <= :most"
		values[":units"], values[":period"], values[":most"] = number(a.Units), text(a.Period), number(a.Most)
	case r != nil:
		set, condition = set+", period = :period, used = :units", condition+" AND (attribute_not_exists(period) OR period < :period)"
		values[":units"], values[":period"] = number(r.Units), text(r.Period)
	}
	return &dynamodb.UpdateItemInput{
		TableName: &t.name, Key: limitKey(id).attributes(), ReturnConsumedCapacity: t.capacity,
		UpdateExpression: aws.String(set), ConditionExpression: aws.String(condition), ExpressionAttributeValues: values,
		ReturnValues:                        types.ReturnValueAllNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}, nil
}

func stateOf(i item) (limit.State, error) {
	tat, err1 := i.number(attrTAT)
	used, err2 := i.number(attrUsed)
	return limit.State{TAT: tat, Period: i.text(attrPeriod), Used: used}, errors.Join(err1, err2)
}

// refusedUnits is what a refused conditional write of a small item consumes; the API does not tell.
func refusedUnits(err error) float64 {
	if errors.As(err, new(*types.ConditionalCheckFailedException)) {
		return 1
	}
	return 0
}
