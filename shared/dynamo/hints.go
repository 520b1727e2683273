package dynamo

import (
	"context"
	"time"

	"sluice/shared/dynamo/internal/items"
)

// Hint reads until when somebody said that id is to be avoided; the zero time if nobody did, or that time has passed.
//
// Access: one GetItem, eventually consistent (a hint shows within a second or so), 1/2 RCU.
func (t *Table) Hint(ctx context.Context, id string) (until time.Time, err error) {
	i, err := t.items.GetEventual(ctx, "hint", hintKey(id))
	if err != nil {
		return time.Time{}, err
	}
	return future(i, attrUntil, t.items.Now())
}

// future reads a time that has not passed, in microseconds; the zero time otherwise.
func future(i items.Item, name string, now time.Time) (time.Time, error) {
	at, err := i.Number(name)
	if err != nil || at <= now.UnixMicro() {
		return time.Time{}, err
	}
	return time.UnixMicro(at).UTC(), nil
}

// PutHint tells all instances until when id is to be avoided, to the microsecond. It only ever extends: an earlier time than
// the one that is kept, or one that has passed, changes nothing and is success.
//
// Access: one conditional UpdateItem, 1 WCU; none if the time has passed.
func (t *Table) PutHint(ctx context.Context, id string, until time.Time) error {
	if !until.After(t.items.Now()) {
		return nil
	}
	_, _, err := t.items.Apply(ctx, "put hint", items.Write{
		Key: hintKey(id), Set: "SET until_us = :until, expires_at = :expires", Quiet: true,
		If:     "attribute_not_exists(until_us) OR until_us < :until",
		Values: items.Item{":until": items.Number(until.UnixMicro()), ":expires": items.Number(until.Unix() + 1)},
	})
	return err
}
