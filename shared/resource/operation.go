package resource

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"sluice/shared/catalog"
	"sluice/shared/problem"
	"sluice/shared/resource/shape"
	"sluice/shared/resource/strictjson"
)

// Sizes that a request may have.
const (
	MaxBody     = 64 << 10 // of a resource
	MaxDocument = 5 << 20  // of a contract
	MaxQuery    = 4 << 10
	maxPath     = 1 << 10
)

// The media types of requests.
const (
	JSON           = "application/json"
	MergePatchJSON = "application/merge-patch+json"
)

// Handler does what an operation is for, once the request has been found well-formed and its sender known.
type Handler func(context.Context, *Call) (*Reply, error)

// Operation is one operation of the Management API: what the published document says of it, and what does it.
// Requests that do not fit the description never reach the Handler.
type Operation struct {
	ID          string // operationId: "createTeam"
	Method      string
	Path        string // with {names}: {id} and {key} are UUIDs, every other one a slug
	Summary     string
	Description string
	Tag         string
	Query       []Param
	Body        *Body          // nil: none is read
	Status      []int          // of success; the first is the usual one
	Answer      *Answer        // nil: an empty body
	Fails       []problem.Kind // beyond those that follow from the rest
	Conditional Condition
	Handle      Handler
}

// Condition says which precondition headers an operation takes, and whether it answers with an ETag.
type Condition int

// The sorts of condition.
const (
	Unconditional Condition = iota
	IfNoneMatch             // a read: 304 if the client has it already
	IfMatch                 // a change: 412 if the client has an older state
	Tagged                  // no precondition, but an ETag in the answer
)

// Param is a query parameter.
type Param struct {
	Name   string
	Schema *shape.Schema
	Needed bool
}

// Body is what an operation reads. A body with a Schema is JSON and is checked against it; one without is any text of at
// most MaxDocument bytes, and the handler judges it.
type Body struct {
	Schema   func() *shape.Schema // made when it is needed, which is not when a function starts
	Name     string               // of the schema in the document
	Media    []string             // nil: JSON
	Example  any
	Optional bool // an empty body stands for {}
}

// Answer is what an operation answers with. Media other than JSON are not described further.
type Answer struct {
	Schema func() *shape.Schema // only the document needs it
	Name   string               // of the schema in the document; "" keeps it where it is
	Media  []string
}

// Call is one request that fits the description of its operation, from a sender who is known.
type Call struct {
	Actor     catalog.Actor
	RequestID string
	Path      map[string]string // path parameters
	Query     map[string]string // query parameters that were sent
	Body      any               // as Parse gives it; nil if the body is no JSON
	Raw       []byte            // the body as sent
	MediaType string            // of the body, with its parameters
	IfMatch   Tags
	IfNone    Tags
	api       *API
	op        *operation
	replay    *catalog.Replay
}

// Reply is a successful answer. Body is written as JSON; Raw, if it is not nil, is written as it is.
type Reply struct {
	Status   int
	ETag     string
	Location string
	Body     any
	Raw      []byte
	Media    string // of Raw
	replayed bool   // an answer from memory
	fresh    bool   // the client does not have it yet
}

// operation is an Operation with what its requests are checked with.
type operation struct {
	Operation
	pattern string
	names   []string // path parameters
	query   map[string]checkedParam
	body    *strictjson.Schema
}

// checkedParam is what a query parameter is checked with.
type checkedParam struct {
	schema *strictjson.Schema
	whole  bool // a whole number
}

var (
	slugs = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(catalog.SlugPattern) })
	uuids = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(shape.UUID) })
)

// described is a schema that is made when it is first needed.
type described func() *shape.Schema

// MarshalJSON makes and writes it.
func (d described) MarshalJSON() ([]byte, error) { return d().MarshalJSON() }

func prepare(op Operation) *operation {
	o := &operation{Operation: op, pattern: op.Method + " " + op.Path, names: op.PathNames(), query: make(map[string]checkedParam, len(op.Query))}
	for _, p := range op.Query {
		o.query[p.Name] = checkedParam{strictjson.NewSchema(p.Schema), p.Schema.Type == shape.TypeInteger}
	}
	if op.Body != nil && op.Body.Schema != nil {
		o.body = strictjson.NewSchema(described(op.Body.Schema))
	}
	return o
}

// PathNames lists the names in the path, in order.
func (o Operation) PathNames() []string {
	var names []string
	for segment := range strings.SplitSeq(o.Path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			names = append(names, strings.TrimSuffix(name, "}"))
		}
	}
	return names
}

// PathPattern is what the path parameter of a name looks like.
func PathPattern(name string) *regexp.Regexp {
	if name == "id" || name == "key" {
		return uuids()
	}
	return slugs()
}

// Accepts lists the media types that the operation reads.
func (b *Body) Accepts() []string {
	if b.Media == nil {
		return []string{JSON}
	}
	return b.Media
}

// limit is how many bytes the operation reads.
func (b *Body) limit() int64 {
	if b.Schema == nil {
		return MaxDocument
	}
	return MaxBody
}

// Failures lists what can go wrong with the operation, in the order of the statuses and with one kind for each.
func (o Operation) Failures() []problem.Kind {
	kinds := []problem.Kind{problem.Invalid, problem.Unauthenticated, problem.Forbidden, problem.Unprocessable, problem.Internal, problem.Unavailable}
	if len(o.PathNames()) > 0 {
		kinds = append(kinds, problem.NotFound)
	}
	if o.Body != nil {
		kinds = append(kinds, problem.TooLarge, problem.UnsupportedMediaType)
	}
	if o.Method == http.MethodPost || o.Method == http.MethodDelete || o.Conditional == IfMatch {
		kinds = append(kinds, problem.Conflict)
	}
	if o.Conditional == IfMatch {
		kinds = append(kinds, problem.PreconditionFailed)
	}
	kinds = append(kinds, o.Fails...)
	slices.SortFunc(kinds, func(a, b problem.Kind) int { return a.Status() - b.Status() })
	return slices.CompactFunc(kinds, func(a, b problem.Kind) bool { return a.Status() == b.Status() })
}

// Idempotent reports whether the operation takes an Idempotency-Key.
func (o Operation) Idempotent() bool { return o.Method == http.MethodPost }

// Parent is the path of the collection that an item's path belongs to: "/teams" of "/teams/{team}".
func parent(path string) string { return path[:strings.LastIndexByte(path, '/')] }
