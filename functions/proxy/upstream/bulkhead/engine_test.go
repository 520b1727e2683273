package bulkhead_test

import (
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"sluice/functions/proxy/upstream/bulkhead"
	"sluice/shared/catalog"
	"sluice/test/engine"
)

// crowd is processes that call one upstream through a real store.
type crowd struct {
	mu                        sync.Mutex
	flying, most, passed, out int
}

func (c *crowd) enter() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flying++
	c.passed++
	c.most = max(c.most, c.flying)
}

func (c *crowd) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flying--
}

func (c *crowd) refused() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out++
}

func TestOverTheRealStoreNoMoreAreInFlightThanAllowed(t *testing.T) {
	table, _ := engine.Table(t)
	const processes, most = 12, 5
	pool := func(name string) *bulkhead.Pool {
		return bulkhead.New(bulkhead.Deps{Slots: table, Instance: name, Now: time.Now, Random: func() float64 { return 0 }}).Pool("orders/v1/a.example")
	}
	var c crowd
	var wg sync.WaitGroup
	for i := range processes {
		p := pool("process-" + strconv.Itoa(i))
		wg.Go(func() {
			var calls sync.WaitGroup
			for range 3 { // calls at once in a process
				calls.Go(func() {
					for range 25 {
						slot, err := p.Take(t.Context(), most, catalog.HighPriority, time.Now().Add(5*time.Second))
						var full *bulkhead.Full
						if err != nil {
							if !errors.As(err, &full) || full.Cause != nil {
								t.Error(err)
							}
							c.refused()
						} else {
							c.enter()
						}
						_, _ = table.Hint(t.Context(), "x") // which takes as long as a call
						if err == nil {
							c.leave()
							slot.Release()
							_ = p.GiveBack(t.Context(), false)
						}
					}
				})
			}
			calls.Wait()
			if err := p.GiveBack(t.Context(), true); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if c.most > most || c.passed == 0 || c.out == 0 {
		t.Errorf("%d at once, %d passed, %d refused", c.most, c.passed, c.out)
	}
	t.Logf("%d at once, %d passed, %d refused", c.most, c.passed, c.out)
	last := pool("last")
	for range most {
		if _, err := last.Take(t.Context(), most, catalog.HighPriority, time.Now().Add(time.Second)); err != nil {
			t.Error("a slot was not given back:", err)
		}
	}
}
