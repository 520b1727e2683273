package manage

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"sluice/shared/catalog"
	"sluice/shared/policy"
	"sluice/shared/problem"
	"sluice/shared/resource"
	"sluice/shared/resource/shape"
)

// refPattern is how the audit trail names a resource.
const refPattern = `^(team|api|version|plan|consumer|app|subscription|key|admin-key):[a-z0-9/-]{1,130}$`

func (m *manager) audit() []resource.Operation {
	return []resource.Operation{{ID: "listAudit", Method: http.MethodGet, Path: base + "/audit", Tag: "Report",
		Summary: "Read who changed what, newest first", Description: "Each change with what was before and what came after; no secret is ever part of it.",
		Query: append([]resource.Param{{Name: "resource", Schema: shape.Matching("Only changes of this resource: `kind:id`, such as `version:orders/v1`.", refPattern)}},
			resource.Paging()...),
		Status: []int{http.StatusOK}, Answer: &resource.Answer{Name: "AuditPage", Schema: resource.PageSchema(entrySchema)}, Handle: m.listAudit}}
}

func actorSchema() *shape.Schema {
	return shape.Object("Who did it.", shape.Needed("id", shape.Text("Of the admin key, or `system`.", 0)), shape.Optional("name", shape.Text("", 0)),
		shape.Needed("role", shape.Text("", 0)), shape.Optional("team", shape.Text("", 0)))
}

func entrySchema() *shape.Schema {
	return shape.Object("One change.", shape.Needed("id", shape.Text("", 0)), shape.Needed("at", shape.Time("")), shape.Needed("actor", actorSchema()),
		shape.Needed("action", shape.Text("`team.create`, `version.transition` …", 0)),
		shape.Needed("resource", shape.Object("What was changed.", shape.Needed("kind", shape.Text("", 0)), shape.Needed("id", shape.Text("", 0)))),
		shape.Needed("before", shape.Anything("The resource before; null if it was created.")),
		shape.Needed("after", shape.Anything("The resource after; null if it was deleted.")),
		shape.Needed("request_id", shape.Text("", 0)))
}

func (m *manager) listAudit(ctx context.Context, call *resource.Call) (*resource.Reply, error) {
	var of *catalog.Ref
	var owner catalog.TeamID
	if kind, id, ok := strings.Cut(call.Query["resource"], ":"); ok {
		of = &catalog.Ref{Kind: catalog.Kind(kind), ID: id}
		var err error
		if owner, err = m.ownerOf(ctx, *of); err != nil {
			return nil, err
		}
	}
	if err := call.Permit(ctx, policy.Read, catalog.Ref{Kind: policy.KindAudit}, owner); err != nil {
		return nil, err
	}
	page, err := m.Trail.Audit(ctx, of, call.Limit(), call.Query["cursor"])
	if err != nil {
		return nil, fmt.Errorf("read audit trail: %w", err)
	}
	return resource.PageOf(page), nil
}

// ownerOf finds the team that owns what the audit trail tells of; "" if no team does, or the resource is gone.
func (m *manager) ownerOf(ctx context.Context, r catalog.Ref) (catalog.TeamID, error) {
	api := ""
	switch r.Kind {
	case catalog.KindTeam:
		return catalog.TeamID(r.ID), nil
	case catalog.KindAPI:
		api = r.ID
	case catalog.KindVersion:
		api, _, _ = strings.Cut(r.ID, "/")
	case catalog.KindSubscription:
		s, err := m.Subscriptions.Get(ctx, r)
		if err != nil {
			return "", unlessGone(err)
		}
		api = string(s.API)
	case catalog.KindPlan, catalog.KindConsumer, catalog.KindApp, catalog.KindKey, catalog.KindAdminKey, catalog.KindCredential, catalog.KindGrant:
		return "", nil
	}
	owned, err := m.APIs.Get(ctx, catalog.Ref{Kind: catalog.KindAPI, ID: api})
	return owned.Team, unlessGone(err)
}

func unlessGone(err error) error {
	if problem.Is(err, problem.NotFound) {
		return nil
	}
	return err
}
