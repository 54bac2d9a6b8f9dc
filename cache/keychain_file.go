package cache

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/99designs/keyring"

	"aws-accounts/internal/atomicfile"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/lock"
	"aws-accounts/internal/patience"
	"aws-accounts/internal/pattern"
)

// fileStore is the library's file backend made safe to share. Each item is a file in the library's own format (a JWE under
// the passphrase), and what the library does badly is done around it:
//
//   - It writes in place, so that readers see half a file: here it writes into a folder of its own beside, and the file is
//     renamed into place. Neither readers nor writers need a lock.
//   - It writes under whatever passphrase it is given: here an item that is always there, the canary, must open first.
//   - It names files after their keys, and ':' or case are trouble on some systems: here a name is the key's SHA-256.
//     The key itself is the encrypted item's label, so that neither a listing nor a backup tells account names, and a file
//     copied over another is noticed. Listing the keys has to decrypt every item for it.
type fileStore struct {
	dir string
	ask func(context.Context) (string, error)

	mu         sync.Mutex
	passphrase string
}

const (
	fileCanary = "canary" // no slash and no prefix: no key of ours can be it
	fileTemp   = ".new-"
	// fileMaxSize is far above anything we store and far below what would hurt to read.
	fileMaxSize = 32 << 20
)

var fileItemName = pattern.New(`^[0-9a-f]{64}$`)

func fileName(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

func (s *fileStore) get(ctx context.Context, key string) ([]byte, error) {
	if err := s.checkDir(); err != nil {
		return nil, err
	}
	name := fileName(key)
	if err := s.checkFile(name); err != nil {
		return nil, err
	}
	ring, err := s.ring(ctx)
	if err != nil {
		return nil, err
	}
	item, err := readItem(ring, name)
	switch {
	case errors.Is(err, keyring.ErrKeyNotFound):
		return nil, ErrNotFound
	case errors.As(err, new(*fs.PathError)):
		return nil, err
	case err != nil:
		return nil, cmp.Or(s.checkCanary(ring), fmt.Errorf("%w: %s", ErrCorrupt, name))
	case item.Label != key:
		return nil, fmt.Errorf("%w: %s belongs to another key", ErrCorrupt, name)
	}
	return item.Data, nil
}

func (s *fileStore) set(ctx context.Context, key string, data []byte) error {
	if err := s.checkDir(); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	ring, err := s.ring(ctx)
	if err != nil {
		return err
	}
	if err := makePrivateDir(s.dir); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	err = s.checkCanary(ring)
	if errors.Is(err, ErrNotFound) {
		err = s.plantCanary(ctx, ring)
	}
	if err != nil {
		return err
	}
	return s.write(keyring.Item{Key: fileName(key), Label: key, Data: data})
}

func (s *fileStore) remove(_ context.Context, key string) error {
	if err := s.checkDir(); err != nil {
		return err
	}
	err := atomicfile.Patiently(func() error { return os.Remove(filepath.Join(s.dir, fileName(key))) })
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	}
	return err
}

func (s *fileStore) keys(ctx context.Context) ([]string, error) {
	if err := s.checkDir(); errors.Is(err, ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	names, err := s.itemNames()
	if err != nil || len(names) == 0 {
		return nil, err
	}
	ring, err := s.ring(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.checkCanary(ring); err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	var keys []string
	for _, name := range names {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if s.checkFile(name) != nil {
			continue
		}
		// A damaged item has no name to be listed under; reading or replacing it by its key says so.
		if item, err := readItem(ring, name); err == nil && fileName(item.Label) == name {
			keys = append(keys, item.Label)
		}
	}
	return keys, nil
}

// readItem reads also what is just being replaced.
func readItem(ring keyring.Keyring, name string) (item keyring.Item, err error) {
	err = atomicfile.Patiently(func() error { item, err = ring.Get(name); return err })
	return item, err
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

// checkDir refuses a folder that somebody else could put items into; ErrNotFound if there is none.
func (s *fileStore) checkDir() error {
	if s.dir == "" {
		return fmt.Errorf("%w: no folder is given for it", ErrUnavailable)
	}
	info, err := os.Stat(s.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ErrNotFound
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case !info.IsDir():
		return fmt.Errorf("%w: %s is not a folder", ErrUnavailable, s.dir)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0:
		return hint.New(fmt.Errorf("%w: %s can be written by other users", ErrUnavailable, s.dir), "chmod 700 %s", s.dir)
	}
	return nil
}

// checkFile makes sure that reading the file neither blocks nor fills the memory.
func (s *fileStore) checkFile(name string) error {
	info, err := os.Lstat(filepath.Join(s.dir, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ErrNotFound
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Size() > fileMaxSize:
		return fmt.Errorf("%w: %s is not a file of ours", ErrCorrupt, filepath.Join(s.dir, name))
	}
	return nil
}

// ring returns the library's keyring on the folder, after asking for the passphrase if it has not been asked for.
func (s *fileStore) ring(ctx context.Context) (keyring.Keyring, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err // while another call was asking
	}
	if s.passphrase == "" {
		if s.ask == nil {
			return nil, fmt.Errorf("%w: it needs a passphrase", ErrLocked)
		}
		passphrase, err := s.ask(ctx)
		if err != nil {
			return nil, fmt.Errorf("%w: asking for the passphrase: %w", ErrLocked, err)
		}
		if passphrase == "" {
			return nil, fmt.Errorf("%w: the passphrase is empty", ErrDenied)
		}
		s.passphrase = passphrase
	}
	return openRing(s.config(s.dir))
}

func (s *fileStore) config(dir string) keyring.Config {
	return keyring.Config{
		AllowedBackends:  []keyring.BackendType{keyring.FileBackend},
		ServiceName:      service,
		FileDir:          dir,
		FilePasswordFunc: keyring.FixedStringPrompt(s.passphrase),
	}
}

// checkCanary opens the canary: ErrDenied if the passphrase is another one, ErrNotFound if there is no canary yet.
func (s *fileStore) checkCanary(ring keyring.Keyring) error {
	if err := s.checkFile(fileCanary); err != nil {
		return err
	}
	item, err := readItem(ring, fileCanary)
	if err != nil || item.Label != fileCanary {
		return errWrongPassphrase(s.dir)
	}
	return nil
}

func errWrongPassphrase(dir string) error {
	return hint.New(fmt.Errorf("%w: the passphrase does not open %s", ErrDenied, dir),
		"give the passphrase that it was made with; whoever has lost it deletes that folder and starts anew")
}

// plantCanary writes the canary of a new store, of which two first writers must not have one each: it is done under a lock.
// Where items are there already but their canary is not, one of them has to open.
func (s *fileStore) plantCanary(ctx context.Context, ring keyring.Keyring) error {
	ctx, cancel := context.WithTimeout(ctx, lock.Patience+patience.Usual) // outlasts one writer that was stopped
	defer cancel()
	release, err := lock.Acquire(ctx, s.dir, "canary")
	if err != nil {
		return fmt.Errorf("locking %s: %w", s.dir, err)
	}
	defer release()
	if err := s.checkCanary(ring); !errors.Is(err, ErrNotFound) {
		return err // somebody was faster
	}
	names, err := s.itemNames()
	if err != nil {
		return err
	}
	opens := len(names) == 0
	for _, name := range names {
		if s.checkFile(name) == nil {
			if _, err := ring.Get(name); err == nil {
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
func (s *fileStore) write(item keyring.Item) error {
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
	if err := ring.Set(item); err != nil {
		return err
	}
	written, err := os.ReadFile(filepath.Join(temp, item.Key))
	if err != nil {
		return err
	}
	to := filepath.Join(s.dir, item.Key)
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
