package contract

import (
	"net/url"
	"slices"
	"strings"
)

// MaxTemplate is the longest path template that is taken, in bytes: no longer path would ever arrive.
const MaxTemplate = 8 << 10

// Template is a path template, split into the segments that a request path is compared with.
type Template struct {
	Segments []Segment
	Params   []string // names between the braces, in order
	Query    string   // a "?…" or "#…" part, which is no part of a path; usually ""
}

// Segment is one segment of a template: the literal texts around its parameters, decoded. One text is a plain literal,
// "pets"; two are a parameter with a prefix and a suffix, "{id}" or "{sid}.json"; n are n-1 parameters.
type Segment struct {
	Texts []string
}

// ParseTemplate splits a path of a contract into segments. What makes it unfit for matching is in faults, one sentence
// each; the template is of use only if there are none. Braces are read first: a parameter's name may hold a slash.
func ParseTemplate(path string) (t Template, faults []string) {
	if !strings.HasPrefix(path, "/") {
		return t, []string{"the path does not begin with a slash"}
	}
	if len(path) > MaxTemplate {
		return t, []string{"the path is too long to ever be called"}
	}
	rest := path[1:]
	t.Segments = make([]Segment, 0, strings.Count(path, "/"))
	texts := make([]string, 0, strings.Count(path, "/")+strings.Count(path, "{"))
	for {
		seg, next, fault := t.segment(rest, &texts)
		if fault != "" {
			return t, append(faults, fault)
		}
		t.Segments = append(t.Segments, seg)
		if slices.Contains(inner(seg.Texts), "") {
			faults = append(faults, "two parameters stand side by side: nothing tells where one ends and the next begins")
		}
		if next == "" || next[0] != '/' {
			if t.Query = next; strings.Count(next, "{") != strings.Count(next, "}") {
				faults = append(faults, "a brace is not closed, or closes nothing")
			}
			break
		}
		rest = next[1:]
	}
	return t, append(faults, t.nameFaults()...)
}

// nameFaults finds names that are missing or not unique.
func (t *Template) nameFaults() (faults []string) {
	var count map[string]int
	if len(t.Params) > 1 {
		count = make(map[string]int, len(t.Params))
	}
	for _, name := range t.Params {
		if strings.TrimSpace(name) == "" {
			faults = append(faults, "a parameter has no name")
		}
		if count == nil {
			continue
		}
		if count[name]++; count[name] == 2 {
			faults = append(faults, "the parameter {"+name+"} occurs more than once")
		}
	}
	return faults
}

// segment reads up to the slash, "?" or "#" that ends the segment, and gives what is left, that character included. The
// texts of all segments share the memory of texts.
func (t *Template) segment(s string, texts *[]string) (seg Segment, rest, fault string) {
	first, start, i := len(*texts), 0, 0
	for ; i < len(s); i++ {
		switch s[i] {
		case '{':
			if i+1 < len(s) && strings.IndexByte("?&#", s[i+1]) >= 0 { // a query or fragment in the form of RFC 6570
				return cut(texts, first, s[start:i]), s[i:], ""
			}
			end := strings.IndexAny(s[i+1:], "{}")
			if end < 0 || s[i+1+end] == '{' {
				return seg, "", "a brace { is not closed"
			}
			*texts = append(*texts, literal(s[start:i]))
			t.Params = append(t.Params, s[i+1:i+1+end])
			i += 1 + end
			start = i + 1
		case '}':
			return seg, "", "a brace } closes nothing"
		case '/', '?', '#':
			return cut(texts, first, s[start:i]), s[i:], ""
		}
	}
	return cut(texts, first, s[start:]), "", ""
}

// cut makes a segment of the texts from first on, with a last one.
func cut(texts *[]string, first int, last string) Segment {
	*texts = append(*texts, literal(last))
	return Segment{(*texts)[first:len(*texts):len(*texts)]}
}

// literal decodes a literal, since request segments arrive decoded. What is no encoding stands for itself.
func literal(s string) string {
	if d, err := url.PathUnescape(s); err == nil {
		return d
	}
	return s
}

// inner gives the texts between parameters: all but the first and the last.
func inner(texts []string) []string {
	if len(texts) < 3 {
		return nil
	}
	return texts[1 : len(texts)-1]
}

// pairs gives what the query part asks of a call's query, sorted: "name=value", or "name" where any value will do. A
// fragment never leaves the client, and expressions in braces have no fixed value.
func (t Template) pairs() []string {
	query, _, _ := strings.Cut(t.Query, "#")
	query, isQuery := strings.CutPrefix(query, "?")
	if !isQuery {
		return nil
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil
	}
	var pairs []string
	for name, all := range values {
		for _, value := range all {
			switch {
			case strings.Contains(name, "{"):
			case value == "" || strings.Contains(value, "{"):
				pairs = append(pairs, name)
			default:
				pairs = append(pairs, name+"="+value)
			}
		}
	}
	slices.Sort(pairs)
	return slices.Compact(pairs)
}

// Calls identifies the calls that a template covers, for one method: templates of which it is equal cannot be told apart.
func (t Template) Calls() string { return t.Shape() + "\x00?" + strings.Join(t.pairs(), "&") }

// Shape writes the template with nameless parameters: two templates of one shape cover the same paths.
func (t Template) Shape() string {
	var b strings.Builder
	for _, s := range t.Segments {
		b.WriteByte('/')
		b.WriteString(s.shape())
	}
	return b.String()
}

// shape joins the texts with a byte that no text holds: NUL cannot come from a parameter, and a literal NUL, which no
// request may contain, is doubled.
func (s Segment) shape() string {
	var b strings.Builder
	for i, text := range s.Texts {
		if i > 0 {
			b.WriteString("\x00*")
		}
		b.WriteString(strings.ReplaceAll(strings.ReplaceAll(text, "\x00", "\x00\x00"), "/", "\x00/"))
	}
	return b.String()
}

// Reachable says why no request can ever match the template, and "" if one can: the gateway refuses paths with empty or
// dot segments, encoded slashes, backslashes and control characters before they get here.
func (t Template) Reachable() string {
	for i, s := range t.Segments {
		if len(s.Texts) == 1 {
			text := s.Texts[0]
			if text == "" && i < len(t.Segments)-1 {
				return "an empty segment"
			}
			if text == "." || text == ".." {
				return "a dot segment"
			}
		}
		for _, text := range s.Texts {
			if strings.ContainsFunc(text, func(r rune) bool { return r == '/' || r == '\\' || r < ' ' || r == 0x7f }) {
				return "an encoded slash, a backslash or a control character"
			}
		}
	}
	return ""
}

// literal reports whether the segment has no parameter.
func (s Segment) literal() bool { return len(s.Texts) == 1 }

// whole reports whether the segment is one parameter and nothing else.
func (s Segment) whole() bool { return len(s.Texts) == 2 && s.Texts[0] == "" && s.Texts[1] == "" }

// covers reports whether a decoded request segment fits: each parameter takes at least one byte. Taking the first place
// where the next text occurs is enough: a later one leaves less for the rest, never more.
func (s Segment) covers(text string) bool {
	last := len(s.Texts) - 1
	if last == 0 {
		return text == s.Texts[0]
	}
	rest, ok := strings.CutPrefix(text, s.Texts[0])
	if !ok {
		return false
	}
	if rest, ok = strings.CutSuffix(rest, s.Texts[last]); !ok {
		return false
	}
	for _, between := range s.Texts[1:last] {
		if rest == "" {
			return false
		}
		at := strings.Index(rest[1:], between)
		if at < 0 {
			return false
		}
		rest = rest[1+at+len(between):]
	}
	return rest != ""
}
