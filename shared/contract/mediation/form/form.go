// Package form writes flat JSON objects as application/x-www-form-urlencoded (WHATWG URL §5) and reads them back. An array is
// its name repeated; what is read is texts, since a form knows no other type.
package form

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"sluice/shared/contract/mediation/value"
	"sluice/shared/problem"
)

// Bounds of a form.
const (
	MaxFields = 10_000
	maxArrays = 200
	maxName   = 500
)

// Mapping says how a form and JSON correspond.
type Mapping struct {
	Arrays []string `json:"arrays,omitempty"` // fields that are arrays, though they occur once
	Null   string   `json:"null,omitempty"`   // how null is written: "omit" (the default) or "empty"
}

// Fault is why a form could not be read or written.
type Fault struct {
	Pointer  string // the member
	Detail   string
	TooLarge bool
}

// Error says it in one line.
func (f *Fault) Error() string { return f.Detail }

// Check says what is wrong with a mapping. Pointers begin with at.
func (m *Mapping) Check(at string) (faults []problem.Fault) {
	if len(m.Arrays) > maxArrays || slices.ContainsFunc(m.Arrays, func(n string) bool { return n == "" || len(n) > maxName }) {
		faults = append(faults, problem.Fault{Pointer: at + "/arrays", Detail: fmt.Sprintf("must be at most %d names", maxArrays)})
	}
	if m.Null != "" && m.Null != "omit" && m.Null != "empty" {
		faults = append(faults, problem.Fault{Pointer: at + "/null", Detail: "must be omit or empty"})
	}
	return faults
}

// Read reads a form as an object. Fields keep the order of their first occurrence. The error is a *Fault.
func (m *Mapping) Read(text []byte) (*value.Value, error) {
	object, places := &value.Value{Kind: value.Object}, make(map[string]int)
	repeated := make(map[string]bool)
	fields := 0
	for field := range strings.SplitSeq(string(text), "&") {
		if field == "" {
			continue
		}
		if fields++; fields > MaxFields {
			return nil, &Fault{Detail: fmt.Sprintf("the form has more than %d fields", MaxFields), TooLarge: true}
		}
		rawName, rawText, _ := strings.Cut(field, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil || !utf8.ValidString(name) {
			return nil, &Fault{Detail: "the name of a field is not encoded as in a form"}
		}
		content, err := url.QueryUnescape(rawText)
		if err != nil || !utf8.ValidString(content) {
			return nil, &Fault{Pointer: pointer(name), Detail: "the field is not encoded as in a form"}
		}
		v := value.Text(content)
		i, known := places[name]
		switch {
		case known && repeated[name]:
			list := object.Members[i].Value
			list.Items = append(list.Items, v)
		case known:
			repeated[name] = true
			object.Members[i].Value = &value.Value{Kind: value.Array, Items: []*value.Value{object.Members[i].Value, v}}
		default:
			if slices.Contains(m.Arrays, name) {
				repeated[name] = true
				v = &value.Value{Kind: value.Array, Items: []*value.Value{v}}
			}
			places[name] = len(object.Members)
			object.Members = append(object.Members, value.Member{Name: name, Value: v})
		}
	}
	return object, nil
}

// Write writes an object as a form of at most limit bytes. The error is a *Fault: only texts, numbers, booleans, null and
// arrays of these can be fields.
func (m *Mapping) Write(v *value.Value, limit int) ([]byte, error) {
	if v.Kind != value.Object {
		return nil, &Fault{Detail: "only an object can be a form, not " + v.Kind.String()}
	}
	out := make([]byte, 0, 256)
	for _, member := range v.Members {
		values := []*value.Value{member.Value}
		if member.Value.Kind == value.Array {
			values = member.Value.Items
		}
		name := url.QueryEscape(member.Name)
		for _, one := range values {
			if one.Kind == value.Object || one.Kind == value.Array {
				return nil, &Fault{Pointer: pointer(member.Name), Detail: "an " + one.Kind.String() + " cannot be a field of a form"}
			}
			if one.Kind == value.Null && m.Null != "empty" {
				continue
			}
			if len(out) > 0 {
				out = append(out, '&')
			}
			out = append(append(append(out, name...), '='), url.QueryEscape(one.Text)...)
			if len(out) > limit {
				return nil, &Fault{Detail: "the form is larger than allowed", TooLarge: true}
			}
		}
	}
	return out, nil
}

func pointer(name string) string {
	if len(name) > maxName {
		name = strings.ToValidUTF8(name[:maxName], "")
	}
	return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
