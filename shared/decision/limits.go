package decision

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"sluice/shared/catalog"
)

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

// Network names who sends from an address, as AddressCounter counts: an IPv4 address by itself, of IPv6 the /64, which is
// what one customer has, "2001:db8:1:2::/64". false if it is no address.
func Network(address string) (string, bool) {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return "", false
	}
	if ip = ip.WithZone("").Unmap(); ip.Is4() {
		return ip.String(), true
	}
	p, err := ip.Prefix(64)
	return p.String(), err == nil
}

// Cost gives the units that a call to the operation takes of each limit, as Decision.Cost has it.
func Cost(api *catalog.API, operation string) int { return api.Operations[operation].Cost }

// ClaimsOf gives what a call of a subscription takes, in this order: of the subscription, of the operation for this
// subscription, of the operation over all consumers, of the API over all consumers. A counter without limits is not among
// them; nil if all are. The plan says of all of them what becomes of its calls while the store is out.
//
// The limits are named "<plan>", "<plan>-<operation>", "<api>-<operation>" and "<api>-api", each with "-rate" or "-quota".
// Where a plan is called so that two would be the same, the later one gets a "~2" or "~3".
func ClaimsOf(plan *catalog.Plan, s catalog.SubscriptionID, api *catalog.API, operation string) []Claim {
	own, ownOperation := catalog.Limits{Rate: plan.Rate, Quota: plan.Quota}, plan.Operations[operation]
	claims := make([]Claim, 0, 1) // most plans have no more
	var names names
	name, whole := names.take(string(plan.ID)), names.ofAPI(api)
	if limited(own) {
		claims = append(claims, Claim{Counter: SubscriptionCounter(s), Limits: Named(name, own)})
	}
	if limited(ownOperation) {
		claims = append(claims, Claim{Counter: SubscriptionOperationCounter(s, operation),
			Limits: Named(names.take(string(plan.ID)+"-"+label(operation)), ownOperation)})
	}
	claims = appendAPI(claims, api, operation, whole, &names)
	for i := range claims {
		claims[i].Outage, claims[i].Overdraft = plan.Outage, plan.Overdraft
	}
	if len(claims) == 0 {
		return nil
	}
	return claims
}

// AnonymousClaims gives what a call without a credential takes, in this order: of its Network ("<api>-anonymous"), of the
// operation over all consumers, of the API over all consumers.
func AnonymousClaims(api *catalog.API, network, operation string) []Claim {
	claims := make([]Claim, 0, 3)
	var names names
	whole, anonymous := names.ofAPI(api), names.take(string(api.ID)+"-"+catalog.Anonymous)
	if api.Anonymous != nil && limited(*api.Anonymous) {
		claims = append(claims, Claim{Counter: AddressCounter(api.ID, network), Limits: Named(anonymous, *api.Anonymous)})
	}
	return appendAPI(claims, api, operation, whole, &names)
}

// APIClaims gives what any call to the operation takes of the counters that all consumers share; "" is no operation.
func APIClaims(api *catalog.API, operation string) []Claim {
	var names names
	return appendAPI(nil, api, operation, names.ofAPI(api), &names)
}

func appendAPI(claims []Claim, api *catalog.API, operation, whole string, names *names) []Claim {
	if l := api.Operations[operation].Limits; l != nil && limited(*l) {
		claims = append(claims, Claim{Counter: OperationCounter(api.ID, operation),
			Limits: Named(names.take(string(api.ID)+"-"+label(operation)), *l)})
	}
	if l := api.Limits; l != nil && limited(*l) {
		claims = append(claims, Claim{Counter: APICounter(api.ID), Limits: Named(whole, *l)})
	}
	return claims
}

func limited(l catalog.Limits) bool { return l.Rate != nil || l.Quota != nil }

// names are those that a call's claims have so far. Those of counters that many operations share are taken first, so that
// they are the same for all of them.
type names struct {
	taken [4]string
	used  int
}

// ofAPI takes the name of the API's own limits, if it has any.
func (n *names) ofAPI(api *catalog.API) string {
	if api.Limits == nil {
		return ""
	}
	return n.take(string(api.ID) + "-api")
}

func (n *names) take(wanted string) string {
	name := wanted
	for i := 2; slices.Contains(n.taken[:n.used], name); i++ {
		name = wanted + "~" + strconv.Itoa(i)
	}
	n.taken[n.used] = name
	n.used++
	return name
}

// maxLabel bounds the part of a limit's name that an operation gives it.
const maxLabel = 40

// label writes an operation id so that it can be part of a limit's name, which is printable ASCII without quotes (RFC 8941
// §3.3.3) and short. One that must be changed for that gets a piece of its hash.
func label(operation string) string {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-' {
			return r
		}
		return '_'
	}, operation)
	if clean == operation && len(clean) <= maxLabel {
		return operation
	}
	sum := sha256.Sum256([]byte(operation))
	hash := "~" + hex.EncodeToString(sum[:4])
	return clean[:min(len(clean), maxLabel-len(hash))] + hash
}

// Named gives limits as a call takes them, the rate before the quota, named "<name>-rate" and "<name>-quota"; nil if there
// are none. A rate without a burst allows as many at once as it allows in its time.
func Named(name string, l catalog.Limits) []Limit {
	if !limited(l) {
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
