package bench

import (
	"context"
	"fmt"
	"time"

	"sluice/scripts/sluice/bench/load"
	"sluice/scripts/sluice/bench/proc"
)

const (
	warmUp     = 2000
	aloneCalls = 50
	settle     = 2500 * time.Millisecond // usage is written up to two seconds after a call: it belongs to the calls
)

// Call measures floor and gateway in turn, and then counts store calls.
func Call(ctx context.Context, o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	p, err := open(o)
	if err != nil {
		return nil, err
	}
	defer p.close()
	up, err := p.serving(ctx, "upstream")
	if err != nil {
		return nil, err
	}
	r := &Report{Repeat: o.repeat(), Requests: o.Requests, Connections: o.Connections}
	if r.Rounds, err = p.compare(ctx, up.urls[0]); err != nil {
		return nil, err
	}
	if o.StoreCalls > 0 {
		if r.Store, err = p.count(ctx, up.urls[0]); err != nil {
			return nil, err
		}
	}
	r.sum()
	return r, nil
}

// compare runs the rounds.
func (p *parts) compare(ctx context.Context, up string) ([]Round, error) {
	const key = "bench-key"
	low, err := p.serving(ctx, "floor", "--to", "http://"+up, "--key", key)
	if err != nil {
		return nil, err
	}
	high, err := p.gateway(ctx, "compared", "")
	if err != nil {
		return nil, err
	}
	crowd, _, err := furnish(ctx, high, "http://"+up)
	if err != nil {
		return nil, err
	}
	bare := side{load.Get(low.urls[0], path, key), low.pid, 0}
	whole := side{load.Get(high.address(), prefix+path, crowd), high.pid, settle}
	for _, s := range []side{bare, whole} {
		if _, err := p.run(ctx, s, min(warmUp, p.Requests)); err != nil {
			return nil, err
		}
	}
	rounds := make([]Round, p.Rounds)
	for i := range rounds {
		if rounds[i].Floor, err = p.run(ctx, bare, p.Requests); err != nil {
			return nil, err
		}
		if rounds[i].Gateway, err = p.run(ctx, whole, p.Requests); err != nil {
			return nil, err
		}
	}
	return rounds, nil
}

// side is one of the two that are compared.
type side struct {
	target load.Target
	pid    int
	after  time.Duration // how long its work goes on after the last answer
}

// use is what a side has used: its own process (with the functions, if they are processes), and the engine below it.
type use struct {
	cpu, engine time.Duration
	rss         int64
}

func usage(pid int) (use, error) {
	tree, err := proc.Tree(pid)
	if err != nil {
		return use{}, err
	}
	var u use
	for _, one := range tree {
		if one.Name == "dynoxide" {
			u.engine += one.CPU
			continue
		}
		u.cpu += one.CPU
		u.rss += one.RSS
	}
	return u, nil
}

// run sends requests to a side and gives what one of them cost.
func (p *parts) run(ctx context.Context, s side, requests int) (Cost, error) {
	before, err := usage(s.pid)
	if err != nil {
		return Cost{}, err
	}
	r, err := load.Run(ctx, s.target, p.Connections, requests)
	if err != nil {
		return Cost{}, err
	}
	if err := wait(ctx, s.after); err != nil {
		return Cost{}, err
	}
	after, err := usage(s.pid)
	if err != nil {
		return Cost{}, err
	}
	each := func(d time.Duration) float64 { return micros(d) / float64(r.Requests) }
	own := each(after.cpu - before.cpu)
	return Cost{CPU: own, WithEngine: own + each(after.engine-before.engine), RSS: after.rss,
		PerSecond: float64(r.Requests) / r.Took.Seconds(), P50: micros(load.Percentile(r.Latency, 0.5)),
		P99: micros(load.Percentile(r.Latency, 0.99)), Failures: r.Failures, First: r.First}, nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// count runs calls of a crowd and of a lone consumer through a gateway whose store calls are counted.
func (p *parts) count(ctx context.Context, up string) (*Store, error) {
	endpoint, c, err := p.ownEngine(ctx)
	if err != nil {
		return nil, err
	}
	g, err := p.gateway(ctx, "counted", endpoint)
	if err != nil {
		return nil, err
	}
	crowd, alone, err := furnish(ctx, g, "http://"+up)
	if err != nil {
		return nil, err
	}
	var s Store
	for _, one := range []struct {
		to          *Operations
		key         string
		connections int
		calls       int
	}{{&s.Crowd, crowd, p.Connections, p.StoreCalls}, {&s.Alone, alone, 1, aloneCalls}} {
		if *one.to, err = counted(ctx, c, load.Get(g.address(), prefix+path, one.key), one.connections, one.calls); err != nil {
			return nil, err
		}
	}
	return &s, nil
}

// counted warms the gateway up for a key, and counts what the calls after that ask of the store, usage included.
func counted(ctx context.Context, c *counter, t load.Target, connections, calls int) (Operations, error) {
	if _, err := load.Run(ctx, t, connections, connections); err != nil {
		return Operations{}, err
	}
	if err := wait(ctx, settle); err != nil {
		return Operations{}, err
	}
	before := c.snapshot()
	r, err := load.Run(ctx, t, connections, calls)
	if err != nil {
		return Operations{}, err
	}
	if err := wait(ctx, settle); err != nil {
		return Operations{}, err
	}
	o := Operations{Calls: calls, Connections: connections, Failures: r.Failures, Each: since(before, c.snapshot())}
	reads, writes := split(o.Each)
	o.ReadsPerCall, o.WritesPerCall = float64(reads)/float64(calls), float64(writes)/float64(calls)
	if r.Failures == calls {
		return o, fmt.Errorf("no call passes: %s", r.First)
	}
	return o, nil
}
