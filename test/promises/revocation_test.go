package promises_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sluice/test/engine"
	"sluice/test/platform"
)

// TestPromise2AThousandChangesOfKeysInUse: while 64 clients call with all keys over all instances, keys are revoked,
// subscriptions suspended and moved to other plans, and plans edited. Whatever was acknowledged holds for every call that
// begins a second later, on every instance, for ever.
func TestPromise2AThousandChangesOfKeysInUse(t *testing.T) {
	const clients = 64
	apps, rounds := 100, 10
	switch {
	case raced:
		apps, rounds = 20, 5
		t.Logf("with the race detector: %d changes, not 1,000", apps*rounds)
	case engine.Name() != "dynoxide":
		apps, rounds = 50, 5
		t.Logf("on %s, which is slow: %d changes, not 1,000", engine.Name(), apps*rounds)
	}
	s := newShop(t, apps)
	var calling, living sync.WaitGroup
	seen := make([][]seenCall, clients)
	over := make(chan struct{})
	for c := range clients {
		calling.Go(func() { seen[c] = s.drive(c, over) })
	}
	for _, a := range s.apps {
		living.Go(func() {
			for round := range rounds {
				if !a.change(kind((a.n+round)%kinds), round < rounds-1) {
					return
				}
			}
		})
	}
	living.Wait()
	close(over)
	calling.Wait()
	seen = append(seen, s.atTheEnd())
	s.judge(seen)
	s.reread()
}

// kind is a kind of change.
type kind int

const (
	revoked   kind = iota // a key; the app gets another one
	suspended             // a subscription; it is made active again
	moved                 // a subscription, to the other of two plans
	edited                // the plan of a subscription
)

// kinds is how many there are.
const kinds = int(edited) + 1

func (k kind) String() string { return [...]string{"revoked", "suspended", "moved", "edited"}[k] }

// shop is an API with apps whose keys are all in use.
type shop struct {
	*platform.Platform
	t       *testing.T
	apps    []*user
	arrived atomic.Int64 // at the upstream
	source  atomic.Int64
	admins  chan struct{} // so many make changes at once
	stuck   sync.Once
	failed  []time.Time // when the store did not answer

	mu   sync.Mutex
	keys []*used // the last ones of all apps and those before them
}

// used is a key that is or was in use.
type used struct {
	app        *user
	id, secret string
	facts      timeline // guarded by shop.mu
	kinds      map[int]kind
}

// seenCall is a call, by which key.
type seenCall struct {
	key *used
	sighting
}

// user is an app with one subscription and two plans.
type user struct {
	shop         *shop
	n            int
	id           string
	subscription string
	plan         int // which of its two plans it is on
	quotas       [2]int
	suspended    bool
	key          atomic.Pointer[used]
	watch        atomic.Pointer[watch]
}

// watch waits for calls that began after an instant.
type watch struct {
	after  time.Time
	answer string // "" for any
	left   atomic.Int64
	seen   chan struct{}
}

const (
	quotaFrom   = 1_000_000              // far from what is called here
	unavailable = "upstream_unavailable" // a store that is late, on a busy machine: nobody is admitted
)

func newShop(t *testing.T, apps int) *shop {
	s := &shop{Platform: platform.New(t, 3), t: t, admins: make(chan struct{}, 4)}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.arrived.Add(1)
		w.WriteHeader(http.StatusOK)
	}))
	t.Cleanup(upstream.Close)
	s.Busy()
	s.Admin(201, "POST", "/teams", m{"id": "sales", "name": "Sales", "contacts": []m{{"kind": "email", "value": "sales@example.com"}}})
	s.Admin(201, "POST", "/apis", m{"id": "orders", "name": "Orders", "team": "sales", "kind": "rest", "audience": "partner", "sensitivity": "internal"})
	s.Admin(201, "POST", "/apis/orders/versions", m{"version": "v1", "upstream": m{"url": upstream.URL}})
	s.Admin(201, "PUT", "/apis/orders/versions/v1/contract", platform.Orders)
	s.Admin(200, "POST", "/apis/orders/versions/v1/transitions", m{"to": "published"})
	s.Admin(201, "POST", "/consumers", m{"id": "acme", "name": "Acme", "kind": "partner"})
	for n := range apps {
		u := &user{shop: s, n: n, id: fmt.Sprintf("app-%d", n), quotas: [2]int{quotaFrom, 2 * quotaFrom}}
		for i := range 2 {
			s.Admin(201, "POST", "/plans", m{"id": u.planID(i), "name": "Plan", "approval": "automatic", "quota": m{"requests": u.quotas[i], "period": "month"}})
		}
		s.Admin(201, "POST", "/apps", m{"id": u.id, "name": u.id, "consumer": "acme"})
		u.subscription = fmt.Sprint(s.Admin(201, "POST", "/subscriptions", m{"app": u.id, "api": "orders", "plan": u.planID(0)}).JSON()["id"])
		if !u.newKey() {
			t.FailNow()
		}
		s.apps = append(s.apps, u)
	}
	return s
}

func (u *user) planID(i int) string { return fmt.Sprintf("plan-%d-%c", u.n, 'a'+i) }

// open is the answer to a call that is admitted under the plan as it is.
func (u *user) open() string { return fmt.Sprintf("200 under %d", u.quotas[u.plan]) }

// ask makes a management call. Any answer but the wanted one fails the test.
func (s *shop) ask(want int, method, path string, body any) (out platform.Response, asked time.Time, ok bool) {
	s.admins <- struct{}{}
	defer func() { <-s.admins }()
	asked = time.Now()
	out, err := s.AsAdmin(method, path, body)
	if err != nil || out.Status != want {
		s.t.Errorf("%s %s: %d %s, want %d (%v)", method, path, out.Status, out.Body, want, err)
		return out, asked, false
	}
	return out, asked, true
}

// newKey gives the app a key, in the place of the one it has.
func (u *user) newKey() bool {
	k := &used{app: u, kinds: map[int]kind{}}
	out, asked, ok := u.shop.ask(201, "POST", "/apps/"+u.id+"/keys", m{})
	if !ok {
		return false
	}
	k.id, k.secret = fmt.Sprint(out.JSON()["id"]), fmt.Sprint(out.JSON()["key"])
	k.facts = timeline{{u.open(), asked, time.Now()}}
	u.shop.mu.Lock()
	u.shop.keys = append(u.shop.keys, k)
	u.shop.mu.Unlock()
	u.key.Store(k)
	return true
}

// become makes a management call after which calls with the app's key are answered differently.
func (u *user) become(answer func() string, method, path string, body any) (acked time.Time, ok bool) {
	want := http.StatusOK
	if method == http.MethodDelete {
		want = http.StatusNoContent
	}
	k := u.key.Load()
	_, asked, ok := u.shop.ask(want, method, path, body)
	f := fact{answer(), asked, time.Now()}
	u.shop.mu.Lock()
	k.facts = append(k.facts, f)
	u.shop.mu.Unlock()
	return f.acked, ok
}

// change makes one change and waits until all clients had time to see it. Then the app can be used again, if told so.
func (u *user) change(k kind, again bool) bool {
	const enough = 8
	if !u.await(enough, time.Time{}, u.open()) { // it is in use
		return false
	}
	u.mark(k)
	sub, always := "/subscriptions/"+u.subscription, func(text string) func() string { return func() string { return text } }
	var acked time.Time
	var ok bool
	switch k {
	case revoked:
		acked, ok = u.become(always("credential_invalid"), "DELETE", "/apps/"+u.id+"/keys/"+u.key.Load().id, nil)
	case suspended:
		acked, ok = u.become(always("subscription_inactive"), "PATCH", sub, m{"state": "suspended"})
		u.suspended = true
	case moved:
		u.plan = 1 - u.plan
		acked, ok = u.become(u.open, "PATCH", sub, m{"plan": u.planID(u.plan)})
	case edited:
		u.quotas[u.plan]++
		acked, ok = u.become(u.open, "PATCH", "/plans/"+u.planID(u.plan), m{"quota": m{"requests": u.quotas[u.plan], "period": "month"}})
	}
	if !ok || !u.await(enough, acked.Add(time.Second), "") {
		return false
	}
	switch {
	case again && k == revoked:
		return u.newKey()
	case again && k == suspended:
		u.suspended = false
		_, ok = u.become(u.open, "PATCH", sub, m{"state": "active"})
		return ok
	}
	return true
}

// mark notes that the next fact of the key is one of the thousand.
func (u *user) mark(k kind) {
	u.shop.mu.Lock()
	defer u.shop.mu.Unlock()
	key := u.key.Load()
	key.kinds[len(key.facts)] = k
}

// await waits for calls with the app's key that began after an instant and were answered so, "" for anyhow.
func (u *user) await(calls int64, after time.Time, answer string) bool {
	w := &watch{after: after, answer: answer, seen: make(chan struct{})}
	w.left.Store(calls)
	u.watch.Store(w)
	defer u.watch.Store(nil)
	patience := time.NewTimer(time.Minute)
	defer patience.Stop()
	select {
	case <-w.seen:
		return true
	case <-patience.C:
		u.shop.stuck.Do(func() {
			u.shop.t.Errorf("%s and maybe others: no %d calls answered %q within a minute", u.id, calls, answer)
		})
		return false
	}
}

// tell is told of a call with the app's key.
func (u *user) tell(s sighting) {
	w := u.watch.Load()
	if w != nil && s.from.After(w.after) && (w.answer == "" || w.answer == s.answer) && w.left.Add(-1) == 0 {
		close(w.seen)
	}
}

// drive is a client: it calls with the keys of all apps in turn, and now and then with one that was revoked.
func (s *shop) drive(client int, over <-chan struct{}) (seen []seenCall) {
	for n := client * 7; ; n++ {
		select {
		case <-over:
			return seen
		default:
		}
		u := s.apps[n%len(s.apps)]
		k := u.key.Load()
		if n%16 == 0 {
			s.mu.Lock()
			k = s.keys[n/16%len(s.keys)]
			s.mu.Unlock()
		}
		c := s.call((client+n)%len(s.Proxies), k)
		seen = append(seen, c)
		if k == u.key.Load() && c.answer != unavailable {
			u.tell(c.sighting)
		}
	}
}

var policyQuota = regexp.MustCompile(`q=(\d+)`)

// call makes a call from an address of its own: many bad calls from one would be another story.
func (s *shop) call(instance int, k *used) seenCall {
	a := s.source.Add(1)
	r := platform.Request{Method: "GET", Target: "/orders/v1/orders", Headers: map[string]string{"x-api-key": k.secret},
		Source: fmt.Sprintf("10.%d.%d.%d", a>>16&255, a>>8&255, a&255)}
	from := time.Now()
	out := s.Gateway(instance, r)
	c := seenCall{k, sighting{answer: out.Code(), from: from, to: time.Now()}}
	if q := policyQuota.FindStringSubmatch(out.Headers["ratelimit-policy"]); out.Status == http.StatusOK && q != nil {
		c.answer = "200 under " + q[1]
	} else if c.answer == "" {
		c.answer = fmt.Sprintf("%d %s", out.Status, out.Body)
	}
	return c
}

// atTheEnd calls once more with every key on every instance.
func (s *shop) atTheEnd() (seen []seenCall) {
	for _, k := range s.keys {
		for i := range s.Proxies {
			seen = append(seen, s.call(i, k))
		}
	}
	return seen
}

// reread asks the Management API for everything that was changed last.
func (s *shop) reread() {
	for _, k := range s.keys {
		want := http.StatusOK
		if k.facts[len(k.facts)-1].answer == "credential_invalid" {
			want = http.StatusNotFound
		}
		s.Admin(want, "GET", "/apps/"+k.app.id+"/keys/"+k.id, nil)
	}
	for _, u := range s.apps {
		sub := s.Admin(200, "GET", "/subscriptions/"+u.subscription, nil).JSON()
		state := map[bool]string{true: "suspended", false: "active"}[u.suspended]
		if sub["state"] != state || sub["plan"] != u.planID(u.plan) {
			s.t.Errorf("the subscription of %s is %v, want it %s under %s", u.id, sub, state, u.planID(u.plan))
		}
		for i, want := range u.quotas {
			quota, _ := s.Admin(200, "GET", "/plans/"+u.planID(i), nil).JSON()["quota"].(m)
			if quota["requests"] != float64(want) {
				s.t.Errorf("plan %s has %v, want %d requests", u.planID(i), quota, want)
			}
		}
	}
}
