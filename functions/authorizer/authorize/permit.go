package authorize

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sluice/shared/decision"
	"sluice/shared/policy"
)

// hintMissingScopes is the member of a scope_missing problem that names the scopes, separated by spaces as in RFC 6749 §3.3.
const hintMissingScopes = "missing_scopes"

// permit asks policies/access. Whatever is not a clear yes refuses, an error too.
func (a *Authorizer) permit(ctx context.Context, r *request, who *caller, f *facts, scopes []string) error {
	op := f.match.Operation
	presented := &policy.CredentialFacts{Kind: policy.KindKey} // identify let no revoked or expired one pass
	if who.anonymous() {
		presented = nil
	}
	v, err := a.policy.Decide(ctx, &policy.AccessInput{
		Plane:        r.call.Plane,
		Method:       r.call.Method,
		Path:         r.path,
		Credential:   presented,
		Consumer:     &who.consumer,
		App:          &who.app,
		Scopes:       scopes,
		Subscription: f.grant,
		API:          f.api,
		Version:      f.version,
		Operation:    &policy.Operation{ID: op.ID, Method: op.Method, Template: op.Template, Scopes: op.Scopes},
	})
	if err != nil {
		return fmt.Errorf("ask the access policy: %w", err)
	}
	if v.Allow && len(v.Reasons) == 0 {
		return nil
	}
	code := decision.PolicyRefused
	if len(v.Reasons) > 0 && decision.Refusal(v.Reasons[0]).Known() {
		code = decision.Refusal(v.Reasons[0])
	}
	if code == decision.CredentialMissing && who.anonymous() {
		return who.missing
	}
	d := decision.Denial{Code: code}
	if code == decision.ScopeMissing {
		d.Hints = map[string]string{hintMissingScopes: strings.Join(missing(op.Scopes, scopes), " ")}
	}
	return &refusal{d}
}

// missing gives the scopes that the caller lacks of the alternative that it is closest to.
func missing(alternatives [][]string, has []string) []string {
	var least []string
	for _, needs := range alternatives {
		lacks := slices.DeleteFunc(slices.Clone(needs), func(s string) bool { return slices.Contains(has, s) })
		if least == nil || len(lacks) < len(least) {
			least = lacks
		}
	}
	return least
}
