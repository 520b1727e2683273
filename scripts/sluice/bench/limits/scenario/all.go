package scenario

import (
	"time"

	"sluice/scripts/sluice/bench/limits/fleet"
	"sluice/shared/catalog"
	"sluice/shared/decision"
)

// All gives every scenario.
func All() []Scenario {
	return []Scenario{
		{"hot", "one consumer at 10,000 calls a second over 64 instances, far from its limits", 0.05, true, hot},
		{"hot-rough", "the same, while instances and answers are lost", 0, true, hotRough},
		{"lone", "one client, a call every now and then", 1, true, lone},
		{"fresh", "64 clients at once on a fresh counter, again and again", 0, true, fresh},
		{"midnight", "a burst over the end of a day", 0, true, midnight},
		{"month", "a burst over the end of a calendar month", 0, true, month},
		{"anchor", "a burst over the end of a month from a day of its own", 0, true, anchor},
		{"one-instance", "all calls to one of the instances, and to another one later", 0, true, oneInstance},
		{"turns", "all calls to one instance after the other, then to all", 0, true, turns},
		{"carried", "a period that begins while leases of the last one are in hand", 0, true, carried},
		{"lost", "answers and requests that are lost all the time", 0, true, lost},
		{"skewed", "few instances get most of the calls", 0, true, skewed},
		{"several", "calls that cost more than one, of several counters each", 0, true, several},
		{"plans", "the plan is changed again and again", 0, true, plans},
		{"outage", "the store is away for seconds", 0, true, outage},
		{"overdraft", "the store is away for seconds, and calls pass on an overdraft that is paid later", 0, true, overdraft},
		{"rate", "more calls than the rate allows, from 1 a minute to 50,000 a second", 0, true, tightRate},
		{"quota", "more calls than the quota allows, from 1 to 1,000,000,000", 0, true, tightQuota},
		{"crashes", "instances end in the middle of their writes", 0, true, dying},
		{"several-at-once", "instances that take several calls at once and are never frozen", 0, true, atOnce},
		{"edge", "clocks that are all off by as much as they may", 0, true, edge},
		{"wander", "clocks that drift and are set", 0, true, wander},
		{"late", "requests that arrive after they were given up", 0, true, late},
		{"exact", "nothing is lost, so all of a quota must be used, whatever else refuses calls", 0, true, exact},
	}
}

func hot(d *draw, c *fleet.Config) {
	c.Counters = one(rate(50_000, 1, 50_000), quota(1_000_000_000, catalog.Month, 0))
	c.Traffic.Phases = []fleet.Phase{steady(10_000, 60)}
	c.Shape.Slots = d.one(1, 1, 4)
}

func hotRough(d *draw, c *fleet.Config) {
	hot(d, c)
	c.Faults = rough(d)
}

func lone(d *draw, c *fleet.Config) {
	c.Shape.Instances = 1
	n := d.between(10, 60_000)
	c.Counters = one(rate(600, 60, 50), quota(n, catalog.Day, 0))
	c.Traffic.Phases = []fleet.Phase{steady(min(3, max(1.2*float64(n), float64(d.calls)/cycles)/80_000), 80_000)}
	c.Traffic.Phases[0].Spread = fleet.Spread(d.IntN(3)) // #nosec G115 -- of three
	c.Clocks.Drift = true
}

func fresh(d *draw, c *fleet.Config) {
	n := d.one(1, 2, 10, 63, 64, 65, 100, 640, 1000, 5000)
	c.Shape.Instances, c.Shape.Slots = d.one(1, 4, 64), 1
	if c.Shape.Instances < 64 {
		c.Shape.Slots = 64 / c.Shape.Instances
	}
	c.Counters = one(rate(100_000, 1, 100_000), quota(n, catalog.Day, 0))
	c.Traffic.Phases = []fleet.Phase{{From: time.Hour, For: 5 * time.Second, PerSecond: d.asking(n, 5), Together: true, Restart: true}}
	if d.IntN(2) == 0 {
		c.Faults = rough(d)
	}
}

// boundary is a burst over the end of each cycle, after most of the quota was used up, or nothing of it.
func boundary(d *draw, c *fleet.Config, p catalog.Period, anchorDay int) {
	n := d.between(1, 20_000)
	speed := d.asking(n, 3)
	c.Counters = one(rate(d.one(100, 20_000), 1, 20_000), quota(n, p, anchorDay))
	c.Traffic.Phases = []fleet.Phase{{From: -3 * time.Second, For: time.Duration(4+d.IntN(3)) * time.Second, PerSecond: speed, Together: d.IntN(2) == 0}}
	if d.IntN(3) > 0 {
		c.Traffic.Phases = append(c.Traffic.Phases, fleet.Phase{From: 6 * time.Hour, For: 4 * time.Second, PerSecond: speed, Restart: d.IntN(2) == 0})
	}
	if d.IntN(2) == 0 {
		c.Faults = rough(d)
	}
	c.Clocks.Edge = d.IntN(3) == 0
}

func midnight(d *draw, c *fleet.Config) { boundary(d, c, catalog.Day, 0) }

func month(d *draw, c *fleet.Config) {
	c.Traffic.Cycle = months(d, 1)
	boundary(d, c, catalog.Month, 0)
}

func anchor(d *draw, c *fleet.Config) {
	day := d.one(2, 15, 28, 29, 30, 31)
	c.Traffic.Cycle = months(d, day)
	boundary(d, c, catalog.Month, day)
}

func oneInstance(d *draw, c *fleet.Config) {
	n := d.between(10, 200_000)
	c.Counters = one(rate(6_000, 1, 500), quota(n, catalog.Day, 0))
	c.Shape.Slots = 16
	c.Traffic.Phases = []fleet.Phase{{From: time.Hour, For: 30 * time.Second, PerSecond: d.asking(n, 40), Spread: fleet.One},
		{From: 2 * time.Hour, For: 20 * time.Second, PerSecond: d.asking(n, 40)}}
	if d.IntN(2) == 0 {
		c.Faults = rough(d)
	}
}

func turns(d *draw, c *fleet.Config) {
	n := d.between(200, 1_200)
	c.Counters = one(rate(n, 1, n))
	c.Shape.Instances, c.Shape.Slots = 15, 32
	for k := range 32 {
		p := fleet.Phase{From: time.Hour + time.Duration(k)*2500*time.Millisecond, For: 900 * time.Millisecond, PerSecond: 0.95 * float64(n), Spread: fleet.Turns}
		if k%16 == 15 {
			p.Spread, p.PerSecond, p.Together = fleet.Even, 8*float64(n), true
		}
		c.Traffic.Phases = append(c.Traffic.Phases, p)
	}
}

func carried(d *draw, c *fleet.Config) {
	n := d.between(2_000, 60_000)
	c.Counters = one(quota(n, catalog.Day, 0))
	c.Shape.Instances = d.one(4, 16, 64)
	c.Shape.Slots = 128 / c.Shape.Instances
	c.Traffic.Phases = []fleet.Phase{{From: -20 * time.Second, For: 19 * time.Second, PerSecond: d.asking(n, 60)},
		{From: time.Hour, For: 20 * time.Second, PerSecond: d.asking(n, 16)}}
}

func lost(d *draw, c *fleet.Config) {
	n := d.between(500, 20_000)
	c.Counters = one(rate(5_000, 1, 5_000), quota(n, catalog.Day, 0))
	c.Shape.Instances, c.Shape.Slots = d.one(1, 2, 4), 16
	c.Traffic.Phases = []fleet.Phase{{From: time.Hour, For: 60 * time.Second, PerSecond: d.asking(n, 40)}}
	c.Faults = fleet.Faults{LostAnswer: 0.3, LostRequest: 0.1, Throttled: 0.1}
}

func skewed(d *draw, c *fleet.Config) {
	n := d.between(1_000, 200_000)
	c.Counters = one(rate(4_000, 1, 8_000), quota(n, catalog.Day, 0))
	c.Shape.Slots = 4
	c.Traffic.Phases = []fleet.Phase{{From: time.Hour, For: 60 * time.Second, PerSecond: d.asking(n, 60), Spread: fleet.Skewed}}
	c.Faults = rough(d)
}

func several(d *draw, c *fleet.Config) {
	n := d.between(500, 100_000)
	counter := func(id string, limits ...decision.Limit) fleet.Counter {
		return fleet.Counter{ID: id, Plans: [][]decision.Limit{limits}, Outage: catalog.OutageClosed}
	}
	c.Counters = []fleet.Counter{
		counter("sub", rate(2_000, 1, 1_000), quota(n, catalog.Day, 0)),
		counter("sub/list", rate(d.between(5, 500), 1, d.between(20, 500))),
		counter("api/orders", rate(d.between(500, 5_000), 1, 2_000)),
		counter("api/orders/list", quota(d.between(1_000, 1_000_000), catalog.Month, 0)),
	}
	c.Kinds = []fleet.Kind{{Weight: 6, Counters: []int{0, 2}, Cost: 1}, {Weight: 2, Counters: []int{0, 1, 2, 3}, Cost: 3},
		{Weight: 1, Counters: []int{0, 1, 2, 3}, Cost: 10}}
	c.Traffic.Phases = []fleet.Phase{{From: -10 * time.Second, For: 40 * time.Second, PerSecond: d.asking(n, 60)}}
	c.Shape.Instances, c.Shape.Slots = d.one(4, 64), d.one(1, 3)
	if d.IntN(2) == 0 {
		c.Faults = rough(d)
	}
}

func plans(d *draw, c *fleet.Config) {
	c.Counters = one()
	for range 3 {
		limits := []decision.Limit{rate(d.between(1, 2_000), d.one(1, 1, 60), d.between(10, 5_000)), quota(d.between(10, 100_000), catalog.Day, 0)}
		c.Counters[0].Plans = append(c.Counters[0].Plans, limits[:1+d.IntN(2)])
	}
	c.Counters[0].Plans = c.Counters[0].Plans[1:]
	c.Counters[0].Every = time.Duration(d.between(2, 60)) * time.Second
	c.Traffic.Phases = []fleet.Phase{{From: -10 * time.Second, For: 100 * time.Second, PerSecond: 1_000}}
	if d.IntN(2) == 0 {
		c.Faults = rough(d)
	}
}

func outage(d *draw, c *fleet.Config) {
	n := d.between(100, 200_000)
	c.Counters = one(rate(3_000, 1, 3_000), quota(n, catalog.Day, 0))
	c.Traffic.Phases = []fleet.Phase{{From: -20 * time.Second, For: 90 * time.Second, PerSecond: d.asking(n, 60)}}
	c.Faults = rough(d)
	c.Faults.OutageEvery, c.Faults.OutageFor = 10*time.Second, time.Duration(d.between(200, 10_000))*time.Millisecond
}

// overdraft has nothing that ends an instance, so that in the end all that passed is counted.
func overdraft(d *draw, c *fleet.Config) {
	c.Shape.Instances, c.Shape.NoFreeze = d.one(1, 4, 16), d.IntN(2) == 0
	c.Counters = one(quota(d.between(100, 200_000), catalog.Day, 0))
	c.Counters[0].Outage, c.Counters[0].Overdraft = catalog.OutageOpen, d.between(1, 500)
	c.Traffic.Phases = []fleet.Phase{{From: time.Hour, For: 90 * time.Second, PerSecond: d.asking(c.Counters[0].Plans[0][0].Requests, 60)}}
	c.Faults = fleet.Faults{OutageEvery: 10 * time.Second, OutageFor: time.Duration(d.between(200, 10_000)) * time.Millisecond}
	c.Settle = true
}

func tightRate(d *draw, c *fleet.Config) {
	n, seconds := d.between(1, 50_000), 1
	if d.IntN(3) == 0 {
		n, seconds = d.between(1, 600), 60
	}
	c.Counters = one(rate(n, seconds, d.between(1, 2*n)))
	c.Traffic.Phases = []fleet.Phase{steady(min(10_000, max(2, (0.7+d.Float64())*float64(n)/float64(seconds))), 100)}
	c.Shape.Instances, c.Shape.Slots = d.one(1, 4, 64), d.one(1, 4)
	if d.IntN(2) == 0 {
		c.Faults = rough(d)
	}
	c.Clocks.Edge = d.IntN(2) == 0
}

func tightQuota(d *draw, c *fleet.Config) {
	n := d.between(1, 1_000_000_000)
	c.Counters = one(quota(n, catalog.Day, 0))
	c.Traffic.Phases = []fleet.Phase{{From: time.Hour, For: 30 * time.Second, PerSecond: d.asking(n, 30)}}
	c.Faults = rough(d)
}

func dying(d *draw, c *fleet.Config) {
	n := d.between(50, 100_000)
	c.Counters = one(rate(10_000, 1, 10_000), quota(n, catalog.Day, 0))
	c.Traffic.Phases = []fleet.Phase{{From: time.Hour, For: 40 * time.Second, PerSecond: d.asking(n, 30)}}
	c.Faults = rough(d)
	c.Faults.Crash, c.Faults.CrashEvery = 0.1, time.Duration(d.between(200, 5_000))*time.Millisecond
}

func atOnce(d *draw, c *fleet.Config) {
	n := d.between(1_000, 400_000)
	c.Counters = one(rate(20_000, 1, 5_000), quota(n, catalog.Day, 0))
	c.Shape = fleet.Shape{Instances: d.one(2, 8), Slots: 32, Service: 20 * time.Millisecond, NoFreeze: true}
	c.Traffic.Phases = []fleet.Phase{{From: -10 * time.Second, For: 60 * time.Second, PerSecond: d.asking(n, 50)}}
	c.Faults = rough(d)
}

func edge(d *draw, c *fleet.Config) {
	boundary(d, c, catalog.Day, 0)
	c.Clocks.Edge = true
}

func wander(d *draw, c *fleet.Config) {
	boundary(d, c, catalog.Day, 0)
	c.Clocks.Drift, c.Clocks.Jump = true, true
}

func late(d *draw, c *fleet.Config) {
	boundary(d, c, catalog.Day, 0)
	c.Faults = rough(d)
	c.Faults.Late = 0.05
}

func exact(d *draw, c *fleet.Config) {
	n := d.between(10, 20_000)
	c.Counters = []fleet.Counter{
		{ID: "sub", Plans: [][]decision.Limit{{quota(n, catalog.Day, 0)}}},
		{ID: "sub/list", Plans: [][]decision.Limit{{rate(d.between(1, 100), 1, 10)}}},
	}
	c.Kinds = []fleet.Kind{{Weight: 1, Counters: []int{0}, Cost: 1}, {Weight: 3, Counters: []int{0, 1}, Cost: 1}}
	speed := d.asking(n, 10)
	c.Traffic.Phases = []fleet.Phase{{From: time.Hour, For: 30 * time.Second, PerSecond: speed},
		{From: 2 * time.Hour, For: 60 * time.Second, PerSecond: speed, Restart: true}}
	c.Rules.Exact = true
}
