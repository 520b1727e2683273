package manage

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"sluice/functions/catalog/describe"
	"sluice/shared/catalog"
	"sluice/shared/policy"
	"sluice/shared/problem"
	"sluice/shared/resource"
	"sluice/shared/resource/shape"
)

const transitionAction = "version.transition"

// latestSunset bounds how far ahead a sunset may lie: further is a typing error.
const latestSunset = 100 * 365 * 24 * time.Hour

func (m *manager) transitions() []resource.Operation {
	path := base + "/apis/{api}/versions/{version}/transitions"
	return []resource.Operation{
		{ID: "transitionVersion", Method: http.MethodPost, Path: path, Tag: "Lifecycle", Summary: "Move a version through its lifecycle",
			Description: "`draft` → `review` → `published` → `deprecated` → `retired`, and back. A deprecation needs a sunset, and a successor or a reason. " +
				"Answers the version as it is then. If-Match names the version's ETag.",
			Body:   &resource.Body{Name: "Transition", Schema: transitionModel().Creation},
			Status: []int{http.StatusOK}, Answer: &resource.Answer{Schema: describe.Version().View, Name: "Version"},
			Conditional: resource.IfMatch, Handle: m.transition},
		{ID: "listTransitions", Method: http.MethodGet, Path: path, Tag: "Lifecycle", Summary: "List the steps that a version has taken, newest first",
			Description: "Read from the audit trail, so a page may have fewer items than `limit` and still a `next`.",
			Query:       resource.Paging(), Status: []int{http.StatusOK}, Answer: &resource.Answer{Name: "StepPage", Schema: resource.PageSchema(stepSchema)},
			Handle: m.listTransitions},
	}
}

func transitionModel() shape.Model {
	return shape.Model{Name: "Transition", Summary: "One step through the lifecycle.", Detail: func() (map[string]any, []shape.Field) {
		return map[string]any{"to": "deprecated", "sunset": "2030-06-30T00:00:00Z", "successor": "v2"},
			[]shape.Field{
				shape.Needed("to", shape.OneOf("The state to reach.", describe.States()...)),
				shape.Optional("sunset", shape.Time("From when on calls may fail; needed for `deprecated`.")),
				shape.Optional("successor", shape.Matching("The version to move to; this or a reason is needed for `deprecated`.", catalog.SlugPattern)),
				shape.Optional("reason", shape.Words("Why it goes.", describe.SummaryLength)),
				shape.Optional("override", shape.List("Consumers that may be cut off.", shape.Matching("", catalog.SlugPattern), describe.ListLength)),
			}
	}}
}

func (m *manager) transition(ctx context.Context, call *resource.Call) (*resource.Reply, error) {
	var step catalog.Transition
	if err := call.Decode(&step); err != nil {
		return nil, err
	}
	if step.Sunset != nil {
		utc := step.Sunset.UTC()
		step.Sunset = &utc
	}
	v, err := m.versions().Modify(ctx, call, policy.Transition, transitionAction, func(now catalog.Version) (catalog.Version, error) {
		at := call.Now()
		if step.Sunset != nil && step.Sunset.Sub(at) > latestSunset {
			return now, fault("/sunset", "lies more than a hundred years ahead")
		}
		next, err := step.Apply(now, at)
		if err != nil {
			return now, err
		}
		if next.Successor != "" {
			_, err = neighbour(ctx, m.Versions, catalog.KindVersion, catalog.VersionRef(now.API, next.Successor).ID, "/successor")
		}
		return next, err
	})
	if err != nil {
		return nil, err
	}
	return &resource.Reply{Status: http.StatusOK, ETag: resource.ETag(v.Rev), Body: v}, nil
}

// step is one step that a version has taken.
type step struct {
	From      catalog.State     `json:"from"`
	To        catalog.State     `json:"to"`
	At        time.Time         `json:"at"`
	Actor     catalog.Actor     `json:"actor"`
	RequestID string            `json:"request_id"`
	Sunset    *time.Time        `json:"sunset,omitempty"`
	Successor catalog.VersionID `json:"successor,omitempty"`
	Reason    string            `json:"reason,omitempty"`
}

func stepSchema() *shape.Schema {
	return shape.Object("One step that a version has taken.",
		shape.Needed("from", shape.OneOf("", describe.States()...)), shape.Needed("to", shape.OneOf("", describe.States()...)), shape.Needed("at", shape.Time("")),
		shape.Needed("actor", actorSchema()), shape.Needed("request_id", shape.Text("", 0)),
		shape.Optional("sunset", shape.Time("")), shape.Optional("successor", shape.Matching("", catalog.SlugPattern)), shape.Optional("reason", shape.Text("", 0)))
}

// pagesOfTrail bounds how much of the audit trail one request reads.
const pagesOfTrail = 10

func (m *manager) listTransitions(ctx context.Context, call *resource.Call) (*resource.Reply, error) {
	v, err := m.Versions.Get(ctx, versionRef(call))
	if err != nil {
		return nil, fmt.Errorf("find version: %w", err)
	}
	if err := call.Permit(ctx, policy.Read, v.Ref(), ""); err != nil {
		return nil, err
	}
	ref := v.Ref()
	found := catalog.Page[step]{Next: call.Query["cursor"]}
	for range pagesOfTrail {
		page, err := m.Trail.Audit(ctx, &ref, call.Limit()-len(found.Items), found.Next)
		if err != nil {
			return nil, fmt.Errorf("read audit trail: %w", err)
		}
		found.Next = page.Next
		for _, entry := range page.Items {
			if entry.Action != transitionAction || entry.At.Before(v.Created) { // an older version of this name left a trail too
				continue
			}
			s, err := stepOf(entry)
			if err != nil {
				return nil, err
			}
			found.Items = append(found.Items, s)
		}
		if found.Next == "" || len(found.Items) == call.Limit() {
			break
		}
	}
	return resource.PageOf(found), nil
}

// stepOf reads a step from the version before and after it.
func stepOf(e catalog.AuditEntry) (step, error) {
	var before, after catalog.Version
	if err := remarshal(e.Before, &before); err != nil {
		return step{}, err
	}
	if err := remarshal(e.After, &after); err != nil {
		return step{}, err
	}
	return step{From: before.State, To: after.State, At: e.At, Actor: e.Actor, RequestID: e.RequestID, Sunset: after.Sunset,
		Successor: after.Successor, Reason: after.Reason}, nil
}

func remarshal(from, into any) error {
	text, err := json.Marshal(from)
	if err != nil {
		return problem.Wrap(err, problem.Internal, "an audit entry cannot be written")
	}
	if err := json.Unmarshal(text, into); err != nil {
		return problem.Wrap(err, problem.Internal, "an audit entry cannot be read")
	}
	return nil
}
