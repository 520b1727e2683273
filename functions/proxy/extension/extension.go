// Package extension lets a function work after its answer has gone out, as an internal Lambda extension: Lambda hands the
// answer on as soon as the function gives it, and freezes the instance only once the extension asks for the next event.
//
// Order of an invocation: the event arrives at the function and at the extension; the function answers; the extension,
// which has waited for that, does its work; it asks for the next event; the instance is frozen.
package extension

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	version = "/2020-01-01/extension"
	// margin is left of an invocation's deadline when the work must end.
	margin = 200 * time.Millisecond
	// shortest is the least time between two beats.
	shortest = 250 * time.Millisecond
	// tries is how often asking for the next event may fail in a row. Between them is a pause, longer each time.
	tries = 5
	pause = 10 * time.Millisecond
)

// Extension is an internal extension of the function that runs in this process.
type Extension struct {
	base   string
	id     string // "" until registered
	client *http.Client
	done   chan struct{} // has a token once an invocation was answered
}

// New makes an extension of the runtime API at this address (AWS_LAMBDA_RUNTIME_API), which is not called yet.
func New(runtimeAPI string) *Extension {
	return &Extension{base: "http://" + runtimeAPI + version, done: make(chan struct{}, 1),
		client: &http.Client{Transport: &http.Transport{Proxy: nil}}} // no timeout: the next event may be days away
}

// Register announces the extension. It must happen before the function asks for its first event. Without it Run has its
// beat only.
func (x *Extension) Register(ctx context.Context, name string) error {
	res, err := x.call(ctx, http.MethodPost, "/register", `{"events":["INVOKE"]}`, "Lambda-Extension-Name", name)
	if err != nil {
		return fmt.Errorf("register extension: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if x.id = res.Header.Get("Lambda-Extension-Identifier"); x.id == "" {
		return errors.New("register extension: the answer has no identifier")
	}
	return nil
}

// Notify wraps the function's handler, so that the extension learns of each answer.
func Notify[In, Out any](x *Extension, h func(context.Context, In) (Out, error)) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, in In) (Out, error) {
		defer func() {
			select {
			case x.done <- struct{}{}:
			default: // somebody has been told already
			}
		}()
		return h(ctx, in)
	}
}

// Run calls work after each answer, and once a beat while the instance is awake: a process that is never frozen, as the
// local cloud's, works on time without calls. It runs until the context ends or the runtime API fails for good, which is an
// error; the process should then end, since Lambda waits for an extension that does not ask.
func (x *Extension) Run(ctx context.Context, beat time.Duration, work func(context.Context)) error {
	ctx, stop := context.WithCancel(ctx)
	failed := make(chan error, 1)
	if x.id != "" {
		go func() { failed <- x.follow(ctx, work) }()
	} else {
		failed = nil
	}
	ticker := time.NewTicker(max(beat, shortest))
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			work(ctx)
		case err := <-failed:
			stop()
			return err
		case <-ctx.Done():
			stop()
			if failed != nil {
				return <-failed
			}
			return nil
		}
	}
}

// follow works after each answer.
func (x *Extension) follow(ctx context.Context, work func(context.Context)) error {
	for failures := 0; ; {
		deadline, err := x.next(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			if failures++; failures == tries {
				return err
			}
			rest(ctx, pause<<failures)
			continue
		}
		failures = 0
		bounded, cancel := context.WithDeadline(ctx, deadline.Add(-margin))
		select {
		case <-x.done:
			work(bounded)
		case <-bounded.Done(): // it will not answer in time any more
		}
		cancel()
	}
}

// next waits for the next invocation and gives its deadline.
func (x *Extension) next(ctx context.Context) (time.Time, error) {
	res, err := x.call(ctx, http.MethodGet, "/event/next", "", "Lambda-Extension-Identifier", x.id)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask for the next event: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	var event struct {
		Type       string `json:"eventType"`
		DeadlineMs int64  `json:"deadlineMs"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&event); err != nil {
		return time.Time{}, fmt.Errorf("read the next event: %w", err)
	}
	if event.Type != "INVOKE" {
		return time.Time{}, fmt.Errorf("the next event is %q", event.Type)
	}
	return time.UnixMilli(event.DeadlineMs), nil
}

// call makes a request; an answer other than 200 is an error.
func (x *Extension) call(ctx context.Context, method, path, body, header, value string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, x.base+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set(header, value)
	res, err := x.client.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		_ = res.Body.Close()
		return nil, fmt.Errorf("the runtime API answered %d", res.StatusCode)
	}
	return res, nil
}

func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
