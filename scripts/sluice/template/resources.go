package template

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// What SAM fills in where a template says nothing, and the bounds of Lambda.
const (
	defaultTimeout  = 3
	defaultMemoryMB = 128
	maxTimeout      = 900
	maxMemoryMB     = 10240
)

// reader turns resources into a Template and collects what is wrong.
type reader struct {
	*evaluator
	faults []error
}

func (r *reader) fault(n *yaml.Node, format string, args ...any) {
	r.faults = append(r.faults, at(n, format, args...))
}

// api is an HTTP API with the names of its authorizers.
type api struct {
	API
	authorizers map[string]string // name → logical id of the function
	standard    string            // the default authorizer's name
}

func (r *reader) read(root *yaml.Node) *Template {
	globals, err := r.value(child(root, "Globals"))
	if err != nil {
		r.faults = append(r.faults, err)
	}
	resources := child(root, "Resources")
	if resources == nil || resources.Kind != yaml.MappingNode {
		r.fault(root, "the template has no Resources")
		return nil
	}
	t, apis := &Template{}, map[string]*api{}
	r.each(resources, "AWS::Serverless::HttpApi", func(id string, _ *yaml.Node, properties map[string]any) {
		apis[id] = readAPI(id, properties)
	})
	r.each(resources, "AWS::Serverless::Function", func(id string, n *yaml.Node, properties map[string]any) {
		t.Functions = append(t.Functions, r.function(id, n, asMap(asMap(globals)["Function"]), properties))
		r.events(id, n, &t.Functions[len(t.Functions)-1], asMap(properties["Events"]), apis)
	})
	slices.SortFunc(t.Functions, func(a, b Function) int { return cmp.Compare(a.ID, b.ID) })
	for _, id := range slices.Sorted(maps.Keys(apis)) {
		a := apis[id].API
		slices.SortFunc(a.Routes, func(x, y Route) int { return cmp.Or(cmp.Compare(x.Path, y.Path), cmp.Compare(x.Method, y.Method)) })
		t.APIs = append(t.APIs, a)
	}
	r.references(resources, t)
	return t
}

// each visits the resources of one type whose condition holds.
func (r *reader) each(resources *yaml.Node, kind string, visit func(id string, n *yaml.Node, properties map[string]any)) {
	for i := 0; i+1 < len(resources.Content); i += 2 {
		id, n := resources.Content[i].Value, resources.Content[i+1]
		if typ := child(n, "Type"); typ == nil || typ.Value != kind {
			continue
		}
		if c := child(n, "Condition"); c != nil {
			there, err := r.condition(c, c.Value)
			if err != nil {
				r.faults = append(r.faults, err)
			}
			if !there {
				continue
			}
		}
		properties, err := r.value(child(n, "Properties"))
		if err != nil {
			r.faults = append(r.faults, fmt.Errorf("%s: %w", id, err))
			continue
		}
		visit(id, n, asMap(properties))
	}
}

func readAPI(id string, properties map[string]any) *api {
	auth := asMap(properties["Auth"])
	a := &api{API: API{ID: id}, authorizers: map[string]string{}, standard: text(auth["DefaultAuthorizer"])}
	for name, authorizer := range asMap(auth["Authorizers"]) {
		function, _, _ := strings.Cut(text(asMap(authorizer)["FunctionArn"]), ".")
		a.authorizers[name] = function
	}
	return a
}

func (r *reader) function(id string, n *yaml.Node, globals, own map[string]any) Function {
	pick := func(key string) any {
		if v, ok := own[key]; ok {
			return v
		}
		return globals[key]
	}
	f := Function{ID: id, Handler: text(pick("Handler")), Env: map[string]string{}}
	f.MemoryMB = r.number(n, id+".MemorySize", pick("MemorySize"), defaultMemoryMB, maxMemoryMB)
	f.Timeout = time.Duration(r.number(n, id+".Timeout", pick("Timeout"), defaultTimeout, maxTimeout)) * time.Second
	for _, from := range []map[string]any{globals, own} {
		for name, v := range asMap(asMap(from["Environment"])["Variables"]) {
			f.Env[name] = text(v)
		}
	}
	return f
}

func (r *reader) number(n *yaml.Node, what string, v any, standard, most int) int {
	if v == nil {
		return standard
	}
	i, err := strconv.Atoi(text(v))
	if err != nil || i < 1 || i > most {
		r.fault(n, "%s must lie in 1..%d, not %q", what, most, text(v))
		return standard
	}
	return i
}

func (r *reader) events(id string, n *yaml.Node, f *Function, events map[string]any, apis map[string]*api) {
	for _, name := range slices.Sorted(maps.Keys(events)) {
		event := asMap(events[name])
		properties := asMap(event["Properties"])
		switch kind := text(event["Type"]); kind {
		case "HttpApi":
			r.route(id+"."+name, n, f.ID, properties, apis)
		case "Schedule", "ScheduleV2":
			r.schedule(id+"."+name, n, f, name, properties)
		case "":
			r.fault(n, "%s.%s has no Type", id, name)
		}
	}
}

// pathShape is a path of literal segments and variables, the last of which may be greedy.
var pathShape = regexp.MustCompile(`^(/|(/([A-Za-z0-9._~-]+|\{[A-Za-z0-9_]+\}))*/([A-Za-z0-9._~-]+|\{[A-Za-z0-9_]+\+?\}))$`)

func (r *reader) route(name string, n *yaml.Node, function string, properties map[string]any, apis map[string]*api) {
	target, ok := apis[text(properties["ApiId"])]
	if !ok {
		r.fault(n, "%s names no HTTP API of this template in its ApiId", name)
		return
	}
	route := Route{Method: strings.ToUpper(text(properties["Method"])), Path: text(properties["Path"]), Function: function}
	if route.Method == "" || route.Method == "X-AMAZON-APIGATEWAY-ANY-METHOD" {
		route.Method = "ANY"
	}
	if route.Path == "$default" {
		route.Path = ""
	}
	if route.Path == "" {
		route.Method = ""
	} else if !pathShape.MatchString(route.Path) {
		r.fault(n, "%s has a path that cannot be routed: %q", name, route.Path)
	}
	authorizer := target.standard
	if own, ok := asMap(properties["Auth"])["Authorizer"]; ok {
		authorizer = text(own)
	}
	if authorizer != "" && authorizer != "NONE" {
		if route.Authorizer = target.authorizers[authorizer]; route.Authorizer == "" {
			r.fault(n, "%s: the API has no authorizer %q with a FunctionArn", name, authorizer)
		}
	}
	if slices.ContainsFunc(target.Routes, func(o Route) bool { return o.Key() == route.Key() }) {
		r.fault(n, "%s: the route %q is there twice", name, route.Key())
	}
	target.Routes = append(target.Routes, route)
}

func (r *reader) schedule(name string, n *yaml.Node, f *Function, event string, properties map[string]any) {
	expression := text(properties["ScheduleExpression"])
	if expression == "" {
		expression = text(properties["Schedule"])
	}
	if expression == "" {
		r.fault(n, "%s has no expression", name)
		return
	}
	if text(properties["State"]) == "DISABLED" || properties["Enabled"] == false {
		return
	}
	f.Schedules = append(f.Schedules, Schedule{Name: event, Expression: expression, Input: text(properties["Input"])})
}

// references checks that each authorizer is a function that is there.
func (r *reader) references(n *yaml.Node, t *Template) {
	for _, a := range t.APIs {
		for _, route := range a.Routes {
			if _, ok := t.Function(route.Authorizer); route.Authorizer != "" && !ok {
				r.fault(n, "%s: the authorizer of %q is %q, which is no function of this template", a.ID, route.Key(), route.Authorizer)
			}
		}
	}
}
