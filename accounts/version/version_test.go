package version

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestStamp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	stamp := func() Stamp {
		t.Helper()
		s, err := Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := stamp()
	if first != stamp() {
		t.Error("two looks at one version differ")
	}
	if err := os.WriteFile(path, []byte("22"), 0o600); err != nil {
		t.Fatal(err)
	}
	second := stamp()
	if second.String() == first.String() {
		t.Error("another size isn't seen")
	}
	if err := os.WriteFile(path+"2", []byte("33"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+"2", path); err != nil {
		t.Fatal(err)
	}
	if stamp().String() == second.String() {
		t.Error("another file isn't seen")
	}

	changed := time.Unix(1000, 0)
	s := Stamp{"x", changed}
	for after, want := range map[time.Duration]bool{-time.Hour: false, 0: false, 2*time.Second - 1: false, 2 * time.Second: true} {
		if s.Settled(changed.Add(after)) != want {
			t.Errorf("settled %s after the change: %v", after, !want)
		}
	}
	if (Stamp{}).Settled(changed) {
		t.Error("no version is settled")
	}
}
