package taker_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sluice/shared/catalog"
	"sluice/shared/decision"
)

func TestACallThatGivesUpWhileItWaitsTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newShelf()
		gate := make(chan struct{})
		store.before = func(n int) error {
			if n == 1 {
				<-gate
			}
			return nil
		}
		k := newTaker(store, time.Now)
		limits := []decision.Limit{quota(10, catalog.Day)}
		var admitted atomic.Int64
		go func() {
			if v, err := k.Take(t.Context(), claim("sub", limits), 1); err == nil {
				admitted.Add(int64(v.Admitted))
			}
		}()
		synctest.Wait()
		for range 5 {
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				if v, err := k.Take(ctx, claim("sub", limits), 1); err == nil {
					admitted.Add(int64(v.Admitted))
				} else if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}()
			synctest.Wait()
			cancel()
			synctest.Wait()
		}
		close(gate)
		synctest.Wait()
		if admitted.Load() != 1 || store.used() != 1 {
			t.Errorf("%d admitted, %d counted, want 1", admitted.Load(), store.used())
		}
		if v, err := k.Take(t.Context(), claim("sub", limits), 1); err != nil || v.Admitted != 1 {
			t.Errorf("the next call: %+v, %v", v, err)
		}
	})
}

// A call may give up at the very moment at which it is its turn: it hands its turn on.
func TestACallThatGivesUpWhenItIsItsTurnHandsItOn(t *testing.T) {
	for range 2000 {
		store := newShelf()
		ctx, cancel := context.WithCancel(t.Context())
		queued := make(chan struct{})
		store.before = func(n int) error {
			if n == 1 {
				<-queued
				cancel()
			}
			return nil
		}
		k := newTaker(store, fixed(noon))
		var wg sync.WaitGroup
		var admitted atomic.Int64
		call := func(ctx context.Context) {
			if v, err := k.Take(ctx, claim("sub", []decision.Limit{quota(10, catalog.Day)}), 1); err == nil {
				admitted.Add(int64(v.Admitted))
			}
		}
		for i := range 6 {
			wg.Go(func() {
				if i == 5 {
					close(queued)
				}
				if i%2 == 1 {
					call(ctx)
					return
				}
				call(t.Context())
			})
		}
		wg.Wait()
		if err := k.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if admitted.Load() < 3 || admitted.Load() != store.used() {
			t.Fatalf("%d admitted, %d counted", admitted.Load(), store.used())
		}
	}
}

// Calls come and go at random while others write: nobody is left waiting, and what passes is what is counted.
func TestNobodyIsLeftWaitingWhenCallsGiveUpAtRandom(t *testing.T) {
	store := newShelf()
	store.before = func(int) error { runtime.Gosched(); return nil }
	k := newTaker(store, fixed(noon))
	var admitted atomic.Int64
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for n := range 50 {
				ctx, cancel := context.WithCancel(t.Context())
				if (i+n)%3 == 0 {
					go cancel()
				}
				l := quota(100_000+i%2, catalog.Day) // two plans cannot share a write
				if v, err := k.Take(ctx, claim("sub", []decision.Limit{l}), 1); err == nil {
					admitted.Add(int64(v.Admitted))
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if err := k.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if admitted.Load() != store.used() {
		t.Errorf("%d admitted, %d counted", admitted.Load(), store.used())
	}
}

func TestAStoreThatPanicsLeavesNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newShelf()
		gate := make(chan struct{})
		store.before = func(n int) error {
			if n == 1 {
				<-gate
				panic("the store is broken")
			}
			return nil
		}
		k := newTaker(store, time.Now)
		limits := []decision.Limit{quota(10, catalog.Day)}
		var passed, failed atomic.Int64
		call := func() {
			if v, err := k.Take(t.Context(), claim("sub", limits), 1); err == nil {
				passed.Add(int64(v.Admitted))
			} else {
				failed.Add(1)
			}
		}
		for range 3 {
			go call()
			synctest.Wait()
		}
		close(gate)
		synctest.Wait()
		if passed.Load()+failed.Load() != 3 {
			t.Errorf("%d passed, %d failed", passed.Load(), failed.Load())
		}
		time.Sleep(2 * time.Second)
		call() // finds the store back
		synctest.Wait()
		if call(); passed.Load() == 0 {
			t.Error("nobody passes any more")
		}
	})
}
