package traffic_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sluice/scripts/sluice/soak/traffic"
	"sluice/shared/usage"
)

// seen is an upstream that has seen these calls.
type seen map[string]bool

func (s seen) Saw(id string) bool { return s[id] }

// drive lets a lane make some calls to a gateway that answers so, and gives what became of them.
func drive(t *testing.T, l *traffic.Lane, calls int64, gateway http.HandlerFunc, up seen) traffic.Counts {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) >= calls {
			cancel()
		}
		gateway(w, r)
	}))
	defer s.Close()
	traffic.Drive(ctx, s.Listener.Addr().String(), []*traffic.Lane{l}, 1, up)
	return l.Counts()
}

// answer makes an answer of these fields.
func answer(status int, body string, fields ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(fields); i += 2 {
			w.Header().Set(fields[i], fields[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

const (
	problem = "application/problem+json"
	mine    = `{"caller":"shop","key":""}`
)

func TestWhatBecameOfACallIsToldByItsAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		gateway http.HandlerFunc
		want    traffic.Counts
	}{
		"the upstream answered": {answer(200, mine, "X-Request-Id", "1", "X-Call", "1", "X-Caller", "shop", "RateLimit", `"q";r=1`),
			traffic.Counts{Good: 1, Fresh: 1}},
		"the upstream refused": {answer(429, "slow down", "X-Request-Id", "1", "X-Call", "1", "RateLimit", `"q";r=1`),
			traffic.Counts{Fresh: 1}},
		"the cache answered": {answer(200, mine, "X-Request-Id", "1", "X-Call", "0", "X-Caller", "shop", "RateLimit", `"q";r=1`),
			traffic.Counts{Good: 1, Remembered: 1}},
		"the cache stood in for the upstream": {answer(200, mine, "X-Request-Id", "seen", "X-Call", "0", "X-Caller", "shop", "RateLimit", `"q";r=1`),
			traffic.Counts{Good: 1, Seen: 1}},
		"the cache gave another's answer": {answer(200, `{"caller":"other"}`, "X-Request-Id", "1", "X-Call", "0", "X-Caller", "other", "RateLimit", `"q";r=1`),
			traffic.Counts{Good: 1, Remembered: 1, Mixed: 1}},
		"the fields are the caller's and the body another's": {answer(200, `{"caller":"other"}`, "X-Request-Id", "1", "X-Call", "1", "X-Caller", "shop", "RateLimit", `"q";r=1`),
			traffic.Counts{Good: 1, Fresh: 1, Mixed: 1}},
		"a replay": {answer(200, mine, "X-Request-Id", "1", "X-Call", "0", "X-Caller", "shop", "Idempotency-Replayed", "true"),
			traffic.Counts{Good: 1, Replayed: 1}},
		"a limit refused": {answer(429, `{"code":"quota_exhausted"}`, "X-Request-Id", "1", "Content-Type", problem, "RateLimit", `"q";r=0`),
			traffic.Counts{Refused: 1}},
		"admitted, and the upstream lost its answer": {answer(502, `{"code":"upstream_failed"}`, "X-Request-Id", "seen", "Content-Type", problem, "RateLimit", `"q";r=1`),
			traffic.Counts{Seen: 1}},
		"admitted, and the upstream is away": {answer(503, `{"code":"upstream_unavailable"}`, "X-Request-Id", "1", "Content-Type", problem, "RateLimit", `"q";r=1`),
			traffic.Counts{Unseen: 1}},
		"admitted, and a fixed answer stood in": {answer(200, `{"later":true}`, "X-Request-Id", "1", "RateLimit", `"q";r=1`),
			traffic.Counts{Good: 1, Unseen: 1}},
		"the store is away": {answer(503, `{"code":"upstream_unavailable"}`, "X-Request-Id", "1", "Content-Type", problem),
			traffic.Counts{Turned: 1}},
		"the key is not known": {answer(401, `{"code":"credential_invalid"}`, "X-Request-Id", "1", "Content-Type", problem),
			traffic.Counts{Turned: 1, Unknown: 1}},
		"the function has died": {answer(500, `{"code":"internal_error"}`, "X-Request-Id", "1", "Content-Type", problem),
			traffic.Counts{Doubtful: 1}},
		"the function is silent": {answer(503, `{"detail":"the function did not answer in time"}`, "X-Request-Id", "1", "Content-Type", problem),
			traffic.Counts{Doubtful: 1}},
		"the gateway's bare answer": {answer(403, `{"message":"Forbidden"}`, "X-Request-Id", "1", "Content-Type", "application/json"),
			traffic.Counts{Doubtful: 1}},
		"the connection breaks": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			traffic.Counts{Doubtful: 1}},
	} {
		c.want.Calls = 1
		got := drive(t, &traffic.Lane{Name: "a", Method: http.MethodPost, Path: "/x", App: "shop"}, 1, c.gateway, seen{"seen": true})
		if diff := cmp.Diff(c.want, got, cmpopts.IgnoreFields(traffic.Counts{}, "Example")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if total := got.Admitted() + got.Replayed + got.Refused + got.Turned + got.Doubtful; total != 1 {
			t.Errorf("%s: it is in %d classes", name, total)
		}
	}
}

func TestCallsHaveTheirMethodPathKeyAndAddress(t *testing.T) {
	l := &traffic.Lane{Name: "a", Method: http.MethodGet, Path: "/soak/v1/things/a", App: "a", Address: "127.0.0.2"}
	l.SetKey("old")
	var wrong atomic.Int64
	c := drive(t, l, 50, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != l.Path || !strings.HasPrefix(r.RemoteAddr, "127.0.0.2:") || r.Header.Get("X-Api-Key") == "" {
			wrong.Add(1)
		}
		if r.Header.Get("X-Api-Key") == "old" {
			l.SetKey("new")
		}
		answer(200, `{"caller":"a"}`, "X-Request-Id", "1", "X-Call", "1", "X-Caller", "a")(w, r)
	}, nil)
	sketch := usage.Sketch{}
	l.Latency(sketch)
	if q := sketch.Quantiles(0.5); wrong.Load() > 0 || c.Fresh != c.Calls || c.Calls < 50 || c.Mixed > 0 || len(q) != 1 {
		t.Errorf("%d wrong, %+v, %v", wrong.Load(), c, q)
	}
}

func TestACallWithAKeyIsMadeThreeTimesAndEachAnswerIsItsOwn(t *testing.T) {
	var mu sync.Mutex
	times := map[string]int{}
	c := drive(t, &traffic.Lane{Name: "a", Method: http.MethodPost, Path: "/x", App: "shop", Keyed: true}, 9, func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Idempotency-Key")
		mu.Lock()
		times[key]++
		n := times[key]
		mu.Unlock()
		if n == 3 && strings.HasSuffix(key, "-2") {
			key = "another"
		}
		answer(200, `{"caller":"shop","key":`+strconv.Quote(key)+`}`, "X-Request-Id", "1", "X-Call", "1", "X-Caller", "shop")(w, r)
	}, nil)
	for key, n := range times {
		if n != 3 {
			t.Errorf("%q came %d times", key, n)
		}
	}
	if len(times) < 3 || c.Mixed != 1 {
		t.Errorf("%v, %+v", times, c)
	}
}

func TestAServerThatIsNotThereIsNoLoopAndNoAnswer(t *testing.T) {
	s := httptest.NewServer(nil)
	address := s.Listener.Addr().String()
	s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l := &traffic.Lane{Name: "a", Method: http.MethodGet, Path: "/"}
	traffic.Drive(ctx, address, []*traffic.Lane{l}, 4, nil)
	if c := l.Counts(); c.Calls != 0 {
		t.Errorf("%+v", c)
	}
}
