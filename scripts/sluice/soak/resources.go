package soak

import (
	"context"
	"fmt"
	"os"
	"slices"

	"sluice/scripts/sluice/bench/proc"
	"sluice/scripts/sluice/local"
)

// Resources are what the processes of one role use: the most that any of them does.
type Resources struct {
	Processes  int   `json:"processes"`
	RSS        int64 `json:"rss_bytes"`
	Files      int   `json:"open_files"`
	Goroutines int   `json:"goroutines"` // -1: not known
	Live       int64 `json:"live_bytes"` // of the cloud's own process, after a collection
}

// How growth is judged. At rest (after the warm-up and after the drain) a process may have a quarter and a handful more open
// files and goroutines than it had: caches of connections and timers differ by that much, a leak of one in a thousand calls
// is far beyond. Memory is compared under load, the last quarter of the samples with the second one (the first still warms
// up): a quarter and 16 MB more are allowed, or twice that for the engine, whose data grows.
const (
	more       = 1.25
	aFew       = 12
	moreMemory = 16 << 20
)

// observe reads the resources of all processes, by role.
func (s *soak) observe() (map[string]Resources, error) {
	tree, err := proc.Tree(s.cloud.PID)
	if err != nil {
		return nil, err
	}
	roles := map[string]Resources{}
	for _, p := range tree {
		name := role(p)
		if p.PID == s.cloud.PID {
			name = "cloud"
		}
		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID))
		if err != nil || name == "" {
			continue // it has just ended
		}
		r, ok := roles[name]
		if !ok {
			r.Goroutines = -1
		}
		r.Processes, r.RSS, r.Files = r.Processes+1, max(r.RSS, p.RSS), max(r.Files, len(files))
		roles[name] = r
	}
	return roles, nil
}

// look reads the resources at rest, goroutines included. One instance of each function that serves calls ends by it.
func (s *soak) look(ctx context.Context, into *map[string]Resources) error {
	roles, err := s.observe()
	if err != nil {
		return err
	}
	f, err := local.ReadFigures(ctx, s.cloud.Figures())
	if err != nil {
		return err
	}
	cloud := roles["cloud"]
	cloud.Goroutines, cloud.Live = f.Goroutines, int64(f.LiveBytes) // #nosec G115 -- far below
	roles["cloud"] = cloud
	for _, function := range []string{"authorizer", "proxy"} {
		n, err := s.goroutines(ctx, function)
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

// sample keeps the memory of all roles.
func (s *soak) sample() error {
	roles, err := s.observe()
	if err != nil {
		return err
	}
	for name, r := range roles {
		s.report.Memory[name] = append(s.report.Memory[name], r.RSS)
	}
	return nil
}

// grown says what has grown beyond what is allowed.
func (r *Report) grown() (faults []error) {
	for name, before := range r.Before {
		after, ok := r.After[name]
		if !ok {
			continue // no instance of it runs any more
		}
		if after.Files > limit(before.Files) {
			faults = append(faults, fmt.Errorf("%s: %d open files at rest, %d before", name, after.Files, before.Files))
		}
		if before.Goroutines > 0 && after.Goroutines > limit(before.Goroutines) {
			faults = append(faults, fmt.Errorf("%s: %d goroutines at rest, %d before", name, after.Goroutines, before.Goroutines))
		}
	}
	for name, samples := range r.Memory {
		early, late := windows(samples)
		allowed := float64(early)*more + moreMemory
		if name == "dynoxide" {
			allowed += float64(early)*(more-1) + moreMemory
		}
		if float64(late) > allowed {
			faults = append(faults, fmt.Errorf("%s: %d MB in the last quarter, %d MB in the second", name, late>>20, early>>20))
		}
	}
	return faults
}

func limit(before int) int { return int(float64(before)*more) + aFew }

// windows gives the medians of the second and of the last quarter; of fewer than four samples the first and the last one.
func windows(samples []int64) (early, late int64) {
	n := len(samples)
	if n == 0 {
		return 0, 0
	}
	if n < 4 {
		return samples[0], samples[n-1]
	}
	median := func(part []int64) int64 { return slices.Sorted(slices.Values(part))[len(part)/2] }
	return median(samples[n/4 : n/2]), median(samples[n-n/4:])
}
