package dynamo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/dynamo/internal/feed"
	"sluice/shared/dynamo/internal/items"
)

// maxAlerts bounds what Alerts gives; a year of days with three alerts each.
const maxAlerts = 1000

// PutAlert keeps an alert until expires, unless it is kept already; first says that this call was the one that kept it.
//
// Access: one conditional PutItem, 1 WCU. A call whose answer was lost is recognised by the id that it leaves in the item.
func (t *Table) PutAlert(ctx context.Context, a catalog.LimitAlert, expires time.Time) (first bool, err error) {
	if a.Percent < 0 || a.Percent > 999 || strings.Contains(a.Period, "#") {
		return false, fmt.Errorf("put alert: %d %% of period %q", a.Percent, a.Period)
	}
	a.At = feed.UTC(a.At)
	doc, err := items.Document(a)
	if err != nil {
		return false, err
	}
	mark := t.nextOp()
	put := items.Put(alertKey(a), items.Item{attrDoc: doc, attrMark: items.Text(mark), items.Expires: items.Number(expires.Unix())},
		items.IfAbsent+" OR expires_at <= :now")
	put.Values = items.Item{":now": items.Number(t.items.Now().Unix())}
	old, refused, err := t.items.Apply(ctx, "put alert", put)
	return err == nil && (!refused || old.Text(attrMark) == mark), err
}

// Alerts reads the alerts of a counter, newest period first, and in a period the highest percentage of each limit first; at
// most 1,000.
//
// Access: one Query, strongly consistent, 1 RCU per 4 KB, about 20 alerts.
func (t *Table) Alerts(ctx context.Context, counter string) ([]catalog.LimitAlert, error) {
	found, _, err := t.items.Query(ctx, "alerts", items.Scope{Span: alertsOf(counter), Newest: true, Limit: maxAlerts})
	if err != nil {
		return nil, err
	}
	alerts := make([]catalog.LimitAlert, 0, len(found))
	for _, i := range found {
		if i.Expired(t.items.Now()) {
			continue
		}
		var a catalog.LimitAlert
		if err := i.Decode(attrDoc, &a); err != nil {
			return nil, err
		}
		alerts = append(alerts, a)
	}
	return alerts, nil
}
