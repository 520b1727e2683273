package manage

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/functions/catalog/describe"
	"sluice/shared/catalog"
	"sluice/shared/policy"
	"sluice/shared/resource"
	"sluice/shared/resource/shape"
	"sluice/shared/usage"
)

// Usage reads what was counted; *dynamo.Table does.
type Usage interface {
	UsageBuckets(ctx context.Context, api catalog.APIID, step usage.Step, from, to time.Time) ([]usage.Delta, error)
}

const (
	maxWindows = 1_500 // of one usage query
	atOnce     = 8     // APIs that one query reads side by side
)

func (m *manager) usage() []resource.Operation {
	slug := func(name, description string) resource.Param {
		return resource.Param{Name: name, Schema: shape.Matching(description, catalog.SlugPattern)}
	}
	return []resource.Operation{{ID: "queryUsage", Method: http.MethodGet, Path: base + "/usage", Tag: "Report", Summary: "Ask how much was called",
		Description: "Sums by window and group. The last 24 hours by the hour unless told otherwise; at most 1500 windows. Windows without calls have no point. " +
			"`calls` are those that reached the forwarder, which the quota counts. Grouped by `limit` there is one point for each limit in the shadow, with nothing but `would_refuse`.",
		Query: []resource.Param{slug("api", "Only this API; every one that you may see if not given."), slug("version", "Only this version."),
			{Name: "operation", Schema: shape.Text("Only this operation id.", describe.SummaryLength)}, slug("app", "Only this app."), slug("consumer", "Only this consumer."),
			{Name: "from", Schema: shape.Time("The first window is the one that this lies in.")}, {Name: "to", Schema: shape.Time("The last window begins before this; now if not given.")},
			{Name: "step", Schema: shape.OneOf("The width of a window.", usage.Steps()...)},
			{Name: "group_by", Schema: shape.OneOf("What to tell apart.", usage.GroupAPI, usage.GroupVersion, usage.GroupOperation, usage.GroupApp, usage.GroupConsumer, usage.GroupStatus, usage.GroupLimit)}},
		Status: []int{http.StatusOK}, Answer: &resource.Answer{Name: "Usage", Schema: usageModel().View}, Handle: m.queryUsage}}
}

func usageModel() shape.Model {
	count := func(description string) *shape.Schema { return shape.Whole(description, 0, 1<<53) }
	latency := func(share string) *shape.Schema {
		s := shape.Number("Latency that " + share + " % of the calls stay below; null where it is not known.")
		s.Nullable = true
		return s
	}
	return shape.Model{Name: "Usage", Summary: "Sums by window and group.", Detail: func() (map[string]any, []shape.Field) {
		return map[string]any{"points": []any{map[string]any{"at": describe.ExampleTime, "group": "orders", "calls": 1200, "errors": 3, "refused": 12,
				"p50_ms": 12.5, "p90_ms": 30.1, "p99_ms": 110.0, "bytes_in": 240000, "bytes_out": 1800000, "would_refuse": 7}}},
			[]shape.Field{{Name: "points", Always: true, Schema: shape.List("In the order of time, then group.", shape.Object("One group in one window.",
				shape.Needed("at", shape.Time("When the window begins.")), shape.Needed("group", shape.Text("The group; empty without `group_by`.", 0)),
				shape.Needed("calls", count("Calls that reached the forwarder.")), shape.Needed("errors", count("Those answered with a 5xx.")),
				shape.Needed("refused", count("Calls that were refused, beside these.")),
				shape.Needed("p50_ms", latency("50")), shape.Needed("p90_ms", latency("90")), shape.Needed("p99_ms", latency("99")),
				shape.Needed("bytes_in", count("Bytes of requests.")), shape.Needed("bytes_out", count("Bytes of responses.")),
				shape.Needed("would_refuse", count("Those of the calls that a limit in the shadow would have refused; 0 if grouped by `status`, where it is not known."))), 0)}}
	}}
}

// question is a usage query.
type question struct {
	step     usage.Step
	from, to time.Time
	group    usage.Group
	filter   usage.Filter
}

func readQuestion(call *resource.Call) (question, error) {
	q := question{step: usage.Hour, to: call.Now(), group: usage.Group(call.Query["group_by"]), filter: usage.Filter{
		API: catalog.APIID(call.Query["api"]), Version: catalog.VersionID(call.Query["version"]), Operation: call.Query["operation"],
		App: catalog.AppID(call.Query["app"]), Consumer: catalog.ConsumerID(call.Query["consumer"])}}
	if step, ok := call.Query["step"]; ok {
		q.step = usage.Step(step)
	}
	var err error
	if q.to, err = moment(call, "to", q.to); err != nil {
		return q, err
	}
	if q.from, err = moment(call, "from", q.to.Add(-24*time.Hour)); err != nil {
		return q, err
	}
	if !q.from.Before(q.to) {
		return q, fault("query:from", "must lie before `to`")
	}
	q.from = q.step.Start(q.from)
	windows := 0
	for at := q.from; at.Before(q.to); at = q.step.Next(at) {
		if windows++; windows > maxWindows {
			return q, fault("query:from", fmt.Sprintf("gives more than %d windows: ask for a wider step or a shorter time", maxWindows))
		}
	}
	return q, nil
}

// moment reads a time from the query.
func moment(call *resource.Call, name string, otherwise time.Time) (time.Time, error) {
	text, ok := call.Query[name]
	if !ok {
		return otherwise, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Year() < 2000 || at.Year() > 9000 {
		return at, fault("query:"+name, "must be a time such as "+describe.ExampleTime)
	}
	return at.UTC(), nil
}

func (m *manager) queryUsage(ctx context.Context, call *resource.Call) (*resource.Reply, error) {
	q, err := readQuestion(call)
	if err != nil {
		return nil, err
	}
	apis, err := m.visible(ctx, call, q.filter.API)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var all []usage.Delta
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, api := range apis {
		group.Go(func() error {
			found, err := m.Usage.UsageBuckets(within, api, q.step, q.from, q.to)
			if err != nil {
				return fmt.Errorf("read usage of %s: %w", api, err)
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, found...)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return &resource.Reply{Status: http.StatusOK, Body: struct {
		Points []usage.Point `json:"points"`
	}{usage.Points(all, q.step, q.from, q.to, q.group, q.filter)}}, nil
}

// visible lists the APIs whose usage the sender may see: the one asked for, or all; for a team's member those of the team.
func (m *manager) visible(ctx context.Context, call *resource.Call, one catalog.APIID) ([]catalog.APIID, error) {
	if one != "" {
		api, err := neighbour(ctx, m.APIs, catalog.KindAPI, string(one), "query:api")
		if err != nil {
			return nil, err
		}
		return []catalog.APIID{one}, call.Permit(ctx, policy.Read, catalog.Ref{Kind: policy.KindUsage, ID: string(one)}, api.Team)
	}
	if err := call.Permit(ctx, policy.Read, catalog.Ref{Kind: policy.KindUsage}, call.Actor.Team); err != nil {
		return nil, err
	}
	query := catalog.Query{Kind: catalog.KindAPI, Limit: 100}
	if call.Actor.Team != "" {
		query.Parent = &catalog.Ref{Kind: catalog.KindTeam, ID: string(call.Actor.Team)}
	}
	var all []catalog.APIID
	for {
		page, err := m.APIs.List(ctx, query)
		if err != nil {
			return nil, fmt.Errorf("list apis: %w", err)
		}
		for _, api := range page.Items {
			all = append(all, api.ID)
		}
		if query.Cursor = page.Next; query.Cursor == "" {
			return all, nil
		}
	}
}
