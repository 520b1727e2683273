package replica

import (
	"context"
	"strings"

	"sluice/shared/catalog"
	"sluice/shared/problem"
)

// maxRefresh is how many things one check reads again, one after the other: a few at most change in a second, and callers
// wait. What is beyond is loaded when it is asked for.
const maxRefresh = 16

// place is where one thing is remembered, whatever its kind.
type place interface {
	// supersede says that what is remembered was read before a change was seen, and spoils a load that is under way.
	supersede()
	// expire says that what is remembered may have been read before a change could be seen, and spoils likewise.
	expire()
	// refresh reads again what is superseded, or due and in use. wanted is false if there is no such thing.
	refresh(ctx context.Context) (wanted bool, err error)
}

// spot is a place in one cache.
type spot[K comparable, V any] struct {
	c *cache[K, V]
	k K
}

func (s spot[K, V]) supersede() { s.c.mark(s.k, superseded) }
func (s spot[K, V]) expire()    { s.c.mark(s.k, due) }

func (s spot[K, V]) refresh(ctx context.Context) (wanted bool, err error) {
	old := s.c.glance(s.k)
	if old == nil || old.standing() == current || old.standing() == due && !old.used.Load() {
		return false, nil
	}
	began := s.c.now()
	value, err := s.c.load(ctx, s.k)
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.c.keep(s.k, began, value, err)
	return true, err
}

// place gives where what an entry of the feed names is remembered. Kinds that no getter serves have none, nor has a kind
// that a newer release writes: nothing of it is in here.
func (v *View) place(r catalog.Ref) place {
	switch first, second, _ := strings.Cut(r.ID, "/"); r.Kind {
	case catalog.KindCredential:
		return spot[string, catalog.Credential]{v.kept.credentials, r.ID}
	case catalog.KindApp:
		return spot[catalog.AppID, catalog.App]{v.kept.apps, catalog.AppID(r.ID)}
	case catalog.KindConsumer:
		return spot[catalog.ConsumerID, catalog.Consumer]{v.kept.consumers, catalog.ConsumerID(r.ID)}
	case catalog.KindGrant:
		return spot[grantKey, catalog.Subscription]{v.kept.grants, grantKey{catalog.AppID(first), catalog.APIID(second)}}
	case catalog.KindPlan:
		return spot[catalog.PlanID, catalog.Plan]{v.kept.plans, catalog.PlanID(r.ID)}
	case catalog.KindAPI:
		return spot[catalog.APIID, catalog.API]{v.kept.apis, catalog.APIID(r.ID)}
	case catalog.KindVersion:
		return spot[versionKey, catalog.Version]{v.kept.versions, versionKey{catalog.APIID(first), catalog.VersionID(second)}}
	case catalog.KindTeam, catalog.KindSubscription, catalog.KindKey, catalog.KindAdminKey:
	}
	return nil
}

// refresh reads again what recent changes name, the newest first, as far as it is known and in use. What cannot be had is
// left as it is: whoever needs it asks for it, and is told.
func (v *View) refresh(ctx context.Context) {
	reads := 0
	for n := len(v.unsettled) - 1; n >= 0; n-- {
		for _, r := range v.unsettled[n].touches {
			p := v.place(r)
			if p == nil {
				continue
			}
			wanted, err := p.refresh(ctx)
			if wanted {
				reads++
			}
			if reads == maxRefresh || ctx.Err() != nil || problem.Is(err, problem.Unavailable) {
				return
			}
		}
	}
}
