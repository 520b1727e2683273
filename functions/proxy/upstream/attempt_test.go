package upstream_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"code.dny.dev/ssrf"

	"sluice/functions/proxy/upstream"
	"sluice/shared/catalog"
)

func TestOnlyRepeatableCallsAreTriedAgain(t *testing.T) {
	cases := map[string]struct {
		change change
		sent   int
	}{
		"GET": {method("GET"), 3}, "HEAD": {method("HEAD"), 3}, "OPTIONS": {method("OPTIONS"), 3}, "TRACE": {method("TRACE"), 3},
		"PUT": {method("PUT"), 3}, "DELETE": {method("DELETE"), 3},
		"POST": {method("POST"), 1}, "PATCH": {method("PATCH"), 1}, "an unknown method": {method("PURGE"), 1}, "get": {method("get"), 1},
		"GET with an Idempotency-Key": {header("idempotency-key", "1"), 1}, "GET with a visible one": {header("Idempotency-Key", "1"), 1},
		"PUT with an X-Idempotency-Key": {func(c *upstream.Call) {
			method("PUT")(c)
			header("x-idempotency-key", "1")(c)
		}, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stage{lines: []line{{err: errReset}, {status: 503}, {status: 200}}}
				up := over(s)
				up.Call(t.Context(), call(t)) //nolint:errcheck // it fills the budget
				time.Sleep(10 * time.Second)
				s.got, s.bodies = nil, nil
				a, err := up.Call(t.Context(), call(t, retries(3, 100), c.change, func(c *upstream.Call) { c.Body = []byte("x") }))
				if s.sent() != c.sent || (c.sent == 3) != (err == nil && a.Status == 200 && a.Attempts == 3) {
					t.Errorf("sent %d times, want %d: %d, %v", s.sent(), c.sent, a.Status, err)
				}
				for i, q := range s.got {
					if s.bodies[i] != "x" || q.GetBody != nil {
						t.Errorf("attempt %d sent %q", i, s.bodies)
					}
				}
			})
		})
	}
}

func TestWhatIsTriedAgain(t *testing.T) {
	cases := map[string]struct {
		first  line
		twice  bool
		status int
		kind   upstream.Kind
	}{
		"a broken connection":        {line{err: errReset}, true, 200, ""},
		"502":                        {line{status: 502}, true, 200, ""},
		"503":                        {line{status: 503}, true, 200, ""},
		"504":                        {line{status: 504}, true, 200, ""},
		"an impossible status":       {line{status: 101}, true, 200, ""},
		"500 is about the call":      {line{status: 500}, false, 500, ""},
		"429 is about the caller":    {line{status: 429}, false, 429, ""},
		"404":                        {line{status: 404}, false, 404, ""},
		"no answer in time":          {line{after: time.Hour}, false, 0, upstream.TimedOut},
		"an answer that is too long": {line{status: 200, body: "12345678901"}, false, 0, upstream.Failed},
		"an address that is not for us": {line{err: fmt.Errorf("dial: %w", ssrf.ErrProhibitedIP)}, false, 0,
			upstream.Failed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stage{lines: []line{c.first, {status: 200}}}
				small := func(c *upstream.Call) { c.Settings.MaxResponseBytes = 10 }
				if c.kind != "" {
					wantError(t, over(s), c.kind, retries(2, 100), small)
				} else {
					want(t, over(s), c.status, retries(2, 100), small)
				}
				if twice := s.sent() == 2; twice != c.twice {
					t.Errorf("sent %d times", s.sent())
				}
			})
		})
	}
}

func TestPausesGrowAndRetryAfterIsHeeded(t *testing.T) {
	cases := map[string]struct {
		lines  []line
		pauses []time.Duration
		status int
	}{
		"pauses double, and are drawn at random": {[]line{{status: 503}, {status: 503}, {status: 503}, {status: 200}},
			[]time.Duration{25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond}, 200},
		"the upstream asks for a second":         {[]line{{status: 503, retryAfter: "1"}, {status: 200}}, []time.Duration{time.Second}, 200},
		"it asks for more than there is":         {[]line{{status: 503, retryAfter: "6"}, {status: 200}}, nil, 503},
		"it names a date":                        {[]line{{status: 503, retryAfter: "Sat, 01 Jan 2000 00:00:02 GMT"}, {status: 200}}, []time.Duration{2 * time.Second}, 200},
		"it names a date that has passed":        {[]line{{status: 503, retryAfter: "Fri, 31 Dec 1999 00:00:02 GMT"}, {status: 200}}, []time.Duration{25 * time.Millisecond}, 200},
		"it says something else":                 {[]line{{status: 503, retryAfter: "soon"}, {status: 200}}, []time.Duration{25 * time.Millisecond}, 200},
		"it asks for more than a number can say": {[]line{{status: 503, retryAfter: "99999999999999999999"}, {status: 200}}, []time.Duration{25 * time.Millisecond}, 200},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stage{lines: c.lines}
				up := over(s)
				for range 10 { // which pay for retries
					s.lines = []line{{status: 200}}
					want(t, up, 200, retries(3, 100))
				}
				s.lines, s.got, s.at = c.lines, nil, nil
				want(t, up, c.status, retries(3, 100))
				if len(s.at) != len(c.pauses)+1 {
					t.Fatalf("%d attempts", len(s.at))
				}
				for i, pause := range c.pauses {
					if got := s.at[i+1].Sub(s.at[i]); got != pause {
						t.Errorf("pause %d was %v, want %v", i, got, pause)
					}
				}
			})
		})
	}
}

func TestNoAttemptIsBegunThatCannotEndInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{lines: []line{{after: 400 * time.Millisecond, status: 200}}}
		up := over(s)
		within := func(ms int) change { return func(c *upstream.Call) { c.Settings.TimeoutMs = ms } }
		want(t, up, 200, retries(1, 100), within(1000)) // it takes 400 ms, as a rule
		s.lines = []line{{after: 400 * time.Millisecond, status: 503}}
		want(t, up, 503, retries(1, 100), within(800))
		if s.sent() != 2 {
			t.Error("there were 375 ms left, and it tried again")
		}
		want(t, up, 503, retries(1, 100), within(900))
		if s.sent() != 4 {
			t.Error("there were 475 ms left, and it did not try again")
		}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if e := wantErrorWithin(ctx, t, up, upstream.TimedOut); e.Sent || s.sent() != 4 || time.Since(began) != 0 {
			t.Error("a call was begun with nothing left but the head room")
		}
	})
}

func TestEachAttemptTellsHowLongSomebodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{lines: []line{{after: time.Second, status: 503}, {status: 200}}}
		c := call(t, retries(1, 100))
		if _, err := over(s).Call(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		for i, want := range []int{5000, 5000 - 1025} {
			if got := s.got[i].Header.Get(upstream.TimeoutField); got != strconv.Itoa(want) {
				t.Errorf("attempt %d: %s, want %d", i, got, want)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		s.lines = []line{{after: time.Hour}}
		began := time.Now()
		wantErrorWithin(ctx, t, over(s), upstream.TimedOut)
		if took := time.Since(began); took != 2500*time.Millisecond || s.got[2].Header.Get(upstream.TimeoutField) != "2500" {
			t.Errorf("it took %v of 3 s, of which 500 ms are to shape the answer", took)
		}
	})
}

func TestACallerWhoLeavesEndsTheCall(t *testing.T) {
	for name, l := range map[string]line{"in an attempt": {after: time.Hour}, "in a pause": {status: 503, retryAfter: "2"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				began := time.Now()
				if e := wantErrorWithin(ctx, t, over(&stage{lines: []line{l}}), upstream.Gone, retries(1, 100)); !e.Sent || time.Since(began) != time.Second {
					t.Errorf("%v after %v", e, time.Since(began))
				}
				if e := wantErrorWithin(ctx, t, over(&stage{lines: []line{l}}), upstream.Gone); e.Sent {
					t.Error("a call was sent for nobody")
				}
			})
		})
	}
}

func TestRetriesStayWithinTheirBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{lines: []line{{after: 10 * time.Millisecond, status: 503}}}
		up := over(s)
		const calls = 1000
		began := time.Now()
		for range calls {
			want(t, up, 503, retries(3, 20))
		}
		most := calls*20/100 + int(time.Since(began)/time.Second) + 1
		if got := s.sent() - calls; got > most || got < calls*20/100-1 {
			t.Errorf("%d retries of %d calls, at most %d", got, calls, most)
		}
		time.Sleep(time.Hour)
		before := s.sent()
		for range 20 {
			up.Call(t.Context(), call(t, retries(3, 1))) //nolint:errcheck // counted below
		}
		if got := s.sent() - before - 20; got > 12 {
			t.Errorf("%d retries at once after a long pause", got)
		}
	})
}

func TestWithoutRetriesACallIsSentOnce(t *testing.T) {
	s := &stage{lines: []line{{status: 503}}}
	want(t, over(s), 503)
	if s.sent() != 1 {
		t.Errorf("sent %d times", s.sent())
	}
}

func TestARetryThatTheBreakerStopsLeavesTheLastAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{lines: []line{{status: 503}}}
		a := want(t, over(s), 503, retries(3, 100), breaker(catalog.Breaker{MinimumCalls: 1}))
		if s.sent() != 1 || !a.Broken() || a.Source != upstream.FromUpstream {
			t.Errorf("sent %d times", s.sent())
		}
	})
}

func TestThePeerMayRefuseAConnectionWithoutHavingSeenTheCall(t *testing.T) {
	transport, err := upstream.Transport("loopback", "")
	if err != nil {
		t.Fatal(err)
	}
	e := wantError(t, over(transport), upstream.Failed, func(c *upstream.Call) {
		c.Request.URL.Host, c.Request.Host = "127.0.0.1:1", "127.0.0.1:1"
	})
	if e.Sent {
		t.Error("it says that the call was sent")
	}
	if e := wantError(t, over(&stage{lines: []line{{err: errReset}}}), upstream.Failed, method(http.MethodPost)); !e.Sent {
		t.Error("it says that the call was not sent")
	}
}
