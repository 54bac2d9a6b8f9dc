//go:build !windows

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

func replace(path string, data []byte, mode fs.FileMode) error {
	return place(path, data, mode, os.Rename)
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
	defer made.Cleanup() // of what is still there by then
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
