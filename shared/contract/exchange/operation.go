package exchange

import (
	"slices"
	"strings"
	"sync"

	"sluice/shared/contract/exchange/media"
	"sluice/shared/contract/exchange/urlencoded"
	"sluice/shared/contract/schema"
	"sluice/shared/contract/schema/program"
	"sluice/shared/contract/schema/shape"
)

// Operation is what one operation takes and gives. It does not change, and is safe for concurrent use.
type Operation struct {
	schemas    *schema.Operation
	template   template
	parameters []parameter
	names      map[string]claim // what the query's names belong to
	deep       map[string]int   // parameters whose members are named "name[member]"
	open       int              // the parameter that takes names nobody else has; -1: none
	whole      int              // the parameter that is the whole query (in: querystring); -1: none
	bodies     []content
	answers    []answer
	offers     []media.Type // of successes
	works      *sync.Pool
}

// claim says whose a name is.
type claim struct {
	parameter int // -1: known, and nobody's
	member    bool
}

// parameter is a parameter, prepared.
type parameter struct {
	*program.Parameter
	key      string // how it is looked up: header names in lower case
	schema   schema.Schema
	readings []reading
	writing  writing
	members  map[string]bool // of an object: its members, and whether one is a list
	media    media.Type
}

// reading is a way in which a text can be a value.
type reading uint8

// The readings, in the order in which they are tried.
const (
	single reading = iota
	list
	members
)

// New prepares an operation. It takes time and memory in proportion to what is declared, and reads no text but names.
func New(loaded *schema.Operation) *Operation {
	d := loaded.Description()
	o := &Operation{schemas: loaded, template: newTemplate(d.Key), names: map[string]claim{}, deep: map[string]int{}, open: -1, whole: -1}
	o.works = &sync.Pool{New: func() any { return &work{} }}
	for i := range d.Parameters {
		o.parameters = append(o.parameters, newParameter(loaded, &d.Parameters[i]))
	}
	for name := range o.template.query() {
		o.names[name] = claim{-1, false}
	}
	for i := range o.parameters {
		o.claims(i)
	}
	for i := range o.parameters { // what has a name of its own comes before members
		if p := &o.parameters[i]; p.In == InQuery && !p.spread() {
			o.names[p.Name] = claim{i, false}
		}
	}
	if d.Body != nil {
		o.bodies = newContents(loaded, d.Body.Contents)
	}
	o.declareAnswers(d)
	return o
}

// Schemas gives the schemas that the operation was made of.
func (o *Operation) Schemas() *schema.Operation { return o.schemas }

func newParameter(loaded *schema.Operation, declared *program.Parameter) parameter {
	p := parameter{Parameter: declared, key: declared.Name, schema: loaded.Schema(declared.Schema)}
	if p.In == InHeader {
		p.key = strings.ToLower(p.Name)
	}
	if p.Media != "" {
		p.media, _ = media.Parse(p.Media)
		return p
	}
	p.writing = newWriting(declared)
	types := shape.Types(p.schema)
	p.readings = readings(types)
	if p.Style == "deepObject" {
		p.readings = []reading{members}
	}
	if slices.Contains(p.readings, members) {
		p.members = map[string]bool{}
		for _, name := range shape.Properties(p.schema) {
			member, _ := shape.Property(p.schema, name)
			p.members[name] = only(shape.Types(member), program.Sequence)
		}
	}
	return p
}

// readings lists how values of some types can be read.
func readings(types program.Types) (list3 []reading) {
	const scalar = program.Boolean | program.Integral | program.Numeric | program.Textual
	if types&scalar != 0 || types&(program.Sequence|program.Mapping) == 0 {
		list3 = append(list3, single)
	}
	if types&program.Sequence != 0 {
		list3 = append(list3, list)
	}
	if types&program.Mapping != 0 {
		list3 = append(list3, members)
	}
	return list3
}

// only reports whether a set of types has one of some and, null aside, no others.
func only(types, some program.Types) bool {
	return types&some != 0 && types&^(some|program.Nullary) == 0
}

// spread reports whether the parameter has no name of its own in the query, but those of its members.
func (p *parameter) spread() bool {
	return p.writing.exploded && len(p.readings) == 1 && p.readings[0] == members && (p.In == InQuery || p.In == InCookie) || p.Style == "deepObject"
}

// claims notes which names of the query are members of a parameter.
func (o *Operation) claims(i int) {
	p := &o.parameters[i]
	switch {
	case p.In == inQueryString:
		o.whole = i
	case p.In != InQuery || p.Media != "":
	case p.Style == "deepObject":
		o.deep[p.Name] = i
	case p.writing.exploded && p.members != nil:
		for name := range p.members {
			if _, taken := o.names[name]; !taken {
				o.names[name] = claim{i, true}
			}
		}
		if p.spread() && o.open < 0 && admits(p.schema, len(p.members)) {
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
