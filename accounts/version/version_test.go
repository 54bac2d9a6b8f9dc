package version

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
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

	// The content tells, of a large file as long as its times may not.
	for _, size := range []int{1, small, small + 1} {
		content := bytes.Repeat([]byte("a"), size)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		before := stamp()
		now, later := before.changed.Add(time.Second), before.changed.Add(time.Hour)
		seen := See(path, now)
		just, err := seen.Stamp, seen.Err
		if err != nil || !just.Settled(now) || just != before.Of(content, now) || just.String() == before.Of(append(content[1:], 'b'), now).String() {
			t.Errorf("%d bytes, just written: %+v, %v", size, just, err)
		}
		again := See(path, later)
		if s := again.Stamp; again.Err != nil || !s.Settled(later) || (s == just) != (size <= small) || (s == before) != (size > small) {
			t.Errorf("%d bytes, an hour later: %+v, %v", size, s, again.Err)
		}
		if !again.Unchanged() {
			t.Errorf("%d bytes: changed without a change", size)
		}
		if data, read := again.Content(); read != (size <= small) || read && !bytes.Equal(data, content) {
			t.Errorf("%d bytes: read %v", size, read)
		}
	}

	changed := time.Unix(1000, 0)
	s := Stamp{id: "x", changed: changed}
	for after, want := range map[time.Duration]bool{-time.Hour: false, 0: false, 2*time.Second - 1: false, 2 * time.Second: true} {
		if s.Settled(changed.Add(after)) != want {
			t.Errorf("settled %s after the change: %v", after, !want)
		}
	}
	if (Stamp{}).Settled(changed) {
		t.Error("no version is settled")
	}
}

// A key that is replaced by another of its length, in whichever of AWS's two files, is another version, also where the time of
// the change is set back.
func TestAWSFiles(t *testing.T) {
	dir := t.TempDir()
	config, credentials := filepath.Join(dir, "config"), filepath.Join(dir, "credentials")
	t.Setenv("AWS_CONFIG_FILE", config)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", credentials)
	later := time.Now().Add(time.Hour)
	seen := map[string]bool{}
	look := func() {
		t.Helper()
		s := SeeAWS(later).With("stamp")
		if s == "" || seen[s] || s != SeeAWS(later).With("stamp") {
			t.Errorf("%q", s)
		}
		seen[s] = true
	}
	look()
	for _, path := range []string{config, credentials} {
		if err := os.WriteFile(path, []byte("AKIAONE"), 0o600); err != nil {
			t.Fatal(err)
		}
		look()
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond) // a step of the file system's clock
		if err := os.WriteFile(path, []byte("AKIATWO"), 0o600); err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" { // which has no time of change that can't be set back
			if err := os.Chtimes(path, before.ModTime(), before.ModTime()); err != nil {
				t.Fatal(err)
			}
		}
		look()
	}
	if s := SeeAWS(later).With(""); s != "" {
		t.Errorf("no stamp becomes %q", s)
	}
}

// A file that was moved is known again, and one that was deleted isn't taken for the next that the file system gives its inode.
func TestMovedFrom(t *testing.T) {
	for name, c := range map[string]struct {
		size  int
		after string // "" for what was there before
		moved bool
	}{
		"moved":               {size: 10, moved: true},
		"moved, large":        {size: small + 1, moved: runtime.GOOS != "windows"}, // which tells no inode
		"another":             {size: 10, after: "another"},
		"another, once large": {size: small + 1, after: "another"},
	} {
		t.Run(name, func(t *testing.T) {
			all, home := t.TempDir(), t.TempDir()
			old, path := filepath.Join(home, "old.json"), filepath.Join(home, "new.json")
			if err := os.WriteFile(old, bytes.Repeat([]byte("a"), c.size), 0o600); err != nil {
				t.Fatal(err)
			}
			now := time.Now().Add(time.Hour)
			l := At(old, filepath.Join(all, "old"), now)
			l.Note(filepath.Join(all, "old"), Noted{Path: old, Stamp: l.Own.Stamp.String()})
			if got := l.MovedFrom(all); got != "" {
				t.Errorf("before: from %q", got)
			}
			if err := os.Rename(old, path); err != nil {
				t.Fatal(err)
			}
			if c.after != "" { // with the inode of the old one
				if err := os.WriteFile(path, []byte(c.after), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if got := At(path, filepath.Join(all, "new"), now).MovedFrom(all); (got == old) != c.moved || got != "" && got != old {
				t.Errorf("moved from %q", got)
			}
		})
	}
}
