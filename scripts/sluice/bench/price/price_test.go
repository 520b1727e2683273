package price_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/scripts/sluice/bench/price"
)

func TestTheStandardListIsWholeAndSaysWhereItIsFrom(t *testing.T) {
	l, err := price.Parse(price.Standard())
	if err != nil || len(l.Sources) < 3 || l.Region == "" {
		t.Errorf("%+v, %v", l, err)
	}
	b, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	again, err := price.Parse(b)
	if diff := cmp.Diff(l, again); err != nil || diff != "" {
		t.Errorf("as JSON it is another one: %v\n%s", err, diff)
	}
}

func TestAListThatLacksAPriceOrSaysTooMuchIsRefused(t *testing.T) {
	standard := string(price.Standard())
	for name, c := range map[string]struct{ change, to, want string }{
		"a price is missing":      {"  lambda_requests: 0.20\n", "", "lambda_requests"},
		"a price is negative":     {" 1.00\n", " -1\n", "http_api_requests"},
		"a price is no number":    {": 0.625", ": .nan", "dynamodb_write_units"},
		"an unknown price":        {"  lambda_requests:", "  lambda_request:", "lambda_request"},
		"no source":               {"sources:", "source:", "source"},
		"no region":               {"region: us-east-1", "", "region"},
		"no YAML, no JSON either": {standard, "\t:", "price list"},
	} {
		if _, err := price.Parse([]byte(strings.Replace(standard, c.change, c.to, 1))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestAMillionCallsCostWhatTheirPartsDo(t *testing.T) {
	l := price.List{PerMillion: price.Rates{HTTPRequests: 1, LambdaRequests: 0.2, LambdaGBSeconds: 16, ReadUnits: 0.125, WriteUnits: 0.5}}
	got := l.Million(price.Call{ReadUnits: 2, WriteUnits: 0.5, Functions: []price.Function{
		{MemoryMB: 1024, CPU: 0.1}, {MemoryMB: 512, CPU: 0.1, Wait: 19.5}}})
	want := price.Bill{HTTPRequests: 1, LambdaRequests: 0.4, LambdaTime: 16 * (0.001 + 0.020/2), Reads: 0.25, Writes: 0.25}
	want.Total = 1 + 0.4 + want.LambdaTime + 0.5
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })); diff != "" {
		t.Error(diff)
	}
}

func TestAnInvocationIsBilledByItsShareOfAProcessorInWholeMilliseconds(t *testing.T) {
	for name, c := range map[string]struct {
		f    price.Function
		want float64
	}{
		"nothing is a millisecond":            {price.Function{MemoryMB: 1769}, 1},
		"a whole processor":                   {price.Function{MemoryMB: 1769, CPU: 1.2}, 2},
		"more memory is no faster":            {price.Function{MemoryMB: 10240, CPU: 1.2}, 2},
		"a quarter of it takes four times":    {price.Function{MemoryMB: 442, CPU: 1}, 5},
		"waiting needs no processor":          {price.Function{MemoryMB: 128, Wait: 20}, 20},
		"work and waiting come after another": {price.Function{MemoryMB: 1769, CPU: 0.6, Wait: 20}, 21},
	} {
		if got := c.f.BilledMs(); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(price.Standard())
	f.Add([]byte(`{"date":"x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := price.Parse(b); err == nil && !(l.Million(price.Call{ReadUnits: 1, WriteUnits: 1}).Total > 0) {
			t.Errorf("%q: calls are free", b)
		}
	})
}
