package jq_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/itchyny/gojq"

	"sluice/shared/contract/mediation/jq"
	"sluice/shared/contract/mediation/value"
)

func limits() jq.Limits { return jq.Limits{Steps: 200_000, Bytes: 8 << 20} }

func run(t testing.TB, program, input string) (string, error) {
	t.Helper()
	p, err := jq.Compile(program, limits())
	if err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	v, err := value.Read([]byte(input))
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Run(t.Context(), v)
	if err != nil {
		return "", err
	}
	return out.String(), nil
}

// programs are some that a rewritten program must do as jq does, with an input.
func programs() map[string]string {
	return map[string]string{
		`{id: .order.id, total: (.items | map(.price * .count) | add)}`: `{"order":{"id":"x"},"items":[{"price":2.5,"count":2},{"price":1,"count":3}]}`,
		`.a += 1 | .b -= 2 | .c *= 3 | .d /= 4 | .e %= 5 | .f //= 6`:    `{"a":1,"b":2,"c":3,"d":4,"e":7,"f":null}`,
		`.a.b[1].c |= . + 1`:              `{"a":{"b":[0,{"c":1}]}}`,
		`[.[] | select(.x > 1)] | length`: `[{"x":1},{"x":2},{"x":3}]`,
		`def f($n; g): if $n > 0 then g + f($n-1; g) else 0 end; f(3; .)`: `7`,
		`def f: def g: 3; g * .; f`:                                       `4`,
		`def map(f): "mine"; map(.)`:                                      `[1]`,
		`[.[] as [$a, {b: $c, $d}] | $a, $c, $d]`:                         `[[1,{"b":2,"d":3}]]`,
		`"\(.a) and \(.b | tojson)"`:                                      `{"a":1,"b":[true]}`,
		`@base64 "x\(.)y", 1 | strings`:                                   `"abc"`,
		`[.[] | tostring] | join(", ")`:                                   `[1,null,true,"x",1.50]`,
		`gsub("(?<l>[a-z])"; "<\(.l)>")`:                                  `"ab1"`,
		`[match("a."; "g").string], test("B"; "i")|arrays`:                `"abac"`,
		`with_entries(.value |= tostring)`:                                `{"a":1,"b":[2]}`,
		`reduce range(5) as $i ([]; . + [$i * 2])`:                        `null`,
		`[foreach .[] as $x (0; . + $x; [$x, .])]`:                        `[1,2,3]`,
		`try error("x") catch . + "y"`:                                    `1`,
		`[limit(3; repeat(1))] + [first(range(10;0;-1))]`:                 `null`,
		`.[1:3] + .[:1] + .[-1:]`:                                         `[1,2,3,4]`,
		`. - [2]`:                                                         `[1,2,3]`,
		`{"a":{"x":1}} * {"a":{"y":2}}`:                                   `null`,
		`"ab" * 3`:                                                        `null`,
		`[paths]`:                                                         `{"a":[1]}`,
		`del(.a, .b[0])`:                                                  `{"a":1,"b":[1,2]}`,
		`[..|numbers]`:                                                    `{"a":[1,{"b":2}]}`,
		`if .a then "t" elif .b then "e" else "f" end`:                    `{"b":1}`,
		`.a["b"]?.c // "none"`:                                            `{"a":1}`,
		`[.[]?]`:                                                          `{"a":1}`,
		`{(.k): 1, "l\(.k)": 2}`:                                          `{"k":"x"}`,
		`todate, (todate|fromdate) | strings`:                             `1700000000`,
		`setpath(["a",1]; 2)`:                                             `{}`,
		`[.[] | -.]`:                                                      `[1,-2]`,
		`label $out | foreach .[] as $i (0; .+$i; if . > 2 then ., break $out else empty end)`: `[1,2,3]`,
		`.n`: `{"n":100000000000000000000.000000000000000001}`,
	}
}

func TestARewrittenProgramDoesWhatJQDoes(t *testing.T) {
	for program, input := range programs() {
		got, err := run(t, program, input)
		if err != nil {
			t.Errorf("%s: %v", program, err)
			continue
		}
		if want := reference(t, program, input); got != want {
			t.Errorf("%s of %s: got %s, jq gives %s", program, input, got, want)
		}
	}
}

// reference is what gojq gives by itself.
func reference(t *testing.T, program, input string) string {
	t.Helper()
	q, err := gojq.Parse(program)
	if err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	var v any
	d := json.NewDecoder(strings.NewReader(input))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	out, _ := q.Run(v).Next()
	text, err := gojq.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAProgramThatLooksAtTheWorldIsRefused(t *testing.T) {
	for _, program := range []string{
		"env", "$ENV", "$ENV.PATH", "input", "[inputs]", "now", "localtime", `strflocaltime("%c")`, "modulemeta", "debug", "stderr", "halt", "halt_error",
		`import "a" as a; 1`, `include "a"; 1`, "input_filename", "get_search_list", "builtins", "$__prog_args", "__charge", "__pair(1;2)",
		`[.[] | {$ENV}]`, `. as {$ENV} | 1`, `(def input: 1; input) | input`, `def f(input): input; input`, `"\(env)"`, `{"\(now)": 1}`, `.[now]`, `@foo`,
		`test(.re)`, `test("a"; .flags)`, `test("a\(.)")`, `test("(")`, "transpose", "nosuch", "(", "1 |", `module {}; 1`, `getpath(["a"] | env)`,
		`reduce now as $x (0; 1)`, `try now catch 1`, `if now then 1 else 2 end`, `-now`, `. as {(now): $x} | 1`, `label $f | now`, "",
	} {
		if _, err := jq.Compile(program, limits()); err == nil {
			t.Errorf("%q: %v", program, err)
		}
	}
	if _, err := jq.Compile(strings.Repeat(" ", jq.MaxSource)+"1", limits()); err == nil {
		t.Error("a long program is taken")
	}
}

func TestAProgramThatTakesTooMuchEnds(t *testing.T) {
	for _, program := range []string{
		`[range(1e9)]`, `last(range(1e9))`, `def f: f; f`, `def f: 1 + f; f`, `[repeat(1)]`, `"x" * 1e9`, `1e9 * "x"`, `.[1e8] = 1`, `[] | .[100001] = 1`, `setpath([1e8]; 1)`,
		`getpath([1e8]) = 1`, `nth(1e8) = 1`, `reduce range(60) as $i ("x"; . + .)`, `reduce range(60) as $i ([1]; [., .])`, `reduce range(60) as $i ([1]; {a: ., b: .})`,
		`reduce range(60) as $i (10; . * . )`, `[range(20000)] | . - map(-.)`, `[range(10000) | "x"] | join("y" * 10000)`, `"x" * 9000 | [match("";"g")]`,
		`"x" * 8000 | gsub(""; "y" * 10000)`, `until(false; .)`, `[limit(1e7; repeat("x" * 1000))]`, `reduce range(60) as $i ("x"; "\(.)\(.)")`,
		`[range(2000)] | contains([range(2000)])`, `try ("x" * 1e9) catch "caught"`, `reduce range(60) as $i ("x"; [., .] | tojson)`, `[range(30)] | [combinations(30)]`,
		`.a[1e8:1e9] = [1]`, `. as [$a] | reduce range(70) as $i ([$a]; . += .)`, `reduce range(70) as $i ("a"; . *= 3)`,
	} {
		_, err := run(t, program, "null")
		var f *jq.Fault
		if !errors.As(err, &f) || !f.Exhausted {
			t.Errorf("%s: %v", program, err)
		}
	}
}

func TestAFaultSaysNothingOfTheValue(t *testing.T) {
	for program, input := range map[string]string{`.a.b`: `{"a":"secret"}`, `error(.)`: `"secret"`, `tonumber`: `"secret"`, `.[] | select(false)`: `["secret"]`, `.[]`: `["secret","secret"]`} {
		_, err := run(t, program, input)
		var f *jq.Fault
		if !errors.As(err, &f) || f.Exhausted || strings.Contains(f.Error(), "secret") {
			t.Errorf("%s: %v", program, err)
		}
	}
}

func TestTheContextEndsARun(t *testing.T) {
	p, err := jq.Compile("[range(1e9)]", jq.Limits{Steps: 1 << 40, Bytes: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Run(ctx, &value.Value{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func FuzzCompileAndRun(f *testing.F) {
	for program, input := range programs() {
		f.Add(program, input)
	}
	f.Fuzz(func(t *testing.T, program, input string) {
		v, err := value.Read([]byte(input))
		if err != nil || len(program) > 500 || len(input) > 500 {
			return
		}
		p, err := jq.Compile(program, jq.Limits{Steps: 20_000, Bytes: 1 << 20})
		if err != nil {
			return
		}
		a, errA := p.Run(t.Context(), v)
		b, errB := p.Run(t.Context(), v)
		if (errA == nil) != (errB == nil) || errA == nil && (!value.Equal(a, b) || a.Size() > 1<<20) {
			t.Fatalf("%v %v, %v %v", a, errA, b, errB)
		}
	})
}
