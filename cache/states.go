package cache

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"aws-accounts/cache/item"
)

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
