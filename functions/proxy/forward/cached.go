package forward

import (
	"context"

	"sluice/functions/proxy/cache"
	"sluice/functions/proxy/upstream"
	"sluice/shared/decision"
)

// lookUp answers a call from the cache, if the version has one and it may.
func (p *Proxy) lookUp(ctx context.Context, c *call) error {
	d := c.decision
	if d.Target.Upstream.Cache == nil {
		return nil
	}
	e := c.event
	c.visit = p.cache.Look(ctx, &cache.Request{Method: e.RequestContext.HTTP.Method, Query: e.RawQueryString, Header: e.Headers,
		Cookies: len(e.Cookies) > 0, Body: len(c.body) > 0, Caller: d.Caller, Target: d.Target})
	if denial := c.visit.Denial; denial != nil {
		return &refusal{Denial: *denial}
	}
	if a := c.visit.Answer; a != nil {
		c.received = upstream.Answer{Status: a.Status, Header: a.Header, Body: a.Body, Source: upstream.FromUpstream}
		return nil
	}
	c.visit.Prepare(c.request.Header)
	return nil
}

// finish gives the upstream's answer to the cache, which may keep it or make a whole one of it.
func (c *call) finish(a upstream.Answer) (upstream.Answer, error) {
	if c.visit == nil || a.Source != upstream.FromUpstream {
		return a, nil
	}
	out, err := c.visit.Finish(cache.Answer{Status: a.Status, Header: a.Header, Body: a.Body})
	if err != nil {
		return a, &refusal{Denial: decision.Denial{Code: decision.UpstreamFailed}, cause: err}
	}
	a.Status, a.Header, a.Body = out.Status, out.Header, out.Body
	return a, nil
}

// rescue gives a stale answer from the cache where the upstream has none, or a broken one; false if there is none.
func (c *call) rescue() (upstream.Answer, bool) {
	if c.visit == nil {
		return upstream.Answer{}, false
	}
	a, ok := c.visit.Rescue()
	return upstream.Answer{Status: a.Status, Header: a.Header, Body: a.Body, Source: upstream.FromUpstream}, ok
}
