package dynamo

import (
	"context"

	"sluice/shared/catalog"
	"sluice/shared/dynamo/internal/feed"
)

// ErrFeedGap says that the feed cannot be followed from where the caller is: the next entry has been swept, too much has
// happened, or the table is an older one. The caller forgets what it knows and starts anew from Head.
var ErrFeedGap = feed.ErrGap

// Head gives the number of the last change, 0 before the first. What is read after it includes that change.
//
// Access: one GetItem, strongly consistent, 1 RCU.
func (t *Table) Head(ctx context.Context) (int64, error) { return t.feed.Head(ctx) }

// Since gives the entries behind seq in order, without a gap; none if nothing has happened. Every change that was answered
// before the call began is among them. ErrFeedGap if they cannot all be given. An entry past its time is told as long as
// it is there: it is as true as ever.
//
// Access: one Query, strongly consistent, 1 RCU where nothing is new and 1 more per 4 KB (about 20 entries); where it
// meets a change in the making, a TransactGetItems of those entries.
func (t *Table) Since(ctx context.Context, seq int64) ([]catalog.Entry, error) {
	return t.feed.Since(ctx, seq)
}

// AuditQuery selects a page of the audit log: of one resource, or of all.
type AuditQuery struct {
	Resource *catalog.Ref
	Limit    int    // 1..100; 0 means 50
	Cursor   string // opaque; "" is the start
}

// Audit reads a page of who changed what, newest first. Before and After of an entry are json.RawMessage, as they were
// written then, or nil. problem.Invalid if the limit or the cursor is not one of ours.
//
// Access: one Query, strongly consistent, 1 RCU per 4 KB; for one resource, a Query of its index and one BatchGetItem.
// The order is that of the feed, not of clocks.
func (t *Table) Audit(ctx context.Context, q AuditQuery) (catalog.Page[catalog.AuditEntry], error) {
	return t.feed.Audit(ctx, q.Resource, q.Limit, q.Cursor)
}
