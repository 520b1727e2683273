// Package proc reads what a process and its descendants have used, from Linux's /proc.
package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in stat: USER_HZ, which is 100 on every processor that Linux runs on today.
const tick = 10 * time.Millisecond

// Process is what the kernel says of one process.
type Process struct {
	PID, Parent int
	Name        string        // of the program, at most 15 bytes
	CPU         time.Duration // user and system time of its threads so far, in steps of 10 ms
	RSS         int64         // resident memory in bytes
}

// errFormat says that a line is not what proc(5) describes.
var errFormat = errors.New("not a line of /proc/<pid>/stat")

// Parse reads the line of /proc/<pid>/stat; pages have that many bytes. The name may contain blanks and parentheses.
func Parse(line string, pageSize int) (Process, error) {
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return Process{}, errFormat
	}
	fields := strings.Fields(line[end+1:]) // from the state, which proc(5) counts as the third
	const parent, user, system, resident = 1, 11, 12, 21
	if len(fields) <= resident {
		return Process{}, errFormat
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line[:open]))
	if err != nil {
		return Process{}, errFormat
	}
	var numbers [4]int64
	for i, at := range []int{parent, user, system, resident} {
		if numbers[i], err = strconv.ParseInt(fields[at], 10, 64); err != nil || numbers[i] < 0 {
			return Process{}, errFormat
		}
	}
	return Process{PID: pid, Parent: int(numbers[0]), Name: line[open+1 : end],
		CPU: time.Duration(numbers[1]+numbers[2]) * tick, RSS: numbers[3] * int64(pageSize)}, nil
}

// Tree gives the process and, after it, its descendants that run now.
func Tree(pid int) ([]Process, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	children := make(map[int][]Process)
	var found []Process
	for _, path := range paths {
		line, err := os.ReadFile(path) // #nosec G304 -- below /proc
		if err != nil {
			continue // it has just ended
		}
		p, err := Parse(string(line), os.Getpagesize())
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		if p.PID == pid {
			found = append(found, p)
		}
		children[p.Parent] = append(children[p.Parent], p)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("process %d is not in /proc: it has ended, or this is not Linux", pid)
	}
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i].PID]...)
	}
	return found, nil
}
