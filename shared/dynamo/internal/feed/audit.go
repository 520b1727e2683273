package feed

import (
	"context"
	"encoding/json"

	"sluice/shared/catalog"
	"sluice/shared/dynamo/internal/items"
)

// Audit reads a page of who changed what, newest first: of one resource, or of all.
func (l *Log) Audit(ctx context.Context, of *catalog.Ref, limit int, cursor string) (catalog.Page[catalog.AuditEntry], error) {
	page := catalog.Page[catalog.AuditEntry]{Items: []catalog.AuditEntry{}}
	span := items.Span{PK: l.keys.Audit(0).PK}
	if of != nil {
		span.PK = l.keys.AuditIndex(*of, 0).PK
	}
	entries, next, err := l.t.Page(ctx, "audit", items.Scope{Span: span, Newest: true}, limit, cursor)
	if err != nil {
		return page, err
	}
	if of != nil {
		if entries, err = l.follow(ctx, entries); err != nil {
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
func (l *Log) follow(ctx context.Context, index []items.Item) ([]items.Item, error) {
	keys := make([]items.Key, len(index))
	for n, i := range index {
		keys[n] = items.Key{PK: l.keys.Audit(0).PK, SK: i.Text(items.SK)}
	}
	found, err := l.t.BatchGet(ctx, "audit", keys)
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
