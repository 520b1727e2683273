package limits

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sluice/scripts/sluice/bench/limits/scenario"
	"sluice/scripts/sluice/bench/limits/trial"
	"sluice/scripts/sluice/engine"
	"sluice/scripts/sluice/process"
	"sluice/shared/dynamo"
	"sluice/shared/settings"
)

// onEngine runs the real takers against a real store: an endpoint, or dynoxide started for it.
func onEngine(ctx context.Context, o Options, out io.Writer) error {
	endpoint := o.Engine
	if endpoint == "dynoxide" {
		e, end, err := startEngine(ctx, o.Root)
		if err != nil {
			return err
		}
		defer end()
		endpoint = e.Endpoint()
	}
	at := settings.Table{Name: "limits-" + strings.ToLower(rand.Text()), Region: "us-east-1", Endpoint: endpoint, AccessKeyID: "local", SecretAccessKey: "local"}
	table, err := dynamo.Open(at)
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	if err := table.EnsureTable(ctx); err != nil {
		return fmt.Errorf("make a table: %w", err)
	}
	r, err := trial.Run(ctx, at, trial.Options{Calls: o.Calls, Seed: o.Seed, Instances: 4, Clients: 64, Ends: true, Lost: 0.01, Skew: scenario.Skew})
	if err != nil {
		return err
	}
	f := &r.Findings
	if _, err := fmt.Fprintf(out, "%d calls in %d rounds on %s from seed %d: %d admitted, %d refused, %d answered 503, %d died with %d instances; %d stopped\n"+
		"%d requests and answers lost; %d over-admissions, worst use of a quota %.2f %%; %s\n", r.Calls, r.Rounds, o.Engine, o.Seed, r.Admitted, r.Refused,
		r.Failed, r.Died, r.Ended, r.Stopped, r.LostCalls, f.Over, 100*f.WorstUse, r.Took.Round(time.Millisecond)); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if f.Violations > 0 {
		return fmt.Errorf("%d violations, the first: %s", f.Violations, f.First[0])
	}
	return nil
}

// startEngine starts dynoxide on a file that is gone with it.
func startEngine(ctx context.Context, root string) (*engine.Engine, func(), error) {
	dir, err := os.MkdirTemp("", "sluice-limits-")
	if err != nil {
		return nil, nil, fmt.Errorf("make a folder: %w", err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, nil, fmt.Errorf("make a log: %w", err)
	}
	starter := process.NewStarter()
	end := func() {
		starter.Close()
		_ = log.Close()       // nobody reads it
		_ = os.RemoveAll(dir) // a folder that is left harms nobody
	}
	e, err := engine.Start(ctx, engine.Config{Root: root, Data: filepath.Join(dir, "data.db"), Log: log, Starter: starter, Notice: func(string, ...any) {}})
	if err != nil {
		end()
		return nil, nil, fmt.Errorf("start the engine: %w", err)
	}
	return e, func() { e.Close(); end() }, nil
}
