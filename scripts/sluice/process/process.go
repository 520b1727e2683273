// Package process starts child processes that cannot outlive this one.
//
// ^C at a terminal reaches a whole process group, so each child gets a group of its own and is ended by us, in order.
// If we are killed, the kernel kills the children (on Linux: the parent-death signal). That signal follows the thread
// which started the child, not the process: one thread does all the starting while the starter is open, and it is given
// back alive, since it may have started somebody else's children before.
package process

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// ErrClosed says that the starter has been closed.
var ErrClosed = errors.New("no process is started any more")

// Starter starts processes. Make one with NewStarter and close it when every child has ended.
type Starter struct {
	jobs   chan job
	closed chan struct{}
	ended  chan struct{} // nothing is started from here on

	mu      sync.Mutex
	over    bool
	running map[*Process]struct{}
}

type job struct {
	cmd  *exec.Cmd
	done chan error
}

// NewStarter begins the thread that starts children.
func NewStarter() *Starter {
	s := &Starter{jobs: make(chan job), closed: make(chan struct{}), ended: make(chan struct{}), running: map[*Process]struct{}{}}
	go func() {
		defer close(s.ended)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread() // a goroutine that ends while it is locked takes its thread along
		for {
			select {
			case j := <-s.jobs:
				j.done <- j.cmd.Start()
			case <-s.closed:
				return
			}
		}
	}()
	return s
}

// Close kills the children that still run; none is started from here on.
func (s *Starter) Close() {
	close(s.closed)
	<-s.ended
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	for p := range s.running {
		_ = p.cmd.Process.Kill() // it may have ended just now
	}
}

// Process is a running child.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of Wait; read after done
}

// Start starts the command in a process group of its own.
func (s *Starter) Start(cmd *exec.Cmd) (*Process, error) {
	cmd.SysProcAttr = attributes()
	j := job{cmd, make(chan error, 1)}
	select {
	case s.jobs <- j:
	case <-s.closed:
		return nil, ErrClosed
	}
	if err := <-j.done; err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	s.mu.Lock()
	s.running[p] = struct{}{}
	if s.over { // closed between its start and here
		_ = cmd.Process.Kill()
	}
	s.mu.Unlock()
	go func() {
		p.err = cmd.Wait()
		s.mu.Lock()
		delete(s.running, p)
		s.mu.Unlock()
		close(p.done)
	}()
	return p, nil
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err tells how the process ended: nil for exit code 0. It waits for the end.
func (p *Process) Err() error {
	<-p.done
	return p.err
}

// State gives what the process used, once it has ended.
func (p *Process) State() *os.ProcessState {
	<-p.done
	return p.cmd.ProcessState
}

// Signal sends a signal to the process; one that has ended is no error.
func (p *Process) Signal(s syscall.Signal) error {
	err := p.cmd.Process.Signal(s)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Stop asks the process to end, and kills it if it has not ended after the grace. It returns when the process is gone.
func (p *Process) Stop(grace time.Duration) {
	if grace > 0 && p.Signal(syscall.SIGTERM) == nil {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-p.done:
			return
		case <-timer.C:
		}
	}
	_ = p.cmd.Process.Kill() // it may have ended just now
	<-p.done
}
