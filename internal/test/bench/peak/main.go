//go:build unix

// Command peak runs a command, and behind the command's output prints a line with its largest resident size in bytes.
//
// It is a program of its own as Linux counts, for a new process, what its parent had in memory when it was started: a
// test binary is larger than what it measures.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

func main() {
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "peak:", err)
		os.Exit(1)
	}
	size := int64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
	if runtime.GOOS != "darwin" {
		size *= 1024
	}
	fmt.Println(size)
}
