package version

import (
	"os"
	"path/filepath"
)

// Stat stamps the file that path leads to.
func Stat(path string) (Stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Stamp{}, err
	}
	return stampOf(path, info)
}

// StatOpen is Stat for an open file.
func StatOpen(f *os.File) (Stamp, error) {
	info, err := f.Stat()
	if err != nil {
		return Stamp{}, err
	}
	return stampOf(f.Name(), info)
}

// stampOf has no file number and no change time to go by, which Windows tells only of an open file.
func stampOf(path string, info os.FileInfo) (Stamp, error) {
	abs, err := filepath.Abs(path)
	return stamp(info.ModTime(), info.Size(), info.Mode().IsRegular(), abs, info.Size(), info.ModTime().UnixNano()), err
}
