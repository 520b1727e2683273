// Package held keeps calls that are carried out once: who holds one, until when, and what came of it.
//
// A claim puts the whole item, under the condition that nothing is there, that it has passed, or that it is the owner's own and
// without an answer: so a repeated claim is won, and one that arrives late takes nothing from anybody. It may come after the
// owner let go of the call, and then the call is held until its time: one is refused too many, and never carried out twice.
package held

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/dynamo/internal/items"
	"sluice/shared/problem"
)

const (
	maxAnswer = 390_000 // bytes; the rest of an item's 400 KB is for names
	maxName   = 256     // bytes of an owner or a fingerprint
)

// The attributes of a held call.
const (
	attrOwner = "held_by"
	attrPrint = "fingerprint"
	attrUntil = "until_us" // microseconds since the epoch
	attrBody  = "body"     // the answer; absent until there is one
)

// Claim makes a call the owner's, or tells whose it is: catalog.HeldCall without an answer is what is asked for.
func Claim(ctx context.Context, t *items.Table, k items.Key, c catalog.HeldCall) (now catalog.HeldCall, won bool, err error) {
	if c.Owner == "" || len(c.Owner) > maxName || len(c.Fingerprint) > maxName || c.Expires.Before(c.Held) {
		return now, false, fmt.Errorf("claim call: an owner %q with %d bytes of fingerprint cannot hold until %v what expires at %v",
			c.Owner, len(c.Fingerprint), c.Held, c.Expires)
	}
	at := t.Now()
	put := items.Put(k, items.Item{attrOwner: items.Text(c.Owner), attrPrint: items.Text(c.Fingerprint),
		attrUntil: items.Number(c.Held.UnixMicro()), items.Expires: items.Number(c.Expires.Unix())},
		items.IfAbsent+" OR expires_at <= :second OR (attribute_not_exists(body) AND (until_us <= :now OR held_by = :owner))")
	put.Values = items.Item{
		":second": items.Number(at.Unix()), ":now": items.Number(at.UnixMicro()), ":owner": items.Text(c.Owner)}
	old, refused, err := t.Apply(ctx, "claim call", put)
	if err != nil {
		return now, false, err
	}
	if refused {
		now, err = call(old)
		return now, false, err
	}
	now, err = call(put.Put)
	return now, err == nil, err
}

func call(i items.Item) (catalog.HeldCall, error) {
	until, err1 := i.Number(attrUntil)
	expires, err2 := i.Number(items.Expires)
	return catalog.HeldCall{Owner: i.Text(attrOwner), Fingerprint: i.Text(attrPrint), Answer: i.Bytes(attrBody),
		Held: time.UnixMicro(until).UTC(), Expires: time.Unix(expires, 0).UTC()}, errors.Join(err1, err2)
}

// Finish keeps the answer of a call.
func Finish(ctx context.Context, t *items.Table, k items.Key, owner string, answer []byte, expires time.Time) error {
	if len(answer) > maxAnswer {
		return problem.New(problem.TooLarge, "an answer of %d KB is too large to be kept", len(answer)/1000)
	}
	if len(answer) == 0 {
		return errors.New("finish call: the answer is empty")
	}
	_, refused, err := t.Apply(ctx, "finish call", items.Write{
		Key: k, Set: "SET body = :body, expires_at = :expires", Quiet: true,
		If:     "held_by = :owner AND (attribute_not_exists(body) OR body = :body)",
		Values: items.Item{":body": items.Blob(answer), ":owner": items.Text(owner), ":expires": items.Number(expires.Unix())},
	})
	if err == nil && refused {
		return problem.New(problem.Conflict, "the call is held by somebody else, or was answered before")
	}
	return err
}

// Abandon lets go of a call without an answer. The item stays until it expires: the data plane may not delete.
func Abandon(ctx context.Context, t *items.Table, k items.Key, owner string) error {
	_, _, err := t.Apply(ctx, "abandon call", items.Write{
		Key: k, Set: "SET until_us = :never", Quiet: true,
		If:     "held_by = :owner AND attribute_not_exists(body)",
		Values: items.Item{":never": items.Number(0), ":owner": items.Text(owner)},
	})
	return err
}
