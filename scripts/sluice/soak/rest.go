package soak

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"syscall"
	"time"

	"sluice/scripts/sluice/fault"
	"sluice/scripts/sluice/local"
	"sluice/scripts/sluice/soak/growth"
	"sluice/shared/usage"
)

// Resources are what the processes of one role use at rest: the most that any of them does.
type Resources struct {
	Processes  int   `json:"processes"`
	RSS        int64 `json:"rss_bytes"`
	Files      int   `json:"open_files"`
	Goroutines int   `json:"goroutines"` // -1: not known
	Live       int64 `json:"live_bytes"` // of the cloud's own process, after a collection; else 0
}

// itself is the name of this process, which has the callers and the upstream in it.
const itself = "soak"

// sample adds what all processes use to the series: of each role its oldest process, and what Go says of the cloud and of
// this process. What cannot be read now is left out.
func (s *soak) sample(ctx context.Context) {
	at := time.Since(s.report.Began)
	all, err := growth.Look(s.cloud.PID)
	if err != nil {
		return
	}
	known := map[string]bool{}
	for _, p := range all {
		if !known[p.Role] {
			known[p.Role] = true
			s.watch.Add(p.Role, growth.RSS, at, float64(p.RSS))
			s.watch.Add(p.Role, growth.Files, at, float64(p.Files))
		}
	}
	if f, err := local.ReadFigures(ctx, s.cloud.Figures()); err == nil {
		s.watch.Add("cloud", growth.Goroutines, at, float64(f.Goroutines))
		s.watch.Add("cloud", growth.Heap, at, float64(f.LiveBytes))
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}} // as of the last collection
	metrics.Read(live)
	s.watch.Add(itself, growth.Heap, at, float64(live[0].Value.Uint64()))
	s.watch.Add(itself, growth.Goroutines, at, float64(runtime.NumGoroutine()))
}

// look reads the resources at rest, goroutines included. One instance of each function that serves calls ends by it: at the
// end of the run the oldest one, before it another, so that the oldest lives through the run.
func (s *soak) look(ctx context.Context, into *map[string]Resources, end bool) error {
	all, err := growth.Look(s.cloud.PID)
	if err != nil {
		return err
	}
	roles := map[string]Resources{}
	for _, p := range all {
		r, ok := roles[p.Role]
		if !ok {
			r.Goroutines = -1
		}
		r.Processes, r.RSS, r.Files = r.Processes+1, max(r.RSS, p.RSS), max(r.Files, p.Files)
		roles[p.Role] = r
	}
	f, err := local.ReadFigures(ctx, s.cloud.Figures())
	if err != nil {
		return err
	}
	cloud := roles["cloud"]
	cloud.Goroutines, cloud.Live = f.Goroutines, int64(f.LiveBytes) // #nosec G115 -- far below
	roles["cloud"] = cloud
	for _, function := range []string{"authorizer", "proxy"} {
		n, err := s.goroutines(ctx, function, end)
		if err != nil {
			return err
		}
		if r, ok := roles[function]; ok {
			r.Goroutines = n
			roles[function] = r
		}
	}
	*into = roles
	return nil
}

// goroutines ends an instance in such a way that it writes its goroutines into its log, and counts them. Go does so on
// SIGQUIT, without a line of code in the function. -1: there is no such instance.
func (s *soak) goroutines(ctx context.Context, function string, oldest bool) (int, error) {
	pids, err := s.instances(function)
	if err != nil || len(pids) == 0 {
		return -1, err
	}
	pid := pids[0]
	if !oldest {
		pid = pids[len(pids)-1]
	}
	path := filepath.Join(s.cloud.DataDir, "logs", function+".log")
	before, err := os.Stat(path)
	if err != nil {
		return -1, fmt.Errorf("find the log of %s: %w", function, err)
	}
	if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
		return -1, fmt.Errorf("ask %s for its goroutines: %w", function, err)
	}
	for range 100 {
		if err := syscall.Kill(pid, 0); err != nil {
			break
		}
		if err := fault.Sleep(ctx, 50*time.Millisecond); err != nil {
			return -1, err
		}
	}
	n, err := countGoroutines(path, before.Size())
	if err != nil {
		return -1, fmt.Errorf("read the log of %s: %w", function, err)
	}
	return n, nil
}

// drain waits until the counters stand still: usage is folded, and leases are returned. Then it looks at what is used at rest.
func (s *soak) drain(ctx context.Context) error {
	const still, patience = 4, 90 * time.Second
	began, same, last := time.Now(), 0, ""
	for same < still && time.Since(began) < patience {
		if err := fault.Sleep(ctx, 2*time.Second); err != nil {
			return err
		}
		if err := s.read(ctx); err != nil {
			return err
		}
		same++
		if now := fmt.Sprint(s.counted()); now != last {
			last, same = now, 0
		}
	}
	s.report.Drained = time.Since(began)
	if err := fault.Sleep(ctx, quiet); err != nil {
		return err
	}
	if err := s.look(ctx, &s.report.After, true); err != nil {
		return err
	}
	return s.read(ctx)
}

// read asks the platform what it has counted.
func (s *soak) read(ctx context.Context) error {
	by, all, err := s.world.Read(ctx)
	if err != nil {
		return err
	}
	for i := range s.report.Accounts {
		a := &s.report.Accounts[i]
		a.Counted = by[a.Lane.App()]
	}
	s.report.AllConsumers = all
	return nil
}

// counted is what the platform says, to see whether it still changes.
func (s *soak) counted() (all []any) {
	for _, a := range s.report.Accounts {
		all = append(all, a.Counted)
	}
	return append(all, s.report.AllConsumers)
}

// conclude takes down what the callers and the upstream have counted, and judges what was watched.
func (s *soak) conclude() {
	r := s.report
	sum := usage.Sketch{}
	for i, l := range s.lanes {
		a := &r.Accounts[i]
		own := usage.Sketch{}
		a.Answers, a.Upstream = l.Counts(), s.upstream.Tally(l.Name)
		l.Latency(own)
		l.Latency(sum)
		a.Latency = latencyOf(own)
	}
	r.Latency, r.Trends = latencyOf(sum), s.watch.Trends()
	for _, f := range r.findings() {
		r.Findings = append(r.Findings, f.Error())
	}
}

// latencyOf gives the quantiles of a distribution.
func latencyOf(s usage.Sketch) Latency {
	q := s.Quantiles(0.5, 0.99, 0.999)
	if q == nil {
		return Latency{}
	}
	return Latency{q[0], q[1], q[2]}
}

// countGoroutines counts those that were written into a log, from there on.
func countGoroutines(path string, from int64) (n int, err error) {
	f, err := os.Open(path) // #nosec G304 -- of our own cloud
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }() // it was only read
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); strings.HasPrefix(line, "goroutine ") && strings.HasSuffix(line, ":") {
			n++
		}
	}
	return n, lines.Err()
}
