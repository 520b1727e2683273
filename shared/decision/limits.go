package decision

import "sluice/shared/catalog"

// The counters, by what they count.

// SubscriptionCounter counts the calls of a subscription.
func SubscriptionCounter(s catalog.SubscriptionID) string { return string(s) }

// SubscriptionOperationCounter counts the calls of a subscription to one operation.
func SubscriptionOperationCounter(s catalog.SubscriptionID, operation string) string {
	return string(s) + "/" + operation
}

// APICounter counts the calls of everybody to an API.
func APICounter(a catalog.APIID) string { return "api/" + string(a) }

// OperationCounter counts the calls of everybody to one operation of an API.
func OperationCounter(a catalog.APIID, operation string) string {
	return "api/" + string(a) + "/" + operation
}

// AddressCounter counts the calls without a credential that come from one address, or from one network of an IPv6 customer.
func AddressCounter(a catalog.APIID, network string) string {
	return "address/" + string(a) + "/" + network
}

// LimitsOf gives the limits that a plan sets for a subscription, each named after the plan; see Named.
func LimitsOf(plan catalog.Plan) []Limit {
	return Named(string(plan.ID), catalog.Limits{Rate: plan.Rate, Quota: plan.Quota})
}

// Named gives limits as a call takes them, the rate before the quota, named "<name>-rate" and "<name>-quota"; nil if there
// are none. A rate without a burst allows as many at once as it allows in its time.
func Named(name string, l catalog.Limits) []Limit {
	if l.Rate == nil && l.Quota == nil {
		return nil
	}
	limits := make([]Limit, 0, 2)
	if r := l.Rate; r != nil {
		burst := r.Burst
		if burst == 0 {
			burst = r.Requests
		}
		limits = append(limits, Limit{Kind: RateLimit, Name: name + "-rate", Requests: r.Requests, Seconds: r.Seconds,
			Burst: max(1, burst), Shadow: r.Shadow})
	}
	if q := l.Quota; q != nil {
		limits = append(limits, Limit{Kind: QuotaLimit, Name: name + "-quota", Requests: q.Requests, Period: q.Period,
			AnchorDay: q.AnchorDay, Shadow: q.Shadow})
	}
	return limits
}
