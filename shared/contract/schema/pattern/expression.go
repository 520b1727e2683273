package pattern

import (
	"regexp"
	"regexp/syntax"
	"unicode/utf8"
)

// Expression is a translated expression, ready to be matched. It is safe for concurrent use.
type Expression struct {
	engine *regexp.Regexp // nil if the runs say it all
	runs   []run
	open   bool // what follows the last run is of no interest
	size   int
}

// run is a class of characters, so many times.
type run struct {
	ascii     [2]uint64 // which of the first 128 characters are in the class
	others    bool      // whether all others are
	low, high int       // high is -1 for no bound
}

// Compile prepares what Translate has given. An expression from the beginning of a text that is a row of classes, each
// of them without a character of the next, is matched by a loop: in half the time, and it is ready at once.
func Compile(translated string) (*Expression, error) {
	tree, err := syntax.Parse(translated, syntax.Perl)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says all
	}
	e := &Expression{size: Size(tree)}
	if e.row(tree) {
		e.size = 1
		return e, nil
	}
	e.runs = nil
	e.engine, err = regexp.Compile(translated)
	return e, err //nolint:wrapcheck // it says all
}

// Cost says about how many steps matching a text of so many bytes takes at most.
func (e *Expression) Cost(size int) int { return size * e.size }

// Match reports whether a text has a match.
func (e *Expression) Match(text []byte) bool {
	if e.engine != nil {
		return e.engine.Match(text)
	}
	for i := range e.runs {
		r, count := &e.runs[i], 0
		for len(text) > 0 && count != r.high {
			n := r.holds(text)
			if n == 0 {
				break
			}
			text = text[n:]
			count++
		}
		if count < r.low {
			return false
		}
	}
	return e.open || len(text) == 0
}

// holds gives the length of the first character if it is in the class, else 0.
func (r *run) holds(text []byte) int {
	if c := text[0]; c < utf8.RuneSelf {
		return int(r.ascii[c/64] >> (c % 64) & 1)
	}
	if !r.others {
		return 0
	}
	_, n := utf8.DecodeRune(text)
	return n
}

// row reads a tree as a row of runs, and reports whether it is one.
func (e *Expression) row(tree *syntax.Regexp) bool {
	parts := []*syntax.Regexp{tree}
	if tree.Op == syntax.OpConcat {
		parts = tree.Sub
	}
	if parts[0].Op != syntax.OpBeginText {
		return false
	}
	parts = parts[1:]
	e.open = len(parts) == 0 || parts[len(parts)-1].Op != syntax.OpEndText
	if !e.open {
		parts = parts[:len(parts)-1]
	}
	for _, part := range parts {
		if !e.part(part) {
			return false
		}
	}
	for i := range e.runs {
		if r := &e.runs[i]; r.low != r.high && !r.apart(e.runs[i+1:]) {
			return false
		}
	}
	return true
}

// part adds what a part of a row stands for.
func (e *Expression) part(re *syntax.Regexp) bool {
	low, high, one := 1, 1, re
	switch re.Op {
	case syntax.OpStar:
		low, high = 0, -1
	case syntax.OpPlus:
		high = -1
	case syntax.OpQuest:
		low = 0
	case syntax.OpRepeat:
		low, high = re.Min, re.Max
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 {
			return false
		}
		for _, c := range re.Rune {
			if c >= utf8.RuneSelf {
				return false
			}
			e.add(class([]rune{c, c}), 1, 1)
		}
		return true
	case syntax.OpCharClass:
	default:
		return false
	}
	if one.Op != syntax.OpCharClass {
		one = re.Sub[0]
	}
	switch {
	case one.Op == syntax.OpCharClass:
		return e.add(class(one.Rune), low, high)
	case one.Op == syntax.OpLiteral && len(one.Rune) == 1 && one.Rune[0] < utf8.RuneSelf && one.Flags&syntax.FoldCase == 0:
		return e.add(class([]rune{one.Rune[0], one.Rune[0]}), low, high)
	}
	return false
}

// add appends a run; to one of the same class it is added. It reports false for a class that no run can have.
func (e *Expression) add(r run, low, high int) bool {
	if r.low < 0 {
		return false
	}
	if n := len(e.runs); n > 0 && e.runs[n-1].ascii == r.ascii && e.runs[n-1].others == r.others {
		last := &e.runs[n-1]
		if last.low += low; last.high >= 0 && high >= 0 {
			last.high += high
		} else {
			last.high = -1
		}
		return true
	}
	r.low, r.high = low, high
	e.runs = append(e.runs, r)
	return true
}

// class makes a run of the ranges of a class. Beyond the first 128 characters it has all or none; else low is -1.
func class(ranges []rune) run {
	r := run{}
	for i := 0; i+1 < len(ranges); i += 2 {
		from, to := ranges[i], ranges[i+1]
		if to >= utf8.RuneSelf {
			if from > utf8.RuneSelf || to != utf8.MaxRune {
				return run{low: -1}
			}
			r.others = true
		}
		for c := from; c <= to && c < utf8.RuneSelf; c++ {
			r.ascii[c/64] |= 1 << (c % 64)
		}
	}
	return r
}

// apart reports whether no text of the run can go on in the runs behind it.
func (r *run) apart(behind []run) bool {
	for i := range behind {
		b := &behind[i]
		if r.ascii[0]&b.ascii[0] != 0 || r.ascii[1]&b.ascii[1] != 0 || r.others && b.others {
			return false
		}
		if b.low > 0 {
			return true
		}
	}
	return true
}
