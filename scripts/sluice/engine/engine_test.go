package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/scripts/sluice/engine"
	"sluice/scripts/sluice/process"
)

const root = "../../.."

func answers(endpoint string) bool {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, endpoint, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return res.Body.Close() == nil && res.StatusCode == http.StatusOK
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("never came about: %s", what)
		}
	}
}

// serving finds the process that was started with our database file.
func serving(file string) int {
	entries, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0
	}
	for _, e := range entries {
		line, err := os.ReadFile(e) // #nosec G304 -- /proc
		if err == nil && strings.Contains(string(line), file) && strings.Contains(string(line), "dynoxide") {
			var pid int
			if _, err := fmt.Sscanf(e, "/proc/%d/", &pid); err == nil {
				return pid
			}
		}
	}
	return 0
}

func TestAnEngineThatDiesIsStartedAgainOnTheSameAddressAndEndsWithUs(t *testing.T) {
	starter := process.NewStarter()
	defer starter.Close()
	file := filepath.Join(t.TempDir(), "data.db")
	notices := make(chan string, 10)
	e, err := engine.Start(t.Context(), engine.Config{Root: root, Data: file, Starter: starter,
		Notice: func(format string, args ...any) { notices <- fmt.Sprintf(format, args...) }})
	if err != nil {
		t.Fatal(err)
	}
	if !answers(e.Endpoint()) {
		t.Error("it does not answer once it has started")
	}
	first := serving(file)
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-notices
	eventually(t, "it answers again", func() bool { return answers(e.Endpoint()) })
	if again := serving(file); again == 0 || again == first {
		t.Errorf("process %d serves after %d was killed", again, first)
	}
	e.Close()
	if pid := serving(file); pid != 0 || answers(e.Endpoint()) {
		t.Errorf("process %d is left", pid)
	}
}

func TestAMissingEngineSaysHowToGetOne(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := engine.Start(t.Context(), engine.Config{Root: t.TempDir()})
	if !errors.Is(err, engine.ErrMissing) || !strings.Contains(err.Error(), "make tools") {
		t.Errorf("%v", err)
	}
}

func TestAnEngineThatCannotStartIsAnErrorAndLeavesNothing(t *testing.T) {
	starter := process.NewStarter()
	defer starter.Close()
	file := filepath.Join(t.TempDir(), "no", "such", "folder", "data.db")
	e, err := engine.Start(t.Context(), engine.Config{Root: root, Data: file, Starter: starter, Notice: t.Logf})
	if err == nil {
		e.Close()
		t.Fatal("it starts without a folder for its data")
	}
	if pid := serving(file); pid != 0 {
		t.Errorf("process %d is left", pid)
	}
}
