// Package engine runs the DynamoDB engine of the local cloud: dynoxide on a file, on a loopback port of its own, started
// again if it dies. Functions see a short outage then, as they would see one of DynamoDB.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"sluice/scripts/sluice/process"
)

// ErrMissing says that there is no engine to start, and how to get one.
var ErrMissing = errors.New("no DynamoDB engine: run `make tools`, put dynoxide on PATH, or name another with --dynamodb-endpoint")

const (
	startLimit = 10 * time.Second
	stopGrace  = 3 * time.Second
	pause      = 100 * time.Millisecond // before it is started again
	portTries  = 5
)

// Config says where the engine's parts are.
type Config struct {
	Root    string // the repository, for the binary that npm brings
	Data    string // the database file
	Log     *os.File
	Starter *process.Starter
	Notice  func(format string, args ...any)
}

// Engine is a running engine.
type Engine struct {
	cfg    Config
	binary string
	port   int
	stop   chan struct{}
	gone   sync.WaitGroup
}

// Find looks for dynoxide where npm puts it below root, then on PATH. The error is ErrMissing.
func Find(root string) (string, error) {
	pinned := filepath.Join(root, "scripts", "tools", "node_modules", "@dynoxide", "linux-x64", "dynoxide")
	if info, err := os.Stat(pinned); err == nil && info.Mode()&0o111 != 0 {
		return filepath.Abs(pinned)
	}
	if found, err := exec.LookPath("dynoxide"); err == nil {
		return filepath.Abs(found)
	}
	return "", ErrMissing
}

// Start starts the engine and returns once it answers.
func Start(ctx context.Context, cfg Config) (*Engine, error) {
	binary, err := Find(cfg.Root)
	if err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg, binary: binary, stop: make(chan struct{})}
	for try := 1; ; try++ {
		if e.port, err = freePort(ctx); err != nil {
			return nil, err
		}
		p, err := e.launch(ctx)
		if err == nil {
			e.gone.Add(1)
			go e.keep(p)
			return e, nil
		}
		if try == portTries || ctx.Err() != nil {
			return nil, err
		}
	}
}

// Endpoint is the engine's URL; it stays the same when the engine is started again.
func (e *Engine) Endpoint() string { return "http://127.0.0.1:" + strconv.Itoa(e.port) }

// Close ends the engine and returns when it is gone.
func (e *Engine) Close() {
	close(e.stop)
	e.gone.Wait()
}

func (e *Engine) launch(ctx context.Context) (*process.Process, error) {
	args := []string{"serve", "--host", "127.0.0.1", "--port", strconv.Itoa(e.port)}
	if e.cfg.Data != "" {
		args = append(args, "--db-path", e.cfg.Data)
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), e.binary, args...) // #nosec G204 -- found by Find; Close ends it
	cmd.Env = []string{}
	if e.cfg.Log != nil {
		cmd.Stdout, cmd.Stderr = e.cfg.Log, e.cfg.Log
	}
	p, err := e.cfg.Starter.Start(cmd)
	if err != nil {
		return nil, fmt.Errorf("start the DynamoDB engine: %w", err)
	}
	if err := e.healthy(ctx, p); err != nil {
		p.Stop(0)
		return nil, err
	}
	return p, nil
}

// healthy waits until the engine answers.
func (e *Engine) healthy(ctx context.Context, p *process.Process) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.Done():
			return fmt.Errorf("the DynamoDB engine ended at its start: %w", p.Err())
		case <-ctx.Done():
			return fmt.Errorf("the DynamoDB engine does not answer: %w", ctx.Err())
		case <-tick.C:
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.Endpoint(), nil)
		if err != nil {
			return fmt.Errorf("ask the DynamoDB engine: %w", err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			continue
		}
		_, _ = io.Copy(io.Discard, res.Body)
		if err := res.Body.Close(); err == nil && res.StatusCode == http.StatusOK {
			return nil
		}
	}
}

// keep starts the engine again whenever it dies, until Close.
func (e *Engine) keep(p *process.Process) {
	defer e.gone.Done()
	for {
		select {
		case <-e.stop:
			p.Stop(stopGrace)
			return
		case <-p.Done():
		}
		e.cfg.Notice("the DynamoDB engine ended (%v); starting it again", p.Err())
		again := e.again()
		if again == nil {
			return
		}
		p = again
	}
}

// again tries until the engine runs; nil after Close.
func (e *Engine) again() *process.Process {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-e.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	for {
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		p, err := e.launch(ctx)
		if err == nil {
			return p
		}
		if ctx.Err() == nil {
			e.cfg.Notice("%v", err)
		}
	}
}

func freePort(ctx context.Context) (int, error) {
	var cfg net.ListenConfig
	l, err := cfg.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	address, ok := l.Addr().(*net.TCPAddr)
	if err := l.Close(); err != nil || !ok {
		return 0, fmt.Errorf("find a free port: %v: %w", l.Addr(), err)
	}
	return address.Port, nil
}
