package decision

import "sluice/shared/catalog"

// LimitsOf gives the limits that a plan sets, the rate before the quota, each named after the plan; nil if it sets none.
// A rate without a burst allows as many at once as it allows in its time.
func LimitsOf(plan catalog.Plan) []Limit {
	if plan.Rate == nil && plan.Quota == nil {
		return nil
	}
	limits := make([]Limit, 0, 2)
	if r := plan.Rate; r != nil {
		burst := r.Burst
		if burst == 0 {
			burst = r.Requests
		}
		limits = append(limits, Limit{Kind: RateLimit, Name: string(plan.ID) + "-rate",
			Requests: r.Requests, Seconds: r.Seconds, Burst: max(1, burst)})
	}
	if q := plan.Quota; q != nil {
		limits = append(limits, Limit{Kind: QuotaLimit, Name: string(plan.ID) + "-quota", Requests: q.Requests, Period: q.Period})
	}
	return limits
}
