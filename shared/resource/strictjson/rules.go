package strictjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// rules are those of one schema, and of all below it.
type rules struct {
	Type types
	Enum values
	textRules
	numberRules
	listRules
	objectRules
	remarks
}

// textRules are for texts. Format may be one of numbers, too: those only say how wide a variable must be.
type textRules struct {
	Format    format
	Pattern   *pattern
	MinLength *int
	MaxLength *int
}

type numberRules struct {
	Minimum *bound
	Maximum *bound
}

type listRules struct {
	Items       *rules
	MinItems    *int
	MaxItems    *int
	UniqueItems bool
}

type objectRules struct {
	Properties           map[string]*rules
	AdditionalProperties *others
	Required             []string
	MaxProperties        *int
}

// remarks describe, and hold nothing against anything.
type remarks struct {
	Title       json.RawMessage
	Description json.RawMessage
	Examples    json.RawMessage
	ReadOnly    json.RawMessage
}

// readRules reads a schema with no keyword but those above.
func readRules(text []byte) (*rules, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	r := new(rules)
	if err := d.Decode(r); err != nil {
		return nil, err
	}
	return r, nil
}

// others is what members without a schema of their own must be like: nothing if they are refused.
type others struct {
	refused bool
	rules   *rules
}

// UnmarshalJSON reads true, false or a schema.
func (o *others) UnmarshalJSON(text []byte) (err error) {
	if text[0] != '{' {
		var allowed bool
		err = json.Unmarshal(text, &allowed)
		o.refused, o.rules = !allowed, new(rules)
		return err
	}
	o.rules, err = readRules(text)
	return err
}

// pattern is a regular expression as Go has them.
type pattern struct{ *regexp.Regexp }

// UnmarshalJSON compiles the expression.
func (p *pattern) UnmarshalJSON(text []byte) error {
	var source string
	err := json.Unmarshal(text, &source)
	if err == nil {
		p.Regexp, err = regexp.Compile(source)
	}
	return err
}

// bound is a number, exactly.
type bound struct{ *big.Rat }

// UnmarshalJSON reads the number.
func (b *bound) UnmarshalJSON(text []byte) error {
	n, ok := new(big.Rat).SetString(string(text))
	if !ok {
		return fmt.Errorf("the bound %s is no number", text)
	}
	b.Rat = n
	return nil
}

// values are what an enumeration allows, as Parse gives them.
type values []any

// UnmarshalJSON reads the list.
func (e *values) UnmarshalJSON(text []byte) error {
	v, err := Parse(text)
	list, ok := v.([]any)
	if err == nil && !ok {
		err = fmt.Errorf("the enumeration %s is no list", text)
	}
	*e = list
	return err
}

// types are the names of types of which a value must have one.
type types []string

// typeNames are all of them, in the order in which an answer names them.
func typeNames() []string {
	return []string{"null", "boolean", "number", "integer", "string", "array", "object"}
}

// UnmarshalJSON reads one name, or a list.
func (t *types) UnmarshalJSON(text []byte) error {
	var names []string
	if text[0] != '[' {
		text = slices.Concat([]byte("["), text, []byte("]"))
	}
	if err := json.Unmarshal(text, &names); err != nil {
		return err
	}
	for _, name := range typeNames() {
		if slices.Contains(names, name) {
			*t = append(*t, name)
		}
	}
	if len(*t) != len(names) {
		return fmt.Errorf("the types %q are not known", names)
	}
	return nil
}

// String writes the types for an answer.
func (t types) String() string {
	return strings.ReplaceAll(strings.Join(t, " or "), "integer", "a whole number")
}

// allow reports whether a value has one of the types.
func (t types) allow(v any) bool {
	name := ""
	switch v := v.(type) {
	case nil:
		name = "null"
	case bool:
		name = "boolean"
	case string:
		name = "string"
	case []any:
		name = "array"
	case map[string]any:
		name = "object"
	case json.Number:
		if name = "number"; slices.Contains(t, "integer") && isWhole(v) {
			return true
		}
	}
	return slices.Contains(t, name)
}

func isWhole(n json.Number) bool {
	r, ok := new(big.Rat).SetString(n.String())
	return ok && r.IsInt()
}

// equal reports whether two values are the same; numbers are by what they stand for.
func equal(a, b any) bool { return plainest(a) == plainest(b) }

// repeats reports whether a list has an entry twice.
func repeats(list []any) bool {
	seen := make(map[string]bool, len(list))
	for _, v := range list {
		seen[plainest(v)] = true
	}
	return len(seen) < len(list)
}

// plainest writes a value so that equal ones are the same text, and no others.
func plainest(v any) string {
	switch v := v.(type) {
	case map[string]any:
		members := make([]string, 0, len(v))
		for name, member := range v {
			members = append(members, strconv.Quote(name)+":"+plainest(member))
		}
		slices.Sort(members)
		return "{" + strings.Join(members, ",") + "}"
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = plainest(item)
		}
		return "[" + strings.Join(items, ",") + "]"
	case string:
		return strconv.Quote(v)
	case json.Number:
		if n, ok := new(big.Rat).SetString(v.String()); ok {
			return n.RatString()
		}
	}
	return fmt.Sprint(v) // null, true, false
}
