package forward

import (
	"context"
	"errors"
	"sync"
)

// Flush stores everything that was counted. What could not be stored stays, and goes along with the next flush.
func (p *Proxy) Flush(ctx context.Context) error { return p.tally.flush(ctx) }

// Close stores everything that was counted and gives back what is leased, as far as the context lasts.
func (p *Proxy) Close(ctx context.Context) error {
	var wg sync.WaitGroup
	var faults [5]error
	wg.Go(func() { faults[0] = p.limits.Close(ctx) })
	wg.Go(func() { faults[1] = p.upstreams.Close(ctx) })
	wg.Go(func() { faults[2] = p.replays.Settle(ctx) })
	faults[3] = p.tally.flush(ctx)
	wg.Wait()
	faults[4] = p.alerts.Settle(ctx, p.limits.Crossings())
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
	p.alerts.Tell(ctx, p.limits.Crossings())
	if !p.tally.due() {
		return
	}
	if err := p.tally.flush(ctx); err != nil {
		p.log.ErrorContext(ctx, "flush usage", "error", err)
	}
}
