// Package hint lets an error carry the one next step that its reader can type, and the status to exit with.
//
// The error says what failed; the hint says what to do. Both are attached where both are known, and only main prints the hint,
// so that the same error reads well in a log, behind a prefix and in a list of findings.
package hint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"syscall"
)

type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }

// New returns err with a next step, formatted as by fmt.Sprintf. A nil err stays nil.
func New(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hinted{err, fmt.Sprintf(format, args...)}
}

// Of returns the outermost hint in err's chain, or "" if there is none.
func Of(err error) string {
	if h, ok := errors.AsType[*hinted](err); ok {
		return h.hint
	}
	return ""
}

// From returns the outermost error in err's chain that has a hint, without what is wrapped around it, or nil. It is for
// errors of ours that come back through a library which wraps them in the names of its layers.
func From(err error) error {
	if h, ok := errors.AsType[*hinted](err); ok {
		return h
	}
	return nil
}

// Flags are those that a command in a hint needs to be about the same things as the command that failed.
type Flags string

// AccountsFile are the flags that a command needs to be about the accounts file that was given.
func AccountsFile(given string) Flags {
	if given == "" || given == os.Getenv("AWS_ACCOUNTS_FILE") {
		return ""
	}
	return Flags("--accounts-file=" + Word(given))
}

// In returns the step with the flags in each of its commands.
func (f Flags) In(step string) string {
	if f == "" {
		return step
	}
	return strings.ReplaceAll(step, "`aws-accounts ", "`aws-accounts "+string(f)+" ")
}

// Word makes s one word of a POSIX shell's command line.
func Word(s string) string {
	odd := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_/.+,@%:=-", r))
	}
	if s != "" && !strings.ContainsFunc(s, odd) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

type usage struct{ error }

func (u usage) Unwrap() error { return u.error }

// Usage marks an error as one of how the program was called, not of what it does, and gives it a next step.
func Usage(err error, format string, args ...any) error {
	return New(usage{err}, format, args...)
}

// IsUsage reports whether Usage has marked an error in err's chain.
func IsUsage(err error) bool {
	_, ok := errors.AsType[usage](err)
	return ok
}

// LooksForCause ends the step that has doctor look further.
const LooksForCause = "looks for the cause"

// ExitStatus is an error that says with which status to exit. Without a cause there is nothing to say besides.
type ExitStatus struct {
	Status int
	Cause  error
}

func (e *ExitStatus) Error() string {
	if e.Cause == nil {
		return fmt.Sprintf("exit status %d", e.Status)
	}
	return e.Cause.Error()
}

func (e *ExitStatus) Unwrap() error { return e.Cause }

// WithoutPath is a file system error without the path, which stands beside it.
func WithoutPath(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// FileError is a file system error without the path, which its callers say themselves, printable, and with what to do about it.
func FileError(err error) error {
	if step := FileStep(err); step != "" {
		return New(WithoutPath(err), "%s", step)
	}
	return WithoutPath(err)
}

// FileStep is the next step for an error of the file system about a path, "" for another one, and where nothing is at the path.
func FileStep(err error) string {
	pe, ok := errors.AsType[*fs.PathError](err)
	if !ok || errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	path := pe.Path
	for { // a new file, also one on the way to be one, is a matter of the folder
		if _, err := os.Lstat(path); err == nil || path == parent(path) {
			break
		}
		path = parent(path)
	}
	path = Word(path)
	show := "`ls -ld " + path + "` shows what it is and whose"
	if runtime.GOOS == "windows" {
		show = "`icacls " + path + "` shows who may do what with it"
	}
	switch {
	case errors.Is(err, syscall.EISDIR):
		return path + " is a folder: name a file"
	case errors.Is(err, syscall.EROFS):
		return "the file system of " + path + " is read-only: use another place"
	case errors.Is(err, syscall.ENOSPC):
		return "make room on the disk of " + path + ", then try again"
	case errors.Is(err, fs.ErrPermission) && runtime.GOOS != "windows":
		return show + "; `chmod u+rwX " + path + "` opens it to you if it is yours"
	}
	return show
}

// ChangedMeanwhile says that somebody else has changed the file that command was about to change.
func ChangedMeanwhile(path, command string) error {
	return New(fmt.Errorf("%s has changed meanwhile and stays as it is", path), "run `aws-accounts %s` again", command)
}

// parent is filepath.Dir, but for its cleaning. That package has an init which the language puts behind most others, and with it
// whatever imports it: what a warm `process` needs must not (see process/warm).
func parent(path string) string {
	for i := len(path) - 1; i > 0; i-- {
		if os.IsPathSeparator(path[i]) {
			return path[:i]
		}
	}
	if path != "" && os.IsPathSeparator(path[0]) {
		return path[:1]
	}
	return "."
}
