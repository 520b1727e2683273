package local

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"sluice/scripts/sluice/httpapi"
	"sluice/scripts/sluice/inprocess"
	"sluice/scripts/sluice/template"
	"sluice/shared/settings"
	"sluice/shared/telemetry"
)

const (
	gcPercent   = 225
	memoryLimit = 256 << 20 // bytes; beyond it the collector works as hard as it must
)

// direct are functions that run in this process.
type direct struct {
	*inprocess.Functions
	say func(format string, args ...any)
}

func (c *cloud) direct() (functions, error) {
	// A call keeps nothing, so the collector may wait for more than twice the small heap that lives: under load 47 MB are
	// resident, 15 of them waiting. With 400 % it is 59 MB, for 3 % less CPU a call.
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(memoryLimit)
	envs, logs := map[string]map[string]string{}, map[string]*slog.Logger{}
	for _, f := range c.template.Functions {
		file, err := c.log(f.Folder())
		if err != nil {
			return nil, err
		}
		envs[f.Folder()] = c.env(f)
		logs[f.Folder()] = telemetry.New(file, slog.LevelInfo)
	}
	f, err := inprocess.Wire(inprocess.Config{Table: c.table, Now: time.Now,
		Env: func(function string) settings.Env {
			return func(key string) (string, bool) { v, ok := envs[function][key]; return v, ok }
		},
		Log: func(function string) *slog.Logger {
			if l, ok := logs[function]; ok {
				return l
			}
			return slog.New(slog.DiscardHandler) // the template has no such function: nobody calls it
		}})
	if err != nil {
		return nil, fmt.Errorf("start the functions in this process: %w", err)
	}
	c.out.say("functions: in this process")
	return direct{f, c.out.say}, nil
}

func folder(id string) string { return template.Function{ID: id}.Folder() }

func (d direct) integration(id string) (httpapi.Integration, error) { return d.Integration(folder(id)) }

func (d direct) authorizer(id string) (httpapi.Authorizer, error) { return d.Authorizer(folder(id)) }

func (d direct) call(ctx context.Context, id string, payload []byte) error {
	return d.Call(ctx, folder(id), payload)
}

func (d direct) close() {
	if err := d.Close(); err != nil {
		d.say("flush usage: %v", err)
	}
}
