package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/99designs/keyring"

	"aws-accounts/cache/item"
	"aws-accounts/internal/atomicfile"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/lock"
	"aws-accounts/internal/nodbus"
	"aws-accounts/internal/pattern"
)

// fileStore is the library's file backend made safe to share. Each item is a file in the library's own format (a JWE under
// the passphrase), and what the library does badly is done around it:
//
//   - It writes in place, so that readers see half a file: here it writes into a folder of its own beside, and the file is
//     renamed into place. Neither readers nor writers need a lock.
//   - It writes under whatever passphrase it is given: here an item that is always there, the canary, must open first.
//   - It names files after their keys: here a name is item.FileName, and the key itself the encrypted item's label.
//     Listing the keys has to decrypt every item for it.
//
// Reading is package item's.
type fileStore struct {
	dir string
	ask func(context.Context) (string, error)

	mu         sync.Mutex
	passphrase string
}

const (
	fileCanary = "canary" // no slash and no prefix: no key of ours can be it
	fileTemp   = ".new-"
)

var fileItemName = pattern.New(`^[0-9a-f]{64}$`)

func (s *fileStore) get(ctx context.Context, key string) (data []byte, err error) {
	if err := item.CheckFolder(s.dir); err != nil {
		return nil, err
	}
	if err := item.CheckFile(s.dir, item.FileName(key)); err != nil { // then nobody is asked
		return nil, err
	}
	passphrase, err := s.secret(ctx)
	if err != nil {
		return nil, err
	}
	err = atomicfile.Patiently(func() error { data, err = item.FromFile(s.dir, key, passphrase); return err })
	if errors.Is(err, ErrCorrupt) {
		if denied := s.checkCanary(); errors.Is(denied, errDenied) {
			err = denied
		}
	}
	return data, err
}

func (s *fileStore) set(ctx context.Context, key string, data []byte) error {
	if err := item.CheckFolder(s.dir); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if _, err := s.secret(ctx); err != nil {
		return err
	}
	if err := makePrivateDir(s.dir); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	err := s.checkCanary()
	if errors.Is(err, ErrNotFound) {
		err = s.plantCanary(ctx)
	}
	if err != nil {
		return err
	}
	return s.write(keyring.Item{Key: item.FileName(key), Label: key, Data: data})
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

func (s *fileStore) keys(ctx context.Context) ([]string, error) {
	if err := item.CheckFolder(s.dir); errors.Is(err, ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	names, err := s.itemNames()
	if err != nil || len(names) == 0 {
		return nil, err
	}
	if _, err := s.secret(ctx); err != nil {
		return nil, err
	}
	if err := s.checkCanary(); err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	var keys []string
	for _, name := range names {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if item.CheckFile(s.dir, name) != nil {
			continue
		}
		// A damaged item has no name to be listed under; reading or replacing it by its key says so.
		if i, err := s.openFile(name); err == nil && item.FileName(i.Label) == name {
			keys = append(keys, i.Label)
		}
	}
	return keys, nil
}

// openFile opens also what is just being replaced, with the passphrase that secret has returned.
func (s *fileStore) openFile(name string) (i item.Item, err error) {
	err = atomicfile.Patiently(func() error { i, err = item.OpenFile(s.dir, name, s.passphrase); return err })
	return i, err
}

func (s *fileStore) itemNames() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if fileItemName.MatchString(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// secret returns the passphrase, after asking for it if it has not been asked for.
func (s *fileStore) secret(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return "", err // while another call was asking
	}
	if s.passphrase == "" {
		if s.ask == nil {
			return "", fmt.Errorf("%w: it needs a passphrase", ErrLocked)
		}
		asking, cancel := answerTime(ctx)
		defer cancel()
		passphrase, err := s.ask(asking)
		if err != nil && asking.Err() != nil && ctx.Err() == nil {
			return "", hint.New(fmt.Errorf("%w: no passphrase within %s", ErrUnavailable, passphraseTime),
				"set AWS_ACCOUNTS_KEYCHAIN_PASSPHRASE, or see what keeps the \"passphrase_command\" of the accounts file")
		}
		if err != nil {
			return "", fmt.Errorf("%w: asking for the passphrase: %w", ErrLocked, err)
		}
		if passphrase == "" {
			return "", fmt.Errorf("%w: the passphrase is empty", errDenied)
		}
		s.passphrase = passphrase
	}
	return s.passphrase, nil
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

func (s *fileStore) config(dir string) keyring.Config {
	return keyring.Config{
		AllowedBackends:  []keyring.BackendType{keyring.FileBackend},
		ServiceName:      item.Service,
		FileDir:          dir,
		FilePasswordFunc: keyring.FixedStringPrompt(s.passphrase),
	}
}

// checkCanary opens the canary: errDenied if the passphrase is another one, ErrNotFound if there is no canary yet.
func (s *fileStore) checkCanary() error {
	if err := item.CheckFile(s.dir, fileCanary); err != nil {
		return err
	}
	i, err := s.openFile(fileCanary)
	if err != nil || i.Label != fileCanary {
		return errWrongPassphrase(s.dir)
	}
	return nil
}

func errWrongPassphrase(dir string) error {
	return hint.New(fmt.Errorf("%w: the passphrase does not open %s", errDenied, dir),
		"give the passphrase that it was made with; whoever has lost it deletes that folder and starts anew")
}

// plantCanary writes the canary of a new store, of which two first writers must not have one each: it is done under a lock.
// Where items are there already but their canary is not, one of them has to open.
func (s *fileStore) plantCanary(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lock.Patience+nodbus.Patience) // outlasts one writer that was stopped
	defer cancel()
	release, err := lock.Acquire(ctx, s.dir, "canary")
	if err != nil {
		return fmt.Errorf("locking %s: %w", s.dir, err)
	}
	defer release()
	if err := s.checkCanary(); !errors.Is(err, ErrNotFound) {
		return err // somebody was faster
	}
	names, err := s.itemNames()
	if err != nil {
		return err
	}
	opens := len(names) == 0
	for _, name := range names {
		if item.CheckFile(s.dir, name) == nil {
			if _, err := s.openFile(name); err == nil {
				opens = true
				break
			}
		}
	}
	if !opens {
		return errWrongPassphrase(s.dir)
	}
	return s.write(keyring.Item{Key: fileCanary, Label: fileCanary})
}

// write puts an item in place in one step: of two writers one wins, and readers see either. The library writes to a folder
// of its own, where nobody reads.
func (s *fileStore) write(i keyring.Item) error {
	s.clearLeftovers()
	temp, err := os.MkdirTemp(s.dir, fileTemp)
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if err := os.Chmod(temp, 0o700); err != nil { // the umask may have taken too much
		return err
	}
	ring, err := openRing(s.config(temp))
	if err != nil {
		return err
	}
	if err := ring.Set(i); err != nil {
		return err
	}
	written, err := os.ReadFile(filepath.Join(temp, i.Key))
	if err != nil {
		return err
	}
	to := filepath.Join(s.dir, i.Key)
	if info, err := os.Lstat(to); err == nil && !info.Mode().IsRegular() {
		if err := os.Remove(to); err != nil { // a link would be followed; a folder with something in it isn't ours to remove
			return err
		}
	}
	return atomicfile.Write(to, written, 0o600)
}

// clearLeftovers removes what killed writers left, which is encrypted like everything here. No writer takes an hour.
func (s *fileStore) clearLeftovers() {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasPrefix(e.Name(), fileTemp) && time.Since(info.ModTime()) > time.Hour {
			os.RemoveAll(filepath.Join(s.dir, e.Name()))
		}
	}
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
