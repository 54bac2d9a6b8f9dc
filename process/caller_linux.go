package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// Caller returns the name of the program that started us, for the access log. A shell that was started only to start us,
// as most SDKs do, is passed over.
func Caller() string {
	pid := os.Getppid()
	for range 3 {
		name, parent := process(pid)
		if !onlyStartsUs(pid) || parent <= 1 {
			return name
		}
		pid = parent
	}
	return ""
}

// onlyStartsUs reports whether the process is `sh -c …`.
func onlyStartsUs(pid int) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return false
	}
	words := bytes.SplitN(line, []byte{0}, 3)
	return len(words) == 3 && bytes.HasSuffix(words[0], []byte("sh")) && string(words[1]) == "-c"
}

func process(pid int) (name string, parent int) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0
	}
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return "", 0
	}
	if fields := bytes.Fields(stat[end+1:]); len(fields) > 1 {
		parent, _ = strconv.Atoi(string(fields[1]))
	}
	return string(stat[open+1 : end]), parent
}
