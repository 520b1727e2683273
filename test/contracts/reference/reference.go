// Package reference is the slow way to hold values against the schemas of an OpenAPI document: the document is rewritten
// into plain JSON Schema 2020-12, and a validator of others judges. It shares no code with shared/contract/schema; what
// OpenAPI means beyond JSON Schema is said here a second time, in terms of schemas.
package reference

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Direction is where values go.
type Direction string

// The directions, by the keyword of properties that do not go there.
const (
	Request  Direction = "readOnly"
	Response Direction = "writeOnly"
	Neither  Direction = ""
)

// Document is a rewritten document, ready to judge.
type Document struct {
	compiler *jsonschema.Compiler
	root     map[string]any
}

const name = "mem:document"

// New rewrites a document, as jsonschema.UnmarshalJSON gives it, for one direction. Document is changed.
func New(document map[string]any, d Direction) (*Document, error) {
	w := &writer{root: document, direction: d, done: map[string]bool{}}
	if v, ok := document["openapi"].(string); ok {
		w.old = strings.HasPrefix(v, "3.0")
	}
	w.notes = w.access(document)
	w.find(document, false)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	for _, f := range []string{"byte", "base64"} {
		c.RegisterFormat(&jsonschema.Format{Name: f, Validate: encoded})
	}
	// The validator's own takes what net/url can read; RFC 3986 is narrower.
	c.RegisterFormat(&jsonschema.Format{Name: "uri", Validate: grammar("^[A-Za-z][A-Za-z0-9+.-]*:" + rest)})
	c.RegisterFormat(&jsonschema.Format{Name: "uri-reference", Validate: grammar("^(?:[A-Za-z][A-Za-z0-9+.-]*:" + rest + "|[^:/?#]*(?:[/?#]|$)" + rest + ")")})
	if err := c.AddResource(name, document); err != nil {
		return nil, fmt.Errorf("add document: %w", err)
	}
	return &Document{c, document}, nil
}

// rest is what may follow in a URI, about: characters, one fragment, brackets only around an address.
const rest = `(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2}|//(?:[^/?#@\[\]]*@)?\[[0-9A-Fa-f:.]+\])*(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?(?:#(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?$`

// grammar makes a format of a regular expression and of what net/url reads.
func grammar(expression string) func(any) error {
	re := regexp.MustCompile(expression)
	return func(v any) error {
		s, ok := v.(string)
		if !ok {
			return nil
		}
		if !re.MatchString(s) {
			return errors.New("not in the grammar of RFC 3986")
		}
		_, err := url.Parse(s)
		return err
	}
}

func encoded(v any) error {
	s, ok := v.(string)
	if !ok {
		return nil
	}
	for _, e := range []*base64.Encoding{base64.StdEncoding.Strict(), base64.URLEncoding.Strict(), base64.RawURLEncoding.Strict()} {
		if _, err := e.DecodeString(s); err == nil {
			return nil
		}
	}
	return errors.New("no base64")
}

// Schema compiles the schema at a pointer.
func (d *Document) Schema(pointer string) (*jsonschema.Schema, error) {
	s, err := d.compiler.Compile(name + "#" + pointer)
	if err != nil {
		return nil, fmt.Errorf("compile %s: %w", pointer, err)
	}
	return s, nil
}

// writer rewrites schemas in place.
type writer struct {
	root      map[string]any
	direction Direction
	old       bool // OpenAPI 3.0
	done      map[string]bool
	notes     map[string]bool // of properties, by the identity of their schema: they do not go in this direction
}

// find looks for schemas: in components, and wherever a field is called schema.
func (w *writer) find(v any, schemas bool) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			w.find(item, false)
		}
	case map[string]any:
		for key, item := range v {
			switch {
			case schemas:
				v[key] = w.schema(item, nil)
			case key == "schema":
				v[key] = w.schema(item, nil)
			case key == "schemas":
				w.find(item, true)
			case key != "example" && key != "examples" && key != "default" && !strings.HasPrefix(key, "x-"):
				w.find(item, false)
			}
		}
	}
}

// asserted are the formats that are enforced.
func asserted(format string) bool {
	return strings.Contains(" date-time date time duration email uuid uri uri-reference hostname ipv4 ipv6 byte base64 regex json-pointer ",
		" "+format+" ")
}

// schema rewrites one schema; anchor is the pointer that $recursiveRef means.
func (w *writer) schema(v any, anchor map[string]any) any {
	s, ok := v.(map[string]any)
	if !ok {
		return v
	}
	if ref, ok := s["$ref"].(string); ok && w.old {
		return map[string]any{"$ref": ref}
	}
	if s["$recursiveAnchor"] == true {
		anchor = s
		s["$anchor"] = "recursive" + identity(s)
	}
	if s["$recursiveRef"] == "#" && anchor != nil {
		s["$ref"] = fmt.Sprintf("#%v", anchor["$anchor"])
	}
	delete(s, "$recursiveRef")
	delete(s, "$recursiveAnchor")
	w.inside(s, anchor)
	w.bounds(s)
	w.astray(s)
	w.choice(s)
	if w.old && s["nullable"] == true {
		return map[string]any{"anyOf": []any{map[string]any{"type": "null"}, s}}
	}
	return s
}

// inside rewrites the schemas in a schema.
func (w *writer) inside(s map[string]any, anchor map[string]any) {
	for key, item := range s {
		switch key {
		case "items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames", "unevaluatedProperties", "unevaluatedItems":
			s[key] = w.schema(item, anchor)
		case "allOf", "anyOf", "oneOf", "prefixItems":
			list, _ := item.([]any)
			if len(list) == 0 {
				delete(s, key)
			}
			for i := range list {
				list[i] = w.schema(list[i], anchor)
			}
		case "properties", "patternProperties", "$defs", "dependentSchemas":
			all, _ := item.(map[string]any)
			for k := range all {
				before := identity(all[k])
				all[k] = w.schema(all[k], anchor)
				if key == "properties" && w.notes[before] {
					all[k] = false
				}
			}
		case "format":
			if f, _ := item.(string); !asserted(f) && f != "int32" && f != "int64" {
				delete(s, key)
			}
		case "required":
			if _, ok := item.([]any); !ok {
				delete(s, key)
			}
		case "example", "examples", "default", "xml", "externalDocs":
			delete(s, key)
		}
	}
	if w.old {
		for _, key := range []string{"const", "if", "then", "else", "prefixItems", "contains", "patternProperties", "propertyNames",
			"dependentRequired", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems", "$id", "$anchor"} {
			delete(s, key)
		}
	}
}

// bounds rewrites exclusive bounds of 3.0 and the formats of integers.
func (w *writer) bounds(s map[string]any) {
	for plain, exclusive := range map[string]string{"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"} {
		if is, ok := s[exclusive].(bool); ok {
			delete(s, exclusive)
			if v, there := s[plain]; is && there {
				s[exclusive] = v
				delete(s, plain)
			}
		}
	}
	for format, limits := range map[string][2]int64{"int32": {-1 << 31, 1<<31 - 1}, "int64": {-1 << 63, 1<<63 - 1}} {
		if s["format"] == format {
			delete(s, "format")
			also(s, map[string]any{"if": map[string]any{"type": "number"}, "then": map[string]any{"type": "integer", "minimum": number(limits[0]), "maximum": number(limits[1])}})
		}
	}
}

// also adds a schema that must hold too.
func also(s map[string]any, other any) {
	all, _ := s["allOf"].([]any)
	s["allOf"] = append(append([]any{}, all...), other)
}
