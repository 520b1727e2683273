package upstream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"sluice/shared/catalog"
)

// Fallback gives something better than what Call gave, a broken answer or a fault, or else gives that back. First the
// alternative upstream is asked, if the call is repeatable or was surely not sent before, within what is left of the
// caller's deadline: same path, same guard on every dial, a breaker and slots of its own by the same settings. Then comes the
// static answer. Nobody gives anything to a caller who is gone. fault, if there is one, is Call's.
func (c *Client) Fallback(ctx context.Context, call *Call, first Answer, fault error) (Answer, error) {
	f := call.Settings.Fallback
	var e *Error
	if f == nil || errors.As(fault, &e) && e.Kind == Gone {
		return first, fault
	}
	if f.URL != "" && (call.repeatable() || e != nil && !e.Sent) {
		answer, err := c.alternative(ctx, call, f.URL)
		if err == nil && !answer.Broken() {
			answer.Source = FromAlternative
			return answer, nil
		}
		var other *Error
		if errors.As(err, &other) && e != nil {
			e.Sent = e.Sent || other.Sent
			if other.Kind == Gone {
				return Answer{}, other
			}
		}
		if err == nil && e != nil {
			answer.Source = FromAlternative
			first, fault = answer, nil // a broken answer is better than none
		}
	}
	if f.Static != nil {
		return static(f.Static, call.Request.Method), nil
	}
	return first, fault
}

func static(s *catalog.StaticAnswer, method string) Answer {
	h := http.Header{"Cache-Control": {"no-store"}}
	if s.ContentType != "" {
		h["Content-Type"] = []string{s.ContentType}
	}
	a := Answer{Status: s.Status, Header: h, Source: FromStatic}
	if hasBody(method, s.Status) {
		a.Body = []byte(s.Body)
	}
	return a
}

// alternative asks the alternative upstream.
func (c *Client) alternative(ctx context.Context, call *Call, raw string) (Answer, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return Answer{}, &Error{Kind: Failed, Cause: fmt.Errorf("read the alternative's URL: %w", err)}
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return Answer{}, &Error{Kind: Failed, Cause: fmt.Errorf("the alternative's URL %q cannot be called", u.Redacted())}
	}
	encoded := strings.TrimRight(u.EscapedPath(), "/") + call.Path
	decoded, err := url.PathUnescape(encoded)
	if err != nil {
		return Answer{}, &Error{Kind: Failed, Cause: fmt.Errorf("read the path: %w", err)}
	}
	request := call.Request.WithContext(ctx)
	request.URL = &url.URL{Scheme: u.Scheme, Host: u.Host, Path: decoded, RawPath: encoded, RawQuery: call.Request.URL.RawQuery}
	request.Host = u.Host
	request.Header = maps.Clone(call.Request.Header)
	p := c.peers.of(c, call, key{call.API, call.Version, raw, true}, u.Host)
	return c.reach(ctx, call, p, request)
}
