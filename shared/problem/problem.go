// Package problem holds the error kinds that may cross packages and their one mapping to RFC 9457.
//
// A package that fails for a reason its caller may be told returns an *Error; every other error is internal and is
// answered with a fixed text (see Of), so that nothing of the inside reaches a caller by accident.
package problem

import (
	"errors"
	"fmt"
)

// Kind is the closed list of things that can be wrong with a request or its neighbours. Test kinds, never texts.
type Kind int

// The kinds, each with the HTTP status it is answered with.
const (
	Internal             Kind = iota // 500: our fault; the text is fixed and the cause is logged
	Invalid                          // 400: the request itself is malformed
	Unauthenticated                  // 401: no usable credential
	Forbidden                        // 403: the credential may not do this
	NotFound                         // 404: not there, or not for this caller
	MethodNotAllowed                 // 405
	Conflict                         // 409: exists already, is in use, or the state does not allow it
	InFlight                         // 409: the same Idempotency-Key is being worked on
	PreconditionFailed               // 412: If-Match names an older state
	TooLarge                         // 413
	UnsupportedMediaType             // 415
	Unprocessable                    // 422: understood, but cannot be done
	KeyReused                        // 422: the Idempotency-Key came before with another request
	Throttled                        // 429: a neighbour asks us to slow down
	Unavailable                      // 503: a neighbour (store, policy) does not answer
)

// Error is a failure that a caller may be told about.
type Error struct {
	Kind   Kind
	Detail string  // safe for callers; no secrets, no internals
	Faults []Fault // where in the request, if known
	Cause  error   // for the log only
}

// Fault is one thing that is wrong at one place of what was sent.
type Fault struct {
	Pointer string `json:"pointer"` // RFC 6901 into the body, or "query:name", "header:name", "path:name"
	Detail  string `json:"detail"`
}

// Error says what happened, cause included: for logs, not for callers.
func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %v", e.Detail, e.Cause)
	}
	return e.Detail
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// New makes an error of the kind with a caller-safe text.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Detail: fmt.Sprintf(format, args...)}
}

// Wrap makes an error of the kind with a caller-safe text and the cause that only the log shows.
func Wrap(cause error, kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Detail: fmt.Sprintf(format, args...), Cause: cause}
}

// KindOf gives the kind of the first *Error in the chain, and Internal for any other error.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Is reports whether the error has the kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }
