package mediation

import (
	"fmt"
	"net/http"
)

// Fault says whose it is that a call could not be mediated.
type Fault int

// Whose fault it is.
const (
	OfCaller      Fault = iota // the request is not what the declaration takes
	OfUpstream                 // the answer is not
	OfDeclaration              // the declaration takes it, and fails: too much work, a value that it names is not there
)

// Failure is why a call could not be mediated. The error of Program.Request and Program.Response is one, or the context's.
type Failure struct {
	Fault   Fault
	Step    string // as in a Trace: "headers", "body"
	Pointer string // RFC 6901 into the body, or "" for the whole
	Detail  string // may be told to the caller if Fault is OfCaller; never holds a value of the body or a secret
	Reason  string // what jq says of it: may hold parts of the body, and is for whoever wrote the program, in a Trace
	Large   bool   // it is the size that is amiss
	Media   bool   // it is the media type or the coding that is amiss
}

// Error says it in one line, for logs.
func (f *Failure) Error() string {
	return fmt.Sprintf("mediation, %s at %q: %s", f.Step, f.Pointer, f.Detail)
}

// Status is what the call is to be answered with.
func (f *Failure) Status() int {
	switch {
	case f.Fault == OfUpstream:
		return http.StatusBadGateway
	case f.Fault == OfDeclaration:
		return http.StatusInternalServerError
	case f.Large:
		return http.StatusRequestEntityTooLarge
	case f.Media:
		return http.StatusUnsupportedMediaType
	}
	return http.StatusBadRequest
}
