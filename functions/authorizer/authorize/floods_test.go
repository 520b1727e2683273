package authorize_test

import (
	"fmt"
	"strings"
	"testing"

	"sluice/shared/catalog"
	"sluice/shared/credential"
)

var junk = "slk_" + strings.Repeat("x", 38)

// from calls with a key from an address.
func from(w *world, source, key string) string {
	e := w.event("GET", "/orders/v1/orders", "x-api-key", key)
	e.RequestContext.HTTP.SourceIP = source
	return code(w.ask(e))
}

// flood sends 200 bad credentials at one instant, and counts how many were answered with an explanation.
func flood(w *world, source string) (explained int) {
	for range 200 {
		if from(w, source, junk) == "credential_invalid" {
			explained++
		}
	}
	return explained
}

func TestAFloodIsDeniedOutright(t *testing.T) {
	t.Run("an address that sends 50 bad credentials in 10 s is denied outright", func(t *testing.T) {
		w := newWorld(t)
		if got := flood(w, "192.0.2.1"); got != 51 {
			t.Errorf("%d were explained, want 51", got)
		}
		before := w.store.reads
		if got := from(w, "192.0.2.1", mint(t, credential.KeyPrefix, "nobody").Reveal()); got != "deny" || w.store.reads != before {
			t.Errorf("an unknown key of a blocked address: %s after %d reads", got, w.store.reads-before)
		}
		if !strings.Contains(w.log.String(), `"outcome":"flood"`) {
			t.Error("the log does not tell")
		}
	})
	t.Run("a known key passes from a blocked address", func(t *testing.T) {
		w := newWorld(t)
		w.wants(w.asShop("GET", "/orders/v1/orders"), "allow")
		flood(w, "192.0.2.1")
		w.wants(w.asShop("GET", "/orders/v1/orders"), "allow")
		w.put(w.subscription(catalog.Suspended))
		w.wants(w.asShop("GET", "/orders/v1/orders"), "subscription_inactive")
	})
	t.Run("a known key that is revoked meanwhile does not", func(t *testing.T) {
		w := newWorld(t)
		w.wants(w.asShop("GET", "/orders/v1/orders"), "allow")
		flood(w, "192.0.2.1")
		w.credential(w.key, catalog.Credential{Key: "key-1", App: "shop", Revoked: &w.at})
		if got := from(w, "192.0.2.1", w.key.Reveal()); got != "deny" {
			t.Errorf("%s, want deny", got)
		}
	})
	t.Run("an IPv6 caller is its /64", func(t *testing.T) {
		w := newWorld(t)
		for i := range 60 {
			from(w, fmt.Sprintf("2001:db8:1:1::%x", i+1), junk)
		}
		if got := from(w, "2001:db8:1:1::ffff", junk); got != "deny" {
			t.Errorf("a neighbour in the /64: %s, want deny", got)
		}
		if got := from(w, "2001:db8:1:2::1", junk); got != "credential_invalid" {
			t.Errorf("another /64: %s", got)
		}
	})
	t.Run("a block is not forgotten for the sake of other addresses", func(t *testing.T) {
		w := newWorld(t)
		flood(w, "192.0.2.1")
		for i := range 20_000 {
			from(w, fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), junk)
		}
		if got := from(w, "192.0.2.1", junk); got != "deny" {
			t.Errorf("%s, want deny", got)
		}
	})
}

func TestAFloodHurtsNobodyElse(t *testing.T) {
	t.Run("other addresses are not affected", func(t *testing.T) {
		w := newWorld(t)
		flood(w, "192.0.2.1")
		if got := from(w, "192.0.2.2", junk); got != "credential_invalid" {
			t.Errorf("%s", got)
		}
		if got := from(w, "192.0.2.2", w.key.Reveal()); got != "allow" {
			t.Errorf("%s", got)
		}
	})
	t.Run("callers whose key is missing or has expired are told so for ever", func(t *testing.T) {
		w := newWorld(t)
		w.credential(w.key, catalog.Credential{Key: "key-1", App: "shop", Expires: &w.at})
		for range 200 {
			w.wants(w.asShop("GET", "/orders/v1/orders"), "credential_expired")
			w.wants(w.event("GET", "/orders/v1/orders"), "credential_missing")
		}
		if got := from(w, "192.0.2.1", junk); got != "credential_invalid" {
			t.Errorf("they were counted: %s", got)
		}
	})
	t.Run("a flood from a million addresses takes no memory and blocks nobody else", func(t *testing.T) {
		w := newWorld(t)
		for i := range 20_000 {
			from(w, fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), junk)
		}
		if got := from(w, "192.0.2.2", w.key.Reveal()); got != "allow" {
			t.Errorf("%s", got)
		}
	})
	t.Run("a call without an address is not counted", func(t *testing.T) {
		w := newWorld(t)
		if got := flood(w, ""); got != 200 {
			t.Errorf("%d were explained, want all", got)
		}
	})
}

func TestAFloodEnds(t *testing.T) {
	t.Run("the block ends, and counting starts anew", func(t *testing.T) {
		w := newWorld(t)
		flood(w, "192.0.2.1")
		w.at = w.at.Add(30e9)
		if got := flood(w, "192.0.2.1"); got != 51 {
			t.Errorf("%d were explained, want 51", got)
		}
	})
	t.Run("fewer than that in 10 s are explained for ever", func(t *testing.T) {
		w := newWorld(t)
		for range 1000 {
			if got := from(w, "192.0.2.1", junk); got != "credential_invalid" {
				t.Fatalf("%s", got)
			}
			w.at = w.at.Add(25e7)
		}
	})
	t.Run("each block ends by itself", func(t *testing.T) {
		w := newWorld(t)
		flood(w, "192.0.2.1")
		w.at = w.at.Add(20e9)
		flood(w, "192.0.2.2")
		w.at = w.at.Add(11e9)
		if got := from(w, "192.0.2.1", junk); got != "credential_invalid" {
			t.Errorf("the first, after 31 s: %s", got)
		}
		if got := from(w, "192.0.2.2", junk); got != "deny" {
			t.Errorf("the second, after 11 s: %s", got)
		}
	})
	t.Run("a clock that is set back blocks nobody for long", func(t *testing.T) {
		w := newWorld(t)
		from(w, "192.0.2.1", junk)
		w.at = w.at.Add(-3600e9)
		if got := flood(w, "192.0.2.1"); got != 51 {
			t.Errorf("%d were explained, want 51", got)
		}
	})
}
