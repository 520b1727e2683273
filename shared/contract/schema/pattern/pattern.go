// Package pattern turns regular expressions of ECMA-262, which is what JSON Schema asks for, into equal ones of package
// regexp, which match in time linear in the text whatever the expression.
//
// Expressions are read with the u flag, by code points, as JSON Schema advises. What package regexp cannot say (looking
// around, going back to a group) is not expressible, and an expression that is none of ECMA-262 has no meaning: both are
// told, and nothing is guessed. Flags of other dialects, (?i) and \A, are among the latter.
package pattern

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The bounds of an expression.
const (
	maxSize  = 8 << 10 // bytes
	maxDepth = 100     // groups inside each other
	maxTimes = 10_000  // repetitions
	piece    = 1000    // repetitions that package regexp takes at once
	maxSteps = 100_000 // of what it would compile to, about
)

// Translate gives an expression of package regexp that matches the same texts, or says why there is none.
func Translate(text string) (translated, why string) {
	p, invalid := parse(text)
	switch {
	case invalid != "":
		return "", "it is no regular expression of ECMA-262: " + invalid
	case p.beyond != "":
		return "", "it cannot be run in linear time: " + p.beyond
	}
	translated = p.out.String()
	tree, err := syntax.Parse(translated, syntax.Perl)
	if err != nil {
		return "", "it cannot be run in linear time: " + p.reason(err)
	}
	if Size(tree) > maxSteps {
		return "", "it is too large"
	}
	return translated, ""
}

// Valid reports whether a text is a regular expression of ECMA-262, expressible or not.
func Valid(text string) bool {
	_, invalid := parse(text)
	return invalid == ""
}

// Size estimates how many steps an expression compiles to: repetitions are written out.
func Size(re *syntax.Regexp) int {
	n := 1 + len(re.Rune)/8
	for _, sub := range re.Sub {
		n += Size(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Min, re.Max, 1)
	}
	return min(n, 1<<30)
}

// parser reads an expression from the left and writes its translation.
type parser struct {
	rest   string
	out    strings.Builder
	depth  int
	groups int
	names  map[string]bool
	beyond string // the first thing that package regexp cannot say
	fault  string // why it is no expression
}

func parse(text string) (*parser, string) {
	p := &parser{rest: text, names: map[string]bool{}}
	if len(text) > maxSize {
		p.beyond = "it is too long"
		return p, ""
	}
	if !utf8.ValidString(text) {
		return p, "it is not UTF-8"
	}
	p.disjunction()
	if p.fault == "" && p.rest != "" {
		p.fail("a closing bracket has no opening one")
	}
	return p, p.fault
}

// reason says what package regexp did not take, without its own dialect.
func (p *parser) reason(err error) string {
	if e, ok := err.(*syntax.Error); ok { //nolint:errorlint // syntax.Parse gives no other
		return fmt.Sprintf("%s: %s", e.Code, e.Expr)
	}
	return "it is not understood"
}

func (p *parser) fail(why string) {
	if p.fault == "" {
		p.fault, p.rest = why, ""
	}
}

func (p *parser) cannot(what string) {
	if p.beyond == "" {
		p.beyond = what
	}
}

// take skips a beginning if it is there.
func (p *parser) take(s string) bool {
	var ok bool
	p.rest, ok = strings.CutPrefix(p.rest, s)
	return ok
}

func (p *parser) next() rune {
	r, n := utf8.DecodeRuneInString(p.rest)
	p.rest = p.rest[n:]
	return r
}

func (p *parser) disjunction() {
	if p.depth++; p.depth > maxDepth {
		p.cannot("its groups are nested too deep")
		p.rest = ""
	}
	for p.rest != "" && p.rest[0] != ')' {
		if p.take("|") {
			p.out.WriteByte('|')
			continue
		}
		p.term()
	}
	p.depth--
}

// term reads an assertion, or an atom and how often it stands.
func (p *parser) term() {
	start := p.out.Len()
	switch c := p.rest[0]; c {
	case '^', '$':
		p.rest = p.rest[1:]
		p.out.WriteByte(c)
		return
	case '*', '+', '?':
		p.fail("there is nothing to repeat")
		return
	case '(':
		p.group()
	case '[':
		p.rest = p.rest[1:]
		p.class()
	case '.':
		p.rest = p.rest[1:]
		p.out.WriteString(`[^\n\r\x{2028}\x{2029}]`)
	case '\\':
		p.rest = p.rest[1:]
		if p.take("b") {
			p.out.WriteString(`\b`)
			return
		}
		if p.take("B") {
			p.out.WriteString(`\B`)
			return
		}
		p.escape()
	default:
		p.literal(p.next())
	}
	p.quantifier(start)
}

// literal writes a character that stands for itself.
func (p *parser) literal(r rune) {
	p.out.WriteString(regexp.QuoteMeta(string(r)))
}

func (p *parser) group() {
	p.rest = p.rest[1:]
	around := ""
	switch {
	case p.take("?:"):
		p.out.WriteString("(?:")
	case p.take("?="), p.take("?!"):
		around = "it looks ahead"
	case p.take("?<="), p.take("?<!"):
		around = "it looks behind"
	case p.take("?<"):
		name, rest, ok := strings.Cut(p.rest, ">")
		if !ok || !identifier(name) || p.names[name] {
			p.fail("a group's name is missing, or not unique")
			return
		}
		p.names[name], p.rest = true, rest
		p.out.WriteString("(?:")
		p.groups++
	case p.take("?"):
		p.fail("there is no such group")
		return
	default:
		p.groups++
		p.out.WriteString("(?:")
	}
	if around != "" {
		p.cannot(around)
		p.out.WriteString("(?:")
	}
	p.disjunction()
	if !p.take(")") {
		p.fail("a group is not closed")
		return
	}
	p.out.WriteByte(')')
}

func identifier(name string) bool {
	for i, r := range name {
		if r != '_' && r != '$' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') && r < utf8.RuneSelf {
			return false
		}
	}
	return name != ""
}

// quantifier reads how often the atom stands that was written since start.
func (p *parser) quantifier(start int) {
	if p.rest == "" {
		return
	}
	switch c := p.rest[0]; c {
	case '*', '+', '?':
		p.rest = p.rest[1:]
		p.out.WriteByte(c)
	case '{':
		low, high, length := times(p.rest)
		if length == 0 {
			return // a brace that stands for itself
		}
		p.rest = p.rest[length:]
		if high >= 0 && high < low {
			p.fail("a repetition's bounds are the wrong way round")
			return
		}
		p.repeat(start, low, high)
	default:
		return
	}
	p.take("?") // how much is matched does not matter
	if p.rest != "" && strings.IndexByte("*+?", p.rest[0]) >= 0 {
		p.fail("there is nothing to repeat")
	}
}

// times reads {n}, {n,} or {n,m}; high is -1 for no bound, and length 0 if it is none of them.
func times(s string) (low, high, length int) {
	inside, _, ok := strings.Cut(s[1:], "}")
	from, to, two := strings.Cut(inside, ",")
	if !ok || !digits(from) || two && to != "" && !digits(to) {
		return 0, 0, 0
	}
	low, high = number(from), number(from)
	if two {
		high = -1
		if to != "" {
			high = number(to)
		}
	}
	return low, high, len(inside) + 2
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// number reads digits; what is too large is as good as one more than is possible.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n > maxTimes {
		return maxTimes + 1
	}
	return n
}

// repeat writes a repetition: package regexp takes at most a thousand at once, so that more is written as several.
func (p *parser) repeat(start, low, high int) {
	if low > maxTimes || high > maxTimes {
		p.cannot(fmt.Sprintf("it repeats something more than %d times", maxTimes))
		return
	}
	if low <= piece && high <= piece {
		if high < 0 {
			fmt.Fprintf(&p.out, "{%d,}", low)
		} else {
			fmt.Fprintf(&p.out, "{%d,%d}", low, high)
		}
		return
	}
	all := p.out.String()
	before, atom := all[:start], all[start:]
	p.out.Reset()
	p.out.WriteString(before + "(?:")
	for rest := low; rest > 0; rest -= piece {
		fmt.Fprintf(&p.out, "%s{%d}", atom, min(rest, piece))
	}
	if high < 0 {
		p.out.WriteString(atom + "*")
	}
	for rest := high - low; rest > 0; rest -= piece {
		fmt.Fprintf(&p.out, "%s{0,%d}", atom, min(rest, piece))
	}
	p.out.WriteByte(')')
}
