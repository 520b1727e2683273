package pattern

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// What \s stands for in ECMA-262, and all the rest, as the inside of a class.
const (
	spaces   = `\t-\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}`
	noSpaces = `\x00-\x08\x0e-\x1f!-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}` +
		`\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff}`
	everything = `\x00-\x{10ffff}`
)

// set reads an escape that stands for several characters, as the inside of a class.
func (p *parser) set() (inside string, ok bool) {
	if p.rest == "" {
		return "", false
	}
	switch c := p.rest[0]; c {
	case 'd', 'D', 'w', 'W':
		p.rest = p.rest[1:]
		return `\` + string(c), true
	case 's':
		p.rest = p.rest[1:]
		return spaces, true
	case 'S':
		p.rest = p.rest[1:]
		return noSpaces, true
	case 'p', 'P':
		return p.property(c)
	}
	return "", false
}

// property reads \p{Name} and \p{Key=Name}.
func (p *parser) property(c byte) (inside string, ok bool) {
	name, rest, ok := strings.Cut(p.rest[1:], "}")
	if !ok || !strings.HasPrefix(name, "{") {
		p.fail(`\p has no name`)
		return "", true
	}
	p.rest = rest
	key, value, two := strings.Cut(name[1:], "=")
	if !two {
		value = key
		if unicode.Scripts[key] != nil { // a script is named with its key only
			p.fail(`there is no property ` + key)
			return "", true
		}
	} else if key != "Script" && key != "sc" && key != "General_Category" && key != "gc" {
		p.cannot("it uses the property " + key)
	}
	if strings.Trim(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_") != "" {
		p.fail(`a property's name is none`)
		return "", true
	}
	return fmt.Sprintf(`\%c{%s}`, c, value), true
}

// escape reads what follows a backslash outside of a class.
func (p *parser) escape() {
	if inside, ok := p.set(); ok {
		p.out.WriteString("[" + inside + "]")
		return
	}
	if p.rest != "" && '1' <= p.rest[0] && p.rest[0] <= '9' {
		p.rest = strings.TrimLeft(p.rest, "0123456789")
		p.cannot("it goes back to a group")
		return
	}
	if p.take("k<") {
		name, rest, ok := strings.Cut(p.rest, ">")
		if !ok || !identifier(name) {
			p.fail(`\k has no name`)
			return
		}
		p.rest = rest
		p.cannot("it goes back to a group")
		return
	}
	p.literal(p.character())
}

// character reads an escape that stands for one character.
func (p *parser) character() rune {
	if p.rest == "" {
		p.fail("nothing follows the last backslash")
		return 0
	}
	c := p.next()
	switch c {
	case 't':
		return '\t'
	case 'n':
		return '\n'
	case 'v':
		return '\v'
	case 'f':
		return '\f'
	case 'r':
		return '\r'
	case '0':
		if p.rest != "" && '0' <= p.rest[0] && p.rest[0] <= '9' {
			p.fail(`\0 is followed by a digit`)
		}
		return 0
	case 'c':
		if p.rest == "" || p.rest[0]|0x20 < 'a' || p.rest[0]|0x20 > 'z' {
			p.fail(`\c is not followed by a letter`)
			return 0
		}
		return p.next() % 32
	case 'x':
		return p.hex(2)
	case 'u':
		return p.codePoint()
	}
	if c < utf8.RuneSelf && (unicode.IsLetter(c) || unicode.IsDigit(c)) {
		p.fail(fmt.Sprintf(`there is no escape \%c`, c))
	}
	return c
}

// hex reads so many digits.
func (p *parser) hex(n int) rune {
	if len(p.rest) < n {
		p.fail("an escape is not complete")
		return 0
	}
	v, err := strconv.ParseUint(p.rest[:n], 16, 32)
	if err != nil {
		p.fail("an escape is not complete")
		return 0
	}
	p.rest = p.rest[n:]
	return rune(v) //nolint:gosec // G115: at most 32 bits, and looked at by whoever asked for many
}

// codePoint reads XXXX, two of them for a surrogate pair, or {X…}.
func (p *parser) codePoint() rune {
	if p.take("{") {
		digits, rest, ok := strings.Cut(p.rest, "}")
		v, err := strconv.ParseUint(digits, 16, 32)
		if !ok || err != nil || v > unicode.MaxRune {
			p.fail("an escape is not complete")
			return 0
		}
		p.rest = rest
		return p.half(rune(v))
	}
	one := p.hex(4)
	if utf16.IsSurrogate(one) && strings.HasPrefix(p.rest, `\u`) {
		before := p.rest
		p.rest = p.rest[2:]
		if both := utf16.DecodeRune(one, p.hex(4)); both != utf8.RuneError {
			return both
		}
		p.rest = before
	}
	return p.half(one)
}

// half refuses to express half a surrogate pair: no text has one.
func (p *parser) half(r rune) rune {
	if utf16.IsSurrogate(r) {
		p.cannot("it asks for half a surrogate pair")
		return utf8.RuneError
	}
	return r
}

// class reads what follows an opening bracket, and writes it.
func (p *parser) class() {
	negated := p.take("^")
	var inside strings.Builder
	for !p.take("]") {
		if p.rest == "" {
			p.fail("a class is not closed")
			return
		}
		low, set := p.member()
		if set != "" {
			inside.WriteString(set)
			continue
		}
		high := low
		if len(p.rest) > 1 && p.rest[0] == '-' && p.rest[1] != ']' {
			before := p.rest
			p.rest = p.rest[1:]
			if high, set = p.member(); set != "" {
				high, p.rest = low, before[1:]
				inside.WriteString(`\-`)
				p.rest = before[1:]
			}
		}
		if high < low {
			p.fail("a range is the wrong way round")
			return
		}
		fmt.Fprintf(&inside, `\x{%x}-\x{%x}`, low, high)
	}
	all := inside.String()
	switch {
	case all == "" && negated:
		p.out.WriteString("[" + everything + "]")
	case all == "":
		p.out.WriteString("[^" + everything + "]")
	case negated:
		p.out.WriteString("[^" + all + "]")
	default:
		p.out.WriteString("[" + all + "]")
	}
}

// member reads one character of a class, or an escape that stands for several.
func (p *parser) member() (one rune, set string) {
	if !p.take(`\`) {
		return p.next(), ""
	}
	if inside, ok := p.set(); ok {
		return 0, inside
	}
	if p.take("b") {
		return '\b', ""
	}
	return p.character(), ""
}
