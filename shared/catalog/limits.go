package catalog

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of what limits a call.
const (
	MaxCost         = 1000
	MaxOverdraft    = 1_000_000
	MaxOperations   = 300 // operations of one API, or of one plan, that have limits or a cost of their own
	MaxOperationID  = 200 // bytes of an operation id in JSON: it travels in each decision, three times over
	lastDay         = 31
	maxLimit        = 1_000_000_000
	maxRateSeconds  = 86_400
	maxPointerToken = 64 // runes of a member's name in a pointer
)

// rate checks a rate that may be missing.
func (c *check) rate(at string, r *Rate) {
	if r == nil {
		return
	}
	c.within(at+"/requests", r.Requests, 1, maxLimit)
	c.within(at+"/seconds", r.Seconds, 1, maxRateSeconds)
	c.within(at+"/burst", r.Burst, 0, maxLimit)
}

// quota checks a quota that may be missing.
func (c *check) quota(at string, q *Quota) {
	if q == nil {
		return
	}
	c.within(at+"/requests", q.Requests, 1, maxLimit)
	oneOf(c, at+"/period", q.Period, Day, Month)
	c.within(at+"/anchor_day", q.AnchorDay, 0, lastDay)
	c.that(q.AnchorDay == 0 || q.Period == Month, at+"/anchor_day", "is for a quota per month only")
}

// limits checks limits that may be missing; where they are there, they must limit something.
func (c *check) limits(at string, l *Limits) {
	if l == nil {
		return
	}
	c.that(l.Rate != nil || l.Quota != nil, at, "must have a rate or a quota")
	c.rate(at+"/rate", l.Rate)
	c.quota(at+"/quota", l.Quota)
}

// affords checks that a call of this cost can ever pass the limits: one that costs more than they hold never does.
func (c *check) affords(at string, cost int, under string, l *Limits) {
	if l == nil || cost <= 1 {
		return
	}
	if r := l.Rate; r != nil {
		most := r.Burst
		if most == 0 {
			most = r.Requests
		}
		c.that(cost <= most || r.Shadow, at, "is more than %s/rate allows at once", under)
	}
	if q := l.Quota; q != nil {
		c.that(cost <= q.Requests || q.Shadow, at, "is more than %s/quota allows in a period", under)
	}
}

// operations checks the keys of a member that says something for each of some operations, and each value. Contracts come and
// go, so an operation need not be in one.
func operations[T any](c *check, all map[string]T, each func(at string, v T)) {
	c.that(len(all) <= MaxOperations, "/operations", "must have at most %d members", MaxOperations)
	if len(all) > MaxOperations {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		at := "/operations/" + token(id)
		c.that(id != "" && utf8.ValidString(id) && !strings.ContainsFunc(id, unicode.IsControl), at, "must be named by an operation id: text without control characters")
		c.that(sizeOf(id) <= MaxOperationID+len(`""`), at, "is named by more than %d bytes", MaxOperationID)
		each(at, all[id])
	}
}

// token writes the name of a member as a token of a JSON pointer (RFC 6901 §3), cut where it is long.
func token(name string) string {
	r := []rune(name)
	if name = string(r[:min(len(r), maxPointerToken)]); len(r) > maxPointerToken {
		name += "…"
	}
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

// traffic checks what an API bears, operation by operation and over all.
func (a *API) traffic(c *check) {
	c.limits("/limits", a.Limits)
	c.limits("/anonymous", a.Anonymous)
	c.that(a.Anonymous == nil || a.Audience == Public, "/anonymous", "is for APIs whose audience is public")
	operations(c, a.Operations, func(at string, o OperationTraffic) {
		c.within(at+"/cost", o.Cost, 0, MaxCost)
		c.limits(at+"/limits", o.Limits)
		c.affords(at+"/cost", o.Cost, at+"/limits", o.Limits)
		c.affords(at+"/cost", o.Cost, "/limits", a.Limits)
		c.affords(at+"/cost", o.Cost, "/anonymous", a.Anonymous)
	})
}

// traffic checks how fast and how much a plan offers, and what becomes of it in an outage.
func (p *Plan) traffic(c *check) {
	c.rate("/rate", p.Rate)
	c.quota("/quota", p.Quota)
	operations(c, p.Operations, func(at string, l Limits) { c.limits(at, &l) })
	oneOf(c, "/priority", p.Priority, "", LowPriority, NormalPriority, HighPriority)
	oneOf(c, "/on_store_outage", p.Outage, "", OutageClosed, OutageLease, OutageOpen)
	if p.Outage == OutageOpen {
		c.within("/overdraft", p.Overdraft, 1, MaxOverdraft)
	} else {
		c.that(p.Overdraft == 0, "/overdraft", "is for plans whose on_store_outage is open")
	}
}

func (c *check) within(pointer string, n, least, most int) {
	c.that(n >= least && n <= most, pointer, "must lie in %d..%d", least, most)
}

// size checks how long a value is as JSON: that is how it travels in a decision.
func (c *check) size(pointer string, v any, most int) {
	c.that(sizeOf(v) <= most, pointer, "must have at most %d bytes as JSON", most)
}
