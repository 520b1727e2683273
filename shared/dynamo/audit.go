package dynamo

import (
	"context"
	"encoding/json"

	"sluice/shared/catalog"
	"sluice/shared/dynamo/internal/items"
)

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
	page := catalog.Page[catalog.AuditEntry]{Items: []catalog.AuditEntry{}}
	entries, next, err := t.items.Page(ctx, "audit", items.Scope{Span: auditOf(q.Resource), Newest: true}, q.Limit, q.Cursor)
	if err != nil {
		return page, err
	}
	if q.Resource != nil {
		if entries, err = t.follow(ctx, entries); err != nil {
			return page, err
		}
	}
	for _, i := range entries {
		e, err := auditEntry(i)
		if err != nil {
			return page, err
		}
		page.Items = append(page.Items, e)
	}
	page.Next = next
	return page, nil
}

// follow reads the entries that an index points to, in its order.
func (t *Table) follow(ctx context.Context, index []items.Item) ([]items.Item, error) {
	keys := make([]items.Key, len(index))
	for n, i := range index {
		keys[n] = at(auditKey(0).PK, i.Text(items.SK))
	}
	found, err := t.items.BatchGet(ctx, "audit", keys)
	if err != nil {
		return nil, err
	}
	entries := make([]items.Item, 0, len(keys))
	for _, k := range keys {
		if i, ok := found[k]; ok {
			entries = append(entries, i)
		}
	}
	return entries, nil
}

// auditEntry reads an entry without turning the numbers of its documents into floats.
func auditEntry(i items.Item) (catalog.AuditEntry, error) {
	var before, after json.RawMessage
	e := catalog.AuditEntry{Before: &before, After: &after} // null makes them nil, anything else lands in the raw messages
	if err := i.Decode(attrDoc, &e); err != nil {
		return catalog.AuditEntry{}, err
	}
	if e.Before != nil {
		e.Before = before
	}
	if e.After != nil {
		e.After = after
	}
	return e, nil
}
