// Package fold adds usage records to buckets, each exactly once: one transaction deletes the records, leaves a tombstone for
// each and adds what they amount to.
package fold

import (
	"context"
	"errors"
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

// Items bounds one fold: each record counts 2, each bucket 1. It is DynamoDB's bound of a transaction.
const Items = 100

const (
	tombstoneRetention = 7 * 24 * time.Hour
	attempts           = 8
)

// The attributes of tombstones and buckets.
const (
	attrFold     = "fold"     // tombstone: id of the fold, by which a folder recognises its own
	attrConsumer = "consumer" // bucket
	countPrefix  = "n_"       // bucket: each counter is n_<name>
)

// Keys tells where the items are.
type Keys struct {
	Pending func(shard int, id string) items.Key
	Done    func(id string) items.Key
	Bucket  func(usage.Bucket) items.Key
}

// Fold adds what the records in done amount to and removes them, all or nothing. problem.Conflict says that one of them was
// folded or dropped by somebody else, and nothing was added; problem.TooLarge that there are more than Items. A lost answer is
// resolved by the tombstones, which carry the id of the fold.
func Fold(ctx context.Context, t *items.Table, k Keys, done []usage.Pending, add []usage.Delta) error {
	if len(done) == 0 {
		return errors.New("fold usage: a fold needs a record")
	}
	add = merged(k, add)
	if n := 2*len(done) + len(add); n > Items {
		return problem.New(problem.TooLarge, "the fold has %d items, a transaction takes %d", n, Items)
	}
	id, err := t.NewID()
	if err != nil {
		return err
	}
	x := items.Transaction{Token: id}
	expires := items.Number(t.Now().Add(tombstoneRetention).Unix())
	for _, p := range done {
		x.Writes = append(x.Writes,
			items.Write{Key: k.Pending(p.Shard, p.ID), If: items.IfPresent},
			items.Put(k.Done(p.ID), items.Item{attrFold: items.Text(id), items.Expires: expires}, items.IfAbsent))
	}
	for _, d := range add {
		x.Writes = append(x.Writes, addTo(k, d))
	}
	if err := x.Check(); err != nil {
		return err
	}
	return land(ctx, t, k.Done(done[0].ID), x)
}

// land lands a fold. The tombstone of one of its records says whose it is.
func land(ctx context.Context, t *items.Table, tombstone items.Key, x items.Transaction) error {
	const op = "fold usage"
	lost := false
	for n := 1; ; n++ {
		try := t.TryOnce(ctx, op, x)
		switch try.Outcome {
		case items.Landed:
			return nil
		case items.Refused:
			if lost { // it may be our own doing
				found, err := t.GetAnyAge(ctx, op, tombstone)
				if err != nil || found.Text(attrFold) == x.Token {
					return err
				}
			}
			return problem.Wrap(try.Cause, problem.Conflict, "a usage record was folded by somebody else")
		case items.Broken:
			return t.Fault(ctx, op, try.Cause)
		case items.Unknown:
			lost = true
		case items.Again, items.Conflicted:
		}
		if n == attempts || t.Pause(ctx, n) != nil {
			return t.Fault(ctx, op, try.Cause)
		}
	}
}

// addTo spells the addition to one bucket. It needs no condition: the records' own say that it is due.
func addTo(k Keys, d usage.Delta) items.Write {
	consumer := items.Text(string(d.Bucket.Consumer))
	w := items.Write{Key: k.Bucket(d.Bucket), Set: "SET consumer = :consumer", Values: items.Item{":consumer": consumer}}
	if keep := retention(d.Bucket.Step); keep > 0 {
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
func merged(keys Keys, add []usage.Delta) []usage.Delta {
	at := map[items.Key]int{}
	var all []usage.Delta
	for _, d := range add {
		k := keys.Bucket(d.Bucket)
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

// retention is how long a bucket is kept beyond its start; 0 is for ever.
func retention(s usage.Step) time.Duration {
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

// Delta reads a bucket back, whose key was b's.
func Delta(b usage.Bucket, i items.Item) (d usage.Delta, err error) {
	b.Consumer = catalog.ConsumerID(i.Text(attrConsumer))
	d = usage.Delta{Bucket: b, Add: make(map[string]int64, len(i))}
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
