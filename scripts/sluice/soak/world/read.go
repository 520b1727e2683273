package world

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// Counted is what the platform has counted of an app.
type Counted struct {
	Calls  int64 `json:"calls"`  // in the usage totals
	Used   int64 `json:"used"`   // units of the quota; 0 for callers without a credential, of whom /limits does not tell
	Leased int64 `json:"leased"` // of these, on lease or lost with an instance
}

// Read asks the platform what it has counted: by lane, and units over all consumers of the API soak. Callers without a
// credential are one app, and come under Anonymous.
func (w *World) Read(ctx context.Context) (by map[string]Counted, all Counted, err error) {
	by = map[string]Counted{}
	for _, api := range apis(1) {
		if err := w.readUsage(ctx, api.id, by); err != nil {
			return nil, all, err
		}
	}
	for _, l := range w.lanes {
		if l.Plan == nil {
			continue
		}
		own, shared, err := w.readLimits(ctx, url.Values{"api": {l.API}, "app": {l.Name}})
		if err != nil {
			return nil, all, err
		}
		c := by[l.Name]
		c.Used, c.Leased = own.Used, own.Leased
		by[l.Name] = c
		if l.API == "soak" {
			all.Used, all.Leased, all.Calls = shared.Used, shared.Leased, all.Calls+c.Calls
		}
	}
	return by, all, nil
}

func (w *World) readUsage(ctx context.Context, api string, by map[string]Counted) error {
	var used struct {
		Points []struct {
			Group string
			Calls int64
		}
	}
	if _, err := w.client.Call(ctx, http.MethodGet, "/usage?api="+api+"&step=hour&group_by=app", "", nil, &used); err != nil {
		return fmt.Errorf("read usage: %w", err)
	}
	for _, p := range used.Points {
		c := by[p.Group]
		c.Calls += p.Calls
		by[p.Group] = c
	}
	return nil
}

// readLimits reads the quotas of an app's calls to an API: its own, and that over all consumers.
func (w *World) readLimits(ctx context.Context, query url.Values) (own, shared Counted, err error) {
	var limits struct {
		Items []struct {
			Kind, App    string
			Used, Leased int64
		}
	}
	if _, err := w.client.Call(ctx, http.MethodGet, "/limits?"+query.Encode(), "", nil, &limits); err != nil {
		return own, shared, fmt.Errorf("read limits: %w", err)
	}
	for _, l := range limits.Items {
		switch {
		case l.Kind != "quota":
		case l.App == "":
			shared = Counted{Used: l.Used, Leased: l.Leased}
		default:
			own = Counted{Used: l.Used, Leased: l.Leased}
		}
	}
	return own, shared, nil
}
