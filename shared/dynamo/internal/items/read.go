package items

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sluice/shared/problem"
)

// Get reads one item, strongly consistent. It is nil where nothing is there or where it has expired.
func (t *Table) Get(ctx context.Context, op string, k Key) (Item, error) {
	i, err := t.GetAnyAge(ctx, op, k)
	if err != nil || i.Expired(t.now()) {
		return nil, err
	}
	return i, nil
}

// GetAnyAge reads one item even if it has expired.
func (t *Table) GetAnyAge(ctx context.Context, op string, k Key) (Item, error) {
	return t.get(ctx, op, k, true)
}

// GetEventual reads one item even if it has expired, at half the cost, and up to a second or so behind.
func (t *Table) GetEventual(ctx context.Context, op string, k Key) (Item, error) {
	return t.get(ctx, op, k, false)
}

func (t *Table) get(ctx context.Context, op string, k Key, strong bool) (found Item, err error) {
	if !k.Possible() {
		return nil, nil
	}
	in := &dynamodb.GetItemInput{
		TableName: &t.name, Key: k.attributes(), ConsistentRead: aws.Bool(strong), ReturnConsumedCapacity: t.capacity}
	err = t.attempt(ctx, op, func() (float64, float64, error) {
		out, err := t.db.GetItem(ctx, in)
		if err != nil {
			return 0, 0, err
		}
		found = out.Item
		return consumed(out.ConsumedCapacity), 0, nil
	})
	return found, err
}

// Scope is one query of one partition.
type Scope struct {
	Span
	From, To string // bounds of the sort key, both included; used instead of the prefix where To is not ""
	After    string // start behind this sort key
	Limit    int    // 0 means all that one answer of the API holds
	Newest   bool   // from the end
	Eventual bool   // at half the cost, and up to a second or so behind
}

// Query reads one page of a partition. next is the sort key to go on after, "" at the end.
func (t *Table) Query(ctx context.Context, op string, s Scope) (page []Item, next string, err error) {
	if !(Key{s.PK, "-"}).Possible() {
		return nil, "", nil
	}
	in := &dynamodb.QueryInput{
		TableName: &t.name, ConsistentRead: aws.Bool(!s.Eventual), ScanIndexForward: aws.Bool(!s.Newest),
		ReturnConsumedCapacity:    t.capacity,
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: Item{":pk": Text(s.PK)},
	}
	switch {
	case s.To != "":
		in.KeyConditionExpression = aws.String("pk = :pk AND sk BETWEEN :from AND :to")
		in.ExpressionAttributeValues[":from"], in.ExpressionAttributeValues[":to"] = Text(s.From), Text(s.To)
	case s.Prefix != "":
		in.KeyConditionExpression = aws.String("pk = :pk AND begins_with(sk, :prefix)")
		in.ExpressionAttributeValues[":prefix"] = Text(s.Prefix)
	}
	if s.After != "" {
		in.ExclusiveStartKey = Key{s.PK, s.After}.attributes()
	}
	if s.Limit > 0 {
		in.Limit = aws.Int32(int32(s.Limit)) //nolint:gosec // G115: limits are small
	}
	err = t.attempt(ctx, op, func() (float64, float64, error) {
		out, err := t.db.Query(ctx, in)
		if err != nil {
			return 0, 0, err
		}
		page, next = make([]Item, len(out.Items)), Item(out.LastEvaluatedKey).Text(SK)
		for n, i := range out.Items {
			page[n] = i
		}
		return consumed(out.ConsumedCapacity), 0, nil
	})
	return page, next, err
}

// QueryAll reads all pages.
func (t *Table) QueryAll(ctx context.Context, op string, s Scope) ([]Item, error) {
	var all []Item
	for {
		page, next, err := t.Query(ctx, op, s)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if next == "" {
			return all, nil
		}
		s.After = next
	}
}

// The number of items of a page that a client asks for.
const (
	defaultLimit = 50
	maxLimit     = 100
)

// Page reads the items that a client asked for with a limit (0 means 50, at most 100) and a cursor. One more is read than is
// told, so that a page that happens to end with the list has no next. problem.Invalid if the limit or the cursor is not one
// of ours.
func (t *Table) Page(ctx context.Context, op string, s Scope, limit int, cursor string) (found []Item, next string, err error) {
	if limit == 0 {
		limit = defaultLimit
	}
	if limit < 1 || limit > maxLimit {
		return nil, "", refuse("query:limit", "the limit must be 1..100")
	}
	if s.After, err = s.resume(cursor); err != nil {
		return nil, "", err
	}
	for {
		s.Limit = limit + 1 - len(found)
		got, more, err := t.Query(ctx, op, s)
		if err != nil {
			return nil, "", err
		}
		if found = append(found, got...); more == "" || len(found) > limit {
			break
		}
		s.After = more
	}
	if len(found) > limit {
		found = found[:limit]
		next = s.cursor(found[limit-1].Text(SK))
	}
	return found, next, nil
}

// cursor seals the sort key that a page ended with. It is bound to its list, so that one of another list is recognised.
func (s Span) cursor(after string) string {
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(s.PK+"\x00"+s.Prefix+"\x00"+after)))
	return base64.RawURLEncoding.EncodeToString(append(sum, after...))
}

// resume opens a cursor; problem.Invalid if it is not one of this list. "" is the start.
func (s Span) resume(cursor string) (after string, err error) {
	if cursor == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) <= 4 || s.cursor(string(b[4:])) != cursor || !(Key{s.PK, string(b[4:])}).Possible() {
		return "", refuse("query:cursor", "the cursor is not one of this list")
	}
	return string(b[4:]), nil
}

func refuse(pointer, detail string) error {
	return &problem.Error{Kind: problem.Invalid, Detail: detail, Faults: []problem.Fault{{Pointer: pointer, Detail: detail}}}
}

// BatchGet reads many items, strongly consistent; those that are not there are absent from the answer. What the API leaves
// for later (throttled, or more than 16 MB) is asked for again, and problem.Unavailable follows if that does not end.
func (t *Table) BatchGet(ctx context.Context, op string, keys []Key) (map[Key]Item, error) {
	const most = 100
	found := make(map[Key]Item, len(keys))
	for start := 0; start < len(keys); start += most {
		var ask []map[string]types.AttributeValue
		for _, k := range keys[start:min(start+most, len(keys))] {
			ask = append(ask, k.attributes())
		}
		err := t.untilEmpty(ctx, op, func() (float64, float64, int, error) {
			out, err := t.db.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{ReturnConsumedCapacity: t.capacity,
				RequestItems: map[string]types.KeysAndAttributes{t.name: {Keys: ask, ConsistentRead: aws.Bool(true)}}})
			if err != nil {
				return 0, 0, len(ask), err
			}
			for _, i := range out.Responses[t.name] {
				found[Item(i).Key()] = i
			}
			ask = out.UnprocessedKeys[t.name].Keys
			return consumedAll(out.ConsumedCapacity), 0, len(ask), nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// TransactGet reads up to 100 items as they are at one moment; those that are not there are absent from the answer.
func (t *Table) TransactGet(ctx context.Context, op string, keys []Key) (map[Key]Item, error) {
	in := &dynamodb.TransactGetItemsInput{ReturnConsumedCapacity: t.capacity}
	for _, k := range keys {
		in.TransactItems = append(in.TransactItems, types.TransactGetItem{Get: &types.Get{TableName: &t.name, Key: k.attributes()}})
	}
	found := make(map[Key]Item, len(keys))
	err := t.attempt(ctx, op, func() (float64, float64, error) {
		out, err := t.db.TransactGetItems(ctx, in)
		if err != nil {
			return 0, 0, err
		}
		for _, r := range out.Responses {
			if r.Item != nil {
				found[Item(r.Item).Key()] = r.Item
			}
		}
		return consumedAll(out.ConsumedCapacity), 0, nil
	})
	return found, err
}

// untilEmpty repeats a batch for what was left of it, until nothing is left or ten tries in a row made no progress, which
// takes 3 s on average. A partition takes 1,000 writes of 1 KB a second: a big contract must wait for its turn.
func (t *Table) untilEmpty(
	ctx context.Context, op string, batch func() (readUnits, writeUnits float64, left int, err error),
) error {
	left := 0
	for stuck := 0; stuck < 10; stuck++ {
		before := left
		err := t.attempt(ctx, op, func() (r, w float64, err error) {
			r, w, left, err = batch()
			return r, w, err
		})
		if err != nil && !throttled(err) || left == 0 {
			return err
		}
		if left < before {
			stuck = 0
		}
		if err := t.pause(ctx, stuck+1, time.Second); err != nil {
			return t.Fault(ctx, op, err)
		}
	}
	return problem.Wrap(fmt.Errorf("%s: %d items of a batch are not processed", op, left), problem.Unavailable,
		"the store is busy; try again shortly")
}
