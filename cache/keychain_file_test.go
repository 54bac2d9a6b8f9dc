package cache

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aws-accounts/cache/item"
	"aws-accounts/internal/hint"
)

func openFile(dir, passphrase string) *Keychain {
	return OpenKeychain(KeychainConfig{Backend: "file", Dir: dir, Passphrase: by(passphrase)})
}

func mustSet(t *testing.T, k *Keychain, key, data string) {
	t.Helper()
	if err := k.Set(t.Context(), key, []byte(data)); err != nil {
		t.Fatal(err)
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	c := remoteConfig{Backend: "file", Dir: filepath.Join(t.TempDir(), "a b", "käse"), Passphrase: testPassphrase}
	roundTrip(t, func() *remote { return startRemote(t, c) }, maxItem)
}

func TestFileNamesTellNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	mustSet(t, openFile(dir, testPassphrase), "session/dev", "SECRET!") // with characters that base64 has not
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
			if path != dir {
				t.Errorf("a temporary folder was left: %s", path)
			}
		} else if data, _ := os.ReadFile(path); bytes.Contains(data, []byte("session/")) || bytes.Contains(data, []byte("SECRET!")) {
			t.Errorf("%s is not encrypted", path)
		}
		if strings.Contains(strings.TrimPrefix(path, dir), "dev") {
			t.Errorf("the name tells the account: %s", path)
		}
		if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode != want {
			t.Errorf("%s: mode %o, want %o", path, mode, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFileWrongPassphrase(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	mustSet(t, openFile(dir, testPassphrase), "session/dev", "x")

	for name, wrong := range map[string]*Keychain{"another": openFile(dir, "wrong"), "empty": openFile(dir, "")} {
		_, getErr := wrong.Get(t.Context(), "session/dev")
		_, keysErr := wrong.keys(t.Context())
		for _, err := range []error{getErr, keysErr, wrong.Set(t.Context(), "session/dev", nil), wrong.Set(t.Context(), "session/new", nil)} {
			if !errors.Is(err, ErrDenied) {
				t.Errorf("%s: error %v", name, err)
			}
		}
		if name == "another" && hint.Of(getErr) == "" {
			t.Error("no next step")
		}
	}
	if data, err := openFile(dir, testPassphrase).Get(t.Context(), "session/dev"); string(data) != "x" {
		t.Errorf("%q, %v", data, err)
	}
	// What needs no passphrase does not ask for one.
	if err := openFile(dir, "wrong").Remove(t.Context(), "session/dev"); err != nil {
		t.Error(err)
	}
}

// Without the key that opens the items no other one is put in its place.
func TestFileKeyIsLost(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	mustSet(t, openFile(dir, testPassphrase), "session/dev", "x")
	path := filepath.Join(dir, item.KeyFile)
	for what, lose := range map[string]func() error{
		"gone":    func() error { return os.Remove(path) },
		"damaged": func() error { return os.WriteFile(path, []byte(`{"id":"SECRET"`), 0o600) },
		"a pipe":  func() error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
	} {
		whole, err := os.ReadFile(path)
		if err := errors.Join(err, lose()); err != nil {
			t.Fatal(err)
		}
		_, getErr := openFile(dir, testPassphrase).Get(t.Context(), "session/dev")
		setErr := openFile(dir, testPassphrase).Set(t.Context(), "session/dev", []byte("y"))
		for _, err := range []error{getErr, setErr} {
			if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrCorrupt) || strings.Contains(err.Error(), "SECRET") || hint.Of(err) == "" {
				t.Errorf("%s: %v (%s)", what, err, hint.Of(err))
			}
		}
		os.RemoveAll(path)
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		if data, err := openFile(dir, testPassphrase).Get(t.Context(), "session/dev"); string(data) != "x" {
			t.Errorf("%s, and back: %q, %v", what, data, err)
		}
	}
}

func TestWeakPassphrases(t *testing.T) {
	t.Parallel()
	for _, weak := range []string{"", "a", "hunter2", "correct horse", "Tr0ub4dor&3", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "12345678901234567890",
		"abcdefghijklmnopqrstuvwxyz", "passwordpasswordpassword", "00000000000000000000000000000000", "Password1234", "ABCDABCDABCDABCDABCDABCDABCD"} {
		dir := filepath.Join(t.TempDir(), "store")
		if err := openFile(dir, weak).Set(t.Context(), "session/dev", nil); !errors.Is(err, ErrDenied) {
			t.Errorf("%q: %v", weak, err)
		}
		if _, err := os.Stat(filepath.Join(dir, item.KeyFile)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q made a store", weak)
		}
	}
	for passphrase, random := range map[string]bool{"correct horse battery staple": false, "x9#Kq2vLp7!w": false, "Straße nach Köln 1987": false,
		testPassphrase: true, rand.Text(): true, "9f86d081884c7d659a2feaa0c55ad015": true, "2bCJQ1xwC2vPq0rMlpbW2A==": true,
		"2bCJQ1xwC2vPq0rMlpbW2AAA": false, "9f86d081884c7d65": false} {
		if err := tooWeak(passphrase); err != nil {
			t.Errorf("%q: %v", passphrase, err)
		}
		if isRandom(passphrase) != random {
			t.Errorf("%q is random: %v", passphrase, !random)
		}
	}
}

// A passphrase that a person has chosen costs scrypt once; then the kernel keeps the store open, where it can.
func TestFileStaysOpen(t *testing.T) {
	t.Parallel()
	const chosen = "correct horse battery staple"
	dir := filepath.Join(t.TempDir(), "store")
	mustSet(t, openFile(dir, chosen), "session/dev", "x")
	wrapped, err := item.ReadWrappedKey(dir)
	if err != nil || wrapped.Scrypt != scryptCost {
		t.Fatalf("%+v, %v", wrapped, err)
	}
	t.Cleanup(func() { item.Forget(wrapped.ID) })
	locked := OpenKeychain(KeychainConfig{Backend: "file", Dir: dir})
	if _, err := item.Kept(wrapped.ID); err != nil {
		if runtime.GOOS == "linux" {
			cannotTest(t, "the kernel keeps no keys here")
		}
	} else if data, err := locked.Get(t.Context(), "session/dev"); string(data) != "x" {
		t.Errorf("%q, %v", data, err)
	}
	item.Forget(wrapped.ID)
	locked = OpenKeychain(KeychainConfig{Backend: "file", Dir: dir})
	if _, err := locked.Get(t.Context(), "session/dev"); !errors.Is(err, ErrLocked) {
		t.Errorf("forgotten, it opens: %v", err)
	}
	if _, err := openFile(dir, chosen+" ").Get(t.Context(), "session/dev"); !errors.Is(err, ErrDenied) {
		t.Error(err)
	}
	if data, err := openFile(dir, chosen).Get(t.Context(), "session/dev"); string(data) != "x" {
		t.Errorf("%q, %v", data, err)
	}

	// What a machine has made is derived at once, and so kept only if it came from elsewhere than the environment.
	for _, keep := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "store")
		k := OpenKeychain(KeychainConfig{Backend: "file", Dir: dir, Passphrase: func(_ context.Context, s Safe) error {
			_, err := s.Open(testPassphrase, keep)
			return err
		}})
		mustSet(t, k, "session/dev", "x")
		wrapped, err := item.ReadWrappedKey(dir)
		if err != nil || wrapped.Scrypt != 0 {
			t.Fatalf("%+v, %v", wrapped, err)
		}
		if _, err := item.Kept(wrapped.ID); (err == nil) != (keep && runtime.GOOS == "linux") {
			t.Errorf("keep %v: %v", keep, err)
		}
		item.Forget(wrapped.ID)
	}
}

// Of several that need the passphrase at the same time one is asked.
func TestFileIsOpenedOnceForAll(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("NOT TESTED: only Linux keeps keys")
	}
	dir := filepath.Join(t.TempDir(), "store")
	var asked atomic.Int32
	var all sync.WaitGroup
	for n := range 5 {
		all.Go(func() {
			k := OpenKeychain(KeychainConfig{Backend: "file", Dir: dir, Passphrase: func(_ context.Context, s Safe) error {
				asked.Add(1)
				time.Sleep(50 * time.Millisecond)
				_, err := s.Open(testPassphrase, true)
				return err
			}})
			if err := k.Set(t.Context(), fmt.Sprintf("session/%d", n), []byte("x")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	if wrapped, err := item.ReadWrappedKey(dir); err == nil {
		item.Forget(wrapped.ID)
	}
}

func TestFileAsksOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	dir := filepath.Join(t.TempDir(), "store")
	open := func() *Keychain {
		return OpenKeychain(KeychainConfig{Backend: "file", Dir: dir, Passphrase: func(ctx context.Context, s Safe) error { asked.Add(1); return by(testPassphrase)(ctx, s) }})
	}
	k := open()
	if _, err := k.Get(t.Context(), "session/dev"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if keys, err := k.keys(t.Context()); err != nil || len(keys) > 0 {
		t.Error(keys, err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("reading made the folder")
	}
	if asked.Load() != 0 {
		t.Error("asked for the passphrase of an empty store")
	}
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			if err := k.Set(t.Context(), fmt.Sprintf("session/%d", n), []byte("x")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	// The user may take longer than a keychain may.
	slow := OpenKeychain(KeychainConfig{Backend: "file", Dir: dir, Timeout: time.Millisecond,
		Passphrase: func(ctx context.Context, s Safe) error {
			time.Sleep(20 * time.Millisecond)
			return by(testPassphrase)(ctx, s)
		}})
	if _, err := slow.Get(t.Context(), "session/1"); err != nil {
		t.Error(err)
	}
	// But not longer than the caller.
	never := make(chan struct{})
	silent := OpenKeychain(KeychainConfig{Backend: "file", Dir: dir, Passphrase: func(context.Context, Safe) error { <-never; return nil }})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := silent.Get(ctx, "session/1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	close(never)
	none := OpenKeychain(KeychainConfig{Backend: "file", Dir: dir})
	if _, err := none.Get(t.Context(), "session/1"); !errors.Is(err, ErrLocked) {
		t.Error(err)
	}
	failing := OpenKeychain(KeychainConfig{Backend: "file", Dir: dir, Passphrase: func(context.Context, Safe) error { return hint.New(errors.New("no terminal"), "run it there") }})
	if _, err := failing.Get(t.Context(), "session/1"); !errors.Is(err, ErrLocked) || hint.Of(err) != "run it there" {
		t.Error(err, hint.Of(err))
	}
}

// Nobody gives the passphrase, or the command hangs: that takes its share of a call's time, once, and not what AWS needs.
func TestFileNoPassphrase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := openFile(dir, testPassphrase).Set(t.Context(), "session/dev", []byte("x")); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		k := OpenKeychain(KeychainConfig{Backend: "file", Dir: dir, Passphrase: func(ctx context.Context, _ Safe) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		ctx, cancel := context.WithTimeout(t.Context(), 52*time.Second)
		defer cancel()
		began := time.Now()
		if _, err := k.Get(ctx, "session/dev"); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "no passphrase within 30s") || hint.Of(err) == "" {
			t.Errorf("%v (%s)", err, hint.Of(err))
		}
		if took := time.Since(began); took != passphraseTime {
			t.Errorf("reading took %v", took)
		}
		if err := k.Set(ctx, "session/dev", []byte("y")); !errors.Is(err, ErrUnavailable) || time.Since(began) != passphraseTime {
			t.Errorf("%v after %v", err, time.Since(began))
		}

		// Who can do nothing without it waits for it.
		k = OpenKeychain(KeychainConfig{Backend: "file", Dir: dir, Passphrase: func(ctx context.Context, s Safe) error {
			time.Sleep(5 * time.Minute)
			return by(testPassphrase)(ctx, s)
		}})
		ctx, cancel = context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		if _, err := k.Get(ctx, "session/dev"); err != nil {
			t.Error(err)
		}
	})
}

func TestFileDamage(t *testing.T) {
	t.Parallel()
	name := item.FileName("aws-accounts/session/dev")
	other := item.FileName("aws-accounts/session/other")
	for what, damage := range map[string]func(path string) error{
		"torn": func(p string) error {
			data, err := os.ReadFile(p)
			return errors.Join(err, os.WriteFile(p, data[:len(data)/2], 0o600))
		},
		"empty":           func(p string) error { return os.WriteFile(p, nil, 0o600) },
		"garbage":         func(p string) error { return os.WriteFile(p, []byte("\x00SECRET.a.b.c.d"), 0o600) },
		"huge":            func(p string) error { return os.Truncate(p, 1<<40) },
		"a folder":        func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) },
		"a link":          func(p string) error { return errors.Join(os.Remove(p), os.Symlink("/etc/passwd", p)) },
		"a dangling link": func(p string) error { return errors.Join(os.Remove(p), os.Symlink("/nonexistent", p)) },
		"a link to itself": func(p string) error {
			return errors.Join(os.Remove(p), os.Symlink(filepath.Base(p), p))
		},
		"another item": func(p string) error {
			data, err := os.ReadFile(filepath.Join(filepath.Dir(p), other))
			return errors.Join(err, os.WriteFile(p, data, 0o600))
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			if runtime.GOOS == "windows" && strings.Contains(what, "link") {
				t.Skip("NOT TESTED: only administrators make links here")
			}
			dir := filepath.Join(t.TempDir(), "store")
			k := openFile(dir, testPassphrase)
			mustSet(t, k, "session/dev", "SECRET")
			mustSet(t, k, "session/other", "fine")
			if err := damage(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			_, err := k.Get(t.Context(), "session/dev")
			if !errors.Is(err, ErrCorrupt) || strings.Contains(err.Error(), "SECRET") {
				t.Errorf("error %v", err)
			}
			if keys, err := k.keys(t.Context()); err != nil || len(keys) != 1 || keys[0] != "session/other" {
				t.Errorf("keys %q, %v", keys, err)
			}
			mustSet(t, k, "session/dev", "new")
			if data, err := k.Get(t.Context(), "session/dev"); string(data) != "new" {
				t.Errorf("after writing anew: %q, %v", data, err)
			}
			if err := k.Remove(t.Context(), "session/dev"); err != nil {
				t.Error(err)
			}
			if data, err := k.Get(t.Context(), "session/other"); string(data) != "fine" {
				t.Errorf("its neighbour: %q, %v", data, err)
			}
		})
	}
}

func TestFileBadFolder(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Log("NOT TESTED: modes mean nothing here")
		return
	}
	base := t.TempDir()
	file := filepath.Join(base, "file")
	open := filepath.Join(base, "open")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Mkdir(open, 0o700), os.Chmod(open, 0o777)); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", file, filepath.Join(file, "below"), open, "/proc/nonexistent"} {
		k := openFile(dir, testPassphrase)
		if err := k.Set(t.Context(), "session/dev", nil); !errors.Is(err, ErrUnavailable) || hint.Of(err) == "" ||
			strings.Contains(hint.Of(err), "=file") { // which it is
			t.Errorf("%q: error %v, hint %q", dir, err, hint.Of(err))
		}
	}
}

// TestFileReadersSeeNoHalf has 50 readers read while others write.
func TestFileReadersSeeNoHalf(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	contents := func(n int) []byte { return bytes.Repeat([]byte{byte('a' + n%26)}, 10_000+n*100) }
	first := openFile(dir, testPassphrase)
	if err := first.Set(t.Context(), "session/dev", contents(0)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var writers, readers sync.WaitGroup
	for w := range 2 {
		writers.Go(func() {
			k := openFile(dir, testPassphrase) // as a process of its own would
			for n := 0; ctx.Err() == nil; n++ {
				if err := k.Set(t.Context(), "session/dev", contents(w+n)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 50 {
		readers.Go(func() {
			k := openFile(dir, testPassphrase)
			data, err := k.Get(t.Context(), "session/dev")
			if err != nil || len(data) == 0 || !bytes.Equal(data, bytes.Repeat(data[:1], len(data))) {
				t.Errorf("torn: %d bytes, %v", len(data), err)
			}
		})
	}
	readers.Wait()
	cancel()
	writers.Wait()
}
