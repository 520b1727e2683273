// Package local is the platform on one machine: the functions of template.yaml behind two HTTP APIs on loopback, a
// DynamoDB engine, the schedules, the first admin key and the demo.
//
// It starts from the inside out (data, functions, HTTP, demo) and ends from the outside in, so that a function that
// writes on its way out still has its store. Whatever it started ends with it, also if it is killed.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"sluice/scripts/sluice/bootstrap"
	"sluice/scripts/sluice/engine"
	"sluice/scripts/sluice/fault"
	"sluice/scripts/sluice/httpapi"
	"sluice/scripts/sluice/process"
	"sluice/scripts/sluice/template"
	"sluice/shared/credential"
	"sluice/shared/dynamo"
	"sluice/shared/settings"
)

const (
	tableName  = "sluice"
	drainLimit = 5 * time.Second
	startLimit = 2 * time.Minute
)

// Run runs the platform until the context or a signal ends it.
func Run(ctx context.Context, o Options, out io.Writer) error {
	if err := o.check(); err != nil {
		return err
	}
	if o.WithParent {
		if err := process.EndWithParent(); err != nil {
			return fmt.Errorf("tie this process to its parent: %w", err)
		}
	}
	ctx, restore := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, restore) // a second ^C ends it at once
	c := &cloud{Options: o, out: &printer{w: out, now: time.Now}, starter: process.NewStarter()}
	c.after(c.starter.Close)
	defer c.close()
	err := c.start(ctx)
	if ctx.Err() != nil {
		c.out.say("stopping")
		return nil
	}
	if err != nil {
		return err
	}
	c.out.line("ready")
	select {
	case <-ctx.Done():
	case err = <-c.broken:
	}
	c.out.say("stopping")
	return err
}

// cloud is a platform that starts, runs or stops.
type cloud struct {
	Options
	out     *printer
	starter *process.Starter
	closers []func() // in reverse order of starting
	broken  chan error

	template   *template.Template
	gateway    net.Listener
	management net.Listener
	endpoint   string       // of the DynamoDB engine, or of the drill before it
	drill      *fault.Drill // nil if there is none
	egress     string       // URL of the drill before the upstreams; "" if there is none
	table      *dynamo.Table
	adminKey   credential.Secret
	functions  functions
}

// after registers what ends a part; parts end in the opposite order.
func (c *cloud) after(end func()) { c.closers = append(c.closers, end) }

func (c *cloud) close() {
	for _, end := range slices.Backward(c.closers) {
		end()
	}
}

// start brings the parts up, in order.
func (c *cloud) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	c.broken = make(chan error, 2)
	for _, step := range []func(context.Context) error{
		c.open, c.listen, c.startEngine, c.startDrill, c.prepareTable, c.startFunctions, c.serve, c.startSchedules, c.healthy, c.serveFigures,
		c.show, c.beginDrill,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// open reads the template and takes the data folder.
func (c *cloud) open(context.Context) error {
	source, err := os.ReadFile(filepath.Join(c.Root, "template.yaml"))
	if err != nil {
		return fmt.Errorf("read the template (is --root the repository?): %w", err)
	}
	// The functions run on this machine, and so do the upstreams that someone tries out.
	if c.template, err = template.Read(source, map[string]string{"UpstreamNetworks": string(settings.LoopbackToo)}); err != nil {
		return err
	}
	if c.DataDir, err = filepath.Abs(c.DataDir); err != nil {
		return fmt.Errorf("find the data folder: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(c.DataDir, "logs"), 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	unlock, err := lock(filepath.Join(c.DataDir, "lock"))
	if err != nil {
		return err
	}
	c.after(unlock)
	return nil
}

// lock keeps a second local cloud off the same data.
func lock(file string) (func(), error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600) // #nosec G304 -- in the data folder
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close() // the error at hand matters more
		return nil, fmt.Errorf("another local cloud uses %s: end it, or choose another SLUICE_DATA_DIR", filepath.Dir(file))
	}
	return func() { _ = f.Close() }, nil // the lock goes with it
}

// listen takes both addresses before anything else is started.
func (c *cloud) listen(ctx context.Context) (err error) {
	if c.gateway, err = httpapi.Listen(ctx, c.GatewayAddr); err != nil {
		return fmt.Errorf("gateway (SLUICE_GATEWAY_ADDR): %w", err)
	}
	c.after(func() { _ = c.gateway.Close() }) // the server closes it, too
	if c.management, err = httpapi.Listen(ctx, c.ManagementAddr); err != nil {
		return fmt.Errorf("management (SLUICE_MANAGEMENT_ADDR): %w", err)
	}
	c.after(func() { _ = c.management.Close() })
	return nil
}

func (c *cloud) startEngine(ctx context.Context) error {
	if c.endpoint = c.DynamoDBEndpoint; c.endpoint != "" {
		c.out.say("DynamoDB engine: %s", c.endpoint)
		return nil
	}
	log, err := c.log("dynoxide")
	if err != nil {
		return err
	}
	e, err := engine.Start(ctx, engine.Config{Root: c.Root, Data: filepath.Join(c.DataDir, "data.db"), Log: log, Starter: c.starter, Notice: c.out.say})
	if err != nil {
		return err
	}
	c.after(e.Close)
	c.endpoint = e.Endpoint()
	c.out.say("DynamoDB engine: dynoxide at %s", c.endpoint)
	return nil
}

// log opens a log file in the data folder; one that has grown large is put aside first.
func (c *cloud) log(name string) (*os.File, error) {
	const large = 16 << 20
	path := filepath.Join(c.DataDir, "logs", name+".log")
	if info, err := os.Stat(path); err == nil && info.Size() > large {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("put a log aside: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) // #nosec G304 -- in the data folder
	if err != nil {
		return nil, fmt.Errorf("open a log: %w", err)
	}
	c.after(func() { _ = f.Close() }) // nothing is buffered
	return f, nil
}

func (c *cloud) tableSettings() settings.Table {
	return settings.Table{Name: tableName, Region: "us-east-1", Endpoint: c.endpoint, AccessKeyID: "local", SecretAccessKey: "local"}
}

// prepareTable makes the table and the first admin key.
func (c *cloud) prepareTable(ctx context.Context) (err error) {
	if c.table, err = dynamo.Open(c.tableSettings()); err != nil {
		return fmt.Errorf("open the table: %w", err)
	}
	if err := c.table.EnsureTable(ctx); err != nil {
		return fmt.Errorf("make the table: %w", err)
	}
	if c.adminKey, err = bootstrap.Ensure(ctx, bootstrap.On(c.table), c.DataDir, c.AdminKey); err != nil {
		return err
	}
	c.out.say("admin key: %s", filepath.Join(c.DataDir, bootstrap.FileName))
	return nil
}

// serve opens both HTTP APIs.
func (c *cloud) serve(context.Context) error {
	for name, l := range map[string]net.Listener{"gateway": c.gateway, "management": c.management} {
		api, err := c.template.API(name)
		if err != nil {
			return err
		}
		h, err := c.routes(api, l.Addr().String())
		if err != nil {
			return err
		}
		server := httpapi.NewServer(h)
		var served sync.WaitGroup
		served.Go(func() {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				c.broken <- fmt.Errorf("serve %s: %w", name, err)
			}
		})
		c.after(func() {
			ctx, cancel := context.WithTimeout(context.Background(), drainLimit)
			defer cancel()
			if err := server.Shutdown(ctx); err != nil {
				_ = server.Close() // calls that take longer are cut off
			}
			served.Wait()
		})
	}
	return nil
}

// routes leads the API's routes to the functions.
func (c *cloud) routes(api template.API, address string) (http.Handler, error) {
	var routes []httpapi.Route
	for _, r := range api.Routes {
		f, _ := c.template.Function(r.Function)
		route := httpapi.Route{Method: r.Method, Path: r.Path, Timeout: f.Timeout}
		var err error
		if route.Integration, err = c.functions.integration(r.Function); err != nil {
			return nil, err
		}
		if r.Authorizer != "" {
			if route.Authorizer, err = c.functions.authorizer(r.Authorizer); err != nil {
				return nil, err
			}
		}
		routes = append(routes, route)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", address, err)
	}
	return httpapi.New(api.ID, port, routes, time.Now, func(requestID string, err error) { c.out.say("call %s: %v", requestID, err) }), nil
}
