// Package generate makes values that a schema should accept, and spoils them, by chance and reproducibly. It reads
// schemas as the document writes them; what it makes is mostly valid, and nobody relies on that.
package generate

import (
	"encoding/json"
	"math/rand/v2"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"sluice/test/contracts/reference"
)

// Maker makes values.
type Maker struct {
	*rand.Rand
	Root any // the document
}

// maxDepth is how deep values become unless their schema makes them deeper.
const maxDepth = 6

// Value makes a value for a schema.
func (m *Maker) Value(schema any, depth int) any {
	s, ok := schema.(map[string]any)
	if !ok || depth > 3*maxDepth {
		return m.any(depth)
	}
	if ref, ok := s["$ref"].(string); ok {
		return m.Value(reference.Lookup(m.Root, ref), depth+1)
	}
	if c, ok := s["const"]; ok {
		return c
	}
	if list, _ := s["enum"].([]any); len(list) > 0 {
		return list[m.IntN(len(list))]
	}
	if s["nullable"] == true && m.IntN(8) == 0 {
		return nil
	}
	for _, key := range []string{"oneOf", "anyOf"} {
		list, _ := s[key].([]any)
		if len(list) == 0 {
			continue
		}
		chosen := m.Value(list[m.IntN(len(list))], depth+1)
		if own, ok := chosen.(map[string]any); ok && s["properties"] != nil {
			return merge(m.object(s, depth), own)
		}
		return chosen
	}
	if all, _ := s["allOf"].([]any); len(all) > 0 {
		return m.all(s, all, depth)
	}
	return m.typed(s, depth)
}

func (m *Maker) all(s map[string]any, all []any, depth int) any {
	var v any
	for _, part := range all {
		one := m.Value(part, depth+1)
		if a, ok := v.(map[string]any); ok {
			if b, ok := one.(map[string]any); ok {
				v = merge(a, b)
				continue
			}
		}
		if one != nil || v == nil {
			v = one
		}
	}
	if a, ok := v.(map[string]any); ok && s["properties"] != nil {
		return merge(a, m.object(s, depth))
	}
	return v
}

func merge(a, b map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range a {
		out[k] = v
	}
	for k, v := range b {
		out[k] = v
	}
	return out
}

func (m *Maker) typed(s map[string]any, depth int) any {
	kind, _ := s["type"].(string)
	if list, _ := s["type"].([]any); len(list) > 0 {
		kind, _ = list[m.IntN(len(list))].(string)
	}
	if kind == "" && s["properties"] != nil {
		kind = "object"
	}
	switch kind {
	case "null":
		return nil
	case "boolean":
		return m.IntN(2) == 0
	case "integer", "number":
		return m.number(s, kind == "integer")
	case "string":
		return m.text(s)
	case "array":
		return m.array(s, depth)
	case "object":
		return m.object(s, depth)
	}
	return m.any(depth)
}

// any makes something.
func (m *Maker) any(depth int) any {
	n := 6
	if depth > maxDepth {
		n = 4
	}
	switch m.IntN(n) {
	case 0:
		return nil
	case 1:
		return m.IntN(2) == 0
	case 2:
		return json.Number(strconv.Itoa(m.IntN(200) - 100))
	case 3:
		return m.word()
	case 4:
		return []any{m.any(depth + 1), m.any(depth + 2)}
	}
	return map[string]any{m.word(): m.any(depth + 1), m.word(): m.any(depth + 2)}
}

func (m *Maker) word() string {
	words := []string{"", "a", "id", "name", "type", "Zoë", "😀", "0", "x y", "a/b~c", "null", "true", "1", "quote\"\\\n"}
	return words[m.IntN(len(words))]
}

func whole(v any, otherwise int) int {
	if n, ok := v.(json.Number); ok {
		if f, err := n.Float64(); err == nil && f < 1e6 && f > -1e6 {
			return int(f)
		}
	}
	return otherwise
}

func (m *Maker) number(s map[string]any, integer bool) any {
	low := whole(s["minimum"], whole(s["exclusiveMinimum"], 0))
	high := whole(s["maximum"], whole(s["exclusiveMaximum"], low+100))
	n := low
	if high > low {
		n += m.IntN(high - low + 1)
	}
	switch {
	case m.IntN(10) == 0:
		return json.Number(strconv.Itoa(n) + ".0")
	case integer || m.IntN(2) == 0:
		return json.Number(strconv.Itoa(n))
	}
	return json.Number(strconv.Itoa(n) + "." + strconv.Itoa(1+m.IntN(98)))
}

func (m *Maker) array(s map[string]any, depth int) any {
	low := whole(s["minItems"], 0)
	n := low
	if depth < maxDepth {
		n += m.IntN(3)
	}
	if high := whole(s["maxItems"], n); n > high {
		n = high
	}
	prefix, _ := s["prefixItems"].([]any)
	list := []any{}
	for i := range n {
		if i < len(prefix) {
			list = append(list, m.Value(prefix[i], depth+1))
		} else {
			list = append(list, m.Value(s["items"], depth+1))
		}
	}
	return list
}

func (m *Maker) object(s map[string]any, depth int) map[string]any {
	out := map[string]any{}
	properties, _ := s["properties"].(map[string]any)
	required, _ := s["required"].([]any)
	names := make([]string, 0, len(properties))
	for name := range properties {
		names = append(names, name)
	}
	slices.Sort(names) // by chance, but reproducibly
	for _, name := range names {
		if slices.Contains(required, any(name)) || m.IntN(2+depth) == 0 {
			out[name] = m.Value(properties[name], depth+1)
		}
	}
	for _, name := range required {
		if text, ok := name.(string); ok && properties[text] == nil {
			out[text] = m.any(depth)
		}
	}
	if more, ok := s["additionalProperties"].(map[string]any); ok && m.IntN(2) == 0 {
		out[m.word()] = m.Value(more, depth+1)
	}
	return out
}

func (m *Maker) text(s map[string]any) any {
	if p, ok := s["pattern"].(string); ok {
		if re, err := syntax.Parse(p, syntax.Perl); err == nil {
			return m.matching(re.Simplify())
		}
	}
	format, _ := s["format"].(string)
	if v, ok := map[string]string{"date": "2026-11-24", "date-time": "2026-11-24T03:10:55Z", "time": "03:10:55.5+01:00", "duration": "P1DT2H", "email": "a@example.com",
		"uuid": "2fd3ad6b-1c1f-4b3f-8b1e-0d1f2a3b4c5d", "uri": "https://example.com/a?b#c", "uri-reference": "../a", "hostname": "example.com",
		"ipv4": "192.0.2.1", "ipv6": "2001:db8::1", "byte": "YQ==", "base64": "YWI=", "json-pointer": "/a/0", "regex": "^a+$"}[format]; ok && m.IntN(10) > 0 {
		return v
	}
	low := whole(s["minLength"], 0)
	text := m.word()
	for len([]rune(text)) < low {
		text += "é"
	}
	if high := whole(s["maxLength"], 1000); len([]rune(text)) > high {
		text = string([]rune(text)[:max(high, 0)])
	}
	return text
}

// matching makes a text that an expression matches.
func (m *Maker) matching(re *syntax.Regexp) string {
	switch re.Op {
	case syntax.OpLiteral:
		return string(re.Rune)
	case syntax.OpCharClass:
		i := m.IntN(len(re.Rune)/2) * 2
		return string(re.Rune[i] + m.Int32N(min(re.Rune[i+1]-re.Rune[i]+1, 30)))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return "x"
	case syntax.OpCapture, syntax.OpConcat:
		var b strings.Builder
		for _, sub := range re.Sub {
			b.WriteString(m.matching(sub))
		}
		return b.String()
	case syntax.OpAlternate:
		return m.matching(re.Sub[m.IntN(len(re.Sub))])
	case syntax.OpStar, syntax.OpQuest:
		if m.IntN(2) == 0 {
			return ""
		}
		return m.matching(re.Sub[0])
	case syntax.OpPlus:
		return m.matching(re.Sub[0]) + m.matching(re.Sub[0])
	default:
		return ""
	}
}
