package forward

import (
	"context"
	"errors"

	"sluice/functions/proxy/upstream"
	"sluice/shared/decision"
)

// callUpstream sends the request and reads the answer, within the upstream's timeout and the caller's deadline. Where the
// upstream is broken, a fallback answers, if the version has one.
func (p *Proxy) callUpstream(ctx context.Context, c *call) error {
	began := p.now()
	defer func() { c.upstream = p.now().Sub(began) }()
	t := &c.decision.Target
	out := &upstream.Call{Request: c.request, Body: c.body, Path: t.Path, API: t.API, Version: t.Version, Settings: t.Upstream,
		Priority: c.decision.Caller.Priority}
	c.reached = true // until we know better
	answer, err := p.upstreams.Call(ctx, out)
	c.reached = reached(err)
	if err != nil || answer.Broken() {
		if stale, ok := c.rescue(); ok {
			c.received = stale
			return nil
		}
		answer, err = p.upstreams.Fallback(ctx, out, answer, err)
		c.reached = c.reached || reached(err) && answer.Source != upstream.FromStatic
	}
	if err != nil {
		return upstreamFault(err)
	}
	if answer, err = c.finish(answer); err != nil {
		return err
	}
	if answer.Source == upstream.FromAlternative { // references in its answer are to itself
		if c.dest, err = p.destinations.of(t.Upstream.Fallback.URL); err != nil {
			return err
		}
	}
	c.received = answer
	return nil
}

// reached reports whether an upstream may have seen the call.
func reached(err error) bool {
	var e *upstream.Error
	return err == nil || !errors.As(err, &e) || e.Sent
}

// upstreamFault says what a failed call upstream is for the caller, who learns nothing about the upstream (promise 9).
func upstreamFault(err error) error {
	r := &refusal{Denial: decision.Denial{Code: decision.UpstreamFailed}, cause: err}
	var e *upstream.Error
	if !errors.As(err, &e) {
		return r
	}
	switch e.Kind {
	case upstream.Gone:
		return errGone
	case upstream.TimedOut:
		r.Code = decision.UpstreamTimeout
	case upstream.Unavailable:
		r.Code, r.retryAfter = decision.UpstreamUnavailable, e.RetryAfter
	case upstream.Failed:
	}
	return r
}
