// Package inprocess runs the functions' handlers in this process, without Lambda and without JSON between them: for speed
// and for a debugger. Each function is wired as its own main does it, by the same Wire.
//
// It knows the functions by the names of their folders. What it does not have is what processes are for: instances,
// freezing, crashes, and a view of the configuration per instance.
package inprocess

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"sluice/functions/authorizer/authorize"
	"sluice/functions/catalog/manage"
	"sluice/functions/keys/issue"
	"sluice/functions/portal/present"
	"sluice/functions/proxy/extension"
	"sluice/functions/proxy/forward"
	"sluice/functions/rollup/fold"
	"sluice/scripts/sluice/httpapi"
	"sluice/shared/dynamo"
	"sluice/shared/gatewayevent"
	"sluice/shared/settings"
)

// flushLimit bounds the last flush of usage.
const flushLimit = 3 * time.Second

// ErrUnknown says that there is no such function here.
var ErrUnknown = errors.New("no such function in this process")

// Config says where the functions find their settings, their table and their logs.
type Config struct {
	Env   func(function string) settings.Env
	Table *dynamo.Table
	Log   func(function string) *slog.Logger
	Now   func() time.Time
}

// Functions are the functions of the bundle.
type Functions struct {
	integrations map[string]httpapi.Integration
	authorizers  map[string]httpapi.Authorizer
	schedules    map[string]func(context.Context, []byte) error

	proxy   *forward.Proxy
	cancel  context.CancelFunc
	flushes sync.WaitGroup
}

// Wire wires all functions.
func Wire(cfg Config) (*Functions, error) {
	f := &Functions{integrations: map[string]httpapi.Integration{}, authorizers: map[string]httpapi.Authorizer{},
		schedules: map[string]func(context.Context, []byte) error{}}
	for _, wire := range []func(Config) error{f.wireAuthorizer, f.wireManagement, f.wirePortal, f.wireRollup, f.wireProxy} {
		if err := wire(cfg); err != nil {
			return nil, fmt.Errorf("wire the functions: %w", err)
		}
	}
	return f, nil
}

func (f *Functions) wireAuthorizer(cfg Config) error {
	s, err := settings.LoadAuthorizer(cfg.Env("authorizer"))
	if err != nil {
		return err
	}
	log := cfg.Log("authorizer")
	a, err := authorize.Wire(s, cfg.Table, cfg.Now, log)
	if err != nil {
		return err
	}
	f.authorizers["authorizer"] = guarded(log, a.Handle)
	return nil
}

func (f *Functions) wireProxy(cfg Config) error {
	s, err := settings.LoadProxy(cfg.Env("proxy"))
	if err != nil {
		return err
	}
	log := cfg.Log("proxy")
	if f.proxy, err = forward.Wire(s, cfg.Table, cfg.Now, log); err != nil {
		return err
	}
	f.integrations["proxy"] = guarded(log, f.proxy.Handle)
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel = cancel
	f.flushes.Go(func() {
		beat := extension.New("") // registered nowhere: it has its beat only
		if err := beat.Run(ctx, s.FlushAfter, f.proxy.AfterResponse); err != nil {
			log.Error("flush usage", "error", err)
		}
	})
	return nil
}

func (f *Functions) wireManagement(cfg Config) error {
	s, err := settings.LoadManagement(cfg.Env("catalog"))
	if err != nil {
		return err
	}
	log := cfg.Log("catalog")
	catalog, err := manage.Wire(s, cfg.Table, cfg.Now, log)
	if err != nil {
		return err
	}
	f.integrations["catalog"] = httpapi.Integration(gatewayevent.Handler(catalog, log))
	log = cfg.Log("keys")
	keys, err := issue.Wire(cfg.Table, cfg.Now, log)
	if err != nil {
		return err
	}
	f.integrations["keys"] = httpapi.Integration(gatewayevent.Handler(keys, log))
	return nil
}

func (f *Functions) wirePortal(cfg Config) error {
	s, err := settings.LoadPortal(cfg.Env("portal"))
	if err != nil {
		return err
	}
	log := cfg.Log("portal")
	portal, err := present.Wire(s, cfg.Table, cfg.Now, log)
	if err != nil {
		return err
	}
	f.integrations["portal"] = httpapi.Integration(gatewayevent.Handler(portal, log))
	return nil
}

func (f *Functions) wireRollup(cfg Config) error {
	s, err := settings.LoadRollup(cfg.Env("rollup"))
	if err != nil {
		return err
	}
	folder, err := fold.Wire(s, cfg.Table, cfg.Now, cfg.Log("rollup"))
	if err != nil {
		return err
	}
	f.schedules["rollup"] = func(ctx context.Context, payload []byte) error {
		var e fold.Event
		if err := json.Unmarshal(payload, &e); err != nil {
			return fmt.Errorf("read the schedule's input: %w", err)
		}
		_, err := folder.Handle(ctx, e)
		return err
	}
	return nil
}

// guarded turns a panic into an error, as Lambda's runtime does.
func guarded[In, Out any](log *slog.Logger, handle func(context.Context, In) (Out, error)) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, in In) (out Out, err error) {
		defer func() {
			if p := recover(); p != nil {
				log.Error("panic", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				err = errors.New("the handler panicked")
			}
		}()
		return handle(ctx, in)
	}
}

// Integration finds the function behind a route; ErrUnknown.
func (f *Functions) Integration(function string) (httpapi.Integration, error) {
	if h, ok := f.integrations[function]; ok {
		return h, nil
	}
	return nil, fmt.Errorf("%w: %s", ErrUnknown, function)
}

// Authorizer finds an authorizer; ErrUnknown.
func (f *Functions) Authorizer(function string) (httpapi.Authorizer, error) {
	if h, ok := f.authorizers[function]; ok {
		return h, nil
	}
	return nil, fmt.Errorf("%w: %s", ErrUnknown, function)
}

// Call calls a function that answers a schedule; ErrUnknown.
func (f *Functions) Call(ctx context.Context, function string, payload []byte) error {
	h, ok := f.schedules[function]
	if !ok {
		return fmt.Errorf("%w: %s", ErrUnknown, function)
	}
	return h(ctx, payload)
}

// Close flushes what was counted. No call may be under way.
func (f *Functions) Close() error {
	f.cancel()
	f.flushes.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), flushLimit)
	defer cancel()
	return f.proxy.Flush(ctx)
}
