package dynamo

import (
	"context"

	"sluice/shared/catalog"
	"sluice/shared/dynamo/internal/items"
	"sluice/shared/problem"
)

// read reads one resource: one GetItem, strongly consistent, 1 RCU per 4 KB.
func read[T any, P interface {
	*T
	catalog.Record
}](ctx context.Context, t *Table, op string, ref catalog.Ref) (T, error) {
	var v T
	i, err := t.items.Get(ctx, op, resourceKey(ref))
	if err != nil {
		return v, err
	}
	if i == nil {
		return v, absent(ref)
	}
	err = restore(i, P(&v))
	return v, err
}

// restore reads a stored resource back, with what its JSON does not show.
func restore(i items.Item, v catalog.Record) error {
	if err := i.Decode(attrDoc, v); err != nil {
		return err
	}
	rev, err := i.Number(attrRev)
	v.Stamp().Rev = rev
	setHash(v, i.Text(attrSecret))
	return err
}

func absent(r catalog.Ref) error {
	if r.Kind == catalog.KindCredential { // its id is nobody's business
		return problem.New(problem.NotFound, "there is no such credential")
	}
	return problem.New(problem.NotFound, "there is no %s %q", r.Kind, r.ID)
}

// Credential reads what the hash of a presented secret leads to; problem.NotFound if it leads nowhere.
//
// Access: one GetItem, strongly consistent, 1 RCU.
func (t *Table) Credential(ctx context.Context, hash string) (catalog.Credential, error) {
	var c catalog.Credential
	i, err := t.items.Get(ctx, "credential", credentialKey(hash))
	if err != nil {
		return c, err
	}
	if i == nil {
		return c, absent(catalog.CredentialRef(hash))
	}
	return c, i.Decode(attrDoc, &c)
}

// Grant reads the subscription of an app to an API, whatever its state; problem.NotFound if there is none.
//
// Access: two GetItems one after the other (the edge below the app, then the subscription), strongly consistent, 2 RCU.
func (t *Table) Grant(ctx context.Context, app catalog.AppID, api catalog.APIID) (catalog.Subscription, error) {
	edge := catalog.Edge{Parent: catalog.Ref{Kind: catalog.KindApp, ID: string(app)}, Name: string(api)}
	i, err := t.items.Get(ctx, "grant", edgeKey(edge, catalog.KindSubscription))
	if err != nil {
		return catalog.Subscription{}, err
	}
	if i == nil {
		return catalog.Subscription{}, absent(catalog.GrantRef(app, api))
	}
	s, err := read[catalog.Subscription](ctx, t, "grant", catalog.Ref{Kind: catalog.KindSubscription, ID: i.Text(attrChild)})
	if err == nil && (s.App != app || s.API != api) { // it was ended and its place taken between the two reads
		return catalog.Subscription{}, absent(catalog.GrantRef(app, api))
	}
	return s, err
}

// API reads an API; problem.NotFound if it is not there. One GetItem, strongly consistent, 1 RCU per 4 KB.
func (t *Table) API(ctx context.Context, id catalog.APIID) (catalog.API, error) {
	return read[catalog.API](ctx, t, "api", catalog.Ref{Kind: catalog.KindAPI, ID: string(id)})
}

// Version reads a version of an API; problem.NotFound if it is not there. One GetItem, strongly consistent, 1 RCU per 4 KB.
func (t *Table) Version(ctx context.Context, api catalog.APIID, v catalog.VersionID) (catalog.Version, error) {
	return read[catalog.Version](ctx, t, "version", catalog.VersionRef(api, v))
}

// App reads an app; problem.NotFound if it is not there. One GetItem, strongly consistent, 1 RCU.
func (t *Table) App(ctx context.Context, id catalog.AppID) (catalog.App, error) {
	return read[catalog.App](ctx, t, "app", catalog.Ref{Kind: catalog.KindApp, ID: string(id)})
}

// Consumer reads a consumer; problem.NotFound if it is not there. One GetItem, strongly consistent, 1 RCU per 4 KB.
func (t *Table) Consumer(ctx context.Context, id catalog.ConsumerID) (catalog.Consumer, error) {
	return read[catalog.Consumer](ctx, t, "consumer", catalog.Ref{Kind: catalog.KindConsumer, ID: string(id)})
}

// Plan reads a plan; problem.NotFound if it is not there. One GetItem, strongly consistent, 1 RCU per 4 KB.
func (t *Table) Plan(ctx context.Context, id catalog.PlanID) (catalog.Plan, error) {
	return read[catalog.Plan](ctx, t, "plan", catalog.Ref{Kind: catalog.KindPlan, ID: string(id)})
}

// Replayed reads the remembered answer to a POST; nil and no error if there is none or it has expired.
//
// Access: one GetItem, strongly consistent, 1 RCU per 4 KB.
func (t *Table) Replayed(ctx context.Context, id string) (*catalog.Replay, error) {
	i, err := t.items.Get(ctx, "replayed", replayKey(id))
	if err != nil || i == nil {
		return nil, err
	}
	r := new(catalog.Replay)
	if err := i.Decode(attrDoc, r); err != nil {
		return nil, err
	}
	return r, nil
}

// List reads a page of resources in the order of their names: all of them, or the children of q.Parent. It follows every
// change that was answered before it began; a resource that is deleted meanwhile is left out, so a page may be short, and
// only an empty Next is the end. problem.Invalid if the limit or the cursor is not one of ours. A parent that is not there
// has no children.
//
// Access: one Query of edges and one BatchGetItem, strongly consistent, 1 RCU plus 1 a resource.
func (r *Resources[T, P]) List(ctx context.Context, q catalog.Query) (catalog.Page[T], error) {
	op, page := "list "+string(r.kind), catalog.Page[T]{Items: []T{}}
	edges, next, err := r.t.items.Page(ctx, op, items.Scope{Span: edgesOf(r.kind, q.Parent)}, q.Limit, q.Cursor)
	if err != nil {
		return page, err
	}
	keys := make([]items.Key, len(edges))
	for n, e := range edges {
		keys[n] = resourceKey(catalog.Ref{Kind: r.kind, ID: e.Text(attrChild)})
	}
	found, err := r.t.items.BatchGet(ctx, op, keys)
	if err != nil {
		return page, err
	}
	for _, k := range keys {
		if i, ok := found[k]; ok {
			var v T
			if err := restore(i, P(&v)); err != nil {
				return page, err
			}
			page.Items = append(page.Items, v)
		}
	}
	page.Next = next
	return page, nil
}
