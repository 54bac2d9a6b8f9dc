package cache

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/99designs/keyring"

	"aws-accounts/cache/item"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/nodbus"
)

const soon = nodbus.Patience - time.Second // for what waits for nothing, on a machine that may be busy

// roundTrip is what every backend has to do, in one process and from another.
func roundTrip(t *testing.T, start func() *remote, large int) {
	t.Helper()
	one, other := start(), start()

	one.get("session/dev").want(t, "not found", soon)
	one.remove("session/dev").want(t, "not found", soon)
	if a := one.keys(); a.Failed || len(a.Keys) > 0 {
		t.Fatalf("keys of an empty store: %+v", a)
	}

	big := make([]byte, large)
	rand.Read(big)
	items := map[string][]byte{
		"session/dev":      []byte(`{"a":1}`),
		"keys/main":        []byte("line\nline\x00\xff"),
		"sso/corp.x_y@z+-": {0}, // the kernel's keyring takes no empty items
		"session/big":      big,
		"session/dev2":     []byte("not dev"),
	}
	for key, data := range items {
		one.set(key, data).want(t, "", 5*time.Second)
	}
	for key, data := range items {
		for _, r := range []*remote{one, other} {
			if a := r.get(key); a.Failed || !bytes.Equal(a.Data, data) {
				t.Errorf("%s: %q, want %.20q (%s)", key, a.Data[:min(20, len(a.Data))], data[:min(20, len(data))], a.Text)
			}
		}
	}
	var want []string
	for key := range items {
		want = append(want, key)
	}
	slices.Sort(want)
	if a := other.keys(); !slices.Equal(a.Keys, want) {
		t.Errorf("keys: %q, want %q (%s)", a.Keys, want, a.Text)
	}

	// Overwriting leaves one item, with the new content for everybody.
	for n := range 3 {
		for _, r := range []*remote{one, other} {
			data := fmt.Appendf(nil, "version %d", n)
			r.set("session/dev", data).want(t, "", 5*time.Second)
			if a := other.get("session/dev"); !bytes.Equal(a.Data, data) {
				t.Errorf("after overwriting: %q, want %q (%s)", a.Data, data, a.Text)
			}
		}
	}
	one.remove("session/dev").want(t, "", 5*time.Second)
	other.get("session/dev").want(t, "not found", soon)
	other.remove("session/dev").want(t, "not found", soon)
	if a := other.get("session/dev2"); string(a.Data) != "not dev" {
		t.Errorf("its neighbour: %+v", a)
	}
	for key := range items {
		one.remove(key)
	}
	if a := other.keys(); a.Failed || len(a.Keys) > 0 {
		t.Errorf("keys after removing all: %+v", a)
	}
}

// fakeStore answers as it is told to.
type fakeStore struct {
	calls  atomic.Int32
	answer func(context.Context) ([]byte, error)
	names  []string
}

func (f *fakeStore) get(ctx context.Context, _ string) ([]byte, error) {
	f.calls.Add(1)
	return f.answer(ctx)
}
func (f *fakeStore) set(ctx context.Context, key string, _ []byte) error {
	_, err := f.get(ctx, key)
	return err
}
func (f *fakeStore) remove(ctx context.Context, key string) error { return f.set(ctx, key, nil) }
func (f *fakeStore) keys(context.Context) ([]string, error)       { return f.names, nil }

func openFake(f *fakeStore, cfg KeychainConfig) *Keychain {
	k := OpenKeychain(cfg)
	k.open = func(KeychainConfig) (store, error) { return f, nil }
	return k
}

func TestKeychainThatHangs(t *testing.T) {
	t.Parallel()
	for unlock, want := range map[bool]time.Duration{false: nodbus.Patience, true: 60 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			defer close(release)
			f := &fakeStore{answer: func(context.Context) ([]byte, error) { <-release; return nil, nil }}
			k := openFake(f, KeychainConfig{Unlock: unlock})
			began := time.Now()
			for range 5 {
				_, err := k.Get(t.Context(), "session/dev")
				if !errors.Is(err, ErrUnavailable) || hint.Of(err) == "" {
					t.Errorf("error %v, hint %q", err, hint.Of(err))
				}
				if err := k.Set(t.Context(), "session/dev", nil); !errors.Is(err, ErrUnavailable) {
					t.Errorf("error %v", err)
				}
			}
			if took := time.Since(began); took != want {
				t.Errorf("ten calls took %s, want %s", took, want)
			}
			if n := f.calls.Load(); n != 1 {
				t.Errorf("the store was asked %d times", n)
			}
			time.Sleep(failedFor)
			go func() { time.Sleep(time.Second); release <- struct{}{}; release <- struct{}{} }()
			if _, err := k.Get(t.Context(), "session/dev"); err != nil {
				t.Errorf("a minute later, when the store is back: %v", err)
			}
		})
	}
}

func TestKeychainCallersContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeStore{answer: func(ctx context.Context) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }}
		k := openFake(f, KeychainConfig{})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		if _, err := k.Get(ctx, "session/dev"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(began); took != 100*time.Millisecond {
			t.Errorf("it took %s", took)
		}
		// A caller that fails fast says nothing about the keychain.
		f.answer = func(context.Context) ([]byte, error) { return []byte("x"), nil }
		if _, err := k.Get(t.Context(), "session/dev"); err != nil {
			t.Error(err)
		}
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := k.Get(canceled, "session/dev"); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}

func TestKeychainPanics(t *testing.T) {
	t.Parallel()
	f := &fakeStore{answer: func(context.Context) ([]byte, error) {
		var v any = "AKIASECRET"
		return v.([]byte), nil
	}}
	_, err := openFake(f, KeychainConfig{}).Get(t.Context(), "session/dev")
	if !errors.Is(err, ErrUnavailable) || strings.Contains(err.Error(), "AKIA") {
		t.Errorf("error %v", err)
	}
	f.answer = func(context.Context) ([]byte, error) { panic("AKIASECRET") }
	_, err = openFake(f, KeychainConfig{}).Get(t.Context(), "session/dev")
	if !errors.Is(err, ErrUnavailable) || strings.Contains(err.Error(), "AKIA") {
		t.Errorf("error %v", err)
	}
}

func TestKeychainOnlyUnavailableIsRemembered(t *testing.T) {
	t.Parallel()
	for _, kind := range []error{ErrNotFound, ErrLocked, ErrDenied, errTooLarge, ErrCorrupt} {
		f := &fakeStore{answer: func(context.Context) ([]byte, error) { return nil, kind }}
		k := openFake(f, KeychainConfig{})
		for range 2 {
			if _, err := k.Get(t.Context(), "session/dev"); !errors.Is(err, kind) {
				t.Errorf("error %v, want %v", err, kind)
			}
		}
		if n := f.calls.Load(); n != 2 {
			t.Errorf("%v: the store was asked %d times", kind, n)
		}
	}
}

func TestKeychainKeys(t *testing.T) {
	t.Parallel()
	k := openFake(&fakeStore{names: []string{"aws-accounts/session/b", "other", "aws-accounts/session/a", "aws-accounts/../x",
		"aws-accounts/session/b", "aws-vault/session/c", "aws-accounts/"}}, KeychainConfig{})
	keys, err := k.keys(t.Context())
	if want := []string{"session/a", "session/b"}; err != nil || !slices.Equal(keys, want) {
		t.Errorf("keys %q, %v, want %q", keys, err, want)
	}
}

func TestKeychainRefusesKeys(t *testing.T) {
	t.Parallel()
	f := &fakeStore{answer: func(context.Context) ([]byte, error) { return nil, nil }}
	k := openFake(f, KeychainConfig{})
	for _, key := range []string{"", "/", "session/", "/dev", "a//b", "a/../b", "../b", ".hidden", "a b", "a:b", `a\b`, "a\nb", "ä", "-a"} {
		if _, err := k.Get(t.Context(), key); err == nil {
			t.Errorf("%q was taken", key)
		}
	}
	if f.calls.Load() != 0 {
		t.Error("the store was asked")
	}
}

func TestKeychainThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, backend := range []string{"keychain", "wincred", "nonsense", "Secret-Service", "winhello"} {
		if backend == item.PlatformKeychain(runtime.GOOS) {
			continue
		}
		k := OpenKeychain(KeychainConfig{Backend: backend})
		_, err := k.Get(t.Context(), "session/dev")
		if !errors.Is(err, ErrUnavailable) || hint.Of(err) == "" {
			t.Errorf("%s: error %v, hint %q", backend, err, hint.Of(err))
		}
		t.Log(err, "->", hint.Of(err))
	}
	if b := OpenKeychain(KeychainConfig{}).Backend(); b == "" {
		t.Error("no default")
	}
}

// A program for macOS that was built without cgo has no macOS keychain, and says so rather than take another.
func TestMacOSWithoutCgo(t *testing.T) {
	t.Parallel()
	err := whyNot(keyring.KeychainBackend, "darwin")
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "built without cgo (CGO_ENABLED=0), so without the macOS keychain") ||
		hint.Of(err) != "install a release for macOS, or build with CGO_ENABLED=1" {
		t.Errorf("error %v, hint %q", err, hint.Of(err))
	}
}

func TestKeychainTooLarge(t *testing.T) {
	t.Parallel()
	f := &fakeStore{answer: func(context.Context) ([]byte, error) { return nil, nil }}
	if err := openFake(f, KeychainConfig{}).Set(t.Context(), "session/dev", make([]byte, maxItem+1)); !errors.Is(err, errTooLarge) {
		t.Errorf("error %v", err)
	}
}

func TestPlatformBackend(t *testing.T) {
	t.Parallel()
	for goos, want := range map[string]string{"darwin": "keychain", "windows": "wincred", "linux": "secret-service", "freebsd": "secret-service"} {
		if got := item.PlatformKeychain(goos); got != want {
			t.Errorf("%s: %s, want %s", goos, got, want)
		}
	}
}
