// Package lens serves an older version of an API from a newer one's upstream: requests are mapped up, answers are mapped down,
// by two declared maps (package mapping). Before that is published, its laws are tested on examples and on generated values:
//
//   - up and down succeed on all that the contracts allow;
//   - the new contract accepts every mapped request, the old one every mapped answer;
//   - where the pair is declared invertible, down(up(x)) = x: what a client writes, it reads again.
//
// A law that holds on a million values may still be broken, so what can be known without trying (an operation that loses
// something) is judged first.
package lens

import (
	"fmt"

	"sluice/shared/contract/mediation"
	"sluice/shared/contract/mediation/mapping"
	"sluice/shared/contract/mediation/value"
	"sluice/shared/problem"
)

// Pair is a lens, as declared for one operation.
type Pair struct {
	Up         []mapping.Operation `json:"up,omitempty"`         // old request to new request
	Down       []mapping.Operation `json:"down,omitempty"`       // new answer to old answer
	Invertible bool                `json:"invertible,omitempty"` // down(up(x)) = x for every old request
}

// Lens is a compiled pair. It is immutable and safe for concurrent use.
type Lens struct {
	up, down   *mapping.Map
	invertible bool
}

// Compile checks a pair. The pointers of faults begin with at. A pair that claims to be invertible and has an operation that
// is certain to lose something is refused here.
func Compile(p Pair, at string) (*Lens, []problem.Fault) {
	up, faults := mapping.Compile(p.Up, at+"/up")
	down, more := mapping.Compile(p.Down, at+"/down")
	if faults = append(faults, more...); len(faults) > 0 {
		return nil, faults
	}
	if p.Invertible {
		for _, v := range up.Analyze() {
			if v.Class == mapping.Lossy {
				faults = append(faults, problem.Fault{Pointer: fmt.Sprintf("%s/up/%d", at, v.Operation), Detail: "cannot be undone, and the lens is declared invertible: " + v.Why})
			}
		}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return &Lens{up, down, p.Invertible}, nil
}

// Analyze says of each operation of both maps whether it can be undone.
func (l *Lens) Analyze() (up, down []mapping.Verdict) { return l.up.Analyze(), l.down.Analyze() }

// Rule is the mediation that the pair asks of a gateway: bodies in JSON both ways.
func (p Pair) Rule() mediation.Rule {
	r := mediation.Rule{}
	if len(p.Up) > 0 {
		r.Request = &mediation.Side{Body: &mediation.Body{Map: p.Up}}
	}
	if len(p.Down) > 0 {
		r.Response = &mediation.Side{Body: &mediation.Body{Map: p.Down}}
	}
	return r
}

// room is how much a map may make while laws are tested.
const room = 1 << 20

// Up maps an old request. It leaves x as it is. The error is a *mapping.Fault.
func (l *Lens) Up(x *value.Value) (*value.Value, error) { return l.up.Apply(x.Clone(), room) }

// Down maps a new answer. It leaves y as it is. The error is a *mapping.Fault.
func (l *Lens) Down(y *value.Value) (*value.Value, error) { return l.down.Apply(y.Clone(), room) }
