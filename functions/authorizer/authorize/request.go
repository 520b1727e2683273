package authorize

import (
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"sluice/shared/credential"
	"sluice/shared/decision"
	"sluice/shared/gatewayevent"
	"sluice/shared/problem"
)

// Bounds of a request. An HTTP API has its own, which are wider in the URI and narrower in the headers; these hold
// everywhere.
const (
	maxURIBytes    = 8 << 10
	maxHeaderBytes = 16 << 10
	perHeaderBytes = 4 // ": " and the end of the line
)

// request is an event as far as the decision needs it.
type request struct {
	call          decision.Call
	path          string // as received
	query         string
	key           field // x-api-key
	authorization field
	headerBytes   int
	source        string // the caller's address
	at            time.Time
}

// read takes an event apart. Field names are compared without case, and a name that comes twice in different case is a
// repeated field: nobody may be able to hide a second credential.
func read(e *events.APIGatewayV2CustomAuthorizerV2Request, at time.Time) *request {
	r := &request{
		call:   gatewayevent.AuthorizerCall(gatewayevent.PlaneOf(e.RouteKey), *e),
		path:   e.RawPath,
		query:  e.RawQueryString,
		source: e.RequestContext.HTTP.SourceIP,
		at:     at,
	}
	cookies := 0
	for _, c := range e.Cookies {
		cookies += len(c) + perHeaderBytes
	}
	for name, value := range e.Headers {
		r.headerBytes += len(name) + len(value) + perHeaderBytes
		switch {
		case spells(name, credential.HeaderKey):
			r.key.add(value)
		case spells(name, credential.HeaderAuthorization):
			r.authorization.add(value)
		case strings.EqualFold(name, "cookie"):
			cookies = 0 // the event has them twice
		}
	}
	r.headerBytes += cookies
	return r
}

// spells reports whether a field's name is the wanted one in whatever case of ASCII; gatewayevent.Header thinks the same.
func spells(name, want string) bool { return len(name) == len(want) && strings.EqualFold(name, want) }

// field is a header field. One that comes in several spellings has a comma in its value, even if some are empty, in an
// order that is not left to chance: then it is refused, always in the same way.
type field struct {
	value string
	sent  bool
}

func (f *field) add(value string) {
	if !f.sent {
		f.value, f.sent = value, true
		return
	}
	f.value = max(f.value, value) + "," + min(f.value, value)
}

// header gives the fields that credential.FromHeaders asks for.
func (r *request) header(name string) (string, bool) {
	switch name {
	case credential.HeaderKey:
		return r.key.value, r.key.value != ""
	case credential.HeaderAuthorization:
		return r.authorization.value, r.authorization.value != ""
	}
	return "", false
}

// form refuses what is wrong with the request whoever sends it, whatever it asks for.
func form(r *request) error {
	if len(r.path)+len(r.query) > maxURIBytes {
		return refuse(decision.URITooLong, "the path and the query together may have 8192 bytes")
	}
	if r.headerBytes > maxHeaderBytes {
		return refuse(decision.HeadersTooLarge, "the header fields together may have 16384 bytes")
	}
	if err := checkQuery(r.query); err != nil {
		return err
	}
	return nil
}

// checkQuery wants a query that reads the same everywhere: UTF-8, percent-encoded soundly, without control characters.
func checkQuery(raw string) error {
	text := raw
	if strings.IndexByte(raw, '%') >= 0 {
		var err error
		if text, err = url.QueryUnescape(raw); err != nil {
			return problem.New(problem.Invalid, "the query has a broken percent-encoding")
		}
	}
	if !utf8.ValidString(text) {
		return problem.New(problem.Invalid, "the query is not valid UTF-8")
	}
	if strings.IndexByte(text, 0) >= 0 {
		return problem.New(problem.Invalid, "the query has a NUL character")
	}
	return nil
}
