package resource_test

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"

	"sluice/shared/catalog"
	"sluice/shared/policy"
	"sluice/shared/problem"
	"sluice/shared/resource"
	"sluice/shared/resource/shape"
	"sluice/test/management/front"
)

// memory keeps teams, and fails as it is told.
type memory struct {
	mu      sync.Mutex
	teams   map[string]catalog.Team
	replays map[string]catalog.Replay
	writes  []catalog.Write
	fail    func(op string) error // nil: nothing fails
	before  func(op string)       // runs before each call; for races
}

func (m *memory) enter(op string) error {
	if m.before != nil {
		m.before(op)
	}
	if m.fail != nil {
		return m.fail(op)
	}
	return nil
}

func (m *memory) Get(_ context.Context, r catalog.Ref) (catalog.Team, error) {
	if err := m.enter("get"); err != nil {
		return catalog.Team{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.teams[r.ID]
	if !ok {
		return t, problem.New(problem.NotFound, "there is no team %q", r.ID)
	}
	return t, nil
}

func (m *memory) List(context.Context, catalog.Query) (catalog.Page[catalog.Team], error) {
	return catalog.Page[catalog.Team]{}, m.enter("list")
}

func (m *memory) Create(_ context.Context, w catalog.Write, t *catalog.Team) error {
	if err := m.enter("create"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.teams[string(t.ID)]; taken {
		return problem.New(problem.Conflict, "taken")
	}
	t.Rev = 1
	m.teams[string(t.ID)] = *t
	return m.note(w)
}

func (m *memory) Replace(_ context.Context, w catalog.Write, before catalog.Team, t *catalog.Team) error {
	if err := m.enter("replace"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.teams[string(t.ID)].Rev != before.Rev {
		return problem.New(problem.PreconditionFailed, "changed")
	}
	t.Rev = before.Rev + 1
	m.teams[string(t.ID)] = *t
	return m.note(w)
}

func (m *memory) Delete(_ context.Context, w catalog.Write, t *catalog.Team) error {
	if err := m.enter("delete"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.teams[string(t.ID)].Rev != t.Rev {
		return problem.New(problem.PreconditionFailed, "changed")
	}
	delete(m.teams, string(t.ID))
	return m.note(w)
}

func (m *memory) note(w catalog.Write) error {
	m.writes = append(m.writes, w)
	if w.Replay != nil {
		m.replays[w.Replay.ID] = *w.Replay
	}
	return nil
}

func (m *memory) Replayed(_ context.Context, id string) (*catalog.Replay, error) {
	if err := m.enter("replayed"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, ok := m.replays[id]; ok {
		return &r, nil
	}
	return nil, nil
}

// rename changes a team behind everyone's back, as another instance would.
func (m *memory) rename(id, name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.teams[id]
	t.Name, t.Rev = name, t.Rev+1
	m.teams[id] = t
}

// judge is a policy that allows all, or fails.
type judge struct{ err error }

func (j judge) Decide(_ context.Context, in policy.Input) (policy.Verdict, error) {
	asked, _ := in.(*policy.AdminInput)
	return policy.Verdict{Allow: asked.Actor.Role == catalog.RolePlatformAdmin}, j.err
}

func collection(m *memory) resource.Collection[catalog.Team, *catalog.Team] {
	return resource.Collection[catalog.Team, *catalog.Team]{
		Model: shape.Model{Name: "Team", Summary: "A team.", Detail: func() (map[string]any, []shape.Field) {
			return nil, []shape.Field{
				{Name: "id", Access: shape.Fixed, Needed: true, Schema: shape.Matching("", catalog.SlugPattern)},
				{Name: "name", Needed: true, Schema: shape.Words("", 200)},
				{Name: "created", Access: shape.Given, Always: true, Schema: shape.Time("")},
				{Name: "updated", Access: shape.Given, Always: true, Schema: shape.Time("")}}
		}},
		Kind: catalog.KindTeam, Noun: "team", Path: "/admin/v1/teams/{team}", Store: resource.StoreOf[catalog.Team](m),
		Identify: func(c *resource.Call) catalog.Ref { return catalog.Ref{Kind: catalog.KindTeam, ID: c.Path["team"]} },
		Location: func(t catalog.Team) string { return "/admin/v1/teams/" + string(t.ID) },
	}
}

type office struct {
	*front.Desk
	*memory
}

func open(t testing.TB, j judge) office {
	t.Helper()
	m := &memory{teams: map[string]catalog.Team{"sales": {ID: "sales", Name: "Sales", Meta: catalog.Meta{Rev: 1}}}, replays: map[string]catalog.Replay{}}
	clock := front.NewClock()
	return office{memory: m, Desk: front.NewDesk(t, clock, func(log *slog.Logger) http.Handler {
		api := resource.New(resource.Deps{Judge: j, Replays: m, Now: clock.Now, Log: log})
		api.Add(collection(m).Operations()...)
		return api
	})}
}
