package issue

import (
	"context"
	"fmt"
	"net/http"

	"sluice/shared/catalog"
	"sluice/shared/credential"
	"sluice/shared/policy"
	"sluice/shared/problem"
	"sluice/shared/resource"
	"sluice/shared/resource/shape"
)

func adminKeyModel() shape.Model {
	return shape.Model{Name: "AdminKey", Summary: "A credential for the Management API, without its secret.", Detail: func() (map[string]any, []shape.Field) {
		return map[string]any{"id": "0b9f6c1e-8d3a-4c52-9a57-3f1d2e4b5a60", "name": "Sales pipeline", "role": "team-member", "team": "sales",
				"prefix": "sla_7Kd02mPq", "created": "2026-11-23T19:00:00Z", "updated": "2026-11-23T19:00:00Z"},
			[]shape.Field{
				{Name: "id", Access: shape.Given, Always: true, Schema: shape.Matching("Chosen by the platform.", `^[0-9a-z-]{1,64}$`)},
				{Name: "name", Access: shape.Fixed, Needed: true, Schema: shape.Words("Who uses it, or what for.", 200)},
				{Name: "role", Access: shape.Fixed, Needed: true, Schema: shape.OneOf("What it may do: everything; everything about the APIs of its team; read everything.",
					catalog.RolePlatformAdmin, catalog.RoleTeamMember, catalog.RoleAuditor)},
				{Name: "team", Access: shape.Fixed, Schema: shape.Matching("The team of a `team-member`, and of no other.", catalog.SlugPattern)},
				{Name: "prefix", Access: shape.Given, Always: true, Schema: shape.Text("How the secret begins, to recognise it by.", 0)},
				{Name: "expires", Access: shape.Fixed, Schema: shape.Time("From when on it is refused; never if not given.")},
				{Name: "revoked", Access: shape.Given, Schema: shape.Time("When it was revoked.")},
				{Name: "created", Access: shape.Given, Always: true, Schema: shape.Time("When it was issued.")},
				{Name: "updated", Access: shape.Given, Always: true, Schema: shape.Time("When it was last changed.")},
			}
	}}
}

func (k *issuer) adminKeys() resource.Collection[catalog.AdminKey, *catalog.AdminKey] {
	return resource.Collection[catalog.AdminKey, *catalog.AdminKey]{
		Model: adminKeyModel(), Kind: catalog.KindAdminKey, Noun: "admin-key", Path: base + "/admin-keys/{key}", Store: k.AdminKeys,
		Identify: func(call *resource.Call) catalog.Ref {
			return catalog.Ref{Kind: catalog.KindAdminKey, ID: call.Path["key"]}
		},
		Location: func(v catalog.AdminKey) string { return base + resource.ItemPath("admin-keys", string(v.ID)) },
		Keep: func(call *resource.Call, v catalog.AdminKey) error {
			if string(v.ID) == call.Actor.ID {
				return problem.New(problem.Conflict, "a key cannot delete itself: use another, so that one that works remains")
			}
			return nil
		},
	}
}

func (k *issuer) issueAdminKey() resource.Operation {
	return resource.Operation{ID: "issueAdminKey", Method: http.MethodPost, Path: base + "/admin-keys", Tag: "AdminKey", Summary: "Issue an admin key",
		Description: "The answer is the only place where the secret is ever seen.",
		Body:        &resource.Body{Name: "NewAdminKey", Schema: adminKeyModel().Creation}, Status: []int{http.StatusCreated},
		Answer: issued(adminKeyModel(), "IssuedAdminKey", "sla_"), Conditional: resource.Tagged, Handle: k.handleIssueAdminKey}
}

// shownAdmin is an admin key with its secret, if it is shown.
type shownAdmin struct {
	catalog.AdminKey
	Secret string `json:"key,omitempty"`
}

func (k *issuer) handleIssueAdminKey(ctx context.Context, call *resource.Call) (*resource.Reply, error) {
	var key catalog.AdminKey
	if err := call.Decode(&key); err != nil {
		return nil, err
	}
	w := call.Write("admin-key.issue")
	expires, err := expiry(key.Expires, w.At)
	if err != nil {
		return nil, err
	}
	key.ID, key.Expires = catalog.KeyID(k.NewID()), expires
	key.Meta = catalog.Meta{Created: w.At, Updated: w.At, Rev: 1}
	if err := call.Permit(ctx, policy.Issue, key.Ref(), key.Team); err != nil {
		return nil, err
	}
	if err := k.judgeAdminKey(ctx, &key); err != nil {
		return nil, err
	}
	secret, err := k.mint(credential.AdminPrefix)
	if err != nil {
		return nil, err
	}
	key.Prefix, key.Hash = secret.Prefix(), secret.Hash()
	if err := call.Remember(k.replyAdmin(key, credential.Secret{})); err != nil {
		return nil, err
	}
	if err := k.AdminKeys.Create(ctx, w, &key); err != nil {
		return nil, fmt.Errorf("store admin key: %w", err)
	}
	reply := k.replyAdmin(key, secret)
	return &reply, nil
}

func (k *issuer) judgeAdminKey(ctx context.Context, key *catalog.AdminKey) error {
	if err := key.Validate(); err != nil {
		return err
	}
	if key.Team == "" {
		return nil
	}
	_, err := k.Teams.Get(ctx, catalog.Ref{Kind: catalog.KindTeam, ID: string(key.Team)})
	if problem.Is(err, problem.NotFound) {
		return fault("/team", "there is no such team")
	}
	return err
}

func (k *issuer) replyAdmin(key catalog.AdminKey, secret credential.Secret) resource.Reply {
	return resource.Reply{Status: http.StatusCreated, ETag: resource.ETag(key.Rev), Location: k.adminKeys().Location(key), Body: shownAdmin{key, secret.Reveal()}}
}
