package session

import (
	"os"
	"os/exec"
)

// lookPath is exec.LookPath without the current folder, which Windows looks into before PATH: a checkout may hold a
// terraform.exe of its own.
func lookPath(name string) (string, error) {
	const without = "NoDefaultCurrentDirectoryInExePath"
	if _, set := os.LookupEnv(without); !set {
		os.Setenv(without, "1")
		defer os.Unsetenv(without) // the command's own environment stays as it was
	}
	return exec.LookPath(name)
}

// replace runs the command and waits, as Windows has no exec.
func replace(path string, argv, environment []string) error { return runChild(path, argv, environment) }

// passedOn is caught so that it doesn't end us before the child: the console sends it to both.
var passedOn = []os.Signal{os.Interrupt}

func reachesChildren(os.Signal) bool { return true }

func exitStatus(p *os.ProcessState) int { return p.ExitCode() }
