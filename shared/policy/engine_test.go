package policy_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/policies"
	"sluice/shared/policy"
	"sluice/shared/problem"
)

// module compiles one module of package x.
func module(t testing.TB, body string, options ...policy.Option) *policy.Engine {
	t.Helper()
	return engine(t, map[string]string{"x.rego": "package x\n\n" + body}, "data.x.decision", options...)
}

func parse(t testing.TB, text string) policy.Document {
	t.Helper()
	d, err := policy.ParseDocument([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAMalformedDecisionIsAnError(t *testing.T) {
	for name, body := range map[string]string{
		"no decision":                   `decision := {"allow": true, "reasons": []} if input.never`,
		"a boolean":                     `decision := true`,
		"an array":                      `decision := ["allow"]`,
		"no allow":                      `decision := {"reasons": []}`,
		"no reasons":                    `decision := {"allow": true}`,
		"a member more":                 `decision := {"allow": true, "reasons": [], "note": 1}`,
		"another member instead":        `decision := {"allow": true, "reason": []}`,
		"allow is a text":               `decision := {"allow": "true", "reasons": []}`,
		"allow is a number":             `decision := {"allow": 1, "reasons": []}`,
		"allow is null":                 `decision := {"allow": null, "reasons": []}`,
		"reasons is a text":             `decision := {"allow": true, "reasons": ""}`,
		"reasons is an object":          `decision := {"allow": true, "reasons": {}}`,
		"a reason is a number":          `decision := {"allow": false, "reasons": ["x", 1]}`,
		"a reason is empty":             `decision := {"allow": false, "reasons": [""]}`,
		"a reason is no text in a set":  `decision := {"allow": false, "reasons": {"x", null}}`,
		"an allow with a reason":        `decision := {"allow": true, "reasons": ["x"]}`,
		"a denial without one":          `decision := {"allow": false, "reasons": []}`,
		"two decisions that contradict": "decision := {\"allow\": true, \"reasons\": []}\n\ndecision := {\"allow\": false, \"reasons\": [\"x\"]} if input == {}",
		"a set that looks like allow":   `decision contains "allow"`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := module(t, body).Decide(t.Context(), parse(t, `{}`))
			if err == nil || got.Allow || got.Reasons != nil {
				t.Errorf("got %+v, %v; want an error", got, err)
			}
		})
	}
}

func TestReasonsComeInTheOrderOfThePolicy(t *testing.T) {
	for body, want := range map[string][]string{
		`decision := {"allow": false, "reasons": ["b", "a"]}`: {"b", "a"},
		`decision := {"allow": false, "reasons": {"b", "a"}}`: {"a", "b"},
	} {
		got, err := module(t, body).Decide(t.Context(), parse(t, `{}`))
		if err != nil || got.Allow || !slices.Equal(got.Reasons, want) {
			t.Errorf("%s: got %+v, %v", body, got, err)
		}
	}
}

func TestABuiltinThatFailsInsideARefusalIsAnErrorAndNoAllow(t *testing.T) {
	e := module(t, "_refused if startswith(input.path, \"/private\")\n\ndefault decision := {\"allow\": true, \"reasons\": []}\n\n"+
		"decision := {\"allow\": false, \"reasons\": [\"private\"]} if _refused")
	if got, err := e.Decide(t.Context(), parse(t, `{"path": "/private/x"}`)); err != nil || got.Allow {
		t.Errorf("got %+v, %v; want a denial", got, err)
	}
	if got, err := e.Decide(t.Context(), parse(t, `{"path": 7}`)); err == nil || got.Allow {
		t.Errorf("got %+v, %v; want an error", got, err)
	}
}

func TestModulesThatDecisionsMustNotRunAreRefused(t *testing.T) {
	const yes = "decision := {\"allow\": true, \"reasons\": []} if "
	for name, source := range map[string]string{
		"reaches out":                  "package x\n" + yes + `http.send({"method": "get", "url": "http://127.0.0.1"})`,
		"resolves a name":              "package x\n" + yes + `net.lookup_ip_addr("localhost")`,
		"reads the process":            "package x\n" + yes + `opa.runtime().env.HOME`,
		"reads the clock":              "package x\n" + yes + `time.now_ns() > 0`,
		"rolls dice":                   "package x\n" + yes + `rand.intn("x", 2) == 1`,
		"makes ids":                    "package x\n" + yes + `uuid.rfc4122("x") != ""`,
		"eats memory":                  "package x\n" + yes + `bits.lsh(1, 99999999999) > 0`,
		"spins":                        "package x\n" + yes + `count(numbers.range(1, 999999999)) > 0`,
		"traces":                       "package x\n" + yes + `trace("x")`,
		"verifies tokens by itself":    "package x\n" + yes + `io.jwt.verify_hs256(input.t, "x")`,
		"compiles patterns":            "package x\n" + yes + `regex.match("(a+)+$", input.x)`,
		"is no Rego":                   "package",
		"is of another version":        "package x\ndecision = true { true }",
		"does not compile":             "package x\n" + yes + "undefined_thing",
		"leaves a variable unused":     "package x\ndecision := {\"allow\": true, \"reasons\": []} if { x := 1 }",
		"imports what it does not use": "package x\nimport data.y\n" + yes + "true",
		"shadows input":                "package x\ndecision := {\"allow\": true, \"reasons\": []} if { input := {}; input == {} }",
		"recurses":                     "package x\n" + yes + "a\na if b\nb if a",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := policy.New(map[string]string{"x.rego": source}, "data.x.decision"); err == nil {
				t.Error("compiled")
			} else if !strings.Contains(err.Error(), "x.rego") {
				t.Errorf("the error does not name the file: %v", err)
			}
		})
	}
	for name, entry := range map[string]string{"an entry point that is not there": "data.x.other", "an entry point that is none": "1 +",
		"the package instead of a rule": "data.x", "an input instead of a rule": "input.x"} {
		t.Run(name, func(t *testing.T) {
			if _, err := policy.New(map[string]string{"x.rego": "package x\n" + yes + "true"}, entry); err == nil {
				t.Error("compiled")
			}
		})
	}
	if _, err := policy.New(nil, "data.x.decision"); err == nil {
		t.Error("an engine without modules compiled")
	}
}

func TestAnEndedContextIsAnError(t *testing.T) {
	e := access(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := e.Decide(ctx, good()); !errors.Is(err, context.Canceled) || got.Allow {
		t.Errorf("got %+v, %v; want context.Canceled", got, err)
	}
	ctx, cancel = context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	if got, err := e.Decide(ctx, good()); !errors.Is(err, context.DeadlineExceeded) || got.Allow {
		t.Errorf("got %+v, %v; want context.DeadlineExceeded", got, err)
	}
}

// long takes some 10^8 steps on an array of 100 numbers.
const long = "decision := {\"allow\": true, \"reasons\": []} if {\n\tsome a in input\n\tsome b in input\n\tsome c in input\n" +
	"\tsome d in input\n\ta > b\n\tb > c\n\tc > d\n\td > a\n}"

func hundred(t testing.TB) policy.Document {
	return parse(t, "["+strings.Repeat("1,2,3,4,5,6,7,8,9,10,", 9)+"1,2,3,4,5,6,7,8,9,10]")
}

// endsSoon is a context that ends after it was asked some times: in the middle of an evaluation, without a timer.
type endsSoon struct {
	context.Context
	asks int
}

func (c *endsSoon) Err() error {
	if c.asks--; c.asks < 0 {
		return context.Canceled
	}
	return nil
}

func TestAContextThatEndsInTheMiddleEndsTheEvaluation(t *testing.T) {
	ctx := &endsSoon{Context: t.Context(), asks: 1000}
	got, err := module(t, long).Decide(ctx, hundred(t))
	if !errors.Is(err, context.Canceled) || got.Allow {
		t.Errorf("got %+v, %v; want context.Canceled", got, err)
	}
}

func TestADecisionThatTakesTooLongIsUnavailable(t *testing.T) {
	at := time.Unix(0, 0)
	ticking := func() time.Time { at = at.Add(time.Millisecond); return at }
	e := module(t, long, policy.WithClock(ticking), policy.WithTimeLimit(20*time.Millisecond))
	got, err := e.Decide(t.Context(), hundred(t))
	if !problem.Is(err, problem.Unavailable) || got.Allow {
		t.Errorf("got %+v, %v; want problem.Unavailable", got, err)
	}
	if at.After(time.Unix(1, 0)) {
		t.Errorf("it took until %v", at)
	}
}

func TestTheDefaultLimitHoldsInRealTime(t *testing.T) {
	started := time.Now()
	got, err := module(t, long).Decide(t.Context(), hundred(t))
	if !problem.Is(err, problem.Unavailable) || got.Allow {
		t.Errorf("got %+v, %v; want problem.Unavailable", got, err)
	}
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestAPanicInsideIsAnErrorOfThisCallOnly(t *testing.T) {
	calls := 0
	e := access(t, policy.WithClock(func() time.Time {
		if calls++; calls == 1 {
			panic("broken")
		}
		return time.Unix(0, 0)
	}))
	if got, err := e.Decide(t.Context(), good()); err == nil || got.Allow {
		t.Errorf("got %+v, %v; want an error", got, err)
	}
	if got, err := e.Decide(t.Context(), good()); err != nil || !got.Allow {
		t.Errorf("got %+v, %v; want an allow", got, err)
	}
}

func TestNoInputIsNoAllow(t *testing.T) {
	e := access(t)
	if got, err := e.Decide(t.Context(), nil); err == nil || got.Allow {
		t.Errorf("got %+v, %v; want an error", got, err)
	}
	for name, in := range map[string]policy.Input{
		"no access input": (*policy.AccessInput)(nil), "an empty access input": &policy.AccessInput{}, "an empty document": policy.Document{},
		"the input of another policy": &policy.AdminInput{}, "no admin input": (*policy.AdminInput)(nil),
	} {
		if got, err := e.Decide(t.Context(), in); err != nil || got.Allow || got.Reasons[0] != "credential_missing" {
			t.Errorf("%s: got %+v, %v; want credential_missing first", name, got, err)
		}
	}
}

func TestWhatIsNoJSONIsNoDocument(t *testing.T) {
	for _, text := range []string{"", "{", `{"a":}`, "\xff", "nil"} {
		if _, err := policy.ParseDocument([]byte(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

// TestManyAtOnce shares one engine and its inputs between goroutines; run with -race.
func TestManyAtOnce(t *testing.T) {
	e := access(t)
	admin := engine(t, policies.Admin(), "data.admin.decision")
	shared, refused := good(), good()
	refused.Scopes = nil
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			for range 50 {
				if got, err := e.Decide(t.Context(), shared); err != nil || !got.Allow {
					t.Errorf("got %+v, %v; want an allow", got, err)
				}
				if got, err := e.Decide(t.Context(), refused); err != nil || got.Allow || got.Reasons[0] != "scope_missing" {
					t.Errorf("got %+v, %v; want scope_missing", got, err)
				}
				if got, err := admin.Decide(t.Context(), &policy.AdminInput{}); err != nil || got.Allow {
					t.Errorf("got %+v, %v; want a denial", got, err)
				}
			}
		})
	}
	group.Wait()
}

func TestDecisionsLeaveNoGoroutineBehind(t *testing.T) {
	e := access(t)
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	for range 200 {
		if _, err := e.Decide(ctx, good()); err != nil {
			t.Fatal(err)
		}
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}
