package local

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"sluice/functions/proxy/upstream"
	"sluice/scripts/sluice/fault"
	"sluice/shared/settings"
)

// startDrill puts the drill between the functions and the store, and between the proxy and the upstreams. Without --drill
// and --fault there is nothing in between.
func (c *cloud) startDrill(ctx context.Context) error {
	if !c.Drill && len(c.Faults) == 0 {
		return nil
	}
	c.drill = fault.NewDrill(fault.World{Now: time.Now, Sleep: fault.Sleep,
		Random: rand.Float64}) // #nosec G404 -- who is hit is no secret
	engine, err := fault.Pass(c.endpoint)
	if err != nil {
		return fmt.Errorf("the drill's way to the store: %w", err)
	}
	store, err := c.drill.StandIn(ctx, fault.Store, engine)
	if err != nil {
		return fmt.Errorf("put the drill before the store: %w", err)
	}
	c.after(store.Close)
	c.endpoint = store.URL()
	transport, err := upstream.Transport(settings.LoopbackToo, "") // the check of addresses that the proxy leaves to us now
	if err != nil {
		return fmt.Errorf("the drill's way to upstreams: %w", err)
	}
	egress, err := c.drill.StandIn(ctx, fault.Upstream, fault.Egress(transport))
	if err != nil {
		return fmt.Errorf("put the drill before the upstreams: %w", err)
	}
	c.after(func() { egress.Close(); transport.CloseIdleConnections() })
	c.egress = egress.URL()
	return nil
}

// beginDrill tells the faults that the command line named, and opens the way to tell more. All parts run by now.
func (c *cloud) beginDrill(ctx context.Context) error {
	if c.drill == nil {
		return nil
	}
	control, err := c.drill.Control(ctx, c.DataDir)
	if err != nil {
		return err
	}
	c.after(control.Close)
	watched, stop := context.WithCancel(context.WithoutCancel(ctx))
	var watching sync.WaitGroup
	watching.Go(func() { c.drill.Watch(watched, c.out.say) })
	c.after(func() { stop(); watching.Wait() })
	faults, err := fault.ParseAll(c.Faults)
	if err != nil {
		return err
	}
	c.out.say("drill: more faults with `sluice fault --data-dir %s store=down:20s`", c.DataDir)
	return c.drill.Inject(faults...)
}
