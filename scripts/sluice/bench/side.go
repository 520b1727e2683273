package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sluice/scripts/sluice/bench/load"
	"sluice/scripts/sluice/bench/proc"
	"sluice/scripts/sluice/local"
)

// Peer is another gateway, which runs already.
type Peer struct {
	Name   string
	Target load.Target
	PID    int // 0: its CPU is not known
}

// ParsePeer reads NAME=URL[,header=value]...[,pid=N]. The URL is of plain HTTP on this machine: figures from elsewhere cannot
// be compared, and a load must not leave the machine.
func ParsePeer(text string) (Peer, error) {
	p, err := parsePeer(text)
	if err != nil {
		name, _, _ := strings.Cut(text, "=") // what follows may hold secrets
		return Peer{}, fmt.Errorf("--against %q: %w; write it as NAME=URL[,header=value]...[,pid=N]", name, err)
	}
	return p, nil
}

func parsePeer(text string) (Peer, error) {
	parts := strings.Split(text, ",")
	name, address, ok := strings.Cut(parts[0], "=")
	if !ok || name == "" || name == "floor" || name == "gateway" || name == "upstream" {
		return Peer{}, errors.New("it needs a name of its own")
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.User != nil {
		return Peer{}, errors.New("the URL must begin with http://")
	}
	if ip, err := netip.ParseAddr(u.Hostname()); (err != nil || !ip.IsLoopback()) && u.Hostname() != "localhost" {
		return Peer{}, errors.New("it must run on this machine: 127.0.0.1, [::1] or localhost")
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	p := Peer{Name: name}
	header := http.Header{"Accept": {"application/json"}, "User-Agent": {"sluice-bench"}}
	for _, part := range parts[1:] {
		field, value, ok := strings.Cut(part, "=")
		if field == "pid" {
			if p.PID, err = strconv.Atoi(value); err != nil || p.PID < 1 {
				return Peer{}, errors.New("pid must be the number of a process")
			}
			continue
		}
		if !ok || field == "" || strings.ContainsAny(part, "\r\n") || strings.ContainsAny(field, " :\t") {
			return Peer{}, errors.New("a header is written as name=value")
		}
		header.Set(field, value)
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, u.String(), nil)
	if err != nil {
		return Peer{}, fmt.Errorf("the URL: %w", err)
	}
	req.Header = header
	if host := header.Get("Host"); host != "" {
		req.Host = host
	}
	var b strings.Builder
	if err := req.Write(&b); err != nil {
		return Peer{}, fmt.Errorf("write its request: %w", err)
	}
	p.Target = load.Target{Address: net.JoinHostPort(u.Hostname(), port), Request: []byte(b.String())}
	return p, nil
}

// side is one of those that are compared.
type side struct {
	name    string
	target  load.Target
	pid     int           // 0: not known
	figures string        // where it tells its allocations; "" if it does not
	after   time.Duration // how long its work goes on after the last answer
}

// use is what a side has used: its own process (with the functions, if they are processes), and the engine below it.
type use struct {
	cpu, engine    time.Duration
	rss            int64
	objects, bytes float64
}

func (s side) used(ctx context.Context) (u use, err error) {
	if s.figures != "" {
		f, err := local.ReadFigures(ctx, s.figures)
		if err != nil {
			return u, err
		}
		u.objects, u.bytes = float64(f.AllocatedObjects), float64(f.AllocatedBytes)
	}
	if s.pid == 0 {
		return u, nil
	}
	tree, err := proc.Tree(s.pid)
	if err != nil {
		return u, err
	}
	for _, one := range tree {
		if one.Name == "dynoxide" {
			u.engine += one.CPU
			continue
		}
		u.cpu += one.CPU
		u.rss += one.RSS
	}
	return u, nil
}

// run sends requests to a side and gives what one of them cost.
func (s side) run(ctx context.Context, connections, requests int) (Cost, error) {
	before, err := s.used(ctx)
	if err != nil {
		return Cost{}, err
	}
	r, err := load.Run(ctx, s.target, connections, requests)
	if err != nil {
		return Cost{}, fmt.Errorf("%s: %w", s.name, err)
	}
	if err := load.Wait(ctx, s.after); err != nil {
		return Cost{}, err
	}
	after, err := s.used(ctx)
	if err != nil {
		return Cost{}, err
	}
	n := float64(r.Requests)
	own := micros(after.cpu-before.cpu) / n
	return Cost{CPU: own, WithEngine: own + micros(after.engine-before.engine)/n, RSS: after.rss,
		Allocations: (after.objects - before.objects) / n, AllocatedBytes: (after.bytes - before.bytes) / n,
		PerSecond: n / r.Took.Seconds(), P50: micros(load.Percentile(r.Latency, 0.5)), P99: micros(load.Percentile(r.Latency, 0.99)),
		P999: micros(load.Percentile(r.Latency, 0.999)), Failures: r.Failures, First: r.First}, nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
