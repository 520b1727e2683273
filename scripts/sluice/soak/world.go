package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"sluice/scripts/sluice/bench/load"
	"sluice/scripts/sluice/client"
	"sluice/scripts/sluice/fault"
)

type object = map[string]any

const contract = `{"openapi":"3.1.0","info":{"title":"Soak","version":"1.0.0"},
"security":[{"apiKey":["things:write"]}],
"components":{"securitySchemes":{"apiKey":{"type":"apiKey","in":"header","name":"x-api-key"}}},
"paths":{"/things/{id}":{"parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string"}}],
  "post":{"operationId":"doThing","responses":{"200":{"description":"Done."}}}}}}`

// app is one that calls, and what became of its calls.
type app struct {
	name      string
	plan      string
	quota     int64
	overdraft int64 // what may pass beyond the quota while the store is away
	share     int   // of the connections, in eighths
	key       string

	good, refused, failed, unanswered atomic.Int64
}

// counts is what an app has seen.
type counts struct {
	Good       int64 // 200
	Refused    int64 // 429
	Failed     int64 // any other answer
	Unanswered int64
}

// String is one line.
func (c counts) String() string {
	return fmt.Sprintf("%d × 200, %d × 429, %d others, %d unanswered", c.Good, c.Refused, c.Failed, c.Unanswered)
}

func (a *app) counts() counts {
	return counts{a.good.Load(), a.refused.Load(), a.failed.Load(), a.unanswered.Load()}
}

// tell counts one answer.
func (a *app) tell(status int) {
	switch status {
	case 0:
		a.unanswered.Add(1)
	case http.StatusOK:
		a.good.Add(1)
	case http.StatusTooManyRequests:
		a.refused.Add(1)
	default:
		a.failed.Add(1)
	}
}

// huge is a quota that is counted and never reached.
const huge = 1_000_000_000

// furnish makes the API and three apps: one without a limit that could be reached, one that uses its quota up early and is
// refused from then on, and one whose plan lets calls pass while the store is away.
func (s *soak) furnish(ctx context.Context) error {
	s.apps = []*app{
		{name: "wide", plan: "wide", quota: huge, share: 4},
		{name: "tight", plan: "tight", quota: int64(s.Quota), share: 2},
		{name: "open", plan: "open", quota: huge, overdraft: 1000, share: 2},
	}
	c := client.New(s.cloud.Management(), s.cloud.Key)
	contacts := []object{{"kind": "email", "value": "soak@sluice.example"}}
	steps := []struct {
		method, path string
		body         any
	}{
		{http.MethodPost, "/teams", object{"id": "soak", "name": "Soak", "contacts": contacts}},
		{http.MethodPost, "/apis", object{"id": "soak", "name": "Soak", "team": "soak", "kind": "rest", "audience": "public", "sensitivity": "internal"}},
		{http.MethodPost, "/apis/soak/versions", object{"version": "v1", "upstream": object{"url": s.upstream.url(), "timeout_ms": 5000}}},
		{http.MethodPut, "/apis/soak/versions/v1/contract", client.Content{Type: "application/json", Bytes: []byte(contract)}},
		{http.MethodPost, "/apis/soak/versions/v1/transitions", object{"to": "published"}},
		{http.MethodPost, "/consumers", object{"id": "soak", "name": "Soak", "kind": "partner", "contacts": contacts}},
	}
	for _, a := range s.apps {
		plan := object{"id": a.plan, "name": a.plan, "approval": "automatic", "scopes": []string{"things:write"},
			"rate": object{"requests": 1_000_000, "seconds": 1, "burst": 1_000_000}, "quota": object{"requests": a.quota, "period": "month"}}
		if a.overdraft > 0 {
			plan["on_store_outage"], plan["overdraft"] = "open", a.overdraft
		}
		steps = append(steps, []struct {
			method, path string
			body         any
		}{{http.MethodPost, "/plans", plan}, {http.MethodPost, "/apps", object{"id": a.name, "name": a.name, "consumer": "soak"}},
			{http.MethodPost, "/subscriptions", object{"app": a.name, "api": "soak", "plan": a.plan}}}...)
	}
	for _, step := range steps {
		if _, err := c.Call(ctx, step.method, step.path, "", step.body, nil); err != nil {
			return fmt.Errorf("furnish %s: %w", step.path, err)
		}
	}
	for _, a := range s.apps {
		var key struct{ Key string }
		if _, err := c.Call(ctx, http.MethodPost, "/apps/"+a.name+"/keys", "", object{}, &key); err != nil {
			return fmt.Errorf("make a key of %s: %w", a.name, err)
		}
		a.key = key.Key
	}
	return nil
}

// drive sends calls of all apps until ctx ends, and returns when the last ones have come to their end.
func (s *soak) drive(ctx context.Context) {
	var driving sync.WaitGroup
	for _, a := range s.apps {
		driving.Go(func() {
			load.Until(ctx, load.Post(s.cloud.Gateway(), "/soak/v1/things/"+a.name, a.key), max(1, s.Connections*a.share/8), a.tell)
		})
	}
	driving.Wait()
}

// upstream counts the calls of each app, and then fails as its drill says. A break of the connection is a call that it has
// seen.
type upstream struct {
	drill *fault.Drill
	stand *fault.Stand
	seen  map[string]*atomic.Int64
}

func openUpstream(ctx context.Context) (*upstream, error) {
	u := &upstream{drill: fault.NewDrill(fault.World{Now: time.Now, Sleep: fault.Sleep,
		Random: rand.Float64}), // #nosec G404 -- who is hit is no secret
		seen: map[string]*atomic.Int64{"wide": {}, "tight": {}, "open": {}}}
	answer := u.drill.Handler(fault.Upstream, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"done":true}`)) // a caller that has gone misses it
	}))
	mux := http.NewServeMux()
	mux.HandleFunc("POST /things/{app}", func(w http.ResponseWriter, r *http.Request) {
		if n, ok := u.seen[r.PathValue("app")]; ok {
			n.Add(1)
		}
		answer.ServeHTTP(w, r)
	})
	none := fault.NewDrill(fault.World{Now: time.Now, Sleep: fault.Sleep, Random: rand.Float64}) // #nosec G404 -- it has no faults
	var err error
	if u.stand, err = none.StandIn(ctx, fault.Upstream, mux); err != nil {
		return nil, fmt.Errorf("open the upstream: %w", err)
	}
	return u, nil
}

func (u *upstream) url() string { return u.stand.URL() }

func (u *upstream) close() { u.stand.Close() }

// tell gives the upstream a fault.
func (u *upstream) tell(text string) error {
	f, err := fault.Parse(text)
	if err == nil && f.Kind == fault.Down {
		err = errors.New("an upstream that is down cannot count")
	}
	if err != nil {
		return err
	}
	return u.drill.Inject(f)
}
