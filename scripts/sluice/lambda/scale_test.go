package lambda_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice/scripts/sluice/lambda"
)

func TestInstancesTakeTurns(t *testing.T) {
	f := started(t, "plain", func(c *lambda.Config) { c.Instances = 3 })
	seen := map[int]bool{}
	for range 3 {
		seen[f.pid(t)] = true
	}
	eventually(t, "each of three instances has answered", func() bool { seen[f.pid(t)] = true; return len(seen) == 3 })
	if n := len(f.PIDs()); n != 3 {
		t.Errorf("%d processes, want 3", n)
	}
}

func TestConcurrentCallsRunInProcessesOfTheirOwn(t *testing.T) {
	f := started(t, "plain", nil)
	answers := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := f.Invoke(t.Context(), []byte(`{"do":"crowd"}`)) // returns once two are in
			answers <- err
		}()
	}
	for range 2 {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
}

func TestCallsBeyondTheCapWaitAndGiveUpWithTheirContext(t *testing.T) {
	f := started(t, "plain", func(c *lambda.Config) { c.MaxInstances = 1 })
	go func() { _, _ = f.Invoke(t.Context(), []byte(`{"do":"hang"}`)) }()
	eventually(t, "the only instance is taken", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := f.Invoke(ctx, []byte(`{}`))
		return errors.Is(err, lambda.ErrBusy)
	})
	if n := len(f.PIDs()); n != 1 {
		t.Errorf("%d processes, want 1", n)
	}
}

func TestAFunctionThatCannotStartIsReportedAndNotRetriedForEver(t *testing.T) {
	f := start(t, "exits at start", nil)
	if err := f.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("start gives %v", err)
	}
	if _, err := f.Invoke(t.Context(), []byte(`{}`)); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("a call gives %v", err)
	}
	if n := len(f.PIDs()); n != 0 {
		t.Errorf("%d processes are left", n)
	}
	missing := start(t, "plain", func(c *lambda.Config) { c.Binary = filepath.Join(t.TempDir(), "none") })
	if err := missing.Start(t.Context()); err == nil {
		t.Error("a missing program starts")
	}
}

func TestClosingLeavesNoProcessAndLetsExtensionsFinish(t *testing.T) {
	for name, c := range map[string]struct {
		mode   string
		freeze bool
		marks  bool
	}{
		"a process with an extension gets SIGTERM":             {"sigterm", false, true},
		"a frozen process with an extension gets SIGTERM":      {"sigterm", true, true},
		"a process that ignores SIGTERM is killed":             {"ignores sigterm", false, false},
		"a process without an extension is killed at once":     {"plain", false, false},
		"a frozen process without an extension is killed, too": {"plain", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := started(t, c.mode, func(cfg *lambda.Config) { cfg.Freeze, cfg.Instances = c.freeze, 2 })
			pids := f.PIDs()
			f.pid(t)
			f.Close()
			for _, pid := range pids {
				if s := state(pid); s != "gone" {
					t.Errorf("process %d is left in state %s", pid, s)
				}
			}
			_, err := os.Stat(filepath.Join(f.dir, "stopped"))
			if marked := err == nil; marked != c.marks {
				t.Errorf("SIGTERM was seen: %t, want %t", marked, c.marks)
			}
			if _, err := f.Invoke(t.Context(), nil); !errors.Is(err, lambda.ErrClosed) {
				t.Errorf("a call after closing gives %v", err)
			}
		})
	}
}
