package fold

import (
	"context"
	"slices"
	"strings"

	"sluice/shared/dynamo"
	"sluice/shared/problem"
	"sluice/shared/usage"
)

// batch is what one transaction folds.
type batch struct {
	records []record
	sum     usage.Sum
}

// batches puts records that add to the same buckets together, as many as a transaction takes.
func (r *run) batches(records []record) []batch {
	slices.SortStableFunc(records, alike)
	var all []batch
	var b batch
	shut := func() {
		if len(b.records) > 0 {
			all = append(all, b)
		}
		b = batch{}
	}
	for _, rec := range records {
		apart := r.aside[rec.pending.ID] == alone
		if apart || !b.takes(rec) {
			shut()
		}
		b.add(rec)
		if apart {
			shut()
		}
	}
	shut()
	return all
}

// alike sorts records by what they count first, so that neighbours have buckets in common.
func alike(a, b record) int {
	x, y := a.what.Cells[0].Bucket, b.what.Cells[0].Bucket
	for _, order := range []int{
		strings.Compare(string(x.API), string(y.API)), a.what.At.Compare(b.what.At), strings.Compare(string(x.Version), string(y.Version)),
		strings.Compare(x.Operation, y.Operation), strings.Compare(string(x.App), string(y.App))} {
		if order != 0 {
			return order
		}
	}
	return strings.Compare(a.pending.ID, b.pending.ID)
}

// takes reports whether the record still fits into the transaction; by itself it always does (usage.MaxCells).
func (b *batch) takes(r record) bool {
	buckets, counters := b.sum.With(r.deltas)
	return 2*(len(b.records)+1)+buckets <= dynamo.FoldItems && counters <= usage.MaxCounters
}

func (b *batch) add(r record) {
	b.records = append(b.records, r)
	for _, d := range r.deltas {
		b.sum.Add(d)
	}
}

func (b *batch) pending() []usage.Pending {
	all := make([]usage.Pending, 0, len(b.records))
	for _, r := range b.records {
		all = append(all, r.pending)
	}
	return all
}

// fold folds one batch. Whatever is wrong with one of its records does not keep the others from being folded.
func (r *run) fold(ctx context.Context, b batch) {
	err := r.Store.FoldUsage(ctx, b.pending(), b.sum.Deltas())
	kind := problem.KindOf(err)
	switch {
	case err == nil:
		r.folded(b)
	case kind == problem.Conflict:
		r.resolve(ctx, b)
	case kind == problem.Unavailable || kind == problem.Throttled || ctx.Err() != nil:
		r.miss("fold %d records: %w", len(b.records), err)
	default:
		r.halve(ctx, b, err)
	}
}

func (r *run) folded(b batch) {
	r.report.Records += len(b.records)
	r.report.Remaining -= len(b.records)
	r.report.Buckets += len(b.sum.Deltas())
	for _, rec := range b.records {
		for _, cell := range rec.what.Cells {
			r.report.Calls += cell.Add[usage.CountCalls]
		}
		r.report.LagSeconds = max(r.report.LagSeconds, int(r.Now().Sub(rec.what.Flushed).Seconds()))
	}
}

// resolve deals with a batch that has a record which somebody else folded, or dropped. Records with a tombstone have been
// counted, whether by a competitor a moment ago or before a flush was repeated: they are dropped, and the rest is folded. If
// no tombstone explains the conflict, a record has vanished: what is still there shows when the shards are read again, and
// is then folded record by record, so that the one in conflict holds up no other.
func (r *run) resolve(ctx context.Context, b batch) {
	var rest []record
	for _, rec := range b.records {
		counted, err := r.Store.Tombstoned(ctx, rec.pending.ID)
		if err == nil && counted {
			err = r.Store.DropUsage(ctx, rec.pending)
		}
		if err != nil {
			r.miss("resolve a conflict: %w", err)
			return
		}
		if !counted {
			rest = append(rest, rec)
			continue
		}
		r.report.Duplicates++
		r.report.Remaining--
	}
	if len(rest) < len(b.records) {
		r.again(ctx, rest)
		return
	}
	for _, rec := range rest {
		if r.aside[rec.pending.ID] == alone {
			r.aside[rec.pending.ID] = contested
			r.crowd[rec.pending.Shard]++
		} else {
			r.aside[rec.pending.ID] = alone
		}
	}
}

// again folds what is left of a batch.
func (r *run) again(ctx context.Context, records []record) {
	for _, b := range r.batches(records) {
		if r.stopped() {
			return
		}
		r.fold(ctx, b)
	}
}

// halve looks for the record that the store refuses to fold, and sets it aside.
func (r *run) halve(ctx context.Context, b batch, cause error) {
	if half := len(b.records) / 2; half > 0 {
		r.again(ctx, b.records[:half])
		r.again(ctx, b.records[half:])
		return
	}
	if r.refused++; r.refused > maxRefused {
		r.miss("fold a record: %w", cause)
		return
	}
	r.poison(ctx, b.records[0].pending, cause)
	r.report.Remaining--
}
