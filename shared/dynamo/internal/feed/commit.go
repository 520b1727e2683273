package feed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/dynamo/internal/items"
	"sluice/shared/problem"
)

// Change is everything that lands in one transaction. The steps that can be refused come first, the most telling first.
type Change struct {
	Circumstances catalog.Write
	Resource      catalog.Ref
	Before, After any // of the resource; nil where there is none
	Touches       []catalog.Ref
	Steps         []items.Write
}

// How often a change is tried: other processes' changes may get ahead of it, and the store may fail.
const (
	changeAttempts = 100 // who loses each time has seen so many changes of others land, in about 10 s
	changeFailures = 6
)

// Commit lands a change: its steps, its audit entry and its feed entry at the head's next number, all or nothing.
//
// Access: one TransactWriteItems of 8 to 14 items (2 WCU per KB each); a GetItem of the head before the first change of a
// process. Within a process changes queue, so that they cannot collide; a change of another process that got ahead fails
// the condition on the head, and we go on from the number the store answered with, after a random pause.
//
// A lost answer is never guessed at. The same transaction, with the same number and the same token, is tried again, so
// that it lands at most once; where the number turns out to be taken, the entry that holds it says whether it is ours. Only
// if the store stays silent until the attempts or ctx end, the answer is problem.Unavailable and says that it is not known.
func (l *Log) Commit(ctx context.Context, op string, c Change) error {
	if c.Circumstances.At.IsZero() {
		return fmt.Errorf("%s: a change needs the time at which it is made", op)
	}
	id, err := l.t.NewID()
	if err != nil {
		return err
	}
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return l.t.Fault(ctx, op, ctx.Err())
	}
	defer func() { <-l.turn }()

	a := attemptAt{op: op, id: id, change: c}
	for n := 1; ; n++ {
		done, err := l.advance(ctx, &a)
		if done {
			return err
		}
		if n == changeAttempts || a.failures == changeFailures || l.t.Pause(ctx, n) != nil {
			return l.giveUp(ctx, &a, err)
		}
	}
}

// attemptAt is where an attempt to land a change stands.
type attemptAt struct {
	op     string
	id     string // of the change, in its audit and feed entries
	change Change
	seq    int64
	made   bool              // writes is made for seq
	writes items.Transaction // with the head last
	lost   bool              // an answer for writes was lost: it may have landed, or may yet

	failures int // tries that the store failed, rather than somebody getting ahead
}

// advance makes one try. done says that the outcome is known, and err is it; otherwise err is why it is not.
func (l *Log) advance(ctx context.Context, a *attemptAt) (done bool, err error) {
	if l.head == unknownHead && !a.made {
		if l.head, err = l.readHead(ctx, a.op); err != nil {
			l.head = unknownHead
			return true, err // nothing has been sent
		}
	}
	if !a.made {
		a.seq, a.lost = l.head+1, false
		if a.writes, err = l.assemble(a); err != nil {
			return true, err
		}
		a.made = true
	}
	switch try := l.t.TryOnce(ctx, a.op, a.writes); try.Outcome {
	case items.Landed:
		l.head = a.seq
		return true, nil
	case items.Refused:
		return l.refused(ctx, a, try)
	case items.Broken:
		return true, l.giveUp(ctx, a, try.Cause)
	case items.Conflicted:
		return false, try.Cause
	default: // items.Again, items.Unknown
		a.lost = a.lost || try.Outcome == items.Unknown
		a.failures++
		return false, try.Cause
	}
}

// refused finds out which condition did not hold. One of ours is final; that of the head only means that our number is
// taken for good, so that this transaction can never land, and another is made.
func (l *Log) refused(ctx context.Context, a *attemptAt, try items.Try) (done bool, err error) {
	if a.lost { // the conditions may have failed because of ourselves
		mine, err := l.landed(ctx, a)
		if err != nil {
			return false, err
		}
		if mine {
			l.head = a.seq
			return true, nil
		}
	}
	now, moved := try.Refused[len(a.writes.Writes)-1]
	if moved {
		l.head = unknownHead
		if seq, err := now.Number(attrSeq); err == nil && seq >= a.seq {
			l.head = seq
		}
	}
	for n, w := range a.change.Steps {
		if old, no := try.Refused[n]; no && w.Refuse != nil {
			return true, w.Refuse(old)
		}
	}
	if !moved {
		return true, fmt.Errorf("%s: the feed at %d is not as it should be: %w", a.op, a.seq, try.Cause)
	}
	a.made = false
	return false, try.Cause
}

// landed reports whether the entry at our number is ours.
func (l *Log) landed(ctx context.Context, a *attemptAt) (bool, error) {
	entry, err := l.t.GetAnyAge(ctx, a.op, l.keys.Entry(a.seq))
	return entry.Text(attrChange) == a.id, err
}

// giveUp says what is known after the last try. It asks once more, on time of its own, whether the change has landed: a
// caller that went away must not turn a change that was made into one that was not.
func (l *Log) giveUp(ctx context.Context, a *attemptAt, cause error) error {
	l.head = unknownHead
	if !a.lost || !a.made {
		return l.t.Fault(ctx, a.op, cause) // nothing was changed
	}
	own, stop := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer stop()
	if mine, err := l.landed(own, a); err == nil && mine {
		return nil
	}
	return problem.Wrap(errors.Join(ctx.Err(), fmt.Errorf("%s: %w", a.op, cause)), problem.Unavailable,
		"the store does not answer; it is not known whether the change was made: look before trying again")
}

// assemble makes the transaction for a.seq. The head comes last.
func (l *Log) assemble(a *attemptAt) (x items.Transaction, err error) {
	if x.Token, err = l.t.NewID(); err != nil {
		return x, err
	}
	c, w := a.change, a.change.Circumstances
	entry, err := items.Document(catalog.Entry{Seq: a.seq, At: UTC(w.At), Touches: c.Touches})
	if err != nil {
		return x, err
	}
	audit, err := items.Document(catalog.AuditEntry{ID: a.id, At: UTC(w.At), Actor: w.Actor, Action: w.Action,
		Resource: c.Resource, Before: c.Before, After: c.After, RequestID: w.RequestID})
	if err != nil {
		return x, err
	}
	expires := items.Number(w.At.Add(retention).Unix())
	x.Writes = append(slices.Clone(c.Steps),
		items.Put(l.keys.Audit(a.seq), items.Item{attrDoc: audit}, items.IfAbsent),
		items.Put(l.keys.AuditIndex(c.Resource, a.seq), nil, items.IfAbsent),
		items.Put(l.keys.Entry(a.seq), items.Item{attrDoc: entry, attrChange: items.Text(a.id), items.Expires: expires}, items.IfAbsent),
		l.moveHead(a.seq),
	)
	return x, x.Check()
}

func (l *Log) moveHead(to int64) items.Write {
	if to == 1 {
		return items.Write{Key: l.keys.Head, Set: "SET seq = :to", If: items.IfAbsent, Values: items.Item{":to": items.Number(to)}}
	}
	return items.Write{Key: l.keys.Head, Set: "SET seq = :to", If: "seq = :from",
		Values: items.Item{":to": items.Number(to), ":from": items.Number(to - 1)}}
}

// UTC drops what a stored time does not keep.
func UTC(at time.Time) time.Time { return at.UTC().Round(0) }
