package reference

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

func number(n int64) json.Number { return json.Number(strconv.FormatInt(n, 10)) }

// identity names a value by where it is in memory.
func identity(v any) string {
	if m, ok := v.(map[string]any); ok {
		return fmt.Sprintf("%p", m)[2:]
	}
	return ""
}

// Lookup follows a reference within a document.
func Lookup(root any, ref string) any {
	pointer, ok := strings.CutPrefix(ref, "#")
	if !ok || pointer == "" {
		return nil
	}
	if decoded, err := url.PathUnescape(pointer); err == nil {
		pointer = decoded
	}
	v := root
	for _, token := range strings.Split(pointer[1:], "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		switch in := v.(type) {
		case map[string]any:
			v = in[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

// access finds the schemas that say that they do not go in the direction, themselves or where they lead.
func (w *writer) access(document map[string]any) map[string]bool {
	notes := map[string]bool{}
	if w.direction == Neither {
		return notes
	}
	var says func(v any, depth int) bool
	says = func(v any, depth int) bool {
		s, ok := v.(map[string]any)
		if !ok || depth > 8 {
			return false
		}
		ref, isRef := s["$ref"].(string)
		if s[string(w.direction)] == true && (!isRef || !w.old) {
			return true
		}
		if isRef && says(Lookup(w.root, ref), depth+1) {
			return true
		}
		if all, ok := s["allOf"].([]any); ok && (!isRef || !w.old) {
			for _, part := range all {
				if says(part, depth+1) {
					return true
				}
			}
		}
		return false
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				walk(item)
			}
		case map[string]any:
			for key, item := range v {
				if all, ok := item.(map[string]any); ok && key == "properties" {
					for _, p := range all {
						if says(p, 0) {
							notes[identity(p)] = true
						}
					}
				}
				walk(item)
			}
		}
	}
	walk(document)
	return notes
}

// astray lifts the requirement of what does not go in the direction.
func (w *writer) astray(s map[string]any) {
	list, ok := s["required"].([]any)
	if !ok || w.direction == Neither {
		return
	}
	var kept []any
	for _, name := range list {
		text, _ := name.(string)
		if !w.gone(s, text, 0) {
			kept = append(kept, name)
		}
	}
	s["required"] = append([]any{}, kept...)
}

// gone reports whether a property has been declared as going the other way, here or in what holds too.
func (w *writer) gone(v any, property string, depth int) bool {
	s, ok := v.(map[string]any)
	if !ok || depth > 8 {
		return false
	}
	if all, ok := s["properties"].(map[string]any); ok {
		if p, there := all[property]; there && (p == false || w.notes[identity(p)]) {
			return true
		}
	}
	if ref, ok := s["$ref"].(string); ok && w.gone(Lookup(w.root, ref), property, depth+1) {
		return true
	}
	if all, ok := s["allOf"].([]any); ok {
		for _, part := range all {
			if w.gone(part, property, depth+1) {
				return true
			}
		}
	}
	return false
}

// choice says with if and else what a discriminator says: a value that names an alternative chooses it.
func (w *writer) choice(s map[string]any) {
	d, ok := s["discriminator"].(map[string]any)
	delete(s, "discriminator")
	property, _ := d["propertyName"].(string)
	keyword := "oneOf"
	if list, _ := s[keyword].([]any); len(list) == 0 {
		keyword = "anyOf"
	}
	list, _ := s[keyword].([]any)
	if !ok || property == "" || len(list) == 0 {
		return
	}
	values := map[string]any{}
	refs := map[string]any{}
	for _, item := range list {
		alternative, _ := item.(map[string]any)
		ref, _ := alternative["$ref"].(string)
		if ref != "" {
			refs[ref] = item
		}
		if name, ok := strings.CutPrefix(ref, "#/components/schemas/"); ok {
			values[name] = item
		}
	}
	mapping, _ := d["mapping"].(map[string]any)
	for value, to := range mapping {
		ref, _ := to.(string)
		item := refs["#/components/schemas/"+ref]
		if item == nil {
			item = refs[ref]
		}
		delete(values, value)
		if item != nil {
			values[value] = item
		}
	}
	var chain any = map[string]any{keyword: s[keyword]}
	for value, item := range values {
		chain = map[string]any{
			"if": map[string]any{"type": "object", "required": []any{property},
				"properties": map[string]any{property: map[string]any{"const": value}}},
			"then": item, "else": chain}
	}
	delete(s, keyword)
	also(s, chain)
}
