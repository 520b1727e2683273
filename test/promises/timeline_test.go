package promises_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// A timeline is what is true of one key, one fact after the other. Facts are told by how a call is answered under them.
type timeline []fact

// fact holds from when its change was asked for, and until the next one is acknowledged, both on the clock of the caller.
type fact struct {
	answer string
	asked  time.Time
	acked  time.Time
}

// String is the answer and since when it is right.
func (f fact) String() string { return f.answer + " since " + f.acked.Format("15:04:05.000") }

// sighting is a call with the key: when it began and ended, and how it was answered.
type sighting struct {
	answer   string
	from, to time.Time
}

// lag tells how old the configuration was that a call was decided by: how long before its beginning another fact was
// acknowledged than the one that it was answered under, and the index of that other fact; nothing if it was answered under
// a fact that was true while it ran. False says that nothing was ever true that would explain the answer.
func (l timeline) lag(s sighting) (lag time.Duration, overdue int, explained bool) {
	for i := range l {
		if l[i].answer != s.answer || l[i].asked.After(s.to) {
			continue
		}
		if i == len(l)-1 || !l[i+1].acked.Before(s.from) {
			return 0, 0, true
		}
		lag, overdue, explained = s.from.Sub(l[i+1].acked), i+1, true // of all that explain it, the last is the nearest
	}
	return lag, overdue, explained
}

// TestTheTimelineSeesWhatIsLateOrUndone.
func TestTheTimelineSeesWhatIsLateOrUndone(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(1, 0).Add(time.Duration(ms) * time.Millisecond) }
	l := timeline{{"open", at(0), at(10)}, {"shut", at(1000), at(1010)}, {"open", at(5000), at(5010)}, {"gone", at(9000), at(9010)}}
	for name, c := range map[string]struct {
		s         sighting
		lag       int
		overdue   int
		explained bool
	}{
		"a call under the first fact":                       {sighting{"open", at(20), at(30)}, 0, 0, true},
		"a call that began before the change was confirmed": {sighting{"open", at(1005), at(1900)}, 0, 0, true},
		"a call that saw a change before it was confirmed":  {sighting{"shut", at(900), at(1001)}, 0, 0, true},
		"a call that saw a change before it was asked for":  {sighting{"shut", at(900), at(999)}, 0, 0, false},
		"a call that is a little late":                      {sighting{"open", at(1410), at(1420)}, 400, 1, true},
		"a change that was undone":                          {sighting{"open", at(4010), at(4020)}, 3000, 1, true},
		"a call that ran into the next fact":                {sighting{"open", at(4010), at(5001)}, 0, 0, true},
		"a fact that came back":                             {sighting{"open", at(6000), at(6001)}, 0, 0, true},
		"the last fact was undone":                          {sighting{"open", at(12010), at(12020)}, 3000, 3, true},
		"an answer that nothing explains":                   {sighting{"down", at(20), at(30)}, 0, 0, false},
	} {
		lag, overdue, explained := l.lag(c.s)
		if lag != time.Duration(c.lag)*time.Millisecond || overdue != c.overdue || explained != c.explained {
			t.Errorf("%s: %s behind fact %d, %t", name, lag, overdue, explained)
		}
	}
}

// judge holds every call against what was true when it was made.
func (s *shop) judge(seen [][]seenCall) {
	s.failed = s.Network.Failed()
	var lags [kinds][]time.Duration
	lagOf := map[*used][]time.Duration{}
	for _, k := range s.keys {
		lagOf[k] = make([]time.Duration, len(k.facts))
	}
	calls, undecided, admitted, late, odd := 0, 0, int64(0), 0, 0
	for _, c := range slices.Concat(seen...) {
		calls++
		if c.answer == unavailable {
			undecided++
			continue
		}
		if strings.HasPrefix(c.answer, "200") {
			admitted++
		}
		lag, i, ok := c.key.facts.lag(c.sighting)
		if lag > time.Second && s.outage(c.sighting) {
			undecided++
			continue
		}
		lagOf[c.key][i] = max(lagOf[c.key][i], lag)
		if !ok {
			if odd++; odd <= 3 {
				s.t.Errorf("a call of %s was answered %q, which nothing explains: %v", c.key.app.id, c.answer, c.key.facts)
			}
		} else if lag > time.Second {
			if late++; late <= 3 {
				s.t.Errorf("a call of %s that began %s after the change was answered %q: %v", c.key.app.id, lag, c.answer, c.key.facts)
			}
		}
	}
	var all []time.Duration
	for _, k := range s.keys {
		for i, kind := range k.kinds {
			lags[kind] = append(lags[kind], lagOf[k][i])
			all = append(all, lagOf[k][i])
		}
	}
	for k := range kind(kinds) {
		s.t.Logf("%d %s: effective after p50 %s, p99 %s, max %s", len(lags[k]), k, part(lags[k], .5), part(lags[k], .99), part(lags[k], 1))
	}
	s.t.Logf("%d changes: effective after p50 %s, p99 %s, max %s; %d calls, %d admitted, %d undecided, %d late, %d unexplained",
		len(all), part(all, .5), part(all, .99), part(all, 1), calls, admitted, undecided, late, odd)
	if undecided > calls/20 {
		s.t.Errorf("%d of %d calls were made while the store did not answer", undecided, calls)
	}
	if got := s.arrived.Load(); got != admitted {
		s.t.Errorf("%d calls reached the upstream, %d were answered", got, admitted)
	}
}

// outage reports whether the store left some instance without an answer shortly before the call's end. Then a known caller
// is served from what was known before, which is the other half of the promise.
func (s *shop) outage(c sighting) bool {
	return slices.ContainsFunc(s.failed, func(at time.Time) bool { return at.After(c.from.Add(-2*time.Second)) && at.Before(c.to) })
}

// part gives the value that this part of all do not exceed.
func part(of []time.Duration, share float64) time.Duration {
	if len(of) == 0 {
		return 0
	}
	slices.Sort(of)
	return of[max(0, int(math.Ceil(share*float64(len(of))))-1)].Round(time.Millisecond)
}
