package policy_test

import (
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/policy"
)

// echo denies with all that the input holds as its reasons, in order: who gets the verdict of other facts sees it.
const echo = `decision := {"allow": false, "reasons": [t | some part in [["facts"], _facts, ["scopes"], _scopes]; some t in part]}

_facts := [t | some a, x in input; some b, y in x; some t in _told(a, b, y)]

_scopes := [t | some alternative in input.operation.scopes; some t in object.keys(alternative) | {"+"}; t != ""]

_told(a, b, y) := [t | some c, z in y; some t in [a, b, _word(c), _word(z)]] if _many(y)

_told(a, b, y) := [a, b, _word(y)] if not _many(y)

_many(y) if is_object(y)

_many(y) if is_array(y)

_word(x) := x if {
	is_string(x)
	x != ""
}

_word("") := "(empty)"

_word(true) := "(true)"

_word(false) := "(false)"

_word(x) := "(other)" if not _known(x)

_known(x) if is_string(x)

_known(x) if is_boolean(x)
`

// word draws texts that a careless key takes for the end, the length or the beginning of another.
func word(r *rand.Rand) string {
	all := []string{"", "a", "b", "ab", "\x00", "\x01", "\x00\x01", "\x01a", "\x02ab", "key", "GET"}
	return all[r.IntN(len(all))]
}

// fill gives each field of a value something random, whichever fields there are.
func fill(r *rand.Rand, v reflect.Value) {
	switch v.Kind() { //nolint:exhaustive // the kinds that facts have
	case reflect.String:
		v.SetString(word(r))
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Pointer:
		v.SetZero()
		if r.IntN(4) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(r, v.Elem())
		}
	case reflect.Slice:
		v.SetZero()
		for range r.IntN(3) {
			e := reflect.New(v.Type().Elem()).Elem()
			fill(r, e)
			v.Set(reflect.Append(v, e))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type() != reflect.TypeFor[time.Time]() {
				fill(r, v.Field(i))
			}
		}
	}
}

// TestARememberedVerdictIsTheOneOfExactlyThoseFacts draws inputs one after the other, each the last one but for one field.
func TestARememberedVerdictIsTheOneOfExactlyThoseFacts(t *testing.T) {
	inputs := 3000 / stride
	if testing.Short() {
		inputs = 500
	}
	plain, memo := module(t, echo, policy.WithoutMemo()), module(t, echo)
	r := rand.New(rand.NewPCG(1, 2))
	in, again := &policy.AccessInput{}, 0
	for range inputs {
		v := reflect.ValueOf(in).Elem()
		fill(r, v.Field(r.IntN(v.NumField())))
		want, err := plain.Decide(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			got, err := memo.Decide(t.Context(), in)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Fatalf("%+v: %v\n%s", in, err, diff)
			}
		}
		if slices.Contains(want.Reasons, "consumer") && slices.Contains(want.Reasons, "subscription") {
			again++
		}
	}
	if again < inputs/10 {
		t.Errorf("only %d of %d inputs say something", again, inputs)
	}
}

// TestEveryPolicyThatReadsThePathGetsIt asks about one path, and then about another.
func TestEveryPolicyThatReadsThePathGetsIt(t *testing.T) {
	const no = "default decision := {\"allow\": false, \"reasons\": [\"x\"]}\n\n"
	allow := func(body string) string {
		return no + "decision := {\"allow\": true, \"reasons\": []} if {\n" + body + "\n}\n"
	}
	for name, body := range map[string]string{
		"by its name":                  allow(`input.call.path == "/a"`),
		"below the path":               allow("some k in [\"call\"]\n" + `input[k].path == "/a"`),
		"by a name that is computed":   allow("some k in [\"path\"]\n" + `input.call[k] == "/a"`),
		"as one of all":                allow(`some x in input.call` + "\n" + `x == "/a"`),
		"through a variable":           allow("c := input.call\n" + `c.path == "/a"`),
		"through a variable of it all": allow("c := input\n" + `c.call.path == "/a"`),
		"by a pattern":                 allow(`input.call = {"plane": _, "method": _, "path": "/a"}`),
		"by a pattern's variable":      allow(`input.call = {"plane": _, "method": _, "path": p}` + "\n" + `p == "/a"`),
		"by a pattern of it all":       allow(`{"call": {"plane": _, "method": _, "path": "/a"}, "caller": _} = input`),
		"by a pattern's computed name": allow(`k := ["path"][_]` + "\n" + `input.call = {"plane": _, "method": _, k: "/a"}`),
		"by a variable for the call":   allow(`input = {"call": c, "caller": _}` + "\n" + `c.path == "/a"`),
		"with a function":              allow(`object.get(input, ["call", "path"], "") == "/a"`),
		"with a function of its own":   allow(`_a(input.call)`) + "\n_a(c) if c.path == \"/a\"\n",
		"in a comprehension":           allow(`{x | x := input.call.path} == {"/a"}`),
		"in every":                     allow("every p in {input.call.path} {\n\tp == \"/a\"\n}"),
		"negated":                      allow(`not input.call.path != "/a"`),
		"in a helper":                  allow(`_p == "/a"`) + "\n_p := input.call.path\n",
		"in a helper's name":           allow(`_p["/a"]`) + "\n_p[input.call.path] := true\n",
		"in the name of a partial set": allow(`"/a" in _p`) + "\n_p contains input.call.path\n",
		"in a longer name":             allow(`_p.x["/a"]`) + "\n_p.x[input.call.path] := true\n",
		"as a key":                     allow(`{"/a": true}[input.call.path]`),
		"in an else":                   no + "decision := {\"allow\": true, \"reasons\": []} if {\n\tinput.never\n} else := {\"allow\": true, \"reasons\": []} if {\n\tinput.call.path == \"/a\"\n}\n",
		"in an else's value":           "_x := {\"/b\": {\"allow\": false, \"reasons\": [\"x\"]}, \"/a\": {\"allow\": true, \"reasons\": []}}\n\ndecision := 1 if input.never\n\nelse := _x[input.call.path]\n",
		"as an import":                 "import input.call.path as p\n\n" + allow(`p == "/a"`),
		"for another input":            allow(`_other with input as {"is": input.call.path}`) + "\n_other if input.is == \"/a\"\n",
		"twice in one pattern":         allow(`[input.call.path, "/a"] = [x, x]`),
	} {
		t.Run(name, func(t *testing.T) {
			e := module(t, body)
			for _, path := range []string{"/b", "/a", "/b", "/a"} {
				in := policy.AccessInput{Path: path, Plane: "gateway", Method: "GET"}
				if got, err := e.Decide(t.Context(), &in); err != nil || got.Allow != (path == "/a") {
					t.Errorf("%s: got %+v, %v", path, got, err)
				}
			}
		})
	}
}

func TestAVerdictOnOneCallIsRememberedForTheNextOneToAnotherPath(t *testing.T) {
	for name, e := range map[string]*policy.Engine{
		"policies/access":              access(t),
		"one that asks if it is there": module(t, `decision := {"allow": true, "reasons": []} if input.call = {"path": _, "method": "GET", "plane": _}`),
		"one with other questions":     module(t, `decision := {"allow": true, "reasons": []} if input.call.method == "GET"`),
	} {
		in, n := good(), 0
		paths := make([]string, 200)
		for i := range paths {
			paths[i] = "/orders/v1/orders/" + strconv.Itoa(i)
		}
		if allocs := testing.AllocsPerRun(100, func() {
			in.Path = paths[n]
			n++
			if v, err := e.Decide(t.Context(), in); err != nil || !v.Allow {
				t.Fatal(v, err)
			}
		}); allocs > 1 {
			t.Errorf("%s: a verdict that is known allocates %.0f times", name, allocs)
		}
		in.Path = ""
		if v, err := e.Decide(t.Context(), in); name == "policies/access" && (err != nil || v.Allow) {
			t.Errorf("%s: without a path got %+v, %v", name, v, err)
		}
	}
}

func TestErrorsAreNotRemembered(t *testing.T) {
	at, slow := time.Unix(0, 0), true
	e := module(t, "decision := {\"allow\": true, \"reasons\": []} if {\n\tn := [1, 2, 3, 4, 5, 6, 7, 8, 9]\n\tnot _never(n)\n}\n\n"+
		"_never(n) if {\n\tsome a in n\n\tsome b in n\n\tsome c in n\n\tsome d in n\n\ta > b\n\tb > c\n\tc > d\n\td > a\n}", policy.WithTimeLimit(time.Second),
		policy.WithClock(func() time.Time {
			if slow {
				at = at.Add(time.Minute)
			}
			return at
		}))
	if got, err := e.Decide(t.Context(), good()); err == nil || got.Allow {
		t.Fatalf("got %+v, %v; want an error", got, err)
	}
	slow = false
	if got, err := e.Decide(t.Context(), good()); err != nil || !got.Allow {
		t.Errorf("got %+v, %v; want an allow", got, err)
	}
}

func TestNobodyCanChangeAVerdictThatIsRemembered(t *testing.T) {
	e, in := access(t), good()
	in.Scopes = nil
	for range 3 {
		got, err := e.Decide(t.Context(), in)
		if err != nil || len(got.Reasons) != 1 || got.Reasons[0] != "scope_missing" {
			t.Fatalf("got %+v, %v", got, err)
		}
		got.Reasons[0] = "changed"
	}
}

func TestAMemoIsBounded(t *testing.T) {
	e := module(t, `decision := {"allow": false, "reasons": ["x"]}`)
	size := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := size()
	name := make([]byte, 900)
	for i := range 20_000 {
		in := policy.AccessInput{Method: string(strconv.AppendInt(name, int64(i), 10))}
		if i%1000 == 0 {
			in.Path = string(make([]byte, 1<<20))
		}
		if _, err := e.Decide(t.Context(), &in); err != nil {
			t.Fatal(err)
		}
	}
	if after := size(); after > before+3<<20 {
		t.Errorf("%d bytes are kept", after-before)
	}
	runtime.KeepAlive(e)
}

func BenchmarkDecideKnown(b *testing.B) { decide(b, access(b), good(), true) }
