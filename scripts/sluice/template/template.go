// Package template reads an AWS SAM template as far as a local cloud needs it: the functions with their settings, the
// HTTP APIs with their routes and authorizers, and the schedules.
//
// It reads the YAML itself: intrinsic functions are resolved with the parameters' defaults, what only the cloud knows
// stays as the text of its reference, and everything that is wrong is reported together, with lines.
package template

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Template is what a local cloud runs. Functions, APIs and their routes are in the order of their names.
type Template struct {
	Functions []Function
	APIs      []API
}

// Function is one Lambda function.
type Function struct {
	ID        string // logical id: "AuthorizerFunction"
	Handler   string
	MemoryMB  int
	Timeout   time.Duration
	Env       map[string]string
	Schedules []Schedule
}

// Folder names the function's folder below functions/: "AuthorizerFunction" is "authorizer". The Makefile's build
// targets follow the same rule.
func (f Function) Folder() string { return strings.ToLower(strings.TrimSuffix(f.ID, "Function")) }

// API is one HTTP API.
type API struct {
	ID     string // logical id: "GatewayApi"
	Routes []Route
}

// Route leads calls of an API to a function. Method and Path are "" for the route $default; Method may be "ANY".
type Route struct {
	Method, Path string
	Function     string // logical id
	Authorizer   string // logical id of the authorizing function, "" for none
}

// Key writes the route as an event's routeKey does: "GET /healthz", "$default".
func (r Route) Key() string {
	if r.Path == "" {
		return "$default"
	}
	return r.Method + " " + r.Path
}

// Schedule calls a function at times that Expression tells: "rate(1 minute)", "cron(0 12 * * ? *)".
type Schedule struct {
	Name       string
	Expression string
	Input      string // JSON, "" for none
}

// Function finds a function by its logical id.
func (t *Template) Function(id string) (Function, bool) {
	i := slices.IndexFunc(t.Functions, func(f Function) bool { return f.ID == id })
	if i < 0 {
		return Function{}, false
	}
	return t.Functions[i], true
}

// API finds the one API whose logical id begins with the prefix, whatever its case.
func (t *Template) API(prefix string) (API, error) {
	var found []API
	for _, a := range t.APIs {
		if strings.HasPrefix(strings.ToLower(a.ID), strings.ToLower(prefix)) {
			found = append(found, a)
		}
	}
	if len(found) != 1 {
		return API{}, fmt.Errorf("the template must have one HTTP API named %s…; it has %d", prefix, len(found))
	}
	return found[0], nil
}

// Read reads a template. Overrides replace the defaults of parameters. The error joins everything that is wrong.
func Read(source []byte, overrides map[string]string) (*Template, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(source, &root); err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) != 1 || root.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("read template: it is not a mapping")
	}
	e := &evaluator{conditions: map[string]*yaml.Node{}, deciding: map[string]bool{}}
	if err := e.prepare(root.Content[0], overrides); err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	r := &reader{evaluator: e}
	t := r.read(root.Content[0])
	if len(r.faults) > 0 {
		return nil, fmt.Errorf("read template: %w", errors.Join(r.faults...))
	}
	return t, nil
}

// prepare reads what intrinsic functions refer to: parameters, mappings, conditions.
func (e *evaluator) prepare(root *yaml.Node, overrides map[string]string) error {
	e.parameters = map[string]any{
		"AWS::Region": "us-east-1", "AWS::AccountId": "123456789012", "AWS::Partition": "aws",
		"AWS::StackName": "sluice-local", "AWS::StackId": "sluice-local", "AWS::URLSuffix": "amazonaws.com",
	}
	declared, err := e.value(child(root, "Parameters"))
	if err != nil {
		return err
	}
	for name, p := range asMap(declared) {
		e.parameters[name] = asMap(p)["Default"]
	}
	for name, v := range overrides {
		e.parameters[name] = v
	}
	mappings, err := e.value(child(root, "Mappings"))
	if err != nil {
		return err
	}
	e.mappings = asMap(mappings)
	if c := child(root, "Conditions"); c != nil && c.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(c.Content); i += 2 {
			e.conditions[c.Content[i].Value] = c.Content[i+1]
		}
	}
	return nil
}

// child finds a member of a mapping node; nil if there is none.
func child(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// asMap gives a value's members, none if it is no mapping.
func asMap(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}
