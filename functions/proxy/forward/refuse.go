package forward

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sluice/functions/proxy/ratelimit"
	"sluice/shared/decision"
	"sluice/shared/gatewayevent"
	"sluice/shared/limit"
	"sluice/shared/problem"
)

// refusal is a denial on its way out.
type refusal struct {
	decision.Denial
	retryAfter time.Duration // 0 if nothing is known
	violated   []string      // names of the limits that are exceeded
	cause      error         // for the log only
}

// Error says what happened, for the log.
func (r *refusal) Error() string {
	if r.cause != nil {
		return string(r.Code) + ": " + r.cause.Error()
	}
	return string(r.Code)
}

// Unwrap gives the cause.
func (r *refusal) Unwrap() error { return r.cause }

func refuse(code decision.Refusal, detail string) error {
	return &refusal{Denial: decision.Denial{Code: code, Detail: detail}}
}

// crash is a panic, caught. What it says is for the log only.
type crash struct {
	fault any
	stack []byte
}

// Error tells the panic and where it happened.
func (c *crash) Error() string { return fmt.Sprintf("panic: %v\n%s", c.fault, c.stack) }

// errGone means that nobody waits for the answer any more.
var errGone = errors.New("the caller has gone")

// statusGone is what a call that nobody waits for ends with. Nobody sees it.
const statusGone = 499

// exceeded refuses a call that does not fit its limits.
func exceeded(v limit.Verdict) error {
	worst, _ := v.Refusal()
	r := &refusal{Denial: decision.Denial{Code: decision.RateLimited}, retryAfter: max(v.RetryAfter, time.Second)}
	what := "the rate " + strconv.Quote(worst.Limit.Name) + " allows the next call"
	if worst.Limit.Kind == decision.QuotaLimit {
		r.Code = decision.QuotaExhausted
		what = "the quota " + strconv.Quote(worst.Limit.Name) + " starts anew"
	}
	r.Detail = fmt.Sprintf("%s in %d s", what, ratelimit.Seconds(r.retryAfter))
	for _, s := range v.Limits {
		if s.Exceeded && !s.Limit.Shadow {
			r.violated = append(r.violated, s.Limit.Name)
		}
	}
	return r
}

// unchecked refuses a call whose limits cannot be checked: nobody passes on a guess.
func unchecked(err error) error {
	if problem.Is(err, problem.Unavailable) || errors.Is(err, context.DeadlineExceeded) {
		return &refusal{Denial: decision.Denial{Code: decision.UpstreamUnavailable,
			Detail: "the gateway cannot check the limits at the moment; this says nothing about the call"}, retryAfter: time.Second, cause: err}
	}
	if errors.Is(err, context.Canceled) {
		return errGone
	}
	return fmt.Errorf("take limits: %w", err)
}

// refusalOf is the one mapping of errors to what a caller is told. What it does not know is our fault, and told nothing of.
func refusalOf(err error) *refusal {
	var r *refusal
	if errors.As(err, &r) {
		return r
	}
	return &refusal{Denial: decision.Denial{Code: decision.InternalError}, cause: err}
}

// refuse answers the call with a problem.
func (c *call) refuse(err error) {
	if errors.Is(err, errGone) {
		c.outcome = outcome{cause: err, gone: true}
		c.answer.StatusCode, c.answer.Headers = statusGone, map[string]string{}
		return
	}
	r := refusalOf(err)
	doc := r.Document(c.id)
	c.outcome = outcome{refusal: decision.Refusal(doc.Code), cause: r.cause}
	h := make(map[string]string, 8)
	switch doc.Status {
	case http.StatusUnauthorized:
		h["www-authenticate"] = c.challenge()
	case http.StatusMethodNotAllowed:
		h["allow"] = strings.Join(r.Allow, ", ")
	case http.StatusGone:
		if r.Link != "" {
			h["link"] = successor(r.Link)
		}
	case http.StatusTooManyRequests:
		if len(r.violated) > 0 {
			doc.Extra["violated-policies"] = r.violated
		}
		h["retry-after"] = r.patience()
	case http.StatusServiceUnavailable:
		h["retry-after"] = r.patience()
	case http.StatusConflict:
		if r.retryAfter > 0 { // else waiting is of no use
			h["retry-after"] = r.patience()
		}
	}
	c.addLimits(h)
	if c.forwarded {
		c.addNotice(h)
	}
	c.answer = gatewayevent.ProblemResponse(doc, h)
}

// challenge says how to authenticate (RFC 9110 §11.6.1). A token that was refused is told so as RFC 6750 §3 has it.
func (c *call) challenge() string {
	const both = `ApiKey realm="sluice", Bearer realm="sluice"`
	if _, sent := gatewayevent.Header(c.event.Headers, "authorization"); sent {
		return both + `, error="invalid_token"`
	}
	return both
}

// hintRetryAfter is the member of a denial that says after how many seconds to try again.
const hintRetryAfter = "retry_after"

// patience is the Retry-After of a 429 or 503: what the denial or the limits say, or a second, after which an outage of ours
// is looked at again.
func (r *refusal) patience() string {
	if n, err := strconv.ParseUint(r.Hints[hintRetryAfter], 10, 32); err == nil {
		return strconv.FormatUint(n, 10)
	}
	return strconv.FormatInt(max(1, ratelimit.Seconds(r.retryAfter)), 10)
}
