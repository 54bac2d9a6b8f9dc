package atomicfile

import (
	"bytes"
	"io/fs"

	"github.com/natefinch/atomic"
)

// Mode bits mean little here; the file inherits its folder's access list.
func replace(path string, data []byte, _ fs.FileMode) error {
	return atomic.WriteFile(path, bytes.NewReader(data))
}
