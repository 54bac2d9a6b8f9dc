package lock

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The test program is its own other process: with LOCK_DIR it takes the lock, says so and keeps it until its end.
func TestMain(m *testing.M) {
	if dir := os.Getenv("LOCK_DIR"); dir != "" {
		if _, err := Acquire(context.Background(), dir, "x"); err != nil {
			os.Stdout.WriteString(err.Error())
			os.Exit(1)
		}
		os.Stdout.WriteString("held")
		select {}
	}
	os.Exit(m.Run())
}

func holder(t *testing.T, dir string) *os.Process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LOCK_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	said := make([]byte, 4)
	if _, err := out.Read(said); err != nil || string(said) != "held" {
		t.Fatalf("the other process said %q, %v", said, err)
	}
	return cmd.Process
}

func TestOneAtATime(t *testing.T) {
	dir := t.TempDir()
	holder(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Acquire(ctx, dir, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v", err)
	}
	release, err := Acquire(t.Context(), dir, "y")
	if err != nil {
		t.Fatal("another name:", err)
	}
	release()
}

func TestAKilledHolderIsFollowedAtOnce(t *testing.T) {
	dir := t.TempDir()
	other := holder(t, dir)
	got := make(chan error)
	go func() {
		release, err := Acquire(t.Context(), dir, "x")
		if err == nil {
			release()
		}
		got <- err
	}()
	other.Kill()
	if err := <-got; err != nil {
		t.Fatal(err)
	}
}

func TestABusyHolderIsWaitedFor(t *testing.T) {
	dir := t.TempDir()
	holder(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), Patience+3*heartbeat)
	defer cancel()
	if _, err := Acquire(ctx, dir, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v, want a wait to the end", err)
	}
}

func TestAPlaceForNoLocks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Acquire(t.Context(), filepath.Join(file, "below"), "x"); err == nil || strings.Contains(err.Error(), "deadline") {
		t.Errorf("err = %v", err)
	}
}

// Who gets the lock shows it at once: of many short turns in a row none lasts until the next beat, and those who wait behind
// them must not take the lock for stuck.
func TestAShortTurnIsASignOfLife(t *testing.T) {
	dir := t.TempDir()
	release, err := Acquire(t.Context(), dir, "x")
	if err != nil {
		t.Fatal(err)
	}
	release()
	path := filepath.Join(dir, "x.lock")
	if err := os.Chtimes(path, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if release, err = Acquire(t.Context(), dir, "x"); err != nil {
		t.Fatal(err)
	}
	release()
	if info, err := os.Stat(path); err != nil || time.Since(info.ModTime()) > time.Minute {
		t.Errorf("%v, touched at %s", err, info.ModTime())
	}
}
