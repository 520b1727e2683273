// Package manage is the catalog of the Management API: teams, APIs, versions and their contracts and lifecycle, plans,
// consumers, apps and subscriptions, and what is read of usage, limits and the audit trail.
//
// How a request is checked, answered and remembered is told in shared/resource. Here is what is the catalog's own: what
// each resource looks like (models.go), and what must hold between resources (one file each).
package manage

import (
	"context"
	_ "embed"
	"io"
	"net/http"

	"sluice/functions/catalog/describe"
	"sluice/shared/catalog"
	"sluice/shared/contract"
	"sluice/shared/problem"
	"sluice/shared/resource"
	"sluice/shared/resource/shape"
	"sluice/shared/settings"
)

// base precedes every path of the Management API.
const base = "/admin/v1"

// document is the document of the whole Management API, written by scripts/openapi.
//
//go:embed openapi.json
var document string

// Compiler turns a contract's source into what is stored and served; openapi.Compile is one.
type Compiler func(ctx context.Context, source []byte, mediaType string) (*contract.Compiled, error)

// Revisions keeps compiled contracts, which never change; *dynamo.Table is one.
type Revisions interface {
	PutRevision(ctx context.Context, api catalog.APIID, version catalog.VersionID, revision catalog.RevisionID, chunks map[string][]byte) error
	RevisionChunk(ctx context.Context, api catalog.APIID, version catalog.VersionID, revision catalog.RevisionID, name string) ([]byte, error)
}

// Trail reads the audit trail, newest first: of one resource, or of all if it is nil.
type Trail interface {
	Audit(ctx context.Context, of *catalog.Ref, limit int, cursor string) (catalog.Page[catalog.AuditEntry], error)
}

// Deps is what the catalog needs of its surroundings.
type Deps struct {
	Shared        resource.Deps
	Teams         resource.Store[catalog.Team]
	APIs          resource.Store[catalog.API]
	Versions      resource.Store[catalog.Version]
	Plans         resource.Store[catalog.Plan]
	Consumers     resource.Store[catalog.Consumer]
	Apps          resource.Store[catalog.App]
	Subscriptions resource.Store[catalog.Subscription]
	Revisions     Revisions
	Compile       Compiler
	Trail         Trail
	Usage         Usage
	Counters      Counters
	NewID         func() string // a new UUID
	Networks      settings.Networks
}

// New makes the catalog's handler; gatewayevent.Handler puts it behind a Lambda function.
func New(d Deps) http.Handler {
	api := resource.New(d.Shared)
	api.Add(Operations(d)...)
	api.Open("GET "+base+"/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", resource.JSON)
		_, _ = io.WriteString(w, document) // the caller has gone: nobody to tell
	})
	return api
}

// Operations describes every operation of the catalog, in the order of the document, for New and for the document.
func Operations(d Deps) []resource.Operation {
	c := &manager{Deps: d}
	all := c.teams().Operations()
	for _, more := range [][]resource.Operation{c.apis().Operations(), c.versions().Operations(), c.contracts(), c.transitions(),
		c.plans().Operations(), c.consumers().Operations(), c.apps().Operations(), c.subscriptions().Operations(), c.usage(), c.limits(), c.audit()} {
		all = append(all, more...)
	}
	return all
}

// Tags are the groups that the document sorts the catalog's operations into.
func Tags() []shape.Tag {
	var tags []shape.Tag
	for _, m := range describe.Models() {
		tags = append(tags, shape.Tag{Name: m.Name, Description: m.Summary})
	}
	return append(tags, shape.Tag{Name: "Contract", Description: "What a version promises to its consumers."},
		shape.Tag{Name: "Lifecycle", Description: "The steps of a version from draft to retired."},
		shape.Tag{Name: "Report", Description: "What happened: usage, limits, the audit trail."})
}

// manager holds what the operations work on.
type manager struct{ Deps }

// named reads the item that a slug in the path names.
func named(kind catalog.Kind, parameter string) func(*resource.Call) catalog.Ref {
	return func(c *resource.Call) catalog.Ref { return catalog.Ref{Kind: kind, ID: c.Path[parameter]} }
}

// under narrows a list to the children of the resource that a query parameter names.
func under(parameters map[string]catalog.Kind) func(context.Context, *resource.Call, *catalog.Query) error {
	return func(_ context.Context, c *resource.Call, q *catalog.Query) error {
		for name, kind := range parameters {
			id, ok := c.Query[name]
			if !ok {
				continue
			}
			if q.Parent != nil {
				return fault("query:"+name, "cannot be combined with another filter")
			}
			q.Parent = &catalog.Ref{Kind: kind, ID: id}
		}
		return nil
	}
}

// fault is one thing that cannot be carried out as it is.
func fault(pointer, detail string) error {
	return &problem.Error{Kind: problem.Unprocessable, Detail: "the request cannot be carried out as it is",
		Faults: []problem.Fault{{Pointer: pointer, Detail: detail}}}
}

// neighbour reads a resource that the body names at the pointer: one that is not there is a fault of the body.
func neighbour[T any](ctx context.Context, from resource.Reader[T], kind catalog.Kind, id, pointer string) (T, error) {
	v, err := from.Get(ctx, catalog.Ref{Kind: kind, ID: id})
	if problem.Is(err, problem.NotFound) {
		return v, fault(pointer, "there is no such "+string(kind))
	}
	return v, err
}
