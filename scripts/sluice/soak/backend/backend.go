// Package backend is what the APIs of a soak stand before: a server that counts each call, and fails after that.
//
// Calls are told apart by the request id that the gateway gives them, so that a repeated attempt is counted apart from a call.
// All that is kept is bounded: the ids of the last half minute, one number for each lane, the last keys of each caller.
package backend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"sluice/scripts/sluice/fault"
)

// CallField is the field of an answer that names the call which it was made for, CallerField the app that it was made for.
const (
	CallField   = "X-Call"
	CallerField = "X-Caller"
)

// Behaviour is what a lane's calls get, and what is watched.
type Behaviour struct {
	Cached bool          // the answer may be kept for a second, and has an ETag
	Keyed  bool          // calls have an Idempotency-Key of the form CALLER-NUMBER
	Slow   time.Duration // how long the work takes; the most calls at once are counted while it lasts
	Rate   float64       // of calls a second, against which Burst is measured; 0: not measured
}

// Tally is what a lane's calls came to.
type Tally struct {
	Calls    int64   `json:"calls"`              // distinct ones
	Repeats  int64   `json:"repeats,omitempty"`  // attempts after the first one of a call
	Most     int64   `json:"most,omitempty"`     // attempts of one call
	Late     int64   `json:"late,omitempty"`     // calls that came after they had been given up; not in Calls
	Nameless int64   `json:"nameless,omitempty"` // without a request id: the gateway should never send such
	AtOnce   int64   `json:"at_once,omitempty"`  // the most calls under way, of a slow lane
	Burst    float64 `json:"burst,omitempty"`    // the fullest that a bucket which drains at Rate became
	Twice    int64   `json:"twice,omitempty"`    // calls with an Idempotency-Key that had been here
}

// lane is the state of one.
type lane struct {
	Behaviour
	mu     sync.Mutex
	tally  Tally
	atOnce int64
	bucket bucket
	keys   keys
}

// Backend serves all lanes. Close it.
type Backend struct {
	drill  *fault.Drill
	lanes  map[string]*lane
	recent *recent
	server *http.Server
	url    string
	stop   context.CancelFunc
	served sync.WaitGroup
}

// Open starts it on a loopback port. The names are those of the lanes.
func Open(ctx context.Context, lanes map[string]Behaviour) (*Backend, error) {
	b := &Backend{lanes: map[string]*lane{}, recent: newRecent(time.Now),
		drill: fault.NewDrill(fault.World{Now: time.Now, Sleep: fault.Sleep, Random: rand.Float64})} // #nosec G404 -- who is hit is no secret
	for name, how := range lanes {
		b.lanes[name] = &lane{Behaviour: how}
	}
	var cfg net.ListenConfig
	l, err := cfg.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open the upstream: %w", err)
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	b.url, b.stop = "http://"+l.Addr().String(), stop
	b.server = &http.Server{Handler: b.handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), BaseContext: func(net.Listener) context.Context { return life }}
	b.served.Go(func() { _ = b.server.Serve(b.drill.Listener(fault.Upstream, l)) }) // if it ended early, every call would fail and say so
	return b, nil
}

// URL is where it is, without a slash at its end.
func (b *Backend) URL() string { return b.url }

// Close ends it.
func (b *Backend) Close() {
	b.stop()
	_ = b.server.Close() // what is under way is cut off
	b.served.Wait()
}

// Inject adds a fault; its target must be the upstream.
func (b *Backend) Inject(f fault.Fault) error {
	if f.Target != fault.Upstream {
		return errors.New("this is an upstream")
	}
	return b.drill.Inject(f)
}

// Faults tells how the faults stand, in the order in which they were injected.
func (b *Backend) Faults() []fault.Status { return b.drill.Status() }

// Heal ends all faults.
func (b *Backend) Heal() { b.drill.Clear() }

// Saw reports whether a call has come. One that comes after it was asked for counts as late.
func (b *Backend) Saw(id string) bool { return b.recent.ask(id) }

// Tally tells what a lane's calls came to.
func (b *Backend) Tally(name string) Tally {
	l, ok := b.lanes[name]
	if !ok {
		return Tally{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.tally
	t.Burst = l.bucket.most
	return t
}

// handler counts a call, and then lets it fail as the drill says.
func (b *Backend) handler() http.Handler {
	work := b.drill.Handler(fault.Upstream, http.HandlerFunc(b.work))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		l, ok := b.lanes[name]
		if !ok {
			http.NotFound(w, r)
			return
		}
		id := r.Header.Get("X-Request-Id")
		l.count(r, id, b.recent)
		w.Header().Set(CallField, id)
		work.ServeHTTP(w, r)
	})
}

// count counts an attempt.
func (l *lane) count(r *http.Request, id string, seen *recent) {
	n, late := seen.arrive(id)
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tally.Most = max(l.tally.Most, n)
	switch {
	case id == "":
		l.tally.Nameless++
	case n > 1:
		l.tally.Repeats++
		return
	case late:
		l.tally.Late++
	default:
		l.tally.Calls++
	}
	if l.Rate > 0 {
		l.bucket.add(l.Rate, now)
	}
	if l.Keyed && !l.keys.first(r.Header.Get("Idempotency-Key")) {
		l.tally.Twice++
	}
}

// work answers a call that no fault has hit.
func (b *Backend) work(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	l := b.lanes[name]
	if l.Slow > 0 {
		l.enter()
		_ = fault.Sleep(r.Context(), l.Slow) // who has gone is not waited for
		l.leave()
	}
	h, caller := w.Header(), r.Header.Get("X-Sluice-App")
	h.Set("Content-Type", "application/json")
	h.Set(CallerField, caller)
	if l.Cached {
		tag := `"` + caller + `"`
		h.Set("Cache-Control", "max-age=1")
		h.Set("Etag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	_, _ = fmt.Fprintf(w, `{"caller":%q,"key":%q}`, caller, r.Header.Get("Idempotency-Key")) // #nosec G705 -- JSON, to a caller of ours; one that has gone misses it
}

func (l *lane) enter() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.atOnce++
	l.tally.AtOnce = max(l.tally.AtOnce, l.atOnce)
}

func (l *lane) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.atOnce--
}
