package httpapi

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
)

// router finds the route of a call as the service does: literal segments before variables, variables before a greedy
// one, a method by name before ANY, and $default when nothing else fits. Paths are compared as they were sent.
type router struct {
	literal  map[string][]*Route // by path
	patterns []pattern           // the most specific first
	fallback *Route
}

// pattern is a path with variables, in segments.
type pattern struct {
	segments []string
	route    *Route
}

func newRouter(routes []Route) *router {
	t := &router{literal: map[string][]*Route{}}
	for i := range routes {
		r := &routes[i]
		switch {
		case r.Path == "":
			t.fallback = r
		case strings.Contains(r.Path, "{"):
			t.patterns = append(t.patterns, pattern{strings.Split(r.Path, "/"), r})
		default:
			t.literal[r.Path] = append(t.literal[r.Path], r)
		}
	}
	slices.SortStableFunc(t.patterns, func(x, y pattern) int {
		for i := range min(len(x.segments), len(y.segments)) {
			if c := cmp.Compare(rank(x.segments[i]), rank(y.segments[i])); c != 0 {
				return c
			}
		}
		return cmp.Or(cmp.Compare(len(y.segments), len(x.segments)), cmp.Compare(byMethod(x.route), byMethod(y.route)))
	})
	return t
}

func byMethod(r *Route) int {
	if r.Method == "ANY" {
		return 1
	}
	return 0
}

func rank(segment string) int {
	switch {
	case strings.HasSuffix(segment, "+}"):
		return 2
	case strings.HasPrefix(segment, "{"):
		return 1
	}
	return 0
}

// match gives the route and the values of its variables; nil where there is none.
func (t *router) match(method, path string) (*Route, map[string]string) {
	var any *Route
	for _, r := range t.literal[path] {
		if r.Method == method {
			return r, nil
		}
		if r.Method == "ANY" {
			any = r
		}
	}
	if any != nil {
		return any, nil
	}
	if len(t.patterns) > 0 {
		segments := strings.Split(path, "/")
		for _, p := range t.patterns {
			if p.route.Method != method && p.route.Method != "ANY" {
				continue
			}
			if parameters, ok := p.match(segments); ok {
				return p.route, parameters
			}
		}
	}
	return t.fallback, nil
}

func (p pattern) match(segments []string) (map[string]string, bool) {
	if len(segments) < len(p.segments) {
		return nil, false
	}
	parameters := map[string]string{}
	for i, want := range p.segments {
		name, variable := strings.CutPrefix(want, "{")
		name, greedy := strings.CutSuffix(strings.TrimSuffix(name, "}"), "+")
		value := segments[i]
		if greedy {
			value = strings.Join(segments[i:], "/")
		}
		switch {
		case variable && value == "", !variable && value != want:
			return nil, false
		case variable:
			if plain, err := url.PathUnescape(value); err == nil {
				value = plain
			}
			parameters[name] = value
		}
		if greedy {
			return parameters, true
		}
	}
	return parameters, len(segments) == len(p.segments)
}
