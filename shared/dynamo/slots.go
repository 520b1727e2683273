package dynamo

import (
	"context"
	"time"

	"sluice/shared/dynamo/internal/slots"
)

// TakeSlot takes one of most slots until then, or extends the holder's own; held says whether it has one. At most most
// holders have an unexpired slot at once, for any interleaving; one whose most was lowered gives no slot until enough of the
// others are back. A slot counts until its time and 1 s have passed by the clock of whoever looks: clocks differ by at most
// 500 ms. A slot is never made shorter. most is 1..500; a holder's name has 1..64 bytes, belongs to one holding, and must
// not come back after FreeSlot; until is at most 24 h ahead. On an error, the slot may be taken: free it, or let it pass.
//
// Access: one conditional UpdateItem, two where the item is new or passed slots are in the way. The item is a map of all
// holders, so a write costs 1 WCU per KB of it: 1 up to 25 holders with names of 24 bytes, 18 with 500 of them (38 with names
// of 64 bytes). A partition takes 1,000 WCU/s: with many holders, let one stand for many calls.
func (t *Table) TakeSlot(ctx context.Context, id, holder string, most int, until time.Time) (held bool, err error) {
	return slots.Take(ctx, t.items, slotsKey(id), slots.Claim{Holder: holder, Most: most, Until: until})
}

// FreeSlot gives a holder's slot back; one that is not there is success.
//
// Access: one conditional UpdateItem; its cost is that of TakeSlot.
func (t *Table) FreeSlot(ctx context.Context, id, holder string) error {
	return slots.Free(ctx, t.items, slotsKey(id), holder)
}
