package dynamo

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sluice/shared/catalog"
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
// Access: one transaction (see commit): resource, root edge, edges, parents' counters, credential.
func (r *Resources[T, P]) Create(ctx context.Context, w catalog.Write, v *T) error {
	p, op := P(v), "create "+string(r.kind)
	stamped := *v
	s := P(&stamped)
	*s.Stamp() = catalog.Meta{Created: utc(w.At), Updated: utc(w.At), Rev: 1}
	c, err := r.begin(w, s.Ref(), nil, s)
	if err != nil {
		return err
	}
	content := item{attrRev: number(1)}
	if content[attrDoc], err = document(s); err != nil {
		return err
	}
	secret, hasSecret := any(s).(secretBearer)
	if hasSecret {
		hash, _ := secret.Credential()
		content[attrSecret] = text(hash)
	}
	put := r.t.put(resourceKey(s.Ref()), content, ifAbsent)
	put.refuse = taken("%s %q exists already", r.kind, s.Ref().ID)
	root := r.t.put(rootKey(s.Ref()), item{attrChild: text(s.Ref().ID)}, ifAbsent)
	root.refuse = put.refuse
	c.steps = append(c.steps, put, root)
	c.steps = append(c.steps, r.t.moveEdges(s.Ref(), nil, s.Edges())...)
	if hasSecret {
		put, err := r.t.putCredential(secret, ifAbsent)
		if err != nil {
			return err
		}
		c.steps = append(c.steps, put)
	}
	if err := r.t.commit(ctx, op, c); err != nil {
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
// taken, problem.Unprocessable if a new parent is not there, problem.InFlight like Create. An empty secret hash in v keeps the old one.
//
// Access: one transaction (see commit); only edges that differ are written.
func (r *Resources[T, P]) Replace(ctx context.Context, w catalog.Write, before T, v *T) error {
	old, stamped := P(&before), *v
	s := P(&stamped)
	if old.Ref() != s.Ref() {
		return fmt.Errorf("replace %s by %s: a resource keeps its name", old.Ref(), s.Ref())
	}
	rev := old.Stamp().Rev
	*s.Stamp() = catalog.Meta{Created: old.Stamp().Created, Updated: utc(w.At), Rev: rev + 1}
	oldHash, newHash := hashOf(old), hashOf(s)
	if newHash == "" {
		newHash = oldHash
		setHash(s, oldHash)
	}
	c, err := r.begin(w, s.Ref(), old, s)
	if err != nil {
		return err
	}
	update, err := r.t.rewrite(s, rev, newHash)
	if err != nil {
		return err
	}
	c.steps = append(c.steps, update)
	c.steps = append(c.steps, r.t.moveEdges(s.Ref(), old.Edges(), s.Edges())...)
	if secret, ok := any(s).(secretBearer); ok {
		put, err := r.t.putCredential(secret, "")
		if newHash != oldHash {
			put, err = r.t.putCredential(secret, ifAbsent)
			c.steps = append(c.steps, r.t.remove(credentialKey(oldHash)))
		}
		if err != nil {
			return err
		}
		c.steps = append(c.steps, put)
	}
	if err := r.t.commit(ctx, "replace "+string(r.kind), c); err != nil {
		return err
	}
	*v = stamped
	return nil
}

// Delete removes a resource as Get gave it. It answers problem.PreconditionFailed if it has changed since or is gone, and
// problem.Conflict while children hang below it.
//
// Access: one transaction (see commit).
func (r *Resources[T, P]) Delete(ctx context.Context, w catalog.Write, v *T) error {
	p := P(v)
	c, err := r.begin(w, p.Ref(), p, nil)
	if err != nil {
		return err
	}
	gone := r.t.remove(resourceKey(p.Ref()))
	gone.write.Delete.ConditionExpression = aws.String("rev = :rev AND (attribute_not_exists(children) OR children = :none)")
	gone.write.Delete.ExpressionAttributeValues = item{":rev": number(p.Stamp().Rev), ":none": number(0)}
	gone.refuse = func(now item) error {
		if rev, err := now.number(attrRev); err != nil || rev != p.Stamp().Rev {
			return changed(p.Ref())
		}
		return problem.New(problem.Conflict, "%s %q is in use: delete what belongs to it first", r.kind, p.Ref().ID)
	}
	c.steps = append(c.steps, gone, r.t.remove(rootKey(p.Ref())))
	c.steps = append(c.steps, r.t.moveEdges(p.Ref(), p.Edges(), nil)...)
	if hash := hashOf(p); hash != "" {
		c.steps = append(c.steps, r.t.remove(credentialKey(hash)))
	}
	return r.t.commit(ctx, "delete "+string(r.kind), c)
}

// begin starts a change. before or after is nil where there is none.
func (r *Resources[T, P]) begin(w catalog.Write, ref catalog.Ref, before, after P) (change, error) {
	c := change{circumstances: w, resource: ref}
	var err error
	if before != nil {
		if c.before, err = snapshot(before); err != nil {
			return c, err
		}
		c.touches = union(c.touches, before.Touches())
	}
	if after != nil {
		if c.after, err = snapshot(after); err != nil {
			return c, err
		}
		c.touches = union(c.touches, after.Touches())
	}
	if w.Replay != nil {
		replay, err := r.t.remember(w.Replay, w.At)
		if err != nil {
			return c, err
		}
		c.steps = append(c.steps, replay)
	}
	return c, nil
}

// rewrite replaces the document of a resource whose revision is still rev; its counter and what we do not know stay.
func (t *Table) rewrite(s catalog.Record, rev int64, hash string) (step, error) {
	doc, err := document(s)
	if err != nil {
		return step{}, err
	}
	u := &types.Update{
		TableName: &t.name, Key: resourceKey(s.Ref()).attributes(),
		UpdateExpression:    aws.String("SET doc = :doc, rev = :next"),
		ConditionExpression: aws.String("rev = :rev"),
		ExpressionAttributeValues: item{
			":doc": doc, ":rev": number(rev), ":next": number(rev + 1)},
	}
	if hash != "" {
		u.UpdateExpression = aws.String("SET doc = :doc, rev = :next, digest = :digest")
		u.ExpressionAttributeValues[":digest"] = text(hash)
	}
	return step{types.TransactWriteItem{Update: u}, func(item) error { return changed(s.Ref()) }}, nil
}

// remove deletes an item that belongs to a resource; the condition on the resource guards it.
func (t *Table) remove(k key) step {
	return step{
		types.TransactWriteItem{Delete: &types.Delete{
			TableName: &t.name, Key: k.attributes(),
			ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
		}},
		func(item) error { return fmt.Errorf("item %q %q is not what it should be", k.pk, k.sk) },
	}
}

// moveEdges hangs a child on the edges in after instead of those in before, and counts at the parents.
func (t *Table) moveEdges(child catalog.Ref, before, after []catalog.Edge) []step {
	var steps []step
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
		s := t.put(edgeKey(e, child.Kind), item{attrChild: text(child.ID)}, ifAbsent)
		s.refuse = taken("%s %q has a %s %q already", e.Parent.Kind, e.Parent.ID, child.Kind, e.Name)
		steps = append(steps, s)
		count(e.Parent, 1)
	}
	for _, e := range before {
		if slices.Contains(after, e) {
			continue
		}
		s := t.remove(edgeKey(e, child.Kind))
		s.write.Delete.ConditionExpression = aws.String("child = :child")
		s.write.Delete.ExpressionAttributeValues = item{":child": text(child.ID)}
		steps = append(steps, s)
		count(e.Parent, -1)
	}
	for _, parent := range parents {
		if more[parent] != 0 {
			steps = append(steps, t.count(parent, more[parent]))
		}
	}
	return steps
}

// count adds to the number of children of a parent that must be there.
func (t *Table) count(parent catalog.Ref, more int64) step {
	return step{
		types.TransactWriteItem{Update: &types.Update{
			TableName: &t.name, Key: resourceKey(parent).attributes(),
			UpdateExpression:          aws.String("ADD children :more"),
			ConditionExpression:       aws.String(ifPresent),
			ExpressionAttributeValues: item{":more": number(more)},
		}},
		func(item) error {
			detail := fmt.Sprintf("there is no %s %q", parent.Kind, parent.ID)
			return &problem.Error{Kind: problem.Unprocessable, Detail: detail,
				Faults: []problem.Fault{{Pointer: "/" + string(parent.Kind), Detail: detail}}}
		},
	}
}

// putCredential writes what the hash of a secret leads to.
func (t *Table) putCredential(s secretBearer, condition string) (step, error) {
	hash, credential := s.Credential()
	doc, err := document(credential)
	if err != nil {
		return step{}, err
	}
	put := t.put(credentialKey(hash), item{attrDoc: doc}, condition)
	put.refuse = taken("the secret is in use already")
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

func taken(format string, args ...any) func(item) error {
	return func(item) error { return problem.New(problem.Conflict, format, args...) }
}

func changed(r catalog.Ref) error {
	return problem.New(problem.PreconditionFailed, "%s %q has changed since it was read: read it again", r.Kind, r.ID)
}
