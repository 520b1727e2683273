// Package exchange holds a whole call, and the head of an answer, against what a contract says an operation takes and
// gives: parameters in all their styles, bodies by media type, statuses, headers. Values are judged by package schema;
// this package finds them, and never parses a contract: New prepares what the page of an operation says, once.
//
// How it is used:
//
//	op := exchange.New(loaded)             per operation that is called; loaded is of schema.Contract.Load
//	result := op.Validate(&request, o)     per call
//	answer := op.Answer(status, …)         per answer; its body is for package schema or schema/stream
//	exchange.Review(loaded)                at publish: what of the operation is not enforced, and why
//
// How a text becomes a value. A query or form is split first and decoded after, once: "%2C" is a comma in a value, ","
// separates where the style says so. "+" is a space in queries and forms and nowhere else, whatever allowReserved says.
// Paths and cookies of style form are percent-decoded; headers, and cookies of style cookie, are taken as they are.
// What is decoded must be UTF-8. Whether "7" is a number or a string is for the schema to say; so is, where it has both,
// whether a value is a single one, a list or an object: the first reading in that order that is accepted.
//
// Decisions where OpenAPI leaves room. A parameter that is there twice is refused unless it is an exploded list. An empty
// value is an empty string, and one element of a list (RFC 6570 §2.3 has no way to write an empty list), unless
// allowEmptyValue takes it as it is. spaceDelimited and pipeDelimited split after decoding, since their delimiters cannot
// stand in a query otherwise; exploded they are form. Names in a deepObject nest at most 8 deep; "[]", or a name that
// comes again, makes a list. An object in an exploded form takes the names that its schema declares, and if it allows
// others those that no other parameter has. allowReserved only matters to those who write: readers take reserved
// characters in any value, as RFC 3986 lets them stand.
//
// A body without bytes is no body, unless its content type is a text, a form or bytes. What has no content type is of
// application/octet-stream. The most specific media type that is declared rules.
//
// Nothing is stored for it beside the pages of package schema, which describe the operation in full: to prepare one takes 6
// µs and 2.6 kB on average over 900 real operations. Of one run, on two cores shared with others: a call with six
// parameters and 1 kB of JSON takes 22 µs and 10 allocations, one with a form 17 µs and 20, one in parts 26 to 32 µs and 50,
// one without a body 5 µs and 8.
package exchange

import (
	"sluice/shared/contract/exchange/body"
	"sluice/shared/contract/exchange/style"
	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/program"
)

// The places of faults, as the contract names them.
const (
	InPath   = style.InPath
	InQuery  = style.InQuery
	InHeader = style.InHeader
	InCookie = style.InCookie
	InBody   = "body"
)

// Request is a call as it came. It is not changed, and not kept.
type Request struct {
	Path        []string // segments of the path that were matched against the template; a slash at the end makes an empty one
	Decoded     bool     // the segments are decoded already: delimiters in them cannot be told from encoded ones
	Query       string   // as sent, without "?"
	Headers     map[string][]string
	Cookies     []string // "name=value", or whole Cookie headers
	ContentType string   // "" if there is none
	Accept      string   // "" if there is none
	Body        []byte   // content codings undone
}

// Options say how strict a call is judged. The zero value takes what the contract is silent about.
type Options struct {
	RefuseQuery  bool           // names in the query that nothing declares
	RefuseMedia  bool           // bodies of media types that are not declared, and bodies where none is
	RefuseAccept bool           // calls that accept no media type of the declared successes
	KnownQuery   []string       // names in the query that are taken though not declared: of keys, of the gateway
	Values       schema.Options // how values are judged; the direction is set here; Faults bounds those of the whole call
}

// Fault is one reason why a call or an answer is refused. It never holds a value, only names.
type Fault struct {
	In       string // path, query, header, cookie, body
	Name     string // of the parameter; "" for the body, and for a query that cannot be read
	Pointer  string // RFC 6901, into the value
	Keyword  string // of JSON Schema, or one of this package's or of package schema's
	Expected string // what would have been right, in a few words
}

// The keywords of faults that are no schema's, beside those of package style.
const (
	Missing    = "required"     // a parameter or a body that must be there; JSON Schema's word
	Undeclared = "undeclared"   // a name or a status that the contract does not have
	MediaType  = body.MediaType // of a body or a part
	Acceptable = "accept"       // nothing that is accepted is declared
)

// Place names where a fault is, as problem documents of this gateway do: "query:limit", "query:filter/from", and for the
// body the pointer alone.
func (f Fault) Place() string {
	if f.In == InBody {
		return f.Pointer
	}
	return f.In + ":" + f.Name + f.Pointer
}

// Text says in a sentence what is wrong.
func (f Fault) Text() string { return f.Keyword + ": expected " + f.Expected }

// Result is what came of holding a call against an operation.
type Result struct {
	Faults  []Fault          // empty: the call is accepted
	More    bool             // there are more faults than are told
	Status  int              // what to refuse with: 400; 415 or 406 if that is all that is wrong; 0 if nothing is
	Content *program.Content // the declared media type that the body is of; nil if there is none
	Removed int              // with Values.Strip or Hide, and a JSON body: how many members were removed
	Body    []byte           // with Values.Strip or Hide, a JSON body and no fault: what is left of it; nil otherwise
}

// OK reports whether the call was accepted.
func (r *Result) OK() bool { return len(r.Faults) == 0 }
