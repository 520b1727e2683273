package lambda

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"

	"sluice/scripts/sluice/process"
)

// Lambda's own limits on starting and ending.
const (
	initLimit     = 10 * time.Second
	shutdownGrace = 500 * time.Millisecond // where an extension is registered; none without
)

// instance is one process of a function with the API that it talks to.
type instance struct {
	function *Function
	retired  bool // guarded by function.mu: it goes because nobody needs it

	mu          sync.Mutex
	process     *process.Process
	server      *http.Server
	initialised chan struct{} // closed once it has become idle for the first time
	initError   *FunctionError
	next        chan *invocation // to the runtime
	extensions  []*extension
	current     *invocation
	calls       int
	condition
}

// condition is where an instance stands in its life.
type condition struct {
	ready   bool
	waiting bool // the runtime has asked for its next call
	frozen  bool
	closing bool
	dead    bool
}

// extension is an internal extension: a part of the function's process that also works between calls.
type extension struct {
	id, name string
	invoke   bool // registered for INVOKE: a call is over only when it asks for its next event
	waiting  bool
	events   chan *invocation
}

// invocation is one call on its way.
type invocation struct {
	id       string
	payload  []byte
	timeout  time.Duration
	deadline time.Time
	timer    *time.Timer
	answered bool // guarded by instance.mu
	result   chan result
}

type result struct {
	payload []byte
	err     error
}

func newInvocation(payload []byte, timeout time.Duration) *invocation {
	return &invocation{id: uuid.NewString(), payload: payload, timeout: timeout, result: make(chan result, 1)}
}

// finish tells the caller; only the first word counts.
func (v *invocation) finish(r result) {
	select {
	case v.result <- r:
	default:
	}
}

// start starts the process and returns once it is idle for the first time, or cannot become so.
func (i *instance) start() error {
	var loopback net.ListenConfig
	listener, err := loopback.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the function: %w", err)
	}
	i.mu.Lock()
	i.initialised, i.next = make(chan struct{}), make(chan *invocation, 1)
	i.server = &http.Server{Handler: i.routes(), ReadHeaderTimeout: time.Minute}
	i.mu.Unlock()
	go func() { _ = i.server.Serve(listener) }() // ends with Close
	cfg := i.function.cfg
	path, err := filepath.Abs(cfg.Binary)
	if err != nil {
		return fmt.Errorf("find the function's program: %w", err)
	}
	cmd := exec.CommandContext(context.Background(), path) // #nosec G204 -- a function of the bundle; Close ends it
	cmd.Dir, cmd.Env = filepath.Dir(path), i.environment(listener.Addr().String())
	if cfg.Log != nil { // a nil *os.File in an io.Writer would not be nil
		cmd.Stdout, cmd.Stderr = cfg.Log, cfg.Log
	}
	p, err := cfg.Starter.Start(cmd)
	if err != nil {
		_ = i.server.Close()
		return fmt.Errorf("start %s: %w", cfg.Binary, err)
	}
	i.mu.Lock()
	i.process = p
	closing := i.closing
	i.mu.Unlock()
	err = ErrClosed
	if !closing {
		err = i.initialise(p)
	}
	if err != nil {
		p.Stop(0)
		i.ended()
	}
	return err
}

func (i *instance) initialise(p *process.Process) error {
	limit := time.NewTimer(initLimit)
	defer limit.Stop()
	select {
	case <-i.initialised:
		return nil
	case <-p.Done():
	case <-limit.C:
		return fmt.Errorf("it did not initialise within %s", initLimit)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closing {
		return ErrClosed
	}
	if i.initError != nil {
		return i.initError
	}
	return fmt.Errorf("it ended before its first call (%s)", describe(p.Err()))
}

// environment is what Lambda sets, and nothing of ours.
func (i *instance) environment(api string) []string {
	cfg := i.function.cfg
	env := map[string]string{
		"AWS_LAMBDA_RUNTIME_API": api, "_HANDLER": cfg.Handler, "AWS_LAMBDA_FUNCTION_NAME": cfg.Name,
		"AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(cfg.MemoryMB),
		"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/" + cfg.Name, "AWS_LAMBDA_LOG_STREAM_NAME": "local/" + uuid.NewString(),
		"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "LAMBDA_TASK_ROOT": filepath.Dir(cfg.Binary),
		"TZ": ":UTC", "LANG": "en_US.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin",
		"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
	}
	for k, v := range cfg.Env {
		env[k] = v
	}
	list := make([]string, 0, len(env))
	for k, v := range env {
		list = append(list, k+"="+v)
	}
	slices.Sort(list)
	return list
}

func (i *instance) pid() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.process == nil {
		return 0
	}
	return i.process.PID()
}

func (i *instance) served() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.calls > 0
}

// dispatch hands the instance a call. False says that the process has ended and has seen nothing of the call.
func (i *instance) dispatch(v *invocation) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.dead || i.closing || !i.process.Alive() {
		return false
	}
	if i.frozen {
		i.frozen = false
		if err := i.process.Signal(syscall.SIGCONT); err != nil {
			return false
		}
	}
	i.current, i.waiting = v, false
	i.calls++
	v.deadline = time.Now().Add(v.timeout)
	v.timer = time.AfterFunc(v.timeout, func() { i.expire(v) })
	i.next <- v
	for _, e := range i.extensions {
		if e.invoke {
			e.waiting = false
			e.events <- v
		}
	}
	return true
}

// settle notes that the process may have become idle; i.mu is held. True says that it is free for another call.
func (i *instance) settle() bool {
	if !i.waiting || i.dead || i.closing || i.current == nil && i.ready {
		return false
	}
	for _, e := range i.extensions {
		if e.invoke && !e.waiting {
			return false
		}
	}
	if !i.ready {
		i.ready = true
		close(i.initialised)
		return false // whoever started it makes it available
	}
	i.current.timer.Stop()
	i.current = nil
	return true
}

// expire ends a process that has not become idle in time: Lambda, too, throws it away.
func (i *instance) expire(v *invocation) {
	i.mu.Lock()
	late := i.current == v
	i.closing = i.closing || late // it may become idle just now: it gets no other call
	i.mu.Unlock()
	if late {
		v.finish(result{err: ErrTimeout})
		i.process.Stop(0)
	}
}

// freeze stops the idle process.
func (i *instance) freeze() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.current != nil || i.dead || i.closing {
		return
	}
	i.frozen = i.process.Signal(syscall.SIGSTOP) == nil
}

// wait returns when the process has ended, with the reason.
func (i *instance) wait() error {
	err := i.process.Err()
	i.ended()
	return err
}

// ended closes the instance and fails the call that it had.
func (i *instance) ended() {
	i.mu.Lock()
	i.dead = true
	call := i.current
	i.current = nil
	i.mu.Unlock()
	if call != nil {
		call.timer.Stop()
		call.finish(result{err: ErrCrashed})
	}
	if err := i.server.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		i.function.cfg.Notice("function %s: close its Runtime API: %v", i.function.cfg.Name, err)
	}
}

// shutdown ends the process as Lambda does: SIGTERM and half a second where an extension asked for it, then SIGKILL.
func (i *instance) shutdown() {
	i.mu.Lock()
	i.closing = true
	p, grace := i.process, time.Duration(0)
	if len(i.extensions) > 0 {
		grace = shutdownGrace
	}
	if i.frozen && p != nil {
		i.frozen = false
		_ = p.Signal(syscall.SIGCONT) // a process that has ended needs none
	}
	i.mu.Unlock()
	if p != nil {
		p.Stop(grace)
	}
}
