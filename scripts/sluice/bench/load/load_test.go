package load_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sluice/scripts/sluice/bench/load"
)

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestEveryRequestIsSentOnceWithItsKey(t *testing.T) {
	var seen, wrong atomic.Int64
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		if r.URL.Path != "/a/b" || r.Header.Get("X-Api-Key") != "k" {
			wrong.Add(1)
		}
		_, _ = w.Write([]byte("answer"))
	})
	r, err := load.Run(t.Context(), load.Get(address, "/a/b", "k"), 4, 101)
	if err != nil || seen.Load() != 101 || wrong.Load() != 0 || r.Requests != 101 || r.Failures != 0 || len(r.Latency) != 101 {
		t.Errorf("%v; seen %d, wrong %d, %+v", err, seen.Load(), wrong.Load(), r)
	}
}

func TestAnswersOtherThan200AndLostConnectionsAreFailures(t *testing.T) {
	var n atomic.Int64
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch n.Add(1) % 3 {
		case 0:
			http.Error(w, "slow down", http.StatusTooManyRequests)
		case 1:
			panic(http.ErrAbortHandler)
		}
	})
	r, err := load.Run(t.Context(), load.Get(address, "/", "k"), 1, 30)
	if err != nil || r.Requests != 30 || r.Failures != 20 || len(r.Latency) != 10 || !strings.Contains(r.First, "read the answer") {
		t.Errorf("%v; %+v", err, r)
	}
}

func TestAServerThatIsNotThereIsAnError(t *testing.T) {
	s := httptest.NewServer(nil)
	address := s.Listener.Addr().String()
	s.Close()
	if _, err := load.Run(t.Context(), load.Get(address, "/", "k"), 2, 10); err == nil {
		t.Error("the run begins")
	}
}

func TestARunThatIsCancelledSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	address := serve(t, func(http.ResponseWriter, *http.Request) { cancel() })
	r, err := load.Run(ctx, load.Get(address, "/", "k"), 1, 1000)
	if err == nil || r.Requests >= 1000 {
		t.Errorf("%v; %+v", err, r)
	}
}

func TestUntilToldToEndEachCallIsToldOnceAndTheLastOnesComeToTheirEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var seen, wrong atomic.Int64
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.Header.Get("X-Api-Key") != "k" {
			wrong.Add(1)
		}
		switch n := seen.Add(1); {
		case n == 200:
			cancel()
		case n%10 == 0:
			panic(http.ErrAbortHandler)
		case n%3 == 0:
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	var told [600]atomic.Int64
	load.Until(ctx, load.Post(address, "/", "k"), 4, func(status int) { told[status].Add(1) })
	if sum := told[0].Load() + told[200].Load() + told[429].Load(); sum != seen.Load() || told[0].Load() < 19 || told[429].Load() == 0 || wrong.Load() > 0 {
		t.Errorf("%d seen, %d wrong; told %d without answer, %d refused, %d good", seen.Load(), wrong.Load(), told[0].Load(), told[429].Load(), told[200].Load())
	}
}

func TestPercentilesAreNearestRanks(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1))
	}
	for name, c := range map[string]struct {
		of   []time.Duration
		p    float64
		want time.Duration
	}{
		"of nothing":         {nil, 0.5, 0},
		"of one":             {hundred[:1], 0.99, 1},
		"half of a hundred":  {hundred, 0.5, 50},
		"99 % of a hundred":  {hundred, 0.99, 99},
		"the least":          {hundred, 0, 1},
		"all":                {hundred, 1, 100},
		"half of three is 2": {hundred[:3], 0.5, 2},
	} {
		if got := load.Percentile(c.of, c.p); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
