package bench

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
	partLimit = time.Minute // for a part to become ready
	partGrace = 8 * time.Second
)

// parts are the processes of a run, and what else must end with it.
type parts struct {
	Options
	folder  string // data of the gateways
	starter *process.Starter
	closers []func() // in reverse order of starting
}

func open(o Options) (*parts, error) {
	folder, err := os.MkdirTemp("", "sluice-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the run's data: %w", err)
	}
	p := &parts{Options: o, folder: folder, starter: process.NewStarter()}
	p.after(func() { _ = os.RemoveAll(folder) }) // what is left lies among temporary files
	p.after(p.starter.Close)
	return p, nil
}

func (p *parts) after(end func()) { p.closers = append(p.closers, end) }

func (p *parts) close() {
	for _, end := range slices.Backward(p.closers) {
		end()
	}
}

// part is a child that is ready.
type part struct {
	pid  int
	urls []string // what it said of itself
}

// start starts this program again with other arguments, and waits until it has said what the pattern's groups look for.
func (p *parts) start(ctx context.Context, ready *regexp.Regexp, env []string, args ...string) (part, error) {
	out := &said{changed: make(chan struct{}, 1)}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), p.Program, args...) // #nosec G204 -- this program itself; close ends it, in order
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = append([]string{}, env...), out, out, time.Second
	child, err := p.starter.Start(cmd)
	if err != nil {
		return part{}, fmt.Errorf("start %s: %w", args[0], err)
	}
	p.after(func() { child.Stop(partGrace) })
	ctx, cancel := context.WithTimeout(ctx, partLimit)
	defer cancel()
	for {
		select {
		case <-out.changed:
		case <-child.Done():
			return part{}, fmt.Errorf("%s %s ended at its start (%w): %s", args[0], args[1], child.Err(), out.text())
		case <-ctx.Done():
			return part{}, fmt.Errorf("%s %s does not become ready: %w: %s", args[0], args[1], ctx.Err(), out.text())
		}
		if m := ready.FindSubmatch(out.text()); m != nil {
			found := part{pid: child.PID()}
			for _, group := range m[1:] {
				found.urls = append(found.urls, string(group))
			}
			return found, nil
		}
	}
}

func (p *parts) serving(ctx context.Context, args ...string) (part, error) {
	return p.start(ctx, regexp.MustCompile(`(?m)^serving http://(\S+)$`), nil, append([]string{"bench"}, args...)...)
}

// gateway is a local cloud with the benchmark's API in it.
type gateway struct {
	part
	key credential.Secret // of the admin
}

// address is the host and port of the data plane.
func (g gateway) address() string { return g.urls[0] }

// management is the URL of the control plane.
func (g gateway) management() string { return "http://" + g.urls[1] }

// gateway starts a local cloud; with endpoint "" it brings its own engine.
func (p *parts) gateway(ctx context.Context, name, endpoint string) (gateway, error) {
	key, err := credential.Mint(rand.Reader, credential.AdminPrefix)
	if err != nil {
		return gateway{}, err
	}
	binary, err := engine.Find(p.Root)
	if err != nil {
		return gateway{}, err
	}
	args := []string{"local", "--root", p.Root, "--gateway-addr", "127.0.0.1:0", "--management-addr", "127.0.0.1:0",
		"--data-dir", filepath.Join(p.folder, name), "--dynamodb-endpoint", endpoint, "--schedule-every", "0", "--with-parent"}
	if !p.Processes {
		args = append(args, "--in-process")
	}
	env := []string{"SLUICE_DEMO=off", "SLUICE_ADMIN_KEY=" + key.Reveal(), "PATH=" + filepath.Dir(binary)}
	ready := regexp.MustCompile(`(?ms)^gateway +http://([^/\s]+)/.*^management +http://([^/\s]+)/.*^ready$`)
	child, err := p.start(ctx, ready, env, args...)
	return gateway{child, key}, err
}

// ownEngine starts an engine in memory, behind a proxy that counts what it is asked.
func (p *parts) ownEngine(ctx context.Context) (endpoint string, c *counter, err error) {
	e, err := engine.Start(ctx, engine.Config{Root: p.Root, Starter: p.starter, Notice: func(string, ...any) {}})
	if err != nil {
		return "", nil, err
	}
	p.after(e.Close)
	if c, err = newCounter(e.Endpoint()); err != nil {
		return "", nil, err
	}
	server, address, err := listen(ctx, c)
	if err != nil {
		return "", nil, err
	}
	p.after(func() { _ = server.Close() }) // its callers have ended
	return "http://" + address, c, nil
}

// said keeps what a child says while it starts, and tells that there is more of it.
type said struct {
	changed chan struct{}
	mu      sync.Mutex
	kept    bytes.Buffer
}

// Write takes more.
func (s *said) Write(b []byte) (int, error) {
	const enough = 64 << 10
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept.Len() < enough {
		s.kept.Write(b)
		select {
		case s.changed <- struct{}{}:
		default:
		}
	}
	return len(b), nil
}

func (s *said) text() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.kept.Bytes())
}
