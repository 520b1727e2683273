// Package markup writes JSON values as XML and reads them back, for upstreams that speak nothing else. A declared mapping
// says what JSON leaves open: the root's name, what is an attribute, what is an array though it occurs once.
//
// An object's members are child elements in their order, an array is its element repeated, a text or a number is content.
// What is read is texts: types are package mapping's to convert. Prefixes of names are dropped on reading.
//
// No document type is read, hence no entity but XML's five; depth, number of values and size are bounded.
package markup

import (
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"

	"sluice/shared/problem"
)

// Ways to write null.
const (
	Omit  = "omit"  // no element at all
	Empty = "empty" // an element without content
	Nil   = "nil"   // an element with xsi:nil="true"
)

const (
	maxNames     = 200
	maxName      = 200
	maxNamespace = 500
	instance     = "http://www.w3.org/2001/XMLSchema-instance"
)

// Mapping says how XML and JSON correspond. The zero value but for Root is ready for use.
type Mapping struct {
	Root      string              `json:"root"`                // the root element
	Namespace string              `json:"namespace,omitempty"` // of all elements; written as xmlns of the root
	Attribute string              `json:"attribute,omitempty"` // what the names of members begin with that are attributes; "" is "@"
	Text      string              `json:"text,omitempty"`      // the member that is an element's text if it has more than that; "" is "#text"
	Arrays    []string            `json:"arrays,omitempty"`    // elements that are arrays, though they occur once
	Items     map[string]string   `json:"items,omitempty"`     // elements that hold the items of an array, and the items' name
	Order     map[string][]string `json:"order,omitempty"`     // children of an element that come first, in this order
	Null      string              `json:"null,omitempty"`      // "" is omit
}

// Fault is why a document could not be read or written.
type Fault struct {
	Detail   string
	TooLarge bool
}

// Error says it in one line.
func (f *Fault) Error() string { return f.Detail }

// Check says what is wrong with a mapping. Pointers begin with at.
func (m *Mapping) Check(at string) (faults []problem.Fault) {
	that := func(ok bool, pointer, detail string) {
		if !ok {
			faults = append(faults, problem.Fault{Pointer: at + pointer, Detail: detail})
		}
	}
	const name = "must be an XML name without a colon"
	that(Name(m.Root), "/root", name)
	that(len(m.Namespace) <= maxNamespace && clean(m.Namespace), "/namespace", "must be a URI")
	that(m.Attribute == "" || len(m.Attribute) <= 10 && !start(rune(m.Attribute[0])) && clean(m.Attribute), "/attribute", "must be a short prefix that begins no element's name")
	that(m.Text == "" || len(m.Text) <= 20 && !Name(m.Text) && clean(m.Text), "/text", "must be a short name that no element has")
	that(m.attribute() != m.text(), "/text", "must not be the prefix of attributes")
	that(len(m.Arrays) <= maxNames && len(m.Items) <= maxNames && len(m.Order) <= maxNames, "", "must name at most 200 elements in each list")
	for i, n := range m.Arrays {
		that(Name(n), "/arrays/"+strconv.Itoa(i), name)
	}
	for _, n := range slices.Sorted(maps.Keys(m.Items)) {
		that(Name(n) && Name(m.Items[n]), "/items/"+escape(n), name)
		that(!slices.Contains(m.Arrays, n), "/items/"+escape(n), "must not be among the arrays, too")
	}
	for _, n := range slices.Sorted(maps.Keys(m.Order)) {
		that(Name(n) && len(m.Order[n]) <= maxNames && !slices.ContainsFunc(m.Order[n], func(c string) bool { return !Name(c) }),
			"/order/"+escape(n), "must be at most 200 XML names")
	}
	that(slices.Contains([]string{"", Omit, Empty, Nil}, m.Null), "/null", "must be omit, empty or nil")
	return faults
}

func (m *Mapping) attribute() string {
	if m.Attribute == "" {
		return "@"
	}
	return m.Attribute
}

func (m *Mapping) text() string {
	if m.Text == "" {
		return "#text"
	}
	return m.Text
}

func escape(name string) string {
	out := make([]byte, 0, len(name))
	for i := range len(name) {
		switch name[i] {
		case '~':
			out = append(out, "~0"...)
		case '/':
			out = append(out, "~1"...)
		default:
			out = append(out, name[i])
		}
	}
	return string(out)
}

// Name reports whether a text is an XML name without a colon (Namespaces in XML 1.0 §3) of at most 200 bytes, and none of
// those that begin with xml.
func Name(s string) bool {
	if s == "" || len(s) > maxName || len(s) >= 3 && (s[0]|0x20) == 'x' && (s[1]|0x20) == 'm' && (s[2]|0x20) == 'l' {
		return false
	}
	for i, r := range s {
		if i == 0 && !start(r) || !start(r) && !follows(r) || r == utf8.RuneError {
			return false
		}
	}
	return true
}

// start reports whether a name may begin with it (XML 1.0 §2.3).
func start(r rune) bool {
	switch {
	case r == '_', r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z':
		return true
	case r < 0xC0 || r == 0xD7 || r == 0xF7:
		return false
	}
	return r <= 0x2FF || r >= 0x370 && r <= 0x1FFF && r != 0x37E || r == 0x200C || r == 0x200D || r >= 0x2070 && r <= 0x218F ||
		r >= 0x2C00 && r <= 0x2FEF || r >= 0x3001 && r <= 0xD7FF || r >= 0xF900 && r <= 0xFDCF || r >= 0xFDF0 && r <= 0xFFFD ||
		r >= 0x10000 && r <= 0xEFFFF
}

// follows reports whether a name may go on with it, apart from what it may begin with.
func follows(r rune) bool {
	return r == '-' || r == '.' || r >= '0' && r <= '9' || r == 0xB7 || r >= 0x300 && r <= 0x36F || r == 0x203F || r == 0x2040
}

// clean reports whether XML 1.0 can carry the text at all (§2.2).
func clean(s string) bool {
	for i, r := range s {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return false
		}
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return false
			}
		}
	}
	return true
}
