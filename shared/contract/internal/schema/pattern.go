package schema

import (
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/dlclark/regexp2"
)

// The bounds on patterns.
const (
	maxPattern = 8 << 10 // bytes of one that is parsed
	maxProgram = 2000    // steps, about, of one that is run
)

// pattern is a regular expression of a schema.
type pattern struct {
	text   string
	fault  string         // why it is none
	size   int            // about how many steps it compiles to; 0 if only a backtracking engine understands it
	engine *regexp.Regexp // once it has been run
}

// parsed tries a pattern with Go's dialect, and failing that with one that knows all that ECMA-262 has. It is parsed
// only: what it would compile to can be large.
func (s *Schemas) parsed(text string) *pattern {
	if p, ok := s.patterns[text]; ok {
		return p
	}
	p := &pattern{text: text}
	s.patterns[text] = p
	if len(text) > maxPattern {
		p.fault = "it is too long"
		return p
	}
	re, err := syntax.Parse(text, syntax.Perl)
	if err == nil {
		p.size = size(re)
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

// size estimates how many steps an expression compiles to: repetitions are written out.
func size(re *syntax.Regexp) int {
	n := 1 + len(re.Rune)/2
	for _, sub := range re.Sub {
		n += size(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Min, re.Max, 1)
	}
	return min(n, 1<<20)
}

// matches reports whether the text has the pattern, and what telling that cost. Where it would cost too much, it has.
func (p *pattern) matches(text string) (ok bool, cost int) {
	if p.size == 0 || p.size > maxProgram {
		return true, 1
	}
	cost = 1 + len(text)*p.size/100
	if p.engine == nil {
		re, err := regexp.Compile(p.text)
		if err != nil {
			return true, 1
		}
		p.engine, cost = re, cost+p.size
	}
	if cost > maxSampleSteps {
		return true, 1
	}
	return p.engine.MatchString(text), cost
}
