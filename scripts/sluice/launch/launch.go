// Package launch starts the parts of an experiment (a benchmark, a soak) as processes of their own, so that what each one
// uses is the kernel's figure. Everything listens on loopback ports that the kernel chooses, writes into one temporary
// folder, and ends with the experiment.
package launch

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"sluice/scripts/sluice/engine"
	"sluice/scripts/sluice/process"
	"sluice/shared/credential"
)

const (
	readyLimit = time.Minute
	grace      = 8 * time.Second
)

// Parts are the processes of an experiment, and what else must end with it.
type Parts struct {
	Program string // the sluice binary
	Root    string // the repository
	Folder  string // temporary

	starter *process.Starter
	closers []func() // in reverse order of starting
}

// Open makes the folder. Close ends what was started and removes it.
func Open(program, root, name string) (*Parts, error) {
	folder, err := os.MkdirTemp("", "sluice-"+name+"-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the run's data: %w", err)
	}
	p := &Parts{Program: program, Root: root, Folder: folder, starter: process.NewStarter()}
	p.After(func() { _ = os.RemoveAll(folder) }) // what is left lies among temporary files
	p.After(p.starter.Close)
	return p, nil
}

// After registers what ends a part; parts end in the opposite order.
func (p *Parts) After(end func()) { p.closers = append(p.closers, end) }

// Close ends everything.
func (p *Parts) Close() {
	for _, end := range slices.Backward(p.closers) {
		end()
	}
}

// Part is a child that is ready.
type Part struct {
	PID   int
	Found []string        // what it said of itself
	Done  <-chan struct{} // closed when it has ended
}

// Start starts the program and waits until it has said what the pattern's groups look for.
func (p *Parts) Start(ctx context.Context, ready *regexp.Regexp, env []string, args ...string) (Part, error) {
	out := &Said{Changed: make(chan struct{}, 1)}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), p.Program, args...) // #nosec G204 -- this program itself; Close ends it, in order
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = append([]string{}, env...), out, out, time.Second
	child, err := p.starter.Start(cmd)
	if err != nil {
		return Part{}, fmt.Errorf("start %s: %w", args[0], err)
	}
	p.After(func() { child.Stop(grace) })
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	for {
		select {
		case <-out.Changed:
		case <-child.Done():
			return Part{}, fmt.Errorf("%s %s ended at its start (%w): %s", args[0], args[1], child.Err(), out.Text())
		case <-ctx.Done():
			return Part{}, fmt.Errorf("%s %s does not become ready: %w: %s", args[0], args[1], ctx.Err(), out.Text())
		}
		if m := ready.FindSubmatch(out.Text()); m != nil {
			found := Part{PID: child.PID(), Done: child.Done()}
			for _, group := range m[1:] {
				found.Found = append(found.Found, string(group))
			}
			return found, nil
		}
	}
}

// Cloud is a local cloud that is ready.
type Cloud struct {
	Part
	Key     credential.Secret // of the admin
	DataDir string
}

// Ready matches what `sluice local` says once it is ready: the address of the gateway, that of the management API, and the
// URL of its figures, or "".
func Ready() *regexp.Regexp {
	return regexp.MustCompile(`(?ms)(?:^figures +(http://\S+)$.*)?^gateway +http://([^/\s]+)/.*^management +http://([^/\s]+)/.*^ready$`)
}

// Gateway is the host and port of the data plane.
func (c Cloud) Gateway() string { return c.Found[1] }

// Management is the URL of the control plane.
func (c Cloud) Management() string { return "http://" + c.Found[2] }

// Figures is where --figures are; "" without.
func (c Cloud) Figures() string { return c.Found[0] }

// Cloud starts a local cloud without demo on a data folder of that name, with more flags.
func (p *Parts) Cloud(ctx context.Context, name string, flags ...string) (Cloud, error) {
	key, err := credential.Mint(rand.Reader, credential.AdminPrefix)
	if err != nil {
		return Cloud{}, err
	}
	binary, err := engine.Find(p.Root)
	if err != nil {
		return Cloud{}, err
	}
	data := filepath.Join(p.Folder, name)
	args := append([]string{"local", "--root", p.Root, "--gateway-addr", "127.0.0.1:0", "--management-addr", "127.0.0.1:0",
		"--data-dir", data, "--with-parent"}, flags...)
	env := []string{"SLUICE_DEMO=off", "SLUICE_ADMIN_KEY=" + key.Reveal(), "PATH=" + filepath.Dir(binary)}
	child, err := p.Start(ctx, Ready(), env, args...)
	return Cloud{child, key, data}, err
}

// Engine starts an engine that keeps its data in memory, and gives its URL.
func (p *Parts) Engine(ctx context.Context) (string, error) {
	e, err := engine.Start(ctx, engine.Config{Root: p.Root, Starter: p.starter, Notice: func(string, ...any) {}})
	if err != nil {
		return "", err
	}
	p.After(e.Close)
	return e.Endpoint(), nil
}

// Starter starts more children; they end with the parts.
func (p *Parts) Starter() *process.Starter { return p.starter }

// Said keeps the beginning of what a child says, and tells that there is more of it.
type Said struct {
	Changed chan struct{} // with room for one
	mu      sync.Mutex
	kept    bytes.Buffer
}

// Write takes more.
func (s *Said) Write(b []byte) (int, error) {
	const enough = 64 << 10
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept.Len() < enough {
		s.kept.Write(b)
		select {
		case s.Changed <- struct{}{}:
		default:
		}
	}
	return len(b), nil
}

// Text is what is kept.
func (s *Said) Text() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.kept.Bytes())
}
