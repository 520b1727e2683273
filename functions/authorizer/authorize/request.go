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
	query         string
	key           string // x-api-key; values of a repeated field joined by commas
	authorization string
	headerBytes   int
	source        string // the caller's address
	at            time.Time
}

// read takes an event apart. Field names are compared without case, and a name that comes twice in different case is a
// repeated field: nobody may be able to hide a second credential.
func read(e *events.APIGatewayV2CustomAuthorizerV2Request, at time.Time) *request {
	r := &request{
		call:   gatewayevent.AuthorizerCall(gatewayevent.PlaneOf(e.RouteKey), *e),
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
		case strings.EqualFold(name, credential.HeaderKey):
			r.key = join(r.key, value)
		case strings.EqualFold(name, credential.HeaderAuthorization):
			r.authorization = join(r.authorization, value)
		case strings.EqualFold(name, "cookie"):
			cookies = 0 // the event has them twice
		}
	}
	r.headerBytes += cookies
	return r
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "," + b
}

// header gives the fields that credential.FromHeaders asks for.
func (r *request) header(name string) (string, bool) {
	switch name {
	case credential.HeaderKey:
		return r.key, r.key != ""
	case credential.HeaderAuthorization:
		return r.authorization, r.authorization != ""
	}
	return "", false
}

// form refuses what is wrong with the request whoever sends it, whatever it asks for.
func form(r *request) error {
	if len(r.call.Path)+len(r.query) > maxURIBytes {
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
