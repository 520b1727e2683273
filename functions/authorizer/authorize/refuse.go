package authorize

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/events"

	"sluice/shared/credential"
	"sluice/shared/decision"
	"sluice/shared/problem"
)

// refusal is a denial on its way up to Handle.
type refusal struct{ denial decision.Denial }

func (r *refusal) Error() string { return string(r.denial.Code) + ": " + r.denial.Detail }

func refuse(code decision.Refusal, detail string) error {
	return &refusal{decision.Denial{Code: code, Detail: detail}}
}

// errFlood is a bad credential from an address that sent too many: the gateway answers by itself.
var errFlood = errors.New("too many bad credentials from this address")

// crash is a panic, caught. Its text is for the log only.
type crash struct{ fault any }

func (c *crash) Error() string { return fmt.Sprintf("panic: %v", c.fault) }

// The text of every refusal that is due to the store, the same on all calls.
const unreadable = "the gateway cannot read its configuration at the moment; this says nothing about the credential"

// retryAfter is the member of an upstream_unavailable problem that says after how many seconds to try again: an outage of
// the store is looked at once a second.
const (
	hintRetryAfter = "retry_after"
	retryAfter     = "1"
)

// denial is the one mapping of errors to what a caller is told. What it does not know is our fault, and told nothing of.
func denial(err error) *decision.Denial {
	var refused *refusal
	var garbled *credential.Error
	switch {
	case errors.As(err, &refused):
		return &refused.denial
	case errors.As(err, &garbled):
		return garbled.Denial()
	case errors.Is(err, errFlood):
		return &decision.Denial{Code: decision.CredentialInvalid}
	case problem.Is(err, problem.Unavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &decision.Denial{Code: decision.UpstreamUnavailable, Detail: unreadable, Hints: map[string]string{hintRetryAfter: retryAfter}}
	case problem.Is(err, problem.Invalid):
		var p *problem.Error
		errors.As(err, &p)
		return &decision.Denial{Code: decision.InvalidRequest, Detail: p.Detail, Faults: p.Faults}
	}
	return &decision.Denial{Code: decision.InternalError}
}

// The bounds of what is handed to the function behind. A gateway takes 8 KB, of which catalog's bounds leave enough for any
// call whose path has safePathBytes.
const (
	maxDecisionBytes = 8 << 10
	safePathBytes    = 512
)

// written gives an allow as text. What does not fit is refused; err, if it is not nil already, stands.
func written(r *request, d *decision.Decision, err error) (string, error) {
	if err != nil {
		return "", err
	}
	text, err := d.Encode()
	if err != nil {
		return "", fmt.Errorf("write the decision: %w", err)
	}
	if len(text) <= maxDecisionBytes {
		return text, nil
	}
	if len(r.path) > safePathBytes {
		return "", refuse(decision.URITooLong, "the path is too long for this API")
	}
	return "", fmt.Errorf("write the decision: it has %d bytes", len(text))
}

// refused is the decision that refuses where d was to come: who called what, for those who count, and nothing of where the
// call would have gone. So it fits whatever the caller sent.
func refused(d *decision.Decision, why *decision.Denial) decision.Decision {
	who, what := d.Caller, d.Target
	who.Scopes = nil
	return decision.Decision{Call: d.Call, At: d.At, Caller: who, Refusal: why,
		Target: decision.Target{API: what.API, Version: what.Version, Operation: what.Operation}}
}

// answer wraps the decision up for the gateway: text, if it is an allow.
func answer(d *decision.Decision, text string, err error) events.APIGatewayV2CustomAuthorizerSimpleResponse {
	var deny events.APIGatewayV2CustomAuthorizerSimpleResponse
	if errors.Is(err, errFlood) {
		return deny
	}
	if err != nil {
		if text, err = d.Encode(); err != nil {
			bare := decision.Decision{Call: d.Call, At: d.At, Refusal: &decision.Denial{Code: decision.InternalError}}
			if text, err = bare.Encode(); err != nil {
				return deny
			}
		}
	}
	return events.APIGatewayV2CustomAuthorizerSimpleResponse{IsAuthorized: true, Context: map[string]any{decision.ContextKey: text}}
}
