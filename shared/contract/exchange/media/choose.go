package media

import "strings"

// The steps of how closely a range fits; each parameter that it asks for comes on top.
const (
	anything = 1 + iota
	ofMain
	ofSuffix
	exact
)

// Fit says how closely a range fits a type: 0 if it does not, more the more it says about the type. A range fits if all
// its parameters are those of the type; charset is compared without case.
func Fit(wide, t Type) int {
	fit := 0
	switch {
	case wide.Main == "*":
		fit = anything
	case wide.Main != t.Main:
		return 0
	case wide.Sub == "*":
		fit = ofMain
	case strings.HasPrefix(wide.Sub, "*+") && strings.HasSuffix(t.Sub, wide.Sub[1:]):
		fit = ofSuffix
	case wide.Sub == t.Sub:
		fit = exact
	default:
		return 0
	}
	for rest := wide.rest; ; {
		name, value, next, ok := Next(rest)
		if !ok || name == "" || strings.EqualFold(name, "q") {
			return fit
		}
		there, has := t.Parameter(name)
		if !has || there != value && !(strings.EqualFold(name, "charset") && strings.EqualFold(there, value)) {
			return 0
		}
		fit += exact
		rest = next
	}
}

// maxRanges bounds the ranges of an Accept header that are looked at; those behind are as if they were not there.
const maxRanges = 100

// Accepted chooses among the types that are offered the one that an Accept header likes best, the first of equals. The
// most specific range that fits an offer says how well it is liked. False if none is acceptable. An empty header, and one
// without a single range that can be read, accepts everything. An offer that is a range itself is acceptable if any type
// in it is.
func Accepted(header string, offers []Type) (int, bool) {
	ranges := ranges(header)
	if len(ranges) == 0 {
		return 0, len(offers) > 0
	}
	best, most := -1, 0
	for i, offer := range offers {
		quality, closest := 0, 0
		for _, r := range ranges {
			fit := Fit(r.Type, offer)
			if fit == 0 && (offer.Sub == "*" || offer.Main == "*") && r.quality > 0 && Fit(offer, r.Type) > 0 {
				fit = anything
			}
			if fit > closest || fit == closest && fit > 0 && r.quality > quality {
				quality, closest = r.quality, fit
			}
		}
		if quality > most {
			best, most = i, quality
		}
	}
	return best, best >= 0
}

// liked is a range, and how much it is liked, in thousandths.
type liked struct {
	Type
	quality int
}

// ranges reads an Accept header. What cannot be read in it is as if it were not there.
func ranges(header string) []liked {
	var list []liked
	for header != "" && len(list) < maxRanges {
		var one string
		one, header = first(header)
		t, ok := Parse(one)
		if !ok {
			continue
		}
		q := thousand
		if text, has := t.Parameter("q"); has {
			if q = quality(text); q < 0 {
				continue
			}
		}
		list = append(list, liked{t, q})
	}
	return list
}

// first cuts a list at its first comma that is not quoted.
func first(list string) (one, rest string) {
	in := false
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case in && c == '\\':
			i++
		case c == '"':
			in = !in
		case c == ',' && !in:
			return list[:i], list[i+1:]
		}
	}
	return list, ""
}

// thousand is the quality 1.
const thousand = 1000

// quality reads a weight (RFC 9110 §12.4.2) in thousandths, -1 if it is none.
func quality(s string) int {
	if s == "" || len(s) > 5 || s[0] != '0' && s[0] != '1' || len(s) > 1 && s[1] != '.' {
		return -1
	}
	q, unit := int(s[0]-'0')*thousand, thousand/10
	for i := 2; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
		q += int(s[i]-'0') * unit
		unit /= 10
	}
	if q > thousand {
		return -1
	}
	return q
}

// List names types for people.
func List(types []Type) string {
	const most = 10
	var names []string
	for i, t := range types {
		if i == most {
			names = append(names, "…")
			break
		}
		names = append(names, t.String())
	}
	return strings.Join(names, " or ")
}
