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
//   - Each instance has a place of its own in the item, where its steps leave their IDs. A step is applied only where the
//     instance's last one is found (counter.Step.After), so however often it is shown and however late one showing of it
//     arrives, it is done once or not at all, and an instance whose answer was lost learns which by showing it again. Places are
//     64, and one that was not written to for ten seconds may be taken over. Beyond 64 instances some share places, where only
//     steps that give units back are as strict; others may then be charged twice if their answer is lost.
//   - The marks in the places tell how many instances write. The more there are, the longer each of them waits between two
//     writes, so that all together stay below the 1,000 writes a second that one item of DynamoDB can take.
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
// admits its quota as it is counted, since periods only go forward.) Units are not given back where they may have been given
// back before: if an instance's place was taken over while it did not know, they are lost.
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
// stays at a hundredth of the quota or below. So whatever instances die, freeze or never come back with what they hold, 99 of
// 100 units of a quota are spent by a consumer that keeps asking. What was told to be spent, since a call waited for it that
// another counter refused or that has gone, is given back before the instance may be frozen (Owes). Not counted in this are
// the cost of a call that dies with its instance between its write and its forward, that of calls whose write was not answered
// to an instance which never runs again, and calls within the skew of a boundary, which two periods are charged for. Since no
// instance can know what another spent before it died, units in doubt are never admitted again: they are counted as lost, at
// most Risk of them, and /limits shows them. Rate units that lapse have flowed back by then.
package limit
