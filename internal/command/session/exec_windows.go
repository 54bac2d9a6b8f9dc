package session

import "os"

// replace runs the command and waits, as Windows has no exec.
func replace(path string, argv, environment []string) error { return runChild(path, argv, environment) }

// passedOn is caught so that it doesn't end us before the child: the console sends it to both.
var passedOn = []os.Signal{os.Interrupt}

func reachesChildren(os.Signal) bool { return true }

func exitStatus(p *os.ProcessState) int { return p.ExitCode() }
