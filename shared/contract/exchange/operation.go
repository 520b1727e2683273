package exchange

import (
	"strings"
	"sync"

	"sluice/shared/contract/exchange/body"
	"sluice/shared/contract/exchange/media"
	"sluice/shared/contract/exchange/style"
	"sluice/shared/contract/exchange/urlencoded"
	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/shape"
)

// Operation is what one operation takes and gives. It does not change, and is safe for concurrent use.
type Operation struct {
	schemas    *schema.Operation
	template   template
	parameters []style.Parameter
	names      map[string]claim // what the query's names belong to
	deep       map[string]int   // parameters whose members are named "name[member]"
	open       int              // the parameter that takes names nobody else has; -1: none
	whole      int              // the parameter that is the whole query (in: querystring); -1: none
	bodies     []body.Content
	answers    []answer
	offers     []media.Type // of successes
	works      *sync.Pool
}

// claim says whose a name is.
type claim struct {
	parameter int // -1: known, and nobody's
	member    bool
}

// New prepares an operation. It takes time and memory in proportion to what is declared, and reads no text but names.
func New(loaded *schema.Operation) *Operation {
	d := loaded.Description()
	o := &Operation{schemas: loaded, template: newTemplate(d.Key), names: map[string]claim{}, deep: map[string]int{}, open: -1, whole: -1}
	o.works = &sync.Pool{New: func() any { return &work{} }}
	for i := range d.Parameters {
		o.parameters = append(o.parameters, style.New(loaded, &d.Parameters[i]))
	}
	for name := range o.template.query() {
		o.names[name] = claim{-1, false}
	}
	for i := range o.parameters {
		o.claims(i)
	}
	for i := range o.parameters { // what has a name of its own comes before members
		if p := &o.parameters[i]; p.In == InQuery && !p.Spread() {
			o.names[p.Name] = claim{i, false}
		}
	}
	if d.Body != nil {
		o.bodies = body.New(loaded, d.Body.Contents)
	}
	o.declareAnswers(d)
	return o
}

// Schemas gives the schemas that the operation was made of.
func (o *Operation) Schemas() *schema.Operation { return o.schemas }

// claims notes which names of the query are members of a parameter.
func (o *Operation) claims(i int) {
	p := &o.parameters[i]
	switch {
	case p.In == style.InQueryString:
		o.whole = i
	case p.In != InQuery || p.Parameter.Media != "":
	case p.Style == "deepObject":
		o.deep[p.Name] = i
	case p.Writing.Exploded && p.Members != nil:
		for name := range p.Members {
			if _, taken := o.names[name]; !taken {
				o.names[name] = claim{i, true}
			}
		}
		if p.Spread() && o.open < 0 && admits(p.Schema, len(p.Members)) {
			o.open = i
		}
	}
}

// admits reports whether an object takes names that it does not declare: it says so, or declares none at all.
func admits(s schema.Schema, declared int) bool {
	_, more := shape.Property(s, "")
	return more || declared == 0
}

// owner finds whose a decoded name of the query is. False if it is nobody's.
func (o *Operation) owner(name string) (claim, bool) {
	if c, ok := o.names[name]; ok {
		return c, true
	}
	if i := strings.IndexByte(name, '['); i > 0 && len(o.deep) > 0 {
		if p, ok := o.deep[name[:i]]; ok {
			return claim{p, true}, true
		}
	}
	if o.open >= 0 {
		return claim{o.open, true}, true
	}
	return claim{-1, false}, o.whole >= 0
}

// template is the path of an operation.
type template struct {
	segments []segment
	rest     string // behind the path
}

// segment is a segment of a template: the decoded texts around its parameters, and their names.
type segment struct {
	texts []string
	names []string
}

// newTemplate reads the path of an operation's key. The contract's compiler has checked it.
func newTemplate(key string) (t template) {
	_, path, _ := strings.Cut(key, " ")
	path = strings.TrimPrefix(path, "/")
	s, start := segment{}, 0
	for i := 0; i < len(path); i++ {
		switch path[i] {
		case '{':
			end := strings.IndexByte(path[i:], '}')
			if end < 0 || i+1 < len(path) && strings.IndexByte("?&#", path[i+1]) >= 0 {
				return t.end(s, path[start:i], path[i:])
			}
			s.texts, s.names = append(s.texts, literal(path[start:i])), append(s.names, path[i+1:i+end])
			i += end
			start = i + 1
		case '/':
			t.segments = append(t.segments, s.with(path[start:i]))
			s, start = segment{}, i+1
		case '?', '#':
			return t.end(s, path[start:i], path[i:])
		}
	}
	return t.end(s, path[start:], "")
}

func (t template) end(s segment, text, rest string) template {
	return template{append(t.segments, s.with(text)), rest}
}

func (s segment) with(text string) segment {
	s.texts = append(s.texts, literal(text))
	return s
}

// literal decodes a text of a template. What is no encoding stands for itself.
func literal(s string) string {
	if d, ok := urlencoded.Decode(s, false); ok {
		return d
	}
	return s
}

// query lists the names of the template's query part.
func (t template) query() map[string]bool {
	names := map[string]bool{}
	rest, _, _ := strings.Cut(t.rest, "#")
	if text, ok := strings.CutPrefix(rest, "?"); ok {
		for {
			name, _, _, next, more := urlencoded.Next(text)
			if !more {
				break
			}
			names[literal(name)] = true
			text = next
		}
	}
	return names
}
