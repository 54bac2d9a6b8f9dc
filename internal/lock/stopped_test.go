//go:build !windows

package lock

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"
)

// A stopped holder keeps the operating system's lock. Who waits goes on after a while, and the others behind it.
func TestAStoppedHolderIsPassed(t *testing.T) {
	dir := t.TempDir()
	other := holder(t, dir)
	other.Signal(syscall.SIGSTOP)
	began := time.Now()
	release, err := Acquire(t.Context(), dir, "x")
	if err != nil {
		t.Fatal(err)
	}
	if waited := time.Since(began); waited < Patience || waited > 3*Patience {
		t.Errorf("waited %s", waited)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := acquire(ctx, dir+"/x~2.lock"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the second lock isn't held: %v", err)
	}
	release()
}
