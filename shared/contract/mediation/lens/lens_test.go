package lens_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"sluice/shared/contract/mediation/lens"
	"sluice/shared/contract/mediation/mapping"
	"sluice/shared/contract/mediation/value"
)

func read(t testing.TB, text string) *value.Value {
	t.Helper()
	v, err := value.Read([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// orders is a lens over the usual changes: renamed, moved, wrapped and converted members, a new required one, new spellings.
func orders() lens.Pair {
	return lens.Pair{Invertible: true,
		Up: []mapping.Operation{
			{Op: mapping.Rename, Path: "/id", Name: "orderId"},
			{Op: mapping.Move, From: "/street", Path: "/address/street"},
			{Op: mapping.Move, From: "/items/*/price", Path: "/items/*/cost/amount"},
			{Op: mapping.Convert, Path: "/items/*/count", Type: "string"},
			{Op: mapping.Convert, Path: "/on", Type: "date", Format: "date", Result: "date-dmy-dots"},
			{Op: mapping.Replace, Path: "/state", Values: map[string]string{"open": "OPEN", "closed": "DONE"}},
			{Op: mapping.Default, Path: "/currency", Value: []byte(`"EUR"`)},
			{Op: mapping.Wrap, Path: "", Name: "data"},
		},
		Down: []mapping.Operation{
			{Op: mapping.Unwrap, Path: "", Name: "data", Rest: "drop"},
			{Op: mapping.Drop, Path: "/currency"},
			{Op: mapping.Replace, Path: "/state", Values: map[string]string{"OPEN": "open", "DONE": "closed"}},
			{Op: mapping.Convert, Path: "/on", Type: "date", Format: "date-dmy-dots", Result: "date"},
			{Op: mapping.Convert, Path: "/items/*/count", Type: "number"},
			{Op: mapping.Move, From: "/items/*/cost/amount", Path: "/items/*/price"},
			{Op: mapping.Move, From: "/address/street", Path: "/street"},
			{Op: mapping.Rename, Path: "/orderId", Name: "id"},
		}}
}

// known accepts an object that has only members of these names, of these kinds; an array's kind is that of its items.
func known(kinds map[string]value.Kind) lens.Validator {
	var at func(path string, v *value.Value) error
	at = func(path string, v *value.Value) error {
		if want, ok := kinds[path]; !ok || v.Kind != want {
			return errors.New("not allowed: " + path)
		}
		for _, m := range v.Members {
			if err := at(path+"/"+m.Name, m.Value); err != nil {
				return err
			}
		}
		for _, item := range v.Items {
			if err := at(path+"/*", item); err != nil {
				return err
			}
		}
		return nil
	}
	return func(v *value.Value) error {
		if err := at("", v); err != nil {
			return err
		}
		for _, name := range []string{"on", "state"} {
			if one := v.Get(name); one != nil && (name == "on" && (len(one.Text) != 10 || strings.Trim(one.Text, "0123456789-") != "") || name == "state" && one.Text != "open" && one.Text != "closed") {
				return errors.New("not allowed: /" + name)
			}
		}
		return nil
	}
}

func old() lens.Validator {
	return known(map[string]value.Kind{"": value.Object, "/id": value.String, "/street": value.String, "/items": value.Array, "/items/*": value.Object,
		"/items/*/price": value.Number, "/items/*/count": value.Number, "/on": value.String, "/state": value.String, "/other": value.String})
}

func subject(t testing.TB) lens.Subject {
	return lens.Subject{OldRequest: old(), Requests: lens.Values{Examples: []*value.Value{
		read(t, `{"id":"a","street":"x","items":[{"price":1.50,"count":2},{"price":0,"count":1e3}],"on":"2024-02-29","state":"open"}`)}},
		OldAnswer: old(), NewAnswer: newAnswers(t), Answers: lens.Values{Examples: []*value.Value{
			read(t, `{"data":{"orderId":"a","address":{"street":"x"},"items":[{"cost":{"amount":1.50},"count":"2"}],"on":"29.02.2024","state":"DONE","currency":"USD"}}`)}}}
}

// newAnswers allows what up can give, whatever the currency.
func newAnswers(t testing.TB) lens.Validator {
	l, faults := lens.Compile(orders(), "")
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return func(v *value.Value) error {
		v = v.Clone()
		if data := v.Get("data"); data != nil && data.Kind == value.Object {
			data.Set("currency", value.Text("EUR"))
		}
		back, err := l.Down(v)
		if err != nil {
			return err
		}
		if err := old()(back); err != nil {
			return err
		}
		if again, err := l.Up(back); err != nil || !value.Equal(again, v) {
			return errors.New("not allowed")
		}
		return nil
	}
}

func TestALensThatIsRightKeepsItsLaws(t *testing.T) {
	l, faults := lens.Compile(orders(), "/lens")
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	s := subject(t)
	report, err := l.Check(t.Context(), s, lens.Options{Values: 5000, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range report.Counterexamples {
		t.Errorf("%s: %s of %s gives %s", c.Law, c.Detail, c.Input, c.Output)
	}
	if report.Requests < 2000 || report.Answers < 2000 || !report.OK() {
		t.Errorf("only %d requests and %d answers were fit", report.Requests, report.Answers)
	}
}

func TestABrokenLensIsFoundOut(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*lens.Pair)
		law    lens.Law
		input  string // as small as it gets
	}{
		"a member that is not renamed back":         {func(p *lens.Pair) { p.Down = p.Down[:7] }, lens.RoundTrip, `{"id":""}`},
		"a way back in another order":               {func(p *lens.Pair) { p.Down = p.Down[1:] }, lens.RoundTrip, `{}`},
		"a spelling that comes back as another one": {func(p *lens.Pair) { p.Down[2].Values = map[string]string{"OPEN": "closed", "DONE": "open"} }, lens.RoundTrip, `{"state":"open"}`},
		"a day that is taken for a month":           {func(p *lens.Pair) { p.Up[4].Result = "date-mdy-slashes" }, lens.RoundTrip, ""},
	} {
		p := orders()
		p.Down = append([]mapping.Operation(nil), p.Down...)
		c.change(&p)
		l, faults := lens.Compile(p, "")
		if len(faults) > 0 {
			t.Fatal(name, faults)
		}
		s := subject(t)
		report, err := l.Check(t.Context(), lens.Subject{OldRequest: s.OldRequest, Requests: s.Requests}, lens.Options{Values: 5000, Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, e := range report.Counterexamples {
			found = found || e.Law == c.law && (c.input == "" || e.Input.String() == c.input)
		}
		if !found || report.OK() {
			t.Errorf("%s: %+v", name, report.Counterexamples)
		}
	}
}

func TestTheOldContractMustAcceptEveryMappedAnswer(t *testing.T) {
	l, _ := lens.Compile(lens.Pair{Down: []mapping.Operation{{Op: mapping.Rename, Path: "/b", Name: "a"}}}, "")
	allow := known(map[string]value.Kind{"": value.Object, "/a": value.String})
	report, err := l.Check(t.Context(), lens.Subject{OldAnswer: allow, Answers: lens.Values{Generate: func(r *rand.Rand) *value.Value {
		if r.IntN(100) == 0 {
			return read(t, `{"b":"x","c":[1,2,3]}`)
		}
		return read(t, `{"b":"x"}`)
	}}}, lens.Options{Values: 2000, Seed: 3})
	if err != nil || len(report.Counterexamples) != 1 {
		t.Fatal(report, err)
	}
	c := report.Counterexamples[0]
	if c.Law != lens.DownAccepted || c.Input.String() != `{"c":null}` || c.Found.String() != `{"b":"x","c":[1,2,3]}` {
		t.Errorf("%s %s from %s", c.Law, c.Input, c.Found)
	}
	again, _ := l.Check(t.Context(), lens.Subject{OldAnswer: allow, Answers: lens.Values{Examples: []*value.Value{c.Found}}}, lens.Options{})
	if len(again.Counterexamples) != 1 || again.Counterexamples[0].Example != 0 {
		t.Error("as an example, it is not found again")
	}
}

func TestTheNewContractMustAcceptEveryMappedRequest(t *testing.T) {
	l, _ := lens.Compile(lens.Pair{Up: []mapping.Operation{{Op: mapping.Rename, Path: "/a", Name: "b"}}}, "")
	report, err := l.Check(t.Context(), lens.Subject{OldRequest: known(map[string]value.Kind{"": value.Object, "/a": value.Number}),
		NewRequest: known(map[string]value.Kind{"": value.Object, "/b": value.String})}, lens.Options{Values: 2000, Seed: 3})
	if err != nil || len(report.Counterexamples) != 1 || report.Counterexamples[0].Law != lens.UpAccepted || report.Counterexamples[0].Input.String() != `{"a":0}` {
		t.Error(report, err)
	}
}

func TestALensThatCannotBeInvertibleIsRefused(t *testing.T) {
	_, faults := lens.Compile(lens.Pair{Invertible: true, Up: []mapping.Operation{{Op: mapping.Default, Path: "/a", Value: []byte("1")}, {Op: mapping.Drop, Path: "/b"}}}, "/lens")
	if len(faults) != 1 || faults[0].Pointer != "/lens/up/1" {
		t.Error(faults)
	}
	if _, faults := lens.Compile(lens.Pair{Up: []mapping.Operation{{Op: mapping.Drop, Path: "/b"}}, Down: []mapping.Operation{{Op: "x"}}}, "/lens"); len(faults) != 1 || faults[0].Pointer != "/lens/down/0/op" {
		t.Error(faults)
	}
}

func TestAnEndedContextEndsTheTest(t *testing.T) {
	l, _ := lens.Compile(orders(), "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Check(ctx, subject(t), lens.Options{Values: 10}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// BenchmarkLaws tests the laws on one value an operation: -benchtime 1000000x is the full measure.
func BenchmarkLaws(b *testing.B) {
	l, _ := lens.Compile(orders(), "")
	s := subject(b)
	b.ReportAllocs()
	b.ResetTimer()
	report, err := l.Check(b.Context(), lens.Subject{OldRequest: s.OldRequest, Requests: s.Requests}, lens.Options{Values: b.N, Seed: 5})
	if err != nil || len(report.Counterexamples) > 0 {
		b.Fatal(report, err)
	}
	b.ReportMetric(float64(report.Requests)/float64(b.N), "fit/op")
}
