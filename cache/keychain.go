package cache

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/99designs/keyring"

	"aws-accounts/cache/item"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/nodbus"
)

// The keyring library has dialled the session bus by now: see internal/nodbus.
func init() { nodbus.Restore() }

// What can be wrong with a keychain or an item, for errors.Is. The error around it says why, and carries the next step as a hint.
var (
	ErrNotFound    = item.ErrNotFound
	ErrLocked      = errors.New("locked")
	ErrDenied      = errors.New("access refused")
	ErrUnavailable = item.ErrUnavailable
	errTooLarge    = errors.New("item too large")
	ErrCorrupt     = item.ErrCorrupt
)

const (
	// maxItem is far above any session, and what the slowest store still hands back in time.
	maxItem = 256 << 10

	// userPatience is how long somebody may take to type a password into the keychain's own dialog.
	userPatience = 60 * time.Second
	// failedFor is how long a keychain that could not be reached is not asked again. It outlasts `process`, so that a dead
	// keychain costs a process its patience once; a process that lives longer, as `serve` does, finds it again.
	failedFor = time.Minute
)

// KeychainConfig says which OS store to use and how.
type KeychainConfig struct {
	// Backend is secret-service, kwallet, keyctl, pass, file, keychain or wincred; "" is the platform's own: keychain on
	// macOS, wincred on Windows, elsewhere secret-service.
	Backend string
	// Choose says which backend it is, at the first use, where Backend is "": nil for the platform's own. Its error is that of
	// every call.
	Choose func() (string, error)
	// Owner is whose items these are: see place.Owner. It sees no others, and leaves them alone.
	Owner string
	// Dir is the folder of the file backend. It is created on the first write.
	Dir string
	// Notes is the folder of the notes of where sessions lie in the Secret Service, with which a warm call needs no search.
	Notes string
	// Passphrase opens the file backend. It is called when there is something to decrypt or encrypt, and nothing has opened it
	// yet. The time it takes is limited by the caller's context alone.
	Passphrase func(context.Context, Safe) error
	// Unlock lets a call wait for the user to unlock the keychain in its own dialog. Without it a locked keychain is ErrLocked at once.
	Unlock bool
	// Timeout limits each call, besides its context. 0 is nodbus.Patience, or 60 s with Unlock.
	Timeout time.Duration
}

// Keychain is one OS store. Its methods may be used concurrently, return within their time limit whatever the store does,
// and never put item data into an error. Once the store could not be reached, calls fail at once for a minute.
//
// A key is what item.ValidKey takes. Two keys that differ only in case must not both be used: Windows takes them for one.
type Keychain struct {
	cfg    KeychainConfig
	choose func() (string, error) // the backend, once
	open   func(KeychainConfig) (store, error)

	mu     sync.Mutex
	store  store
	failed error
	since  time.Time
}

// store is what a backend supplies. Keys carry the prefix. A call may block, and may panic: Keychain sees to both. Errors are
// those above where they apply; the backend's name is put before them.
type store interface {
	get(ctx context.Context, key string) ([]byte, error)
	set(ctx context.Context, key string, data []byte) error
	remove(ctx context.Context, key string) error
	keys(ctx context.Context) ([]string, error)
}

// OpenKeychain returns the keychain without touching it: the first call does.
func OpenKeychain(cfg KeychainConfig) *Keychain {
	if cfg.Timeout <= 0 {
		cfg.Timeout = nodbus.Patience
		if cfg.Unlock {
			cfg.Timeout = userPatience
		}
	}
	return &Keychain{cfg: cfg, choose: sync.OnceValues(cfg.backend), open: openStore}
}

func (cfg KeychainConfig) backend() (string, error) {
	if cfg.Backend != "" || cfg.Choose == nil {
		return cmp.Or(cfg.Backend, item.PlatformKeychain(runtime.GOOS)), nil
	}
	backend, err := cfg.Choose()
	return cmp.Or(backend, item.PlatformKeychain(runtime.GOOS)), err
}

func (k *Keychain) full(key string) string { return item.FullKey(k.cfg.Owner, key) }

// ownedBy returns the same keychain as its other owner sees it.
func (k *Keychain) ownedBy(owner string) *Keychain {
	cfg := k.cfg
	cfg.Owner = owner
	return &Keychain{cfg: cfg, choose: k.choose, open: k.open}
}

// In returns the same owner's keychain in another store. passphrase is the file backend's.
func (k *Keychain) In(backend string, passphrase func(context.Context, Safe) error) *Keychain {
	cfg := k.cfg
	cfg.Backend, cfg.Choose, cfg.Passphrase = backend, nil, passphrase
	return OpenKeychain(cfg)
}

// Backend returns the name of the store in use, "" where that can't be told, as each call says.
func (k *Keychain) Backend() string {
	backend, err := k.choose()
	if err != nil {
		return ""
	}
	return backend
}

// Lock has the next use of the file backend ask for its passphrase again. What else keeps a store open is the system's to lock.
func (k *Keychain) Lock() {
	if wrapped, err := item.ReadWrappedKey(k.cfg.Dir); err == nil && k.Backend() == string(keyring.FileBackend) {
		item.Forget(wrapped.ID)
	}
}

// Get returns the item's data; ErrNotFound if there is none.
func (k *Keychain) Get(ctx context.Context, key string) ([]byte, error) {
	return keychainCall(ctx, k, key, func(ctx context.Context, s store) ([]byte, error) { return s.get(ctx, k.full(key)) })
}

// Set stores data under the key, in place of what is there. At most 256 KB fit into an item, in keyctl 32 KB, in wincred 128 KB.
func (k *Keychain) Set(ctx context.Context, key string, data []byte) error {
	if len(data) > maxItem {
		return k.named(fmt.Errorf("%w: %d bytes, %d at most", errTooLarge, len(data), maxItem))
	}
	data = slices.Clone(data) // a store that hangs may still read it when the caller has moved on
	return k.do(ctx, key, func(ctx context.Context, s store) error { return s.set(ctx, k.full(key), data) })
}

// do is keychainCall for what has no result.
func (k *Keychain) do(ctx context.Context, key string, call func(context.Context, store) error) error {
	_, err := keychainCall(ctx, k, key, func(ctx context.Context, s store) (none struct{}, err error) {
		return none, call(ctx, s)
	})
	return err
}

// Keep is Set for what was hard to come by: it goes on when whoever asked for it has left, until ctx's deadline and for
// three seconds at the least.
func (k *Keychain) Keep(ctx context.Context, key string, data []byte) error {
	end, bounded := ctx.Deadline()
	ctx = context.WithoutCancel(ctx)
	if bounded { // a passphrase may have to be asked for
		if least := time.Now().Add(keepTime); end.Before(least) {
			end = least
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end)
		defer cancel()
	}
	return k.Set(ctx, key, data)
}

// noChoice is why it isn't known which store it is: trouble of the accounts file's, not of a keychain's.
type noChoice struct{ error }

func (e *noChoice) Unwrap() error { return e.error }

const keepTime = 3 * time.Second

// Remove deletes the item; ErrNotFound if there is none.
func (k *Keychain) Remove(ctx context.Context, key string) error {
	return k.do(ctx, key, func(ctx context.Context, s store) error { return s.remove(ctx, k.full(key)) })
}

// keys returns the keys of our items, sorted. It may read every item of the store: not for the way to a single one.
func (k *Keychain) keys(ctx context.Context) ([]string, error) {
	return keychainCall(ctx, k, "all", func(ctx context.Context, s store) ([]string, error) {
		all, err := s.keys(ctx)
		if err != nil {
			return nil, err
		}
		var ours []string
		for _, full := range all {
			if key, ok := strings.CutPrefix(full, k.full("")); ok && item.ValidKey(key) {
				ours = append(ours, key)
			}
		}
		slices.Sort(ours)
		return slices.Compact(ours), nil
	})
}

const probePrefix = "probe/"

// Probe writes an item, reads it, and removes it: only that tells a keychain that works.
func (k *Keychain) Probe(ctx context.Context) error {
	key, want := probePrefix+strconv.Itoa(os.Getpid()), []byte(rand.Text())
	if err := k.Set(ctx, key, want); err != nil {
		return err
	}
	got, err := k.Get(ctx, key)
	if err == nil && !bytes.Equal(got, want) {
		err = hint.New(k.named(errors.New("it gave back something else than was stored")), "choose another keychain")
	}
	if gone := k.Remove(context.WithoutCancel(ctx), key); err == nil && gone != nil && !errors.Is(gone, ErrNotFound) {
		err = gone
	}
	return err
}

// ProbeReading is Probe for those who may write nothing. It tells most of it.
func (k *Keychain) ProbeReading(ctx context.Context) error {
	_, err := k.Get(ctx, probePrefix+strconv.Itoa(os.Getpid()))
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return err
}

// keychainCall runs one call on the store under the time limit. A call that does not come back is left behind: the library
// offers no way to stop it, and the process ends soon.
func keychainCall[T any](ctx context.Context, k *Keychain, key string, call func(context.Context, store) (T, error)) (T, error) {
	var none T
	if !item.ValidKey(key) {
		return none, fmt.Errorf("%q cannot name a keychain item", key)
	}
	if err := ctx.Err(); err != nil {
		return none, err
	}
	backend, err := k.choose()
	if err != nil {
		return none, &noChoice{err}
	}
	if err := k.recentFailure(); err != nil {
		return none, err
	}

	type result struct {
		value T
		err   error
	}
	own, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if p := recover(); p != nil {
				// Not p itself: a failed type assertion may quote what it found.
				r = result{err: fmt.Errorf("%w: it answered something unexpected (%T)", ErrUnavailable, p)}
			}
			done <- r
		}()
		s, err := k.opened()
		if err != nil {
			r.err = err
			return
		}
		r.value, r.err = call(own, s)
	}()

	var late <-chan time.Time
	if backend != string(keyring.FileBackend) { // it waits for nothing but the user, who may take what the context allows
		late = time.After(k.cfg.Timeout)
	}
	var r result
	select {
	case r = <-done:
	case <-ctx.Done():
		return none, k.named(ctx.Err())
	case <-late:
		r.err = fmt.Errorf("%w: no answer within %s", ErrUnavailable, k.cfg.Timeout)
	}
	if r.err != nil {
		return none, k.noteFailure(ctx, r.err)
	}
	return r.value, nil
}

func (k *Keychain) opened() (store, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.store == nil {
		cfg := k.cfg
		cfg.Backend = k.Backend()
		s, err := k.open(cfg)
		if err != nil {
			return nil, err
		}
		k.store = s
	}
	return k.store, nil
}

func (k *Keychain) recentFailure() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failed != nil && time.Since(k.since) < failedFor {
		return k.failed
	}
	return nil
}

func (k *Keychain) noteFailure(ctx context.Context, err error) error {
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrUnavailable) {
		err = fmt.Errorf("%w: no answer in time", ErrUnavailable)
	}
	err = k.named(err)
	if errors.Is(err, ErrUnavailable) {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.failed, k.since = err, time.Now()
	}
	return err
}

// named puts the backend before the error, and the usual next step behind it where the backend knew no better one.
func (k *Keychain) named(err error) error {
	named := fmt.Errorf("keychain %s: %w", k.Backend(), err)
	if hint.Of(err) != "" {
		return named
	}
	switch {
	case errors.Is(err, ErrUnavailable) && k.Backend() == string(keyring.FileBackend):
		return hint.New(named, "set XDG_STATE_HOME to a folder that you can write, or choose another keychain by AWS_ACCOUNTS_KEYCHAIN")
	case errors.Is(err, ErrUnavailable):
		return hint.New(named, AnotherKeychain)
	case errors.Is(err, ErrLocked):
		return hint.New(named, "`aws-accounts doctor` in a terminal asks for what unlocks it; AWS_ACCOUNTS_KEYCHAIN chooses another keychain")
	}
	return named
}

// AnotherKeychain is the step where a keychain is out of reach, and nothing else is to be said about it.
const AnotherKeychain = "`export AWS_ACCOUNTS_KEYCHAIN=file` chooses another keychain"
