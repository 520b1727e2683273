package markup

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"sluice/shared/contract/mediation/value"
)

// reader reads one document.
type reader struct {
	*Mapping
	decoder *xml.Decoder
	values  int
}

// Read reads a document and gives what its root holds. The error is a *Fault.
func (m *Mapping) Read(text []byte) (*value.Value, error) {
	if !utf8.Valid(text) {
		return nil, &Fault{Detail: "the document is not UTF-8"}
	}
	r := &reader{Mapping: m, decoder: xml.NewDecoder(bytes.NewReader(text))}
	root, err := r.prolog()
	if err != nil {
		return nil, err
	}
	if root.Name.Local != m.Root {
		return nil, &Fault{Detail: fmt.Sprintf("the root element must be %s", m.Root)}
	}
	v, err := r.element(root, value.MaxDepth)
	if err != nil {
		return nil, err
	}
	return v, r.epilog()
}

// token gives the next token that means something. A document type is refused: it is where bombs are declared.
func (r *reader) token() (xml.Token, error) {
	for {
		t, err := r.decoder.RawToken()
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		if err != nil {
			return nil, &Fault{Detail: fmt.Sprintf("the document is not well-formed near byte %d", r.decoder.InputOffset())}
		}
		switch t.(type) {
		case xml.Directive:
			return nil, &Fault{Detail: "the document has a document type declaration, which is not read"}
		case xml.Comment, xml.ProcInst:
			continue
		}
		return t, nil
	}
}

// prolog reads up to the root element.
func (r *reader) prolog() (xml.StartElement, error) {
	for {
		t, err := r.token()
		if errors.Is(err, io.EOF) {
			return xml.StartElement{}, &Fault{Detail: "the document has no root element"}
		}
		if err != nil {
			return xml.StartElement{}, err
		}
		if e, ok := t.(xml.StartElement); ok {
			return e, nil
		}
		if text, ok := t.(xml.CharData); !ok || !blank(text) {
			return xml.StartElement{}, &Fault{Detail: "the document does not begin with an element"}
		}
	}
}

func (r *reader) epilog() error {
	for {
		t, err := r.token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if text, ok := t.(xml.CharData); !ok || !blank(text) {
			return &Fault{Detail: "something follows the root element"}
		}
	}
}

func blank(text []byte) bool { return len(bytes.Trim(text, " \t\r\n")) == 0 }

func (r *reader) count() error {
	if r.values++; r.values > value.MaxValues {
		return &Fault{Detail: "the document has too many elements", TooLarge: true}
	}
	return nil
}

// element reads what an element holds, up to its end.
func (r *reader) element(e xml.StartElement, depth int) (*value.Value, error) {
	if depth == 0 {
		return nil, &Fault{Detail: fmt.Sprintf("the document is nested more than %d deep", value.MaxDepth), TooLarge: true}
	}
	if err := r.count(); err != nil {
		return nil, err
	}
	c := &content{reader: r, object: &value.Value{Kind: value.Object}, item: r.Items[e.Name.Local]}
	null, err := c.attributes(e.Attr)
	if err != nil {
		return nil, err
	}
	if err := c.read(e.Name, depth); err != nil {
		return nil, err
	}
	return c.value(e.Name.Local, null)
}

// content collects what an element holds.
type content struct {
	*reader
	object   *value.Value
	places   map[string]int // of members, once there are many: each child is looked up
	repeated map[string]bool
	text     strings.Builder
	item     string // the name of the items, if the element holds those of an array
	items    []*value.Value
}

func (c *content) attributes(list []xml.Attr) (null bool, err error) {
	for _, a := range list {
		switch {
		case a.Name.Space == "xmlns", a.Name.Space == "" && a.Name.Local == "xmlns", a.Name.Space == "xml":
			continue
		case a.Name.Local == "nil" && a.Name.Space != "":
			null = a.Value == "true" || a.Value == "1"
			continue
		}
		if err := c.count(); err != nil {
			return false, err
		}
		name := c.attribute() + a.Name.Local
		if c.find(name) >= 0 {
			return false, &Fault{Detail: fmt.Sprintf("an element has the attribute %s twice", clip(a.Name.Local))}
		}
		c.add(name, value.Text(a.Value))
	}
	return null, nil
}

// read reads up to the end of the element.
func (c *content) read(name xml.Name, depth int) error {
	for {
		t, err := c.token()
		if errors.Is(err, io.EOF) {
			return &Fault{Detail: fmt.Sprintf("the element %s is not ended", clip(name.Local))}
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.CharData:
			c.text.Write(t)
		case xml.EndElement:
			if t.Name != name {
				return &Fault{Detail: fmt.Sprintf("the element %s is ended as %s", clip(name.Local), clip(t.Name.Local))}
			}
			return nil
		case xml.StartElement:
			v, err := c.element(t, depth-1)
			if err != nil {
				return err
			}
			if err := c.child(t.Name.Local, v); err != nil {
				return err
			}
		}
	}
}

// few members are searched one by one.
const few = 8

func (c *content) find(name string) int {
	if len(c.object.Members) <= few {
		return c.object.Find(name)
	}
	if c.places == nil {
		c.places = make(map[string]int, 2*few)
		for i, m := range c.object.Members {
			c.places[m.Name] = i
		}
	}
	if i, ok := c.places[name]; ok {
		return i
	}
	return -1
}

func (c *content) add(name string, v *value.Value) {
	if c.places != nil {
		c.places[name] = len(c.object.Members)
	}
	c.object.Members = append(c.object.Members, value.Member{Name: name, Value: v})
}

// child puts a child element where it belongs.
func (c *content) child(name string, v *value.Value) error {
	if c.item != "" {
		if name != c.item {
			return &Fault{Detail: fmt.Sprintf("an element %s stands where each must be %s", clip(name), c.item)}
		}
		c.items = append(c.items, v)
		return nil
	}
	i := c.find(name)
	switch {
	case i < 0 && slices.Contains(c.Arrays, name):
		c.add(name, &value.Value{Kind: value.Array, Items: []*value.Value{v}})
	case i < 0:
		c.add(name, v)
	case slices.Contains(c.Arrays, name) || c.repeated[name]:
		m := c.object.Members[i].Value
		m.Items = append(m.Items, v)
	default:
		if c.repeated == nil {
			c.repeated = make(map[string]bool)
		}
		c.repeated[name] = true
		c.object.Members[i].Value = &value.Value{Kind: value.Array, Items: []*value.Value{c.object.Members[i].Value, v}}
	}
	return nil
}

// value makes one value of what was collected.
func (c *content) value(name string, null bool) (*value.Value, error) {
	text := c.text.String()
	if c.item != "" {
		if !blank([]byte(text)) || len(c.object.Members) > 0 {
			return nil, &Fault{Detail: fmt.Sprintf("the element %s holds an array and has text or attributes beside", clip(name))}
		}
		return &value.Value{Kind: value.Array, Items: c.items}, nil
	}
	if len(c.object.Members) == 0 {
		if null {
			return &value.Value{Kind: value.Null}, nil
		}
		return value.Text(text), nil
	}
	if !blank([]byte(text)) {
		c.add(c.Mapping.text(), value.Text(text))
	}
	return c.object, nil
}

func clip(s string) string {
	const longest = 60
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "…"
	}
	return s
}
