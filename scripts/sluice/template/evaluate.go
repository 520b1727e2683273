package template

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds of one template: what a person writes stays far below, what aliases blow up does not.
const (
	maxDepth = 64
	maxNodes = 200_000
)

// absent is what !Ref AWS::NoValue and a false !If without a value leave behind: the member is not there.
type absent struct{}

// evaluator turns YAML nodes into plain values (string, bool, int, float64, nil, []any, map[string]any) and resolves
// the intrinsic functions on the way. What only the cloud knows (the ARN of a resource, an output of a nested stack)
// becomes the text of the reference itself: "Data.Outputs.TableName".
type evaluator struct {
	parameters map[string]any
	mappings   map[string]any
	conditions map[string]*yaml.Node
	deciding   map[string]bool // conditions being evaluated, to notice circles
	nodes      int
	depth      int
}

func (e *evaluator) value(n *yaml.Node) (any, error) {
	if n == nil {
		return nil, nil
	}
	e.nodes++
	e.depth++
	defer func() { e.depth-- }()
	if e.depth > maxDepth || e.nodes > maxNodes {
		return nil, at(n, "the template is nested too deeply or too large")
	}
	if name, argument, ok := intrinsic(n); ok {
		return e.call(n, name, argument)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) == 1 {
			return e.value(n.Content[0])
		}
		return nil, at(n, "the template must be one YAML document")
	case yaml.AliasNode:
		return e.value(n.Alias)
	case yaml.MappingNode:
		return e.mapping(n)
	case yaml.SequenceNode:
		return e.sequence(n)
	case yaml.ScalarNode:
		return scalar(n)
	default:
		return nil, at(n, "this YAML cannot be read")
	}
}

func (e *evaluator) mapping(n *yaml.Node) (any, error) {
	m := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			return nil, at(key, "a name must be plain text")
		}
		if _, twice := m[key.Value]; twice {
			return nil, at(key, "%q is there twice", key.Value)
		}
		v, err := e.value(n.Content[i+1])
		if err != nil {
			return nil, err
		}
		if _, none := v.(absent); !none {
			m[key.Value] = v
		}
	}
	return m, nil
}

func (e *evaluator) sequence(n *yaml.Node) (any, error) {
	list := make([]any, 0, len(n.Content))
	for _, c := range n.Content {
		v, err := e.value(c)
		if err != nil {
			return nil, err
		}
		if _, none := v.(absent); !none {
			list = append(list, v)
		}
	}
	return list, nil
}

func scalar(n *yaml.Node) (any, error) {
	switch n.Tag {
	case "!!str", "!!timestamp", "!!binary":
		return n.Value, nil
	case "!!null":
		return nil, nil
	case "!!bool", "!!int", "!!float":
		var v any
		if err := n.Decode(&v); err != nil {
			return nil, at(n, "%q cannot be read: %v", n.Value, err)
		}
		return v, nil
	default:
		return nil, at(n, "the tag %s is not known", n.Tag)
	}
}

// intrinsic recognises a function in its short form (!Sub x) and in its long one ({"Fn::Sub": x}).
func intrinsic(n *yaml.Node) (name string, argument *yaml.Node, ok bool) {
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		plain := *n
		plain.Tag = ""
		switch n.Kind {
		case yaml.ScalarNode:
			plain.Tag = "!!str"
		case yaml.SequenceNode:
			plain.Tag = "!!seq"
		case yaml.MappingNode:
			plain.Tag = "!!map"
		case yaml.DocumentNode, yaml.AliasNode:
		}
		return n.Tag[1:], &plain, true
	}
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 {
		key := n.Content[0].Value
		if key == "Ref" || key == "Condition" && n.Content[1].Kind == yaml.ScalarNode {
			return key, n.Content[1], true
		}
		if name, found := strings.CutPrefix(key, "Fn::"); found {
			return name, n.Content[1], true
		}
	}
	return "", nil, false
}

// call resolves one intrinsic function.
func (e *evaluator) call(n *yaml.Node, name string, argument *yaml.Node) (any, error) {
	switch name {
	case "Ref":
		return e.ref(argument)
	case "GetAtt":
		return e.getAtt(argument)
	case "Sub":
		return e.sub(argument)
	case "If":
		return e.choose(argument)
	case "Condition":
		return e.condition(argument, argument.Value)
	case "Equals", "Not", "And", "Or":
		return e.logic(n, name, argument)
	case "FindInMap", "Join", "Select", "Split":
		return e.list(n, name, argument)
	case "Base64", "ImportValue", "GetAZs", "Cidr", "Transform":
		return "", nil // of no use to a local cloud
	default:
		return nil, at(n, "the function %s is not known", name)
	}
}

func (e *evaluator) ref(n *yaml.Node) (any, error) {
	if n.Kind != yaml.ScalarNode {
		return nil, at(n, "Ref needs a name")
	}
	if n.Value == "AWS::NoValue" {
		return absent{}, nil
	}
	if v, ok := e.parameters[n.Value]; ok {
		return v, nil
	}
	return n.Value, nil
}

func (e *evaluator) getAtt(n *yaml.Node) (any, error) {
	v, err := e.value(n)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case []any:
		return join(v, "."), nil
	}
	return nil, at(n, "GetAtt needs a resource and an attribute")
}

func (e *evaluator) sub(n *yaml.Node) (any, error) {
	v, err := e.value(n)
	if err != nil {
		return nil, err
	}
	text, names := v, map[string]any(nil)
	if list, ok := v.([]any); ok && len(list) == 2 {
		text = list[0]
		names, _ = list[1].(map[string]any)
	}
	format, ok := text.(string)
	if !ok {
		return nil, at(n, "Sub needs a text")
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(format, "${")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, at(n, "Sub has a ${ without its }")
		}
		b.WriteString(e.variable(name, names))
		format = after
	}
}

func (e *evaluator) variable(name string, names map[string]any) string {
	if literal, ok := strings.CutPrefix(name, "!"); ok {
		return "${" + literal + "}"
	}
	if v, ok := names[name]; ok {
		return text(v)
	}
	if v, ok := e.parameters[name]; ok {
		return text(v)
	}
	return name
}

func (e *evaluator) choose(n *yaml.Node) (any, error) {
	if n.Kind != yaml.SequenceNode || len(n.Content) != 3 {
		return nil, at(n, "If needs a condition and two values")
	}
	yes, err := e.condition(n.Content[0], n.Content[0].Value)
	if err != nil {
		return nil, err
	}
	if yes {
		return e.value(n.Content[1])
	}
	return e.value(n.Content[2])
}

// condition decides a named condition; an unknown one and a circle are errors.
func (e *evaluator) condition(where *yaml.Node, name string) (bool, error) {
	n, ok := e.conditions[name]
	if !ok {
		return false, at(where, "the condition %q is not there", name)
	}
	if e.deciding[name] {
		return false, at(where, "the condition %q depends on itself", name)
	}
	e.deciding[name] = true
	defer delete(e.deciding, name)
	v, err := e.value(n)
	if err != nil {
		return false, err
	}
	yes, ok := v.(bool)
	if !ok {
		return false, at(n, "the condition %q is neither true nor false", name)
	}
	return yes, nil
}

func (e *evaluator) logic(n *yaml.Node, name string, argument *yaml.Node) (any, error) {
	v, err := e.value(argument)
	if err != nil {
		return nil, err
	}
	list, _ := v.([]any)
	if name == "Equals" {
		if len(list) != 2 {
			return nil, at(n, "Equals needs two values")
		}
		return text(list[0]) == text(list[1]), nil
	}
	if len(list) == 0 || name == "Not" && len(list) != 1 {
		return nil, at(n, "%s needs a list of conditions", name)
	}
	and, or := true, false
	for _, item := range list {
		yes, ok := item.(bool)
		if !ok {
			return nil, at(n, "%s needs conditions", name)
		}
		and, or = and && yes, or || yes
	}
	switch name {
	case "Not":
		return !and, nil
	case "And":
		return and, nil
	}
	return or, nil
}

func (e *evaluator) list(n *yaml.Node, name string, argument *yaml.Node) (any, error) {
	v, err := e.value(argument)
	if err != nil {
		return nil, err
	}
	list, _ := v.([]any)
	switch {
	case name == "FindInMap" && len(list) >= 3:
		var found any = e.mappings
		for _, key := range list[:3] {
			level, _ := found.(map[string]any)
			if found = level[text(key)]; found == nil {
				return nil, at(n, "the mapping %s is not there", join(list[:3], "."))
			}
		}
		return found, nil
	case name == "Join" && len(list) == 2:
		items, _ := list[1].([]any)
		return join(items, text(list[0])), nil
	case name == "Split" && len(list) == 2:
		var parts []any
		for _, part := range strings.Split(text(list[1]), text(list[0])) {
			parts = append(parts, part)
		}
		return parts, nil
	case name == "Select" && len(list) == 2:
		items, _ := list[1].([]any)
		if i, err := strconv.Atoi(text(list[0])); err == nil && i >= 0 && i < len(items) {
			return items[i], nil
		}
		return nil, at(n, "Select names no member of its list")
	}
	return nil, at(n, "%s lacks an argument", name)
}

// text writes a plain value as CloudFormation does where it needs a string.
func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func join(list []any, separator string) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = text(v)
	}
	return strings.Join(parts, separator)
}

// at makes an error that names the line.
func at(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("line %d: %s", n.Line, fmt.Sprintf(format, args...))
}
