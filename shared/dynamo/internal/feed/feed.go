// Package feed keeps the one sequence of changes: how a change lands with its number, how instances follow, and who did it.
//
// It has one sequence without gaps: every change moves the head from n to n+1 under the condition that it is still n, so
// changes are totally ordered, and no clock takes part.
package feed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/dynamo/internal/items"
)

// ErrGap says that the feed cannot be followed from where the caller is.
var ErrGap = errors.New("the feed cannot be followed from here")

// The attributes of the items of a feed.
const (
	attrDoc    = "doc"    // JSON of an entry
	attrSeq    = "seq"    // head: sequence of the last change
	attrChange = "change" // entry: id of the change, by which a writer recognises its own
)

const (
	retention = 7 * 24 * time.Hour
	maxBehind = 10_000 // entries; starting anew is cheaper by then
	// maxMissing bounds the changes that can be half seen: each has a writer of its own at work.
	maxMissing  = 50
	unknownHead = -1
)

// Keys tells where the items of a feed are.
type Keys struct {
	Head       items.Key
	Entry      func(seq int64) items.Key
	Audit      func(seq int64) items.Key
	AuditIndex func(r catalog.Ref, seq int64) items.Key // PK names the resource, SK is that of the entry in the audit log
}

// Log is the feed of a table. It is safe for concurrent use.
type Log struct {
	t    *items.Table
	keys Keys
	turn chan struct{} // held while this process makes a change: its writers queue here, not at the feed's head
	head int64         // what we believe the feed's head to be; unknownHead if nothing; guarded by turn
}

// New opens the feed of a table. It makes no call.
func New(t *items.Table, k Keys) *Log {
	return &Log{t: t, keys: k, turn: make(chan struct{}, 1), head: unknownHead}
}

// Head gives the number of the last change, 0 before the first. What is read after it includes that change.
func (l *Log) Head(ctx context.Context) (int64, error) { return l.readHead(ctx, "head") }

func (l *Log) readHead(ctx context.Context, op string) (int64, error) {
	i, err := l.t.GetAnyAge(ctx, op, l.keys.Head)
	if err != nil {
		return 0, err
	}
	return i.Number(attrSeq)
}

// Since gives the entries behind seq in order, without a gap; none if nothing has happened. ErrGap if they cannot all be given.
//
// The query ends with the head, which sorts behind the entries, and so tells whether any is missing. A Query is no snapshot:
// it may see a change's head and not yet its entry. Those entries are read again in one TransactGetItems, which does not
// see halves.
func (l *Log) Since(ctx context.Context, seq int64) ([]catalog.Entry, error) {
	if seq < 0 {
		return nil, fmt.Errorf("since %d: %w", seq, ErrGap)
	}
	s := items.Scope{Span: items.Span{PK: l.keys.Head.PK}, From: l.keys.Entry(seq + 1).SK, To: l.keys.Head.SK}
	var entries []items.Item
	head := int64(0)
	for {
		page, next, err := l.t.Query(ctx, "since", s)
		if err != nil {
			return nil, err
		}
		for _, i := range page {
			if i.Key() != l.keys.Head {
				entries = append(entries, i)
			} else if head, err = i.Number(attrSeq); err != nil {
				return nil, err
			}
		}
		if next == "" {
			break
		}
		if s.After = next; len(entries) > maxBehind {
			return nil, fmt.Errorf("since %d: %w", seq, ErrGap)
		}
	}
	if head < seq { // the table was restored to a time before
		return nil, fmt.Errorf("since %d, head is %d: %w", seq, head, ErrGap)
	}
	return l.complete(ctx, seq, head, entries)
}

// complete puts the entries behind seq in order and finds those up to the head that the query did not see.
func (l *Log) complete(ctx context.Context, seq, head int64, found []items.Item) ([]catalog.Entry, error) {
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
		return nil, fmt.Errorf("since %d: %w", seq, ErrGap)
	}
	if err := l.fill(ctx, missing, seen); err != nil {
		return nil, err
	}
	entries := make([]catalog.Entry, 0, len(seen))
	for n := seq + 1; n <= head; n++ {
		e, ok := seen[n]
		if !ok {
			return nil, fmt.Errorf("since %d, no entry %d: %w", seq, n, ErrGap)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// fill reads entries in one transaction, so that a change in the making is waited for.
func (l *Log) fill(ctx context.Context, missing []int64, into map[int64]catalog.Entry) error {
	if len(missing) == 0 {
		return nil
	}
	keys := make([]items.Key, len(missing))
	for at, n := range missing {
		keys[at] = l.keys.Entry(n)
	}
	found, err := l.t.TransactGet(ctx, "since", keys)
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
