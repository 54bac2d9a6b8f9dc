//go:build unix

package atomicfile

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A file that is mounted itself can't be replaced: it is overwritten, and nothing is left beside it.
func TestMountedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte("what was there, and longer"), 0o600); err != nil {
		t.Fatal(err)
	}
	busy := func(made, path string) error {
		return &os.LinkError{Op: "rename", Old: made, New: path, Err: syscall.EBUSY}
	}
	if err := replaceBy(busy, path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "new" {
		t.Errorf("%q, %v", data, err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

// Root's edit leaves a file to its owner.
func TestOwnerIsKept(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can give a file away")
	}
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte("theirs"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, 4242, 4343); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if was := info.Sys().(*syscall.Stat_t); was.Uid != 4242 || was.Gid != 4343 || info.Mode() != 0o640 {
		t.Errorf("it belongs to %d:%d, %v", was.Uid, was.Gid, info.Mode())
	}
}
