package dynamo

import (
	"context"
	"fmt"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/dynamo/internal/fold"
	"sluice/shared/dynamo/internal/items"
	"sluice/shared/usage"
)

// FoldItems bounds one fold: each pending record counts 2, each bucket 1. It is DynamoDB's bound of a transaction.
const FoldItems = fold.Items

// PutUsage hands a flushed record to the rollup. A record with this ID that waits already is success, so a flush whose
// answer was lost may be repeated. expires must lie within a week of the first flush: a record that comes back after its fold
// is recognised for a week.
//
// Access: one conditional PutItem, 1 WCU per KB.
func (t *Table) PutUsage(ctx context.Context, p usage.Pending, expires time.Time) error {
	content := items.Item{attrBody: items.Blob(p.Body), items.Expires: items.Number(expires.Unix())}
	w := items.Put(pendingKey(p.Shard, p.ID), content, items.IfAbsent)
	if p.Shard < 0 || p.Shard >= usage.Shards || !w.Key.Possible() {
		return fmt.Errorf("put usage: no record can have the id %q in shard %d", p.ID, p.Shard)
	}
	_, _, err := t.items.Apply(ctx, "put usage", w) // refused: it is there already
	return err
}

// PendingUsage reads up to limit records of a shard that wait for the rollup, in no particular order. Expired ones are left
// out: they might have been folded so long ago that nobody remembers.
//
// Access: Queries, strongly consistent, 1 RCU per 4 KB.
func (t *Table) PendingUsage(ctx context.Context, shard, limit int) ([]usage.Pending, error) {
	s := items.Scope{Span: items.Span{PK: pendingKey(shard, "").PK}}
	var waiting []usage.Pending
	for len(waiting) < limit {
		s.Limit = limit - len(waiting)
		page, next, err := t.items.Query(ctx, "pending usage", s)
		if err != nil {
			return nil, err
		}
		for _, i := range page {
			if !i.Expired(t.items.Now()) {
				waiting = append(waiting, usage.Pending{ID: i.Text(items.SK), Shard: shard, Body: i.Bytes(attrBody)})
			}
		}
		if next == "" {
			break
		}
		s.After = next
	}
	return waiting, nil
}

// FoldUsage adds what the records in done amount to and removes them, all or nothing, and remembers for a week that they
// were folded. problem.Conflict says that one of them was folded or dropped by somebody else, and nothing was added;
// problem.TooLarge that 2 × len(done) + len(add) exceeds FoldItems.
//
// Access: one TransactWriteItems, 2 WCU per item and KB. A lost answer is resolved by the tombstones, which carry the id of
// the fold.
func (t *Table) FoldUsage(ctx context.Context, done []usage.Pending, add []usage.Delta) error {
	return fold.Fold(ctx, t.items, fold.Keys{Pending: pendingKey, Done: doneKey, Bucket: usageKey}, done, add)
}

// Tombstoned reports whether a record was folded within the last day.
//
// Access: one GetItem, strongly consistent, 1 RCU.
func (t *Table) Tombstoned(ctx context.Context, id string) (bool, error) {
	i, err := t.items.GetAnyAge(ctx, "tombstoned", doneKey(id))
	return i != nil, err
}

// DropUsage removes a record without adding anything: one that came back after it was folded, or that cannot be read. One
// that is not there is success.
//
// Access: one DeleteItem, 1 WCU per KB; no condition, since a record never changes.
func (t *Table) DropUsage(ctx context.Context, p usage.Pending) error {
	_, _, err := t.items.Apply(ctx, "drop usage", items.Write{Key: pendingKey(p.Shard, p.ID)})
	return err
}

// UsageBuckets reads the windows of an API that start at from or later and before to, in the order of their starts.
//
// Access: Queries, eventually consistent (a fold shows within a second or so), 1/2 RCU per 4 KB, about 10 buckets each.
func (t *Table) UsageBuckets(ctx context.Context, api catalog.APIID, step usage.Step, from, to time.Time) ([]usage.Delta, error) {
	if !from.Before(to) {
		return nil, nil
	}
	// A bucket at to itself has more behind the time, and so sorts behind it.
	found, err := t.items.QueryAll(ctx, "usage buckets", items.Scope{
		Span: items.Span{PK: usagePK(api, step)}, From: usageStart(from), To: usageStart(to), Eventual: true})
	if err != nil {
		return nil, err
	}
	var windows []usage.Delta
	for _, i := range found {
		if i.Expired(t.items.Now()) {
			continue
		}
		b, err := bucketOf(i.Key())
		if err != nil {
			return nil, err
		}
		d, err := fold.Delta(b, i)
		if err != nil {
			return nil, err
		}
		windows = append(windows, d)
	}
	return windows, nil
}
