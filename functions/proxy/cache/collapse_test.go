package cache_test

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/functions/proxy/cache"
	"sluice/shared/catalog"
	"sluice/shared/decision"
)

// crowd is calls for one thing at the same time, and an upstream that answers when it is told to.
type crowd struct {
	cache *cache.Cache
	calls atomic.Int32 // that reached the upstream
	hits  atomic.Int32
	gate  chan struct{}
	all   sync.WaitGroup
}

func (c *crowd) come(t *testing.T, n int, change func(*cache.Request), finish func(*cache.Visit)) {
	for range n {
		c.all.Go(func() {
			r := asked("/orders/1")
			if change != nil {
				change(r)
			}
			v := c.cache.Look(t.Context(), r)
			defer v.Leave()
			if v.Answer != nil {
				c.hits.Add(1)
				if string(v.Answer.Body) != "one" || !strings.Contains(v.Answer.Header.Get("Cache-Status"), "hit") {
					t.Errorf("a hit is %q, %v", v.Answer.Body, v.Answer.Header)
				}
				return
			}
			v.Prepare(http.Header{})
			c.calls.Add(1)
			<-c.gate
			finish(v)
		})
	}
	synctest.Wait()
}

func finish(t *testing.T, a cache.Answer) func(*cache.Visit) {
	return func(v *cache.Visit) {
		mine := a
		if mine.Header = maps.Clone(a.Header); mine.Header == nil {
			mine.Header = http.Header{}
		}
		if _, err := v.Finish(mine); err != nil {
			t.Error(err)
		}
	}
}

func TestWhoComesAtTheSameTimeWaitsForOneAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{cache: cache.New(1<<20, time.Now), gate: make(chan struct{})}
		answer := told([]byte("one"))
		answer.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
		c.come(t, 50, nil, finish(t, answer))
		if n := c.calls.Load(); n != 1 {
			t.Fatalf("%d calls reach the upstream", n)
		}
		close(c.gate)
		c.all.Wait()
		if c.hits.Load() != 49 {
			t.Errorf("%d are answered from it", c.hits.Load())
		}
		time.Sleep(time.Minute) // of the bubble: it is stale now
		c.gate = make(chan struct{})
		c.come(t, 50, nil, finish(t, cache.Answer{Status: http.StatusNotModified, Header: http.Header{"Etag": {`"1"`}}}))
		if n := c.calls.Load(); n != 2 {
			t.Errorf("%d calls ask whether it is still good", n-1)
		}
		close(c.gate)
		c.all.Wait()
		if c.hits.Load() != 98 {
			t.Errorf("%d are answered from it", c.hits.Load())
		}
	})
}

func TestNobodyWaitsTwiceNorForWhatIsNotKept(t *testing.T) {
	for name, end := range map[string]func(*cache.Visit){
		"an answer that is not kept": finish(t, cache.Answer{Status: 200, Body: []byte("one")}),
		"no answer":                  func(v *cache.Visit) { v.Rescue(); v.Leave(); v.Leave() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &crowd{cache: cache.New(1<<20, time.Now), gate: make(chan struct{}, 1)}
				c.come(t, 20, nil, end)
				c.gate <- struct{}{}
				synctest.Wait()
				if n := c.calls.Load(); n != 20 {
					t.Errorf("%d calls are at the upstream after the first one's end", n)
				}
				close(c.gate)
				c.all.Wait()
				before := c.calls.Load()
				c.gate = make(chan struct{})
				c.come(t, 20, nil, end)
				if n := c.calls.Load() - before; name == "an answer that is not kept" && n != 20 {
					t.Errorf("%d calls are at the upstream though the last answer was not kept", n)
				}
				close(c.gate)
				c.all.Wait()
			})
		})
	}
}

func TestWhoCannotUseAnothersAnswerDoesNotWaitForIt(t *testing.T) {
	for name, change := range map[string]func(*cache.Request){
		"another app":             func(r *cache.Request) { r.Caller.App = "till" },
		"another query":           func(r *cache.Request) { r.Query = "" },
		"another revision":        func(r *cache.Request) { r.Target.Revision = "2" },
		"a request with no-cache": func(r *cache.Request) { r.Header["cache-control"] = "no-cache" },
		"one with no-store":       func(r *cache.Request) { r.Header["cache-control"] = "no-store" },
		"a HEAD":                  func(r *cache.Request) { r.Method = http.MethodHead },
		"a part":                  func(r *cache.Request) { r.Header["range"] = "bytes=0-1" },
		"an unsafe method":        func(r *cache.Request) { r.Method = http.MethodPut },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &crowd{cache: cache.New(1<<20, time.Now), gate: make(chan struct{})}
				c.come(t, 1, nil, finish(t, told([]byte("one"))))
				c.come(t, 1, change, finish(t, told([]byte("one"))))
				if n := c.calls.Load(); n != 2 {
					t.Errorf("it waits")
				}
				close(c.gate)
				c.all.Wait()
			})
		})
	}
}

func TestWhoWaitsMayGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cache.New(1<<20, time.Now)
		leader := c.Look(t.Context(), asked("/orders/1"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		v := c.Look(ctx, asked("/orders/1"))
		if v.Answer != nil || ctx.Err() == nil {
			t.Error("it did not wait")
		}
		v.Leave()
		leader.Leave()
	})
}

func TestAnAnswerAskedForBeforeAChangeIsNotKeptAfterIt(t *testing.T) {
	c := cache.New(1<<20, func() time.Time { return noon })
	get := c.Look(t.Context(), asked("/orders/1"))
	put := asked("/orders/1")
	put.Method = http.MethodPut
	if _, err := c.Look(t.Context(), put).Finish(cache.Answer{Status: 204}); err != nil {
		t.Fatal(err)
	}
	if _, err := get.Finish(told([]byte("old"))); err != nil {
		t.Fatal(err)
	}
	if v := c.Look(t.Context(), asked("/orders/1")); v.Answer != nil {
		t.Error("the old answer was kept")
	}
}

func TestWhatIsClearedWhileTheUpstreamFailsDoesNotStandIn(t *testing.T) {
	now := noon
	c := cache.New(1<<20, func() time.Time { return now })
	kept(t, c, "/orders/1", nil)
	now = now.Add(time.Hour)
	get := c.Look(t.Context(), with(asked("/orders/1"), "cache-control", "stale-if-error=86400"))
	if _, ok := get.Rescue(); !ok {
		t.Fatal("nothing stands in")
	}
	put := asked("/orders/1")
	put.Method = http.MethodPut
	if _, err := c.Look(t.Context(), put).Finish(cache.Answer{Status: 204}); err != nil {
		t.Fatal(err)
	}
	if _, ok := get.Rescue(); ok {
		t.Error("what was cleared stands in")
	}
}

func TestManyAtOnceKeepTheBooksRight(t *testing.T) {
	const places = 24
	c := cache.New(40<<10, time.Now)
	path := func(i int) string { return "/" + string(rune('a'+i%places)) }
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 2000 {
				r := asked(path(i*7 + worker))
				r.Caller = decision.Caller{App: catalog.AppID(rune('a' + i%3))}
				r.Header["accept-encoding"] = string(rune('a' + i%20))
				if i%50 == 49 {
					r.Method = http.MethodPut
				}
				if i%5 == 4 {
					r.Header["cache-control"] = "no-cache"
				}
				v, h := c.Look(t.Context(), r), http.Header{}
				v.Prepare(h)
				if h.Get("If-None-Match") != "" {
					if _, err := v.Finish(cache.Answer{Status: http.StatusNotModified, Header: http.Header{"X-New": {"1"}}}); err != nil {
						t.Error(err)
					}
				} else if v.Answer == nil {
					a := told([]byte(strings.Repeat("x", i%3000)))
					a.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
					if _, err := v.Finish(a); err != nil {
						t.Error(err)
					}
				}
				v.Leave()
				if n := c.Bytes(); n > 40<<10 {
					t.Errorf("it counts %d bytes", n)
				}
			}
		})
	}
	all.Wait()
	for i := range places {
		r := asked(path(i))
		r.Method = http.MethodDelete
		if _, err := c.Look(t.Context(), r).Finish(cache.Answer{Status: 204}); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.Bytes(); n != 0 {
		t.Errorf("an empty cache counts %d bytes", n)
	}
}
