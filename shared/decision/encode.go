package decision

import (
	"encoding/json"
	"strconv"
	"time"

	"sluice/shared/catalog"
)

// usual is enough for the decision on a usual call, in bytes.
const usual = 768

// Encode writes the decision for the authorizer context: compact JSON, byte for byte what encoding/json makes of it, at a
// quarter of the cost. Members that calls rarely have go through encoding/json.
func (d *Decision) Encode() (string, error) {
	w := writer{b: make([]byte, 0, usual)}
	w.decision(d)
	if w.err != nil {
		return "", w.err
	}
	return string(w.b), nil
}

// writer appends JSON. After a fault it goes on, and what it has written is of no use.
type writer struct {
	b   []byte
	err error
}

func (w *writer) decision(d *Decision) {
	w.b = append(w.b, '{')
	w.name(`"c":{`)
	w.text(`"p":`, string(d.Call.Plane))
	w.text(`"i":`, d.Call.RequestID)
	w.text(`"m":`, d.Call.Method)
	w.text(`"u":`, d.Call.Path)
	w.some(`"k":`, d.Call.Credential)
	w.b = append(w.b, '}')
	if d.Refusal != nil {
		w.rare(`"r":`, d.Refusal)
	}
	w.caller(&d.Caller)
	w.target(&d.Target)
	w.claims(d.Claims)
	w.number(`"x":`, d.Cost)
	if n := d.Notice; n != nil {
		w.notice(n)
	}
	if d.Admin != nil {
		w.rare(`"a":`, d.Admin)
	}
	w.time(`"at":`, d.At)
	w.b = append(w.b, '}')
}

func (w *writer) caller(c *Caller) {
	w.name(`"w":{`)
	w.some(`"c":`, string(c.Consumer))
	w.some(`"a":`, string(c.App))
	w.some(`"k":`, string(c.Key))
	w.some(`"s":`, string(c.Subscription))
	w.some(`"p":`, string(c.Plan))
	if len(c.Scopes) > 0 {
		w.name(`"o":[`)
		for _, s := range c.Scopes {
			w.text("", s)
		}
		w.b = append(w.b, ']')
	}
	w.some(`"y":`, string(c.Priority))
	w.b = append(w.b, '}')
}

func (w *writer) target(t *Target) {
	w.name(`"t":{`)
	w.some(`"a":`, string(t.API))
	w.some(`"v":`, string(t.Version))
	w.some(`"r":`, string(t.Revision))
	w.some(`"o":`, t.Operation)
	w.some(`"t":`, t.Route)
	w.some(`"p":`, t.Path)
	if t.Upstream != (catalog.Upstream{}) {
		w.upstream(&t.Upstream)
	}
	w.b = append(w.b, '}')
}

func (w *writer) upstream(u *catalog.Upstream) {
	w.name(`"u":{`)
	w.text(`"url":`, u.URL)
	w.number(`"timeout_ms":`, u.TimeoutMs)
	w.number(`"max_request_bytes":`, u.MaxRequestBytes)
	w.number(`"max_response_bytes":`, u.MaxResponseBytes)
	w.number(`"max_in_flight":`, u.MaxInFlight)
	w.number(`"hedge_after_ms":`, u.HedgeAfterMs)
	if u.Retries != nil {
		w.rare(`"retries":`, u.Retries)
	}
	if u.Breaker != nil {
		w.rare(`"breaker":`, u.Breaker)
	}
	if u.Cache != nil {
		w.rare(`"cache":`, u.Cache)
	}
	if u.Fallback != nil {
		w.rare(`"fallback":`, u.Fallback)
	}
	w.some(`"idempotency":`, string(u.Idempotency))
	w.b = append(w.b, '}')
}

func (w *writer) claims(all []Claim) {
	if len(all) == 0 {
		return
	}
	w.name(`"l":[`)
	for i := range all {
		c := &all[i]
		w.name(`{`)
		w.text(`"i":`, c.Counter)
		w.limits(c.Limits)
		w.some(`"o":`, string(c.Outage))
		w.number(`"d":`, c.Overdraft)
		w.b = append(w.b, '}')
	}
	w.b = append(w.b, ']')
}

func (w *writer) limits(all []Limit) {
	if all == nil {
		w.name(`"l":null`)
		return
	}
	w.name(`"l":[`)
	for i := range all {
		l := &all[i]
		w.name(`{`)
		w.text(`"k":`, string(l.Kind))
		w.text(`"n":`, l.Name)
		w.name(`"q":`)
		w.b = strconv.AppendInt(w.b, int64(l.Requests), 10)
		w.number(`"s":`, l.Seconds)
		w.number(`"b":`, l.Burst)
		w.some(`"p":`, string(l.Period))
		w.number(`"a":`, l.AnchorDay)
		if l.Shadow {
			w.name(`"h":true`)
		}
		w.b = append(w.b, '}')
	}
	w.b = append(w.b, ']')
}

func (w *writer) notice(n *Notice) {
	w.name(`"n":{`)
	w.time(`"d":`, n.Deprecated)
	if n.Sunset != nil {
		w.time(`"s":`, *n.Sunset)
	}
	w.some(`"l":`, n.Successor)
	w.b = append(w.b, '}')
}

// name begins the next member of an object or array, which is the first one right after it was opened.
func (w *writer) name(n string) {
	if last := w.b[len(w.b)-1]; last != '{' && last != '[' {
		w.b = append(w.b, ',')
	}
	w.b = append(w.b, n...)
}

// some writes a text unless it is empty.
func (w *writer) some(name, s string) {
	if s != "" {
		w.text(name, s)
	}
}

// number writes a number unless it is 0.
func (w *writer) number(name string, n int) {
	if n != 0 {
		w.name(name)
		w.b = strconv.AppendInt(w.b, int64(n), 10)
	}
}

func (w *writer) text(name, s string) {
	w.name(name)
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			w.value(s)
			return
		}
	}
	w.b = append(w.b, '"')
	w.b = append(w.b, s...)
	w.b = append(w.b, '"')
}

// time writes an instant as RFC 3339 has it; a year that has not four digits is a fault.
func (w *writer) time(name string, t time.Time) {
	w.name(name)
	w.b = append(w.b, '"')
	b, err := t.AppendText(w.b)
	if err != nil {
		w.err = err
		return
	}
	w.b = append(b, '"')
}

// rare writes a member through encoding/json.
func (w *writer) rare(name string, v any) {
	w.name(name)
	w.value(v)
}

func (w *writer) value(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		w.err = err
		return
	}
	w.b = append(w.b, b...)
}
