package resource_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/decision"
	"sluice/shared/problem"
	"sluice/shared/resource"
	"sluice/test/management/front"
)

func TestANeighboursFailureIsAnsweredAsWhatItIs(t *testing.T) {
	for name, c := range map[string]struct {
		fails  string
		err    error
		status int
		code   string
	}{
		"the store is away":            {"get", problem.New(problem.Unavailable, "the store does not answer"), 503, "unavailable"},
		"the store is away, writing":   {"replace", problem.New(problem.Unavailable, "the store does not answer"), 503, "unavailable"},
		"something of ours breaks":     {"get", errors.New("slk_0123456789abcdef is in a table named prod"), 500, "internal"},
		"something breaks, on writing": {"replace", errors.New("slk_0123456789abcdef is in a table named prod"), 500, "internal"},
	} {
		t.Run(name, func(t *testing.T) {
			o := open(t, judge{})
			o.fail = func(op string) error {
				if op == c.fails {
					return c.err
				}
				return nil
			}
			a := o.Do("PATCH", "/admin/v1/teams/sales", front.Request{Body: `{"name":"x"}`})
			a.WantProblem(t, c.status, c.code)
			if strings.Contains(string(a.Body), "slk_") || strings.Contains(string(a.Body), "prod") {
				t.Errorf("the answer tells about the inside: %s", a.Body)
			}
			if (a.Header.Get("Retry-After") != "") != (c.status == 503) {
				t.Errorf("Retry-After %q", a.Header.Get("Retry-After"))
			}
			if !strings.Contains(o.Log(), `"level":"ERROR"`) || strings.Contains(o.Log(), "0123456789abcdef") {
				t.Errorf("log %s", o.Log())
			}
			if o.teams["sales"].Name != "Sales" {
				t.Error("it was changed")
			}
		})
	}
}

func TestAPolicyThatCannotDecideDenies(t *testing.T) {
	o := open(t, judge{errors.New("out of time")})
	for method, body := range map[string]string{"GET": "", "PATCH": `{"name":"x"}`, "DELETE": ""} {
		o.Do(method, "/admin/v1/teams/sales", front.Request{Body: body}).WantProblem(t, 500, "internal")
	}
	o.Do("POST", "/admin/v1/teams", front.Request{Body: `{"id":"new","name":"x"}`}).WantProblem(t, 500, "internal")
	if len(o.writes) != 0 {
		t.Errorf("wrote %v", o.writes)
	}
}

func TestAPanicIsAProblemAndIsLogged(t *testing.T) {
	o := open(t, judge{})
	o.before = func(string) { panic("boom") }
	o.Do("GET", "/admin/v1/teams/sales", front.Request{}).WantProblem(t, 500, "internal")
	if !strings.Contains(o.Log(), `"panic":"boom"`) {
		t.Errorf("log %s", o.Log())
	}
}

// Promise 1, for the management plane: without a decision about exactly this call nothing is done.
func TestACallWithoutADecisionAboutItselfIsRefused(t *testing.T) {
	good := func(e decision.Call) decision.Decision {
		actor := front.Staff()[front.Admin]
		return decision.Decision{Call: e, Admin: &actor, At: front.NewClock().Now()}
	}
	for name, garble := range map[string]func(decision.Call) (any, bool){
		"none at all":            func(decision.Call) (any, bool) { return nil, false },
		"an empty one":           func(decision.Call) (any, bool) { return "", true },
		"a garbled one":          func(decision.Call) (any, bool) { return "{", true },
		"one of another type":    func(decision.Call) (any, bool) { return map[string]any{}, true },
		"one for another path":   func(c decision.Call) (any, bool) { c.Path += "x"; return good(c), true },
		"one for another method": func(c decision.Call) (any, bool) { c.Method = "GET"; return good(c), true },
		"one for another caller": func(c decision.Call) (any, bool) { c.Credential = "other"; return good(c), true },
		"one of the other plane": func(c decision.Call) (any, bool) { c.Plane = decision.Gateway; return good(c), true },
		"one that names nobody":  func(c decision.Call) (any, bool) { d := good(c); d.Admin = nil; return d, true },
		"one without an id":      func(c decision.Call) (any, bool) { d := good(c); d.Admin.ID = ""; return d, true },
		"one without a role":     func(c decision.Call) (any, bool) { d := good(c); d.Admin.Role = ""; return d, true },
	} {
		t.Run(name, func(t *testing.T) {
			o := open(t, judge{})
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), "POST", "http://x/admin/v1/teams", strings.NewReader(`{"id":"new","name":"x"}`))
			r.Header.Set("Content-Type", "application/json")
			o.Gateway.Garble = func(c decision.Call, context map[string]any) {
				v, ok := garble(c)
				delete(context, decision.ContextKey)
				if d, is := v.(decision.Decision); is {
					text, err := d.Encode()
					if err != nil {
						t.Fatal(err)
					}
					v = text
				}
				if ok {
					context[decision.ContextKey] = v
				}
			}
			o.Gateway.ServeHTTP(w, r)
			front.Answer{Status: w.Code, Header: w.Header(), Body: w.Body.Bytes()}.WantProblem(t, 500, "internal")
			if len(o.writes) != 0 {
				t.Errorf("wrote %v", o.writes)
			}
		})
	}
	t.Run("no event around the call", func(t *testing.T) {
		m := &memory{}
		api := resource.New(resource.Deps{Judge: judge{}, Replays: m, Now: front.NewClock().Now, Log: slog.New(slog.DiscardHandler)})
		api.Add(collection(m).Operations()...)
		w := httptest.NewRecorder()
		api.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/admin/v1/teams", nil))
		if w.Code != 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

func TestAChangeThatLosesARaceIsMadeAnewUnlessTheClientNamedAState(t *testing.T) {
	for name, c := range map[string]struct {
		races  int
		match  string
		status int
	}{
		"one race":                {1, "", 200},
		"seven races":             {7, "", 200},
		"races without end":       {1000, "", 409},
		"one race, with an ETag":  {1, `"1"`, 412},
		"one race, with any ETag": {1, `*`, 200},
		"no race, with an ETag":   {0, `"1"`, 200},
	} {
		for _, method := range []string{"PATCH", "DELETE"} {
			t.Run(name+" "+method, func(t *testing.T) {
				o := open(t, judge{})
				left := c.races
				o.before = func(op string) {
					if (op == "replace" || op == "delete") && left > 0 {
						left--
						o.rename("sales", "Other")
					}
				}
				r := front.Request{Header: map[string]string{}}
				if method == "PATCH" {
					r.Body = `{"name":"Mine"}`
				}
				if c.match != "" {
					r.Header["If-Match"] = c.match
				}
				a := o.Do(method, "/admin/v1/teams/sales", r)
				if a.Status == http.StatusNoContent {
					a.Status = http.StatusOK
				}
				if a.Status != c.status {
					t.Fatalf("%d %s", a.Status, a.Body)
				}
				if c.status == 200 && method == "PATCH" && o.teams["sales"].Name != "Mine" {
					t.Errorf("it is %v", o.teams["sales"])
				}
				if c.status >= 400 && len(o.writes) != 0 {
					t.Errorf("wrote %v", o.writes)
				}
			})
		}
	}
}

func TestAChangeTellsWhoMadeItAndWhy(t *testing.T) {
	o := open(t, judge{})
	o.Do("POST", "/admin/v1/teams", front.Request{Body: `{"id":"new","name":"x"}`})
	o.Do("PATCH", "/admin/v1/teams/new", front.Request{As: front.Second, Body: `{"name":"y"}`})
	o.Do("DELETE", "/admin/v1/teams/new", front.Request{})
	var got []string
	for _, w := range o.writes {
		got = append(got, w.Actor.Name+" "+w.Action+" "+w.RequestID+" "+w.At.Format("15:04"))
	}
	if diff := cmp.Diff([]string{"Ada team.create r-1 19:00", "Bob team.update r-2 19:00", "Ada team.delete r-3 19:00"}, got); diff != "" {
		t.Error(diff)
	}
	for _, want := range []string{`"route":"POST /admin/v1/teams"`, `"status":201`, `"actor":"00000000-0000-4000-8000-000000000001"`, `"request_id":"r-3"`} {
		if !strings.Contains(o.Log(), want) {
			t.Errorf("the log lacks %s: %s", want, o.Log())
		}
	}
}

func TestWhileTheMemoryIsAwayNothingIsDoneTwice(t *testing.T) {
	o := open(t, judge{})
	o.fail = func(op string) error {
		if op == "replayed" {
			return problem.New(problem.Unavailable, "away")
		}
		return nil
	}
	r := front.Request{Body: `{"id":"new","name":"x"}`, Header: map[string]string{"Idempotency-Key": "k"}}
	o.Do("POST", "/admin/v1/teams", r).WantProblem(t, 503, "unavailable")
	if len(o.writes) != 0 {
		t.Errorf("wrote %v", o.writes)
	}
	o.fail = nil
	if a := o.Do("POST", "/admin/v1/teams", r); a.Status != 201 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

func TestHEADAnswersAsGETWithoutABody(t *testing.T) {
	o := open(t, judge{})
	a := o.Do("HEAD", "/admin/v1/teams/sales", front.Request{})
	if a.Status != 200 || len(a.Body) != 0 || a.Header.Get("ETag") != `"1"` || a.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%d %v %q", a.Status, a.Header, a.Body)
	}
}

func BenchmarkPatch(b *testing.B) {
	o := open(b, judge{})
	b.ReportAllocs()
	for b.Loop() {
		if a := o.Do("PATCH", "/admin/v1/teams/sales", front.Request{Body: `{"name":"x"}`}); a.Status != 200 {
			b.Fatal(a.Status)
		}
	}
}

// BenchmarkInit is what a cold start pays for a collection of five operations.
func BenchmarkInit(b *testing.B) {
	m := &memory{}
	b.ReportAllocs()
	for b.Loop() {
		api := resource.New(resource.Deps{Judge: judge{}, Replays: m, Now: front.NewClock().Now, Log: slog.New(slog.DiscardHandler)})
		api.Add(collection(m).Operations()...)
	}
}
