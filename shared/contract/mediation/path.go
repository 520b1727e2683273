package mediation

import (
	"context"
	"net/url"
	"strings"

	"sluice/shared/contract"
)

// text is a text with values in braces: literals and names by turns, a literal first.
type text []string

// parseText reads one. {{ and }} are braces.
func parseText(s string) (t text, fault string) {
	var literal strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '{' && s[i] != '}':
			literal.WriteByte(s[i])
		case i+1 < len(s) && s[i+1] == s[i]:
			literal.WriteByte(s[i])
			i++
		default:
			end := strings.IndexByte(s[i:], '}')
			if s[i] == '}' || end < 2 {
				return nil, "a brace is not closed, or closes nothing"
			}
			t = append(t, literal.String(), s[i+1:i+end])
			literal.Reset()
			i += end
		}
	}
	return append(t, literal.String()), ""
}

// fill puts values in. missing is the name of one that is not there.
func (t text) fill(values map[string]string) (filled, missing string) {
	if len(t) == 1 {
		return t[0], ""
	}
	var b strings.Builder
	for i, part := range t {
		if i%2 == 1 {
			v, ok := values[part]
			if !ok {
				return "", part
			}
			part = v
		}
		b.WriteString(part)
	}
	return b.String(), ""
}

// path makes the step for the path.
func (c *compiler) path(at string, p *Path) func(context.Context, *Parts) *Failure {
	var from *contract.Template
	if p.From != "" {
		t, faults := contract.ParseTemplate(p.From)
		for _, f := range faults {
			c.that(false, at+"/from", "%s", f)
		}
		c.that(t.Query == "", at+"/from", "must have no query")
		from = &t
	}
	to, faults := contract.ParseTemplate(p.To)
	for _, f := range faults {
		c.that(false, at+"/to", "%s", f)
	}
	c.that(to.Query == "", at+"/to", "must have no query: set parameters in query")
	for _, name := range to.Params {
		if from != nil {
			c.that(contains(from.Params, name), at+"/to", "{%s} is no value of from", name)
		}
	}
	return func(_ context.Context, p *Parts) *Failure {
		if from != nil && !match(from, p) {
			return nil
		}
		return rewrite(&to, p)
	}
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// match takes the values of a path, if it is one of the template.
func match(t *contract.Template, p *Parts) bool {
	if !strings.HasPrefix(p.Path, "/") || strings.Count(p.Path, "/") != len(t.Segments) {
		return false
	}
	found := make([]string, 0, len(t.Params))
	n := 0
	for raw := range strings.SplitSeq(p.Path[1:], "/") {
		segment, err := url.PathUnescape(raw)
		if err != nil {
			return false
		}
		if found, err = values(t.Segments[n].Texts, segment, found), nil; found == nil {
			return false
		}
		n++
	}
	if p.Values == nil {
		p.Values = make(map[string]string, len(found))
	}
	for i, name := range t.Params {
		p.Values[name] = found[i]
	}
	return true
}

// values appends the values of one segment, each as short as it can be but the last; nil if it does not match.
func values(texts []string, segment string, found []string) []string {
	if len(texts) <= 1 {
		if segment != strings.Join(texts, "") {
			return nil
		}
		return found
	}
	rest, ok := strings.CutPrefix(segment, texts[0])
	if !ok {
		return nil
	}
	for i, after := range texts[1:] {
		at := strings.Index(rest, after)
		if i == len(texts)-2 { // the last takes all up to the end
			at = len(rest) - len(after)
			if !strings.HasSuffix(rest, after) {
				at = -1
			}
		}
		if at < 1 {
			return nil
		}
		found, rest = append(found, rest[:at]), rest[at+len(after):]
	}
	return found
}

// rewrite writes the path of a template. A value never changes which segments there are: what a server could take for one or
// two steps is refused.
func rewrite(t *contract.Template, p *Parts) *Failure {
	var b strings.Builder
	n := 0
	for _, segment := range t.Segments {
		var s strings.Builder
		for i, literal := range segment.Texts {
			if i > 0 {
				v, ok := p.Values[t.Params[n]]
				if !ok {
					return &Failure{Fault: OfDeclaration, Detail: "the path has no value " + t.Params[n]}
				}
				n++
				s.WriteString(v)
			}
			s.WriteString(literal)
		}
		if len(segment.Texts) > 1 && !harmless(s.String()) {
			return &Failure{Fault: OfCaller, Detail: "a value of the path is not allowed there"}
		}
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s.String()))
	}
	p.Path = b.String()
	return nil
}

// harmless reports whether a segment with values in it stays one, even for a server that decodes slashes before it looks for
// steps up.
func harmless(segment string) bool {
	if segment == "" || strings.ContainsFunc(segment, control) {
		return false
	}
	for part := range strings.FieldsFuncSeq(segment, func(r rune) bool { return r == '/' || r == '\\' }) {
		if part == "." || part == ".." {
			return false
		}
	}
	return true
}
