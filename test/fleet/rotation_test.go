package fleet_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"sluice/scripts/sluice/client"
)

// TestPromise12ARotationAndARollbackFailNoCallOnTheFleet: keys are rotated with an overlap, a contract is replaced and put back,
// under load; the quota has counted what arrived, and what frozen instances hold.
func TestPromise12ARotationAndARollbackFailNoCallOnTheFleet(t *testing.T) {
	onEachEngine(t, func(t *testing.T, f *fleet) {
		const calls, clients = 1200, 16
		f.publish("orders", nil)
		f.subscribe("orders", "shop", object{"quota": object{"requests": 1_000_000, "period": "month"}})
		var first struct{ ID, Key string }
		f.admin(http.MethodPost, "/apps/shop/keys", object{}, &first)
		var older, newer atomic.Pointer[string]
		older.Store(&first.Key)
		newer.Store(&first.Key)
		tally := f.tally()
		changes := make(chan struct{})
		began := make(chan struct{})
		go func() {
			defer close(changes)
			<-began
			var fresh struct{ ID, Key string }
			f.admin(http.MethodPost, "/apps/shop/keys/"+first.ID+"/rotate", object{"overlap_seconds": 600}, &fresh)
			newer.Store(&fresh.Key)
			narrow := `{"openapi":"3.1.0","info":{"title":"Things","version":"2"},"paths":{"/things/{id}":{"get":{"operationId":"getThing",
				"parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string"}}],"responses":{"200":{"description":"A thing."}}}}}}`
			for _, text := range []string{narrow, contract, narrow, contract} {
				f.admin(http.MethodPut, "/apis/orders/versions/v1/contract", client.Content{Type: "application/json", Bytes: []byte(text)}, nil)
			}
		}()
		var sent atomic.Int64
		f.rush(clients, calls, func(n int) {
			if sent.Add(1) == calls/10 {
				close(began)
			}
			key := older.Load()
			if n%2 == 0 {
				key = newer.Load()
			}
			tally.add(f.call(http.MethodGet, "/orders/v1/things/1", *key))
		})
		<-changes
		tally.only(http.StatusOK)
		if *newer.Load() == first.Key || f.upstream.count("shop") != calls {
			t.Errorf("%d calls arrived, want %d", f.upstream.count("shop"), calls)
		}
		if used, leased := f.quota("orders", "shop"); used < calls || used-leased > calls { // frozen instances still hold units
			t.Errorf("the quota counted %d, of which %d are leased; %d calls arrived", used, leased, calls)
		}
	})
}
