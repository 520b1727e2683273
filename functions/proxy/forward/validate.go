package forward

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/problem"
)

// validateRequest sees that the call can be sent on as it is, and refuses it if not: what is sent must mean to the upstream
// what it meant to the authorizer.
func (p *Proxy) validateRequest(_ context.Context, c *call) error {
	if err := sendable(c.event.RequestContext.HTTP.Method, c.event.RawQueryString); err != nil {
		return err
	}
	for name, value := range c.event.Headers {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return invalid("header:"+strconv.QuoteToASCII(name), "is not a valid header field")
		}
	}
	for _, cookie := range c.event.Cookies {
		if !httpguts.ValidHeaderFieldValue(cookie) {
			return invalid("header:cookie", "is not a valid header field")
		}
	}
	var err error
	if c.body, err = readRequest(c); err != nil {
		return err
	}
	if c.dest, err = p.destinations.of(c.decision.Target.Upstream.URL); err != nil {
		return err
	}
	c.path = c.dest.base + c.decision.Target.Path
	if _, err := url.PathUnescape(c.path); err != nil || !strings.HasPrefix(c.decision.Target.Path, "/") || strings.ContainsAny(c.path, "?#\\ ") {
		return fmt.Errorf("the decision's path %q cannot be sent", c.decision.Target.Path)
	}
	return nil
}

func invalid(pointer, detail string) error {
	return &refusal{Denial: decision.Denial{Code: decision.InvalidRequest, Detail: "the request cannot be sent on",
		Faults: []problem.Fault{{Pointer: pointer, Detail: detail}}}}
}

// sendable refuses methods that change what a connection is (CONNECT) or hand our fields back to the caller (TRACE), and
// queries with a character that may end a request line.
func sendable(method, query string) error {
	if !httpguts.ValidHeaderFieldName(method) || len(method) > 40 || strings.EqualFold(method, http.MethodConnect) || strings.EqualFold(method, http.MethodTrace) {
		return invalid("method", "cannot be forwarded")
	}
	for i := range len(query) {
		if ch := query[i]; ch <= ' ' || ch >= 0x7f || ch == '#' {
			return invalid("query:", "has a character that must be percent-encoded")
		}
	}
	return nil
}

// readRequest decodes the body and holds it against the upstream's limit, before decoding if that tells already.
func readRequest(c *call) ([]byte, error) {
	most := c.decision.Target.Upstream.MaxRequestBytes
	if most <= 0 {
		most = catalog.DefaultMaxRequestBytes
	}
	size := len(c.event.Body)
	if c.event.IsBase64Encoded {
		size = base64.StdEncoding.DecodedLen(size) - 2
	}
	if size > most {
		return nil, tooLarge(most)
	}
	if !c.event.IsBase64Encoded {
		return []byte(c.event.Body), nil
	}
	body, err := base64.StdEncoding.DecodeString(c.event.Body)
	if err != nil {
		return nil, invalid("", "the body cannot be decoded")
	}
	if len(body) > most {
		return nil, tooLarge(most)
	}
	return body, nil
}

func tooLarge(most int) error {
	return refuse(decision.RequestTooLarge, fmt.Sprintf("the body may have %d bytes", most))
}
