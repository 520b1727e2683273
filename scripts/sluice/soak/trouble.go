package soak

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"sluice/scripts/sluice/bench/proc"
	"sluice/scripts/sluice/fault"
)

// scene is how long one scene of trouble takes, until the next.
const scene = 3 * time.Second

// scenes are what goes wrong, one after the other, again and again. Each lasts shorter than a scene, so that things heal in
// between. Instances are killed at the end of those that say so.
func scenes() []struct {
	store, upstream string
	kill            string // a function, one of whose instances is killed
} {
	return []struct{ store, upstream, kill string }{
		{store: "store=latency:40ms~40ms@0s+2s"},
		{store: "store=throttle:20%@0s+2s"},
		{upstream: "upstream=errors:10%@0s+2s", kill: "proxy"},
		{store: "store=errors:20%@0s+2s"},
		{store: "store=down:1500ms"},
		{upstream: "upstream=latency:20ms~10ms@0s+2s", kill: "authorizer"},
		{store: "store=lost:20%@0s+2s"},
		{upstream: "upstream=lost:5%@0s+2s"},
		{store: "store=latency:400ms~300ms@0s+1s", upstream: "upstream=throttle:20%@0s+2s", kill: "proxy"},
		{}, // a calm one
	}
}

// trouble makes scenes and samples of the resources until ctx ends. An error ends the run.
func (s *soak) trouble(ctx context.Context, end context.CancelFunc) error {
	all := scenes()
	for i := 0; ; i++ {
		if err := s.alive(); err != nil {
			end()
			return err
		}
		now := all[i%len(all)]
		if now.store != "" {
			if f, err := fault.Parse(now.store); err != nil {
				end()
				return err
			} else if _, err := fault.Tell(ctx, s.cloud.DataDir, f); err != nil && ctx.Err() == nil {
				end()
				return err
			}
		}
		if now.upstream != "" {
			if err := s.upstream.tell(now.upstream); err != nil {
				end()
				return err
			}
		}
		if rest(ctx, scene) != nil {
			return nil
		}
		s.report.Scenes++
		if now.kill != "" && !s.InProcess {
			s.kill(now.kill)
		}
		if i%len(all) == len(all)-1 { // the calm one has just been
			if err := s.sample(); err != nil {
				end()
				return err
			}
			s.say("%d scenes: %s", i+1, s.tallies())
		}
	}
}

// kill kills an instance of a function, whatever it is doing.
func (s *soak) kill(function string) {
	pids, err := s.instances(function)
	if err != nil || len(pids) == 0 {
		return
	}
	if syscall.Kill(pids[0], syscall.SIGKILL) == nil {
		s.report.Kills[function]++
	}
}

// instances lists the processes of a function, the oldest first.
func (s *soak) instances(function string) ([]int, error) {
	tree, err := proc.Tree(s.cloud.PID)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, p := range tree {
		if role(p) == function {
			pids = append(pids, p.PID)
		}
	}
	return pids, nil
}

// role names what a process of the cloud is: a function, the engine, or the cloud itself.
func role(p proc.Process) string {
	if p.Name != "bootstrap" {
		return p.Name
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID))
	if err != nil {
		return "" // it has just ended
	}
	program, _, _ := bytes.Cut(line, []byte{0})
	return filepath.Base(filepath.Dir(string(program)))
}

// goroutines ends an instance in such a way that it writes its goroutines into its log, and counts them. Go does so on
// SIGQUIT, without a line of code in the function. -1: there is no such instance.
func (s *soak) goroutines(ctx context.Context, function string) (int, error) {
	pids, err := s.instances(function)
	if err != nil || len(pids) == 0 {
		return -1, err
	}
	path := filepath.Join(s.cloud.DataDir, "logs", function+".log")
	before, err := os.Stat(path)
	if err != nil {
		return -1, fmt.Errorf("find the log of %s: %w", function, err)
	}
	if err := syscall.Kill(pids[0], syscall.SIGQUIT); err != nil {
		return -1, fmt.Errorf("ask %s for its goroutines: %w", function, err)
	}
	for range 100 {
		if err := syscall.Kill(pids[0], 0); err != nil {
			break
		}
		if err := rest(ctx, 50*time.Millisecond); err != nil {
			return -1, err
		}
	}
	log, err := os.ReadFile(path) // #nosec G304 -- of our own cloud
	if err != nil {
		return -1, fmt.Errorf("read the log of %s: %w", function, err)
	}
	n := 0
	for line := range strings.Lines(string(log[min(before.Size(), int64(len(log))):])) {
		if strings.HasPrefix(line, "goroutine ") && strings.HasSuffix(strings.TrimSpace(line), ":") {
			n++
		}
	}
	return n, nil
}
