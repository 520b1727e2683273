// Package authentication puts a version's own credentials on requests to its upstream: basic, bearer, API key, OAuth client
// credentials (RFC 6749 §4.4) and AWS Signature Version 4. A declaration names a secret and never holds one; the secret's
// value comes from whoever applies it.
package authentication

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"sluice/shared/problem"
)

// Type is a way to authenticate.
type Type string

// The ways.
const (
	Basic             Type = "basic"                     // the secret has username and password
	Bearer            Type = "bearer"                    // the secret has a token
	APIKey            Type = "api_key"                   // the secret has a key
	ClientCredentials Type = "oauth2_client_credentials" //nolint:gosec // a name, no secret: that has client_id and client_secret
	SigV4             Type = "aws_sigv4"                 // the secret has access_key_id, secret_access_key, maybe session_token
)

// Places of an API key.
const (
	InHeader = "header"
	InQuery  = "query"
)

// Bounds of a declaration.
const (
	maxName   = 200
	maxURL    = 2000
	maxScopes = 50
)

// Declaration says how requests authenticate.
type Declaration struct {
	Type     Type     `json:"type"`
	Secret   string   `json:"secret"`              // its name
	In       string   `json:"in,omitempty"`        // of api_key
	Name     string   `json:"name,omitempty"`      // of api_key: the header or the parameter
	Prefix   string   `json:"prefix,omitempty"`    // of api_key in a header: stands before the key
	TokenURL string   `json:"token_url,omitempty"` // of oauth2_client_credentials
	Scopes   []string `json:"scopes,omitempty"`
	Audience string   `json:"audience,omitempty"`
	Client   string   `json:"client,omitempty"` // how the client authenticates for a token: "basic" (the default) or "body"
	Region   string   `json:"region,omitempty"` // of aws_sigv4
	Service  string   `json:"service,omitempty"`
}

// secretName is what names of secrets look like.
var secretName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_./-]{0,199}$`) })

// scopeToken is RFC 6749 §3.3.
var scopeToken = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]{1,200}$`) })

// region and service are parts of a credential scope.
var scopePart = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`) })

// token is a name of a header field (RFC 9110 §5.6.2).
var token = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}$") })

// Check says what is wrong with the declaration. Pointers begin with at.
func (d *Declaration) Check(at string) []problem.Fault {
	c := &check{at: at}
	c.that(secretName().MatchString(d.Secret), "/secret", "must be the name of a secret: letters, digits, _ . / -")
	switch d.Type {
	case Basic, Bearer:
		c.only(d)
	case APIKey:
		d.checkKey(c)
	case ClientCredentials:
		d.checkClient(c)
	case SigV4:
		c.that(scopePart().MatchString(d.Region), "/region", "must be a region, as eu-central-1")
		c.that(scopePart().MatchString(d.Service), "/service", "must be a service, as execute-api")
		c.only(d, "region", "service")
	default:
		c.that(false, "/type", "must be one of basic, bearer, api_key, oauth2_client_credentials, aws_sigv4")
	}
	return c.faults
}

type check struct {
	at     string
	faults []problem.Fault
}

func (c *check) that(ok bool, pointer, detail string) {
	if !ok {
		c.faults = append(c.faults, problem.Fault{Pointer: c.at + pointer, Detail: detail})
	}
}

// only finds fields that have no meaning for the type.
func (c *check) only(d *Declaration, names ...string) {
	for _, f := range []struct {
		name string
		set  bool
	}{{"in", d.In != ""}, {"name", d.Name != ""}, {"prefix", d.Prefix != ""}, {"token_url", d.TokenURL != ""}, {"scopes", d.Scopes != nil},
		{"audience", d.Audience != ""}, {"client", d.Client != ""}, {"region", d.Region != ""}, {"service", d.Service != ""}} {
		c.that(!f.set || slices.Contains(names, f.name), "/"+f.name, "has no meaning for "+string(d.Type))
	}
}

func (d *Declaration) checkKey(c *check) {
	switch d.In {
	case InHeader:
		c.that(token().MatchString(d.Name) && !Reserved(d.Name), "/name", "must be the name of a header field that is the API's own")
		c.that(visible(d.Prefix) && len(d.Prefix) <= maxName, "/prefix", "must be printable ASCII")
		c.only(d, "in", "name", "prefix")
	case InQuery:
		c.that(d.Name != "" && visible(d.Name) && len(d.Name) <= maxName, "/name", "must be the name of a query parameter")
		c.only(d, "in", "name")
	default:
		c.that(false, "/in", "must be header or query")
	}
}

func (d *Declaration) checkClient(c *check) {
	at, err := url.Parse(d.TokenURL)
	c.that(err == nil && at.Scheme == "https" && at.Hostname() != "" && at.User == nil && at.Fragment == "" && len(d.TokenURL) <= maxURL,
		"/token_url", "must be an https URL without credential and fragment")
	c.that(len(d.Scopes) <= maxScopes && !slices.ContainsFunc(d.Scopes, func(s string) bool { return !scopeToken().MatchString(s) }),
		"/scopes", "must be at most 50 scopes (RFC 6749 §3.3)")
	c.that(len(d.Audience) <= maxURL && visible(d.Audience), "/audience", "must be printable ASCII")
	c.that(d.Client == "" || d.Client == "basic" || d.Client == "body", "/client", "must be basic or body")
	c.only(d, "token_url", "scopes", "audience", "client")
}

// Reserved reports whether a header field is the message's or the connection's, and not an API's to choose (RFC 9110 §7.6.1).
func Reserved(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Upgrade",
		"Proxy-Authenticate", "Proxy-Authorization", "Expect", "Content-Type", "Content-Encoding":
		return true
	}
	return false
}

func visible(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
