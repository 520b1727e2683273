package usage

import (
	"time"

	"sluice/shared/catalog"
	"sluice/shared/decision"
)

// Facts is what is counted of one call, once its answer is known.
type Facts struct {
	At        time.Time // when the call came in
	API       catalog.APIID
	Version   catalog.VersionID
	Operation string
	App       catalog.AppID
	Consumer  catalog.ConsumerID // the identities are "" where the call was refused before they were known

	// Forwarded says that the call took its limits and reached the forwarder, whatever came of it: exactly such calls are
	// in "calls", since exactly these were counted by the quota (promise 5). A call that got its unit back was not.
	Forwarded bool
	Refusal   decision.Refusal // why the gateway itself answered, or ""
	Status    int              // what the caller received; 0 if it received nothing
	Shadows   []string         // names of the limits in the shadow that it did not fit into

	Total    time.Duration // from the event to the answer
	Upstream time.Duration // the upstream's part in Total
	BytesIn  int64         // request body
	BytesOut int64         // response body
}

// failed reports whether a forwarded call counts as an error.
func (f *Facts) failed() bool { return f.Refusal != "" || f.Status >= 500 || f.Status <= 0 }

// answered is the status of the answer: of one that the gateway made itself, that of its code.
func (f *Facts) answered() int {
	if f.Refusal != "" {
		return f.code().Status()
	}
	return f.Status
}

// code is the refusal if it is on the closed list, so that nobody can make up counters.
func (f *Facts) code() decision.Refusal {
	if f.Refusal == "" || !f.Refusal.Known() {
		return decision.InternalError
	}
	return f.Refusal
}

// tally is the place of a fixed counter in a cell, and in the strings of every record: one that comes later can be no tally.
type tally int

const (
	calls tally = iota
	errorCalls
	bytesIn
	bytesOut
	micros
	upstream
	status2xx
	status3xx
	status4xx
	status5xx
	refused
	tallies
)

// name is the counter's name in a Delta.
func (t tally) name() string {
	return [tallies]string{CountCalls, CountErrors, CountBytesIn, CountBytesOut, CountMicros, CountUpstream,
		CountStatus2xx, CountStatus3xx, CountStatus4xx, CountStatus5xx, CountRefused}[t]
}

// class is the tally that a status is counted in.
func class(status int) tally {
	switch {
	case status <= 0 || status >= 500:
		return status5xx
	case status >= 400:
		return status4xx
	case status >= 300:
		return status3xx
	default:
		return status2xx
	}
}
