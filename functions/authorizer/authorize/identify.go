package authorize

import (
	"context"
	"fmt"

	"sluice/shared/catalog"
	"sluice/shared/credential"
	"sluice/shared/decision"
	"sluice/shared/problem"
)

// caller is who calls the gateway.
type caller struct {
	key      catalog.KeyID
	app      catalog.App
	consumer catalog.Consumer
	network  string // decision.Network of a caller without a credential; "" of one that has one
	missing  error  // what a caller without a credential is told where it needs one
}

// anonymous reports whether the caller sent no credential at all.
func (c *caller) anonymous() bool { return c.missing != nil }

// named is the caller as far as the credential tells.
func (c *caller) named() decision.Caller {
	if c.anonymous() {
		return decision.Caller{}
	}
	return decision.Caller{Consumer: c.consumer.ID, App: c.app.ID, Key: c.key}
}

// Where a credential that we know of and one that we do not must answer alike, they share a text.
const unknownKey = "this key is not known, or not valid any more"

// identify finds out who calls: an app, by its key, or nobody we know.
func (a *Authorizer) identify(ctx context.Context, r *request) (*caller, error) {
	c, err := a.credential(ctx, r, credential.KeyPrefix)
	if err != nil {
		return stranger(r, err)
	}
	if c.App == "" || c.Admin != nil {
		return nil, refuse(decision.CredentialInvalid, unknownKey)
	}
	who := &caller{key: c.Key}
	if who.app, err = a.view.App(ctx, c.App); err != nil {
		return nil, orphan(err, "find app")
	}
	if who.consumer, err = a.view.Consumer(ctx, who.app.Consumer); err != nil {
		return nil, orphan(err, "find consumer")
	}
	return who, nil
}

// stranger is a caller without a credential. Some APIs are open to that, if we know where it calls from: what it may do is
// limited by that. Any other error stands: a credential that was sent is never passed over, and a header field for one that
// came empty is a client's mistake that it should learn of.
func stranger(r *request, err error) (*caller, error) {
	if r.key.sent || r.authorization.sent || denial(err).Code != decision.CredentialMissing {
		return nil, err
	}
	network, ok := decision.Network(r.source)
	if !ok {
		return nil, err
	}
	return &caller{network: network, missing: err,
		app:      catalog.App{ID: catalog.Anonymous, Consumer: catalog.Anonymous},
		consumer: catalog.Consumer{ID: catalog.Anonymous, Kind: catalog.Public}}, nil
}

// orphan tells a key whose app or consumer is gone apart from a store that does not answer.
func orphan(err error, action string) error {
	if problem.Is(err, problem.NotFound) {
		return refuse(decision.CredentialInvalid, unknownKey)
	}
	return fmt.Errorf("%s: %w", action, err)
}

// identifyAdmin finds out who calls the management plane.
func (a *Authorizer) identifyAdmin(ctx context.Context, r *request) (*catalog.Actor, error) {
	c, err := a.credential(ctx, r, credential.AdminPrefix)
	if err != nil {
		return nil, err
	}
	if c.Admin == nil || c.App != "" || c.Admin.Role == "" {
		return nil, refuse(decision.CredentialInvalid, unknownKey)
	}
	return c.Admin, nil
}

// credential finds the one credential that the request carries, and sees that it may be used.
func (a *Authorizer) credential(ctx context.Context, r *request, want credential.Prefix) (catalog.Credential, error) {
	blocked := a.floods.blocked(r.source, r.at)
	presented, err := present(r, want)
	if err != nil {
		return catalog.Credential{}, outright(blocked, err)
	}
	hash := presented.Secret.Hash()
	if blocked && !a.view.KnowsCredential(hash) {
		return catalog.Credential{}, errFlood
	}
	if err := a.view.Fresh(ctx); err != nil {
		return catalog.Credential{}, fmt.Errorf("refresh the configuration: %w", err)
	}
	c, err := a.view.Credential(ctx, hash)
	if problem.Is(err, problem.NotFound) {
		return catalog.Credential{}, outright(blocked, refuse(decision.CredentialInvalid, unknownKey))
	}
	if err != nil {
		return catalog.Credential{}, fmt.Errorf("find key: %w", err)
	}
	switch credential.Judge(c, r.at) {
	case credential.Usable:
		return c, nil
	case credential.Expired:
		return catalog.Credential{}, refuse(decision.CredentialExpired, "")
	case credential.Revoked, credential.Unknown:
	}
	return catalog.Credential{}, outright(blocked, refuse(decision.CredentialInvalid, unknownKey))
}

// present reads the one credential out of the headers, and wants it to be of the plane's sort.
func present(r *request, want credential.Prefix) (credential.Presented, error) {
	p, err := credential.FromHeaders(r.header)
	if err != nil {
		return p, err
	}
	if p.Prefix == want {
		return p, nil
	}
	if want == credential.AdminPrefix {
		return p, refuse(decision.CredentialInvalid, "the Management API takes an admin's key: authorization: Bearer sla_…")
	}
	return p, refuse(decision.CredentialInvalid, "the gateway takes an app's key, which starts with slk_, in the x-api-key header")
}

// outright turns a refusal of a bad credential into a flat denial while its address is blocked.
func outright(blocked bool, err error) error {
	if blocked && bad(denial(err).Code) {
		return errFlood
	}
	return err
}
