package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/dynamo/internal/items"
)

// ErrFeedGap says that the feed cannot be followed from where the caller is: the next entry has been swept, too much has
// happened, or the table is an older one. The caller forgets what it knows and starts anew from Head.
var ErrFeedGap = errors.New("the feed cannot be followed from here")

const (
	feedRetention = 7 * 24 * time.Hour
	maxBehind     = 10_000 // entries; starting anew is cheaper by then
)

// Head gives the number of the last change, 0 before the first. What is read after it includes that change.
//
// Access: one GetItem, strongly consistent, 1 RCU.
func (t *Table) Head(ctx context.Context) (int64, error) { return t.readHead(ctx, "head") }

func (t *Table) readHead(ctx context.Context, op string) (int64, error) {
	i, err := t.items.GetAnyAge(ctx, op, feedHead())
	if err != nil {
		return 0, err
	}
	return i.Number(attrSeq)
}

// Since gives the entries behind seq in order, without a gap; none if nothing has happened. Every change that was answered
// before the call began is among them. ErrFeedGap if they cannot all be given. An entry past its time is told as long as
// it is there: it is as true as ever.
//
// Access: one Query, strongly consistent, 1 RCU where nothing is new and 1 more per 4 KB (about 20 entries). It ends with
// the head, which sorts behind the entries, and so tells whether any is missing. A Query is no snapshot: it may see a
// change's head and not yet its entry. Those entries are read again in one TransactGetItems, which does not see halves.
func (t *Table) Since(ctx context.Context, seq int64) ([]catalog.Entry, error) {
	if seq < 0 {
		return nil, fmt.Errorf("since %d: %w", seq, ErrFeedGap)
	}
	s := items.Scope{Span: items.Span{PK: feedHead().PK}, From: feedEntry(seq + 1).SK, To: feedHead().SK}
	var entries []items.Item
	head := int64(0)
	for {
		page, next, err := t.items.Query(ctx, "since", s)
		if err != nil {
			return nil, err
		}
		for _, i := range page {
			if i.Key() != feedHead() {
				entries = append(entries, i)
			} else if head, err = i.Number(attrSeq); err != nil {
				return nil, err
			}
		}
		if next == "" {
			break
		}
		if s.After = next; len(entries) > maxBehind {
			return nil, fmt.Errorf("since %d: %w", seq, ErrFeedGap)
		}
	}
	if head < seq { // the table was restored to a time before
		return nil, fmt.Errorf("since %d, head is %d: %w", seq, head, ErrFeedGap)
	}
	return t.complete(ctx, seq, head, entries)
}

// complete puts the entries behind seq in order and finds those up to the head that the query did not see.
func (t *Table) complete(ctx context.Context, seq, head int64, found []items.Item) ([]catalog.Entry, error) {
	seen := make(map[int64]catalog.Entry, len(found))
	for _, i := range found {
		var e catalog.Entry
		if err := i.Decode(attrDoc, &e); err != nil {
			return nil, err
		}
		seen[e.Seq] = e
		head = max(head, e.Seq)
	}
	var missing []int64
	for n := seq + 1; n <= head && len(missing) <= maxMissing; n++ {
		if _, ok := seen[n]; !ok {
			missing = append(missing, n)
		}
	}
	if len(missing) > maxMissing {
		return nil, fmt.Errorf("since %d: %w", seq, ErrFeedGap)
	}
	if err := t.fill(ctx, missing, seen); err != nil {
		return nil, err
	}
	entries := make([]catalog.Entry, 0, len(seen))
	for n := seq + 1; n <= head; n++ {
		e, ok := seen[n]
		if !ok {
			return nil, fmt.Errorf("since %d, no entry %d: %w", seq, n, ErrFeedGap)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// maxMissing bounds the changes that can be half seen: each has a writer of its own at work.
const maxMissing = 50

// fill reads entries in one transaction, so that a change in the making is waited for.
func (t *Table) fill(ctx context.Context, missing []int64, into map[int64]catalog.Entry) error {
	if len(missing) == 0 {
		return nil
	}
	keys := make([]items.Key, len(missing))
	for at, n := range missing {
		keys[at] = feedEntry(n)
	}
	found, err := t.items.TransactGet(ctx, "since", keys)
	if err != nil {
		return err
	}
	for _, i := range found {
		var e catalog.Entry
		if err := i.Decode(attrDoc, &e); err != nil {
			return err
		}
		into[e.Seq] = e
	}
	return nil
}
