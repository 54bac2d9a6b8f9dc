package atomicfile

import (
	"bytes"
	"io/fs"
	"os"

	"github.com/natefinch/atomic"
)

// Mode bits mean little here; the file inherits its folder's access list.
func replace(path string, data []byte, _ fs.FileMode) error {
	return atomic.WriteFile(path, bytes.NewReader(data))
}

// create is not whole under a crash: an empty file may stay.
func create(path string, data []byte, _ fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		os.Remove(path) // half a file is worse than none, and it is ours
	}
	return err
}
