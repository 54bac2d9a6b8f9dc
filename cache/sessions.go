package cache

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"aws-accounts/cache/item"
)

// Forget removes the sessions of the accounts, of which some may have none, and returns whose it has removed.
func (s *Sessions) Forget(ctx context.Context, names []string) (forgotten []string, err error) {
	items := s.ItemsRefreshedHere(names)
	if len(names) > manyNames { // then listing the keychain is quicker than asking it for each
		if items, err = s.Items(ctx); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		found := false
		for _, key := range items[strings.ToLower(name)] {
			err := s.Keychain.Remove(ctx, key)
			if err != nil && !errors.Is(err, ErrNotFound) {
				return forgotten, err
			}
			found = found || err == nil
		}
		if found {
			forgotten = append(forgotten, name)
		}
	}
	return forgotten, nil
}

const manyNames = 50

// Items are the keys of all sessions, also those that other endpoints issued, by the lower-case name of their
// account.
func (s *Sessions) Items(ctx context.Context) (map[string][]string, error) {
	keys, err := s.Keychain.keys(ctx)
	items := map[string][]string{}
	for _, key := range keys {
		if name, ok := strings.CutPrefix(key, item.SessionPrefix); ok {
			name, _, _ = strings.Cut(name, "/")
			items[name] = append(items[name], key)
		}
	}
	return items, err
}

// Useful reports whether the item is a session that AWS still accepts. What can't be read is of no use.
func (s *Sessions) Useful(ctx context.Context, name, key string) bool {
	data, err := s.Keychain.Get(ctx, key)
	if err != nil {
		return !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNotFound)
	}
	session, err := item.ParseSession(name, data)
	return err == nil && session.Valid(s.Now())
}

// ItemsRefreshedHere is Items for some accounts without a listing of the keychain, for which the file keychain needs
// its passphrase: whatever was refreshed on this machine has left a lock file.
func (s *Sessions) ItemsRefreshedHere(names []string) map[string][]string {
	items := map[string][]string{}
	locks, _ := os.ReadDir(s.Dir)
	for _, name := range names {
		name = strings.ToLower(name)
		items[name] = []string{item.SessionKey(name, "")}
		if s.Variant != "" {
			items[name] = append(items[name], item.SessionKey(name, s.Variant))
		}
		for _, l := range locks {
			variant, ok := strings.CutPrefix(l.Name(), name+"=")
			variant, isLock := strings.CutSuffix(variant, ".lock")
			if ok && isLock && variant != s.Variant {
				items[name] = append(items[name], item.SessionKey(name, variant))
			}
		}
	}
	return items
}

// States returns, for those of the accounts that have a session, when it expires. A valid one that isn't current is none, as
// it is never handed out again. Only accounts that a lock file says to have been refreshed here are looked up: nothing lists
// the keychain, and 10,000 accounts cost what their sessions cost.
func (s *Sessions) States(ctx context.Context, names []string, current func(*item.Session) bool) (map[string]time.Time, error) {
	var mu sync.Mutex
	var trouble error
	states := map[string]time.Time{}
	work := make(chan string)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for name := range work {
				session, err := s.Load(ctx, name)
				mu.Lock()
				switch {
				case err == nil && (!session.Valid(s.Now()) || current(session)):
					states[name] = session.Expiration
				case err == nil:
				case !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrCorrupt):
					trouble = err
				}
				mu.Unlock()
			}
		})
	}
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(s.Dir, s.lockName(name)+".lock")); !errors.Is(err, fs.ErrNotExist) {
			work <- name // there, or it can't be told: then the keychain says
		}
	}
	close(work)
	workers.Wait()
	return states, trouble
}
