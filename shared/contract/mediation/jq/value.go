package jq

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/itchyny/gojq"

	"sluice/shared/contract/mediation/value"
)

// plain gives a value as gojq takes it. Numbers keep their digits as long as nobody reckons with them.
func plain(v *value.Value) any {
	switch v.Kind {
	case value.Boolean:
		return v.Text == "true"
	case value.Number:
		return json.Number(v.Text)
	case value.String:
		return v.Text
	case value.Array:
		list := make([]any, len(v.Items))
		for i, item := range v.Items {
			list[i] = plain(item)
		}
		return list
	case value.Object:
		object := make(map[string]any, len(v.Members))
		for _, m := range v.Members {
			object[m.Name] = plain(m.Value)
		}
		return object
	default:
		return nil
	}
}

// tree is the way back. jq knows no order of members: they come in that of their names.
func tree(v any) (*value.Value, error) {
	switch v := v.(type) {
	case nil:
		return &value.Value{}, nil
	case bool:
		return value.Bool(v), nil
	case string:
		return value.Text(v), nil
	case []any:
		list := &value.Value{Kind: value.Array, Items: make([]*value.Value, len(v))}
		for i, item := range v {
			made, err := tree(item)
			if err != nil {
				return nil, err
			}
			list.Items[i] = made
		}
		return list, nil
	case map[string]any:
		object := &value.Value{Kind: value.Object, Members: make([]value.Member, 0, len(v))}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			made, err := tree(v[name])
			if err != nil {
				return nil, err
			}
			object.Members = append(object.Members, value.Member{Name: name, Value: made})
		}
		return object, nil
	}
	text, err := gojq.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write jq's number: %w", err)
	}
	if string(text) == "null" { // what is not a number
		return &value.Value{}, nil
	}
	return value.Digits(string(text)), nil
}
