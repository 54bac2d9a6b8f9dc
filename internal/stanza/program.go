package stanza

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/place"
)

// Program is how a profile starts us.
type Program struct {
	Path string   // absolute
	Args []string // before the account's name: process, and what finds the same accounts file

	flags hint.Flags
}

// ThisProgram is this one, by the path that the user started it by, which called is or PATH finds: that of a package manager's link
// outlives an upgrade. If that is another program, it is the one that runs.
func ThisProgram(called, accountsFile string) (*Program, error) {
	running, err := os.Executable()
	if err != nil {
		return nil, err
	}
	path := running
	if called, err := exec.LookPath(called); err == nil {
		if called, err = filepath.Abs(called); err == nil && sameFile(called, running) {
			path = called
		}
	}
	program := &Program{Path: sayable(path), Args: []string{"process"}, flags: hint.AccountsFile(accountsFile)}
	if accountsFile = cmp.Or(accountsFile, place.AccountsFileElsewhere()); accountsFile != "" {
		file, err := filepath.Abs(place.Expand(accountsFile))
		if err != nil {
			return nil, err
		}
		program.Args = append(program.Args, "--accounts-file="+sayable(file))
	}
	return program, nil
}

// Step is a next step whose commands are about the same accounts file as this one.
func (p *Program) Step(step string) string { return p.flags.In(step) }

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}
