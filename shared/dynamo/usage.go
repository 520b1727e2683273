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

	"sluice/shared/catalog"
	"sluice/shared/dynamo/internal/items"
	"sluice/shared/problem"
	"sluice/shared/usage"
)

// FoldItems bounds one fold: each pending record counts 2, each bucket 1. It is DynamoDB's bound of a transaction.
const FoldItems = 100

const (
	tombstoneRetention = 7 * 24 * time.Hour
	foldAttempts       = 8
)

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
	if len(done) == 0 {
		return errors.New("fold usage: a fold needs a record")
	}
	add = merged(add)
	if n := 2*len(done) + len(add); n > FoldItems {
		return problem.New(problem.TooLarge, "the fold has %d items, a transaction takes %d", n, FoldItems)
	}
	id, err := t.items.NewID()
	if err != nil {
		return err
	}
	x := items.Transaction{Token: id}
	expires := items.Number(t.items.Now().Add(tombstoneRetention).Unix())
	for _, p := range done {
		x.Writes = append(x.Writes,
			items.Write{Key: pendingKey(p.Shard, p.ID), If: items.IfPresent},
			items.Put(doneKey(p.ID), items.Item{attrFold: items.Text(id), items.Expires: expires}, items.IfAbsent))
	}
	for _, d := range add {
		x.Writes = append(x.Writes, addTo(d))
	}
	if err := x.Check(); err != nil {
		return err
	}
	return t.fold(ctx, done[0].ID, x)
}

// fold lands a fold. The tombstone of one of its records says whose it is.
func (t *Table) fold(ctx context.Context, record string, x items.Transaction) error {
	const op = "fold usage"
	lost := false
	for n := 1; ; n++ {
		try := t.items.TryOnce(ctx, op, x)
		switch try.Outcome {
		case items.Landed:
			return nil
		case items.Refused:
			if lost { // it may be our own doing
				tombstone, err := t.items.GetAnyAge(ctx, op, doneKey(record))
				if err != nil || tombstone.Text(attrFold) == x.Token {
					return err
				}
			}
			return problem.Wrap(try.Cause, problem.Conflict, "a usage record was folded by somebody else")
		case items.Broken:
			return t.items.Fault(ctx, op, try.Cause)
		case items.Unknown:
			lost = true
		case items.Again, items.Conflicted:
		}
		if n == foldAttempts || t.items.Pause(ctx, n) != nil {
			return t.items.Fault(ctx, op, try.Cause)
		}
	}
}

// addTo spells the addition to one bucket. It needs no condition: the records' own say that it is due.
func addTo(d usage.Delta) items.Write {
	consumer := items.Text(string(d.Bucket.Consumer))
	w := items.Write{Key: usageKey(d.Bucket), Set: "SET consumer = :consumer", Values: items.Item{":consumer": consumer}}
	if keep := usageRetention(d.Bucket.Step); keep > 0 {
		w.Set += ", expires_at = :expires"
		w.Values[":expires"] = items.Number(d.Bucket.At.Add(keep).Unix())
	}
	adding := " ADD "
	for n, name := range slices.Sorted(maps.Keys(d.Add)) {
		if d.Add[name] == 0 {
			continue
		}
		if w.Names == nil {
			w.Names = map[string]string{}
		}
		at := strconv.Itoa(n)
		w.Names["#"+at], w.Values[":"+at] = countPrefix+name, items.Number(d.Add[name])
		w.Set += adding + "#" + at + " :" + at
		adding = ", "
	}
	return w
}

// merged adds up the deltas of the same bucket: a transaction may touch an item once.
func merged(add []usage.Delta) []usage.Delta {
	at := map[items.Key]int{}
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
		d, err := delta(i)
		if err != nil {
			return nil, err
		}
		windows = append(windows, d)
	}
	return windows, nil
}

func delta(i items.Item) (usage.Delta, error) {
	b, err := bucketOf(i.Key())
	if err != nil {
		return usage.Delta{}, err
	}
	b.Consumer = catalog.ConsumerID(i.Text(attrConsumer))
	d := usage.Delta{Bucket: b, Add: make(map[string]int64, len(i))}
	for attribute := range i {
		name, counter := strings.CutPrefix(attribute, countPrefix)
		if !counter {
			continue
		}
		if d.Add[name], err = i.Number(attribute); err != nil {
			return usage.Delta{}, err
		}
	}
	return d, nil
}
