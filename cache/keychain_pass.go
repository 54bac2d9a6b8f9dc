package cache

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/99designs/keyring"

	"aws-accounts/cache/item"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/private"
)

// passStore keeps the library's items in pass, the standard Unix password manager. It runs pass itself: the library hands
// our stderr to pass and gpg, and C++ SDKs read stderr as if it were stdout; it cannot be stopped; and it cannot keep gpg
// from asking for a passphrase where nobody can answer.
type passStore struct {
	dir    string
	unlock bool
}

func openPass(cfg KeychainConfig) (store, error) {
	if _, err := exec.LookPath("pass"); err != nil {
		return nil, hint.New(fmt.Errorf("%w: the program pass is not installed", ErrUnavailable), "install pass, and give it a key: `pass init KEY`")
	}
	dir := os.Getenv("PASSWORD_STORE_DIR") // pass's own variable
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		dir = filepath.Join(home, ".password-store")
	}
	return &passStore{dir: dir, unlock: cfg.Unlock}, nil
}

func (s *passStore) get(ctx context.Context, key string) ([]byte, error) {
	if err := s.exists(key); err != nil {
		return nil, err
	}
	out, err := s.run(ctx, nil, "show", key)
	if err != nil {
		return nil, err
	}
	stored, err := item.Parse(out)
	if err != nil || stored.Key != key {
		return nil, ErrCorrupt
	}
	return stored.Data, nil
}

func (s *passStore) set(ctx context.Context, key string, data []byte) error {
	if _, err := os.Stat(filepath.Join(s.dir, ".gpg-id")); errors.Is(err, fs.ErrNotExist) {
		return hint.New(fmt.Errorf("%w: there is no password store at %s", ErrUnavailable, s.dir), "run `pass init KEY` with the id of your GPG key")
	}
	text, err := json.Marshal(keyring.Item{Key: key, Data: data})
	if err != nil {
		return err
	}
	_, err = s.run(ctx, text, "insert", "--multiline", "--force", key)
	return err
}

func (s *passStore) remove(ctx context.Context, key string) error {
	if err := s.exists(key); err != nil {
		return err
	}
	_, err := s.run(ctx, nil, "rm", "--force", key)
	return err
}

func (s *passStore) keys(context.Context) ([]string, error) {
	ring, err := openRing(keyring.Config{
		AllowedBackends: []keyring.BackendType{keyring.PassBackend},
		PassDir:         s.dir,
		PassPrefix:      item.Service, // our folder: the whole store may be large
	})
	if err != nil {
		return nil, err
	}
	keys, err := ring.Keys()
	for i := range keys {
		keys[i] = item.Prefix + keys[i]
	}
	return keys, err
}

func (s *passStore) exists(key string) error {
	_, err := os.Stat(filepath.Join(s.dir, filepath.FromSlash(key)+".gpg"))
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	}
	return err
}

func (s *passStore) run(ctx context.Context, stdin []byte, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "pass", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stdout, &stderr
	cmd.WaitDelay = 200 * time.Millisecond                             // pass is a script: killing it leaves gpg behind with our pipes
	options := os.Getenv("PASSWORD_STORE_GPG_OPTS") + " --status-fd=2" // what gpg means, in no language
	if !s.unlock {
		options += " --pinentry-mode=error"
	}
	cmd.Env = append(private.Environment(), "PASSWORD_STORE_DIR="+s.dir, "PASSWORD_STORE_GPG_OPTS="+options)
	err := cmd.Run()
	if err == nil {
		return stdout.Bytes(), nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, passFailure(stderr.String(), err)
}

// passFailure finds out what gpg meant, from its status lines (doc/DETAILS in GnuPG).
func passFailure(stderr string, err error) error {
	has := func(status string) bool { return strings.Contains(stderr, "[GNUPG:] "+status) }
	switch {
	case has("NODATA"), has("DECRYPTION_FAILED") && has("DECRYPTION_INFO"):
		return ErrCorrupt
	case has("DECRYPTION_FAILED"): // it had no key to begin with; as pass runs it, gpg doesn't tell why
		return hint.New(fmt.Errorf("%w: gpg needs the passphrase of its key, or does not have that key", ErrLocked),
			"unlock the key with `pass show` of any entry, and try again")
	case has("INV_RECP"):
		return fmt.Errorf("%w: gpg does not have the key of the password store", ErrDenied)
	}
	return fmt.Errorf("pass failed: %w", err)
}
