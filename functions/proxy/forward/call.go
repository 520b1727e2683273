package forward

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sluice/functions/proxy/cache"
	"sluice/functions/proxy/replay"
	"sluice/functions/proxy/upstream"
	"sluice/shared/decision"
	"sluice/shared/limit"
	"sluice/shared/telemetry"
)

// call is one call on its way through the steps.
type call struct {
	event    *events.APIGatewayV2HTTPRequest
	id       string
	began    time.Time
	decision *decision.Decision // nil until it was read

	outgoing
	verdict   limit.Verdict   // zero until the limits were asked
	forwarded bool            // it took its limits
	attempt   *replay.Attempt // of a call with an Idempotency-Key
	visit     *cache.Visit    // of a version that has a cache
	reached   bool            // the upstream may have seen the call

	received upstream.Answer
	upstream time.Duration // how long the upstream took

	answer  events.APIGatewayV2HTTPResponse
	outcome outcome
}

// outgoing is what the upstream gets.
type outgoing struct {
	body    []byte       // decoded
	dest    *destination // where it goes
	path    string       // what is asked for there, encoded
	request *http.Request
}

// outcome is how a call ended, for those who count and look.
type outcome struct {
	refusal decision.Refusal // "" if the upstream answered
	cause   error            // why, for the log only
	gone    bool             // nobody waits for the answer any more
}

// record writes the one log line of a call. It names the caller and the operation by their ids; it has no path, query or
// field in it, since a caller may have put a secret there.
func (p *Proxy) record(ctx context.Context, c *call, took time.Duration) {
	level := slog.LevelInfo
	switch {
	case c.outcome.refusal == decision.InternalError || c.outcome.refusal == decision.UpstreamUnavailable && c.outcome.cause != nil:
		level = slog.LevelError
	case c.outcome.refusal != "" && c.forwarded:
		level = slog.LevelWarn
	}
	var skipped int
	if c.outcome.refusal != "" && !c.forwarded && level == slog.LevelInfo {
		var loud bool
		if skipped, loud = p.noise.hear(c, p.now()); !loud {
			return
		}
	}
	attrs := make([]slog.Attr, 0, 20)
	attrs = append(attrs,
		slog.String("request_id", c.id),
		slog.String("method", c.event.RequestContext.HTTP.Method),
		slog.Int("status", c.answer.StatusCode))
	attrs = telemetry.AppendText(attrs, "refusal", string(c.outcome.refusal))
	if d := c.decision; d != nil {
		attrs = telemetry.AppendText(attrs, "api", string(d.Target.API))
		attrs = telemetry.AppendText(attrs, "version", string(d.Target.Version))
		attrs = telemetry.AppendText(attrs, "operation", d.Target.Operation)
		attrs = telemetry.AppendText(attrs, "consumer", string(d.Caller.Consumer))
		attrs = telemetry.AppendText(attrs, "app", string(d.Caller.App))
		attrs = telemetry.AppendText(attrs, "key", string(d.Caller.Key))
	}
	attrs = append(attrs,
		slog.Int64("duration_us", took.Microseconds()),
		slog.Int64("upstream_us", c.upstream.Microseconds()),
		slog.Int("bytes_in", len(c.body)),
		slog.Int("bytes_out", len(c.received.Body)))
	for _, name := range c.shadows() {
		attrs = append(attrs, slog.String("would_refuse", name))
	}
	if c.outcome.cause != nil {
		attrs = append(attrs, slog.Any("error", c.outcome.cause))
	}
	if skipped > 0 {
		attrs = append(attrs, slog.Int("refusals_not_logged", skipped))
	}
	telemetry.Log(ctx, p.log, level, "call", attrs...)
}

// shadows names the limits in the shadow that the call does not fit into.
func (c *call) shadows() (names []string) {
	for _, l := range c.verdict.Limits {
		if l.Limit.Shadow && l.Exceeded {
			names = append(names, l.Limit.Name)
		}
	}
	return names
}
