package dynamo

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sluice/shared/problem"
)

// get reads one item, strongly consistent. It is nil where nothing is there or where it has expired.
func (t *Table) get(ctx context.Context, op string, k key) (item, error) {
	i, err := t.getAnyAge(ctx, op, k)
	if err != nil || i.expired(t.now()) {
		return nil, err
	}
	return i, nil
}

// getAnyAge reads one item even if it has expired.
func (t *Table) getAnyAge(ctx context.Context, op string, k key) (item, error) {
	if !k.possible() {
		return nil, nil
	}
	in := &dynamodb.GetItemInput{
		TableName: &t.name, Key: k.attributes(), ConsistentRead: aws.Bool(true), ReturnConsumedCapacity: t.capacity}
	var found item
	err := t.attempt(ctx, op, func() (float64, float64, error) {
		out, err := t.db.GetItem(ctx, in)
		if err != nil {
			return 0, 0, err
		}
		found = out.Item
		return consumed(out.ConsumedCapacity), 0, nil
	})
	return found, err
}

// scope is one query of one partition.
type scope struct {
	span
	from, to string // bounds of sk, both included; used instead of the prefix where to is not ""
	after    string // start behind this sk
	limit    int    // 0 means all that one answer of the API holds
	newest   bool   // from the end
	eventual bool
}

// query reads one page of a partition. next is the sk to go on after, "" at the end.
func (t *Table) query(ctx context.Context, op string, s scope) (page []item, next string, err error) {
	if !(key{s.pk, "-"}).possible() {
		return nil, "", nil
	}
	in := &dynamodb.QueryInput{
		TableName: &t.name, ConsistentRead: aws.Bool(!s.eventual), ScanIndexForward: aws.Bool(!s.newest), ReturnConsumedCapacity: t.capacity,
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: item{":pk": text(s.pk)},
	}
	switch {
	case s.to != "":
		in.KeyConditionExpression = aws.String("pk = :pk AND sk BETWEEN :from AND :to")
		in.ExpressionAttributeValues[":from"], in.ExpressionAttributeValues[":to"] = text(s.from), text(s.to)
	case s.prefix != "":
		in.KeyConditionExpression = aws.String("pk = :pk AND begins_with(sk, :prefix)")
		in.ExpressionAttributeValues[":prefix"] = text(s.prefix)
	}
	if s.after != "" {
		in.ExclusiveStartKey = key{s.pk, s.after}.attributes()
	}
	if s.limit > 0 {
		in.Limit = aws.Int32(int32(s.limit)) //nolint:gosec // G115: limits are small
	}
	err = t.attempt(ctx, op, func() (float64, float64, error) {
		out, err := t.db.Query(ctx, in)
		if err != nil {
			return 0, 0, err
		}
		page, next = make([]item, len(out.Items)), item(out.LastEvaluatedKey).text(attrSK)
		for n, i := range out.Items {
			page[n] = i
		}
		return consumed(out.ConsumedCapacity), 0, nil
	})
	return page, next, err
}

// queryAll reads all pages.
func (t *Table) queryAll(ctx context.Context, op string, s scope) ([]item, error) {
	var all []item
	for {
		page, next, err := t.query(ctx, op, s)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if next == "" {
			return all, nil
		}
		s.after = next
	}
}

// batchGet reads many items, strongly consistent; those that are not there are absent from the answer. What the API leaves
// for later (throttled, or more than 16 MB) is asked for again, and problem.Unavailable follows if that does not end.
func (t *Table) batchGet(ctx context.Context, op string, keys []key) (map[key]item, error) {
	const most = 100
	found := make(map[key]item, len(keys))
	for start := 0; start < len(keys); start += most {
		var ask []map[string]types.AttributeValue
		for _, k := range keys[start:min(start+most, len(keys))] {
			ask = append(ask, k.attributes())
		}
		for n := 1; len(ask) > 0; n++ {
			before := len(ask)
			err := t.attempt(ctx, op, func() (float64, float64, error) {
				out, err := t.db.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
					ReturnConsumedCapacity: t.capacity,
					RequestItems:           map[string]types.KeysAndAttributes{t.name: {Keys: ask, ConsistentRead: aws.Bool(true)}},
				})
				if err != nil {
					return 0, 0, err
				}
				for _, i := range out.Responses[t.name] {
					found[item(i).key()] = i
				}
				ask = out.UnprocessedKeys[t.name].Keys
				return consumedAll(out.ConsumedCapacity), 0, nil
			})
			if err != nil {
				return nil, err
			}
			if len(ask) < before {
				n = 0
			}
			if err := t.settle(ctx, op, n, len(ask)); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// batchPut writes many items whose keys are named for their content, so that no condition is needed: whoever writes such
// an item writes the same. Not one transaction: the caller orders what must be there first.
func (t *Table) batchPut(ctx context.Context, op string, items []item) error {
	const most = 25
	for start := 0; start < len(items); start += most {
		var ask []types.WriteRequest
		for _, i := range items[start:min(start+most, len(items))] {
			ask = append(ask, types.WriteRequest{PutRequest: &types.PutRequest{Item: i}})
		}
		for n := 1; len(ask) > 0; n++ {
			before := len(ask)
			err := t.attempt(ctx, op, func() (float64, float64, error) {
				out, err := t.db.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
					ReturnConsumedCapacity: t.capacity,
					RequestItems:           map[string][]types.WriteRequest{t.name: ask},
				})
				if err != nil {
					return 0, 0, err
				}
				ask = out.UnprocessedItems[t.name]
				return 0, consumedAll(out.ConsumedCapacity), nil
			})
			if err != nil {
				return err
			}
			if len(ask) < before {
				n = 0
			}
			if err := t.settle(ctx, op, n, len(ask)); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle waits before the rest of a batch is asked for again; n counts the tries since the last progress.
func (t *Table) settle(ctx context.Context, op string, n, left int) error {
	if left == 0 {
		return nil
	}
	if n >= 2*callAttempts {
		return problem.Wrap(fmt.Errorf("%s: %d items of a batch are not processed", op, left), problem.Unavailable,
			"the store is busy; try again shortly")
	}
	if err := t.sleep(ctx, t.backoff(n+1)); err != nil {
		return t.fault(ctx, op, err)
	}
	return nil
}
