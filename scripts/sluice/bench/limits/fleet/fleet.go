// Package fleet runs many instances of the gateway's limits against a model of DynamoDB, in simulated time and on one
// goroutine: the same seed gives the same run, to the last call.
//
// An instance has a clock that is off, and drives one limit.Holding for each counter as limit.Taker does: calls spend from
// it, a call that wants more waits for a write, the lease is renewed while the upstream works. After its answer the instance is
// frozen, and with it every answer of the store that is still on its way, until its next call. It may be stopped, and gives back
// what it holds, or end at any instant with all that it knew, also between a write and the answer to it. Another takes its
// place, under another name.
//
// The store does to a State what Step.Apply says, at one instant between request and answer. It is slow at times, takes
// 1,000 writes a second of one item, has outages, and loses requests and answers. It knows a repeated step as the real one
// does (shared/dynamo): by the last step of its instance, in a place of the item that is its own.
//
// What becomes of each call is told to an audit.Auditor, with the true time.
package fleet

import (
	"fmt"
	"math/rand/v2"
	"time"

	"sluice/scripts/sluice/bench/limits/audit"
	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/limit"
	"sluice/shared/limit/counter"
)

// Config is one run.
type Config struct {
	Seed     uint64
	Calls    int64 // it ends once as many were made
	Shape    Shape
	Counters []Counter
	Kinds    []Kind
	Traffic  Traffic
	Faults   Faults
	Clocks   Clocks
	Parts    Parts
	Rules    audit.Rules
	Settle   bool                                       // in the end everything is stopped, and the store must have counted what passed
	Trace    func(at int64, format string, args ...any) // told of all that happens; may be nil
}

// Shape is what the fleet looks like.
type Shape struct {
	Instances int
	Slots     int           // calls at once in one instance
	Service   time.Duration // mean time of an upstream call
	NoFreeze  bool          // an instance runs on between calls
}

// Counter is one counter of limits.
type Counter struct {
	ID     string
	Plans  [][]decision.Limit
	Every  time.Duration // how long a plan is in force, then comes the next; each instance learns of it within a second
	Outage catalog.Outage

	Overdraft int // of each instance and outage, where Outage is open
}

// Kind is a kind of call: which counters it takes from, and what it costs.
type Kind struct {
	Weight   int
	Counters []int
	Cost     int64
}

// Faults is what goes wrong. Shares are of the attempts at a write.
type Faults struct {
	Crash       float64       // the instance ends between request and answer
	LostRequest float64       // it never arrives
	Late        float64       // it arrives up to five seconds after it was given up
	LostAnswer  float64       // it is made, and nobody is told
	Throttled   float64       // refused as too fast, beside those that really are
	CrashEvery  time.Duration // mean time between ends of an instance; 0 for never
	StopEvery   time.Duration // mean time between stops of one
	OutageEvery time.Duration // mean time between outages of the store
	OutageFor   time.Duration // mean length of one
}

// Clocks is how the clocks of instances go wrong: each is off by a constant up to Skew.
type Clocks struct {
	Skew  time.Duration
	Drift bool // and wanders within that
	Jump  bool // and is set anew, at times, when it thaws
	Edge  bool // each is off by all of Skew, one way or the other
}

// Spender is the half of limit.Holding that calls meet.
type Spender interface {
	Take(claim *decision.Claim, cost int64, now time.Time) (limit.Answer, error)
	GiveBack(limit.Answer) (owes bool)
	Refuse(cost int64, now time.Time) limit.Answer
	Renewable(now time.Time) bool
}

// Writer is the half of limit.Holding that the store meets.
type Writer interface {
	Ask(need, first int64, now time.Time) (s counter.Step, notBefore time.Time, ok bool)
	Told(after counter.State, applied bool, now time.Time) []limit.Crossing
	Lost(now time.Time)
	Return(all bool, now time.Time) (s counter.Step, ok bool)
}

// Machine is a limit.Holding, or one that was broken on purpose.
type Machine struct {
	Spender
	Writer
}

// Parts is what a run is about. Either may be broken on purpose.
type Parts struct {
	Machine func(limit.Options) Machine
	Apply   func(counter.Step, counter.State) (after counter.State, applied bool)
	Skew    time.Duration // that the machine is told of
	Amnesia bool          // the store does not know a repeated step
}

// Sound is the parts as they are.
func Sound(skew time.Duration) Parts {
	return Parts{
		Machine: func(o limit.Options) Machine { h := limit.NewHolding(o); return Machine{h, h} },
		Apply:   func(s counter.Step, to counter.State) (counter.State, bool) { return s.Apply(to) },
		Skew:    skew,
	}
}

// Result is what a run came to.
type Result struct {
	Calls, Admitted, Refused int64 // calls
	Failed                   int64 // answered 503, since the store did not answer in time
	Died                     int64 // with their instance, while they waited
	Crashes, Stops           int64
	Repeats                  int64 // steps that were shown again and known
	Doubles                  int64 // shown again and done twice
	Digest                   uint64
	Findings                 audit.Findings
}

// Nothing is the result of no run, to which others are joined.
func Nothing() Result { return Result{Findings: audit.New(audit.Rules{}).Finish(0)} }

// Join adds the result of another run.
func (r *Result) Join(o Result) {
	r.Calls, r.Admitted, r.Refused, r.Failed = r.Calls+o.Calls, r.Admitted+o.Admitted, r.Refused+o.Refused, r.Failed+o.Failed
	r.Died, r.Crashes, r.Stops = r.Died+o.Died, r.Crashes+o.Crashes, r.Stops+o.Stops
	r.Repeats, r.Doubles, r.Digest = r.Repeats+o.Repeats, r.Doubles+o.Doubles, r.Digest^o.Digest
	r.Findings.Join(o.Findings)
}

// Run makes a run. An error says that the machine was driven wrongly, or is stuck; what breaks a promise is in the Findings.
func Run(c Config) (Result, error) {
	w, err := build(c)
	if err != nil {
		return Result{}, err
	}
	w.run()
	if c.Settle {
		w.settleAll()
	}
	w.result.Findings = w.audit.Finish(w.last)
	return w.result, w.err
}

func (w *world) run() {
	for w.events.len() > 0 && w.err == nil {
		e := w.events.pop()
		w.now = e.at
		w.happen(e)
	}
}

// world is the state of a run.
type world struct {
	Config
	random    *rand.Rand
	events    heap
	now, last int64 // true time, and that of the last call: ns since the Unix epoch
	traffic   traffic
	phase     int // of the traffic, the last that began
	audit     *audit.Auditor
	claims    [][]claim // by counter and plan
	store     store
	instances []*instance // by place
	slots     []slot      // by place and number within
	flights   flights
	result    Result
	err       error
}

// claim is what a call shows a machine, and the number under which the audit knows its limits. A plan that comes back after
// another was in force has a new one: its rate begins anew.
type claim struct {
	decision.Claim
	terms int
	turn  int64 // of the plan, counted through
}

func build(c Config) (*world, error) {
	w := &world{Config: c, random: rand.New(rand.NewPCG(c.Seed, 0x5eed)), audit: audit.New(c.Rules)} // #nosec G404 -- runs must repeat
	for i, counter := range c.Counters {
		if n := w.audit.Counter(counter.ID); n != i {
			return nil, fmt.Errorf("the audit calls counter %d %d", i, n)
		}
		var plans []claim
		for _, limits := range counter.Plans {
			terms, err := w.audit.Terms(limits)
			if err != nil {
				return nil, err
			}
			plans = append(plans, claim{Claim: decision.Claim{Counter: counter.ID, Limits: limits, Outage: counter.Outage, Overdraft: counter.Overdraft}, terms: terms, turn: -1})
		}
		w.claims = append(w.claims, plans)
	}
	w.store.items = make([]item, len(c.Counters))
	w.traffic = trafficOf(c, w.random)
	w.now = w.traffic.start(0)
	for range c.Shape.Instances {
		w.instances = append(w.instances, w.newborn())
	}
	w.slots = make([]slot, c.Shape.Instances*c.Shape.Slots)
	for i := range w.slots {
		w.slots[i].instance = i / c.Shape.Slots
		w.begin(i, w.now)
	}
	w.events.push(event{at: w.now, kind: phaseBegins})
	w.plague(crashes)
	w.plague(stops)
	w.plague(outageBegins)
	return w, nil
}

// happen lets one event happen.
func (w *world) happen(e event) {
	switch e.kind {
	case callBegins:
		w.call(int(e.on))
	case callEnds:
		w.ended(int(e.on), e.number)
	case sent:
		w.send(int(e.on), e.number)
	case arrives, arrivesUnheard:
		w.arrive(int(e.on), e.number, e.kind == arrives)
	case answered, failed:
		w.answer(int(e.on), e.number, e.kind == answered)
	case phaseBegins:
		w.begins(int(e.number)) // #nosec G115 -- it counts up
	case crashes, stops, outageBegins:
		w.strike(e.kind)
	case flightCrashes:
		w.crashFlight(int(e.on))
	}
}

func (w *world) trace(format string, args ...any) {
	if w.Trace != nil {
		w.Trace(w.now, format, args...)
	}
}

// stuck ends the run: the machine, or this driver, is at fault.
func (w *world) stuck(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format+" at %s", append(args, time.Unix(0, w.now).UTC().Format(time.RFC3339Nano))...)
	}
}
