// Package atomicfile replaces a file as a whole: a reader, or a crash, finds the old content or the new, never a mix. It reads
// files that somebody else names, too.
//
// A symbolic link stays a link and its target is replaced; an existing file keeps its mode and, if root writes it, its owner.
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Write replaces the content of the file at path, and nothing but a file. A new one gets mode, whatever the umask. Missing
// folders are made with it, too, and the bits to enter them, as far as the umask lets them have it.
func Write(path string, data []byte, mode fs.FileMode) error {
	path, err := target(path)
	if err != nil {
		return err
	}
	if info, err := os.Stat(path); err == nil {
		if !info.Mode().IsRegular() { // a device or a pipe would be gone
			return &fs.PathError{Op: "replace", Path: path, Err: errors.New("not a regular file")}
		}
		mode = info.Mode().Perm()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), mode|(mode&0o444)>>2); err != nil {
		return err
	}
	return replace(path, data, mode)
}

// Create is Write for a file that isn't there yet. If anything is, be it a dangling link, it's left alone and the error is
// fs.ErrExist.
func Create(path string, data []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), mode|(mode&0o444)>>2); err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	return create(path, data, mode)
}

// most is a bound against a path that leads astray, in bytes.
const most = 32 << 20

// Read returns the content of an ordinary file, and none of the null device. Whatever else may be at the path is refused: a pipe
// or a socket could keep us waiting, a device may never end.
func Read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	refuse := func(err error) ([]byte, error) { return nil, &fs.PathError{Op: "read", Path: path, Err: err} }
	switch mode := info.Mode(); {
	case mode.IsRegular():
	case mode.IsDir():
		return refuse(syscall.EISDIR)
	case mode&fs.ModeNamedPipe != 0:
		return refuse(errors.New("it is a pipe, not a file"))
	case mode&fs.ModeSocket != 0:
		return refuse(errors.New("it is a socket, not a file"))
	default:
		if null, err := os.Stat(os.DevNull); err == nil && os.SameFile(null, info) {
			return []byte{}, nil
		}
		return refuse(errors.New("it is a device, not a file"))
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if len(data) > most {
		return refuse(fmt.Errorf("it is larger than %d MiB", most>>20))
	}
	return data, err
}

// target follows the symbolic links at path, of which the last may lead to a file that isn't there yet.
func target(path string) (string, error) {
	for range 40 { // as many as Linux follows
		link, err := os.Readlink(path)
		if err != nil { // not a link, or nothing at all
			return path, nil
		}
		if !filepath.IsAbs(link) {
			link = filepath.Join(filepath.Dir(path), link)
		}
		path = link
	}
	return "", &fs.PathError{Op: "readlink", Path: path, Err: errors.New("too many levels of symbolic links")}
}

// inTheMaking is in the name of a file that isn't whole yet, behind the name that it's to have: our mark, so that what a
// killed writer left can be told from the files of others.
const inTheMaking = ".aws-accounts-"

// Leftover reports whether a file of that name is one that a writer leaves when it is killed.
func Leftover(name string) bool {
	return strings.HasPrefix(name, ".") && strings.Contains(name, inTheMaking)
}

// Probe finds out whether files can be written into dir.
func Probe(dir string) error {
	probe, err := os.CreateTemp(dir, ".doctor"+inTheMaking)
	if err != nil {
		return err
	}
	probe.Close()
	return os.Remove(probe.Name())
}

// sweep removes what writers of the file left that were killed. None takes a minute.
func sweep(path string) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "."+filepath.Base(path)+inTheMaking) {
			continue
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > time.Minute {
			os.Remove(filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
}
