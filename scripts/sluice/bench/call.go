package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"sluice/scripts/sluice/bench/load"
	"sluice/scripts/sluice/bench/machine"
	"sluice/scripts/sluice/bench/price"
	"sluice/scripts/sluice/bench/store"
	"sluice/scripts/sluice/launch"
	"sluice/scripts/sluice/template"
)

const (
	warmUp     = 2000
	aloneCalls = 50
	settle     = 2500 * time.Millisecond // usage is written up to two seconds after a call: it belongs to the calls
)

// parts are the processes of a run.
type parts struct {
	Options
	*launch.Parts
}

// Call measures all sides in turn, and then counts store calls.
func Call(ctx context.Context, o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	r := &Report{Repeat: o.repeat(), Requests: o.Requests, Connections: o.Connections, Machine: machine.Look()}
	opened, err := launch.Open(o.Program, o.Root, "bench")
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	p := &parts{o, opened}
	up, err := p.serving(ctx, "upstream")
	if err != nil {
		return nil, err
	}
	if r.Rounds, err = p.compare(ctx, up); err != nil {
		return nil, err
	}
	r.sum()
	if o.StoreCalls > 0 {
		if r.Store, err = p.count(ctx, up.Found[0]); err != nil {
			return nil, err
		}
		if r.Costs, err = o.costs(r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (p *parts) serving(ctx context.Context, args ...string) (launch.Part, error) {
	return p.Start(ctx, regexp.MustCompile(`(?m)^serving http://(\S+)$`), nil, append([]string{"bench"}, args...)...)
}

// gateway starts a local cloud; with endpoint "" it brings its own engine.
func (p *parts) gateway(ctx context.Context, name, endpoint string) (launch.Cloud, error) {
	flags := []string{"--dynamodb-endpoint", endpoint, "--schedule-every", "0"}
	if !p.Processes {
		flags = append(flags, "--in-process", "--figures")
	}
	return p.Cloud(ctx, name, flags...)
}

// sides starts what is compared: the bare upstream, the floor, the gateway, and those that run already.
func (p *parts) sides(ctx context.Context, up launch.Part) ([]side, error) {
	const key = "bench-key"
	low, err := p.serving(ctx, "floor", "--to", "http://"+up.Found[0], "--key", key)
	if err != nil {
		return nil, err
	}
	high, err := p.gateway(ctx, "compared", "")
	if err != nil {
		return nil, err
	}
	crowd, _, err := furnish(ctx, high, "http://"+up.Found[0])
	if err != nil {
		return nil, err
	}
	all := []side{
		{name: "upstream", target: load.Get(up.Found[0], path, key), pid: up.PID},
		{name: "floor", target: load.Get(low.Found[0], path, key), pid: low.PID},
		{name: "gateway", target: load.Get(high.Gateway(), prefix+path, crowd), pid: high.PID, figures: high.Figures(), after: settle},
	}
	for _, text := range p.Against {
		peer, err := ParsePeer(text)
		if err != nil {
			return nil, err
		}
		all = append(all, side{name: peer.Name, target: peer.Target, pid: peer.PID})
	}
	return all, nil
}

// compare runs the rounds. Each begins with another side, so that none always follows the same one.
func (p *parts) compare(ctx context.Context, up launch.Part) ([]Round, error) {
	sides, err := p.sides(ctx, up)
	if err != nil {
		return nil, err
	}
	for _, s := range sides {
		if _, err := s.run(ctx, p.Connections, min(warmUp, p.Requests)); err != nil {
			return nil, err
		}
	}
	rounds := make([]Round, p.Rounds)
	for i := range rounds {
		for j := range sides {
			s := sides[(i+j)%len(sides)]
			cost, err := s.run(ctx, p.Connections, p.Requests)
			if err != nil {
				return nil, err
			}
			rounds[i].set(s.name, cost)
		}
	}
	return rounds, nil
}

// count runs calls of a crowd and of a lone consumer through a gateway whose store calls are counted.
func (p *parts) count(ctx context.Context, up string) (*Store, error) {
	engine, err := p.Engine(ctx)
	if err != nil {
		return nil, err
	}
	c, err := store.NewCounter(engine)
	if err != nil {
		return nil, err
	}
	server, address, err := listen(ctx, c)
	if err != nil {
		return nil, err
	}
	p.After(func() { _ = server.Close() }) // its callers have ended
	g, err := p.gateway(ctx, "counted", "http://"+address)
	if err != nil {
		return nil, err
	}
	crowd, alone, err := furnish(ctx, g, "http://"+up)
	if err != nil {
		return nil, err
	}
	var s Store
	at := func(key string) load.Target { return load.Get(g.Gateway(), prefix+path, key) }
	if s.Crowd, err = counted(ctx, c, at(crowd), p.Connections, p.StoreCalls); err != nil {
		return nil, err
	}
	if s.Alone, err = counted(ctx, c, at(alone), 1, aloneCalls); err != nil {
		return nil, err
	}
	if p.GapCalls > 0 {
		if s.Gaps, err = p.withGaps(ctx, c, at(alone)); err != nil {
			return nil, err
		}
	}
	return &s, nil
}

// counted warms the gateway up for a key, and counts what the calls after that ask of the store, usage included.
func counted(ctx context.Context, c *store.Counter, t load.Target, connections, calls int) (Operations, error) {
	if _, err := load.Run(ctx, t, connections, connections); err != nil {
		return Operations{}, err
	}
	if err := load.Wait(ctx, settle); err != nil {
		return Operations{}, err
	}
	before := c.Use()
	r, err := load.Run(ctx, t, connections, calls)
	if err != nil {
		return Operations{}, err
	}
	if err := load.Wait(ctx, settle); err != nil {
		return Operations{}, err
	}
	if r.Failures == calls {
		return Operations{}, fmt.Errorf("no call passes: %s", r.First)
	}
	return operations(c.Use().Since(before), calls, connections, r.Failures), nil
}

// withGaps counts what calls ask of the store that come one by one, each after a pause.
func (p *parts) withGaps(ctx context.Context, c *store.Counter, t load.Target) (*Operations, error) {
	before, failures := c.Use(), 0
	for range p.GapCalls {
		r, err := load.Run(ctx, t, 1, 1)
		if err != nil {
			return nil, err
		}
		failures += r.Failures
		if err := load.Wait(ctx, p.Gap); err != nil {
			return nil, err
		}
	}
	if err := load.Wait(ctx, settle); err != nil {
		return nil, err
	}
	o := operations(c.Use().Since(before), p.GapCalls, 1, failures)
	o.Gap = p.Gap.String()
	return &o, nil
}

func operations(u store.Use, calls, connections, failures int) Operations {
	reads, writes := u.Split()
	n := float64(calls)
	return Operations{Calls: calls, Connections: connections, Failures: failures, Each: u.Operations,
		ReadsPerCall: float64(reads) / n, WritesPerCall: float64(writes) / n,
		ReadUnitsPerCall: u.ReadUnits / n, WriteUnitsPerCall: u.WriteUnits / n}
}

// costs says what a million of the calls cost that were counted. Each function is billed as if it used the CPU of the whole
// call, which is more than it does; the proxy waits for the upstream as well.
func (o Options) costs(r *Report) (*Costs, error) {
	list, err := o.prices()
	if err != nil {
		return nil, err
	}
	source, err := os.ReadFile(filepath.Join(o.Root, "template.yaml"))
	if err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	t, err := template.Read(source, nil)
	if err != nil {
		return nil, err
	}
	c := &Costs{Prices: list, Of: map[string]price.Bill{}}
	work := r.median(cpu, "gateway") / 1000
	for _, f := range t.Functions {
		switch f.Folder() {
		case "authorizer":
			c.Functions = append(c.Functions, price.Function{Name: f.Folder(), MemoryMB: f.MemoryMB, CPU: work})
		case "proxy":
			c.Functions = append(c.Functions, price.Function{Name: f.Folder(), MemoryMB: f.MemoryMB, CPU: work, Wait: o.UpstreamMs})
		}
	}
	for _, one := range r.Store.all() {
		c.Of[one.who] = list.Million(price.Call{Functions: c.Functions, ReadUnits: one.ReadUnitsPerCall, WriteUnits: one.WriteUnitsPerCall})
	}
	return c, nil
}
