// Package mediation changes calls on their way to an upstream that speaks another way than the contract, and answers on their
// way back: headers, query, path, and bodies in JSON, forms and XML. A version declares it, publishing compiles it, and the
// proxy runs it on plain data: nothing here knows of HTTP servers or of a cloud.
//
// The steps of a request, in this order: path, query, headers, body. Those of an answer: headers, body. What a body step says of
// media types has the last word on Content-Type and Accept. Authentication comes after all (package authentication), since
// signatures are over what is sent; secrets stand in no declaration, only their names.
//
// Whatever a declaration does is bounded: bodies before and after by Limits, work of jq by steps counted and not by time, so
// that the same call has the same end everywhere.
package mediation

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"sluice/shared/contract/mediation/authentication"
	"sluice/shared/contract/mediation/form"
	"sluice/shared/contract/mediation/mapping"
	"sluice/shared/contract/mediation/markup"
	"sluice/shared/problem"
)

// MaxDeclaration is how large a declaration may be, in bytes of JSON.
const MaxDeclaration = 128 << 10

// Declaration is what a version says of its upstream's ways.
type Declaration struct {
	Authentication *authentication.Declaration `json:"authentication,omitempty"`
	Request        *Side                       `json:"request,omitempty"`    // of operations that have none of their own
	Response       *Side                       `json:"response,omitempty"`   // likewise
	Operations     map[string]Rule             `json:"operations,omitempty"` // by the operation's name in the contract
}

// Rule is the mediation of one operation.
type Rule struct {
	Request  *Side `json:"request,omitempty"`
	Response *Side `json:"response,omitempty"`
}

// Side is what is done to requests or to answers.
type Side struct {
	Path    *Path  `json:"path,omitempty"`  // of requests only
	Query   []Edit `json:"query,omitempty"` // of requests only
	Headers []Edit `json:"headers,omitempty"`
	Body    *Body  `json:"body,omitempty"`
}

// Path rewrites a path. Its templates have values in braces: /orders/{id}. A path that From does not match stays as it is;
// without From, the values are those of the contract's template.
type Path struct {
	From string `json:"from,omitempty"`
	To   string `json:"to"`
}

// The operations of an Edit.
const (
	EditSet     = "set"     // Name has Value, and no other
	EditDefault = "default" // Name has Value if it has none
	EditAppend  = "append"  // Name has Value, too
	EditRemove  = "remove"
	EditRename  = "rename" // what Name has, To has, after what To has already
)

// Edit changes a header field or a query parameter. Value may have values of the path in braces; {{ is a brace.
type Edit struct {
	Op    string `json:"op"`
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
	To    string `json:"to,omitempty"`
}

// Body changes a body. Map and JQ exclude each other; without both only the format changes. A request without a body stays
// without.
type Body struct {
	Read     Format              `json:"read"`
	Map      []mapping.Operation `json:"map,omitempty"`
	JQ       string              `json:"jq,omitempty"`
	Write    Format              `json:"write"`
	Statuses []string            `json:"statuses,omitempty"` // of answers only: 200, 4xx; none is 2xx. Others stay as they are
}

// The formats of bodies.
const (
	JSON = "json"
	Form = "form"
	XML  = "xml"
)

// Format is how a body is written.
type Format struct {
	As          string          `json:"as,omitempty"` // "" is json
	XML         *markup.Mapping `json:"xml,omitempty"`
	Form        *form.Mapping   `json:"form,omitempty"`
	ContentType string          `json:"content_type,omitempty"` // what is written is told as; "" is the format's own
}

// Parse reads a declaration. Names that it does not know are faults: whoever wrote them means something. The pointers of faults
// are into the text.
func Parse(text []byte) (Declaration, []problem.Fault) {
	var d Declaration
	if len(text) > MaxDeclaration {
		return d, []problem.Fault{{Detail: "the declaration is too large"}}
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return Declaration{}, []problem.Fault{unread(err)}
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Declaration{}, []problem.Fault{{Detail: "something follows the declaration"}}
	}
	return d, nil
}

// unread says why JSON is no declaration.
func unread(err error) problem.Fault {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		at := ""
		if kind.Field != "" {
			at = "/" + strings.ReplaceAll(kind.Field, ".", "/")
		}
		return problem.Fault{Pointer: at, Detail: "must not be of type " + kind.Value}
	}
	if text, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return problem.Fault{Detail: "the field " + text + " is not known"}
	}
	return problem.Fault{Detail: "the declaration is no JSON object"}
}
