// Package forward takes a call that the authorizer has decided on to its upstream, and the answer back.
//
// The steps of a call, in this order. The first one that fails ends the call with a refusal, and what comes before "limits"
// costs the caller nothing:
//
//  1. decision: the authorizer's, bound to exactly this call. Without one nothing is forwarded (promise 1); a refusal
//     travels in it and is told here, since an HTTP API cannot shape a denial (promise 9).
//  2. validate request: method, query, fields and body can be sent on as they are, and the body is not too large.
//  3. claim: a call with an Idempotency-Key is made once (promise 10). One that repeats another is answered as that one was,
//     and charged nothing.
//  4. limits: what the call costs of each, mostly from memory. They come last before work, so that a call which is
//     refused for any other reason is never charged. From here on the call counts as forwarded, whatever comes of it:
//     what the quota has counted is what usage counts (promise 5).
//  5. route: the request that the upstream will get.
//  6. look up: the cache may answer in the upstream's place.
//  7. call upstream: within the deadline, as often as is allowed, to an address that is allowed. Where it fails, what is stale in
//     the cache, an alternative or a static answer stands in.
//
// The first step that has an answer ends the list, and the answer is shaped: what the caller gets of it. Then, whatever
// happened, the claim is concluded, the call is counted and logged once, and answered. Mediation comes between limits and route
// and between upstream and answer, validation of responses after the upstream's answer.
//
// Retries are package upstream's. Besides, net/http repeats a request on another connection if an idle one turns out to be
// closed: any request as long as no byte of it was sent, and GET, HEAD and OPTIONS until the first byte of an answer came.
package forward

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sluice/functions/proxy/alert"
	"sluice/functions/proxy/cache"
	"sluice/functions/proxy/replay"
	"sluice/functions/proxy/upstream"
	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/gatewayevent"
	"sluice/shared/limit"
)

// healthRoute is the route without an authorizer. The template chooses it, no client can.
const healthRoute = "GET /healthz"

// Limits takes units; limit.Taker does.
type Limits interface {
	// Take takes units for a call. An error means that it was not admitted.
	Take(ctx context.Context, claims []decision.Claim, cost int) (limit.Verdict, error)
	// AfterResponse waits for writes under way and gives back what is idle.
	AfterResponse(ctx context.Context)
	// Close gives everything back.
	Close(ctx context.Context) error
	// Crossings hands out what quotas came to since the last time.
	Crossings() []limit.Crossing
}

// Deps is what a Proxy works with.
type Deps struct {
	Limits     Limits
	Upstreams  *upstream.Client
	Alerts     *alert.Teller
	Replays    *replay.Replayer
	Cache      *cache.Cache
	Counter    Counter
	Outbox     Outbox
	FlushAfter time.Duration // AfterResponse flushes if the last flush is at least this long ago
	Now        func() time.Time
	Random     io.Reader // nil for crypto/rand
	Log        *slog.Logger
}

// Proxy forwards calls. It is safe for concurrent use.
type Proxy struct {
	limits       Limits
	upstreams    *upstream.Client
	alerts       *alert.Teller
	replays      *replay.Replayer
	cache        *cache.Cache
	destinations destinations
	tally        tally
	noise        noise
	steps        []step
	now          func() time.Time
	random       io.Reader
	log          *slog.Logger
}

// step is one step of a call. Its error ends the call: see refusalOf.
type step func(context.Context, *call) error

// New makes a Proxy. It reads nothing and calls nobody.
func New(d Deps) *Proxy {
	p := &Proxy{limits: d.Limits, upstreams: d.Upstreams, alerts: d.Alerts, replays: d.Replays, cache: d.Cache, now: d.Now, random: d.Random, log: d.Log,
		tally: tally{counter: d.Counter, outbox: d.Outbox, after: d.FlushAfter, now: d.Now}}
	if p.random == nil {
		p.random = rand.Reader
	}
	p.steps = []step{
		p.decide,
		p.validateRequest,
		p.claim,
		p.takeLimits,
		p.route,
		p.lookUp,
		p.callUpstream,
	}
	return p
}

// Handle answers one call of the Gateway API (payload 2.0). It never fails: whatever goes wrong becomes a problem.
func (p *Proxy) Handle(ctx context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	if e.RouteKey == healthRoute {
		return health(e.RequestContext.RequestID), nil
	}
	c := &call{event: &e, id: e.RequestContext.RequestID, began: p.now()}
	if err := p.run(ctx, c); err != nil {
		c.refuse(err)
	}
	p.conclude(ctx, c)
	if c.visit != nil {
		c.visit.Leave()
	}
	c.answer.Headers["x-request-id"] = c.id
	took := p.now().Sub(c.began)
	p.tally.count(c, took)
	p.record(ctx, c, took)
	return c.answer, nil
}

// run does the steps of a call until there is an answer, and shapes it.
func (p *Proxy) run(ctx context.Context, c *call) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = &crash{fault: fault, stack: debug.Stack()}
		}
	}()
	for _, do := range p.steps {
		if err := do(ctx, c); err != nil {
			return err
		}
		if c.received.Status != 0 {
			break
		}
	}
	return p.shapeAnswer(c)
}

// decide reads the authorizer's decision.
func (p *Proxy) decide(_ context.Context, c *call) error {
	var context map[string]any
	if a := c.event.RequestContext.Authorizer; a != nil {
		context = a.Lambda
	}
	d, err := decision.Verify(context, gatewayevent.CallOf(decision.Gateway, *c.event))
	if err != nil {
		return fmt.Errorf("read decision: %w", err)
	}
	c.decision = d
	if !d.Allowed() {
		return &refusal{Denial: *d.Refusal}
	}
	if d.Caller.Subscription == "" && d.Caller.App != catalog.Anonymous || d.Caller.App == "" || d.Target.API == "" {
		return errors.New("the decision allows a call without saying who calls what")
	}
	return nil
}

// takeLimits takes one unit of each limit. The call is forwarded from here on.
func (p *Proxy) takeLimits(ctx context.Context, c *call) error {
	v, err := p.limits.Take(ctx, c.decision.Claims, c.decision.Cost)
	if err != nil {
		return unchecked(err)
	}
	c.verdict = v
	if v.Admitted != 1 {
		return exceeded(v)
	}
	c.forwarded = true
	return nil
}

func health(id string) events.APIGatewayV2HTTPResponse {
	return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusOK, Body: `{"status":"ok"}`, Headers: map[string]string{
		"content-type": "application/json", "cache-control": "no-store", "x-request-id": id}}
}
