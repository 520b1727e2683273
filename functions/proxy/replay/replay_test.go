package replay_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/functions/proxy/replay"
	"sluice/shared/catalog"
	"sluice/shared/decision"
)

func TestARepeatedCallGetsTheFirstAnswerToTheByte(t *testing.T) {
	big := strings.Repeat("compressible ", 100_000)
	for name, a := range map[string]replay.Answer{
		"a 201 with a body":       created,
		"no header and no body":   {Status: http.StatusNoContent},
		"a refusal of the API's":  {Status: http.StatusConflict, Header: http.Header{"Content-Type": {"text/plain"}}, Body: []byte("no")},
		"a failure of the API's":  {Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"3"}}, Body: []byte{}},
		"a body of 1.3 MB":        {Status: http.StatusOK, Body: []byte(big)},
		"bytes that are no text":  {Status: http.StatusOK, Header: http.Header{"X-Latin": {"caf\xe9"}}, Body: []byte{0, 0xff, 0xfe}},
		"a field that came twice": {Status: http.StatusOK, Header: http.Header{"Set-Cookie": {"a=1", "b=2"}, "Link": {"<a>, <b>"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf()
			must(t, begun(t, instance(s), post("k")).Finish(t.Context(), a))
			for range 2 { // on another instance each time
				attempt, got, err := instance(s).Begin(t.Context(), post("k"))
				must(t, err)
				if attempt != nil || got == nil {
					t.Fatal("the call may go on")
				}
				want := http.Header{"Idempotency-Replayed": {"true"}}
				for k, v := range a.Header {
					want[k] = v
				}
				if got.Status != a.Status || string(got.Body) != string(a.Body) || !cmp.Equal(got.Header, want) {
					t.Errorf("got %d %v with %d bytes", got.Status, got.Header, len(got.Body))
				}
			}
		})
	}
}

func TestOneKeyIsOneCall(t *testing.T) {
	other := func(f func(*replay.Call)) func(*replay.Call) { return f }
	for name, c := range map[string]struct {
		change func(*replay.Call)
		want   string // free, replayed, mismatch
	}{
		"the same call is replayed":                     {other(func(*replay.Call) {}), "replayed"},
		"the key without quotes is the same":            {other(func(c *replay.Call) { c.Header["idempotency-key"] = "k" }), "replayed"},
		"the name of a path parameter means nothing":    {other(func(c *replay.Call) { c.Target.Route = "/orders/{order}/lines" }), "replayed"},
		"other fields mean nothing":                     {other(func(c *replay.Call) { c.Header["user-agent"] = "x" }), "replayed"},
		"a revision means nothing":                      {other(func(c *replay.Call) { c.Target.Revision = "2" }), "replayed"},
		"the address means nothing to an app":           {other(func(c *replay.Call) { c.Address = "192.0.2.9" }), "replayed"},
		"another body is a mistake":                     {other(func(c *replay.Call) { c.Body = []byte(`{"sku":2}`) }), "mismatch"},
		"another media type is a mistake":               {other(func(c *replay.Call) { c.Header["content-type"] = "text/csv" }), "mismatch"},
		"another coding is a mistake":                   {other(func(c *replay.Call) { c.Header["content-encoding"] = "gzip" }), "mismatch"},
		"another query is a mistake":                    {other(func(c *replay.Call) { c.Query = "" }), "mismatch"},
		"another resource of the template is a mistake": {other(func(c *replay.Call) { c.Target.Path = "/orders/43/lines" }), "mismatch"},
		"another version is a mistake, not a new call":  {other(func(c *replay.Call) { c.Target.Version = "v2" }), "mismatch"},
		"another app has keys of its own":               {other(func(c *replay.Call) { c.Caller.App = "till" }), "free"},
		"nobody in particular has keys by address":      {other(func(c *replay.Call) { c.Caller.App = "" }), "free"},
		"another API is another key":                    {other(func(c *replay.Call) { c.Target.API = "refunds" }), "free"},
		"another method is another key":                 {other(func(c *replay.Call) { c.Method = http.MethodPatch }), "free"},
		"another template is another key":               {other(func(c *replay.Call) { c.Target.Route = "/orders/{id}/notes" }), "free"},
		"another key is another call":                   {other(func(c *replay.Call) { c.Header["idempotency-key"] = `"K"` }), "free"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf()
			must(t, begun(t, instance(s), post(`"k"`)).Finish(t.Context(), created))
			got := "free"
			attempt, answer, err := instance(s).Begin(t.Context(), post(`"k"`, c.change))
			var no *replay.Refusal
			switch {
			case errors.As(err, &no) && no.Code == decision.IdempotencyMismatch:
				got = "mismatch"
			case answer != nil:
				got = "replayed"
			case attempt == nil:
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("it is %s, not %s", got, c.want)
			}
		})
	}
}

func TestAddressesAreScopesOfTheirOwn(t *testing.T) {
	s := newShelf()
	anonymous := func(address string) func(*replay.Call) {
		return func(c *replay.Call) { c.Caller.App, c.Address = "", address }
	}
	must(t, begun(t, instance(s), post("k", anonymous("192.0.2.1"))).Finish(t.Context(), created))
	begun(t, instance(s), post("k", anonymous("192.0.2.2")))
	begun(t, instance(s), post("k", func(c *replay.Call) { c.Caller.App = "192.0.2.1" }))
	if _, answer, err := instance(s).Begin(t.Context(), post("k", anonymous("192.0.2.1"))); err != nil || answer == nil {
		t.Errorf("the same address is not known again: %v", err)
	}
	for name, nobody := range map[string]func(*replay.Call){
		"a call of nobody":  anonymous(""),
		"a call of no API":  func(c *replay.Call) { c.Target.API = "" },
		"a call of nothing": func(c *replay.Call) { c.Target.Route, c.Target.Path = "", "" },
	} {
		if a, answer, err := instance(s).Begin(t.Context(), post("k", nobody)); a != nil || answer != nil || err == nil {
			t.Errorf("%s goes on", name)
		}
	}
}

func TestWhileACallIsUnderWayAnotherIsToldToWaitForIt(t *testing.T) {
	s := newShelf()
	a := begun(t, instance(s), post("k"))
	for _, c := range []struct{ after, wait time.Duration }{{0, time.Second}, {3 * time.Second, 3 * time.Second}, {27 * time.Second, 10 * time.Second}} {
		s.pass(c.after)
		no := refused(t, instance(s), post("k"))
		if no.Code != decision.IdempotencyInFlight || no.Code.Status() != http.StatusConflict || no.RetryAfter != c.wait || no.Hints["outcome"] != "" {
			t.Errorf("%v later: %s after %v %v", c.after, no.Code, no.RetryAfter, no.Hints)
		}
	}
	if no := refused(t, instance(s), post("k", func(c *replay.Call) { c.Body = nil })); no.Code != decision.IdempotencyMismatch {
		t.Errorf("another body is refused as %s", no.Code)
	}
	must(t, a.Finish(t.Context(), created))
	if _, answer, err := instance(s).Begin(t.Context(), post("k")); err != nil || answer == nil {
		t.Errorf("then there is no answer: %v", err)
	}
}

func TestACallWhoseInstanceDiedIsNeverMadeAgain(t *testing.T) {
	s := newShelf()
	late := begun(t, instance(s), post("k")) // and no word of it again, for a while
	s.pass(replay.Lease)
	for range 23 {
		no := refused(t, instance(s), post("k"))
		if no.Code != decision.IdempotencyInFlight || no.RetryAfter != 0 || no.Hints["outcome"] != "unknown" || no.Hints["fix"] == "" {
			t.Fatalf("%s after %v %v", no.Code, no.RetryAfter, no.Hints)
		}
		s.pass(time.Hour)
	}
	must(t, late.Finish(t.Context(), created)) // it was only frozen
	if _, answer, err := instance(s).Begin(t.Context(), post("k")); err != nil || answer == nil {
		t.Errorf("what came late is not given: %v", err)
	}
	s.pass(time.Hour)
	begun(t, instance(s), post("k")) // a day after the first call the key is forgotten
}

func TestACallThatNeverReachedTheUpstreamFreesItsKey(t *testing.T) {
	s := newShelf()
	must(t, begun(t, instance(s), post("k")).Abandon(t.Context()))
	again := begun(t, instance(s), post("k", func(c *replay.Call) { c.Body = []byte("corrected") }))
	must(t, again.Finish(t.Context(), created))
}

func TestACallThatMayHaveReachedTheUpstreamDoesNot(t *testing.T) {
	s := newShelf()
	must(t, begun(t, instance(s), post("k")).Doubt(t.Context()))
	if no := refused(t, instance(s), post("k")); no.Code != decision.IdempotencyInFlight || no.Hints["outcome"] != "unknown" || no.RetryAfter != 0 {
		t.Errorf("%s %v", no.Code, no.Hints)
	}
}

func TestAnAttemptEndsOnce(t *testing.T) {
	s := newShelf()
	a := begun(t, instance(s), post("k"))
	must(t, a.Finish(t.Context(), created))
	writes := s.writes
	must(t, a.Abandon(t.Context()))
	must(t, a.Doubt(t.Context()))
	must(t, a.Finish(t.Context(), replay.Answer{Status: 500}))
	if s.writes != writes {
		t.Error("it was ended more than once")
	}
}

func TestTheOutcomeIsKeptThoughNobodyWaitsForIt(t *testing.T) {
	s := newShelf()
	ctx, gone := context.WithCancel(t.Context())
	a, _, err := instance(s).Begin(ctx, post("k"))
	must(t, err)
	gone()
	must(t, a.Finish(ctx, created))
	if _, answer, err := instance(s).Begin(t.Context(), post("k")); err != nil || answer == nil {
		t.Errorf("there is no answer: %v", err)
	}
}

func TestWhatDoesNotFitIsNotDoneAgain(t *testing.T) {
	s := newShelf()
	noise := make([]byte, 500_000)
	_, err := newSeeded(1).Read(noise)
	must(t, err)
	must(t, begun(t, instance(s), post("k")).Finish(t.Context(), replay.Answer{Status: http.StatusCreated, Header: http.Header{"A": {"b"}}, Body: noise}))
	no := refused(t, instance(s), post("k"))
	if no.Code != decision.IdempotencyInFlight || no.Hints["first_status"] != "201" || no.Hints["outcome"] != "answered" || no.RetryAfter != 0 {
		t.Errorf("%s %v", no.Code, no.Hints)
	}
	huge := http.Header{"X": {string(noise)}}
	must(t, begun(t, instance(s), post("k2")).Finish(t.Context(), replay.Answer{Status: http.StatusCreated, Header: huge}))
	if no = refused(t, instance(s), post("k2")); no.Hints["first_status"] != "201" {
		t.Errorf("%s %v", no.Code, no.Hints)
	}
	for id, c := range s.calls {
		if len(c.Answer) > 350_000 || strings.Contains(id, "k2") {
			t.Errorf("%s has %d bytes", id, len(c.Answer))
		}
	}
}

func TestCallsWithoutAKeyCostNothing(t *testing.T) {
	for name, change := range map[string]func(*replay.Call){
		"no key":                  func(c *replay.Call) { delete(c.Header, "idempotency-key") },
		"a GET with a key":        func(c *replay.Call) { c.Method = http.MethodGet },
		"a PUT with a key":        func(c *replay.Call) { c.Method = http.MethodPut },
		"the upstream sees to it": func(c *replay.Call) { c.Target.Upstream.Idempotency = catalog.IdempotencyOff },
		"a GET where keys are required": func(c *replay.Call) {
			c.Method, c.Target.Upstream.Idempotency = http.MethodGet, catalog.IdempotencyRequire
		},
	} {
		s := newShelf()
		if a, answer, err := instance(s).Begin(t.Context(), post(`"k`, change)); a != nil || answer != nil || err != nil || s.writes != 0 {
			t.Errorf("%s: attempt %v, answer %v, %v, %d writes", name, a != nil, answer, err, s.writes)
		}
	}
}
