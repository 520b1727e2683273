package schema

import (
	"regexp"
	"strings"

	"github.com/dlclark/regexp2"
)

// pattern is a regular expression of a schema: run is nil if only a backtracking engine understands it.
type pattern struct {
	run   *regexp.Regexp
	fault string
}

// maxPattern is the longest pattern that is tried, in bytes.
const maxPattern = 8 << 10

// compiled tries a pattern with Go's engine, and failing that with one that knows all that ECMA-262 has.
func (s *Schemas) compiled(text string) *pattern {
	if p, ok := s.patterns[text]; ok {
		return p
	}
	p := &pattern{}
	s.patterns[text] = p
	if len(text) > maxPattern {
		p.fault = "it is too long"
		return p
	}
	re, err := regexp.Compile(text)
	if err == nil {
		p.run = re
		return p
	}
	for _, dialect := range []regexp2.RegexOptions{regexp2.ECMAScript | regexp2.Unicode, regexp2.None} {
		if _, err = regexp2.Compile(text, dialect); err == nil {
			return p
		}
	}
	_, p.fault, _ = strings.Cut(err.Error(), "`: ")
	if p.fault == "" {
		p.fault = "it does not parse"
	}
	return p
}
