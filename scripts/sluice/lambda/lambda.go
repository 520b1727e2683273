// Package lambda runs a function's real binary as AWS Lambda does: behind the Runtime API and the Extensions API, one
// process per concurrent call, with Lambda's environment, time limits, freezing between calls and way of shutting down.
//
// A call takes the instance that has been idle the longest, so instances take turns. If all are busy another one is
// started, up to Config.MaxInstances; beyond that calls wait. An instance is idle once the function has asked for its
// next call and each extension for its next event. One that ends, for whatever reason, fails the call it had, and that
// call only.
package lambda

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"sluice/scripts/sluice/process"
)

// MaxPayloadBytes is what one call may carry in either direction.
const MaxPayloadBytes = 6 << 20

// The ways in which a call fails without the function's own say.
var (
	ErrCrashed  = errors.New("the function's process ended during the call")
	ErrTimeout  = errors.New("the function did not finish in time")
	ErrBusy     = errors.New("no instance of the function became free in time")
	ErrTooLarge = errors.New("the payload is larger than 6 MB")
	ErrClosed   = errors.New("the function has been shut down")
)

// FunctionError is an error that the function itself reported.
type FunctionError struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
}

// Error gives the type and the message.
func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// Config says what to run and how.
type Config struct {
	Name         string // the function's name, for its environment and the progress
	Binary       string // path of the executable
	Handler      string
	MemoryMB     int
	Timeout      time.Duration // of one call, its extensions' work included
	Env          map[string]string
	Instances    int  // kept ready, at least 1
	MaxInstances int  // at most this many at once
	Freeze       bool // stop idle processes, as Lambda does
	Log          *os.File
	Starter      *process.Starter
	Notice       func(format string, args ...any) // what someone watching should know
}

// Function is one function with its instances.
type Function struct {
	cfg Config

	mu       sync.Mutex
	idle     []*instance // the longest idle first
	live     []*instance // all that have not ended, those that start included
	starting int
	waiters  []chan grant
	closed   bool
	peak     int // most instances busy at once since the last look
	ending   sync.WaitGroup
	stop     chan struct{}
}

// grant hands a waiting call its instance, or the reason why there is none.
type grant struct {
	instance *instance
	err      error
}

// New prepares a function; Start begins its processes.
func New(cfg Config) *Function {
	cfg.Instances = max(cfg.Instances, 1)
	cfg.MaxInstances = max(cfg.MaxInstances, cfg.Instances)
	if cfg.Notice == nil {
		cfg.Notice = func(string, ...any) {}
	}
	return &Function{cfg: cfg, stop: make(chan struct{})}
}

// Start starts the instances that are kept ready and waits until each has initialised. The error is that of the first
// one which could not; calls will try again.
func (f *Function) Start(ctx context.Context) error {
	results := make(chan error, f.cfg.Instances)
	f.mu.Lock()
	for range f.cfg.Instances {
		f.spawn(results)
	}
	f.mu.Unlock()
	f.ending.Add(1)
	go f.retire()
	var first error
	for range f.cfg.Instances {
		select {
		case err := <-results:
			if first == nil {
				first = err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return first
}

// Invoke calls the function and gives its answer. Errors: *FunctionError, the Err… of this package, or that of the
// context, whose end does not end the function's work.
func (f *Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	if len(payload) > MaxPayloadBytes {
		return nil, ErrTooLarge
	}
	call := newInvocation(payload, f.cfg.Timeout)
	for {
		i, err := f.acquire(ctx)
		if err != nil {
			return nil, fmt.Errorf("call %s: %w", f.cfg.Name, err)
		}
		if i.dispatch(call) {
			break // else it ended in this moment, and has seen nothing of the call
		}
	}
	select {
	case r := <-call.result:
		if r.err != nil {
			return nil, fmt.Errorf("call %s: %w", f.cfg.Name, r.err)
		}
		return r.payload, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("call %s: %w", f.cfg.Name, ctx.Err())
	}
}

// PIDs lists the processes that run.
func (f *Function) PIDs() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	var pids []int
	for _, i := range f.live {
		if pid := i.pid(); pid != 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Close shuts every instance down and returns when all processes are gone.
func (f *Function) Close() {
	f.mu.Lock()
	if !f.closed {
		f.closed = true
		close(f.stop)
	}
	for _, w := range f.waiters {
		w <- grant{err: ErrClosed}
	}
	f.waiters = nil
	live := slices.Clone(f.live)
	f.mu.Unlock()
	for _, i := range live {
		go i.shutdown()
	}
	f.ending.Wait()
}

// acquire takes the instance that has been idle the longest, or waits for one.
func (f *Function) acquire(ctx context.Context) (*instance, error) {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil, ErrClosed
	}
	if len(f.idle) > 0 {
		i := f.idle[0]
		f.idle = f.idle[1:]
		f.peak = max(f.peak, len(f.live)-f.starting-len(f.idle))
		f.mu.Unlock()
		return i, nil
	}
	wait := make(chan grant, 1)
	f.waiters = append(f.waiters, wait)
	f.peak = max(f.peak, len(f.live)+1)
	if f.starting < len(f.waiters) && len(f.live) < f.cfg.MaxInstances {
		f.spawn(nil)
	}
	f.mu.Unlock()
	select {
	case g := <-wait:
		return g.instance, g.err
	case <-ctx.Done():
		return f.giveUp(wait)
	}
}

// giveUp leaves the queue; an instance that was granted in the same moment goes to somebody else.
func (f *Function) giveUp(wait chan grant) (*instance, error) {
	f.mu.Lock()
	if at := slices.Index(f.waiters, wait); at >= 0 {
		f.waiters = slices.Delete(f.waiters, at, at+1)
	}
	f.mu.Unlock()
	select {
	case g := <-wait:
		if g.instance != nil {
			f.ready(g.instance)
		}
	default:
	}
	return nil, ErrBusy
}

// spawn begins one more instance; f.mu is held. The result, if wanted, is told once it has initialised.
func (f *Function) spawn(result chan<- error) {
	i := &instance{function: f}
	f.live = append(f.live, i)
	f.starting++
	f.ending.Add(1)
	go func() {
		defer f.ending.Done()
		err := i.start()
		f.mu.Lock()
		f.starting--
		f.mu.Unlock()
		if err != nil {
			f.cfg.Notice("function %s did not start: %v", f.cfg.Name, err)
			f.remove(i)
			f.refuse(err)
		} else {
			f.ready(i)
		}
		if result != nil {
			result <- err
		}
		if err != nil {
			return
		}
		f.replace(i, i.wait())
	}()
}

// ready makes an instance available: to the call that has waited the longest, else to the idle ones.
func (f *Function) ready(i *instance) {
	f.mu.Lock()
	if f.closed || !slices.Contains(f.live, i) {
		f.mu.Unlock()
		return
	}
	if len(f.waiters) > 0 {
		w := f.waiters[0]
		f.waiters = f.waiters[1:]
		f.mu.Unlock()
		w <- grant{instance: i}
		return
	}
	if f.cfg.Freeze {
		i.freeze()
	}
	f.idle = append(f.idle, i)
	f.mu.Unlock()
}

// refuse tells the call that has waited the longest why it gets no instance.
func (f *Function) refuse(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.waiters) > 0 {
		f.waiters[0] <- grant{err: err}
		f.waiters = f.waiters[1:]
	}
}

func (f *Function) remove(i *instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	same := func(o *instance) bool { return o == i }
	f.live = slices.DeleteFunc(f.live, same)
	f.idle = slices.DeleteFunc(f.idle, same)
}

// replace forgets an instance that has ended and keeps the number that is to be ready. One that ended before its first
// call is replaced when a call needs it: a function that cannot stay up is not started over and over.
func (f *Function) replace(i *instance, end error) {
	served := i.served()
	f.remove(i)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	if !i.retired {
		f.cfg.Notice("function %s: process %d ended (%s); another one takes its place", f.cfg.Name, i.pid(), describe(end))
	}
	if served && len(f.live) < f.cfg.Instances || len(f.waiters) > f.starting {
		f.spawn(nil)
	}
}

func describe(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

// retireAfter is how often instances beyond those kept ready are looked at; what a whole span did not need goes.
const retireAfter = time.Minute

func (f *Function) retire() {
	defer f.ending.Done()
	tick := time.NewTicker(retireAfter)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			f.shrink()
		case <-f.stop:
			return
		}
	}
}

// shrink shuts down the idle instances that nobody needed since the last look.
func (f *Function) shrink() {
	f.mu.Lock()
	surplus := min(len(f.live)-max(f.cfg.Instances, f.peak), len(f.idle))
	f.peak = 0
	var gone []*instance
	if surplus > 0 {
		gone = slices.Clone(f.idle[:surplus])
		f.idle = f.idle[surplus:]
	}
	for _, i := range gone {
		i.retired = true
	}
	f.mu.Unlock()
	for _, i := range gone {
		go i.shutdown()
	}
}
