// Package cold measures how long each function's binary takes from nothing to its first call, and to its first answer: on
// this machine, behind the Runtime API as the local cloud has it, as a multiple of a hello-world function with the AWS SDK
// in the same round.
package cold

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"sluice/scripts/sluice/bench/machine"
	"sluice/scripts/sluice/bench/proc"
	"sluice/scripts/sluice/lambda"
	"sluice/scripts/sluice/launch"
	"sluice/scripts/sluice/template"
	"sluice/shared/dynamo"
	"sluice/shared/settings"
)

// Hello is the name of what functions are compared with.
const Hello = "hello"

// Options is what `sluice bench cold` can be told.
type Options struct {
	Root         string
	FunctionsDir string // "" is <root>/bin/functions
	Rounds       int
	Output       string // text or json
}

// Command is `sluice bench cold`.
func Command() *cobra.Command {
	var o Options
	c := &cobra.Command{
		Use: "cold", Short: "How long each function takes from nothing to its first answer",
		Args: func(c *cobra.Command, args []string) error { return errors.Join(cobra.NoArgs(c, args), o.check()) },
		Long: `Starts each function's binary (build them with ` + "`make programs`" + `) as Lambda would, with a DynamoDB engine, and measures the
time until it asks for its first call, and until its first answer. A hello-world function with the AWS SDK, built for
this, is measured in the same rounds.`,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, restore := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
			context.AfterFunc(ctx, restore) // a second ^C ends it at once; the kernel ends the children
			report, err := Run(ctx, o)
			if err != nil {
				return err
			}
			return report.Print(c.OutOrStdout(), o.Output)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Root, "root", ".", "the repository")
	f.StringVar(&o.FunctionsDir, "functions-dir", "", "where <function>/bootstrap is (default <root>/bin/functions)")
	f.IntVar(&o.Rounds, "rounds", 10, "cold starts of each function")
	f.StringVar(&o.Output, "output", "text", "text or json")
	return c
}

func (o Options) check() error {
	var faults []error
	if o.Rounds < 1 || o.Rounds > 1000 {
		faults = append(faults, errors.New("--rounds must lie in 1..1000"))
	}
	if o.Output != "text" && o.Output != "json" {
		faults = append(faults, errors.New("--output must be text or json"))
	}
	return errors.Join(faults...)
}

// subject is a function that is started again and again.
type subject struct {
	lambda.Config
	event []byte
}

// Run measures all functions of the template.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	p, err := launch.Open("", o.Root, "cold")
	if err != nil {
		return nil, err
	}
	defer p.Close()
	r := &Report{Machine: machine.Look(), Rounds: o.Rounds, Repeat: fmt.Sprintf("bin/sluice bench cold --rounds %d", o.Rounds)}
	all, err := subjects(ctx, p, o)
	if err != nil {
		return nil, err
	}
	for range o.Rounds {
		for _, s := range all {
			start, err := s.start(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.Name, err)
			}
			r.add(s.Name, start)
		}
	}
	r.sum()
	return r, nil
}

// subjects are hello, and the functions of the template on an engine with a table.
func subjects(ctx context.Context, p *launch.Parts, o Options) ([]subject, error) {
	source, err := os.ReadFile(filepath.Join(o.Root, "template.yaml"))
	if err != nil {
		return nil, fmt.Errorf("read the template (is --root the repository?): %w", err)
	}
	t, err := template.Read(source, map[string]string{"UpstreamNetworks": string(settings.LoopbackToo)})
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(p.Folder, "functions.log"))
	if err != nil {
		return nil, fmt.Errorf("open a log: %w", err)
	}
	p.After(func() { _ = log.Close() }) // it goes with its folder
	hello, err := build(ctx, o.Root, p.Folder)
	if err != nil {
		return nil, err
	}
	at, err := store(ctx, p)
	if err != nil {
		return nil, err
	}
	all := []subject{{lambda.Config{Name: Hello, Binary: hello, MemoryMB: 512}, []byte("{}")}}
	folder := o.FunctionsDir
	if folder == "" {
		folder = filepath.Join(o.Root, "bin", "functions")
	}
	for _, f := range t.Functions {
		env := map[string]string{}
		for name, value := range f.Env {
			env[name] = value
		}
		env["TABLE_NAME"], env["AWS_ENDPOINT_URL_DYNAMODB"] = at.Name, at.Endpoint
		delete(env, "SLUICE_GATEWAY_URL") // only the cloud knows it
		event, err := sample(o.Root, f.Folder())
		if err != nil {
			return nil, err
		}
		all = append(all, subject{lambda.Config{Name: f.Folder(), Binary: filepath.Join(folder, f.Folder(), "bootstrap"), MemoryMB: f.MemoryMB, Env: env}, event})
	}
	for i := range all {
		c := &all[i].Config
		if _, err := os.Stat(c.Binary); err != nil {
			return nil, fmt.Errorf("the function %s is not built (run `make programs`): %w", c.Name, err)
		}
		if c.Binary, err = filepath.Abs(c.Binary); err != nil {
			return nil, fmt.Errorf("find the function %s: %w", c.Name, err)
		}
		c.Handler, c.Timeout, c.Instances, c.MaxInstances, c.Log, c.Starter = "bootstrap", 10*time.Second, 1, 1, log, p.Starter()
		c.Env = withKeys(c.Env, at)
	}
	return all, nil
}

func withKeys(env map[string]string, t settings.Table) map[string]string {
	with := map[string]string{"AWS_REGION": t.Region, "AWS_DEFAULT_REGION": t.Region, "AWS_ACCESS_KEY_ID": t.AccessKeyID, "AWS_SECRET_ACCESS_KEY": t.SecretAccessKey}
	for name, value := range env {
		with[name] = value
	}
	return with
}

// store is a table on an engine in memory.
func store(ctx context.Context, p *launch.Parts) (settings.Table, error) {
	endpoint, err := p.Engine(ctx)
	if err != nil {
		return settings.Table{}, err
	}
	at := settings.Table{Name: "cold", Region: "us-east-1", Endpoint: endpoint, AccessKeyID: "local", SecretAccessKey: "local"}
	table, err := dynamo.Open(at)
	if err != nil {
		return at, fmt.Errorf("open the table: %w", err)
	}
	return at, table.EnsureTable(ctx)
}

// sample is an event that a function is called with first: one of those that are replayed in tests. A function without any
// gets an empty one.
func sample(root, function string) ([]byte, error) {
	files, err := filepath.Glob(filepath.Join(root, "events", function, "*.json"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	for _, name := range append([]string{filepath.Join(root, "events", function, "health.json"), filepath.Join(root, "events", function, "allowed.json")}, files...) {
		if b, err := os.ReadFile(name); err == nil {
			return b, nil
		}
	}
	return []byte("{}"), nil
}

// start starts the function once, calls it once, and ends it.
func (s subject) start(ctx context.Context) (Start, error) {
	f := lambda.New(s.Config)
	defer f.Close()
	begun := time.Now()
	if err := f.Start(ctx); err != nil {
		return Start{}, err
	}
	ready := time.Since(begun)
	if _, err := f.Invoke(ctx, s.event); err != nil {
		return Start{}, err
	}
	answered := time.Since(begun)
	var rss int64
	for _, pid := range f.PIDs() {
		tree, err := proc.Tree(pid)
		if err != nil {
			return Start{}, err
		}
		rss += tree[0].RSS
	}
	return Start{InitMs: millis(ready), AnswerMs: millis(answered), RSS: rss}, nil
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
