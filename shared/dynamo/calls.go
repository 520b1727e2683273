package dynamo

import (
	"context"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/dynamo/internal/held"
)

// ClaimCall makes a call the owner's until then, unless it is another's or has an answer: won says so, and c is the call as
// it then is. A repeated claim of the same owner is won as long as there is no answer. What is past its time is not there: a
// claim without an answer after until, all of it after expires (to the second). What differs between clocks is the caller's
// to add to until. An owner is a name for one attempt, 1..256 bytes, and must not come back; a fingerprint has at most 256.
//
// Access: one conditional PutItem, so strongly consistent; 1 WCU, or where there is an answer 1 WCU per KB of it.
func (t *Table) ClaimCall(
	ctx context.Context, id, owner, fingerprint string, until, expires time.Time,
) (c catalog.HeldCall, won bool, err error) {
	return held.Claim(ctx, t.items, callKey(id),
		catalog.HeldCall{Owner: owner, Fingerprint: fingerprint, Held: until, Expires: expires})
}

// FinishCall keeps the answer of a call until expires. problem.Conflict says that the call is not the owner's, or has
// another answer; problem.TooLarge that the answer has more than 390,000 bytes. An empty one is an error.
//
// Access: one conditional UpdateItem, 1 WCU per KB.
func (t *Table) FinishCall(ctx context.Context, id, owner string, answer []byte, expires time.Time) error {
	return held.Finish(ctx, t.items, callKey(id), owner, answer, expires)
}

// AbandonCall lets go of a call without an answer, so that it is anybody's at once. One that is not the owner's or has an
// answer stays as it is, and that is success.
//
// Access: one conditional UpdateItem, 1 WCU, or where there is an answer 1 WCU per KB of it.
func (t *Table) AbandonCall(ctx context.Context, id, owner string) error {
	return held.Abandon(ctx, t.items, callKey(id), owner)
}
