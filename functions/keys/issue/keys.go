package issue

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/credential"
	"sluice/shared/policy"
	"sluice/shared/problem"
	"sluice/shared/resource"
	"sluice/shared/resource/shape"
)

// The overlap of a rotation, in seconds.
const (
	defaultOverlap = 86_400
	maxOverlap     = 604_800
)

func keyModel() shape.Model {
	return shape.Model{Name: "Key", Summary: "An API key of an app, without its secret.", Detail: func() (map[string]any, []shape.Field) {
		return map[string]any{"id": "0b9f6c1e-8d3a-4c52-9a57-3f1d2e4b5a60", "app": "acme-shop", "prefix": "slk_2f8Xq1Lz",
				"expires": "2030-01-01T00:00:00Z", "created": "2026-11-23T19:00:00Z", "updated": "2026-11-23T19:00:00Z"},
			[]shape.Field{
				{Name: "id", Access: shape.Given, Always: true, Schema: shape.Matching("Chosen by the platform.", shape.UUID)},
				{Name: "app", Access: shape.Given, Always: true, Schema: shape.Matching("Whose key it is.", catalog.SlugPattern)},
				{Name: "prefix", Access: shape.Given, Always: true, Schema: shape.Text("How the secret begins, to recognise it by.", 0)},
				{Name: "expires", Schema: shape.Time("From when on it is refused; never if not given.")},
				{Name: "revoked", Access: shape.Given, Schema: shape.Time("When it was revoked.")},
				{Name: "created", Access: shape.Given, Always: true, Schema: shape.Time("When it was issued.")},
				{Name: "updated", Access: shape.Given, Always: true, Schema: shape.Time("When it was last changed.")},
			}
	}}
}

// issued describes the answer to a POST: the resource, and the secret.
func issued(m shape.Model, name, prefix string) *resource.Answer {
	return &resource.Answer{Name: name, Schema: func() *shape.Schema {
		view := m.View()
		view.Description = "A new key with its secret. This is the only time that the secret is seen: a repeated request is answered without it."
		view.Properties["key"] = shape.Matching("The secret.", "^"+prefix)
		return view
	}}
}

func (k *issuer) keys() resource.Collection[catalog.Key, *catalog.Key] {
	return resource.Collection[catalog.Key, *catalog.Key]{
		Model: keyModel(), Kind: catalog.KindKey, Noun: "key", Path: base + "/apps/{app}/keys/{key}", Store: k.Keys,
		Identify: keyRef,
		Location: func(v catalog.Key) string {
			return base + resource.ItemPath("apps", string(v.App), "keys", string(v.ID))
		},
		Select: func(ctx context.Context, call *resource.Call, q *catalog.Query) error {
			app, err := k.app(ctx, call)
			q.Parent = &catalog.Ref{Kind: catalog.KindApp, ID: string(app.ID)}
			return err
		},
	}
}

func keyRef(call *resource.Call) catalog.Ref {
	return catalog.KeyRef(catalog.AppID(call.Path["app"]), catalog.KeyID(call.Path["key"]))
}

func (k *issuer) issueKey() resource.Operation {
	return resource.Operation{ID: "issueKey", Method: http.MethodPost, Path: base + "/apps/{app}/keys", Tag: "Key", Summary: "Issue an API key",
		Description: "The answer is the only place where the secret is ever seen.",
		Body:        &resource.Body{Name: "NewKey", Schema: keyModel().Creation, Optional: true}, Status: []int{http.StatusCreated},
		Answer: issued(keyModel(), "IssuedKey", "slk_"), Conditional: resource.Tagged, Handle: k.handleIssueKey}
}

// shown is a key with its secret, if it is shown.
type shown struct {
	catalog.Key
	Secret string `json:"key,omitempty"`
}

func (k *issuer) handleIssueKey(ctx context.Context, call *resource.Call) (*resource.Reply, error) {
	app, err := k.app(ctx, call)
	if err != nil {
		return nil, fmt.Errorf("find app: %w", err)
	}
	var wanted struct{ Expires *time.Time }
	if err := call.Decode(&wanted); err != nil {
		return nil, err
	}
	w := call.Write("key.issue")
	expires, err := expiry(wanted.Expires, w.At)
	if err != nil {
		return nil, err
	}
	key, secret, err := k.newKey(ctx, call, app.ID, expires, w.At)
	if err != nil {
		return nil, err
	}
	if err := call.Remember(k.reply(key, credential.Secret{})); err != nil {
		return nil, err
	}
	if err := k.Keys.Create(ctx, w, &key); err != nil {
		return nil, fmt.Errorf("store key: %w", err)
	}
	reply := k.reply(key, secret)
	return &reply, nil
}

// newKey makes a key that is not stored yet, if the sender may.
func (k *issuer) newKey(ctx context.Context, call *resource.Call, app catalog.AppID, expires *time.Time, at time.Time) (catalog.Key, credential.Secret, error) {
	key := catalog.Key{ID: catalog.KeyID(k.NewID()), App: app, Expires: expires}
	if err := call.Permit(ctx, policy.Issue, key.Ref(), ""); err != nil {
		return key, credential.Secret{}, err
	}
	secret, err := k.mint(credential.KeyPrefix)
	if err != nil {
		return key, secret, err
	}
	key.Prefix, key.Hash = secret.Prefix(), secret.Hash()
	key.Meta = catalog.Meta{Created: at, Updated: at, Rev: 1}
	return key, secret, nil
}

// reply answers with a new key; without a secret it is what an Idempotency-Key remembers.
func (k *issuer) reply(key catalog.Key, secret credential.Secret) resource.Reply {
	return resource.Reply{Status: http.StatusCreated, ETag: resource.ETag(key.Rev), Location: k.keys().Location(key), Body: shown{key, secret.Reveal()}}
}

func rotationModel() shape.Model {
	return shape.Model{Name: "Rotation", Summary: "How a key is replaced.", Detail: func() (map[string]any, []shape.Field) {
		return map[string]any{"overlap_seconds": 3600},
			[]shape.Field{
				{Name: "overlap_seconds", Schema: shape.Whole("How long the old key still works, if it does not expire before; a day if not given.", 0, maxOverlap)},
				{Name: "expires", Schema: shape.Time("When the new key expires; when the old one would have if not given.")},
			}
	}}
}

func (k *issuer) rotateKey() resource.Operation {
	return resource.Operation{ID: "rotateKey", Method: http.MethodPost, Path: base + "/apps/{app}/keys/{key}/rotate", Tag: "Key", Summary: "Rotate an API key",
		Description: "Answers a new key; both work during the overlap, then the old one expires. The new key expires when the old one would have.",
		Body:        &resource.Body{Name: "Rotation", Schema: rotationModel().Creation, Optional: true}, Status: []int{http.StatusCreated},
		Answer: issued(keyModel(), "IssuedKey", "slk_"), Conditional: resource.Tagged, Handle: k.handleRotate}
}

// handleRotate first stores the new key, then ends the old one: whatever fails in between, no caller is left without a key
// that works. The memory of an Idempotency-Key lands with the second step, so that a rotation that was cut short is done
// anew; the new key of the first try, which nobody has seen, is taken back.
func (k *issuer) handleRotate(ctx context.Context, call *resource.Call) (*resource.Reply, error) {
	wanted := struct {
		Overlap int `json:"overlap_seconds"`
		Expires *time.Time
	}{Overlap: defaultOverlap}
	if err := call.Decode(&wanted); err != nil {
		return nil, err
	}
	old, err := k.Keys.Get(ctx, keyRef(call))
	if err != nil {
		return nil, fmt.Errorf("find key: %w", err)
	}
	w := call.Write("key.rotate")
	key, secret, err := k.successor(ctx, call, old, wanted.Expires, w.At)
	if err != nil {
		return nil, err
	}
	if err := call.Remember(k.reply(key, credential.Secret{})); err != nil {
		return nil, err
	}
	first := w
	first.Replay = nil
	if err := k.Keys.Create(ctx, first, &key); err != nil {
		return nil, fmt.Errorf("store key: %w", err)
	}
	if err := k.retire(ctx, w, old, time.Duration(wanted.Overlap)*time.Second); err != nil {
		k.takeBack(ctx, call, key)
		return nil, fmt.Errorf("end old key: %w", err)
	}
	reply := k.reply(key, secret)
	return &reply, nil
}

// successor makes the key that replaces the old one.
func (k *issuer) successor(ctx context.Context, call *resource.Call, old catalog.Key, wanted *time.Time, now time.Time) (catalog.Key, credential.Secret, error) {
	if _, c := old.Credential(); credential.Judge(c, now) != credential.Usable {
		return catalog.Key{}, credential.Secret{}, problem.New(problem.Conflict, "the key does not work any more; issue a new one")
	}
	expires := old.Expires
	if wanted != nil {
		var err error
		if expires, err = expiry(wanted, now); err != nil {
			return catalog.Key{}, credential.Secret{}, err
		}
	}
	return k.newKey(ctx, call, old.App, expires, now)
}

// retire lets the old key expire after the overlap, or when it would have anyway.
func (k *issuer) retire(ctx context.Context, w catalog.Write, old catalog.Key, overlap time.Duration) error {
	after := old
	end := w.At.Add(overlap)
	if old.Expires == nil || end.Before(*old.Expires) {
		after.Expires = &end
	}
	return k.Keys.Replace(ctx, w, old, &after)
}

// takeBack removes a key that nobody has seen. If that fails it stays in the list, useless: its secret is lost.
func (k *issuer) takeBack(ctx context.Context, call *resource.Call, key catalog.Key) {
	w := call.Write("key.delete")
	w.Replay = nil
	if err := k.Keys.Delete(context.WithoutCancel(ctx), w, &key); err != nil {
		k.Shared.Log.WarnContext(ctx, "a key that nobody has seen stays", "request_id", call.RequestID, "app", key.App, "key", key.ID, "error", err)
	}
}
