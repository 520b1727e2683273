package soak

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"sluice/scripts/sluice/fault"
	"sluice/scripts/sluice/soak/growth"
)

const (
	scene    = 3 * time.Second // how long one scene of trouble takes, until the next
	progress = time.Minute     // between two lines of progress
)

// scenes are what goes wrong, one after the other, again and again: every kind of fault of the store and of the upstreams.
// Each lasts shorter than a scene, so that things heal in between. Instances are killed at the end of those that say so.
func scenes() []struct {
	faults string // separated by ";"
	kill   string // a function, one of whose instances is killed
} {
	return []struct{ faults, kill string }{
		{"store=latency:40ms~40ms@0s+2s", ""},
		{"upstream=latency:60ms~50ms@0s+2s", "proxy"},
		{"store=throttle:20%@0s+2s", ""},
		{"upstream=errors:10%@0s+2s", "proxy"},
		{"upstream=down:1s", ""},
		{"store=errors:20%@0s+2s", ""},
		{"store=down:1500ms", ""},
		{"", "authorizer"},
		{"store=lost:20%@0s+2s", "proxy"},
		{"upstream=lost:5%@0s+2s", ""},
		{"store=latency:400ms~300ms@0s+1s;upstream=throttle:20%@0s+2s", "proxy"},
		{"store=down:1s;upstream=down:500ms", ""},
		{"", ""}, // a calm one
	}
}

// trouble makes scenes, changes the configuration and samples resources until ctx ends. An error ends the run.
func (s *soak) trouble(ctx context.Context) error {
	all, told := scenes(), time.Now()
	every := max(scene, s.For/growth.Most)
	sampled := time.Time{}
	for i := 0; ; i++ {
		if err := s.alive(); err != nil {
			return err
		}
		now := all[i%len(all)]
		counted, err := s.inject(ctx, now.faults)
		if err != nil || ctx.Err() != nil {
			return err
		}
		changed := make(chan error, 1)
		go func() { changed <- s.world.Change(ctx, &s.report.Changes) }()
		over := fault.Sleep(ctx, scene) != nil
		if err := <-changed; err != nil {
			return err
		}
		s.giveKeys()
		if err := counted(); err != nil || over {
			return err
		}
		s.report.Scenes++
		if now.kill != "" && !s.InProcess {
			s.kill(now.kill)
		}
		if time.Since(sampled) >= every {
			sampled = time.Now()
			s.sample(ctx)
		}
		if time.Since(told) >= progress {
			told = time.Now()
			s.say("%s of %s, %d scenes: %s", time.Since(s.report.Began).Round(time.Second), s.For, i+1, s.tallies())
		}
	}
}

// inject makes the faults of a scene; counted adds what they hit to the report, once they are over.
func (s *soak) inject(ctx context.Context, texts string) (counted func() error, err error) {
	none := func() error { return nil }
	if texts == "" {
		return none, nil
	}
	faults, err := fault.ParseAll([]string{texts})
	if err != nil {
		return none, err
	}
	for _, f := range faults {
		if f.Target == fault.Store {
			s.report.StoreFaults++
			_, err = fault.Tell(ctx, s.cloud.DataDir, f)
		} else {
			err = s.upstream.Inject(f)
		}
		if err != nil && ctx.Err() == nil {
			return none, fmt.Errorf("make a fault: %w", err)
		}
	}
	return func() error {
		store, err := fault.Tell(context.WithoutCancel(ctx), s.cloud.DataDir)
		if err != nil {
			return err
		}
		for _, f := range faults {
			stand := store
			if f.Target == fault.Upstream {
				stand = s.upstream.Faults()
			}
			for n := len(stand) - 1; n >= 0; n-- { // the last one with this text is ours
				if stand[n].Fault == f.String() {
					s.report.Faults[string(f.Target)+" "+string(f.Kind)] += stand[n].Hits
					break
				}
			}
		}
		return nil
	}, nil
}

// kill kills an instance of a function, whatever it is doing; never the oldest, which shows whether an instance grows.
func (s *soak) kill(function string) {
	if pids, err := s.instances(function); err == nil && len(pids) > 1 && syscall.Kill(pids[1], syscall.SIGKILL) == nil {
		s.report.Kills[function]++
	}
}

// instances lists the processes of a function, the oldest first.
func (s *soak) instances(function string) ([]int, error) {
	all, err := growth.Look(s.cloud.PID)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, p := range all {
		if p.Role == function {
			pids = append(pids, p.PID)
		}
	}
	return pids, nil
}
