// Package limit is the arithmetic of rates and quotas on instants, and the leasing of units from a store. It does no I/O.
//
// # The protocol
//
// A counter is one item of the store: a State with one rate and one quota. Units of both are charged together by a Step, a
// conditional write that is applied as a whole or not at all. What it charges, the instance that made it may spend from
// memory (Holding), a call at a time. A call takes its cost from each counter that its claims name; where one refuses, what the
// others gave is put back into memory, so a refused call costs nothing.
//
//   - A lease is what an instance charges beyond the calls that wait. It is what will be spent within half a second if calls go
//     on as they did, at most twice the last one, half of what a bucket holds, what flows back into a bucket within a
//     second, and what the quota's trust allows: see below. Far from the limits it is large, near them it is nothing.
//   - It is renewed while an upstream works on a call, given back when nobody has spent of it for a second and when the
//     instance is stopped. A frozen instance keeps it: its rate units lapse, its quota units stay charged and good.
//   - A write whose answer was lost is shown again with the same ID before any other. The store knows the last ID of each of
//     32 groups of instances, so the units are gone only if another of the group wrote in between.
//   - The more instances take from one counter, the longer each of them waits between two writes, so that far from the limits
//     all together stay below the 1,000 writes a second that one item of DynamoDB can take. Near a limit they may ask for more
//     for a moment, and are throttled.
//
// # Nobody is admitted beyond a limit (promise 3)
//
// Quota. Used is the sum of all units charged in a period less those given back; every step that adds to it has the
// condition that it stays at the limit or below. A unit is spent at most once, by the instance that charged it, and before the
// instant at which the period ends less the skew of its clock; units that are given back are forgotten before the write
// is made. So no more than Used were spent in the period, for any number of instances and whatever of them died, froze or
// lost an answer. Clocks: a period is opened by a clock that is the skew past its start; from the skew before the start until it is
// opened, units are charged to the old period and the new one, which begins with what was charged to it. If no clock is
// off by more than the skew, each call is charged to the period that it truly happened in. (If one is, each period still
// admits its quota as it is counted, since periods only go forward.)
//
// Rate. Charges keep GCRA's bound by the clock of each writer: between two instants of true time they are at most
// burst + rate × (t2 − t1 + 2 × skew). A unit is spent within a second after its charge, its lifetime, so
//
//	admitted(t1, t2) ≤ burst + rate × (t2 − t1 + 1 s + 2 × skew)
//
// The one exception is an outage of the store: then units on hand are spent although they are older, and a plan may allow an
// overdraft; see catalog.Outage.
//
// # Nothing is wasted (promise 4)
//
// Risk is the part of Used that nobody has told to be spent. Each step adds what it charges to it and takes off what
// was spent since the last one, and what calls wait for. A lease beyond these calls is only taken under the condition that Risk
// stays at a hundredth of the quota or below. So whatever instances die, freeze or never come back with what they
// hold, 99 of 100 units of a quota are spent by a consumer that keeps asking. Not counted in this are the cost of a call that
// dies with its instance between its write and its forward, and calls within the skew of a boundary, which two periods are
// charged for. Since no instance can know what another spent before it died, units in doubt are never admitted again: they
// are counted as lost, at most Risk of them, and /limits shows them. Rate units that lapse have flowed back by then.
package limit
