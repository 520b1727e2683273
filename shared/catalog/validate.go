package catalog

import (
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"unicode/utf8"

	"sluice/shared/problem"
)

// Bounds of what a resource may hold.
const (
	maxName    = 200
	maxSummary = 2000
	maxList    = 50
	MaxScopes  = 1024 // bytes of a subscription's scopes as JSON: they travel in each decision
)

// SlugPattern is what an id chosen by an admin looks like.
const SlugPattern = `^[a-z][a-z0-9-]{1,62}$`

// isSlug reports whether s matches SlugPattern, without an expression that each cold start would compile.
func isSlug(s string) bool {
	if len(s) < 2 || len(s) > 63 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9') })
}

// Anonymous is the id of the consumer, and of its app, that calls without a credential are counted under. Nobody can take it.
const Anonymous = "anonymous"

// ReservedAPIs are names that no API can take, since the platform answers there itself.
var reservedAPIs = []string{"admin", "oauth", "healthz"}

// check collects faults.
type check struct{ faults []problem.Fault }

func (c *check) that(ok bool, pointer, format string, args ...any) {
	if !ok {
		c.faults = append(c.faults, problem.Fault{Pointer: pointer, Detail: fmt.Sprintf(format, args...)})
	}
}

func (c *check) slug(pointer, s string) {
	c.that(isSlug(s), pointer, "must match %s", SlugPattern)
}

func (c *check) text(pointer, s string, most int, required bool) {
	c.that(!required || strings.TrimSpace(s) != "", pointer, "must not be empty")
	c.that(utf8.ValidString(s) && !strings.ContainsRune(s, 0), pointer, "must be valid text")
	c.that(utf8.RuneCountInString(s) <= most, pointer, "must have at most %d characters", most)
}

func oneOf[T ~string](c *check, pointer string, v T, allowed ...T) {
	c.that(slices.Contains(allowed, v), pointer, "must be one of %v", allowed)
}

func (c *check) strings(pointer string, list []string) {
	c.that(len(list) <= maxList, pointer, "must have at most %d entries", maxList)
	for i, s := range list {
		c.text(fmt.Sprintf("%s/%d", pointer, i), s, maxName, true)
		c.that(!strings.ContainsAny(s, " \t\r\n"), fmt.Sprintf("%s/%d", pointer, i), "must have no spaces")
		c.that(!slices.Contains(list[:i], s), fmt.Sprintf("%s/%d", pointer, i), "is there twice")
	}
}

func (c *check) contacts(list []Contact) {
	c.that(len(list) <= maxList, "/contacts", "must have at most %d entries", maxList)
	for i, k := range list {
		at := fmt.Sprintf("/contacts/%d", i)
		c.text(at+"/kind", k.Kind, 40, true)
		c.text(at+"/value", k.Value, maxName, true)
		if k.Kind == "email" {
			_, err := mail.ParseAddress(k.Value)
			c.that(err == nil, at+"/value", "must be an e-mail address")
		}
	}
}

func (c *check) done(what string) error {
	if len(c.faults) == 0 {
		return nil
	}
	return &problem.Error{Kind: problem.Unprocessable, Detail: "the " + what + " is not valid", Faults: c.faults}
}

// Validate says everything that is wrong with the team; the same holds for the Validate of every other resource.
// Errors have kind problem.Unprocessable and a JSON pointer to each fault.
func (t *Team) Validate() error {
	var c check
	c.slug("/id", string(t.ID))
	c.text("/name", t.Name, maxName, true)
	c.contacts(t.Contacts)
	return c.done("team")
}

// Validate says everything that is wrong with the API.
func (a *API) Validate() error {
	var c check
	c.slug("/id", string(a.ID))
	c.that(!slices.Contains(reservedAPIs, string(a.ID)), "/id", "is a name the platform keeps for itself")
	c.text("/name", a.Name, maxName, true)
	c.text("/summary", a.Summary, maxSummary, false)
	c.slug("/team", string(a.Team))
	oneOf(&c, "/kind", a.Kind, REST, GraphQL, Event)
	oneOf(&c, "/audience", a.Audience, Internal, Partner, Public)
	oneOf(&c, "/sensitivity", a.Sensitivity, Open, InternalData, Confidential, RestrictedData)
	c.strings("/tags", a.Tags)
	a.traffic(&c)
	return c.done("API")
}

// Validate says everything that is wrong with the version.
func (v *Version) Validate() error {
	var c check
	c.slug("/version", string(v.Version))
	v.Upstream.check(&c)
	oneOf(&c, "/validation/request", v.Validation.Request, "enforce", "report", "off")
	oneOf(&c, "/validation/response", v.Validation.Response, "off", "report", "strip", "block")
	return c.done("version")
}

// Validate says everything that is wrong with the plan.
func (p *Plan) Validate() error {
	var c check
	c.slug("/id", string(p.ID))
	c.text("/name", p.Name, maxName, true)
	oneOf(&c, "/approval", p.Approval, Automatic, Manual)
	p.traffic(&c)
	c.strings("/scopes", p.Scopes)
	return c.done("plan")
}

// Validate says everything that is wrong with the consumer.
func (k *Consumer) Validate() error {
	var c check
	c.slug("/id", string(k.ID))
	c.that(k.ID != Anonymous, "/id", "is a name the platform keeps for itself")
	c.text("/name", k.Name, maxName, true)
	oneOf(&c, "/kind", k.Kind, Internal, Partner, Public)
	c.contacts(k.Contacts)
	return c.done("consumer")
}

// Validate says everything that is wrong with the app.
func (a *App) Validate() error {
	var c check
	c.slug("/id", string(a.ID))
	c.that(a.ID != Anonymous, "/id", "is a name the platform keeps for itself")
	c.text("/name", a.Name, maxName, true)
	c.slug("/consumer", string(a.Consumer))
	return c.done("app")
}

// Validate says everything that is wrong with the subscription by itself; ValidateSubscription looks at its neighbours.
func (s *Subscription) Validate() error {
	var c check
	c.slug("/app", string(s.App))
	c.slug("/api", string(s.API))
	c.slug("/plan", string(s.Plan))
	oneOf(&c, "/state", s.State, Requested, Active, Suspended, Ended)
	c.strings("/scopes", s.Scopes)
	c.size("/scopes", s.Scopes, MaxScopes)
	return c.done("subscription")
}

// ValidateSubscription says whether this consumer may subscribe to this API with this plan and these scopes.
func ValidateSubscription(s Subscription, api API, plan Plan, consumer Consumer) error {
	var c check
	c.that(api.Audience.Admits(consumer.Kind), "/api", "the API is for %s consumers; this one is %s", api.Audience, consumer.Kind)
	for i, scope := range s.Scopes {
		c.that(slices.Contains(plan.Scopes, scope), fmt.Sprintf("/scopes/%d", i), "is not offered by plan %s", plan.ID)
	}
	return c.done("subscription")
}

// Validate says everything that is wrong with the key.
func (k *Key) Validate() error {
	var c check
	c.slug("/app", string(k.App))
	return c.done("key")
}

// Validate says everything that is wrong with the admin key.
func (k *AdminKey) Validate() error {
	var c check
	c.text("/name", k.Name, maxName, true)
	oneOf(&c, "/role", k.Role, RolePlatformAdmin, RoleTeamMember, RoleAuditor)
	c.that((k.Role == RoleTeamMember) == (k.Team != ""), "/team", "is for team members, and needed there")
	return c.done("admin key")
}

// Admits reports whether an API of audience a is for a consumer of kind c: internal ⊂ partner ⊂ public.
func (a Audience) Admits(c Audience) bool {
	order := []Audience{Internal, Partner, Public}
	at, of := slices.Index(order, a), slices.Index(order, c)
	return at >= 0 && of >= 0 && of <= at
}
