package forward

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/limit"
)

// Alerts keeps what consumers and owners should learn of a quota; dynamo.Table does. first says that nobody has before.
type Alerts interface {
	PutAlert(ctx context.Context, a catalog.LimitAlert, expires time.Time) (first bool, err error)
}

// alertsFor is how long an alert is kept: a month's period and some time to look at it.
const alertsFor = 62 * 24 * time.Hour

// Flush stores everything that was counted. What could not be stored stays, and goes along with the next flush.
func (p *Proxy) Flush(ctx context.Context) error { return p.tally.flush(ctx) }

// Close stores everything that was counted and gives back what is leased, as far as the context lasts.
func (p *Proxy) Close(ctx context.Context) error {
	var wg sync.WaitGroup
	var faults [4]error
	wg.Go(func() { faults[0] = p.limits.Close(ctx) })
	wg.Go(func() { faults[1] = p.upstreams.Close(ctx) })
	wg.Go(func() { faults[2] = p.replays.Settle(ctx) })
	faults[3] = p.tally.flush(ctx)
	wg.Wait()
	return errors.Join(faults[:]...)
}

// AfterResponse does what can wait until an answer has gone out, and must be done before the instance may be frozen: it waits
// for writes of limits that are under way, gives back what is idle, keeps alerts, and flushes usage if that is due. Call it
// after each answer, or now and then.
func (p *Proxy) AfterResponse(ctx context.Context) {
	p.limits.AfterResponse(ctx)
	if err := p.upstreams.AfterResponse(ctx); err != nil {
		p.log.ErrorContext(ctx, "give slots back", "error", err)
	}
	if err := p.replays.Settle(ctx); err != nil {
		p.log.ErrorContext(ctx, "end calls with an Idempotency-Key", "error", err)
	}
	p.alert(ctx)
	if !p.tally.due() {
		return
	}
	if err := p.tally.flush(ctx); err != nil {
		p.log.ErrorContext(ctx, "flush usage", "error", err)
	}
}

// alert keeps and logs each part of its number that a quota has come to. An alert that could not be kept is logged all the
// same, and lost for /limits: it is a hint, the counter is the truth.
func (p *Proxy) alert(ctx context.Context) {
	for _, c := range p.limits.Crossings() {
		first, err := p.keep(ctx, c)
		if err != nil {
			p.log.ErrorContext(ctx, "keep alert", "error", err)
		}
		if first || err != nil {
			p.log.LogAttrs(ctx, slog.LevelWarn, "limit alert", slog.String("counter", c.Counter), slog.String("limit", c.Limit),
				slog.String("period", c.Period), slog.Int("percent", c.Percent))
		}
	}
}

func (p *Proxy) keep(ctx context.Context, c limit.Crossing) (first bool, err error) {
	now := p.now()
	first, err = p.alerts.PutAlert(ctx, catalog.LimitAlert{Counter: c.Counter, Limit: c.Limit, Period: c.Period, Percent: c.Percent, At: now},
		now.Add(alertsFor))
	if err != nil {
		return false, fmt.Errorf("put alert: %w", err)
	}
	return first, nil
}
