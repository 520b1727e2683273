package fault_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/scripts/sluice/fault"
)

func TestAFaultIsReadAsItIsWritten(t *testing.T) {
	for text, want := range map[string]fault.Fault{
		"store=down:60s":                  {Target: fault.Store, Kind: fault.Down, Length: time.Minute},
		"store=down:60s@10s":              {Target: fault.Store, Kind: fault.Down, Length: time.Minute, Start: 10 * time.Second},
		"upstream=latency:200ms":          {Target: fault.Upstream, Kind: fault.Latency, Delay: 200 * time.Millisecond},
		"store=latency:200ms~50ms@1m+30s": {Target: fault.Store, Kind: fault.Latency, Delay: 200 * time.Millisecond, Jitter: 50 * time.Millisecond, Start: time.Minute, Length: 30 * time.Second},
		"store=errors:20":                 {Target: fault.Store, Kind: fault.Errors, Share: 0.2},
		"upstream=errors:20%@0+5s":        {Target: fault.Upstream, Kind: fault.Errors, Share: 0.2, Length: 5 * time.Second},
		"store=throttle:0.5%@3s":          {Target: fault.Store, Kind: fault.Throttle, Share: 0.005, Start: 3 * time.Second},
		"store=lost:100%":                 {Target: fault.Store, Kind: fault.Lost, Share: 1},
		"upstream=latency:1s~1s@0s+1h":    {Target: fault.Upstream, Kind: fault.Latency, Delay: time.Second, Jitter: time.Second, Length: time.Hour},
		"upstream=errors:12.5%@24h":       {Target: fault.Upstream, Kind: fault.Errors, Share: 0.125, Start: 24 * time.Hour},
	} {
		got, err := fault.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", text, diff)
		}
		if again, err := fault.Parse(got.String()); err != nil || again.String() != got.String() {
			t.Errorf("%s is written as %s and read as %v, %v", text, got, again, err)
		}
	}
}

func TestATextThatIsNoFaultSaysWhatIsWrongAndHowOneIsWritten(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "no =",
		"store":                       "no =",
		"table=down:1s":               "the target must be",
		"store=up:1s":                 "the kind must be",
		"store=":                      "the kind must be",
		"store=down":                  "the length of an outage",
		"store=down:soon":             "the length of an outage",
		"store=down:0s":               "the length of an outage",
		"store=down:-5s":              "the length of an outage",
		"store=down:25h":              "the length of an outage",
		"store=down:5s@1s+3s":         "has its length already",
		"store=down:5s@later":         "the start",
		"store=down:5s@":              "the start",
		"store=latency:":              "the delay",
		"store=latency:1h":            "the delay",
		"store=latency:1s~":           "the jitter",
		"store=latency:1s~2s":         "the jitter",
		"store=errors:0":              "the share",
		"store=errors:101%":           "the share",
		"store=errors:NaN":            "the share",
		"store=errors:20%%":           "the share",
		"store=throttle:many":         "the share",
		"upstream=lost:-1":            "the share",
		"upstream=errors:20%@1s+":     "the length",
		"upstream=errors:20%@1s+1s+1": "the length",
	} {
		_, err := fault.Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "TARGET=KIND:VALUE") {
			t.Errorf("%q: %v, want %q and the grammar", text, err, want)
		}
	}
	if _, err := fault.ParseAll([]string{"store=down:1s", "x", "store=up"}); err == nil || strings.Count(err.Error(), "TARGET=KIND") != 2 {
		t.Errorf("of several, all that are wrong are named: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"store=down:60s@10s", "upstream=latency:200ms~50ms@1m+30s", "store=errors:0.5%", "store=throttle:3@0", "x=y:z@1+2"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := fault.Parse(text)
		if err != nil {
			return
		}
		if got.Start < 0 || got.Length < 0 || got.Jitter > got.Delay || got.Share < 0 || got.Share > 1 || math.IsNaN(got.Share) {
			t.Errorf("%q is read as %+v", text, got)
		}
		if got.Kind == fault.Down && got.Length == 0 {
			t.Errorf("%q never ends", text)
		}
		if again, err := fault.Parse(got.String()); err != nil || again.String() != got.String() {
			t.Errorf("%q is written as %s and read as %+v, %v", text, got, again, err)
		}
	})
}

func TestSeveralFaultsAreReadAtOnceAndAllThatIsWrongIsNamed(t *testing.T) {
	for name, texts := range map[string][]string{
		"in one text":  {"store=down:1s; upstream=errors:10%;store=lost:5%"},
		"in several":   {"store=down:1s", "upstream=errors:10%", "store=lost:5%"},
		"in both ways": {"store=down:1s;upstream=errors:10%", "store=lost:5%"},
	} {
		all, err := fault.ParseAll(texts)
		if err != nil || len(all) != 3 || all[1].Target != fault.Upstream || all[2].Kind != fault.Lost {
			t.Errorf("%s: %v, %v", name, all, err)
		}
	}
	if all, err := fault.ParseAll(nil); err != nil || len(all) != 0 {
		t.Errorf("of nothing: %v, %v", all, err)
	}
	_, err := fault.ParseAll([]string{"store=up;store=down:1s;", "moon=down:1s"})
	for _, want := range []string{`"store=up"`, `""`, `"moon=down:1s"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %s", err, want)
		}
	}
}
