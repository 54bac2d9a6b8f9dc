package process

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
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
		log := &AccessLog{Path: path, Caller: func() string { return "" }, Now: time.Now}
		add := func(account, outcome string) {
			time.Sleep(time.Second)
			log.append(Entry{Time: log.Now().UTC(), Account: account, Outcome: outcome})
		}
		ctx, cancel := context.WithCancel(t.Context())
		var out buffer
		ended := make(chan error, 1)
		add("before", OutcomeOK)
		go func() { ended <- (&LogCommand{Follow: true, Failed: true}).run(ctx, log, &out) }()
		add("one", OutcomeOK)
		add("two", OutcomeRefused)
		time.Sleep(time.Second)
		if lines := strings.Count(out.String(), "\n"); lines != 2 || !strings.Contains(out.String(), " two ") {
			t.Errorf("shows\n%s", out.String())
		}
		if err := rename(path); err != nil {
			t.Fatal(err)
		}
		add("three", OutcomeFailed)
		time.Sleep(time.Second)
		if err := rename(path); err != nil { // the older part goes
			t.Fatal(err)
		}
		add("four", OutcomeFailed)
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
