package forward

import (
	"context"
	"errors"

	"sluice/functions/proxy/replay"
	"sluice/functions/proxy/upstream"
	"sluice/shared/catalog"
)

// claim makes a call with an Idempotency-Key ours, or answers it as the first one with this key was (promise 10).
func (p *Proxy) claim(ctx context.Context, c *call) error {
	d := c.decision
	if d.Target.Upstream.Idempotency == catalog.IdempotencyOff {
		return nil
	}
	whose := d.Caller
	if whose.App == catalog.Anonymous {
		whose.App = "" // an address is somebody, everybody is nobody
	}
	attempt, answer, err := p.replays.Begin(ctx, replay.Call{Method: c.event.RequestContext.HTTP.Method, Query: c.event.RawQueryString,
		Header: c.event.Headers, Body: c.body, Caller: whose, Address: c.event.RequestContext.HTTP.SourceIP, Target: d.Target})
	if err != nil {
		return unclaimed(err)
	}
	c.attempt = attempt
	if answer != nil {
		c.received = upstream.Answer{Status: answer.Status, Header: answer.Header, Body: answer.Body, Source: upstream.FromUpstream}
	}
	return nil
}

// unclaimed refuses a call that cannot be made once, or must not be made again.
func unclaimed(err error) error {
	var r *replay.Refusal
	if errors.As(err, &r) {
		return &refusal{Denial: r.Denial, retryAfter: r.RetryAfter, cause: r.Cause}
	}
	if errors.Is(err, context.Canceled) {
		return errGone
	}
	return err
}

// conclude ends the attempt of a call with an Idempotency-Key. What the store does not take now is owed, and written later.
func (p *Proxy) conclude(ctx context.Context, c *call) {
	if c.attempt == nil {
		return
	}
	var err error
	switch {
	case c.received.Status != 0 && c.reached:
		err = c.attempt.Finish(ctx, replay.Answer{Status: c.received.Status, Header: c.received.Header, Body: c.received.Body})
	case c.reached:
		err = c.attempt.Doubt(ctx)
	default:
		err = c.attempt.Abandon(ctx)
	}
	if err != nil {
		p.log.WarnContext(ctx, "end of a call with an Idempotency-Key", "request_id", c.id, "error", err)
	}
}
