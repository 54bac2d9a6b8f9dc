package cache

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"aws-accounts/internal/hint"
)

// A keychain of the session bus, or of another environment, can only be had in a process of its own: the library dials the bus
// before main. TestKeychainProcess is that process; it makes the calls that it reads from its standard input.

// testPassphrase is one that a machine might have made, so that nothing slow is derived from it.
const testPassphrase = "CORRECTHORSEBATTERYSTAPLEZ"

// by opens a file keychain by the passphrase.
func by(passphrase string) func(context.Context, Safe) error {
	return func(_ context.Context, s Safe) error { _, err := s.Open(passphrase, false); return err }
}

type remoteConfig struct {
	Backend, Dir, Passphrase string
	Unlock                   bool
	Timeout                  time.Duration
}

type request struct {
	Op, Key string
	Data    []byte
}

type response struct {
	Data   []byte
	Keys   []string
	Failed bool
	Text   string
	Hint   string
	Kinds  []string
	Took   time.Duration
}

var kinds = map[string]error{
	"not found": ErrNotFound, "locked": ErrLocked, "denied": ErrDenied, "unavailable": ErrUnavailable,
	"too large": errTooLarge, "corrupt": ErrCorrupt,
}

func TestKeychainProcess(t *testing.T) {
	config := os.Getenv("KEYCHAIN_PROCESS")
	if config == "" {
		return
	}
	var c remoteConfig
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		t.Fatal(err)
	}
	prepareProcess(t)
	k := OpenKeychain(KeychainConfig{Backend: c.Backend, Dir: c.Dir, Unlock: c.Unlock, Timeout: c.Timeout,
		Passphrase: by(c.Passphrase)})
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var r request
		if in.Decode(&r) != nil {
			os.Exit(0)
		}
		out.Encode(answerRequest(k, r))
	}
}

func answerRequest(k *Keychain, r request) (a response) {
	ctx := context.Background()
	var err error
	began := time.Now()
	switch r.Op {
	case "get":
		a.Data, err = k.Get(ctx, r.Key)
	case "get at once": // as `list` does
		var all sync.WaitGroup
		var mu sync.Mutex
		for range 20 {
			all.Go(func() {
				_, e := k.Get(ctx, r.Key)
				mu.Lock()
				defer mu.Unlock()
				err = cmp.Or(err, e)
			})
		}
		all.Wait()
	case "set":
		err = k.Set(ctx, r.Key, r.Data)
	case "remove":
		err = k.Remove(ctx, r.Key)
	case "keys":
		a.Keys, err = k.keys(ctx)
	}
	a.Took = time.Since(began)
	if err != nil {
		a.Failed, a.Text, a.Hint = true, err.Error(), hint.Of(err)
		for name, kind := range kinds {
			if errors.Is(err, kind) {
				a.Kinds = append(a.Kinds, name)
			}
		}
	}
	return a
}

// remote is a Keychain in another process.
type remote struct {
	t   testing.TB
	in  *json.Encoder
	out *json.Decoder
}

func startRemote(t testing.TB, c remoteConfig, env ...string) *remote {
	t.Helper()
	return startRemoteAs(t, c, func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, env...) })
}

// startRemoteAs lets the caller change how the process is started.
func startRemoteAs(t testing.TB, c remoteConfig, change func(*exec.Cmd)) *remote {
	t.Helper()
	config, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestKeychainProcess$")
	cmd.Env = append(os.Environ(), "KEYCHAIN_PROCESS="+string(config))
	cmd.Stderr = &mustBeEmpty{t: t}
	change(cmd)
	stdin, inErr := cmd.StdinPipe()
	answers, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	return &remote{t, json.NewEncoder(stdin), json.NewDecoder(bufio.NewReader(answers))}
}

// mustBeEmpty is a standard error that nobody may write to: C++ SDKs take it for output.
type mustBeEmpty struct{ t testing.TB }

func (m *mustBeEmpty) Write(p []byte) (int, error) {
	m.t.Errorf("on stderr: %s", p)
	return len(p), nil
}

func (r *remote) do(q request) response {
	r.t.Helper()
	if err := r.in.Encode(q); err != nil {
		r.t.Fatal(err)
	}
	var a response
	if err := r.out.Decode(&a); err != nil {
		if errors.Is(err, io.EOF) {
			r.t.Fatal("the keychain's process ended")
		}
		r.t.Fatal(err)
	}
	return a
}

func (r *remote) get(key string) response { r.t.Helper(); return r.do(request{Op: "get", Key: key}) }
func (r *remote) remove(key string) response {
	r.t.Helper()
	return r.do(request{Op: "remove", Key: key})
}
func (r *remote) set(key string, data []byte) response {
	r.t.Helper()
	return r.do(request{Op: "set", Key: key, Data: data})
}
func (r *remote) keys() response { r.t.Helper(); return r.do(request{Op: "keys"}) }

func (a response) is(kind string) bool {
	for _, k := range a.Kinds {
		if k == kind {
			return true
		}
	}
	return kind == "" && !a.Failed
}

// want fails the test unless the call ended in the one kind of error ("" for none) within the time.
func (a response) want(t testing.TB, kind string, within time.Duration) {
	t.Helper()
	if !a.is(kind) || len(a.Kinds) > 1 {
		t.Errorf("error %q (%v), want %q", a.Text, a.Kinds, kind)
	}
	if a.Took > within {
		t.Errorf("it took %s, want %s at most", a.Took, within)
	}
}

// cannotTest skips what this machine can't do, and says so; in CI, where it should be able to, it fails.
func cannotTest(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("CANNOT RUN: %s", why)
	}
	t.Skipf("NOT TESTED: %s", why)
}
