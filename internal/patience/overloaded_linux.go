package patience

import (
	"os"
	"runtime"
	"strconv"
	"strings"
)

// overloaded reports whether sixteen threads and more for each processor want to run, as /proc/loadavg says: 0.20 0.18 0.12 1/80 11206.
func overloaded() bool {
	data, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(data))
	if err != nil || len(fields) < 4 {
		return false
	}
	running, _, _ := strings.Cut(fields[3], "/")
	n, err := strconv.Atoi(running)
	return err == nil && n >= 16*runtime.NumCPU()
}
