package markup

import (
	"fmt"
	"slices"
	"strings"

	"sluice/shared/contract/mediation/value"
)

// writer writes one document of at most end bytes.
type writer struct {
	*Mapping
	out []byte
	end int
}

// Write writes a value as a document of at most limit bytes. The error is a *Fault: a name that XML does not have, a text with
// characters that it cannot carry, an array in an array or at the top.
func (m *Mapping) Write(v *value.Value, limit int) ([]byte, error) {
	w := &writer{Mapping: m, end: limit}
	w.out = append(w.out, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"...)
	root := ""
	if m.Namespace != "" {
		root = ` xmlns="` + string(escaped(nil, m.Namespace)) + `"`
	}
	if m.Null == Nil {
		root += ` xmlns:xsi="` + instance + `"`
	}
	if v.Kind == value.Array && m.Items[m.Root] == "" {
		return nil, &Fault{Detail: "the root element cannot be an array"}
	}
	if err := w.element(m.Root, root, v, value.MaxDepth); err != nil {
		return nil, err
	}
	return w.out, nil
}

func (w *writer) write(parts ...string) error {
	for _, p := range parts {
		if len(w.out)+len(p) > w.end {
			return &Fault{Detail: "the document is larger than allowed", TooLarge: true}
		}
		w.out = append(w.out, p...)
	}
	return nil
}

// element writes one element. Attributes are those that the value does not say.
func (w *writer) element(name, attributes string, v *value.Value, depth int) error {
	if depth < 0 {
		return &Fault{Detail: fmt.Sprintf("the value is nested more than %d deep", value.MaxDepth), TooLarge: true}
	}
	if !Name(name) {
		return &Fault{Detail: fmt.Sprintf("%q is no name of an element", clip(name))}
	}
	if err := w.write("<", name, attributes); err != nil {
		return err
	}
	empty, err := w.attributes(name, v)
	if err != nil {
		return err
	}
	if empty {
		return w.write("/>")
	}
	if err := w.write(">"); err != nil {
		return err
	}
	if err := w.content(name, v, depth); err != nil {
		return err
	}
	return w.write("</", name, ">")
}

// attributes writes those that a value says, and tells whether it has no content.
func (w *writer) attributes(name string, v *value.Value) (empty bool, err error) {
	switch v.Kind {
	case value.Null:
		if w.Null == Nil {
			err = w.write(` xsi:nil="true"`)
		}
		return true, err
	case value.Array:
		return len(v.Items) == 0, nil
	case value.Object:
	default:
		return v.Text == "", nil
	}
	empty = true
	for _, m := range v.Members {
		short, is := strings.CutPrefix(m.Name, w.attribute())
		if !is {
			empty = false
			continue
		}
		if m.Value.Kind == value.Null {
			continue
		}
		if !Name(short) || m.Value.Kind == value.Object || m.Value.Kind == value.Array || !clean(m.Value.Text) {
			return false, &Fault{Detail: fmt.Sprintf("%q of %s cannot be an attribute", clip(m.Name), clip(name))}
		}
		if err := w.write(" ", short, `="`, string(escaped(nil, m.Value.Text)), `"`); err != nil {
			return false, err
		}
	}
	return empty, nil
}

// content writes what stands between an element's tags.
func (w *writer) content(name string, v *value.Value, depth int) error {
	switch v.Kind {
	case value.Null:
		return nil
	case value.Array:
		return w.items(w.Items[name], v, depth)
	case value.Object:
		return w.children(name, v, depth)
	default:
		return w.text(v)
	}
}

func (w *writer) text(v *value.Value) error {
	if !clean(v.Text) {
		return &Fault{Detail: "a text has characters that XML cannot carry"}
	}
	return w.write(string(escaped(nil, v.Text)))
}

func (w *writer) items(name string, v *value.Value, depth int) error {
	for _, item := range v.Items {
		if item.Kind == value.Array && w.Items[name] == "" {
			return &Fault{Detail: fmt.Sprintf("an item of %s is an array itself", clip(name))}
		}
		if err := w.element(name, "", item, depth-1); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) children(name string, v *value.Value, depth int) error {
	members := v.Members
	if order := w.Order[name]; order != nil {
		members = ordered(members, order)
	}
	for _, m := range members {
		var err error
		switch {
		case strings.HasPrefix(m.Name, w.attribute()):
		case m.Name == w.Mapping.text():
			if m.Value.Kind == value.Object || m.Value.Kind == value.Array {
				return &Fault{Detail: fmt.Sprintf("%q of %s cannot be a text", clip(m.Name), clip(name))}
			}
			if m.Value.Kind != value.Null {
				err = w.text(m.Value)
			}
		case m.Value.Kind == value.Null && (w.Null == "" || w.Null == Omit):
		case m.Value.Kind == value.Array && w.Items[m.Name] == "":
			err = w.items(m.Name, m.Value, depth)
		default:
			err = w.element(m.Name, "", m.Value, depth-1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ordered puts the members that an order names first.
func ordered(members []value.Member, order []string) []value.Member {
	places := make(map[string]int, len(order))
	for i, n := range order {
		places[n] = i
	}
	place := func(m value.Member) int {
		if i, ok := places[m.Name]; ok {
			return i
		}
		return len(order)
	}
	members = slices.Clone(members)
	slices.SortStableFunc(members, func(a, b value.Member) int { return place(a) - place(b) })
	return members
}

// escaped writes a text so that it is content and attribute alike: white space that a reader would change is a reference.
func escaped(dst []byte, s string) []byte {
	for i := range len(s) {
		switch s[i] {
		case '<':
			dst = append(dst, "&lt;"...)
		case '>':
			dst = append(dst, "&gt;"...)
		case '&':
			dst = append(dst, "&amp;"...)
		case '"':
			dst = append(dst, "&#34;"...)
		case '\t':
			dst = append(dst, "&#9;"...)
		case '\n':
			dst = append(dst, "&#10;"...)
		case '\r':
			dst = append(dst, "&#13;"...)
		default:
			dst = append(dst, s[i])
		}
	}
	return dst
}
