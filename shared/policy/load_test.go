package policy_test

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/policies"
	"sluice/shared/policy"
)

// Every word that a rule of ours may be made of.
const rich = `package x

default decision := {"allow": false, "reasons": ["default"]}

decision := {"allow": true, "reasons": []} if {
	not input.closed
	every_role
	count(named) == 2
	input.n > 1.5
	input.n != -3
	input.nothing == null
	sums == {"a": 1, "b": 2}
	sets == {1, 2}
	held({"a": true}, input.scopes)
} else := {"allow": false, "reasons": ["else"]} if {
	input.kind in {"x", "y"}
} else := {"allow": false, "reasons": ["last"]} if {
	some i, v in input.list
	i > 0
	v == ["deep", {"er": [input.kind]}]
}

held(have, need) if object.subset(have, need)

every_role if roles.admin[input.id]

roles.admin[id] if some id in input.ids

named contains name if some name in input.names

sums := {k: v | some k, v in input.sums}

sets := {v | some v in input.values}
`

func TestWhatIsLoadedDecidesAsWhatIsCompiledDoes(t *testing.T) {
	modules := map[string]string{"x.rego": rich}
	compiled, err := policy.Compile(modules)
	if err != nil {
		t.Fatal(err)
	}
	fresh := engine(t, modules, "data.x.decision")
	kept, err := policy.LoadOnly(modules, compiled, "data.x.decision")
	if err != nil {
		t.Fatal(err)
	}
	allow := `{"id":"a","ids":["a"],"names":["p","q"],"n":2,"nothing":null,"sums":{"a":1,"b":2},"values":[1,2,2],"scopes":{"a":true},"closed":false}`
	seen := map[string]bool{}
	for _, c := range []string{allow, strings.Replace(allow, `"n":2`, `"n":1`, 1), strings.Replace(allow, `"closed":false`, `"closed":true`, 1), strings.Replace(allow, "null", "0", 1),
		`{}`, `{"kind":"x"}`, `{"kind":"z","list":[0,["deep",{"er":["z"]}]]}`, `{"list":[0,["deep",{"er":["z"]}]]}`, `[]`} {
		want, wantErr := fresh.Decide(t.Context(), parse(t, c))
		got, err := kept.Decide(t.Context(), parse(t, c))
		if diff := cmp.Diff(want, got); diff != "" || (err == nil) != (wantErr == nil) {
			t.Errorf("%s: %s %v %v", c, diff, err, wantErr)
		}
		seen[strings.Join(got.Reasons, " ")] = true
	}
	for _, reason := range []string{"", "default", "else", "last"} {
		if !seen[reason] {
			t.Errorf("nothing was decided by %q; seen %v", reason, slices.Sorted(maps.Keys(seen)))
		}
	}
}

// The matrix of every combination of facts, and each field damaged, is run on what production loads; New makes the same of
// the sources.
func TestWhatIsLoadedOfAccessDecidesAsItsSourcesDo(t *testing.T) {
	fresh, kept := engine(t, policies.Access(), "data.access.decision", policy.WithoutMemo()), access(t, policy.WithoutMemo())
	if policy.ReadsPath(access(t)) || policy.ReadsPath(engine(t, policies.Access(), "data.access.decision")) {
		t.Error("a verdict on a call is thought to depend on its path")
	}
	met, allowed := 0, 0
	walk([]string{"credential", "consumer", "version", "subscription"}, nil, func(changes []func(*policy.AccessInput)) {
		in := good()
		for _, change := range changes {
			change(in)
		}
		want, wantErr := fresh.Decide(t.Context(), in)
		got, err := kept.Decide(t.Context(), in)
		if !cmp.Equal(want, got) || err != nil || wantErr != nil {
			t.Fatalf("%+v: %+v, %v; want %+v, %v", in, got, err, want, wantErr)
		}
		met++
		if got.Allow {
			allowed++
		}
	})
	if allowed == 0 || allowed == met {
		t.Errorf("%d of %d calls passed: that proves nothing", allowed, met)
	}
}

func TestAnErrorOfTheEvaluatorStillNamesTheLine(t *testing.T) {
	modules := map[string]string{"x.rego": "package x\n\ndecision := {\"allow\": true, \"reasons\": []} if {\n\tstartswith(input.path, \"/x\")\n}\n"}
	compiled, err := policy.Compile(modules)
	if err != nil {
		t.Fatal(err)
	}
	e, err := policy.LoadOnly(modules, compiled, "data.x.decision")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Decide(t.Context(), parse(t, `{"path":7}`)); err == nil || !strings.Contains(err.Error(), "x.rego:4") {
		t.Errorf("got %v", err)
	}
}

func TestModulesThatWereChangedSinceAreCompiled(t *testing.T) {
	allow, deny := `decision := {"allow": true, "reasons": []}`, `decision := {"allow": false, "reasons": ["changed"]}`
	old, changed := map[string]string{"x.rego": "package x\n\n" + allow}, map[string]string{"x.rego": "package x\n\n" + deny}
	compiled, err := policy.Compile(old)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		modules map[string]string
		have    []byte
		want    bool
	}{
		"the same":               {old, compiled, true},
		"another rule":           {changed, compiled, false},
		"another file's name":    {map[string]string{"y.rego": changed["x.rego"]}, compiled, false},
		"nothing compiled":       {changed, nil, false},
		"compiled in part":       {old, compiled[:len(compiled)-1], true},
		"compiled, and more":     {old, append(slices.Clone(compiled), 0), true},
		"of the right beginning": {changed, append(policy.Head(changed), "rubbish"...), false},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := policy.Load(c.modules, c.have, "data.x.decision")
			if err != nil {
				t.Fatal(err)
			}
			if got, err := e.Decide(t.Context(), parse(t, `{}`)); err != nil || got.Allow != c.want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	if _, err := policy.Load(old, compiled, "data.x.other"); err == nil {
		t.Error("a rule that is not there is an entry point")
	}
	if _, err := policy.Load(map[string]string{"x.rego": "package"}, nil, "data.x.decision"); err == nil {
		t.Error("what is no Rego was loaded")
	}
}

func TestWhatCannotBeKeptIsNotWritten(t *testing.T) {
	for what, body := range map[string]string{
		"with":       `decision := {"allow": true, "reasons": []} if input.a with input as {"a": true}`,
		"ast.Every":  "decision := {\"allow\": true, \"reasons\": []} if {\n\tevery v in input.list { v > 1 }\n}",
		"undefined":  `decision := http.send({})`,
		"rego_parse": `decision if`,
	} {
		if _, err := policy.Compile(map[string]string{"x.rego": "package x\n\n" + body}); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A built-in function that decisions may not use is refused whoever wrote the rules.
func TestAForbiddenFunctionIsNotLoadedEither(t *testing.T) {
	modules := map[string]string{"x.rego": "package x\n\ndecision := {\"allow\": true, \"reasons\": []} if lower(input.a) == \"a\""}
	compiled, err := policy.Compile(modules)
	if err != nil {
		t.Fatal(err)
	}
	rules := bytes.Replace(compiled[len(policy.Head(modules)):], []byte("\x05lower"), []byte("\x05crypt"), 1)
	if _, err := policy.LoadRules(rules, "data.x.decision"); err == nil || !strings.Contains(err.Error(), "undefined function crypt") {
		t.Errorf("got %v", err)
	}
}

// FuzzLoad: whatever is read is an error or an engine that decides or errs, within a time.
func FuzzLoad(f *testing.F) {
	for _, modules := range []map[string]string{policies.Access(), policies.Admin(), {"x.rego": rich}} {
		compiled, err := policy.Compile(modules)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(compiled[len(policy.Head(modules)):], uint16(0), byte(0))
		f.Add(compiled[len(policy.Head(modules)):], uint16(77), byte(9))
	}
	f.Fuzz(func(t *testing.T, rules []byte, at uint16, to byte) {
		if len(rules) == 0 || len(rules) > 8<<10 {
			return
		}
		rules = bytes.Clone(rules)
		rules[int(at)%len(rules)] = to
		begun := time.Now()
		for _, entry := range []string{"data.access.decision", "data.x.decision"} {
			e, err := policy.LoadRules(rules, entry)
			if err != nil {
				continue
			}
			_, _ = e.Decide(t.Context(), good()) // an error denies
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	modules, compiled := policies.Access(), policies.CompiledAccess()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := policy.Load(modules, compiled, "data.access.decision"); err != nil {
			b.Fatal(err)
		}
	}
}
