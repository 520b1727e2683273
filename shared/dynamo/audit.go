package dynamo

import (
	"context"
	"encoding/json"
	"time"

	"sluice/shared/catalog"
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
	items, next, err := t.page(ctx, "audit", scope{span: auditOf(q.Resource), newest: true}, q.Limit, q.Cursor)
	if err != nil {
		return page, err
	}
	if q.Resource != nil {
		if items, err = t.follow(ctx, items); err != nil {
			return page, err
		}
	}
	for _, i := range items {
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
func (t *Table) follow(ctx context.Context, index []item) ([]item, error) {
	keys := make([]key, len(index))
	for n, i := range index {
		keys[n] = key{auditKey(0).pk, i.text(attrSK)}
	}
	found, err := t.batchGet(ctx, "audit", keys)
	if err != nil {
		return nil, err
	}
	items := make([]item, 0, len(keys))
	for _, k := range keys {
		if i, ok := found[k]; ok {
			items = append(items, i)
		}
	}
	return items, nil
}

// auditEntry reads an entry without turning the numbers of its documents into floats.
func auditEntry(i item) (catalog.AuditEntry, error) {
	var stored struct {
		ID        string          `json:"id"`
		At        time.Time       `json:"at"`
		Actor     catalog.Actor   `json:"actor"`
		Action    string          `json:"action"`
		Resource  catalog.Ref     `json:"resource"`
		Before    json.RawMessage `json:"before"`
		After     json.RawMessage `json:"after"`
		RequestID string          `json:"request_id"`
	}
	if err := i.decode(&stored); err != nil {
		return catalog.AuditEntry{}, err
	}
	e := catalog.AuditEntry{ID: stored.ID, At: stored.At, Actor: stored.Actor, Action: stored.Action,
		Resource: stored.Resource, RequestID: stored.RequestID}
	if present(stored.Before) {
		e.Before = stored.Before
	}
	if present(stored.After) {
		e.After = stored.After
	}
	return e, nil
}

func present(doc json.RawMessage) bool { return len(doc) > 0 && string(doc) != "null" }
