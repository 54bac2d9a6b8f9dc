package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// Caller returns the name of the program that started us, for the access log. SDKs that go through a shell show as what
// started the shell.
func Caller() string {
	pid := os.Getppid()
	for range 4 {
		name, parent := process(pid)
		switch name {
		case "sh", "dash", "bash", "zsh":
			if parent > 1 {
				if above, _ := process(parent); above != "" {
					pid = parent
					continue
				}
			}
		}
		return name
	}
	return ""
}

// process reads a process's name and parent from /proc.
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
