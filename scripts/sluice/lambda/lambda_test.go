package lambda_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	aws "github.com/aws/aws-lambda-go/lambda"

	"sluice/scripts/sluice/lambda"
	"sluice/scripts/sluice/process"
)

// TestMain makes this very program the function that the tests run, on AWS's own Go runtime.
func TestMain(m *testing.M) {
	if mode, ok := os.LookupEnv("TEST_FUNCTION"); ok {
		function(mode)
		return
	}
	os.Exit(m.Run())
}

type event struct {
	Do   string `json:"do"`
	Size int    `json:"size"`
}

// function is a Lambda function that does as its event says.
func function(mode string) {
	switch mode {
	case "exits at start":
		os.Exit(3)
	case "extension":
		go extend(register("meter", `{"events":["INVOKE"]}`))
	case "sigterm":
		register("closer", `{"events":[]}`)
		stopped := make(chan os.Signal, 1)
		signal.Notify(stopped, syscall.SIGTERM)
		go func() {
			<-stopped
			mark("stopped")
			os.Exit(0)
		}()
	case "ignores sigterm":
		register("closer", "")
		signal.Ignore(syscall.SIGTERM)
	}
	aws.Start(func(ctx context.Context, e event) (any, error) {
		switch e.Do {
		case "fail":
			return nil, errors.New("as it was told")
		case "panic":
			panic("as it was told")
		case "exit":
			os.Exit(4)
		case "hang":
			mark(fmt.Sprint("hangs-", os.Getpid()))
			<-context.Background().Done()
		case "deadline":
			by, _ := ctx.Deadline()
			return time.Until(by).Milliseconds(), nil
		case "env":
			return os.Environ(), nil
		case "large":
			return strings.Repeat("x", e.Size), nil
		case "crowd":
			mark(fmt.Sprint("in-", os.Getpid()))
			for { // until both are there
				if in, err := filepath.Glob(filepath.Join(os.Getenv("TEST_DIR"), "in-*")); err == nil && len(in) >= 2 {
					break
				}
			}
		}
		return os.Getpid(), nil
	})
}

func mark(name string) {
	if err := os.WriteFile(filepath.Join(os.Getenv("TEST_DIR"), name), nil, 0o600); err != nil {
		panic(err)
	}
}

func api(method, path, body string, header ...string) *http.Response {
	req, err := http.NewRequestWithContext(context.Background(), method, "http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(err)
	}
	if err := res.Body.Close(); err != nil {
		panic(err)
	}
	return res
}

func register(name, events string) string {
	res := api("POST", "/2020-01-01/extension/register", events, "Lambda-Extension-Name", name)
	if res.StatusCode != http.StatusOK {
		panic(res.Status)
	}
	return res.Header.Get("Lambda-Extension-Identifier")
}

// extend does its work after the answer has gone out: it is done only once the test has seen the answer and says so.
func extend(id string) {
	for n := 0; ; n++ {
		api("GET", "/2020-01-01/extension/event/next", "", "Lambda-Extension-Identifier", id)
		for { // until the test lets it
			if _, err := os.Stat(filepath.Join(os.Getenv("TEST_DIR"), fmt.Sprint("go-on-", n))); err == nil {
				break
			}
		}
	}
}

type fixture struct {
	*lambda.Function
	dir     string
	mu      sync.Mutex
	notices []string
}

func start(t *testing.T, mode string, change func(*lambda.Config)) *fixture {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{dir: t.TempDir()}
	starter := process.NewStarter()
	cfg := lambda.Config{Name: "test", Binary: self, Handler: "bootstrap", MemoryMB: 256, Timeout: 20 * time.Second, MaxInstances: 4,
		Env: map[string]string{"TEST_FUNCTION": mode, "TEST_DIR": f.dir}, Starter: starter,
		Notice: func(format string, args ...any) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.notices = append(f.notices, fmt.Sprintf(format, args...))
		}}
	if change != nil {
		change(&cfg)
	}
	f.Function = lambda.New(cfg)
	t.Cleanup(func() { f.Close(); starter.Close() })
	return f
}

func started(t *testing.T, mode string, change func(*lambda.Config)) *fixture {
	t.Helper()
	f := start(t, mode, change)
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) pid(t *testing.T) int {
	t.Helper()
	out, err := f.Invoke(t.Context(), []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if err := json.Unmarshal(out, &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

// eventually waits for a condition that another process brings about.
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

func state(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "gone"
	}
	after := b[bytes.LastIndexByte(b, ')')+1:]
	return string(bytes.Fields(after)[0])
}

func TestACallReachesTheRealRuntimeAndItsAnswerComesBack(t *testing.T) {
	f := started(t, "plain", nil)
	if got, want := f.pid(t), f.PIDs()[0]; got != want {
		t.Errorf("answered by %d, want %d", got, want)
	}
}

func TestTheEnvironmentIsLambdasAndNothingOfOurs(t *testing.T) {
	t.Setenv("SLUICE_ADMIN_KEY", "sla_not_for_functions")
	f := started(t, "plain", func(c *lambda.Config) { c.Env["TABLE_NAME"] = "sluice" })
	out, err := f.Invoke(t.Context(), []byte(`{"do":"env"}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"AWS_LAMBDA_RUNTIME_API=127.0.0.1:", "_HANDLER=bootstrap", "AWS_LAMBDA_FUNCTION_NAME=test",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "AWS_REGION=us-east-1", "TABLE_NAME=sluice", "AWS_LAMBDA_LOG_STREAM_NAME=local/"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("%s is not in %s", want, out)
		}
	}
	if bytes.Contains(out, []byte("sla_not_for_functions")) {
		t.Error("our own environment leaked into the function")
	}
}

func TestACallThatFailsSaysHowAndTheNextOneWorks(t *testing.T) {
	var reported *lambda.FunctionError
	for name, c := range map[string]struct {
		event string
		is    func(error) bool
	}{
		"an error of the function is its own":       {`{"do":"fail"}`, func(err error) bool { return errors.As(err, &reported) }},
		"a panic is the function's own":             {`{"do":"panic"}`, func(err error) bool { return errors.As(err, &reported) }},
		"a process that exits has crashed":          {`{"do":"exit"}`, func(err error) bool { return errors.Is(err, lambda.ErrCrashed) }},
		"a call that hangs is ended at its limit":   {`{"do":"hang"}`, func(err error) bool { return errors.Is(err, lambda.ErrTimeout) }},
		"an answer over 6 MB is refused":            {`{"do":"large","size":6300000}`, func(err error) bool { return errors.As(err, &reported) }},
		"a payload over 6 MB never reaches anybody": {`"` + strings.Repeat("x", 6<<20) + `"`, func(err error) bool { return errors.Is(err, lambda.ErrTooLarge) }},
	} {
		t.Run(name, func(t *testing.T) {
			f := started(t, "plain", func(c *lambda.Config) {
				if strings.Contains(name, "hangs") {
					c.Timeout = 300 * time.Millisecond
				}
			})
			if _, err := f.Invoke(t.Context(), []byte(c.event)); !c.is(err) {
				t.Errorf("the call gives %v", err)
			}
			f.pid(t)
		})
	}
}

func TestTheDeadlineReachesTheFunction(t *testing.T) {
	f := started(t, "plain", func(c *lambda.Config) { c.Timeout = time.Minute })
	answer, err := f.Invoke(t.Context(), []byte(`{"do":"deadline"}`))
	if left, bad := strconv.Atoi(string(answer)); err != nil || bad != nil || left <= 0 || left > 60_000 {
		t.Errorf("%s ms are left of a minute, %v", answer, err)
	}
}

func TestACallInFlightFailsWithItsProcessAndOthersDoNot(t *testing.T) {
	f := started(t, "plain", nil)
	failed := make(chan error, 1)
	go func() {
		_, err := f.Invoke(t.Context(), []byte(`{"do":"hang"}`))
		failed <- err
	}()
	victim := 0
	eventually(t, "the call is in a process", func() bool {
		in, err := filepath.Glob(filepath.Join(f.dir, "hangs-*"))
		if err != nil || len(in) == 0 {
			return false
		}
		victim, err = strconv.Atoi(strings.TrimPrefix(filepath.Base(in[0]), "hangs-"))
		return err == nil
	})
	eventually(t, "another process takes calls", func() bool { return f.pid(t) != victim })
	if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, lambda.ErrCrashed) {
		t.Errorf("the call in flight gives %v", err)
	}
	f.pid(t)
}

func TestAnIdleProcessThatIsKilledCostsNoCall(t *testing.T) {
	f := started(t, "plain", func(c *lambda.Config) { c.Freeze = true })
	for range 5 {
		pid := f.pid(t)
		eventually(t, "it is idle", func() bool { return state(pid) == "T" })
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it is gone and replaced", func() bool { return f.PIDs() != nil && f.PIDs()[0] != pid })
	}
	f.pid(t)
}

func TestAnIdleProcessIsFrozenAndThawsForItsCall(t *testing.T) {
	f := started(t, "plain", func(c *lambda.Config) { c.Freeze = true })
	pid := f.PIDs()[0]
	for range 3 {
		eventually(t, "the idle process is stopped", func() bool { return state(pid) == "T" })
		if f.pid(t) != pid {
			t.Error("another process answered")
		}
	}
}

func TestAProcessIsFrozenOnlyOnceItsExtensionIsDone(t *testing.T) {
	f := started(t, "extension", func(c *lambda.Config) { c.Freeze, c.MaxInstances = true, 1 })
	pid := f.PIDs()[0]
	eventually(t, "the idle process is stopped", func() bool { return state(pid) == "T" })
	f.pid(t) // the answer is there, the extension still works
	early, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := f.Invoke(early, []byte(`{}`)); !errors.Is(err, lambda.ErrBusy) {
		t.Errorf("a call while the extension of the only process is at work gives %v", err)
	}
	if s := state(pid); s == "T" {
		t.Error("it was frozen while its extension was at work")
	}
	second := make(chan error, 1)
	go func() {
		_, err := f.Invoke(t.Context(), []byte(`{}`))
		second <- err
	}()
	if err := os.WriteFile(filepath.Join(f.dir, "go-on-0"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-second; err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(f.dir, "go-on-1"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the idle process is stopped", func() bool { return state(pid) == "T" })
}
