package mediation

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"sluice/shared/contract/mediation/authentication"
)

// edit is an Edit that is ready to run.
type edit struct {
	Edit
	value text
}

// edits checks a list. Named says what is wrong with a name, or "".
func (c *compiler) edits(at string, list []Edit, named func(string) string) []edit {
	if !c.that(len(list) <= maxEdits, at, "must have at most %d entries", maxEdits) {
		return nil
	}
	made := make([]edit, len(list))
	for i, e := range list {
		at := at + "/" + strconv.Itoa(i)
		why := named(e.Name)
		c.that(why == "", at+"/name", "%s", why)
		valued := e.Op == EditSet || e.Op == EditDefault || e.Op == EditAppend
		if !c.that(valued || e.Op == EditRemove || e.Op == EditRename, at+"/op", "must be one of set, default, append, remove, rename") {
			continue
		}
		c.that(valued || e.Value == "", at+"/value", "has no meaning for %s", e.Op)
		if e.Op == EditRename {
			why := named(e.To)
			c.that(why == "", at+"/to", "%s", why)
		} else {
			c.that(e.To == "", at+"/to", "has no meaning for %s", e.Op)
		}
		value, fault := parseText(e.Value)
		c.that(fault == "" && printable(e.Value), at+"/value", "must be printable ASCII of at most %d bytes, with values in braces", maxText)
		made[i] = edit{e, value}
	}
	return made
}

// fields is what edits change: header fields or query parameters.
type fields interface {
	get(name string) []string
	set(name string, values []string) // nil removes
}

func apply(list []edit, f fields, values map[string]string) *Failure {
	for i := range list {
		e := &list[i]
		has := f.get(e.Name)
		switch e.Op {
		case EditRemove:
			f.set(e.Name, nil)
			continue
		case EditRename:
			if has != nil {
				f.set(e.Name, nil)
				f.set(e.To, slices.Concat(f.get(e.To), has))
			}
			continue
		case EditDefault:
			if has != nil {
				continue
			}
		}
		v, missing := e.value.fill(values)
		if missing != "" {
			return &Failure{Fault: OfDeclaration, Detail: "the path has no value " + missing}
		}
		if e.Op == EditAppend {
			f.set(e.Name, append(slices.Clone(has), v))
		} else {
			f.set(e.Name, []string{v})
		}
	}
	return nil
}

// headers makes the step for header fields.
func (c *compiler) headers(at string, list []Edit, of Fault) func(context.Context, *Parts) *Failure {
	made := c.edits(at, list, func(name string) string {
		switch {
		case !fieldName(name):
			return "must be the name of a header field"
		case authentication.Reserved(name):
			return "is the connection's or the message's own field"
		case http.CanonicalHeaderKey(name) == "Authorization":
			return "belongs to authentication, by the name of a secret"
		}
		return ""
	})
	return func(_ context.Context, p *Parts) *Failure {
		f := &headerFields{header: p.Header}
		if failure := apply(made, f, p.Values); failure != nil {
			return failure
		}
		if f.unfit != "" {
			return &Failure{Fault: of, Detail: "the header field " + f.unfit + " would get a value that a header cannot carry"}
		}
		return nil
	}
}

type headerFields struct {
	header http.Header
	unfit  string // a field that would get a value with control characters
}

func (h *headerFields) get(name string) []string { return h.header[http.CanonicalHeaderKey(name)] }

func (h *headerFields) set(name string, values []string) {
	name = http.CanonicalHeaderKey(name)
	if values == nil {
		delete(h.header, name)
		return
	}
	if slices.ContainsFunc(values, func(v string) bool { return strings.ContainsFunc(v, control) }) {
		h.unfit = name
		return
	}
	h.header[name] = values
}

// query makes the step for query parameters.
func (c *compiler) query(at string, list []Edit) func(context.Context, *Parts) *Failure {
	made := c.edits(at, list, func(name string) string {
		if name == "" || len(name) > maxText || !printable(name) {
			return "must be the name of a query parameter"
		}
		return ""
	})
	return func(_ context.Context, p *Parts) *Failure {
		f, ok := readQuery(p.Query)
		if !ok {
			return &Failure{Fault: OfCaller, Detail: "the query is not encoded as it must be"}
		}
		if failure := apply(made, f, p.Values); failure != nil {
			return failure
		}
		p.Query = f.String()
		return nil
	}
}

// queryFields are the parameters in their order. Those that no edit names stay byte by byte as they came.
type queryFields struct {
	list []parameter
}

type parameter struct{ name, value, raw string }

func readQuery(raw string) (*queryFields, bool) {
	f := &queryFields{}
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		n, err := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if err != nil || err2 != nil {
			return nil, false
		}
		f.list = append(f.list, parameter{n, v, part})
	}
	return f, true
}

func (f *queryFields) get(name string) (values []string) {
	for _, p := range f.list {
		if p.name == name {
			values = append(values, p.value)
		}
	}
	return values
}

// set puts the values where the first of the parameter was, or at the end.
func (f *queryFields) set(name string, values []string) {
	var fresh []parameter
	for _, v := range values {
		fresh = append(fresh, parameter{name, v, url.QueryEscape(name) + "=" + url.QueryEscape(v)})
	}
	list := make([]parameter, 0, len(f.list)+len(fresh))
	placed := false
	for _, p := range f.list {
		if p.name != name {
			list = append(list, p)
		} else if !placed {
			list, placed = append(list, fresh...), true
		}
	}
	if !placed {
		list = append(list, fresh...)
	}
	f.list = list
}

func (f *queryFields) String() string {
	raws := make([]string, len(f.list))
	for i, p := range f.list {
		raws[i] = p.raw
	}
	return strings.Join(raws, "&")
}

func control(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

func printable(s string) bool {
	return len(s) <= maxText && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// fieldName reports whether a text is a token (RFC 9110 §5.6.2).
func fieldName(s string) bool {
	return s != "" && len(s) <= maxText && !strings.ContainsFunc(s, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}
