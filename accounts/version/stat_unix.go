//go:build unix

package version

import (
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Stat stamps the file that path leads to, by one system call.
func Stat(path string) (Stamp, error) {
	return stampOf("stat", path, func(st *unix.Stat_t) error { return unix.Stat(path, st) })
}

// StatOpen is Stat for an open file.
func StatOpen(f *os.File) (Stamp, error) {
	return stampOf("fstat", f.Name(), func(st *unix.Stat_t) error { return unix.Fstat(int(f.Fd()), st) })
}

// stampOf takes when the file was changed from ctime, which the kernel sets and nobody can set back; mtime is in the stamp
// for file systems that have no true ctime.
func stampOf(op, path string, stat func(*unix.Stat_t) error) (Stamp, error) {
	var st unix.Stat_t
	err := stat(&st)
	for err == unix.EINTR {
		err = stat(&st)
	}
	if err != nil {
		return Stamp{}, &fs.PathError{Op: op, Path: path, Err: err}
	}
	changed := time.Unix(st.Ctim.Unix())
	return stamp(changed, st.Size, st.Mode&unix.S_IFMT == unix.S_IFREG, uint64(st.Dev), st.Ino, st.Size, st.Mtim.Nano(), st.Ctim.Nano()), nil
}
