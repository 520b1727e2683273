package fleet_test

import (
	"net/http"
	"testing"
	"time"
)

// TestPromise3ExactlyTheQuotaPasses: 64 clients call at once on a key that nobody has used, over instances that take turns
// and freeze. Counted at the upstream.
func TestPromise3ExactlyTheQuotaPasses(t *testing.T) {
	onEachEngine(t, func(t *testing.T, f *fleet) {
		const quota = 300
		f.publish("orders", nil)
		key := f.subscribe("orders", "shop", object{"quota": object{"requests": quota, "period": "month"}})
		tally := f.tally()
		f.rush(64, 2*quota, func(int) { tally.add(f.call(http.MethodGet, "/orders/v1/things/1", key)) })
		if passed := f.upstream.count("shop"); passed > quota {
			t.Errorf("%d of %d passed", passed, quota)
		}
		f.until("the rest of the quota passes", func() bool {
			tally.add(f.call(http.MethodGet, "/orders/v1/things/1", key))
			return f.upstream.count("shop") >= quota
		})
		f.rush(64, quota, func(int) { tally.add(f.call(http.MethodGet, "/orders/v1/things/1", key)) })
		passed, answered := f.upstream.count("shop"), tally.of(http.StatusOK)
		t.Logf("%d of %d passed; answers: %v", passed, quota, tally)
		if passed != quota || answered > quota || answered+tally.of(late) < quota {
			t.Errorf("%d of %d passed, %d were answered", passed, quota, answered)
		}
		tally.only(http.StatusOK, http.StatusTooManyRequests, late)
	})
}

// TestPromise3NoMoreThanTheRatePasses between any two instants: 64 clients ask for much more. Over every span that begins
// with a call and ends with one, those that were sent and arrived inside it were admitted inside it.
func TestPromise3NoMoreThanTheRatePasses(t *testing.T) {
	onEachEngine(t, func(t *testing.T, f *fleet) {
		const perSecond, burst, calls = 20, 40, 1200
		f.publish("orders", nil)
		key := f.subscribe("orders", "shop", object{"rate": object{"requests": perSecond, "seconds": 1, "burst": burst}})
		tally := f.tally()
		f.rush(64, calls, func(int) { tally.add(f.call(http.MethodGet, "/orders/v1/things/1", key)) })
		f.until("the rate flows on", func() bool {
			return tally.add(f.call(http.MethodGet, "/orders/v1/things/1", key)).status == http.StatusOK
		})
		tally.only(http.StatusOK, http.StatusTooManyRequests, late)
		seen := f.upstream.of("shop")
		worst, passed, span := densest(seen, perSecond)
		t.Logf("%d passed in %s, at worst %d in %s; answers: %v", len(seen), seen[len(seen)-1].at.Sub(seen[0].at), passed, span, tally)
		if worst > burst+perSecond {
			t.Errorf("%d passed in %s, want at most %d + %d × (%s + 1 s)", passed, span, burst, perSecond, span)
		}
		if len(seen) < burst {
			t.Errorf("%d passed, less than the burst of %d", len(seen), burst)
		}
		if tally.of(http.StatusTooManyRequests) == 0 {
			t.Error("nobody was refused: this shows nothing")
		}
	})
}

// densest looks at every span that begins when a call was sent and ends when one arrived, and gives the one in which the
// number of calls is furthest above what the rate alone lets pass: by how much, how many, in which time.
func densest(calls []arrival, perSecond float64) (worst float64, passed int, span time.Duration) {
	for _, from := range calls {
		inside := 0
		for _, to := range calls { // in the order of their arrival
			if to.sent.Before(from.sent) {
				continue
			}
			inside++
			took := to.at.Sub(from.sent)
			if above := float64(inside) - perSecond*took.Seconds(); above > worst {
				worst, passed, span = above, inside, took
			}
		}
	}
	return worst, passed, span
}
