package catalog

import (
	"slices"
	"time"

	"sluice/shared/problem"
)

// State is where a version stands in its life.
type State string

// The states of a version, in the order of a life.
const (
	Draft      State = "draft"
	InReview   State = "review"
	Published  State = "published"
	Deprecated State = "deprecated"
	Retired    State = "retired"
)

// Served reports whether calls are forwarded in this state.
func (s State) Served() bool { return s == Published || s == Deprecated }

// next lists where each state may go, the way back included.
func next(s State) []State {
	switch s {
	case Draft:
		return []State{InReview, Published}
	case InReview:
		return []State{Draft, Published}
	case Published:
		return []State{Deprecated}
	case Deprecated:
		return []State{Published, Retired}
	case Retired:
		return []State{Deprecated, Published}
	}
	return nil
}

// Transition is one step of a version through its lifecycle.
type Transition struct {
	To        State        `json:"to"`
	Sunset    *time.Time   `json:"sunset,omitempty"`    // required for deprecated
	Successor VersionID    `json:"successor,omitempty"` // this or Reason for deprecated
	Reason    string       `json:"reason,omitempty"`
	Override  []ConsumerID `json:"override,omitempty"` // consumers that may be cut off
}

// Apply gives the version after the transition at the given time, or says why it cannot happen: problem.Conflict where
// the state does not allow it, problem.Unprocessable where something is missing.
func (t Transition) Apply(v Version, at time.Time) (Version, error) {
	if !slices.Contains(next(v.State), t.To) {
		return v, problem.New(problem.Conflict, "a version that is %s cannot become %s; it can become %v", v.State, t.To, next(v.State))
	}
	if t.To != Draft && v.Revision == "" {
		return v, problem.New(problem.Unprocessable, "the version has no contract yet: PUT one first")
	}
	switch t.To {
	case Deprecated:
		if v.State == Retired && t.Sunset == nil {
			t.Sunset, t.Successor, t.Reason = v.Sunset, v.Successor, v.Reason
		}
		if err := t.checkDeprecation(v, at); err != nil {
			return v, err
		}
		v.Deprecated, v.Sunset, v.Successor, v.Reason, v.Retired = &at, t.Sunset, t.Successor, t.Reason, nil
	case Retired:
		v.Retired = &at
	case Published:
		v.Deprecated, v.Sunset, v.Successor, v.Reason, v.Retired = nil, nil, "", "", nil
	case Draft, InReview:
	}
	v.State = t.To
	return v, nil
}

// checkDeprecation wants a date, and somewhere to go or a reason: a consumer must know what to do and by when.
func (t Transition) checkDeprecation(v Version, at time.Time) error {
	var faults []problem.Fault
	if t.Sunset == nil {
		faults = append(faults, problem.Fault{Pointer: "/sunset", Detail: "a deprecation needs the date from which calls may fail"})
	} else if v.State != Retired && t.Sunset.Before(at) {
		// RFC 8594 §3: the sunset does not lie before the deprecation.
		faults = append(faults, problem.Fault{Pointer: "/sunset", Detail: "the sunset cannot lie in the past"})
	}
	if t.Successor == "" && t.Reason == "" {
		faults = append(faults, problem.Fault{Pointer: "/successor", Detail: "name the version to move to, or give a reason"})
	}
	if t.Successor != "" && t.Successor == v.Version {
		faults = append(faults, problem.Fault{Pointer: "/successor", Detail: "a version cannot succeed itself"})
	}
	if len(faults) == 0 {
		return nil
	}
	return &problem.Error{Kind: problem.Unprocessable, Detail: "the deprecation is incomplete", Faults: faults}
}
