// Package machine says what a measurement was made on, so that others can tell whether theirs compares.
package machine

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// Facts describe a machine and how busy it was. What cannot be found out is "".
type Facts struct {
	Processor string `json:"processor"`
	Cores     int    `json:"cores"`
	MemoryMB  int    `json:"memory_mb"`
	System    string `json:"system"`
	Go        string `json:"go"`
	Load      string `json:"load"` // over 1, 5 and 15 minutes, as it began
}

// Look reads the facts of this machine.
func Look() Facts {
	f := Facts{Cores: runtime.NumCPU(), Go: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH}
	f.Processor = field(read("/proc/cpuinfo"), "model name")
	var kb int
	if _, err := fmt.Sscanf(field(read("/proc/meminfo"), "MemTotal"), "%d", &kb); err == nil {
		f.MemoryMB = kb >> 10
	}
	f.System = strings.TrimSpace("Linux " + read("/proc/sys/kernel/osrelease"))
	if load := strings.Fields(read("/proc/loadavg")); len(load) >= 3 {
		f.Load = strings.Join(load[:3], " ")
	}
	return f
}

// String is one line.
func (f Facts) String() string {
	return fmt.Sprintf("%d × %s, %d MB, %s, %s; load as it began: %s", f.Cores, f.Processor, f.MemoryMB, f.System, f.Go, f.Load)
}

func read(path string) string {
	b, err := os.ReadFile(path) // #nosec G304 -- below /proc
	if err != nil {
		return ""
	}
	return string(b)
}

// field gives the value of the first line `name : value`.
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
