// Package trial holds the real takers of limits, on a real table, against promises 3 and 4: as many goroutines as clients,
// instances whose clocks are off, a network that loses requests and answers, instances that end or are stopped in the middle.
// What passes is told to the audit at the instant at which it passes.
//
// It runs in rounds. Each one is about a fresh counter: all clients call at once, for more than its quota has, over all
// instances; then one client asks on, until the quota refuses it at an instance of its own.
package trial

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"sluice/scripts/sluice/bench/limits/audit"
	"sluice/shared/catalog"
	"sluice/shared/decision"
	"sluice/shared/dynamo"
	"sluice/shared/limit"
	"sluice/shared/limit/counter"
	"sluice/shared/limit/taker"
	"sluice/shared/problem"
	"sluice/shared/settings"
)

// Options is how hard a trial is.
type Options struct {
	Calls     int64
	Seed      uint64
	Instances int
	Clients   int
	Quota     int           // of each counter; 0 draws another one for each
	Lost      float64       // share of the requests that are lost, and of the answers
	Ends      bool          // instances end, or are stopped, in the middle of each round
	Skew      time.Duration // clocks are off by up to so much
}

// Result is what a trial came to.
type Result struct {
	Calls, Admitted, Refused, Failed, Died int64
	Rounds, Ended, Stopped, LostCalls      int64
	Took                                   time.Duration
	Findings                               audit.Findings
}

// trial is a run.
type trial struct {
	Options
	table     settings.Table
	random    *rand.Rand
	network   *network
	instances []*instance // present ones, by place; those that ended are replaced

	mu     sync.Mutex // held while a call passes, so that the audit sees calls in the order of time
	audit  *audit.Auditor
	result Result
	calls  uint64
}

// instance is a taker of its own, on a connection of its own.
type instance struct {
	*taker.Taker
	gone bool // guarded by trial.mu
}

// Run makes a trial on a table that is there. The error is one of the table, or of a call that failed other than by problem.Unavailable.
func Run(ctx context.Context, table settings.Table, o Options) (Result, error) {
	t := &trial{Options: o, table: table, random: rand.New(rand.NewPCG(o.Seed, 77)), // #nosec G404 -- which instance ends need not be secret
		network: newNetwork(o.Seed, o.Lost),
		audit:   audit.New(audit.Rules{Slack: time.Second + 2*o.Skew, Skew: o.Skew})}
	for range o.Instances {
		i, err := t.open()
		if err != nil {
			return Result{}, err
		}
		t.instances = append(t.instances, i)
	}
	began := time.Now()
	for t.result.Calls < o.Calls {
		if err := t.round(ctx); err != nil {
			return t.result, err
		}
	}
	for _, i := range t.instances {
		if err := i.Close(ctx); err != nil {
			return t.result, fmt.Errorf("close: %w", err)
		}
	}
	t.result.Took, t.result.LostCalls = time.Since(began), t.network.lost.Load()
	t.result.Findings = t.audit.Finish(math.MaxInt64) // each round ends with a quota that is used up
	return t.result, nil
}

// open starts an instance.
func (t *trial) open() (*instance, error) {
	table, err := dynamo.Open(t.table, dynamo.WithTransport(t.network))
	if err != nil {
		return nil, fmt.Errorf("open the table: %w", err)
	}
	off := time.Duration(0)
	if t.Skew > 0 {
		off = time.Duration(t.random.Int64N(int64(2*t.Skew))) - t.Skew
	}
	now := func() time.Time { return time.Now().Add(off) }
	name := fmt.Sprintf("%d-%x", t.Seed, t.random.Uint64())
	return &instance{Taker: taker.New(steps{table}, now, limit.Options{Instance: name, Skew: t.Skew})}, nil
}

// steps is a table as takers want it.
type steps struct{ *dynamo.Table }

// Apply makes a step.
func (s steps) Apply(ctx context.Context, id string, step counter.Step) (counter.State, bool, error) {
	return s.ApplyLimit(ctx, id, step)
}

// fresh is the counter of a round.
type fresh struct {
	claims []decision.Claim
	number int
	terms  int
	quota  int
}

// fresh makes a counter with a quota and a rate that does not matter beside it.
func (t *trial) fresh() (*fresh, error) {
	c := &fresh{quota: t.Quota}
	if c.quota == 0 {
		c.quota = []int{1, 10, 64, 100, 300, 1000}[t.random.IntN(6)]
	}
	id := fmt.Sprintf("trial-%d-%d-%d", t.Seed, t.result.Rounds, t.random.Uint32())
	limits := []decision.Limit{{Kind: decision.QuotaLimit, Name: "quota", Requests: c.quota, Period: catalog.Month},
		{Kind: decision.RateLimit, Name: "rate", Requests: 100_000, Seconds: 1, Burst: 100_000}}
	c.claims = []decision.Claim{{Counter: id, Limits: limits, Outage: catalog.OutageClosed}}
	t.mu.Lock()
	defer t.mu.Unlock()
	var err error
	c.number = t.audit.Counter(id)
	c.terms, err = t.audit.Terms(limits)
	return c, err
}

// round uses up a fresh counter.
func (t *trial) round(ctx context.Context) error {
	c, err := t.fresh()
	if err != nil {
		return err
	}
	t.result.Rounds++
	each := max(2, (3*c.quota/2)/t.Clients)
	var done atomic.Int64
	var all sync.WaitGroup
	faults := make([]error, t.Clients+1)
	for n := range t.Clients {
		all.Go(func() {
			for k := 0; k < each && faults[n] == nil; k++ {
				faults[n] = t.call(ctx, c, n+k)
				done.Add(1)
			}
		})
	}
	if t.Ends {
		all.Go(func() { faults[t.Clients] = t.end(ctx, &done, int64(t.Clients*each)) })
	}
	all.Wait()
	if err := errors.Join(faults...); err != nil {
		return err
	}
	return t.use(ctx, c)
}

// use has all instances give back what they hold, and one client ask until it is refused.
func (t *trial) use(ctx context.Context, c *fresh) error {
	for _, i := range t.instances {
		if err := i.Close(ctx); err != nil && ctx.Err() != nil {
			return fmt.Errorf("give back: %w", err)
		}
	}
	last, err := t.open()
	if err != nil {
		return err
	}
	for range 2 * c.quota {
		refused := t.refused()
		if err := t.ask(ctx, c, last); err != nil {
			return err
		}
		if t.refused() > refused {
			return nil
		}
	}
	return nil
}

func (t *trial) refused() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.result.Refused
}

// call makes one call at an instance.
func (t *trial) call(ctx context.Context, c *fresh, n int) error {
	t.mu.Lock()
	i := t.instances[n%len(t.instances)]
	t.mu.Unlock()
	return t.ask(ctx, c, i)
}

// ask makes one call, and tells the audit what became of it.
func (t *trial) ask(ctx context.Context, c *fresh, i *instance) error {
	v, err := i.Take(ctx, c.claims, 1)
	if err != nil && !problem.Is(err, problem.Unavailable) {
		return err
	}
	t.note(c, i, v, err)
	if err == nil {
		i.AfterResponse(ctx)
	}
	return nil
}

func (t *trial) note(c *fresh, i *instance, v limit.Verdict, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls++
	t.result.Calls++
	e := audit.Entry{At: time.Now().UnixNano(), Call: t.calls, Cost: 1, Counter: c.number, Terms: c.terms}
	switch by, refused := v.Refusal(); {
	case i.gone: // it was not sent on
		t.result.Died++
		e.Fate = audit.Died
	case err != nil:
		t.result.Failed++
		return
	case v.Admitted == 1:
		t.result.Admitted++
		e.Fate = audit.Admitted
	case refused && by.Limit.Kind == decision.QuotaLimit:
		t.result.Refused++
		e.Fate = audit.OverQuota
	default:
		t.result.Refused++
		e.Fate = audit.OverRate
	}
	t.audit.Add(e)
}

// end ends instances while the calls of a round are made: after each quarter of them one is gone, at once or with time to give
// back what it holds.
func (t *trial) end(ctx context.Context, done *atomic.Int64, calls int64) error {
	for quarter := int64(1); quarter <= 3; quarter++ {
		for done.Load() < calls*quarter/4 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Millisecond):
			}
		}
		next, err := t.open()
		if err != nil {
			return err
		}
		t.mu.Lock()
		place := t.random.IntN(len(t.instances))
		old := t.instances[place]
		t.instances[place] = next
		stop := t.random.IntN(2) == 0
		if stop {
			t.result.Stopped++
		} else {
			old.gone = true
			t.result.Ended++
		}
		t.mu.Unlock()
		if stop {
			if err := old.Close(ctx); err != nil {
				return fmt.Errorf("stop an instance: %w", err)
			}
		}
	}
	return nil
}
