package decision

import (
	"net/http"

	"sluice/shared/problem"
)

// Refusal is the code of one reason why a call does not pass. The list is closed.
type Refusal string

// The refusals of the data plane, in the order of their status. AdminRefused is the one of the Management API.
const (
	InvalidRequest       Refusal = "invalid_request"
	AmbiguousCredentials Refusal = "ambiguous_credentials"
	CredentialMissing    Refusal = "credential_missing"
	CredentialInvalid    Refusal = "credential_invalid"
	CredentialExpired    Refusal = "credential_expired"
	NotSubscribed        Refusal = "not_subscribed"
	SubscriptionInactive Refusal = "subscription_inactive"
	ScopeMissing         Refusal = "scope_missing"
	PolicyRefused        Refusal = "policy_refused"
	AdminRefused         Refusal = "forbidden"
	NoSuchAPI            Refusal = "no_such_api"
	NoSuchOperation      Refusal = "no_such_operation"
	MethodNotAllowed     Refusal = "method_not_allowed"
	IdempotencyInFlight  Refusal = "idempotency_in_flight"
	IdempotencyMismatch  Refusal = "idempotency_mismatch"
	VersionRetired       Refusal = "version_retired"
	RequestTooLarge      Refusal = "request_too_large"
	URITooLong           Refusal = "uri_too_long"
	UnsupportedMediaType Refusal = "unsupported_media_type"
	HeadersTooLarge      Refusal = "header_fields_too_large"
	RateLimited          Refusal = "rate_limited"
	QuotaExhausted       Refusal = "quota_exhausted"
	InternalError        Refusal = "internal"
	UpstreamFailed       Refusal = "upstream_failed"
	UpstreamUnavailable  Refusal = "upstream_unavailable"
	UpstreamTimeout      Refusal = "upstream_timeout"
)

// Refusals lists every refusal once.
func Refusals() []Refusal {
	return []Refusal{
		InvalidRequest, AmbiguousCredentials, CredentialMissing, CredentialInvalid, CredentialExpired, NotSubscribed,
		SubscriptionInactive, ScopeMissing, PolicyRefused, AdminRefused, NoSuchAPI, NoSuchOperation, MethodNotAllowed,
		IdempotencyInFlight, IdempotencyMismatch, VersionRetired, RequestTooLarge, URITooLong, UnsupportedMediaType,
		HeadersTooLarge, RateLimited, QuotaExhausted, InternalError, UpstreamFailed, UpstreamUnavailable, UpstreamTimeout,
	}
}

// quotaExceeded is the problem type of draft-ietf-httpapi-ratelimit-headers for both sorts of limit.
const quotaExceeded = "https://iana.org/assignments/http-problem-types#quota-exceeded"

type face struct {
	status int
	title  string
	fix    string
}

// faces is the one mapping of refusals to statuses, titles and what would fix them.
var faces = map[Refusal]face{
	InvalidRequest:       {http.StatusBadRequest, "The request is not valid", "Correct the request as the errors say."},
	AmbiguousCredentials: {http.StatusBadRequest, "More than one credential was sent", "Send one credential, once."},
	CredentialMissing:    {http.StatusUnauthorized, "No credential was sent", "Send an API key in the x-api-key header."},
	CredentialInvalid:    {http.StatusUnauthorized, "The credential is not valid", "Check the credential for typing errors, or ask for a new one."},
	CredentialExpired:    {http.StatusUnauthorized, "The credential has expired", "Use a newer credential, or ask for one."},
	NotSubscribed:        {http.StatusForbidden, "The app is not subscribed to this API", "Ask for a subscription of the app to the API."},
	SubscriptionInactive: {http.StatusForbidden, "The subscription is not active", "Ask the API's owner to activate the subscription."},
	ScopeMissing:         {http.StatusForbidden, "The subscription lacks a scope", "Ask for a subscription with the scopes that the operation needs."},
	PolicyRefused:        {http.StatusForbidden, "A policy refuses this call", "Ask the API's owner about its access policy."},
	AdminRefused:         {http.StatusForbidden, "This credential may not do that", "Use a credential whose role allows it."},
	NoSuchAPI:            {http.StatusNotFound, "There is no such API", "Check the first two segments of the path: /{api}/{version}."},
	NoSuchOperation:      {http.StatusNotFound, "The API has no such operation", "Check the path against the API's contract."},
	MethodNotAllowed:     {http.StatusMethodNotAllowed, "The path does not have this method", "Use one of the methods that the Allow header lists."},
	IdempotencyInFlight:  {http.StatusConflict, "There is no answer to give again for this Idempotency-Key", "Wait for the first call's answer, as Retry-After says."},
	IdempotencyMismatch:  {http.StatusUnprocessableEntity, "The Idempotency-Key was used for another request", "Use a new key for a new request."},
	VersionRetired:       {http.StatusGone, "This version has been retired", "Move to the version that the Link header names."},
	RequestTooLarge:      {http.StatusRequestEntityTooLarge, "The request body is too large", "Send a smaller body."},
	URITooLong:           {http.StatusRequestURITooLong, "The path or query is too long", "Send a shorter path and query."},
	UnsupportedMediaType: {http.StatusUnsupportedMediaType, "The operation does not take this media type", "Send a media type that the contract lists."},
	HeadersTooLarge:      {http.StatusRequestHeaderFieldsTooLarge, "The header fields are too large", "Send fewer or shorter headers."},
	RateLimited:          {http.StatusTooManyRequests, "Too many calls in a short time", "Wait as long as Retry-After says."},
	QuotaExhausted:       {http.StatusTooManyRequests, "The quota of this period is used up", "Wait for the next period, or move to a larger plan."},
	InternalError:        {http.StatusInternalServerError, "Something went wrong on our side", "Try again; report the request id if it persists."},
	UpstreamFailed:       {http.StatusBadGateway, "The API's backend gave no usable answer", "Try again later."},
	UpstreamUnavailable:  {http.StatusServiceUnavailable, "The API is not available at the moment", "Try again as Retry-After says."},
	UpstreamTimeout:      {http.StatusGatewayTimeout, "The API's backend did not answer in time", "Try again later."},
}

// Status gives the HTTP status of the refusal; an unknown one is a 500.
func (r Refusal) Status() int {
	if f, ok := faces[r]; ok {
		return f.status
	}
	return http.StatusInternalServerError
}

// Known reports whether the refusal is on the closed list.
func (r Refusal) Known() bool { _, ok := faces[r]; return ok }

// Document renders a denial for the caller: what happened, its code, and what would fix it.
func (d *Denial) Document(requestID string) problem.Document {
	code := d.Code
	if !code.Known() {
		code = InternalError
	}
	f := faces[code]
	doc := problem.Document{Type: problem.TypeBase + string(code), Title: f.title, Status: f.status, Code: string(code),
		Detail: d.Detail, RequestID: requestID, Errors: d.Faults, Extra: map[string]any{"fix": f.fix}}
	if code == RateLimited || code == QuotaExhausted {
		doc.Type = quotaExceeded
	}
	for k, v := range d.Hints {
		doc.Extra[k] = v
	}
	return doc
}
