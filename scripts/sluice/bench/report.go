package bench

import (
	"fmt"
	"maps"
	"slices"

	"sluice/scripts/sluice/bench/machine"
	"sluice/scripts/sluice/bench/price"
)

// Cost is what one side's calls cost in a round. Times are microseconds, memory is bytes. Of a side whose process is not
// known, CPU and memory are 0.
type Cost struct {
	CPU            float64 `json:"cpu_us"` // per call, user and system, of the process itself
	WithEngine     float64 `json:"cpu_with_engine_us"`
	Allocations    float64 `json:"allocations"` // objects per call, of the whole process; 0 where they are not told
	AllocatedBytes float64 `json:"allocated_bytes"`
	PerSecond      float64 `json:"calls_per_second"`
	P50            float64 `json:"p50_us"`
	P99            float64 `json:"p99_us"`
	P999           float64 `json:"p999_us"`
	RSS            int64   `json:"rss_bytes"`
	Failures       int     `json:"failures"`
	First          string  `json:"first_failure,omitempty"`
}

// Round is all sides, one right after the other.
type Round struct {
	Upstream Cost            `json:"upstream"` // called without anything in between
	Floor    Cost            `json:"floor"`
	Gateway  Cost            `json:"gateway"`
	Others   map[string]Cost `json:"others,omitempty"`
}

func (r *Round) set(side string, c Cost) {
	switch side {
	case "upstream":
		r.Upstream = c
	case "floor":
		r.Floor = c
	case "gateway":
		r.Gateway = c
	default:
		if r.Others == nil {
			r.Others = map[string]Cost{}
		}
		r.Others[side] = c
	}
}

func (r *Round) of(side string) Cost {
	switch side {
	case "upstream":
		return r.Upstream
	case "floor":
		return r.Floor
	case "gateway":
		return r.Gateway
	}
	return r.Others[side]
}

// Spread is a figure over the rounds.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Operations is what so many calls asked of the store. Units are DynamoDB's capacity units.
type Operations struct {
	Calls             int            `json:"calls"`
	Connections       int            `json:"connections"`
	Gap               string         `json:"gap,omitempty"` // between two calls
	Failures          int            `json:"failures"`
	Each              map[string]int `json:"operations"`
	ReadsPerCall      float64        `json:"reads_per_call"`
	WritesPerCall     float64        `json:"writes_per_call"`
	ReadUnitsPerCall  float64        `json:"read_units_per_call"`
	WriteUnitsPerCall float64        `json:"write_units_per_call"`
}

// Store is what calls ask of the store: of a crowd on one key, of a lone consumer, and of one who pauses between calls.
type Store struct {
	Crowd Operations  `json:"crowd"`
	Alone Operations  `json:"alone"`
	Gaps  *Operations `json:"gaps,omitempty"`
}

// who is the operations of one of them, with what it is called in a report.
type who struct {
	who string
	Operations
}

func (s *Store) all() []who {
	all := []who{{"a crowd on one key", s.Crowd}, {"a lone consumer", s.Alone}}
	if s.Gaps != nil {
		all = append(all, who{"a lone consumer, " + s.Gaps.Gap + " apart", *s.Gaps})
	}
	return all
}

// Costs is what a million calls cost, and what that rests on.
type Costs struct {
	Prices    price.List            `json:"prices"`
	Functions []price.Function      `json:"functions"`
	Of        map[string]price.Bill `json:"of"`
}

// Ratios are gateway by another side.
type Ratios struct {
	CPU        Spread `json:"cpu"`
	WithEngine Spread `json:"cpu_with_engine"`
	PerSecond  Spread `json:"calls_per_second"`
	P50        Spread `json:"p50"`
	P99        Spread `json:"p99"`
	P999       Spread `json:"p999"`
}

// Report is a whole run.
type Report struct {
	Requests    int               `json:"requests"` // to each side in each round
	Connections int               `json:"connections"`
	Rounds      []Round           `json:"rounds"`
	Ratios      Ratios            `json:"ratios"`         // to the floor
	RatiosTo    map[string]Ratios `json:"ratios_to_each"` // to each side
	Store       *Store            `json:"store,omitempty"`
	Costs       *Costs            `json:"costs_per_million,omitempty"`
	Repeat      string            `json:"repeat"`
	Machine     machine.Facts     `json:"machine"`
}

// Over gives the median (of an even number: the mean of the middle two), the least and the greatest value; zeros for none.
func Over(values []float64) Spread {
	n := len(values)
	if n == 0 {
		return Spread{}
	}
	v := slices.Sorted(slices.Values(values))
	return Spread{(v[(n-1)/2] + v[n/2]) / 2, v[0], v[n-1]}
}

// sides are the names of all sides but the gateway, the standard ones first.
func (r *Report) sides() []string {
	names := []string{"floor", "upstream"}
	if len(r.Rounds) > 0 {
		names = append(names, slices.Sorted(maps.Keys(r.Rounds[0].Others))...)
	}
	return names
}

// sum makes the ratios, each round by itself: what disturbed a round disturbed all sides.
func (r *Report) sum() {
	r.RatiosTo = map[string]Ratios{}
	for _, name := range r.sides() {
		over := func(of, low func(Cost) float64) Spread {
			var values []float64
			for i := range r.Rounds {
				if by := low(r.Rounds[i].of(name)); by > 0 {
					values = append(values, of(r.Rounds[i].Gateway)/by)
				}
			}
			return Over(values)
		}
		r.RatiosTo[name] = Ratios{CPU: over(cpu, cpu), WithEngine: over(withEngine, cpu), PerSecond: over(perSecond, perSecond),
			P50: over(p50, p50), P99: over(p99, p99), P999: over(p999, p999)}
	}
	r.Ratios = r.RatiosTo["floor"]
}

// median gives the median of a side's figure over the rounds.
func (r *Report) median(of func(Cost) float64, side string) float64 {
	var values []float64
	for i := range r.Rounds {
		values = append(values, of(r.Rounds[i].of(side)))
	}
	return Over(values).Median
}

func cpu(c Cost) float64        { return c.CPU }
func withEngine(c Cost) float64 { return c.WithEngine }
func perSecond(c Cost) float64  { return c.PerSecond }
func p50(c Cost) float64        { return c.P50 }
func p99(c Cost) float64        { return c.P99 }
func p999(c Cost) float64       { return c.P999 }

// Check is an error if a call failed: the figures are of something else then.
func (r *Report) Check() error {
	for i := range r.Rounds {
		for _, name := range append(r.sides(), "gateway") {
			if c := r.Rounds[i].of(name); c.Failures > 0 {
				return fmt.Errorf("round %d: %d of %d calls of the %s failed, the first with: %s", i+1, c.Failures, r.Requests, name, c.First)
			}
		}
	}
	if s := r.Store; s != nil {
		for _, one := range s.all() {
			if one.Failures > 0 {
				return fmt.Errorf("%d calls of %s failed while store calls were counted", one.Failures, one.who)
			}
		}
	}
	return nil
}
