package dynamo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sluice/shared/catalog"
	"sluice/shared/problem"
)

// step is one write of a transaction and what it means if its condition does not hold: refuse gets the item as it is, nil
// if there is none.
type step struct {
	write  types.TransactWriteItem
	refuse func(old item) error
}

// change is everything that lands in one transaction. The steps that can be refused come first, the most telling first.
type change struct {
	circumstances catalog.Write
	resource      catalog.Ref
	before, after any // JSON documents, nil where there is none
	touches       []catalog.Ref
	steps         []step
}

const unknownHead = -1

// maxItem leaves room below DynamoDB's 400 KB.
const maxItem = 390 << 10

// commit lands a change: its steps, its audit entry and its feed entry at the head's next number, all or nothing.
//
// Access: one TransactWriteItems of 8 to 14 items (2 WCU per KB each); a GetItem of the head before the first change of a
// process. Within a process changes queue, so that they cannot collide; a change of another process that got ahead fails
// the condition on the head, and we go on from the number the store answered with, after a random pause.
//
// A lost answer is never guessed at. The same transaction, with the same number and the same token, is tried again, so
// that it lands at most once; where the number turns out to be taken, the entry that holds it says whether it is ours. Only
// if the store stays silent until the attempts or ctx end, the answer is problem.Unavailable and says that it is not known.
func (t *Table) commit(ctx context.Context, op string, c change) error {
	if c.circumstances.At.IsZero() {
		return fmt.Errorf("%s: a change needs the time at which it is made", op)
	}
	id, err := t.newID()
	if err != nil {
		return err
	}
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return t.fault(ctx, op, ctx.Err())
	}
	defer func() { <-t.turn }()

	a := attemptAt{op: op, id: id, change: c}
	for n := 1; ; n++ {
		done, err := t.advance(ctx, &a)
		if done {
			return err
		}
		if n == changeAttempts || t.sleep(ctx, t.backoff(n)) != nil {
			return t.giveUp(ctx, &a, err)
		}
	}
}

// attemptAt is where an attempt to land a change stands.
type attemptAt struct {
	op     string
	id     string // of the change, in its audit and feed entries
	change change
	seq    int64
	input  *dynamodb.TransactWriteItemsInput // for seq; nil if it must be made
	lost   bool                              // an answer for input was lost: it may have landed, or may yet
}

// advance makes one try. done says that the outcome is known, and err is it; otherwise err is why it is not.
func (t *Table) advance(ctx context.Context, a *attemptAt) (done bool, err error) {
	if t.head == unknownHead && a.input == nil {
		if t.head, err = t.readHead(ctx, a.op); err != nil {
			t.head = unknownHead
			return true, err // nothing has been sent
		}
	}
	if a.input == nil {
		a.seq, a.lost = t.head+1, false
		if a.input, err = t.assemble(a); err != nil {
			return true, err
		}
	}
	out, err := t.db.TransactWriteItems(ctx, a.input)
	if t.observe != nil {
		units := 0.0
		if out != nil {
			units = consumedAll(out.ConsumedCapacity)
		}
		t.observe(a.op, 0, units)
	}
	if err == nil {
		t.head = a.seq
		return true, nil
	}
	var cancelled *types.TransactionCanceledException
	if errors.As(err, &cancelled) {
		return t.cancelled(ctx, a, cancelled)
	}
	switch judge(err) {
	case unknown:
		a.lost = true
	case final:
		t.head = unknownHead
		return true, t.fault(ctx, a.op, err)
	case again:
	}
	return false, err
}

// cancelled reads why the store cancelled the transaction.
func (t *Table) cancelled(ctx context.Context, a *attemptAt, why *types.TransactionCanceledException) (done bool, err error) {
	reasons := why.CancellationReasons
	if len(reasons) != len(a.input.TransactItems) {
		return true, fmt.Errorf("%s: the store gave %d reasons for %d items: %w", a.op, len(reasons), len(a.input.TransactItems), why)
	}
	failed := func(n int) bool { return aws.ToString(reasons[n].Code) == "ConditionalCheckFailed" }
	headMoved := failed(len(a.input.TransactItems) - 1)
	if a.lost {
		// The conditions may have failed because of ourselves.
		mine, err := t.landed(ctx, a)
		if err != nil {
			return false, err
		}
		if mine {
			t.head = a.seq
			return true, nil
		}
	}
	for n, s := range a.change.steps {
		if failed(n) {
			if headMoved {
				t.head = unknownHead
			}
			return true, s.refuse(reasons[n].Item)
		}
	}
	for _, r := range reasons {
		if c := aws.ToString(r.Code); c == "ValidationError" || c == "ItemCollectionSizeLimitExceeded" {
			return true, fmt.Errorf("%s: %w", a.op, why)
		}
	}
	if headMoved {
		// Our number is taken for good, so this input can never land: make another.
		t.head = unknownHead
		if now, err := item(reasons[len(reasons)-1].Item).number(attrSeq); err == nil && now >= a.seq {
			t.head = now
		}
		a.input = nil
	}
	return false, why
}

// landed reports whether the entry at our number is ours.
func (t *Table) landed(ctx context.Context, a *attemptAt) (bool, error) {
	entry, err := t.getAnyAge(ctx, a.op, feedEntry(a.seq))
	return entry.text(attrChange) == a.id, err
}

// giveUp says what is known after the last try. It asks once more, on time of its own, whether the change has landed: a
// caller that went away must not turn a change that was made into one that was not.
func (t *Table) giveUp(ctx context.Context, a *attemptAt, cause error) error {
	t.head = unknownHead
	if !a.lost || a.input == nil {
		if judge(cause) == unknown || ctx.Err() != nil {
			return t.fault(ctx, a.op, cause)
		}
		return problem.Wrap(fmt.Errorf("%s: %w", a.op, cause), problem.Unavailable, "the store is busy; nothing was changed; try again shortly")
	}
	own, stop := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer stop()
	if mine, err := t.landed(own, a); err == nil && mine {
		return nil
	}
	return problem.Wrap(errors.Join(ctx.Err(), fmt.Errorf("%s: %w", a.op, cause)), problem.Unavailable,
		"the store does not answer; it is not known whether the change was made: look before trying again")
}

// assemble makes the transaction for a.seq. The head comes last.
func (t *Table) assemble(a *attemptAt) (*dynamodb.TransactWriteItemsInput, error) {
	token, err := t.newID()
	if err != nil {
		return nil, err
	}
	c := a.change
	entry, err := document(catalog.Entry{Seq: a.seq, At: utc(c.circumstances.At), Touches: c.touches})
	if err != nil {
		return nil, err
	}
	audit, err := document(catalog.AuditEntry{
		ID: a.id, At: utc(c.circumstances.At), Actor: c.circumstances.Actor, Action: c.circumstances.Action,
		Resource: c.resource, Before: c.before, After: c.after, RequestID: c.circumstances.RequestID,
	})
	if err != nil {
		return nil, err
	}
	expires := number(c.circumstances.At.Add(feedRetention).Unix())
	in := &dynamodb.TransactWriteItemsInput{ClientRequestToken: &token, ReturnConsumedCapacity: t.capacity}
	for _, s := range c.steps {
		in.TransactItems = append(in.TransactItems, s.write)
	}
	in.TransactItems = append(in.TransactItems,
		t.put(auditKey(a.seq), item{attrDoc: audit}, ifAbsent).write,
		t.put(auditIndexKey(c.resource, a.seq), nil, ifAbsent).write,
		t.put(feedEntry(a.seq), item{attrDoc: entry, attrChange: text(a.id), attrExpires: expires}, ifAbsent).write,
		t.moveHead(a.seq),
	)
	return in, checkSizes(in.TransactItems)
}

func (t *Table) moveHead(to int64) types.TransactWriteItem {
	k := feedHead()
	u := &types.Update{
		TableName: &t.name, Key: k.attributes(), UpdateExpression: aws.String("SET seq = :to"), ConditionExpression: aws.String("seq = :from"),
		ExpressionAttributeValues:           item{":to": number(to), ":from": number(to - 1)},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if to == 1 {
		u.ConditionExpression = aws.String(ifAbsent)
		delete(u.ExpressionAttributeValues, ":from")
	}
	return types.TransactWriteItem{Update: u}
}

const (
	ifAbsent  = "attribute_not_exists(pk)"
	ifPresent = "attribute_exists(pk)"
)

// put writes a whole item under a condition without values ("" is none).
func (t *Table) put(k key, content item, condition string) step {
	p := &types.Put{
		TableName: &t.name, Item: k.with(content),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if condition != "" {
		p.ConditionExpression = &condition
	}
	return step{write: types.TransactWriteItem{Put: p}}
}

// remember adds the answer to replay. It fails with problem.InFlight while another answer with the id is kept.
func (t *Table) remember(r *catalog.Replay, at time.Time) (step, error) {
	doc, err := document(r)
	if err != nil {
		return step{}, err
	}
	s := t.put(replayKey(r.ID), item{attrDoc: doc, attrExpires: number(r.Expires.Unix())}, ifAbsent+" OR expires_at <= :now")
	s.write.Put.ExpressionAttributeValues = item{":now": number(at.Unix())}
	s.refuse = func(item) error {
		return problem.New(problem.InFlight, "a request with this Idempotency-Key has just been carried out; repeat it to get its answer")
	}
	return s, nil
}

// checkSizes refuses what the store could not keep, before anything is sent.
func checkSizes(items []types.TransactWriteItem) error {
	for _, i := range items {
		size := 0
		switch {
		case i.Put != nil:
			if k := item(i.Put.Item).key(); !k.possible() {
				return problem.New(problem.Invalid, "a name is too long, or not text")
			}
			size = item(i.Put.Item).size()
		case i.Update != nil:
			size = item(i.Update.ExpressionAttributeValues).size()
		}
		if size > maxItem {
			return problem.New(problem.TooLarge, "the resource with its history entry would have %s KB, more than the store keeps", strconv.Itoa(size>>10))
		}
	}
	return nil
}

// snapshot freezes a resource for the audit entry.
func snapshot(v any) (any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return json.RawMessage(b), nil
}

// union lists refs once each.
func union(lists ...[]catalog.Ref) []catalog.Ref {
	var all []catalog.Ref
	for _, r := range slices.Concat(lists...) {
		if !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return all
}

// utc drops what a stored time does not keep.
func utc(at time.Time) time.Time { return at.UTC().Round(0) }
