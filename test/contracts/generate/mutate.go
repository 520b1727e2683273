package generate

import (
	"encoding/json"
	"slices"
)

// Mutate gives a copy of a value with one thing changed somewhere.
func (m *Maker) Mutate(v any) any {
	n := count(v)
	target := m.IntN(n)
	return m.change(v, &target)
}

// count counts the values in a value.
func count(v any) int {
	n := 1
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			n += count(item)
		}
	case map[string]any:
		for _, item := range v {
			n += count(item)
		}
	}
	return n
}

// change copies a value; the one that the target counts down to is another.
func (m *Maker) change(v any, target *int) any {
	*target--
	if *target == -1 {
		return m.other(v)
	}
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = m.change(item, target)
		}
		return list
	case map[string]any:
		out := make(map[string]any, len(v))
		for _, name := range sorted(v) {
			out[name] = m.change(v[name], target)
		}
		return out
	}
	return v
}

func sorted(v map[string]any) []string {
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// other gives something else than a value.
func (m *Maker) other(v any) any {
	if m.IntN(3) == 0 {
		return m.any(maxDepth)
	}
	switch v := v.(type) {
	case bool:
		return !v
	case json.Number:
		numbers := []json.Number{"0", "-1", "1.5", "1e2", "-0.0", "2147483648", "-2147483649", "9223372036854775808", "0.1e1", "1e-3", "123456789012345678901234567890"}
		return numbers[m.IntN(len(numbers))]
	case string:
		return m.otherText(v)
	case []any:
		return m.otherList(v)
	case map[string]any:
		return m.otherObject(v)
	}
	return m.any(maxDepth)
}

func (m *Maker) otherText(v string) any {
	runes := []rune(v)
	switch m.IntN(5) {
	case 0:
		return v + string('a'+m.Int32N(26))
	case 1:
		if len(runes) > 0 {
			return string(runes[1:])
		}
	case 2:
		if len(runes) > 0 {
			runes[m.IntN(len(runes))] = ' ' + m.Int32N(90)
			return string(runes)
		}
	case 3:
		return v + v + v
	}
	return m.word()
}

func (m *Maker) otherList(v []any) any {
	list := slices.Clone(v)
	switch {
	case len(list) == 0 || m.IntN(3) == 0:
		return append(list, m.any(maxDepth))
	case m.IntN(2) == 0:
		return append(list, list[m.IntN(len(list))])
	}
	at := m.IntN(len(list))
	return slices.Delete(list, at, at+1)
}

func (m *Maker) otherObject(v map[string]any) any {
	out := merge(v, nil)
	names := sorted(v)
	if len(names) == 0 || m.IntN(3) == 0 {
		out[m.word()] = m.any(maxDepth)
		return out
	}
	name := names[m.IntN(len(names))]
	if m.IntN(3) == 0 {
		out[m.word()] = out[name]
	}
	delete(out, name)
	return out
}
