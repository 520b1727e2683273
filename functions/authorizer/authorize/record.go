package authorize

import (
	"context"
	"errors"
	"log/slog"
	"strconv"

	"sluice/shared/decision"
	"sluice/shared/telemetry"
)

// record writes the one log line of a decision. It names the caller by ids; it holds neither the path, which a caller may
// have put a secret into, nor any header. An allow is for debugging: the function behind logs the same call, with more.
func (a *Authorizer) record(ctx context.Context, r *request, d *decision.Decision, err error) {
	level, outcome := slog.LevelDebug, "allow"
	switch {
	case errors.Is(err, errFlood):
		level, outcome = slog.LevelInfo, "flood"
	case !d.Allowed():
		level, outcome = slog.LevelInfo, "refuse"
	}
	if !a.log.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 16)
	attrs = append(attrs,
		slog.String("request_id", d.Call.RequestID),
		slog.String("plane", string(d.Call.Plane)),
		slog.String("method", d.Call.Method),
		slog.String("outcome", outcome))
	if !d.Allowed() {
		attrs = append(attrs, slog.String("refusal", string(d.Refusal.Code)))
	}
	attrs = telemetry.AppendText(attrs, "api", string(d.Target.API))
	attrs = telemetry.AppendText(attrs, "version", string(d.Target.Version))
	attrs = telemetry.AppendText(attrs, "operation", d.Target.Operation)
	attrs = telemetry.AppendText(attrs, "consumer", string(d.Caller.Consumer))
	attrs = telemetry.AppendText(attrs, "app", string(d.Caller.App))
	attrs = telemetry.AppendText(attrs, "key", string(d.Caller.Key))
	if d.Admin != nil {
		attrs = telemetry.AppendText(attrs, "admin", d.Admin.ID)
	}
	attrs = append(attrs, slog.String("source", strconv.FormatUint(a.floods.id(r.source), 16)))
	if a.view.Stale() {
		attrs = append(attrs, slog.Bool("stale", true))
	}
	attrs = append(attrs, slog.Int64("duration_us", a.now().Sub(r.at).Microseconds()))
	if !d.Allowed() && ours(d.Refusal.Code) {
		level = slog.LevelError
		attrs = append(attrs, slog.Any("error", err))
	}
	telemetry.Log(ctx, a.log, level, "decision", attrs...)
}

// ours reports whether a refusal is our own fault, so that an operator wants to know the cause.
func ours(code decision.Refusal) bool {
	return code == decision.InternalError || code == decision.UpstreamUnavailable
}
