package mediation

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"sluice/shared/contract/mediation/authentication"
)

// MaxView is how much of a body a Trace shows, in bytes.
const MaxView = 16 << 10

const redacted = "[redacted]"

// View is what a Trace shows of a request or an answer. Credentials are not shown.
type View struct {
	Method string              `json:"method,omitempty"`
	Path   string              `json:"path,omitempty"`
	Query  string              `json:"query,omitempty"`
	Status int                 `json:"status,omitempty"`
	Header map[string][]string `json:"headers,omitempty"`
	Body   string              `json:"body,omitempty"`
	Cut    bool                `json:"cut,omitempty"` // the body is longer
}

// Change is what one step did.
type Change struct {
	Side   string `json:"side"` // request or response
	Step   string `json:"step"`
	Before View   `json:"before"`
	After  *View  `json:"after,omitempty"` // none if the step failed
	Fault  string `json:"fault,omitempty"` // caller, upstream or declaration
	Detail string `json:"detail,omitempty"`
	At     string `json:"pointer,omitempty"`
	Status int    `json:"status,omitempty"` // what a call would be answered with
}

// Trace says what each step did to an example.
type Trace struct {
	Changes  []Change `json:"changes"`
	Request  *View    `json:"request,omitempty"`  // as the upstream would get it
	Response *View    `json:"response,omitempty"` // as the caller would
}

// Trace runs the program on an example request and, if there is one, an answer, and shows each step. A failure is part of the
// trace; the error is the context's. Authentication is shown by the name of its secret.
func (p *Program) Trace(ctx context.Context, request Parts, response *Parts) (Trace, error) {
	t := Trace{Changes: []Change{}}
	out, err := p.run(ctx, p.sides(request.Operation).request, request, p.observe(&t, "request"))
	if failed(err) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	last := p.view(&out)
	if p.authentication != nil {
		before := last
		last = authenticated(last, p.authentication)
		t.Changes = append(t.Changes, Change{Side: "request", Step: "authentication", Before: before, After: &last})
	}
	t.Request = &last
	if response == nil {
		return t, nil
	}
	answer := *response
	answer.Operation, answer.Values = request.Operation, out.Values
	out, err = p.run(ctx, p.sides(request.Operation).response, answer, p.observe(&t, "response"))
	if failed(err) {
		return t, nil
	}
	if err != nil {
		return t, err
	}
	view := p.view(&out)
	t.Response = &view
	return t, nil
}

func failed(err error) bool {
	var f *Failure
	return errors.As(err, &f)
}

// observe adds a change for each step.
func (p *Program) observe(t *Trace, side string) observer {
	return func(step string, before *Parts) func(*Parts, *Failure) {
		c := Change{Side: side, Step: step, Before: p.view(before)}
		return func(after *Parts, f *Failure) {
			if f == nil {
				v := p.view(after)
				c.After = &v
			} else {
				c.Fault = [...]string{"caller", "upstream", "declaration"}[f.Fault]
				c.Detail, c.At, c.Status = f.Detail, f.Pointer, f.Status()
				if f.Reason != "" {
					c.Detail += ": " + f.Reason
				}
			}
			t.Changes = append(t.Changes, c)
		}
	}
}

// view shows parts without credentials: neither the caller's nor those that a declaration puts there.
func (p *Program) view(parts *Parts) View {
	v := View{Method: parts.Method, Path: parts.Path, Query: parts.Query, Status: parts.Status}
	hidden := []string{"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Api-Key", "X-Amz-Security-Token"}
	if a := p.authentication; a != nil && a.Type == authentication.APIKey {
		if a.In == authentication.InHeader {
			hidden = append(hidden, http.CanonicalHeaderKey(a.Name))
		} else {
			v.Query = hide(v.Query, a.Name)
		}
	}
	if len(parts.Header) > 0 {
		v.Header = make(map[string][]string, len(parts.Header))
		for name, values := range parts.Header {
			if slices.Contains(hidden, http.CanonicalHeaderKey(name)) {
				values = []string{redacted}
			}
			v.Header[name] = values
		}
	}
	body := parts.Body
	if len(body) > MaxView {
		body, v.Cut = body[:MaxView], true
	}
	if v.Body = strings.ToValidUTF8(string(body), ""); !v.Cut && !utf8.Valid(body) {
		v.Body, v.Cut = "", true
	}
	return v
}

// hide takes the values of a parameter out of a query.
func hide(query, name string) string {
	parts := strings.Split(query, "&")
	for i, part := range parts {
		n, _, _ := strings.Cut(part, "=")
		if decoded, err := url.QueryUnescape(n); err != nil || decoded == name {
			parts[i] = n + "=" + url.QueryEscape(redacted)
		}
	}
	return strings.Join(parts, "&")
}

// authenticated shows where a credential would stand.
func authenticated(v View, a *authentication.Declaration) View {
	shown := "[" + string(a.Type) + " by secret " + a.Secret + "]"
	header := make(map[string][]string, len(v.Header)+1)
	for name, values := range v.Header {
		header[name] = values
	}
	delete(header, "Authorization")
	switch {
	case a.Type != authentication.APIKey:
		header["Authorization"] = []string{shown}
	case a.In == authentication.InHeader:
		header[http.CanonicalHeaderKey(a.Name)] = []string{shown}
	default:
		v.Query = strings.TrimPrefix(v.Query+"&"+url.QueryEscape(a.Name)+"="+url.QueryEscape(shown), "&")
	}
	v.Header = header
	return v
}
