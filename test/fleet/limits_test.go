package fleet_test

import (
	"net/http"
	"testing"
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
		if passed != quota || answered != quota {
			t.Errorf("%d of %d passed, %d were answered", passed, quota, answered)
		}
		tally.only(http.StatusOK, http.StatusTooManyRequests)
	})
}
