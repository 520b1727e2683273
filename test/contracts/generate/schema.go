package generate

import (
	"encoding/json"
	"strconv"
)

// Schema makes a schema of JSON Schema 2020-12 out of all that there is, over few names and small values, so that values
// by chance fit it often. It may refer to the schemas a and b in $defs of the document.
func (m *Maker) Schema(depth int) any {
	switch n := m.IntN(20); {
	case n == 0:
		return true
	case n == 1 && depth > 0:
		return false
	case n == 2 || depth > 3:
		return map[string]any{"$ref": "#/$defs/" + m.name()}
	}
	s := map[string]any{}
	for range 1 + m.IntN(3) {
		m.keyword(s, depth+1)
	}
	return s
}

func (m *Maker) name() string { return []string{"a", "b"}[m.IntN(2)] }

func (m *Maker) small() any { return json.Number(strconv.Itoa(m.IntN(4))) }

// Small makes a value over the same few names.
func (m *Maker) Small(depth int) any {
	n := 8
	if depth > 2 {
		n = 6
	}
	switch m.IntN(n) {
	case 0:
		return nil
	case 1:
		return m.IntN(2) == 0
	case 2, 3:
		numbers := []json.Number{"0", "1", "2", "3", "1.0", "1.5", "-1", "1e1", "0.3", "0.10"}
		return numbers[m.IntN(len(numbers))]
	case 4, 5:
		texts := []string{"", "a", "b", "ab", "ba", "é"}
		return texts[m.IntN(len(texts))]
	case 6:
		list := []any{}
		for range m.IntN(4) {
			list = append(list, m.Small(depth+1))
		}
		return list
	}
	out := map[string]any{}
	for range m.IntN(4) {
		out[[]string{"a", "b", "c", "ab"}[m.IntN(4)]] = m.Small(depth + 1)
	}
	return out
}

func (m *Maker) list(depth int) []any {
	var list []any
	for range 1 + m.IntN(3) {
		list = append(list, m.Schema(depth))
	}
	return list
}

func (m *Maker) named(depth int, names ...string) map[string]any {
	out := map[string]any{}
	for range 1 + m.IntN(3) {
		out[names[m.IntN(len(names))]] = m.Schema(depth)
	}
	return out
}

func (m *Maker) names() []any {
	all := []any{"a", "b", "c"}
	m.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:m.IntN(3)]
}

// keyword adds one keyword, or some that belong together.
func (m *Maker) keyword(s map[string]any, depth int) {
	one := []string{"items", "additionalProperties", "not", "propertyNames", "unevaluatedProperties", "unevaluatedItems", "contains"}
	counts := []string{"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains"}
	kinds := []any{"null", "boolean", "integer", "number", "string", "array", "object"}
	switch m.IntN(14) {
	case 0:
		s["type"] = kinds[m.IntN(len(kinds))]
	case 1:
		i := m.IntN(len(kinds) - 1)
		s["type"] = []any{kinds[i], kinds[i+1]}
	case 2:
		s["enum"] = []any{m.Small(1), m.Small(1), m.Small(1), m.Small(1)}
	case 3:
		s["const"] = m.Small(1)
	case 4, 5:
		s[one[m.IntN(len(one))]] = m.Schema(depth)
	case 6:
		s[counts[m.IntN(len(counts))]] = m.small()
	case 7:
		s[[]string{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}[m.IntN(4)]] = m.small()
		s["multipleOf"] = []json.Number{"1", "0.1", "0.5", "3"}[m.IntN(4)]
	case 8, 9:
		s[[]string{"allOf", "anyOf", "oneOf", "prefixItems"}[m.IntN(4)]] = m.list(depth)
	case 10:
		s["properties"] = m.named(depth, "a", "b", "c")
		s["required"] = m.names()
	case 11:
		s["patternProperties"] = m.named(depth, "^a", "b$", "^[ab]{2,}$")
	case 12:
		s["if"], s["then"], s["else"] = m.Schema(depth), m.Schema(depth), m.Schema(depth)
	default:
		s["dependentSchemas"] = m.named(depth, "a", "b")
		s["dependentRequired"] = map[string]any{m.name(): m.names()}
		s["uniqueItems"] = m.IntN(2) == 0
		s["pattern"] = []string{"^a", "b$", "^[^a]*$"}[m.IntN(3)]
	}
}
