package decision

import (
	"encoding/json"
	"strings"
	"time"

	"sluice/shared/catalog"
)

// read reads a decision as encoding/json does. A text exactly as Encode writes it, members in that order and nothing else
// between them, is read in one pass; any other, escapes in it included, goes through encoding/json as a whole, so that
// both ways never differ in what they make of a text.
func read(s string) (*Decision, error) {
	var d Decision
	if c := (cursor{rest: s}); c.decision(&d) && c.rest == "" {
		return &d, nil
	}
	d = Decision{}
	if err := json.Unmarshal([]byte(s), &d); err != nil {
		return nil, err
	}
	return &d, nil
}

// cursor reads JSON from the front. Its methods report false for whatever is not in the expected form.
type cursor struct {
	rest string
	next bool // a member has come before in this object
}

func (c *cursor) decision(d *Decision) bool {
	return c.open('{') &&
		c.member(`"c":`) && c.call(&d.Call) &&
		(!c.member(`"r":`) || c.rare(&d.Refusal)) &&
		c.member(`"w":`) && c.caller(&d.Caller) &&
		c.member(`"t":`) && c.target(&d.Target) &&
		(!c.member(`"l":`) || c.claims(&d.Claims)) &&
		c.number(`"x":`, &d.Cost) &&
		(!c.member(`"n":`) || c.notice(&d.Notice)) &&
		(!c.member(`"a":`) || c.rare(&d.Admin)) &&
		c.member(`"at":`) && c.time(&d.At) &&
		c.shut('}')
}

func (c *cursor) call(to *Call) bool {
	return c.open('{') &&
		text(c, `"p":`, &to.Plane) && text(c, `"i":`, &to.RequestID) && text(c, `"m":`, &to.Method) &&
		text(c, `"u":`, &to.Path) && text(c, `"k":`, &to.Credential) &&
		c.shut('}')
}

func (c *cursor) caller(to *Caller) bool {
	return c.open('{') &&
		text(c, `"c":`, &to.Consumer) && text(c, `"a":`, &to.App) && text(c, `"k":`, &to.Key) &&
		text(c, `"s":`, &to.Subscription) && text(c, `"p":`, &to.Plan) &&
		(!c.member(`"o":`) || c.texts(&to.Scopes)) && text(c, `"y":`, &to.Priority) &&
		c.shut('}')
}

func (c *cursor) target(to *Target) bool {
	return c.open('{') &&
		text(c, `"a":`, &to.API) && text(c, `"v":`, &to.Version) && text(c, `"r":`, &to.Revision) &&
		text(c, `"o":`, &to.Operation) && text(c, `"t":`, &to.Route) && text(c, `"p":`, &to.Path) &&
		(!c.member(`"u":`) || c.upstream(&to.Upstream)) &&
		c.shut('}')
}

func (c *cursor) upstream(to *catalog.Upstream) bool {
	return c.open('{') &&
		text(c, `"url":`, &to.URL) && c.number(`"timeout_ms":`, &to.TimeoutMs) &&
		c.number(`"max_request_bytes":`, &to.MaxRequestBytes) && c.number(`"max_response_bytes":`, &to.MaxResponseBytes) &&
		c.number(`"max_in_flight":`, &to.MaxInFlight) && c.number(`"hedge_after_ms":`, &to.HedgeAfterMs) &&
		(!c.member(`"retries":`) || c.rare(&to.Retries)) && (!c.member(`"breaker":`) || c.rare(&to.Breaker)) &&
		(!c.member(`"cache":`) || c.rare(&to.Cache)) && (!c.member(`"fallback":`) || c.rare(&to.Fallback)) &&
		text(c, `"idempotency":`, &to.Idempotency) &&
		c.shut('}')
}

func (c *cursor) claims(to *[]Claim) bool {
	if !c.open('[') {
		return false
	}
	all := make([]Claim, 0, 2)
	for !c.shut(']') {
		if len(all) > 0 && !c.comma() {
			return false
		}
		var one Claim
		if !c.open('{') || !text(c, `"i":`, &one.Counter) || !c.member(`"l":`) || !c.limits(&one.Limits) ||
			!text(c, `"o":`, &one.Outage) || !c.number(`"d":`, &one.Overdraft) || !c.shut('}') {
			return false
		}
		all = append(all, one)
	}
	*to = all
	return true
}

func (c *cursor) limits(to *[]Limit) bool {
	if !c.open('[') {
		return false
	}
	all := make([]Limit, 0, 2)
	for !c.shut(']') {
		if len(all) > 0 && !c.comma() {
			return false
		}
		var one Limit
		if !c.open('{') || !text(c, `"k":`, &one.Kind) || !text(c, `"n":`, &one.Name) || !c.number(`"q":`, &one.Requests) ||
			!c.number(`"s":`, &one.Seconds) || !c.number(`"b":`, &one.Burst) || !text(c, `"p":`, &one.Period) ||
			!c.number(`"a":`, &one.AnchorDay) {
			return false
		}
		if one.Shadow = c.member(`"h":true`); !c.shut('}') {
			return false
		}
		all = append(all, one)
	}
	*to = all
	return true
}

func (c *cursor) notice(to **Notice) bool {
	var n Notice
	if !c.open('{') || !c.member(`"d":`) || !c.time(&n.Deprecated) {
		return false
	}
	if c.member(`"s":`) {
		n.Sunset = new(time.Time)
		if !c.time(n.Sunset) {
			return false
		}
	}
	if !text(c, `"l":`, &n.Successor) || !c.shut('}') {
		return false
	}
	*to = &n
	return true
}

// open reads the beginning of an object or array.
func (c *cursor) open(bracket byte) bool {
	c.next = false
	return c.byte(bracket)
}

// shut reads the end of an object or array, which then is a member of what is around it.
func (c *cursor) shut(bracket byte) bool {
	if !c.byte(bracket) {
		return false
	}
	c.next = true
	return true
}

func (c *cursor) comma() bool { return c.byte(',') }

func (c *cursor) byte(b byte) bool {
	if c.rest == "" || c.rest[0] != b {
		return false
	}
	c.rest = c.rest[1:]
	return true
}

// member reads a name, if it comes next, and the comma before it if another member has come before.
func (c *cursor) member(name string) bool {
	rest := c.rest
	if c.next {
		if rest == "" || rest[0] != ',' {
			return false
		}
		rest = rest[1:]
	}
	rest, found := strings.CutPrefix(rest, name)
	if found {
		c.rest, c.next = rest, true
	}
	return found
}

// text reads a text member, if it comes next.
func text[T ~string](c *cursor, name string, to *T) bool {
	if !c.member(name) {
		return true
	}
	s, ok := c.plain()
	*to = T(s)
	return ok
}

// plain reads a text in printable ASCII without escapes.
func (c *cursor) plain() (string, bool) {
	if !c.byte('"') {
		return "", false
	}
	for i := range len(c.rest) {
		switch b := c.rest[i]; {
		case b == '"':
			s := c.rest[:i]
			c.rest = c.rest[i+1:]
			return s, true
		case b < ' ' || b > '~' || b == '\\':
			return "", false
		}
	}
	return "", false
}

func (c *cursor) texts(to *[]string) bool {
	if !c.open('[') {
		return false
	}
	all := make([]string, 0, 4)
	for !c.shut(']') {
		if len(all) > 0 && !c.comma() {
			return false
		}
		s, ok := c.plain()
		if !ok {
			return false
		}
		all = append(all, s)
	}
	*to = all
	return true
}

// number reads a member that is a whole number of at most 18 digits, if it comes next.
func (c *cursor) number(name string, to *int) bool {
	if !c.member(name) {
		return true
	}
	n, i := 0, 0
	for i < len(c.rest) && c.rest[i] >= '0' && c.rest[i] <= '9' {
		n = n*10 + int(c.rest[i]-'0')
		if i++; i > 18 {
			return false
		}
	}
	if i == 0 || i > 1 && c.rest[0] == '0' {
		return false
	}
	*to, c.rest = n, c.rest[i:] // what may follow a number decides what reads on
	return true
}

func (c *cursor) time(to *time.Time) bool {
	s, ok := c.plain()
	return ok && to.UnmarshalText([]byte(s)) == nil
}

// mostRare is how long a member may be that goes through encoding/json by itself. It keeps it far from that package's bound
// on nesting, within which it does not matter how deep the member stands.
const mostRare = 4 << 10

// rare reads an object through encoding/json.
func (c *cursor) rare(to any) bool {
	depth, quoted := 0, false
	for i := 0; i < min(len(c.rest), mostRare); i++ {
		switch b := c.rest[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '{':
			depth++
		case b == '}':
			depth--
		}
		if depth == 0 {
			object := c.rest[:i+1]
			c.rest = c.rest[i+1:]
			return object[0] == '{' && json.Unmarshal([]byte(object), to) == nil
		}
	}
	return false
}
