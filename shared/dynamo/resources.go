package dynamo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/dynamo/internal/feed"
	"sluice/shared/dynamo/internal/items"
	"sluice/shared/problem"
)

// Resources keeps the resources of one type. Make it with NewResources[catalog.Team](table).
type Resources[T any, P interface {
	*T
	catalog.Record
}] struct {
	t    *Table
	kind catalog.Kind
}

// NewResources gives access to the resources of type T.
func NewResources[T any, P interface {
	*T
	catalog.Record
}](t *Table) *Resources[T, P] {
	var zero T
	return &Resources[T, P]{t, P(&zero).Ref().Kind}
}

// Create stores a new resource and stamps its Meta: Rev 1, Created and Updated are w.At. It answers problem.InFlight if
// w.Replay is kept already, problem.Conflict if the id or the name below a parent is taken, problem.Unprocessable with a
// pointer if a parent is not there.
//
// Access: one transaction (see layout.go): resource, root edge, edges, parents' counters, credential.
func (r *Resources[T, P]) Create(ctx context.Context, w catalog.Write, v *T) error {
	p, op := P(v), "create "+string(r.kind)
	stamped := *v
	s := P(&stamped)
	*s.Stamp() = catalog.Meta{Created: feed.UTC(w.At), Updated: feed.UTC(w.At), Rev: 1}
	c, err := r.begin(w, s.Ref(), nil, s)
	if err != nil {
		return err
	}
	content := items.Item{attrRev: items.Number(1)}
	if content[attrDoc], err = items.Document(s); err != nil {
		return err
	}
	secret, hasSecret := any(s).(secretBearer)
	if hasSecret {
		hash, _ := secret.Credential()
		content[attrSecret] = items.Text(hash)
	}
	put := items.Put(resourceKey(s.Ref()), content, items.IfAbsent)
	put.Refuse = taken("%s %q exists already", r.kind, s.Ref().ID)
	root := items.Put(rootKey(s.Ref()), items.Item{attrChild: items.Text(s.Ref().ID)}, items.IfAbsent)
	root.Refuse = put.Refuse
	c.Steps = append(c.Steps, put, root)
	c.Steps = append(c.Steps, moveEdges(s.Ref(), nil, s.Edges())...)
	if hasSecret {
		put, err := putCredential(secret, items.IfAbsent)
		if err != nil {
			return err
		}
		c.Steps = append(c.Steps, put)
	}
	if err := r.t.feed.Commit(ctx, op, c); err != nil {
		return err
	}
	*p.Stamp() = *s.Stamp()
	return nil
}

// Get reads one resource; problem.NotFound if it is not there.
//
// Access: one GetItem, strongly consistent, 1 RCU per 4 KB.
func (r *Resources[T, P]) Get(ctx context.Context, ref catalog.Ref) (T, error) {
	return read[T, P](ctx, r.t, "get "+string(r.kind), ref)
}

// Replace stores v in place of before, as Get gave it, and stamps v's Meta: Rev is one more, Created stays. It answers
// problem.PreconditionFailed if the resource has changed since or is gone, problem.Conflict if a new name below a parent is
// taken, problem.Unprocessable if a new parent is not there, problem.InFlight like Create.
// An empty secret hash in v keeps the old one.
//
// Access: one transaction (see layout.go); only edges that differ are written.
func (r *Resources[T, P]) Replace(ctx context.Context, w catalog.Write, before T, v *T) error {
	old, stamped := P(&before), *v
	s := P(&stamped)
	if old.Ref() != s.Ref() {
		return fmt.Errorf("replace %s by %s: a resource keeps its name", old.Ref(), s.Ref())
	}
	rev := old.Stamp().Rev
	*s.Stamp() = catalog.Meta{Created: old.Stamp().Created, Updated: feed.UTC(w.At), Rev: rev + 1}
	oldHash, newHash := hashOf(old), hashOf(s)
	if newHash == "" {
		newHash = oldHash
		setHash(s, oldHash)
	}
	c, err := r.begin(w, s.Ref(), old, s)
	if err != nil {
		return err
	}
	update, err := rewrite(s, rev, newHash)
	if err != nil {
		return err
	}
	c.Steps = append(c.Steps, update)
	c.Steps = append(c.Steps, moveEdges(s.Ref(), old.Edges(), s.Edges())...)
	if secret, ok := any(s).(secretBearer); ok {
		put, err := putCredential(secret, "")
		if newHash != oldHash {
			put, err = putCredential(secret, items.IfAbsent)
			c.Steps = append(c.Steps, remove(credentialKey(oldHash)))
		}
		if err != nil {
			return err
		}
		c.Steps = append(c.Steps, put)
	}
	if err := r.t.feed.Commit(ctx, "replace "+string(r.kind), c); err != nil {
		return err
	}
	*v = stamped
	return nil
}

// Delete removes a resource as Get gave it. It answers problem.PreconditionFailed if it has changed since or is gone, and
// problem.Conflict while children hang below it.
//
// Access: one transaction (see layout.go).
func (r *Resources[T, P]) Delete(ctx context.Context, w catalog.Write, v *T) error {
	p := P(v)
	c, err := r.begin(w, p.Ref(), p, nil)
	if err != nil {
		return err
	}
	gone := items.Write{
		Key: resourceKey(p.Ref()), If: "rev = :rev AND (attribute_not_exists(children) OR children = :none)",
		Values: items.Item{":rev": items.Number(p.Stamp().Rev), ":none": items.Number(0)},
		Refuse: func(now items.Item) error {
			if rev, err := now.Number(attrRev); err != nil || rev != p.Stamp().Rev {
				return changed(p.Ref())
			}
			return problem.New(problem.Conflict, "%s %q is in use: delete what belongs to it first", r.kind, p.Ref().ID)
		},
	}
	c.Steps = append(c.Steps, gone, remove(rootKey(p.Ref())))
	c.Steps = append(c.Steps, moveEdges(p.Ref(), p.Edges(), nil)...)
	if hash := hashOf(p); hash != "" {
		c.Steps = append(c.Steps, remove(credentialKey(hash)))
	}
	return r.t.feed.Commit(ctx, "delete "+string(r.kind), c)
}

// begin starts a change. before or after is nil where there is none.
func (r *Resources[T, P]) begin(w catalog.Write, ref catalog.Ref, before, after P) (feed.Change, error) {
	c := feed.Change{Circumstances: w, Resource: ref}
	if before != nil {
		c.Before, c.Touches = before, union(c.Touches, before.Touches())
	}
	if after != nil {
		c.After, c.Touches = after, union(c.Touches, after.Touches())
	}
	if w.Replay != nil {
		replay, err := remember(w.Replay, w.At)
		if err != nil {
			return c, err
		}
		c.Steps = append(c.Steps, replay)
	}
	return c, nil
}

// remember adds the answer to replay. It fails with problem.InFlight while another answer with the id is kept.
func remember(r *catalog.Replay, at time.Time) (items.Write, error) {
	doc, err := items.Document(r)
	if err != nil {
		return items.Write{}, err
	}
	content := items.Item{attrDoc: doc, items.Expires: items.Number(r.Expires.Unix())}
	w := items.Put(replayKey(r.ID), content, items.IfAbsent+" OR expires_at <= :now")
	w.Values = items.Item{":now": items.Number(at.Unix())}
	w.Refuse = func(items.Item) error {
		return problem.New(problem.InFlight, "a request with this Idempotency-Key has just been carried out: repeat it")
	}
	return w, nil
}

// union lists refs once each.
func union(lists ...[]catalog.Ref) []catalog.Ref {
	var all []catalog.Ref
	for _, r := range slices.Concat(lists...) {
		if !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return all
}

// rewrite replaces the document of a resource whose revision is still rev; its counter and what we do not know stay.
func rewrite(s catalog.Record, rev int64, hash string) (items.Write, error) {
	doc, err := items.Document(s)
	if err != nil {
		return items.Write{}, err
	}
	w := items.Write{
		Key: resourceKey(s.Ref()), Set: "SET doc = :doc, rev = :next", If: "rev = :rev",
		Values: items.Item{":doc": doc, ":rev": items.Number(rev), ":next": items.Number(rev + 1)},
		Refuse: func(items.Item) error { return changed(s.Ref()) },
	}
	if hash != "" {
		w.Set += ", digest = :digest"
		w.Values[":digest"] = items.Text(hash)
	}
	return w, nil
}

// remove deletes an item that belongs to a resource. It needs no condition: the one on the resource guards it.
func remove(k items.Key) items.Write { return items.Write{Key: k} }

// moveEdges hangs a child on the edges in after instead of those in before, and counts at the parents.
func moveEdges(child catalog.Ref, before, after []catalog.Edge) []items.Write {
	var steps []items.Write
	var parents []catalog.Ref // in order, for a steady answer
	more := map[catalog.Ref]int64{}
	count := func(parent catalog.Ref, n int64) {
		if _, known := more[parent]; !known {
			parents = append(parents, parent)
		}
		more[parent] += n
	}
	for _, e := range after {
		if slices.Contains(before, e) {
			continue
		}
		s := items.Put(edgeKey(e, child.Kind), items.Item{attrChild: items.Text(child.ID)}, items.IfAbsent)
		s.Refuse = taken("%s %q has a %s %q already", e.Parent.Kind, e.Parent.ID, child.Kind, e.Name)
		steps = append(steps, s)
		count(e.Parent, 1)
	}
	for _, e := range before {
		if slices.Contains(after, e) {
			continue
		}
		steps = append(steps, items.Write{
			Key: edgeKey(e, child.Kind), If: "child = :child", Values: items.Item{":child": items.Text(child.ID)},
			Refuse: func(items.Item) error { return fmt.Errorf("the edge of %s below %s is not its own", child, e.Parent) },
		})
		count(e.Parent, -1)
	}
	for _, parent := range parents {
		if more[parent] != 0 {
			steps = append(steps, countChildren(parent, more[parent]))
		}
	}
	return steps
}

// countChildren adds to the number of children of a parent that must be there.
func countChildren(parent catalog.Ref, more int64) items.Write {
	return items.Write{
		Key: resourceKey(parent), Set: "ADD children :more", If: items.IfPresent, Values: items.Item{":more": items.Number(more)},
		Refuse: func(items.Item) error {
			detail := fmt.Sprintf("there is no %s %q", parent.Kind, parent.ID)
			return &problem.Error{Kind: problem.Unprocessable, Detail: detail,
				Faults: []problem.Fault{{Pointer: "/" + string(parent.Kind), Detail: detail}}}
		},
	}
}

// putCredential writes what the hash of a secret leads to.
func putCredential(s secretBearer, condition string) (items.Write, error) {
	hash, credential := s.Credential()
	doc, err := items.Document(credential)
	if err != nil {
		return items.Write{}, err
	}
	put := items.Put(credentialKey(hash), items.Item{attrDoc: doc}, condition)
	put.Refuse = taken("the secret is in use already")
	return put, nil
}

// secretBearer is a record whose secret is found by its hash.
type secretBearer interface {
	Credential() (hash string, c catalog.Credential)
}

func hashOf(r catalog.Record) string {
	if s, ok := r.(secretBearer); ok {
		hash, _ := s.Credential()
		return hash
	}
	return ""
}

// setHash gives a record back the hash that its JSON does not show.
func setHash(r catalog.Record, hash string) {
	switch k := r.(type) {
	case *catalog.Key:
		k.Hash = hash
	case *catalog.AdminKey:
		k.Hash = hash
	}
}

func taken(format string, args ...any) func(items.Item) error {
	return func(items.Item) error { return problem.New(problem.Conflict, format, args...) }
}

func changed(r catalog.Ref) error {
	return problem.New(problem.PreconditionFailed, "%s %q has changed since it was read: read it again", r.Kind, r.ID)
}
