package world

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"sluice/scripts/sluice/client"
)

// changing is the app whose plan, subscription and key change while it calls; otherPlan is the plan that it moves to and back.
const (
	changing  = "moved"
	otherPlan = "moved-on"
)

// overlap is how long, in seconds, a rotated key still works: longer than anybody here needs to take the new one.
const overlap = 60

// Changes counts what was changed, by kind, and what could not be since the store was away.
type Changes struct {
	Made    map[string]int `json:"made"`
	Refused map[string]int `json:"refused"` // 503: to be tried again
}

// Change changes one thing: in turn the plan in use, the subscription's plan, the contract being served, and the key in use.
// What a store that is away makes impossible is counted as refused; any other refusal is an error.
func (w *World) Change(ctx context.Context, count *Changes) error {
	turns := []struct {
		name string
		do   func(context.Context) error
	}{{"plan", w.changePlan}, {"subscription", w.moveOn}, {"revision", w.putRevision}, {"key", w.rotate}}
	now := turns[w.turn%len(turns)]
	w.turn++
	err := now.do(ctx)
	switch {
	case err == nil:
		count.Made[now.name]++
	case ctx.Err() != nil:
		return nil // the run is over
	case unavailable(err):
		count.Refused[now.name]++
	default:
		return fmt.Errorf("change the %s: %w", now.name, err)
	}
	return nil
}

// unavailable reports whether the management API says, or lets one guess, that the store is away. A write whose answer was
// lost may have been made: then the tag that a repetition by the store's client sends is no longer the right one.
func unavailable(err error) bool {
	var p *client.Problem
	if !errors.As(err, &p) {
		return true // no answer: an instance may have been killed
	}
	return p.Status >= http.StatusInternalServerError || p.Status == http.StatusConflict || p.Status == http.StatusPreconditionFailed
}

// patch reads a resource and changes it.
func (w *World) patch(ctx context.Context, path string, change object) error {
	tag, err := w.client.Call(ctx, http.MethodGet, path, "", nil, nil)
	if err != nil {
		return err
	}
	_, err = w.client.Call(ctx, http.MethodPatch, path, tag, change, nil)
	return err
}

// changePlan gives the plan in use other numbers, none of which is reached.
func (w *World) changePlan(ctx context.Context) error {
	return w.patch(ctx, "/plans/"+changing, object{"quota": perMonth(Huge - 1000 - w.turn%1000),
		"rate": object{"requests": 900_000 + w.turn%1000, "seconds": 1, "burst": 900_000}})
}

// moveOn moves the subscription to the other plan, or back.
func (w *World) moveOn(ctx context.Context) error {
	to := otherPlan
	if w.turn/4%2 == 1 {
		to = changing
	}
	return w.patch(ctx, "/subscriptions/"+w.subs[changing], object{"plan": to})
}

// putRevision publishes another edition of the contract that most lanes call by.
func (w *World) putRevision(ctx context.Context) error {
	for _, api := range []string{"soak", "soak-cache"} {
		tag, err := w.client.Call(ctx, http.MethodGet, contractPath(api), "", nil, nil)
		if err != nil {
			return err
		}
		if _, err := w.client.Call(ctx, http.MethodPut, contractPath(api), tag, contract(api, w.turn), nil); err != nil {
			return err
		}
	}
	return nil
}

// rotate rotates the key in use. If the answer is lost nobody knows the new key, and the old one may end with the overlap:
// then another key is made, until there is one.
func (w *World) rotate(ctx context.Context) error {
	var next key
	_, failed := w.client.Call(ctx, http.MethodPost, "/apps/"+changing+"/keys/"+w.keys[changing].ID+"/rotate", "", object{"overlap_seconds": overlap}, &next)
	for range 20 {
		if next.Key != "" {
			w.keys[changing] = next
			return failed
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := w.client.Call(ctx, http.MethodPost, "/apps/"+changing+"/keys", "", object{}, &next); err != nil && !unavailable(err) {
			return err
		}
	}
	return failed
}
