package describe

import (
	"sluice/shared/catalog"
	"sluice/shared/resource/shape"
)

// What resources say about traffic: how much of it passes, and how it reaches an upstream.

func rate(description string) *shape.Schema {
	return shape.Object(description,
		shape.Needed("requests", shape.Whole("How many units …", 1, Largest)),
		shape.Needed("seconds", shape.Whole("… in how many seconds, on average.", 1, 86_400)),
		shape.Optional("burst", shape.Whole("How many at once; 0 means `requests`.", 0, Largest)),
		shape.Optional("shadow", shadow()))
}

func quota(description string) *shape.Schema {
	return shape.Object(description,
		shape.Needed("requests", shape.Whole("How many units.", 1, Largest)),
		shape.Needed("period", shape.OneOf("Per what.", catalog.Day, catalog.Month)),
		shape.Optional("anchor_day", shape.Whole("Of a `month`: the day on which it starts, the last one where a month is shorter; 0 means the first.", 0, 31)),
		shape.Optional("shadow", shadow()))
}

func shadow() *shape.Schema {
	return shape.Boolean("It refuses nothing: it counts, and reports what it would have refused.")
}

func limitsOf(description string) *shape.Schema {
	return shape.Object(description+" A rate, a quota or both.",
		shape.Optional("rate", rate("A token bucket.")), shape.Optional("quota", quota("Units per calendar period in UTC.")))
}

// Plan is what is offered for an API.
func Plan() shape.Model {
	return model("Plan", "What is offered for an API: how fast, how much, which scopes.", func() (map[string]any, []shape.Field) {
		return map[string]any{"id": "basic", "name": "Basic", "approval": "automatic", "rate": map[string]any{"requests": 10, "seconds": 1, "burst": 20},
				"quota": map[string]any{"requests": 100000, "period": "month", "anchor_day": 15}, "scopes": []any{"orders:read"},
				"operations": map[string]any{"createOrder": map[string]any{"rate": map[string]any{"requests": 2, "seconds": 1}}},
				"priority":   "high", "on_store_outage": "open", "overdraft": 100},
			[]shape.Field{
				id("plan"), name(),
				shape.Needed("approval", shape.OneOf("Whether a subscription starts active or waits for an admin.", catalog.Automatic, catalog.Manual)),
				shape.Optional("rate", rate("A token bucket for each subscription; without one the rate is not limited. A call takes 1 unit, or its operation's `cost`.")),
				shape.Optional("quota", quota("Units per calendar period in UTC, for each subscription; without one they are not counted.")),
				shape.Optional("operations", shape.Map("What a subscription may call of single operations, by operation id, besides `rate` and `quota`.",
					limitsOf("One operation."), catalog.MaxOperations)),
				shape.Optional("scopes", words("What a subscription can allow.")),
				shape.Optional("priority", shape.OneOf("Who is served first where an upstream is saturated; `normal` if not given.",
					catalog.LowPriority, catalog.NormalPriority, catalog.HighPriority)),
				shape.Optional("on_store_outage", shape.OneOf("What becomes of calls while limits cannot be checked: `closed` refuses them with 503, `lease` (if not given) "+
					"spends the units that are on lease already, `open` then `overdraft` more per instance, which are charged later.",
					catalog.OutageClosed, catalog.OutageLease, catalog.OutageOpen)),
				shape.Optional("overdraft", shape.Whole("With `open`, and needed there: units.", 0, catalog.MaxOverdraft))}
	})
}

// upstream is where a version's calls go. Its members together have a bound that no schema can say; see catalog.MaxUpstream.
func upstream() *shape.Schema {
	return shape.Object("Where its calls go; all of it has at most 2560 bytes.",
		shape.Needed("url", address("http or https; may have a path, but no query and no credential.")),
		shape.Optional("timeout_ms", shape.Whole("0 means 10000.", 0, catalog.MaxTimeoutMs)),
		shape.Optional("max_request_bytes", shape.Whole("0 means 1 MiB.", 0, catalog.MaxBodyBytes)),
		shape.Optional("max_response_bytes", shape.Whole("0 means 4 MiB.", 0, catalog.MaxBodyBytes)),
		shape.Optional("max_in_flight", shape.Whole("Calls at once, over all instances; 0 means no bound.", 0, catalog.MaxInFlight)),
		shape.Optional("hedge_after_ms", shape.Whole("GET and HEAD: when a second attempt is sent beside a slow first one, before `timeout_ms`; 0 means never.", 0, catalog.MaxTimeoutMs)),
		shape.Optional("retries", shape.Object("How often an idempotent call is tried again (RFC 9110 §9.2.2); without it, never.",
			shape.Needed("attempts", shape.Whole("After the first.", 1, catalog.MaxRetries)),
			shape.Optional("budget_percent", shape.Whole("Retries per 100 calls; 0 means 20.", 0, 100)))),
		shape.Optional("breaker", shape.Object("When calls are no longer sent to a failing upstream; without it, they always are.",
			shape.Optional("failure_percent", shape.Whole("So many failures open it; 0 means 50.", 0, 100)),
			shape.Optional("minimum_calls", shape.Whole("So many calls must have been made within the window; 0 means 20.", 0, catalog.MaxBreakerCalls)),
			shape.Optional("window_seconds", shape.Whole("How far back calls count; 0 means 10.", 0, catalog.MaxBreakerSeconds)),
			shape.Optional("open_seconds", shape.Whole("How long until one call tries the upstream again; 0 means 10.", 0, catalog.MaxBreakerSeconds)))),
		shape.Optional("cache", shape.Object("Answers are kept as RFC 9111 has it; without it, none is.",
			shape.Optional("max_bytes", shape.Whole("Of one answer; 0 means 256 KiB.", 0, catalog.MaxBodyBytes)),
			shape.Optional("default_ttl_seconds", shape.Whole("How long an answer is kept that does not say; 0 means not at all.", 0, catalog.MaxTTLSeconds)),
			shape.Optional("stale_if_error_seconds", shape.Whole("How long an answer may still be used if the upstream fails, where it does not say (RFC 5861 §4).", 0, catalog.MaxStaleSeconds)))),
		shape.Optional("fallback", shape.Object("What is answered when the upstream cannot be called or fails. A `url`, a `static` answer, or both.",
			shape.Optional("url", address("Another upstream, tried first; see `url` above.")),
			shape.Optional("static", shape.Object("A fixed answer.",
				shape.Needed("status", shape.Whole("Its status.", 200, 599)),
				shape.Needed("content_type", shape.Text("The media type of `body`; may be empty if that is.", 100)),
				shape.Needed("body", shape.Text("Its content, of at most 1024 bytes.", catalog.MaxStaticBytes)))))),
		shape.Optional("idempotency", shape.OneOf("What is done with an `Idempotency-Key` on POST and PATCH: `replay` (if not given) calls the upstream once for each key "+
			"and repeats its answer, `require` refuses calls without a key as well, `off` leaves it to the upstream.",
			catalog.IdempotencyReplay, catalog.IdempotencyRequire, catalog.IdempotencyOff)))
}

// address is an upstream's URL, as far as a pattern can say it.
func address(description string) *shape.Schema {
	s := shape.Text(description, SummaryLength)
	s.Pattern = `^https?://`
	return s
}
