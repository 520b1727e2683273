package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"sluice/scripts/sluice/bootstrap"
	"sluice/scripts/sluice/client"
	"sluice/scripts/sluice/demo"
	"sluice/scripts/sluice/demo/upstream"
	"sluice/scripts/sluice/schedule"
)

// countLimit is how long the first start waits for usage to show: it is folded every few seconds.
const countLimit = 10 * time.Second

// printer writes lines for someone watching, from any goroutine.
type printer struct {
	w   io.Writer
	now func() time.Time

	mu sync.Mutex
}

// line writes a line as it is.
func (p *printer) line(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintln(p.w, text) // a terminal that is gone ends us by its signal
}

// say writes a line with the time.
func (p *printer) say(format string, args ...any) {
	p.line(p.now().Format("15:04:05") + " " + fmt.Sprintf(format, args...))
}

// startSchedules calls functions when they are due.
func (c *cloud) startSchedules(context.Context) error {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	c.after(func() { cancel(); running.Wait() })
	for _, f := range c.template.Functions {
		for _, s := range f.Schedules {
			e, err := schedule.Parse(s.Expression)
			if err != nil {
				return fmt.Errorf("%s.%s: %w", f.ID, s.Name, err)
			}
			input := s.Input
			if input == "" {
				input = "{}"
			}
			call := schedule.Telling(func(ctx context.Context) error { return c.functions.call(ctx, f.ID, []byte(input)) },
				func(format string, args ...any) { c.out.say("schedule "+f.ID+"."+s.Name+" "+format, args...) })
			running.Go(func() { schedule.Run(ctx, schedule.AtMost(e, c.ScheduleEvery), time.Now, call) })
		}
	}
	return nil
}

// healthy waits until both addresses answer.
func (c *cloud) healthy(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for _, l := range []net.Listener{c.gateway, c.management} {
		url := "http://" + l.Addr().String() + "/healthz"
		for {
			err := get(ctx, url)
			if err == nil {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("the platform does not become healthy: %w", err)
			case <-tick.C:
			}
		}
	}
	return nil
}

func get(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, res.Body)
	if err := res.Body.Close(); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, res.Status)
	}
	return nil
}

// show makes the demo and says where everything is.
func (c *cloud) show(ctx context.Context) error {
	at := demo.Places{Gateway: "http://" + c.gateway.Addr().String(), Management: "http://" + c.management.Addr().String(),
		AdminKey: filepath.Join(c.DataDir, bootstrap.FileName)}
	var keys demo.Keys
	if c.Demo {
		var err error
		if keys, err = c.seed(ctx, at); err != nil {
			return err
		}
	}
	c.out.line(fmt.Sprintf("\ngateway      %s/{api}/{version}/…\nmanagement   %s/admin/v1, its contract at %s/admin/v1/openapi.json\nportal       %s/\nadmin key    %s\ndata, logs   %s",
		at.Gateway, at.Management, at.Management, at.Management, at.AdminKey, c.DataDir))
	if c.Demo {
		c.out.mu.Lock()
		err := demo.Print(c.out.w, at, keys)
		c.out.mu.Unlock()
		if err != nil {
			return fmt.Errorf("print the demo: %w", err)
		}
	}
	c.out.line("")
	return nil
}

// seed makes the demo. On its first run there are a few calls, too, so that usage has something to show.
func (c *cloud) seed(ctx context.Context, at demo.Places) (demo.Keys, error) {
	shop, err := c.openShop(ctx)
	if err != nil {
		return nil, err
	}
	admin := client.New(at.Management, c.adminKey)
	keys, fresh, err := demo.Seed(ctx, admin, shop, filepath.Join(c.DataDir, demo.FileName))
	if err != nil {
		return nil, err
	}
	c.out.say("demo: the API orders, with its backend at %s", shop)
	if !fresh {
		return keys, nil
	}
	calls, err := demo.Visit(ctx, at.Gateway, keys)
	if err != nil {
		return nil, err
	}
	if c.Freeze { // a frozen instance keeps its last counts until it is called again
		c.out.say("demo: %d calls made", calls)
		return keys, nil
	}
	ctx, cancel := context.WithTimeout(ctx, countLimit)
	defer cancel()
	counted, err := demo.Counted(ctx, admin, calls)
	if err != nil {
		return nil, err
	}
	if !counted {
		c.out.say("demo: %d calls made; usage does not show them yet", calls)
		return keys, nil
	}
	c.out.say("demo: %d calls made and counted", calls)
	return keys, nil
}

// openShop starts the demo's backend and gives its URL.
func (c *cloud) openShop(ctx context.Context) (string, error) {
	var cfg net.ListenConfig
	l, err := cfg.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("open the demo's backend: %w", err)
	}
	server := &http.Server{Handler: upstream.NewShop(time.Now).Handler(), ReadHeaderTimeout: 10 * time.Second}
	var served sync.WaitGroup
	served.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			c.out.say("the demo's backend: %v", err)
		}
	})
	c.after(func() { _ = server.Close(); served.Wait() })
	return "http://" + l.Addr().String(), nil
}
