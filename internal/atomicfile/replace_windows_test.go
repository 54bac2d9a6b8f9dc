package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// Most programs let nobody replace a file while they have it open.
func TestReplaceWaitsForReaders(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := Write(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("never"), 0o600); !errors.Is(err, os.ErrPermission) && !errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
		t.Errorf("while it is read: %v", err)
	}
	if data, err := os.ReadFile(path); string(data) != "old" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	time.AfterFunc(200*time.Millisecond, func() { reader.Close() })
	if err := Write(path, []byte("new"), 0o600); err != nil {
		t.Errorf("as soon as it is read no more: %v", err)
	}
	if data, err := os.ReadFile(path); string(data) != "new" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"file"}) {
		t.Errorf("left behind: %q", got)
	}
}

func TestReadWaitsForTheReplacement(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := windows.CreateFile(name, windows.GENERIC_WRITE, 0, nil, windows.CREATE_NEW, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(200*time.Millisecond, func() { windows.CloseHandle(alone) })
	if err := Patiently(func() error { _, err := os.ReadFile(path); return err }); err != nil {
		t.Error(err)
	}
}

// A new file is its user's alone from the beginning, whatever the folder hands down; one that is there keeps its list.
func TestAccessList(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, write := range []func(string, []byte, os.FileMode) error{Create, Write} {
		if err := write(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if list := accessList(t, path); strings.Contains(list, ";;;WD)") { // everybody
			t.Errorf("access list %s", list)
		}
	}
	shared, err := windows.SecurityDescriptorFromString("D:P(A;;FA;;;OW)(A;;FR;;;WD)")
	if err != nil {
		t.Fatal(err)
	}
	dacl, _, err := shared.DACL()
	if err == nil {
		err = windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION, nil, nil, dacl, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	before := accessList(t, path)
	if err := Write(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if after := accessList(t, path); after != before || !strings.Contains(after, ";;;WD)") {
		t.Errorf("access list %s, was %s", after, before)
	}
}

func accessList(t *testing.T, path string) string {
	t.Helper()
	list, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		t.Fatal(err)
	}
	return list.String()
}
