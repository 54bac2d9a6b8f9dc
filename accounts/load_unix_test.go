//go:build unix

package accounts

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws-accounts/accounts/version"
)

// The first look at the file and every later one refuse it.
func TestWritableByOthersIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte(Empty), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o622); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path)
	_, seen := loadSeen(version.FirstAt(path, "", time.Now()).Own)
	for _, err := range []error{err, seen} {
		if err == nil || !strings.HasPrefix(err.Error(), "refusing "+path+": others can change it, and it can name commands to run: ") {
			t.Errorf("got %v", err)
		}
	}
}

func TestCreateThroughDanglingLink(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "f")
	if err := os.Symlink("elsewhere", link); err != nil {
		t.Fatal(err)
	}
	if err := Create(link, nil); !errors.Is(err, os.ErrExist) {
		t.Errorf("got %v", err)
	}
}

// Neither a pipe nor a device has an end that one could wait for.
func TestLoadPipe(t *testing.T) {
	if _, err := Load(os.DevNull); err == nil || err.Error() != "reading "+os.DevNull+": it is not a regular file" {
		t.Errorf("got %v", err)
	}
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || err.Error() != "reading "+path+": it is not a regular file" {
		t.Errorf("got %v", err)
	}
}

func TestCreateModes(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o077} {
		dir := filepath.Join(t.TempDir(), "new")
		path := filepath.Join(dir, "f")
		old := syscall.Umask(mask)
		err := Create(path, nil)
		syscall.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		for p, want := range map[string]os.FileMode{dir: 0o700, path: 0o600} {
			if info, err := os.Stat(p); err != nil || info.Mode().Perm() != want {
				t.Errorf("umask %o: %s %v, %v", mask, p, info.Mode(), err)
			}
		}
	}
}

// A change that keeps size and mtime is seen by ctime.
func TestStampSeesWhatMtimeHides(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte(Empty), 0o600); err != nil {
		t.Fatal(err)
	}
	before, err := version.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for { // until the file system's clock has gone on, which is at most some milliseconds
		if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
		if after, err := version.Stat(path); err != nil {
			t.Fatal(err)
		} else if after.String() != before.String() {
			return
		}
	}
}

// Nor does a signature that is one, which the last good version stands in for.
func TestSharedSignatureIsAPipe(t *testing.T) {
	key, sign := signing(t)
	shared, own := sharing(t, team, `{"accounts_from": {"file": "team.json", "public_key": "`+key+`"}, "accounts": []}`)
	signature := shared + ".minisig"
	write(t, signature, sign(team, "team.json", time.Now()))
	if _, err := NewReader(own, t.TempDir()).File(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(signature), syscall.Mkfifo(signature, 0o600)); err != nil {
		t.Fatal(err)
	}
	if f := load(t, own); !f.Outdated() || f.indexed().byName["dev"] == nil {
		t.Error("the last good version isn't used")
	}
}
