package dynamo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sluice/shared/catalog"
	"sluice/shared/problem"
	"sluice/shared/usage"
)

// FoldItems bounds one fold: each pending record counts 2, each bucket 1. It is DynamoDB's bound of a transaction.
const FoldItems = 100

const tombstoneRetention = 24 * time.Hour

// PutUsage hands a flushed record to the rollup. A record with this ID that waits already is success, so a flush whose
// answer was lost may be repeated. expires must lie within a day of the first flush: a record that comes back after its fold
// is recognised for a day.
//
// Access: one conditional PutItem, 1 WCU per KB.
func (t *Table) PutUsage(ctx context.Context, p usage.Pending, expires time.Time) error {
	k := pendingKey(p.Shard, p.ID)
	whole := k.with(item{attrBody: blob(p.Body), attrExpires: number(expires.Unix())})
	if p.Shard < 0 || p.Shard >= usage.Shards || !k.possible() {
		return fmt.Errorf("put usage: no record can have the id %q in shard %d", p.ID, p.Shard)
	}
	if whole.size() > maxItem {
		return problem.New(problem.TooLarge, "the usage record has %d KB, more than the store keeps", whole.size()>>10)
	}
	in := &dynamodb.PutItemInput{
		TableName: &t.name, Item: whole, ConditionExpression: aws.String(ifAbsent), ReturnConsumedCapacity: t.capacity}
	err := t.attempt(ctx, "put usage", func() (float64, float64, error) {
		out, err := t.db.PutItem(ctx, in)
		if err != nil {
			return 0, refusedUnits(err), err
		}
		return 0, consumed(out.ConsumedCapacity), nil
	})
	if errors.As(err, new(*types.ConditionalCheckFailedException)) {
		return nil
	}
	return err
}

// PendingUsage reads up to limit records of a shard that wait for the rollup, in no particular order. Expired ones are left
// out: they might have been folded so long ago that nobody remembers.
//
// Access: Queries, strongly consistent, 1 RCU per 4 KB.
func (t *Table) PendingUsage(ctx context.Context, shard, limit int) ([]usage.Pending, error) {
	s := scope{span: span{pk: pendingKey(shard, "").pk}}
	var waiting []usage.Pending
	for len(waiting) < limit {
		s.limit = limit - len(waiting)
		page, next, err := t.query(ctx, "pending usage", s)
		if err != nil {
			return nil, err
		}
		for _, i := range page {
			if !i.expired(t.now()) {
				waiting = append(waiting, usage.Pending{ID: i.text(attrSK), Shard: shard, Body: i.bytes(attrBody)})
			}
		}
		if next == "" {
			break
		}
		s.after = next
	}
	return waiting, nil
}

// FoldUsage adds what the records in done amount to and removes them, all or nothing, and remembers for a day that they
// were folded. problem.Conflict says that one of them was folded or dropped by somebody else, and nothing was added;
// problem.TooLarge that 2 × len(done) + len(add) exceeds FoldItems.
//
// Access: one TransactWriteItems, 2 WCU per item and KB. A lost answer is resolved by the tombstones, which carry the id of
// the fold.
func (t *Table) FoldUsage(ctx context.Context, done []usage.Pending, add []usage.Delta) error {
	if len(done) == 0 {
		return errors.New("fold usage: a fold needs a record")
	}
	add = merged(add)
	if n := 2*len(done) + len(add); n > FoldItems {
		return problem.New(problem.TooLarge, "the fold has %d items, a transaction takes %d", n, FoldItems)
	}
	id, err := t.newID()
	if err != nil {
		return err
	}
	in := &dynamodb.TransactWriteItemsInput{ClientRequestToken: &id, ReturnConsumedCapacity: t.capacity}
	expires := number(t.now().Add(tombstoneRetention).Unix())
	for _, p := range done {
		gone := t.remove(pendingKey(p.Shard, p.ID)).write
		gone.Delete.ConditionExpression = aws.String(ifPresent)
		tombstone := t.put(doneKey(p.ID), item{attrFold: text(id), attrExpires: expires}, ifAbsent).write
		in.TransactItems = append(in.TransactItems, gone, tombstone)
	}
	for _, d := range add {
		u, err := t.addTo(d)
		if err != nil {
			return err
		}
		in.TransactItems = append(in.TransactItems, types.TransactWriteItem{Update: u})
	}
	return t.fold(ctx, id, done[0].ID, in)
}

// fold lands a fold. The tombstone of one of its records says whose it is.
func (t *Table) fold(ctx context.Context, id, record string, in *dynamodb.TransactWriteItemsInput) error {
	err := t.attempt(ctx, "fold usage", func() (float64, float64, error) {
		out, err := t.db.TransactWriteItems(ctx, in)
		if err != nil {
			return 0, 0, err
		}
		return 0, consumedAll(out.ConsumedCapacity), nil
	})
	if err == nil || !errors.As(err, new(*types.TransactionCanceledException)) || !conditionFailed(err) {
		return err
	}
	tombstone, readErr := t.getAnyAge(ctx, "fold usage", doneKey(record))
	if readErr != nil {
		return readErr
	}
	if tombstone.text(attrFold) == id {
		return nil // an earlier attempt landed, its answer was lost
	}
	return problem.Wrap(err, problem.Conflict, "a usage record was folded by somebody else")
}

// addTo spells the addition to one bucket.
func (t *Table) addTo(d usage.Delta) (*types.Update, error) {
	k := usageKey(d.Bucket)
	if !k.possible() {
		return nil, fmt.Errorf("fold usage: no bucket can have the key %q %q", k.pk, k.sk)
	}
	values, names := item{":consumer": text(string(d.Bucket.Consumer))}, map[string]string{}
	expression := "SET consumer = :consumer"
	if keep := usageRetention(d.Bucket.Step); keep > 0 {
		expression += ", expires_at = :expires"
		values[":expires"] = number(d.Bucket.At.Add(keep).Unix())
	}
	adding := " ADD "
	for n, name := range slices.Sorted(maps.Keys(d.Add)) {
		if d.Add[name] == 0 {
			continue
		}
		at := strconv.Itoa(n)
		names["#"+at], values[":"+at] = countPrefix+name, number(d.Add[name])
		expression += adding + "#" + at + " :" + at
		adding = ", "
	}
	u := &types.Update{TableName: &t.name, Key: k.attributes(), UpdateExpression: &expression, ExpressionAttributeValues: values}
	if len(names) > 0 {
		u.ExpressionAttributeNames = names
	}
	return u, nil
}

// merged adds up the deltas of the same bucket: a transaction may touch an item once.
func merged(add []usage.Delta) []usage.Delta {
	at := map[key]int{}
	var all []usage.Delta
	for _, d := range add {
		k := usageKey(d.Bucket)
		n, known := at[k]
		if !known {
			n, at[k] = len(all), len(all)
			all = append(all, usage.Delta{Bucket: d.Bucket, Add: map[string]int64{}})
		}
		for name, more := range d.Add {
			all[n].Add[name] += more
		}
	}
	return all
}

// usageRetention is how long a bucket is kept beyond its start; 0 is for ever.
func usageRetention(s usage.Step) time.Duration {
	const day = 24 * time.Hour
	switch s {
	case usage.Minute:
		return 2 * day
	case usage.Hour:
		return 60 * day
	case usage.Day:
		return 800 * day
	case usage.Month:
	}
	return 0
}

// Tombstoned reports whether a record was folded within the last day.
//
// Access: one GetItem, strongly consistent, 1 RCU.
func (t *Table) Tombstoned(ctx context.Context, id string) (bool, error) {
	i, err := t.getAnyAge(ctx, "tombstoned", doneKey(id))
	return i != nil, err
}

// DropUsage removes a record without adding anything: one that came back after it was folded, or that cannot be read. One
// that is not there is success.
//
// Access: one DeleteItem, 1 WCU per KB; no condition, since a record never changes.
func (t *Table) DropUsage(ctx context.Context, p usage.Pending) error {
	in := &dynamodb.DeleteItemInput{TableName: &t.name, Key: pendingKey(p.Shard, p.ID).attributes(), ReturnConsumedCapacity: t.capacity}
	return t.attempt(ctx, "drop usage", func() (float64, float64, error) {
		out, err := t.db.DeleteItem(ctx, in)
		if err != nil {
			return 0, 0, err
		}
		return 0, consumed(out.ConsumedCapacity), nil
	})
}

// UsageBuckets reads the windows of an API that start at from or later and before to, in the order of their starts.
//
// Access: Queries, eventually consistent (a fold shows within a second or so), 1/2 RCU per 4 KB, about 10 buckets each.
func (t *Table) UsageBuckets(ctx context.Context, api catalog.APIID, step usage.Step, from, to time.Time) ([]usage.Delta, error) {
	if !from.Before(to) {
		return nil, nil
	}
	// Starts are whole seconds. A bucket at to itself has more behind the time, and so sorts behind it.
	items, err := t.queryAll(ctx, "usage buckets", scope{
		span: span{pk: usagePK(api, step)}, from: stamp(ceil(from)), to: stamp(ceil(to)), eventual: true})
	if err != nil {
		return nil, err
	}
	var windows []usage.Delta
	for _, i := range items {
		if i.expired(t.now()) {
			continue
		}
		d, err := delta(i)
		if err != nil {
			return nil, err
		}
		windows = append(windows, d)
	}
	return windows, nil
}

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }

func ceil(at time.Time) time.Time {
	if whole := at.Truncate(time.Second); !whole.Equal(at) {
		return whole.Add(time.Second)
	}
	return at
}

func delta(i item) (usage.Delta, error) {
	b, err := bucketOf(i.key())
	if err != nil {
		return usage.Delta{}, err
	}
	b.Consumer = catalog.ConsumerID(i.text(attrConsumer))
	d := usage.Delta{Bucket: b, Add: make(map[string]int64, len(i))}
	for attribute := range i {
		name, counter := strings.CutPrefix(attribute, countPrefix)
		if !counter {
			continue
		}
		if d.Add[name], err = i.number(attribute); err != nil {
			return usage.Delta{}, err
		}
	}
	return d, nil
}
