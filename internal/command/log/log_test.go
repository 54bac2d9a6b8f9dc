package log

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aws-accounts/process"
)

type buffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// What is logged while somebody looks shows once, also when the log is rotated meanwhile.
func TestFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access_log.jsonl")
	synctest.Test(t, func(t *testing.T) {
		log := &process.AccessLog{Path: path, Caller: func() string { return "" }, Now: time.Now}
		add := func(account, outcome string) {
			time.Sleep(time.Second)
			line, _ := json.Marshal(process.Entry{Time: log.Now().UTC(), Account: account, Outcome: outcome})
			f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			f.Write(append(line, '\n'))
		}
		ctx, cancel := context.WithCancel(t.Context())
		var out buffer
		ended := make(chan error, 1)
		add("before", process.OutcomeOK)
		go func() { ended <- (&Command{Follow: true, Failed: true}).run(ctx, log, &out) }()
		add("one", process.OutcomeOK)
		add("two", process.OutcomeRefused)
		time.Sleep(time.Second)
		if lines := strings.Count(out.String(), "\n"); lines != 2 || !strings.Contains(out.String(), " two ") {
			t.Errorf("shows\n%s", out.String())
		}
		if err := rename(path); err != nil {
			t.Fatal(err)
		}
		add("three", process.OutcomeFailed)
		time.Sleep(time.Second)
		if err := rename(path); err != nil { // the older part goes
			t.Fatal(err)
		}
		add("four", process.OutcomeFailed)
		time.Sleep(time.Second)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		for _, name := range []string{"TIME", "two", "three", "four"} {
			if strings.Count(out.String(), name) != 1 {
				t.Errorf("%s is not there once:\n%s", name, out.String())
			}
		}
	})
}

func rename(path string) error { return os.Rename(path, path+".1") }

func FuzzReadLog(f *testing.F) {
	f.Add([]byte(`{"time":"2026-11-22T12:00:00Z","outcome":"ok"}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "log")
		os.WriteFile(path, data, 0o600)
		entries, err := process.ReadLog(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			row(&e)
		}
	})
}
