package exchange

import (
	"slices"
	"strings"
	"unicode/utf8"

	"sluice/shared/contract/exchange/style"
	"sluice/shared/contract/exchange/urlencoded"
)

// Validate holds a call against the operation, whose template its path must fit. Faults come in this order: path, query,
// headers, cookies, body, Accept.
func (o *Operation) Validate(r *Request, options Options) Result {
	w := o.begin(options)
	w.mark(0)
	w.path(r)
	w.query(r)
	w.headers(r)
	w.cookies(r)
	w.body(r)
	if options.RefuseAccept {
		w.accept(r)
	}
	if !w.result.OK() {
		w.result.Body, w.result.Removed = nil, 0
		w.result.Status = w.status()
	}
	return w.end()
}

// status tells what a refused call is answered with: what is wrong with the call before what is wrong with its form.
func (w *work) status() int {
	const badRequest, notAcceptable, unsupportedMediaType = 400, 406, 415
	switch {
	case w.grave:
		return badRequest
	case slices.ContainsFunc(w.result.Faults, func(f Fault) bool { return f.Keyword == MediaType }):
		return unsupportedMediaType
	}
	return notAcceptable
}

func (w *work) path(r *Request) {
	for i := range w.op.parameters {
		p := &w.op.parameters[i]
		if p.In != InPath {
			continue
		}
		text, ok := w.op.template.variable(r.Path, p.Name, r.Decoded)
		if !ok {
			if w.op.template.has(p.Name) {
				w.fault(Fault{InPath, p.Name, "", Missing, "a path as in the contract"})
			}
			continue
		}
		w.values = append(w.values[:0], text)
		if r.Decoded {
			plain := *p
			plain.Writing = p.Writing.Plain()
			w.take(&plain, w.values, nil)
			continue
		}
		w.take(p, w.values, nil)
	}
}

// has reports whether the path has a parameter.
func (t *template) has(name string) bool {
	return slices.ContainsFunc(t.segments, func(s segment) bool { return slices.Contains(s.names, name) })
}

// query judges the query: first each pair finds its parameter, then each parameter is judged.
func (w *work) query(r *Request) {
	parameters := w.op.parameters
	w.names.Restart(2 * len(parameters)) // of each its own name, then those of its members
	if w.op.whole >= 0 {
		if p := &parameters[w.op.whole]; r.Query != "" {
			w.values = append(w.values[:0], r.Query)
			w.take(p, w.values, nil)
		} else if p.Required {
			w.fault(Fault{InQuery, p.Name, "", Missing, "a query"})
		}
	}
	if !w.pairs(r.Query) {
		w.fault(Fault{InQuery, "", "", style.Limit, "fewer parameters"})
		return
	}
	for i := range parameters {
		if p := &parameters[i]; p.In == InQuery {
			w.named(p, i)
		}
	}
}

// named judges a parameter whose values were found by their names.
func (w *work) named(p *style.Parameter, i int) {
	members := len(w.op.parameters) + i
	if w.names.Count(i) == 0 && w.names.Count(members) == 0 {
		if p.Required {
			w.fault(Fault{p.In, p.Name, "", Missing, "the parameter"})
		}
		return
	}
	w.take(p, w.names.Values(i), w.names.Members(members))
}

// maxPairs is how many pairs of a query are looked at.
const maxPairs = 10_000

// pairs sorts the pairs of a query by parameter. False if there are too many.
func (w *work) pairs(query string) bool {
	for count, rest := 0, query; ; count++ {
		raw, value, _, next, more := urlencoded.Next(rest)
		if !more {
			return true
		}
		if rest = next; count == maxPairs {
			return false
		}
		name, ok := urlencoded.Decode(raw, true)
		if !ok || !utf8.ValidString(name) {
			w.fault(Fault{InQuery, "", "", style.Encoding, "names in percent-encoded UTF-8"})
			continue
		}
		c, known := w.op.owner(name)
		switch {
		case !known && w.options.RefuseQuery && !slices.Contains(w.options.KnownQuery, name):
			w.fault(Fault{InQuery, name, "", Undeclared, "a parameter of the operation"})
		case c.parameter < 0:
		case c.member:
			w.names.Keep(len(w.op.parameters)+c.parameter, style.Member{Name: name, Value: value})
		default:
			w.names.Keep(c.parameter, style.Member{Value: value})
		}
	}
}

func (w *work) headers(r *Request) {
	for i := range w.op.parameters {
		p := &w.op.parameters[i]
		if p.In != InHeader {
			continue
		}
		values := r.Headers[p.Key]
		if len(values) == 0 {
			if p.Required {
				w.fault(Fault{InHeader, p.Name, "", Missing, "the header"})
			}
			continue
		}
		w.header(p, values)
	}
}

// header judges a header that is there, of a call or a part.
func (w *work) header(p *style.Parameter, values []string) {
	w.values = w.values[:0]
	for _, v := range values {
		w.values = append(w.values, strings.Trim(v, " \t"))
	}
	w.take(p, w.values, nil)
}

func (w *work) cookies(r *Request) {
	parameters := w.op.parameters
	if !slices.ContainsFunc(parameters, func(p style.Parameter) bool { return p.In == InCookie }) {
		return
	}
	w.names.Restart(2 * len(parameters))
	for _, line := range r.Cookies {
		for one := range strings.SplitSeq(line, ";") {
			name, value, ok := strings.Cut(strings.Trim(one, " \t"), "=")
			if ok && !w.cookie(name, value) {
				w.fault(Fault{InCookie, "", "", style.Limit, "fewer cookies"})
				return
			}
		}
	}
	for i := range parameters {
		if p := &parameters[i]; p.In == InCookie {
			w.named(p, i)
		}
	}
}

// cookie gives a cookie to the parameters that it belongs to. In style form an exploded list may also stand in one
// cookie, "a=1&a=2". False if there are too many.
func (w *work) cookie(raw, value string) bool {
	for i := range w.op.parameters {
		p := &w.op.parameters[i]
		if p.In != InCookie {
			continue
		}
		name, ok := p.Writing.Decode(raw)
		if !ok {
			name = raw
		}
		if _, member := p.Members[name]; member && p.Writing.Exploded && name != p.Name {
			if !w.names.Keep(len(w.op.parameters)+i, style.Member{Name: name, Value: value}) {
				return false
			}
		}
		if name != p.Name {
			continue
		}
		rest, more := value, false
		for again := true; again; again = more {
			one := rest
			if more = false; p.Writing.Exploded && p.Style == "form" && slices.Contains(p.Readings, style.List) {
				one, rest, more = strings.Cut(rest, "&"+p.Name+"=")
			}
			if !w.names.Keep(i, style.Member{Value: one}) {
				return false
			}
		}
	}
	return true
}
