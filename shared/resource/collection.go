package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"

	"sluice/shared/catalog"
	"sluice/shared/policy"
	"sluice/shared/problem"
	"sluice/shared/resource/shape"
	"sluice/shared/resource/strictjson"
)

// Reader reads resources of one kind; *dynamo.Resources is one.
type Reader[T any] interface {
	Get(context.Context, catalog.Ref) (T, error)
	List(context.Context, catalog.Query) (catalog.Page[T], error)
}

// Writer changes resources of one kind, each change with its audit and feed entry at once; *dynamo.Resources is one.
type Writer[T any] interface {
	Create(context.Context, catalog.Write, *T) error
	Replace(ctx context.Context, w catalog.Write, before T, v *T) error
	Delete(context.Context, catalog.Write, *T) error
}

// Record is a resource that the Management API serves.
type Record[T any] interface {
	*T
	Ref() catalog.Ref
	Stamp() *catalog.Meta
	Validate() error
}

// attempts is how often a change without If-Match is made anew when another one came in between.
const attempts = 8

// Store reads and writes resources of one kind.
type Store[T any] struct {
	Reader[T]
	Writer[T]
}

// StoreOf makes a Store of what does both.
func StoreOf[T any, S interface {
	Reader[T]
	Writer[T]
}](s S) Store[T] {
	return Store[T]{s, s}
}

// Collection serves the resources of one kind: POST and GET of the collection, GET, PATCH and DELETE of an item.
type Collection[T any, P Record[T]] struct {
	Model    shape.Model
	Kind     catalog.Kind
	Noun     string // for ids and texts: "team"
	Path     string // of an item: "/admin/v1/teams/{team}"
	Store    Store[T]
	Identify func(*Call) catalog.Ref                            // the item that the path names
	Location func(T) string                                     // the path of an item
	Select   func(context.Context, *Call, *catalog.Query) error // narrows a list by the path and the query; nil: never
	Filters  []Param                                            // query parameters of the list that Select reads
	Fill     func(*Call, *T)                                    // what is decided by the platform, or by the path; nil: nothing
	Judge    func(ctx context.Context, before, after *T) error  // looks at the neighbours; before is nil for a new one; nil: no neighbours
	Owner    func(context.Context, T) (catalog.TeamID, error)   // nil: no team owns it
	Keep     func(*Call, T) error                               // says why an item cannot be deleted; nil: it always can
}

// Operations describes all operations of the collection.
func (c Collection[T, P]) Operations() []Operation {
	return []Operation{c.Creating(), c.Listing(), c.Reading(), c.Changing(), c.Deleting()}
}

func (c Collection[T, P]) view() *Answer { return &Answer{Schema: c.Model.View, Name: c.Model.Name} }

// Creating describes the POST of the collection.
func (c Collection[T, P]) Creating() Operation {
	return Operation{ID: "create" + c.Model.Name, Method: http.MethodPost, Path: parent(c.Path), Tag: c.Model.Name,
		Summary: "Create " + article(c.Noun), Description: c.Model.Summary,
		Body: &Body{Schema: c.Model.Creation, Name: "New" + c.Model.Name}, Status: []int{http.StatusCreated},
		Answer: c.view(), Conditional: Tagged, Handle: c.create}
}

// Listing describes the GET of the collection.
func (c Collection[T, P]) Listing() Operation {
	return Operation{ID: "list" + c.Model.Name + "s", Method: http.MethodGet, Path: parent(c.Path), Tag: c.Model.Name,
		Summary:     "List the " + c.Noun + "s, a page at a time",
		Description: "In a steady order. `next` is the cursor of the following page, empty at the end.",
		Query:       append(slices.Clone(c.Filters), Paging()...), Status: []int{http.StatusOK}, Answer: PageAnswer(c.Model.Name), Handle: c.list}
}

// Reading describes the GET of an item.
func (c Collection[T, P]) Reading() Operation {
	return Operation{ID: "get" + c.Model.Name, Method: http.MethodGet, Path: c.Path, Tag: c.Model.Name, Summary: "Read " + article(c.Noun),
		Description: c.Model.Summary, Status: []int{http.StatusOK}, Answer: c.view(), Conditional: IfNoneMatch, Handle: c.get}
}

// Changing describes the PATCH of an item.
func (c Collection[T, P]) Changing() Operation {
	return Operation{ID: "change" + c.Model.Name, Method: http.MethodPatch, Path: c.Path, Tag: c.Model.Name, Summary: "Change " + article(c.Noun),
		Description: "Applies a JSON merge patch. Members that the platform sets, and ids, may be sent only unchanged.",
		Body:        &Body{Schema: c.Model.Change, Name: c.Model.Name + "Patch", Media: []string{MergePatchJSON, JSON}},
		Status:      []int{http.StatusOK}, Answer: c.view(), Conditional: IfMatch, Handle: c.patch}
}

// Deleting describes the DELETE of an item.
func (c Collection[T, P]) Deleting() Operation {
	return Operation{ID: "delete" + c.Model.Name, Method: http.MethodDelete, Path: c.Path, Tag: c.Model.Name, Summary: "Delete " + article(c.Noun),
		Description: "Refused as a conflict while something else depends on it.", Status: []int{http.StatusNoContent},
		Conditional: IfMatch, Handle: c.delete}
}

func (c Collection[T, P]) owner(ctx context.Context, v T) (catalog.TeamID, error) {
	if c.Owner == nil {
		return "", nil
	}
	return c.Owner(ctx, v)
}

func (c Collection[T, P]) permit(ctx context.Context, call *Call, action policy.Action, v T) error {
	owner, err := c.owner(ctx, v)
	if err != nil {
		return err
	}
	return call.Permit(ctx, action, P(&v).Ref(), owner)
}

// judge looks at a resource among its neighbours, then by itself: the neighbours may complete it.
func (c Collection[T, P]) judge(ctx context.Context, before, after *T) error {
	if c.Judge != nil {
		if err := c.Judge(ctx, before, after); err != nil {
			return err
		}
	}
	return P(after).Validate()
}

func (c Collection[T, P]) create(ctx context.Context, call *Call) (*Reply, error) {
	var v T
	if err := call.Decode(&v); err != nil {
		return nil, err
	}
	if c.Fill != nil {
		c.Fill(call, &v)
	}
	if err := c.permit(ctx, call, policy.Create, v); err != nil {
		return nil, err
	}
	if err := c.judge(ctx, nil, &v); err != nil {
		return nil, err
	}
	w := call.Write(c.Noun + ".create")
	*P(&v).Stamp() = catalog.Meta{Created: w.At, Updated: w.At, Rev: 1}
	if err := call.Remember(c.reply(http.StatusCreated, v)); err != nil {
		return nil, err
	}
	if err := c.Store.Create(ctx, w, &v); err != nil {
		return nil, fmt.Errorf("create %s: %w", c.Noun, err)
	}
	reply := c.reply(http.StatusCreated, v)
	return &reply, nil
}

// reply answers with a resource; a new one with its Location too.
func (c Collection[T, P]) reply(status int, v T) Reply {
	r := Reply{Status: status, ETag: ETag(P(&v).Stamp().Rev), Body: v}
	if status == http.StatusCreated {
		r.Location = c.Location(v)
	}
	return r
}

func (c Collection[T, P]) list(ctx context.Context, call *Call) (*Reply, error) {
	if err := call.Permit(ctx, policy.Read, catalog.Ref{Kind: c.Kind}, ""); err != nil {
		return nil, err
	}
	q := catalog.Query{Kind: c.Kind, Limit: call.Limit(), Cursor: call.Query["cursor"]}
	if c.Select != nil {
		if err := c.Select(ctx, call, &q); err != nil {
			return nil, err
		}
	}
	page, err := c.Store.List(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("list %ss: %w", c.Noun, err)
	}
	return PageOf(page), nil
}

func (c Collection[T, P]) get(ctx context.Context, call *Call) (*Reply, error) {
	v, err := c.Store.Get(ctx, c.Identify(call))
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", c.Noun, err)
	}
	if err := c.permit(ctx, call, policy.Read, v); err != nil {
		return nil, err
	}
	reply := c.reply(http.StatusOK, v)
	return &reply, nil
}

func (c Collection[T, P]) patch(ctx context.Context, call *Call) (*Reply, error) {
	v, err := c.Modify(ctx, call, policy.Update, c.Noun+".update", func(before T) (T, error) { return c.merge(call, before) })
	if err != nil {
		return nil, err
	}
	reply := c.reply(http.StatusOK, v)
	return &reply, nil
}

// merge applies the call's merge patch to a resource.
func (c Collection[T, P]) merge(call *Call, before T) (T, error) {
	var after T
	text, err := json.Marshal(before)
	if err != nil {
		return after, fmt.Errorf("write %s: %w", c.Noun, err)
	}
	now, err := strictjson.Parse(text)
	if err != nil {
		return after, fmt.Errorf("read %s: %w", c.Noun, err)
	}
	old, _ := now.(map[string]any)
	merged, _ := strictjson.MergePatch(now, call.Body).(map[string]any)
	_, fields := c.Model.Detail()
	if err := unchanged(fields, old, merged); err != nil {
		return after, err
	}
	settable := maps.Clone(merged)
	for _, f := range fields {
		if f.Access == shape.Given {
			delete(settable, f.Name)
		}
	}
	if err := invalid(call.api.creation(c.Model).Check(settable, "")); err != nil {
		return after, err
	}
	if err := decode(merged, &after); err != nil {
		return after, err
	}
	*P(&after).Stamp() = *P(&before).Stamp()
	if c.Fill != nil {
		c.Fill(call, &after)
	}
	return after, nil
}

// unchanged says which members may not be changed and are.
func unchanged(fields []shape.Field, old, merged map[string]any) error {
	var faults []problem.Fault
	for _, f := range fields {
		if f.Access != shape.Settable && !reflect.DeepEqual(old[f.Name], merged[f.Name]) {
			faults = append(faults, problem.Fault{Pointer: "/" + f.Name, Detail: "cannot be changed"})
		}
	}
	return invalid(faults, nil)
}

// Modify reads the item that the call names, changes it, and writes it if it is still as it was read. Without If-Match it
// tries again on what another change left, and gives up with problem.Conflict; with an If-Match that names another state
// the error is problem.PreconditionFailed.
func (c Collection[T, P]) Modify(ctx context.Context, call *Call, action policy.Action, name string, change func(T) (T, error)) (T, error) {
	var none T
	for try := 1; ; try++ {
		before, err := c.current(ctx, call, action)
		if err != nil {
			return none, err
		}
		after, err := change(before)
		if err != nil {
			return none, err
		}
		if err := c.judge(ctx, &before, &after); err != nil {
			return none, err
		}
		if err := c.permit(ctx, call, action, after); err != nil { // it may belong to another team now
			return none, err
		}
		w := call.Write(name)
		*P(&after).Stamp() = catalog.Meta{Created: P(&before).Stamp().Created, Updated: w.At, Rev: P(&before).Stamp().Rev + 1}
		if err := call.Remember(c.reply(http.StatusOK, after)); err != nil {
			return none, err
		}
		err = c.Store.Replace(ctx, w, before, &after)
		if err == nil {
			return after, nil
		}
		if err = call.again(ctx, err, try); err != nil {
			return none, fmt.Errorf("change %s: %w", c.Noun, err)
		}
	}
}

// current reads the item that the call names, and says whether the call may act on this state of it.
func (c Collection[T, P]) current(ctx context.Context, call *Call, action policy.Action) (T, error) {
	v, err := c.Store.Get(ctx, c.Identify(call))
	if err != nil {
		return v, fmt.Errorf("find %s: %w", c.Noun, err)
	}
	if err := c.permit(ctx, call, action, v); err != nil {
		return v, err
	}
	if etag := ETag(P(&v).Stamp().Rev); !call.IfMatch.Allow(etag) {
		return v, problem.New(problem.PreconditionFailed, "the %s is at ETag %s now; read it again", c.Noun, etag)
	}
	return v, nil
}

// again gives nil if a change that failed is to be made anew, since it only lost a race.
func (c *Call) again(ctx context.Context, err error, try int) error {
	if !problem.Is(err, problem.PreconditionFailed) || ctx.Err() != nil || c.IfMatch.Sent() && !c.IfMatch.any {
		return err
	}
	if try == attempts {
		return problem.Wrap(err, problem.Conflict, "others keep changing this at the same time; try again")
	}
	return nil
}

func (c Collection[T, P]) delete(ctx context.Context, call *Call) (*Reply, error) {
	for try := 1; ; try++ {
		v, err := c.current(ctx, call, policy.Delete)
		if err != nil {
			return nil, err
		}
		if c.Keep != nil {
			if err := c.Keep(call, v); err != nil {
				return nil, err
			}
		}
		err = c.Store.Delete(ctx, call.Write(c.Noun+".delete"), &v)
		if err == nil {
			return &Reply{Status: http.StatusNoContent}, nil
		}
		if err = call.again(ctx, err, try); err != nil {
			return nil, fmt.Errorf("delete %s: %w", c.Noun, err)
		}
	}
}
