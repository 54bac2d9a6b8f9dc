package hint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"syscall"
)

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
