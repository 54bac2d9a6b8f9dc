package cache

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/crypto/scrypt"

	"aws-accounts/cache/item"
	"aws-accounts/internal/atomicfile"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/lock"
	"aws-accounts/internal/pattern"
)

// fileStore is the file keychain, whose format and reading are package item's. The keyring library has one, too, but it encrypts
// each item under the passphrase itself, by 8,192 rounds of PBKDF2; it writes in place, so that readers see half a file; and it
// writes under whatever passphrase it is given. Here a file is replaced as a whole, so that neither readers nor writers need a
// lock, and a store has one passphrase.
type fileStore struct {
	dir string
	ask func(context.Context, Safe) error

	mu  sync.Mutex
	key *item.StoreKey // nil until it is opened
}

// Safe is a file keychain that has to be opened.
type Safe struct {
	// New means that there is none yet: the passphrase that opens it is its passphrase from now on.
	New bool
	// Open tries a passphrase. The error is ErrDenied for a wrong one, and for a new one that is too easy to guess. With keep,
	// and wherever the passphrase is one that a person has chosen, the keychain stays open for the user's programs: for how
	// long is what it returns.
	Open func(passphrase string, keep bool) (stays time.Duration, err error)
}

var fileItemName = pattern.New(`^[0-9a-f]{64}$`)

func (s *fileStore) get(ctx context.Context, key string) ([]byte, error) {
	if err := item.CheckFolder(s.dir); err != nil {
		return nil, err
	}
	name := item.FileName(key)
	if err := item.CheckFile(s.dir, name); err != nil { // then nobody is asked
		return nil, err
	}
	store, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	i, err := s.read(store, name)
	return i.Data, err
}

func (s *fileStore) read(store *item.StoreKey, name string) (i item.Item, err error) {
	err = atomicfile.Patiently(func() error { i, err = store.ReadItem(s.dir, name); return err })
	return i, err
}

func (s *fileStore) set(ctx context.Context, key string, data []byte) error {
	if err := item.CheckFolder(s.dir); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if err := makePrivateDir(s.dir); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	store, err := s.open(ctx)
	if err != nil {
		return err
	}
	sealed, err := store.SealItem(item.Item{Key: key, Data: data})
	if err != nil {
		return err
	}
	to := filepath.Join(s.dir, item.FileName(key))
	if info, err := os.Lstat(to); err == nil && !info.Mode().IsRegular() {
		if err := os.Remove(to); err != nil { // a link would be followed; a folder with something in it isn't ours to remove
			return err
		}
	}
	return atomicfile.Write(to, sealed, 0o600)
}

func (s *fileStore) remove(_ context.Context, key string) error {
	if err := item.CheckFolder(s.dir); err != nil {
		return err
	}
	err := atomicfile.Patiently(func() error { return os.Remove(filepath.Join(s.dir, item.FileName(key))) })
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	}
	return err
}

// keys has to decrypt every item. A damaged one has no key to be listed under; reading or replacing it by its key says so.
func (s *fileStore) keys(ctx context.Context) (keys []string, err error) {
	if err := item.CheckFolder(s.dir); errors.Is(err, ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	names, err := s.itemNames()
	if err != nil || len(names) == 0 {
		return nil, err
	}
	store, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if i, err := s.read(store, name); err == nil {
			keys = append(keys, i.Key)
		}
	}
	return keys, nil
}

func (s *fileStore) itemNames() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	var names []string
	for _, e := range entries {
		if fileItemName.MatchString(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// open returns the store key: the one that the kernel keeps, or else by a passphrase. Of several processes one asks for it.
func (s *fileStore) open(ctx context.Context) (*item.StoreKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err // while another call was asking
	}
	if s.key != nil || s.kept() {
		return s.key, nil
	}
	if s.ask == nil {
		return nil, fmt.Errorf("%w: it needs a passphrase", ErrLocked)
	}
	asking, cancel := answerTime(ctx)
	defer cancel()
	release, err := lock.Acquire(asking, s.dir, "opening")
	if err == nil {
		defer release()
		if s.kept() {
			return s.key, nil
		}
	}
	wrapped, err := s.wrapped()
	if err != nil {
		return nil, err
	}
	err = s.ask(asking, Safe{New: wrapped == nil, Open: func(passphrase string, keep bool) (time.Duration, error) {
		return s.openBy(wrapped, passphrase, keep)
	}})
	switch {
	case s.key != nil:
		return s.key, nil
	case errors.Is(err, ErrDenied), errors.Is(err, ErrUnavailable):
		return nil, err
	case asking.Err() != nil && ctx.Err() == nil:
		return nil, hint.New(fmt.Errorf("%w: no passphrase within %s", ErrUnavailable, passphraseTime),
			"set AWS_ACCOUNTS_KEYCHAIN_PASSPHRASE, or see what keeps the \"passphrase_command\" of the accounts file")
	}
	return nil, fmt.Errorf("%w: asking for the passphrase: %w", ErrLocked, err)
}

func (s *fileStore) kept() bool {
	if wrapped, err := item.ReadWrappedKey(s.dir); err == nil {
		s.key, _ = item.Kept(wrapped.ID)
	}
	return s.key != nil
}

// wrapped returns the store key as it is stored, nil if there is none yet.
func (s *fileStore) wrapped() (wrapped *item.WrappedKey, err error) {
	err = atomicfile.Patiently(func() error { wrapped, err = item.ReadWrappedKey(s.dir); return err })
	trouble := "is missing"
	switch {
	case errors.Is(err, ErrCorrupt): // which putting a whole item in the place of a damaged one doesn't mend
		trouble = "is damaged"
	case !errors.Is(err, ErrNotFound):
		return wrapped, err
	default:
		if names, err := s.itemNames(); err == nil && len(names) == 0 {
			return nil, nil
		}
	}
	return nil, hint.New(fmt.Errorf("%w: the file %s in %s %s, and nothing else opens the items there", ErrUnavailable, item.KeyFile, s.dir, trouble),
		"bring that file back from a backup; without one, what is in the folder is lost: move it away to begin anew")
}

// scryptCost is the binary logarithm of scrypt's N: each guess takes 32 MB and, as measured, 70 ms.
const scryptCost = 15

func (s *fileStore) openBy(wrapped *item.WrappedKey, passphrase string, keep bool) (time.Duration, error) {
	if passphrase == "" {
		return 0, fmt.Errorf("%w: the passphrase is empty", ErrDenied)
	}
	isNew := wrapped == nil
	if isNew {
		if err := tooWeak(passphrase); err != nil {
			return 0, err
		}
		wrapped = &item.WrappedKey{ID: rand.Text(), Salt: []byte(rand.Text())}
		if !isRandom(passphrase) {
			wrapped.Scrypt = scryptCost
		}
	}
	by := wrapped.FromRandom(passphrase)
	if wrapped.Scrypt > 0 {
		derived, err := scrypt.Key([]byte(passphrase), wrapped.Salt, 1<<wrapped.Scrypt, 8, 1, len(by))
		if err != nil {
			return 0, err
		}
		by = (*item.StoreKey)(derived)
	}
	key := item.NewStoreKey()
	if isNew {
		wrapped.Wrap(by, key)
		data, err := json.Marshal(wrapped)
		if err != nil {
			return 0, err
		}
		err = atomicfile.Create(filepath.Join(s.dir, item.KeyFile), data, 0o600)
		if errors.Is(err, fs.ErrExist) { // another process was faster, where there are no locks
			if wrapped, err = s.wrapped(); err == nil {
				return s.openBy(wrapped, passphrase, keep)
			}
		}
		if err != nil {
			return 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	} else {
		var err error
		if key, err = wrapped.Unwrap(by); err != nil {
			return 0, hint.New(fmt.Errorf("%w: the passphrase does not open %s", ErrDenied, s.dir),
				"give the passphrase that it was made with: nothing else opens it")
		}
	}
	s.key = key
	if (keep || wrapped.Scrypt > 0) && item.Keep(wrapped.ID, key) {
		return item.KeptFor, nil
	}
	return 0, nil
}

// passphraseTime is how long who has to come to an end within a minute waits for a passphrase, be it a person's or a command's:
// credentials are to be had without it, and that takes time, too.
const passphraseTime = 30 * time.Second

func answerTime(ctx context.Context) (context.Context, context.CancelFunc) {
	if end, ends := ctx.Deadline(); ends && time.Until(end) < 2*passphraseTime {
		return context.WithTimeout(ctx, passphraseTime)
	}
	return context.WithCancel(ctx)
}

// makePrivateDir is os.MkdirAll, but the last folder is 0700 even under a umask that takes the owner's bits away.
func makePrivateDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(dir)), 0o700); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); errors.Is(err, fs.ErrExist) {
		return nil // another process was faster
	} else if err != nil {
		return err
	}
	return os.Chmod(dir, 0o700)
}
