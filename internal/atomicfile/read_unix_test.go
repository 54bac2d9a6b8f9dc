//go:build unix

package atomicfile

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What may never end, or never begin, is refused at once; the null device is an empty file.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	large, err := os.Create(at("large"))
	if err == nil {
		err = large.Truncate(most + 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	large.Close()
	if err := os.WriteFile(at("plain"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(at("plain"), at("link")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(at("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for path, want := range map[string]string{
		at("plain"): "text", at("link"): "text", os.DevNull: "",
		at("pipe"): "it is a pipe, not a file", at("socket"): "it is a socket, not a file", "/dev/zero": "it is a device, not a file",
		dir: "is a directory", at("large"): "it is larger than 32 MiB", at("none"): "no such file",
	} {
		data, err := Read(path)
		if got := string(data); err == nil && got != want || err != nil && (!strings.Contains(err.Error(), want) || want == "text") {
			t.Errorf("%s: %.20q, %v", path, got, err)
		}
	}
}
