package problem

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
)

// MediaType is what every answer with a Document is sent as.
const MediaType = "application/problem+json"

// TypeBase precedes a code to make the stable, absolute `type` of a problem (RFC 9457 §3.1.1).
const TypeBase = "urn:sluice:problem:"

// Document is an RFC 9457 problem. Extra holds members beyond the fixed ones.
type Document struct {
	Type      string
	Title     string
	Status    int
	Detail    string
	Code      string
	RequestID string
	Errors    []Fault
	Extra     map[string]any
}

// MarshalJSON writes the members flat, as RFC 9457 asks, and leaves out what is empty.
func (d Document) MarshalJSON() ([]byte, error) {
	m := maps.Clone(d.Extra)
	if m == nil {
		m = make(map[string]any, 8)
	}
	m["type"], m["title"], m["status"], m["code"] = d.Type, d.Title, d.Status, d.Code
	if d.Detail != "" {
		m["detail"] = d.Detail
	}
	if d.RequestID != "" {
		m["request_id"] = d.RequestID
	}
	if len(d.Errors) > 0 {
		m["errors"] = d.Errors
	}
	return json.Marshal(m)
}

// face is how a kind looks from outside.
type face struct {
	status int
	code   string
	title  string
}

// faces is the one mapping of kinds to statuses and codes.
func faces(k Kind) face {
	switch k {
	case Invalid:
		return face{http.StatusBadRequest, "invalid_request", "The request is not valid"}
	case Unauthenticated:
		return face{http.StatusUnauthorized, "credential_invalid", "The credential is not valid"}
	case Forbidden:
		return face{http.StatusForbidden, "forbidden", "This credential may not do that"}
	case NotFound:
		return face{http.StatusNotFound, "not_found", "There is no such resource"}
	case MethodNotAllowed:
		return face{http.StatusMethodNotAllowed, "method_not_allowed", "The resource does not have this method"}
	case Conflict:
		return face{http.StatusConflict, "conflict", "The resource's state does not allow this"}
	case InFlight:
		return face{http.StatusConflict, "idempotency_in_flight", "A request with this Idempotency-Key is being worked on"}
	case PreconditionFailed:
		return face{http.StatusPreconditionFailed, "precondition_failed", "The resource has changed since it was read"}
	case TooLarge:
		return face{http.StatusRequestEntityTooLarge, "request_too_large", "The request is too large"}
	case UnsupportedMediaType:
		return face{http.StatusUnsupportedMediaType, "unsupported_media_type", "The media type is not supported"}
	case Unprocessable:
		return face{http.StatusUnprocessableEntity, "unprocessable", "The request cannot be carried out as it is"}
	case KeyReused:
		return face{http.StatusUnprocessableEntity, "idempotency_mismatch", "The Idempotency-Key was used for another request"}
	case Throttled:
		return face{http.StatusTooManyRequests, "throttled", "Too many requests at once"}
	case Unavailable:
		return face{http.StatusServiceUnavailable, "unavailable", "Temporarily unavailable"}
	case Internal:
	}
	return face{http.StatusInternalServerError, "internal", "Something went wrong on our side"}
}

// Status gives the HTTP status of a kind.
func (k Kind) Status() int { return faces(k).status }

// Code gives the stable code of a kind.
func (k Kind) Code() string { return faces(k).code }

// Of renders any error. Only *Error brings its own text and faults; every other error gets the fixed text of Internal.
func Of(err error, requestID string) Document {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Kind: Internal}
	}
	f := faces(e.Kind)
	d := Document{Type: TypeBase + f.code, Title: f.title, Status: f.status, Code: f.code, RequestID: requestID, Errors: e.Faults}
	if e.Kind != Internal {
		d.Detail = e.Detail
	}
	return d
}
