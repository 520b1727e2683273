package catalog

// How each resource is kept: its name, what it hangs on, and what instances must forget when it changes.

// Ref names the team.
func (t *Team) Ref() Ref { return Ref{KindTeam, string(t.ID)} }

// Edges is empty: a team hangs on nothing.
func (t *Team) Edges() []Edge { return nil }

// Touches is the team itself.
func (t *Team) Touches() []Ref { return []Ref{t.Ref()} }

// Ref names the API.
func (a *API) Ref() Ref { return Ref{KindAPI, string(a.ID)} }

// Edges hangs the API on its team.
func (a *API) Edges() []Edge {
	return []Edge{{Ref{KindTeam, string(a.Team)}, string(a.ID)}}
}

// Touches is the API itself.
func (a *API) Touches() []Ref { return []Ref{a.Ref()} }

// VersionRef names a version of an API.
func VersionRef(api APIID, v VersionID) Ref { return Ref{KindVersion, string(api) + "/" + string(v)} }

// Ref names the version.
func (v *Version) Ref() Ref { return VersionRef(v.API, v.Version) }

// Edges hangs the version on its API.
func (v *Version) Edges() []Edge {
	return []Edge{{Ref{KindAPI, string(v.API)}, string(v.Version)}}
}

// Touches is the version itself.
func (v *Version) Touches() []Ref { return []Ref{v.Ref()} }

// Ref names the plan.
func (p *Plan) Ref() Ref { return Ref{KindPlan, string(p.ID)} }

// Edges is empty: a plan hangs on nothing.
func (p *Plan) Edges() []Edge { return nil }

// Touches is the plan itself.
func (p *Plan) Touches() []Ref { return []Ref{p.Ref()} }

// Ref names the consumer.
func (c *Consumer) Ref() Ref { return Ref{KindConsumer, string(c.ID)} }

// Edges is empty: a consumer hangs on nothing.
func (c *Consumer) Edges() []Edge { return nil }

// Touches is the consumer itself.
func (c *Consumer) Touches() []Ref { return []Ref{c.Ref()} }

// Ref names the app.
func (a *App) Ref() Ref { return Ref{KindApp, string(a.ID)} }

// Edges hangs the app on its consumer.
func (a *App) Edges() []Edge {
	return []Edge{{Ref{KindConsumer, string(a.Consumer)}, string(a.ID)}}
}

// Touches is the app itself.
func (a *App) Touches() []Ref { return []Ref{a.Ref()} }

// GrantRef names what an app may do with an API.
func GrantRef(app AppID, api APIID) Ref { return Ref{KindGrant, string(app) + "/" + string(api)} }

// Ref names the subscription.
func (s *Subscription) Ref() Ref { return Ref{KindSubscription, string(s.ID)} }

// Edges hangs the subscription on its app (one per API), its API (one per app) and its plan.
func (s *Subscription) Edges() []Edge {
	return []Edge{
		{Ref{KindApp, string(s.App)}, string(s.API)},
		{Ref{KindAPI, string(s.API)}, string(s.App)},
		{Ref{KindPlan, string(s.Plan)}, string(s.ID)},
	}
}

// Touches is the grant of the app on the API: the data plane looks it up by these two, never by the subscription's id.
func (s *Subscription) Touches() []Ref { return []Ref{s.Ref(), GrantRef(s.App, s.API)} }

// KeyRef names a key of an app.
func KeyRef(app AppID, k KeyID) Ref { return Ref{KindKey, string(app) + "/" + string(k)} }

// CredentialRef names what a secret's hash leads to.
func CredentialRef(hash string) Ref { return Ref{KindCredential, hash} }

// Ref names the key.
func (k *Key) Ref() Ref { return KeyRef(k.App, k.ID) }

// Edges hangs the key on its app.
func (k *Key) Edges() []Edge { return []Edge{{Ref{KindApp, string(k.App)}, string(k.ID)}} }

// Touches is the credential: the data plane looks it up by the hash.
func (k *Key) Touches() []Ref { return []Ref{k.Ref(), CredentialRef(k.Hash)} }

// Credential is what the key's hash leads to.
func (k *Key) Credential() (hash string, c Credential) {
	return k.Hash, Credential{Key: k.ID, App: k.App, Expires: k.Expires, Revoked: k.Revoked}
}

// Ref names the admin key.
func (k *AdminKey) Ref() Ref { return Ref{KindAdminKey, string(k.ID)} }

// Edges hangs the key of a team's member on the team.
func (k *AdminKey) Edges() []Edge {
	if k.Team == "" {
		return nil
	}
	return []Edge{{Ref{KindTeam, string(k.Team)}, string(k.ID)}}
}

// Touches is the credential: the authorizer looks it up by the hash.
func (k *AdminKey) Touches() []Ref { return []Ref{k.Ref(), CredentialRef(k.Hash)} }

// Credential is what the admin key's hash leads to.
func (k *AdminKey) Credential() (hash string, c Credential) {
	who := Actor{ID: string(k.ID), Name: k.Name, Role: k.Role, Team: k.Team}
	return k.Hash, Credential{Key: k.ID, Admin: &who, Expires: k.Expires, Revoked: k.Revoked}
}
