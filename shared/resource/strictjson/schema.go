package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"sluice/shared/problem"
)

// Schema holds values against one schema, which is compiled when it is first needed: a cold start compiles nothing.
type Schema struct {
	source  json.Marshaler
	once    sync.Once
	checked *jsonschema.Schema
	err     error
}

// NewSchema makes a Schema of one that can be written as JSON Schema 2020-12 without references.
func NewSchema(source json.Marshaler) *Schema { return &Schema{source: source} }

func (v *Schema) compile() {
	text, err := json.Marshal(v.source)
	if err != nil {
		v.err = fmt.Errorf("write schema: %w", err)
		return
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		v.err = fmt.Errorf("read schema: %w", err)
		return
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if v.err = c.AddResource("urn:sluice:schema", doc); v.err == nil {
		v.checked, v.err = c.Compile("urn:sluice:schema")
	}
}

// Check gives everything that is wrong with a value as Parse gives it; prefix precedes each pointer. The error is ours: a
// schema that does not compile.
func (v *Schema) Check(value any, prefix string) ([]problem.Fault, error) {
	v.once.Do(v.compile)
	if v.err != nil {
		return nil, fmt.Errorf("compile schema: %w", v.err)
	}
	err := v.checked.Validate(value)
	if err == nil {
		return nil, nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return nil, fmt.Errorf("validate: %w", err)
	}
	return faults(invalid, prefix, nil), nil
}

// faults flattens what the validator says into one fault per place, without repeating what was sent.
func faults(e *jsonschema.ValidationError, prefix string, out []problem.Fault) []problem.Fault {
	if len(e.Causes) > 0 {
		for _, cause := range e.Causes {
			out = faults(cause, prefix, out)
		}
		return out
	}
	at := prefix
	for _, token := range e.InstanceLocation {
		at += "/" + Escape(token)
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			out = append(out, problem.Fault{Pointer: at + "/" + Escape(name), Detail: "is required"})
		}
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			out = append(out, problem.Fault{Pointer: at + "/" + Escape(name), Detail: "is not a known field"})
		}
	default:
		out = append(out, problem.Fault{Pointer: at, Detail: say(e.ErrorKind)})
	}
	return out
}

// say explains one broken rule.
func say(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		return "must be " + strings.ReplaceAll(strings.Join(k.Want, " or "), "integer", "a whole number")
	case *kind.Enum:
		return fmt.Sprintf("must be one of %v", k.Want)
	case *kind.Pattern:
		if k.Want == `\S` {
			return "must not be empty"
		}
		return "must match " + k.Want
	case *kind.Format:
		if k.Want == "date-time" {
			return "must be a time such as 2026-11-23T19:00:00Z"
		}
		return "must be a " + k.Want
	case *kind.MaxLength:
		return "must have at most " + strconv.Itoa(k.Want) + " characters"
	case *kind.MinLength:
		return "must have at least " + strconv.Itoa(k.Want) + " characters"
	case *kind.MaxItems:
		return "must have at most " + strconv.Itoa(k.Want) + " entries"
	case *kind.MinItems:
		return "must have at least " + strconv.Itoa(k.Want) + " entries"
	case *kind.Minimum:
		return "must be at least " + k.Want.RatString()
	case *kind.Maximum:
		return "must be at most " + k.Want.RatString()
	case *kind.UniqueItems:
		return "has the same entry twice"
	}
	return "does not fit the schema of this operation"
}
