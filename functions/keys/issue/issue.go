// Package issue gives out credentials, lists them, rotates and revokes them: API keys of apps, and admin keys for the
// Management API.
//
// A secret is in the answer to the POST that made it and nowhere else, ever: the store keeps its hash, and the memory of
// an Idempotency-Key, the audit trail and the log know its first characters at most (promise 7).
package issue

import (
	"context"
	"io"
	"net/http"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/credential"
	"sluice/shared/problem"
	"sluice/shared/resource"
	"sluice/shared/resource/shape"
)

// base precedes every path of the Management API.
const base = "/admin/v1"

// maxLife bounds how far ahead a credential may expire: further is a typing error.
const maxLife = 10 * 366 * 24 * time.Hour

// Deps is what issuing needs of its surroundings.
type Deps struct {
	Shared    resource.Deps
	Apps      resource.Reader[catalog.App]
	Teams     resource.Reader[catalog.Team]
	Keys      resource.Store[catalog.Key]
	AdminKeys resource.Store[catalog.AdminKey]
	NewID     func() string // a new UUID
	Random    io.Reader     // of secrets: crypto/rand, but for tests
}

// New makes the handler; gatewayevent.Handler puts it behind a Lambda function.
func New(d Deps) http.Handler {
	api := resource.New(d.Shared)
	api.Add(Operations(d)...)
	return api
}

// Operations describes every operation of this function, for New and for the published document.
func Operations(d Deps) []resource.Operation {
	k := &issuer{d}
	keys, admins := k.keys(), k.adminKeys()
	return []resource.Operation{k.issueKey(), keys.Listing(), keys.Reading(), keys.Deleting(), k.rotateKey(),
		k.issueAdminKey(), admins.Listing(), admins.Reading(), admins.Deleting()}
}

// Tags are the groups that the document sorts these operations into.
func Tags() []shape.Tag {
	return []shape.Tag{{Name: "Key", Description: keyModel().Summary}, {Name: "AdminKey", Description: adminKeyModel().Summary}}
}

// issuer holds what the operations work on.
type issuer struct{ Deps }

// expiry reads when a credential is to expire; nil is never.
func expiry(at *time.Time, now time.Time) (*time.Time, error) {
	if at == nil {
		return nil, nil
	}
	if life := at.Sub(now); life <= 0 || life > maxLife {
		return nil, fault("/expires", "must lie ahead, by ten years at most")
	}
	utc := at.UTC()
	return &utc, nil
}

// mint makes a secret; a source of randomness that fails is our fault.
func (k *issuer) mint(prefix credential.Prefix) (credential.Secret, error) {
	return credential.Mint(k.Random, prefix)
}

func fault(pointer, detail string) error {
	return &problem.Error{Kind: problem.Unprocessable, Detail: "the request cannot be carried out as it is",
		Faults: []problem.Fault{{Pointer: pointer, Detail: detail}}}
}

// app reads the app that the path names.
func (k *issuer) app(ctx context.Context, call *resource.Call) (catalog.App, error) {
	return k.Apps.Get(ctx, catalog.Ref{Kind: catalog.KindApp, ID: call.Path["app"]})
}
