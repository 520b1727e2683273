package growth

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"sluice/scripts/sluice/bench/proc"
)

// Process is one process of a local cloud.
type Process struct {
	PID   int
	Role  string // "cloud", the engine's name, or the function's
	RSS   int64
	Files int
}

// Look reads the processes of the local cloud with this id, itself included, the oldest of each role first. One that ends
// while it is looked at is left out.
func Look(cloud int) ([]Process, error) {
	tree, err := proc.Tree(cloud)
	if err != nil {
		return nil, fmt.Errorf("look at the processes: %w", err)
	}
	var all []Process
	for _, p := range tree {
		role := role(p)
		if p.PID == cloud {
			role = "cloud"
		}
		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID))
		if err != nil || role == "" {
			continue // it has just ended
		}
		all = append(all, Process{p.PID, role, p.RSS, len(files)})
	}
	slices.SortFunc(all, func(a, b Process) int { return a.PID - b.PID }) // the kernel counts up
	return all, nil
}

// role names what a process of the cloud is.
func role(p proc.Process) string {
	if p.Name != "bootstrap" {
		return p.Name
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID))
	if err != nil {
		return "" // it has just ended
	}
	program, _, _ := bytes.Cut(line, []byte{0})
	return filepath.Base(filepath.Dir(string(program)))
}
