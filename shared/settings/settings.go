// Package settings reads the environment once and names everything that is missing or wrong, all at once.
//
// Each function has one struct and one Load. A new setting has a working default, so that code can be deployed before
// the template that sets it.
package settings

import (
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Env looks one variable up: os.LookupEnv in a process, a map in a test.
type Env func(key string) (string, bool)

// Table says where the store is and who we are to it.
type Table struct {
	Name            string
	Region          string
	Endpoint        string // "" is AWS itself
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
}

// Common is what every function needs.
type Common struct {
	Table       Table
	Environment string
	LogLevel    slog.Level
	Instance    string // names this instance in logs and usage records; "" lets the function choose
}

// Networks says which addresses an upstream may have, beyond public ones.
type Networks string

// The networks.
const (
	PublicNetworks Networks = "public"   // a deployment's default: nothing private, loopback, link-local or metadata
	LoopbackToo    Networks = "loopback" // the local cloud: loopback as well
)

// Authorizer is the settings of functions/authorizer.
type Authorizer struct {
	Common
	StaleMax time.Duration // how long known callers are served while the table is unreachable
}

// Proxy is the settings of functions/proxy.
type Proxy struct {
	Common
	Networks    Networks
	FlushAfter  time.Duration // usage is flushed once it is this old
	ClockSkew   time.Duration // how far the clocks of instances may be off; limits are exact within it
	EgressProxy string        // upstreams are called through it; "" calls them directly. Only with LoopbackToo
}

// Management is the settings of functions/catalog and functions/keys.
type Management struct {
	Common
	Networks Networks
}

// Rollup is the settings of functions/rollup.
type Rollup struct{ Common }

// Portal is the settings of functions/portal.
type Portal struct {
	Common
	GatewayURL string // where consumers call; "" if not known
}

// reader collects faults while it reads.
type reader struct {
	env    Env
	faults []string
}

func (r *reader) text(key, fallback string) string {
	if v, ok := r.env(key); ok && v != "" {
		return v
	}
	return fallback
}

func (r *reader) required(key string) string {
	v := r.text(key, "")
	if v == "" {
		r.faults = append(r.faults, key+" is missing")
	}
	return v
}

func (r *reader) seconds(key string, fallback, least, most int) time.Duration {
	return r.duration(key, "seconds", time.Second, fallback, least, most)
}

func (r *reader) milliseconds(key string, fallback, least, most int) time.Duration {
	return r.duration(key, "milliseconds", time.Millisecond, fallback, least, most)
}

func (r *reader) duration(key, units string, unit time.Duration, fallback, least, most int) time.Duration {
	v := r.text(key, strconv.Itoa(fallback))
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		r.faults = append(r.faults, fmt.Sprintf("%s must be a whole number of %s in %d..%d, not %q", key, units, least, most, v))
	}
	return time.Duration(n) * unit
}

func (r *reader) url(key string) string {
	v := r.text(key, "")
	if v == "" {
		return ""
	}
	if u, err := url.Parse(v); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		r.faults = append(r.faults, fmt.Sprintf("%s must be an http or https URL", key))
	}
	return v
}

func (r *reader) common() Common {
	c := Common{
		Table: Table{
			Name:            r.required("TABLE_NAME"),
			Region:          r.required("AWS_REGION"),
			Endpoint:        r.endpoint(),
			AccessKeyID:     r.required("AWS_ACCESS_KEY_ID"),
			SecretAccessKey: r.required("AWS_SECRET_ACCESS_KEY"),
			SessionToken:    r.text("AWS_SESSION_TOKEN", ""),
		},
		Environment: r.text("ENVIRONMENT", "dev"),
		Instance:    r.text("AWS_LAMBDA_LOG_STREAM_NAME", ""),
	}
	if err := c.LogLevel.UnmarshalText([]byte(r.text("LOG_LEVEL", "INFO"))); err != nil {
		r.faults = append(r.faults, "LOG_LEVEL must be DEBUG, INFO, WARN or ERROR")
	}
	return c
}

// endpoint follows the SDKs' own two variables, the narrower first.
func (r *reader) endpoint() string {
	if v := r.url("AWS_ENDPOINT_URL_DYNAMODB"); v != "" {
		return v
	}
	return r.url("AWS_ENDPOINT_URL")
}

func (r *reader) networks() Networks {
	n := Networks(r.text("SLUICE_UPSTREAM_NETWORKS", string(PublicNetworks)))
	if n != PublicNetworks && n != LoopbackToo {
		r.faults = append(r.faults, fmt.Sprintf("SLUICE_UPSTREAM_NETWORKS must be %s or %s", PublicNetworks, LoopbackToo))
	}
	return n
}

func (r *reader) err() error {
	if len(r.faults) == 0 {
		return nil
	}
	return fmt.Errorf("settings: %s", strings.Join(r.faults, "; "))
}

// LoadAuthorizer reads the authorizer's settings; its error, like that of every Load, names all faults.
func LoadAuthorizer(env Env) (Authorizer, error) {
	r := &reader{env: env}
	s := Authorizer{Common: r.common(), StaleMax: r.seconds("SLUICE_STALE_MAX_SECONDS", 300, 0, 3600)}
	return s, r.err()
}

// LoadProxy reads the proxy's settings.
func LoadProxy(env Env) (Proxy, error) {
	r := &reader{env: env}
	s := Proxy{Common: r.common(), Networks: r.networks(), FlushAfter: r.seconds("SLUICE_FLUSH_SECONDS", 2, 0, 300),
		ClockSkew: r.milliseconds("SLUICE_CLOCK_SKEW_MS", 500, 0, 10_000), EgressProxy: r.url("SLUICE_UPSTREAM_PROXY")}
	if s.EgressProxy != "" && s.Networks != LoopbackToo {
		r.faults = append(r.faults, "SLUICE_UPSTREAM_PROXY is for the local cloud: it needs SLUICE_UPSTREAM_NETWORKS="+string(LoopbackToo))
	}
	return s, r.err()
}

// LoadManagement reads the settings of the catalog and keys functions.
func LoadManagement(env Env) (Management, error) {
	r := &reader{env: env}
	s := Management{Common: r.common(), Networks: r.networks()}
	return s, r.err()
}

// LoadRollup reads the rollup's settings.
func LoadRollup(env Env) (Rollup, error) {
	r := &reader{env: env}
	s := Rollup{Common: r.common()}
	return s, r.err()
}

// LoadPortal reads the portal's settings.
func LoadPortal(env Env) (Portal, error) {
	r := &reader{env: env}
	s := Portal{Common: r.common(), GatewayURL: r.url("SLUICE_GATEWAY_URL")}
	return s, r.err()
}

// LogValue keeps the secrets of the store out of every log.
func (t Table) LogValue() slog.Value {
	return slog.GroupValue(slog.String("name", t.Name), slog.String("region", t.Region), slog.String("endpoint", t.Endpoint))
}

// String is for errors and prints; it has no secret in it.
func (t Table) String() string { return "table " + t.Name + " in " + t.Region }

// GoString is String: %#v must not print a secret either.
func (t Table) GoString() string { return t.String() }
