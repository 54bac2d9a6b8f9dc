// Package lock lets one process at a time do a piece of work, across processes.
//
// A lock is the operating system's lock on a file, so it is gone when its holder is gone, however that happened. The one
// holder that would keep it for ever is a stopped one (SIGSTOP, a debugger): a holder therefore touches its file while it
// works, and who sees no sign of life for Patience goes on to the next of a few files, where the same rules hold.
package lock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"aws-accounts/internal/hint"
)

const (
	heartbeat = time.Second
	// Patience is how long a holder may show no sign of life.
	Patience = 5 * time.Second
	// How many holders may be found stopped before a lock counts as not to be had.
	generations = 3
)

// errStuck means that every holder in turn was found stopped.
var errStuck = errors.New("every holder of the lock is stopped")

// Acquire waits for the lock called name in dir, which it makes where it isn't, and returns what releases it. It gives up
// with ctx's error when ctx ends. Any other error means that this place can hold no locks, for instance as it's read-only.
func Acquire(ctx context.Context, dir, name string) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	for generation := 1; generation <= generations; generation++ {
		path := filepath.Join(dir, name+".lock")
		if generation > 1 {
			path = filepath.Join(dir, fmt.Sprintf("%s~%d.lock", name, generation))
		}
		release, err := acquire(ctx, path)
		if !errors.Is(err, errStuck) {
			return release, err
		}
	}
	return nil, errStuck
}

// What somebody holds who changes a file that people edit, too.
const (
	AccountsFile   = "_accounts-file"
	AWSConfig      = "_aws-config"
	AWSCredentials = "_aws-credentials"
)

// ToChange is Acquire for one of those, which is the file at path, and waits ten seconds at most. A place that can hold no
// locks keeps nobody from changing it: no other process holds one there.
func ToChange(ctx context.Context, dir, name, path string) (release func(), err error) {
	waiting, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	release, err = Acquire(waiting, dir, name)
	switch {
	case err == nil:
		return release, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("another `aws-accounts` is changing %s: %w", path, ctx.Err())
	case waiting.Err() != nil:
		return nil, hint.New(errors.New("another `aws-accounts` is changing "+path), "wait for it to end, then try again")
	}
	return func() {}, nil
}

// Try returns the lock if nobody holds it.
func Try(dir, name string) (release func(), ok bool) {
	l := flock.New(filepath.Join(dir, name+".lock"), flock.SetPermissions(0o600))
	if ok, err := l.TryLock(); err != nil || !ok {
		return nil, false
	}
	return hold(l), true
}

func acquire(ctx context.Context, path string) (func(), error) {
	l := flock.New(path, flock.SetPermissions(0o600))
	if ok, err := l.TryLock(); err != nil {
		return nil, err
	} else if ok {
		return hold(l), nil
	}

	// The wait is the kernel's, not a loop of ours. It can't be called off: a waiter that leaves lets its goroutine
	// release what it may still get.
	got := make(chan error, 1)
	go func() { got <- l.Lock() }()
	leave := func() {
		go func() {
			if <-got == nil {
				l.Close()
			}
		}()
	}

	look := time.NewTicker(heartbeat)
	defer look.Stop()
	var seen time.Time // the last sign of life, by the file's clock
	var quiet time.Duration
	for {
		select {
		case err := <-got:
			if err != nil {
				return nil, err
			}
			return hold(l), nil
		case <-ctx.Done():
			leave()
			return nil, ctx.Err()
		case <-look.C:
			info, err := os.Stat(path)
			if err != nil {
				leave()
				return nil, err
			}
			if info.ModTime().Equal(seen) {
				quiet += heartbeat
			} else {
				seen, quiet = info.ModTime(), 0
			}
			if quiet >= Patience {
				leave()
				return nil, errStuck
			}
		}
	}
}

// hold shows signs of life until released.
func hold(l *flock.Flock) (release func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		// At once: where many take short turns, none of them holds it for a whole beat, and those behind must not think
		// that nobody moves.
		now := time.Now()
		os.Chtimes(l.Path(), now, now)
		beat := time.NewTicker(heartbeat)
		defer beat.Stop()
		for {
			select {
			case <-done:
				return
			case now := <-beat.C:
				os.Chtimes(l.Path(), now, now) // best effort: without it a waiter gives up early
			}
		}
	}()
	return func() {
		close(done)
		<-ended
		l.Close()
	}
}
