//go:build !windows

package atomicfile

import (
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

func replace(path string, data []byte, mode fs.FileMode) error {
	dir := filepath.Dir(path)
	// The temporary file lives beside the target: only then is the rename within one file system.
	err := renameio.WriteFile(path, data, mode, renameio.WithTempDir(dir), renameio.IgnoreUmask())
	if err != nil {
		return err
	}
	// renameio syncs the file; the rename itself is durable once the folder is.
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
