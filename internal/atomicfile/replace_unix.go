//go:build !windows

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/renameio/v2"
)

func replace(path string, data []byte, mode fs.FileMode) error {
	return replaceBy(os.Rename, path, data, mode)
}

func replaceBy(rename func(made, path string) error, path string, data []byte, mode fs.FileMode) error {
	err := place(path, data, mode, rename)
	if errors.Is(err, syscall.EBUSY) { // the file itself is mounted, as into a container: nothing can take its place
		return inPlace(path, data)
	}
	return err
}

// inPlace overwrites a file. A reader may see a mix, and so may whoever comes after a crash.
func inPlace(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// create puts a whole file where none is: unlike a rename, a link replaces nothing.
func create(path string, data []byte, mode fs.FileMode) error {
	return place(path, data, mode, func(made, path string) error {
		err := os.Link(made, path)
		if err != nil && !errors.Is(err, fs.ErrExist) { // no links here, as on FAT; that somebody makes the file just now is unlikely
			return os.Rename(made, path)
		}
		return err
	})
}

// place makes the file beside its path, as only there a rename is within one file system, and has it put in place.
func place(path string, data []byte, mode fs.FileMode, put func(made, path string) error) error {
	sweep(path)
	dir := filepath.Dir(path)
	made, err := renameio.NewPendingFile(path+inTheMaking, renameio.WithTempDir(dir), renameio.WithPermissions(mode), renameio.IgnoreUmask())
	if err != nil {
		return err
	}
	defer made.Cleanup()                                             // of what is still there by then
	if info, err := os.Stat(path); err == nil && os.Geteuid() == 0 { // root leaves a file to whom it belongs
		if was, ok := info.Sys().(*syscall.Stat_t); ok {
			if err := made.Chown(int(was.Uid), int(was.Gid)); err != nil {
				return err
			}
		}
	}
	if _, err := made.Write(data); err != nil {
		return err
	}
	if err := made.Sync(); err != nil {
		return err
	}
	if err := put(made.Name(), path); err != nil {
		return err
	}
	// The file is durable; that it's in its place is so once the folder is.
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Patiently is for Windows alone.
func Patiently(call func() error) error { return call() }
