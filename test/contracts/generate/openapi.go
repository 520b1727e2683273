package generate

import "strings"

// Document makes an OpenAPI document of a version with one operation, whose body has a schema by chance: with references,
// discriminators and properties that are only read or only written.
func (m *Maker) Document(version string) map[string]any {
	components := map[string]any{"a": m.open(m.Schema(1)), "b": m.open(m.Schema(1))}
	return map[string]any{"openapi": version, "components": map[string]any{"schemas": components},
		"paths": map[string]any{"/": map[string]any{"post": map[string]any{"requestBody": map[string]any{"content": map[string]any{
			"application/json": map[string]any{"schema": m.open(m.Schema(0))}}}}}}}
}

// open turns a schema into one of OpenAPI.
func (m *Maker) open(v any) any {
	switch v := v.(type) {
	case bool:
		if v {
			return map[string]any{}
		}
		return map[string]any{"not": map[string]any{}}
	case map[string]any:
		for _, key := range sorted(v) { // by chance, but reproducibly
			item := v[key]
			switch key {
			case "enum", "const", "required", "dependentRequired":
			case "properties", "patternProperties", "dependentSchemas":
				all, _ := item.(map[string]any)
				for _, name := range sorted(all) {
					all[name] = m.access(m.open(all[name]))
				}
			case "allOf", "anyOf", "oneOf", "prefixItems":
				list, _ := item.([]any)
				for i := range list {
					list[i] = m.open(list[i])
				}
			default:
				v[key] = m.open(item)
			}
		}
		m.extras(v)
		return v
	case string:
		return strings.Replace(v, "#/$defs/", "#/components/schemas/", 1)
	}
	return v
}

// access lets a property go in one direction only, now and then.
func (m *Maker) access(v any) any {
	s, ok := v.(map[string]any)
	if ok && m.IntN(4) == 0 {
		s[[]string{"readOnly", "writeOnly"}[m.IntN(2)]] = true
	}
	return v
}

// extras adds what only OpenAPI has.
func (m *Maker) extras(s map[string]any) {
	if m.IntN(5) == 0 {
		s["nullable"] = m.IntN(2) == 0
	}
	if m.IntN(3) == 0 && s["minimum"] != nil {
		s["exclusiveMinimum"] = m.IntN(2) == 0
	}
	if m.IntN(5) == 0 {
		s["format"] = []string{"int32", "int64", "byte", "date", "password"}[m.IntN(5)]
	}
	if m.IntN(6) == 0 {
		refs := []any{map[string]any{"$ref": "#/components/schemas/a"}, map[string]any{"$ref": "#/components/schemas/b"}, map[string]any{"type": "object"}}
		s[[]string{"oneOf", "anyOf"}[m.IntN(2)]] = refs
		d := map[string]any{"propertyName": m.name()}
		if m.IntN(2) == 0 {
			d["mapping"] = map[string]any{"ab": "a", "ba": "#/components/schemas/b", "a": "b", "é": "nowhere"}
		}
		s["discriminator"] = d
	}
}
