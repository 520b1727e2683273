package items

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sluice/shared/problem"
)

// The conditions that need no values.
const (
	IfAbsent  = "attribute_not_exists(pk)"
	IfPresent = "attribute_exists(pk)"
)

// Write is one conditional write of one item: a Put of a whole item, an update by the expression Set, or, with neither, a
// delete. If is the condition; "" is none, and then a comment at the place says why none is needed.
type Write struct {
	Key    Key
	Put    Item
	Set    string
	If     string
	Values Item              // of the placeholders in Set and If
	Names  map[string]string // likewise, where an attribute's name is not ours to choose
	Refuse func(old Item) error
	Once   bool // Apply makes no second attempt where it is not known what became of the first
	Quiet  bool // Apply need not give the item as an update has made it
}

// Put makes a write of a whole item.
func Put(k Key, content Item, condition string) Write {
	if content == nil {
		content = Item{}
	}
	return Write{Key: k, Put: content, If: condition}
}

// check refuses what the store could not keep, before anything is sent: problem.Invalid, problem.TooLarge.
func (w Write) check() error {
	if !w.Key.Possible() {
		return problem.New(problem.Invalid, "a name is too long, or not text")
	}
	if size := max(w.Put.Size(), w.Values.Size()); size > MaxBytes {
		return problem.New(problem.TooLarge, "what is to be kept has %d KB, more than the store takes", size>>10)
	}
	return nil
}

func (w Write) condition() *string {
	if w.If == "" {
		return nil
	}
	return aws.String(w.If)
}

func (w Write) values() map[string]types.AttributeValue {
	if len(w.Values) == 0 {
		return nil
	}
	return w.Values
}

const oldOnRefusal = types.ReturnValuesOnConditionCheckFailureAllOld

func (w Write) inTransaction(table *string) types.TransactWriteItem {
	switch {
	case w.Put != nil:
		return types.TransactWriteItem{Put: &types.Put{TableName: table, Item: w.Key.With(w.Put), ConditionExpression: w.condition(),
			ExpressionAttributeValues: w.values(), ReturnValuesOnConditionCheckFailure: oldOnRefusal}}
	case w.Set != "":
		return types.TransactWriteItem{Update: &types.Update{TableName: table, Key: w.Key.attributes(), UpdateExpression: &w.Set,
			ConditionExpression: w.condition(), ExpressionAttributeValues: w.values(), ExpressionAttributeNames: w.Names,
			ReturnValuesOnConditionCheckFailure: oldOnRefusal}}
	}
	return types.TransactWriteItem{Delete: &types.Delete{TableName: table, Key: w.Key.attributes(),
		ConditionExpression: w.condition(), ExpressionAttributeValues: w.values(), ReturnValuesOnConditionCheckFailure: oldOnRefusal}}
}

// Apply makes one write that may be repeated after a lost answer. refused says that the condition did not hold, and i is
// then the item as it is (nil if there is none); otherwise, for an update that is not Quiet, i is the item as it has become.
func (t *Table) Apply(ctx context.Context, op string, w Write) (i Item, refused bool, err error) {
	if err := w.check(); err != nil {
		return nil, false, err
	}
	err = t.attempt(ctx, op, func() (_, units float64, err error) {
		if i, units, err = t.applyOnce(ctx, w); w.Once && err != nil && judge(err) == Unknown {
			err = final{err}
		}
		return 0, units, err
	})
	var no *types.ConditionalCheckFailedException
	if errors.As(err, &no) {
		return no.Item, true, nil
	}
	return i, false, err
}

func (t *Table) applyOnce(ctx context.Context, w Write) (Item, float64, error) {
	switch {
	case w.Put != nil:
		out, err := t.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: &t.name, Item: w.Key.With(w.Put),
			ConditionExpression: w.condition(), ExpressionAttributeValues: w.values(), ReturnConsumedCapacity: t.capacity,
			ReturnValuesOnConditionCheckFailure: oldOnRefusal})
		if err != nil {
			return nil, refusedUnits(err), err
		}
		return nil, consumed(out.ConsumedCapacity), nil
	case w.Set != "":
		become := types.ReturnValueAllNew
		if w.Quiet {
			become = types.ReturnValueNone
		}
		out, err := t.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: &t.name, Key: w.Key.attributes(),
			UpdateExpression: &w.Set, ConditionExpression: w.condition(), ExpressionAttributeValues: w.values(),
			ExpressionAttributeNames: w.Names,
			ReturnConsumedCapacity:   t.capacity, ReturnValues: become, ReturnValuesOnConditionCheckFailure: oldOnRefusal})
		if err != nil {
			return nil, refusedUnits(err), err
		}
		return out.Attributes, consumed(out.ConsumedCapacity), nil
	}
	out, err := t.db.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &t.name, Key: w.Key.attributes(),
		ConditionExpression: w.condition(), ExpressionAttributeValues: w.values(), ReturnConsumedCapacity: t.capacity,
		ReturnValuesOnConditionCheckFailure: oldOnRefusal})
	if err != nil {
		return nil, refusedUnits(err), err
	}
	return nil, consumed(out.ConsumedCapacity), nil
}

// refusedUnits is what a refused conditional write consumes: 1 per KB of the item that is there. The API does not tell.
func refusedUnits(err error) float64 {
	var no *types.ConditionalCheckFailedException
	if !errors.As(err, &no) {
		return 0
	}
	size := Item(no.Item).Size() - overhead
	return float64(max(1, (size+1023)>>10))
}

// Outcome is what one try of a transaction came to.
type Outcome int

// The outcomes.
const (
	Landed     Outcome = iota
	Refused            // a condition did not hold: nothing was changed
	Broken             // the store will never take it: nothing was changed
	Conflicted         // it met another transaction: nothing was changed, and the same may work in a moment
	Again              // the store is away or busy: nothing was changed, and the same may work in a moment
	Unknown            // the store failed or its answer was lost: it may have landed, or may yet
)

// Try is one try of a transaction.
type Try struct {
	Outcome Outcome
	Refused map[int]Item // by index of the write whose condition did not hold: the item as it is, nil if there is none
	Cause   error
}

// Transaction is writes that land together or not at all. Token makes repetitions of it one.
type Transaction struct {
	Token  string
	Writes []Write
}

// Check refuses a transaction that the store could not keep, before anything is sent.
func (x Transaction) Check() error {
	for _, w := range x.Writes {
		if err := w.check(); err != nil {
			return err
		}
	}
	return nil
}

// TryOnce sends a transaction once. The same one may be sent again after Conflicted, Again and Unknown; it lands at most
// once as long as the store remembers its token, which is 10 minutes, or its own conditions exclude it.
func (t *Table) TryOnce(ctx context.Context, op string, x Transaction) Try {
	in := &dynamodb.TransactWriteItemsInput{ClientRequestToken: &x.Token, ReturnConsumedCapacity: t.capacity}
	for _, w := range x.Writes {
		in.TransactItems = append(in.TransactItems, w.inTransaction(&t.name))
	}
	out, err := t.db.TransactWriteItems(ctx, in)
	if t.observe != nil {
		units := 0.0
		if out != nil {
			units = consumedAll(out.ConsumedCapacity)
		}
		t.observe(op, 0, units)
	}
	var cancelled *types.TransactionCanceledException
	if errors.As(err, &cancelled) {
		return reasons(len(x.Writes), cancelled)
	}
	if err == nil {
		return Try{}
	}
	return Try{Outcome: judge(err), Cause: err}
}

// reasons reads why a transaction was cancelled. One condition that does not hold outweighs any number of conflicts.
func reasons(writes int, why *types.TransactionCanceledException) Try {
	try := Try{Outcome: Conflicted, Refused: map[int]Item{}, Cause: why}
	if len(why.CancellationReasons) != writes {
		return Try{Outcome: Broken, Cause: fmt.Errorf("%d reasons for %d writes: %w", len(why.CancellationReasons), writes, why)}
	}
	for n, r := range why.CancellationReasons {
		switch aws.ToString(r.Code) {
		case "ConditionalCheckFailed":
			try.Outcome, try.Refused[n] = Refused, r.Item
		case "ValidationError", "ItemCollectionSizeLimitExceeded":
			return Try{Outcome: Broken, Cause: why}
		}
	}
	return try
}

// BatchPut writes many items whose keys are named for their content, so that no condition is needed: whoever writes such
// an item writes the same. Not one transaction: the caller orders what must be there first. What the API leaves for later
// is asked for again, and problem.Unavailable follows if that does not end.
func (t *Table) BatchPut(ctx context.Context, op string, all []Item) error {
	const most, bytes = 25, 2 << 20
	for len(all) > 0 {
		var ask []types.WriteRequest
		for size := 0; len(all) > 0 && len(ask) < most && size < bytes; all = all[1:] {
			ask = append(ask, types.WriteRequest{PutRequest: &types.PutRequest{Item: all[0]}})
			size += all[0].Size()
		}
		err := t.untilEmpty(ctx, op, func() (float64, float64, int, error) {
			out, err := t.db.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{ReturnConsumedCapacity: t.capacity,
				RequestItems: map[string][]types.WriteRequest{t.name: ask}})
			if err != nil {
				return 0, 0, len(ask), err
			}
			ask = out.UnprocessedItems[t.name]
			return 0, consumedAll(out.ConsumedCapacity), len(ask), nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
