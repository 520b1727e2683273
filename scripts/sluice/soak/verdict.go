package soak

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"sluice/scripts/sluice/soak/backend"
	"sluice/scripts/sluice/soak/traffic"
	"sluice/scripts/sluice/soak/world"
)

// Account is what all sides say of one kind of caller. Callers without a credential are one app for the platform: each of
// their accounts has what it counted of all of them.
type Account struct {
	Lane     *world.Lane    `json:"-"`
	Answers  traffic.Counts `json:"answers"`
	Upstream backend.Tally  `json:"upstream"`
	Counted  world.Counted  `json:"counted"`
	Latency  Latency        `json:"latency"`
}

// slack is how many seconds of a rate may pass beyond its burst between any two instants: a lease lives for one (package
// limit), and calls come to the upstream later than they were admitted, some later than others.
const slack = 2

// Check is an error that names everything that is wrong.
func (r *Report) Check() error {
	if faults := r.findings(); len(faults) > 0 {
		return fmt.Errorf("the soak failed:\n%w", errors.Join(faults...))
	}
	return nil
}

// findings is all that is wrong, each in a sentence.
func (r *Report) findings() (faults []error) {
	for i := range r.Accounts {
		a := &r.Accounts[i]
		for _, what := range slices.Concat(r.arrived(a), r.counted(a), r.bounded(a), a.kept()) {
			faults = append(faults, fmt.Errorf("%s: %s", a.Lane.Name, what))
		}
	}
	for _, what := range r.together() {
		faults = append(faults, errors.New(what))
	}
	return append(faults, r.grown()...)
}

// lost is how many calls of an account killed instances of the proxy may have taken with them uncounted: what each had counted
// since its last flush, which began at most two seconds ago (the beat is one second, a flush takes up to one), and each
// connection's call under way. One instance had all of the calls at most.
func (r *Report) lost(a *Account) int64 {
	kills := int64(r.Kills["proxy"])
	perSecond := float64(a.Answers.Admitted()) / max(1, r.Lasted.Seconds())
	return kills * (int64(2*perSecond) + int64(r.Connections))
}

// instances is how many of the proxy there were, at most.
func (r *Report) instances() int64 {
	if r.InProcess {
		return 1
	}
	return mostInstances + int64(r.Kills["proxy"])
}

// arrived holds what the upstream saw against what the answers say that it saw. Calls in doubt may have come to it.
func (r *Report) arrived(a *Account) (faults []string) {
	saw, told, doubt := a.Upstream.Calls, a.Answers.Reached(), a.Answers.Doubtful
	if saw < told || saw > told+doubt {
		faults = append(faults, fmt.Sprintf("the upstream saw %d calls; by the answers it must be %d, and at most %d more that were in doubt", saw, told, doubt))
	}
	if n := a.Upstream.Nameless; n > 0 {
		faults = append(faults, fmt.Sprintf("%d calls came to the upstream without a request id", n))
	}
	if a.Answers.Good == 0 {
		faults = append(faults, "no call passed: "+a.Answers.String())
	}
	return faults
}

// counted holds what the platform counted against what the answers say that was admitted. What killed instances took along may
// be missing in usage; in the quota it is leased, and never missing.
func (r *Report) counted(a *Account) []string {
	if a.Lane.Plan == nil {
		return nil // together does
	}
	faults := r.usage(a.Counted.Calls, a.Answers.Admitted(), a.Answers.Doubtful, r.lost(a))
	cost := a.Lane.Cost
	return append(faults, r.units("the quota", a.Counted, cost, cost*a.Answers.Admitted(), cost*a.Answers.Doubtful,
		cost*(r.lost(a)+r.stranded(a)), a.Lane.Overdraft)...)
}

// stranded is how many calls' units may be charged, and named as leased, though nothing was killed: those on lease under a plan
// when it changed, and those of a return whose answer the store lost, which is made once or not at all. A lease is of half a
// second's units, at most twice the last one.
func (r *Report) stranded(a *Account) int64 {
	times := r.StoreFaults
	if a.Lane.Changes {
		times += r.Changes.Made["plan"] + r.Changes.Made["subscription"] + r.Changes.Refused["plan"] + r.Changes.Refused["subscription"]
	}
	return int64(float64(times) * float64(a.Answers.Admitted()) / max(1, r.Lasted.Seconds()))
}

func (r *Report) usage(has, admitted, doubt, lost int64) []string {
	if has >= admitted-lost && has <= admitted+doubt {
		return nil
	}
	return []string{fmt.Sprintf("usage has %d calls; by the answers it must be %d, at most %d more that were in doubt, at most %d less that died with killed instances",
		has, admitted, doubt, lost)}
}

// units judges a quota's counter. An overdraft that an instance owes when it is killed is not charged any more. And what a
// call waits for is charged as spent: if the store's answer was lost, so that the call was turned away, and the instance is
// killed before it has asked again, nobody had it. An instance has one call at a time. Units that the platform calls leased may
// have been spent meanwhile, since who holds none has nothing to write: so it is held units that are judged.
func (r *Report) units(what string, c world.Counted, cost, admitted, doubt, lost, overdraft int64) (faults []string) {
	kills := int64(r.Kills["proxy"])
	if c.Used < admitted-overdraft*kills || c.Used-c.Leased > admitted+doubt+cost*kills {
		faults = append(faults, fmt.Sprintf("%s counts %d units, %d of them leased; by the answers %d were admitted, and at most %d more that were in doubt, "+
			"or waited when their instance was killed", what, c.Used, c.Leased, admitted, doubt+cost*kills))
	}
	if held := c.Used - admitted - doubt; held > lost {
		faults = append(faults, fmt.Sprintf("%s has %d units that nobody spent when all is quiet; what was killed, had its plan changed, or lost the store's answer held %d at most", what, held, lost))
	}
	return faults
}

// bounded holds an account against its limits.
func (r *Report) bounded(a *Account) (faults []string) {
	fail := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	l, units := a.Lane, a.Lane.Cost*max(a.Answers.Admitted(), a.Upstream.Calls)
	if most := l.Quota + l.Overdraft*r.instances()*int64(r.StoreFaults); units > most {
		fail("%d units were admitted, the quota allows %d", units, most)
	}
	if l.Quota < world.Huge && a.Answers.Refused > 0 && (units+a.Counted.Leased+l.Cost*r.lost(a))*100 < l.Quota*99 {
		fail("%d units of a quota of %d were admitted, and then calls were refused; 99 of 100 must be usable", units, l.Quota)
	}
	if l.Behaviour.Rate > 0 {
		if most := float64(world.Burst) + l.Behaviour.Rate*slack; a.Upstream.Burst > most {
			fail("%.0f calls came at once beyond a rate of %.0f a second; %.0f may", a.Upstream.Burst, l.Behaviour.Rate, most)
		}
	} else if l.Quota == world.Huge && a.Answers.Refused > 0 {
		fail("%d calls were refused by a limit that was not reached", a.Answers.Refused)
	}
	if l.Behaviour.Slow > 0 && a.Upstream.AtOnce > world.AtOnce {
		fail("%d calls were under way at once, %d are allowed", a.Upstream.AtOnce, world.AtOnce)
	}
	if n := a.Upstream.Repeats; !l.Repeats && n > 0 {
		fail("%d attempts were repeated, of calls that must not be", n)
	}
	if most := r.repeats(a); l.Repeats && a.Upstream.Repeats > most {
		fail("%d attempts were repeated, the budget allows %d", a.Upstream.Repeats, most)
	}
	return faults
}

// repeats is how many attempts may have been repeated, by hedges, retries and net/http on kept connections that break: the
// budget's share of the calls, and for each instance one a second and ten saved up.
func (r *Report) repeats(a *Account) int64 {
	return a.Answers.Admitted()*world.Budget/100 + r.instances()*(int64(r.Lasted.Seconds())+10)
}

// kept holds an account against what callers were promised.
func (a *Account) kept() (faults []string) {
	if n := a.Answers.Mixed; n > 0 {
		faults = append(faults, fmt.Sprintf("%d answers were made for somebody else, e.g. %s", n, a.Answers.Example))
	}
	if n := a.Answers.Unknown; n > 0 {
		faults = append(faults, fmt.Sprintf("%d calls were not known or not allowed, e.g. %s", n, a.Answers.Example))
	}
	if n := a.Upstream.Twice; n > 0 {
		faults = append(faults, fmt.Sprintf("%d calls with an Idempotency-Key came to the upstream again", n))
	}
	return faults
}

// together judges what is counted over several accounts: the API's own quota, and callers without a credential.
func (r *Report) together() (faults []string) {
	var api, nobody struct{ admitted, doubt, lost, overdraft, has int64 }
	doubt, example := int64(0), ""
	for i := range r.Accounts {
		a := &r.Accounts[i]
		if doubt += a.Answers.Doubtful; a.Answers.Doubtful > 0 {
			example = a.Answers.Example
		}
		if a.Lane.Plan == nil {
			nobody.has = a.Counted.Calls
			nobody.admitted, nobody.doubt, nobody.lost = nobody.admitted+a.Answers.Admitted(), nobody.doubt+a.Answers.Doubtful, nobody.lost+r.lost(a)
		}
		if a.Lane.API == "soak" {
			cost := a.Lane.Cost
			api.admitted, api.doubt, api.lost = api.admitted+cost*a.Answers.Admitted(), api.doubt+cost*a.Answers.Doubtful, api.lost+cost*(r.lost(a)+r.stranded(a))
			api.overdraft += a.Lane.Overdraft
		}
	}
	for _, what := range r.usage(nobody.has, nobody.admitted, nobody.doubt, nobody.lost) {
		faults = append(faults, "callers without a credential: "+what)
	}
	if kills := sum(r.Kills); doubt > kills {
		faults = append(faults, fmt.Sprintf("%d calls got no answer, or one that no function gave, and %d instances were killed, each with a call at most, e.g. %s",
			doubt, kills, example))
	}
	for _, what := range r.units("its quota", r.AllConsumers, world.Dear, api.admitted, api.doubt, api.lost, api.overdraft) {
		faults = append(faults, "the API over all consumers: "+what)
	}
	return faults
}

func sum(of map[string]int) (n int64) {
	for _, x := range of {
		n += int64(x)
	}
	return n
}

// How growth at rest is judged, after the warm-up and after the drain: a quarter and a handful more open files and goroutines
// are what caches of connections and timers differ by; a leak of one in a thousand calls is far beyond.
const (
	morePart = 1.25
	aFew     = 12
)

// grown says what has grown beyond what is allowed.
func (r *Report) grown() (faults []error) {
	limit := func(before int) int { return int(float64(before)*morePart) + aFew }
	for _, name := range slices.Sorted(maps.Keys(r.Before)) {
		before := r.Before[name]
		after, ok := r.After[name]
		if !ok {
			continue // no instance of it runs any more
		}
		if after.Files > limit(before.Files) {
			faults = append(faults, fmt.Errorf("%s: %d open files at rest, %d before", name, after.Files, before.Files))
		}
		if before.Goroutines > 0 && after.Goroutines > limit(before.Goroutines) {
			faults = append(faults, fmt.Errorf("%s: %d goroutines at rest, %d before", name, after.Goroutines, before.Goroutines))
		}
	}
	for _, t := range r.Trends {
		if t.Grows() {
			faults = append(faults, errors.New(t.String()))
		}
	}
	return faults
}
