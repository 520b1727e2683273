package fleet_test

import (
	"net/http"
	"testing"
)

// TestPromise4AQuotaOutlivesInstancesThatHoldLeases: time and again all instances of the proxy are killed while they are
// frozen with units in hand, and some while they work. A consumer that keeps asking still gets 99 of 100 calls of its
// quota; an instance that dies in a call may take that call with it, which is one at most.
func TestPromise4AQuotaOutlivesInstancesThatHoldLeases(t *testing.T) {
	onEachEngine(t, func(t *testing.T, f *fleet) {
		const quota, wave, waves, clients = 1500, 250, 4, 16
		f.publish("orders", nil)
		key := f.subscribe("orders", "shop", object{"quota": object{"requests": quota, "period": "month"}})
		tally := f.tally()
		ask := func() int { return tally.add(f.call(http.MethodGet, "/orders/v1/things/1", key)).status }
		idle, working, held := 0, 0, 0
		for range waves {
			f.rush(clients, wave, func(n int) {
				if n == wave/2 {
					f.kill(f.instances("proxy")[0])
					working++
				}
				ask()
			})
			if _, leased := f.quota("orders", "shop"); leased > 0 {
				held++
			}
			all := f.instances("proxy")
			f.kill(all...)
			idle += len(all)
		}
		f.until("the quota is used up", func() bool {
			f.rush(clients, 4*clients, func(int) { ask() })
			used, leased := f.quota("orders", "shop")
			return used == quota && f.upstream.count("shop")+leased+working >= quota && ask() == http.StatusTooManyRequests
		})
		f.rush(clients, 100, func(int) { ask() })
		passed, least := f.upstream.count("shop"), quota-quota/100-working
		_, lost := f.quota("orders", "shop")
		t.Logf("%d of %d passed, %d lost; %d instances killed idle, %d at work; answers: %v", passed, quota, lost, idle, working, tally)
		if passed > quota || passed < least {
			t.Errorf("%d passed, want %d to %d", passed, least, quota)
		}
		if failed := tally.others(http.StatusOK, http.StatusTooManyRequests, late); failed > working {
			t.Errorf("%d calls failed, %d instances were killed at work: %v", failed, working, tally)
		}
		if held == 0 {
			t.Error("no instance held a unit when it was killed: this shows nothing")
		}
	})
}
