package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	children "sluice/scripts/sluice/process"
)

// process is a child that listens on a loopback port.
type process struct {
	endpoint string
	child    *children.Process
	starter  *children.Starter
	stop     sync.Once
}

// start runs a program and waits until it has printed that it listens, and a connection succeeds.
func start(ready string, port int, program string, args ...string) (*process, error) {
	cmd := exec.CommandContext(context.Background(), program, args...) //nolint:gosec // G204: a pinned program of our own tools
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	p := &process{endpoint: "http://127.0.0.1:" + strconv.Itoa(port), starter: children.NewStarter()}
	var err error
	if p.child, err = p.starter.Start(cmd); err != nil {
		p.starter.Close()
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	go func() {
		<-p.child.Done()
		_ = in.Close() // its reader has ended or ends now
	}()
	said, listening := watch(out, ready)
	select {
	case <-listening:
	case <-p.child.Done():
		p.kill()
		return nil, fmt.Errorf("%s ended at once: %s", program, said())
	case <-time.After(60 * time.Second):
		p.kill()
		return nil, fmt.Errorf("%s did not say %q: %s", program, ready, said())
	}
	if err := p.answers(port); err != nil {
		p.kill()
		return nil, fmt.Errorf("%s: %w: %s", program, err, said())
	}
	return p, nil
}

// kill ends the child by its own handle and waits until it is gone.
func (p *process) kill() {
	p.stop.Do(func() {
		p.child.Stop(0)
		p.starter.Close()
	})
}

// answers waits until the port takes connections: a program may say that it listens a moment before it does.
func (p *process) answers(port int) error {
	dialer := &net.Dialer{Timeout: time.Second}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 6000 {
		conn, err := dialer.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.child.Done():
			return errors.New("ended before it listened")
		case <-tick.C:
		}
	}
	return errors.New("did not listen within 30 s")
}

// watch reads what the child prints until it ends. said gives the first lines, for errors.
func watch(out io.Reader, ready string) (said func() string, listening <-chan struct{}) {
	var mu sync.Mutex
	var lines []string
	found := make(chan struct{})
	go func() {
		seen := false
		for s := bufio.NewScanner(out); s.Scan(); {
			mu.Lock()
			if len(lines) < 20 {
				lines = append(lines, s.Text())
			}
			mu.Unlock()
			if !seen && strings.Contains(s.Text(), ready) {
				seen = true
				close(found)
			}
		}
	}()
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(lines, "; ")
	}, found
}
