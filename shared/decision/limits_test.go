package decision_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/shared/catalog"
	"sluice/shared/decision"
)

func TestAPlansLimitsAreNamedAfterIt(t *testing.T) {
	rate := decision.Limit{Kind: decision.RateLimit, Name: "gold-rate", Requests: 5, Seconds: 60, Burst: 9}
	quota := decision.Limit{Kind: decision.QuotaLimit, Name: "gold-quota", Requests: 100, Period: catalog.Month}
	burst := func(n int) []decision.Limit {
		l := rate
		l.Burst = n
		return []decision.Limit{l}
	}
	for name, c := range map[string]struct {
		rate  *catalog.Rate
		quota *catalog.Quota
		want  []decision.Limit
	}{
		"a plan without limits has none":     {},
		"a rate alone":                       {&catalog.Rate{Requests: 5, Seconds: 60, Burst: 9}, nil, []decision.Limit{rate}},
		"a quota alone":                      {nil, &catalog.Quota{Requests: 100, Period: catalog.Month}, []decision.Limit{quota}},
		"the rate goes before the quota":     {&catalog.Rate{Requests: 5, Seconds: 60, Burst: 9}, &catalog.Quota{Requests: 100, Period: catalog.Month}, []decision.Limit{rate, quota}},
		"without a burst it is the requests": {&catalog.Rate{Requests: 5, Seconds: 60}, nil, burst(5)},
		"a burst is never below one call":    {&catalog.Rate{Requests: 5, Seconds: 60, Burst: -1}, nil, burst(1)},
	} {
		t.Run(name, func(t *testing.T) {
			got := decision.LimitsOf(catalog.Plan{ID: "gold", Rate: c.rate, Quota: c.quota})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
