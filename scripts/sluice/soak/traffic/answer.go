package traffic

import (
	"bytes"
	"net/http"
	"strings"
)

// class is what became of a call.
type class int

const (
	classDoubtful   class = iota // how far it came nobody knows
	classFresh                   // admitted, answered by the upstream
	classRemembered              // admitted, answered from memory
	classSeen                    // admitted, seen upstream, not answered by it
	classUnseen                  // admitted, did not come to the upstream
	classReplayed                // answered as the first one with its key was
	classRefused                 // by a limit
	classTurned                  // before the limits
)

// answer is what is needed of one. The zero answer is none.
type answer struct {
	status   int
	id       string // of the call, as the gateway has it
	call     string // that the upstream made it for
	limits   bool   // it tells how limits stand
	replayed bool
	problem  bool
	caller   string // that the upstream made it for
	body     []byte // its beginning
}

// read takes what is needed from an answer.
func (a *answer) read(res *http.Response) {
	h := res.Header
	a.status, a.id, a.call, a.caller = res.StatusCode, h.Get("X-Request-Id"), h.Get("X-Call"), h.Get("X-Caller")
	a.limits, a.replayed = h.Get("Ratelimit") != "", h.Get("Idempotency-Replayed") == "true"
	a.problem = strings.HasPrefix(h.Get("Content-Type"), "application/problem+json")
}

// class says what became of the call.
func (a *answer) class(seen Upstream) class {
	switch {
	case a.status == 0 || a.id == "":
		return classDoubtful
	case a.replayed:
		return classReplayed
	case a.call == a.id:
		return classFresh
	case a.call != "" && seen.Saw(a.id): // and something remembered stood in for what it said
		return classSeen
	case a.call != "":
		return classRemembered
	case a.limits && a.status == http.StatusTooManyRequests && a.problem:
		return classRefused
	case a.limits && seen.Saw(a.id):
		return classSeen
	case a.limits:
		return classUnseen
	case a.problem && a.status != http.StatusInternalServerError && !bytes.Contains(a.body, []byte(silence)):
		return classTurned
	}
	return classDoubtful
}

// silence is what the local gateway says where a function has said nothing in time; where it died it says 500.
const silence = "the function did not answer in time"

// foreign reports whether the answer was made for another app, or for a call with another key.
func (a *answer) foreign(app, key string) bool {
	if a.status != http.StatusOK || a.call == "" {
		return false
	}
	if a.caller != app || !bytes.Contains(a.body, []byte(`"caller":"`+app+`"`)) {
		return true
	}
	return key != "" && !bytes.Contains(a.body, []byte(`"key":"`+key+`"`))
}
