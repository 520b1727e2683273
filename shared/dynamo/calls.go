package dynamo

import (
	"context"
	"fmt"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/dynamo/internal/items"
	"sluice/shared/problem"
)

const (
	maxAnswer = 390_000 // bytes; the rest of an item's 400 KB is for names
	maxOwner  = 256     // bytes; of a fingerprint too
)

// ClaimCall makes a call the owner's until held, unless it is another's or has an answer: won says so, and c is the call as it
// then is. A repeated claim of the same owner is won as long as there is no answer. What is past its time is not there:
// a claim without an answer after held, all of it after expires (to the second). What differs between clocks is the caller's
// to add to held. An owner is a name for one attempt, 1..256 bytes, and must not come back.
//
// Access: one conditional PutItem, so strongly consistent; 1 WCU, or where there is an answer 1 WCU per KB of it.
func (t *Table) ClaimCall(
	ctx context.Context, id, owner, fingerprint string, held, expires time.Time,
) (c catalog.HeldCall, won bool, err error) {
	if owner == "" || len(owner) > maxOwner || len(fingerprint) > maxOwner || expires.Before(held) {
		return c, false, fmt.Errorf("claim call: an owner %q with %d bytes of fingerprint cannot hold until %v what expires at %v",
			owner, len(fingerprint), held, expires)
	}
	now := t.items.Now()
	put := items.Put(callKey(id), items.Item{attrOwner: items.Text(owner), attrPrint: items.Text(fingerprint),
		attrUntil: items.Number(held.UnixMicro()), items.Expires: items.Number(expires.Unix())},
		items.IfAbsent+" OR expires_at <= :second OR (attribute_not_exists(body) AND (until_us <= :now OR held_by = :owner))")
	put.Values = items.Item{
		":second": items.Number(now.Unix()), ":now": items.Number(now.UnixMicro()), ":owner": items.Text(owner)}
	old, refused, err := t.items.Apply(ctx, "claim call", put)
	if err != nil {
		return c, false, err
	}
	if refused {
		c, err = heldCall(old)
		return c, false, err
	}
	c, err = heldCall(put.Put)
	return c, err == nil, err
}

func heldCall(i items.Item) (catalog.HeldCall, error) {
	held, err := i.Number(attrUntil)
	if err != nil {
		return catalog.HeldCall{}, err
	}
	expires, err := i.Number(items.Expires)
	return catalog.HeldCall{Owner: i.Text(attrOwner), Fingerprint: i.Text(attrPrint), Answer: i.Bytes(attrBody),
		Held: time.UnixMicro(held).UTC(), Expires: time.Unix(expires, 0).UTC()}, err
}

// FinishCall keeps the answer of a call until expires. problem.Conflict says that the call is not the owner's, or has
// another answer; problem.TooLarge that the answer has more than 390 KB. An empty one is an error.
//
// Access: one conditional UpdateItem, 1 WCU per KB.
func (t *Table) FinishCall(ctx context.Context, id, owner string, answer []byte, expires time.Time) error {
	if len(answer) > maxAnswer {
		return problem.New(problem.TooLarge, "an answer of %d KB is too large to be kept", len(answer)/1000)
	}
	if len(answer) == 0 {
		return fmt.Errorf("finish call: the answer is empty")
	}
	_, refused, err := t.items.Apply(ctx, "finish call", items.Write{
		Key: callKey(id), Set: "SET body = :body, expires_at = :expires", Quiet: true,
		If:     "held_by = :owner AND (attribute_not_exists(body) OR body = :body)",
		Values: items.Item{":body": items.Blob(answer), ":owner": items.Text(owner), ":expires": items.Number(expires.Unix())},
	})
	if err == nil && refused {
		return problem.New(problem.Conflict, "the call is held by somebody else, or was answered before")
	}
	return err
}

// AbandonCall lets go of a call without an answer, so that it is anybody's at once. One that is not the owner's or has an
// answer stays as it is, and that is success.
//
// Access: one conditional UpdateItem, 1 WCU per KB.
func (t *Table) AbandonCall(ctx context.Context, id, owner string) error {
	_, _, err := t.items.Apply(ctx, "abandon call", items.Write{
		Key: callKey(id), Set: "SET until_us = :never", Quiet: true,
		If:     "held_by = :owner AND attribute_not_exists(body)",
		Values: items.Item{":never": items.Number(0), ":owner": items.Text(owner)},
	})
	return err
}
