package fleet_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// sentHeader tells the upstream when the client began its call; all of a fleet share one clock.
const sentHeader = "X-Sent"

// upstream remembers every call that reaches it, and then answers as it is told.
type upstream struct {
	server *httptest.Server

	mu     sync.Mutex
	calls  map[string][]arrival
	answer http.Handler
}

// arrival is a call that reached the upstream: it was admitted after it was sent and before it arrived.
type arrival struct {
	sent, at     time.Time
	method, path string
	header       http.Header
}

// newUpstream is an upstream that answers 200 with a small JSON object.
func newUpstream(t *testing.T) *upstream {
	u := &upstream{calls: map[string][]arrival{}}
	u.behave(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"ok":true}`)) // the caller has gone: nobody to tell
	}))
	u.server = httptest.NewServer(u)
	t.Cleanup(u.server.Close)
	return u
}

// behave says how calls are answered from now on.
func (u *upstream) behave(h http.Handler) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.answer = h
}

// ServeHTTP remembers the call, then answers it.
func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sent, _ := time.Parse(time.RFC3339Nano, r.Header.Get(sentHeader)) // zero for a call that is not a client's
	app := r.Header.Get("X-Sluice-App")
	u.mu.Lock()
	u.calls[app] = append(u.calls[app], arrival{sent: sent, at: time.Now(), method: r.Method, path: r.URL.Path, header: r.Header.Clone()})
	h := u.answer
	u.mu.Unlock()
	h.ServeHTTP(w, r)
}

// of gives the calls of an app that arrived, in order.
func (u *upstream) of(app string) []arrival {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]arrival(nil), u.calls[app]...)
}

// count is how many calls of an app arrived.
func (u *upstream) count(app string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.calls[app])
}
