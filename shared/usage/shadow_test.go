package usage_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/decision"
	"sluice/shared/usage"
)

// shadowed is a call that these limits in the shadow would have refused.
func shadowed(limits ...string) usage.Facts {
	return call(func(f *usage.Facts) { f.Shadows = limits })
}

// shadows are the counters of a store that are about limits in the shadow, over all windows of a month.
func shadows(t *testing.T, log ...usage.Facts) map[string]int64 {
	t.Helper()
	found := map[string]int64{}
	for _, d := range folded(t, log...) {
		for name, n := range d.Add {
			if d.Bucket.Step == usage.Month && (name == usage.CountWouldRefuse || strings.HasPrefix(name, "w_")) {
				found[name] += n
			}
		}
	}
	return found
}

// logShadows adds what a log of calls says of limits in the shadow.
func logShadows(limits []string, add func(name string, n int64)) {
	if len(limits) > 0 {
		add("would_refuse", 1)
	}
	for _, limit := range limits {
		add("w_"+limit, 1)
	}
}

func TestWhatLimitsInTheShadowWouldRefuse(t *testing.T) {
	refused := shadowed("basic-rate")
	refused.Forwarded, refused.Refusal = false, decision.QuotaExhausted
	var crowd []usage.Facts
	for n := range 40 {
		crowd = append(crowd, shadowed(fmt.Sprint("plan-", n, "-rate")))
	}
	long := strings.Repeat("o", 300)
	for promise, c := range map[string]struct {
		log  []usage.Facts
		want map[string]int64
	}{
		"a call is counted once, and for each limit":                   {[]usage.Facts{shadowed("basic-rate", "orders-api-rate"), shadowed("basic-rate"), call()}, map[string]int64{"would_refuse": 2, "w_basic-rate": 2, "w_orders-api-rate": 1}},
		"a call that was refused all the same is not":                  {[]usage.Facts{refused}, map[string]int64{}},
		"names that no record has room for are told apart by a hash":   {[]usage.Facts{shadowed(long + "a"), shadowed(long + "b")}, nil},
		"limits beyond those that a cell tells apart are no call lost": {crowd, nil},
	} {
		t.Run(promise, func(t *testing.T) {
			got := shadows(t, c.log...)
			if c.want == nil {
				var sum int64
				for name, n := range got {
					if name != usage.CountWouldRefuse {
						sum += n
					}
				}
				if calls := int64(len(c.log)); got[usage.CountWouldRefuse] != calls || sum != calls || len(got) > 18 || len(got) < 3 {
					t.Errorf("of %d calls %v", calls, got)
				}
				return
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPointsOfLimitsInTheShadow(t *testing.T) {
	day := usage.Day.Start(noon)
	log := []usage.Facts{shadowed("basic-rate", "orders-api-rate"), shadowed("basic-rate"), call()}
	ask := func(by usage.Group) (lines []string) {
		for _, p := range usage.Points(folded(t, log...), usage.Day, day, day.Add(24*time.Hour), by, usage.Filter{}) {
			lines = append(lines, fmt.Sprintf("%q calls %d would refuse %d", p.Group, p.Calls, p.WouldRefuse))
		}
		return lines
	}
	for promise, c := range map[string]struct {
		by   usage.Group
		want []string
	}{
		"a point says how many of its calls they would have refused": {usage.GroupApp, []string{`"shop" calls 3 would refuse 2`}},
		"a group by limit says which would have":                     {usage.GroupLimit, []string{`"basic-rate" calls 0 would refuse 2`, `"orders-api-rate" calls 0 would refuse 1`}},
		"a group by status does not know":                            {usage.GroupStatus, []string{`"2xx" calls 3 would refuse 0`}},
	} {
		t.Run(promise, func(t *testing.T) {
			if diff := cmp.Diff(c.want, ask(c.by)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
