package process

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"aws-accounts/cache"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/identitycenter"
)

// A keychain's error keeps its text, its hint and its own name beside the one that identitycenter has for it.
func TestOfSignIn(t *testing.T) {
	for name, want := range map[error]error{cache.ErrNotFound: identitycenter.ErrNotFound, cache.ErrCorrupt: identitycenter.ErrCorrupt, cache.ErrLocked: nil} {
		err := hint.New(fmt.Errorf("keychain x: %w", name), "unlock it")
		got := ofSignIn(err)
		if got.Error() != err.Error() || hint.Of(got) != "unlock it" || !errors.Is(got, name) || want != nil && !errors.Is(got, want) {
			t.Errorf("%v: %v", name, got)
		}
	}
	if ofSignIn(nil) != nil {
		t.Error("an error out of nothing")
	}
}

// The store asks the keychain for what identitycenter expects of it.
func TestSignIns(t *testing.T) {
	s := signIns{cache.OpenKeychain(cache.KeychainConfig{Backend: "file", Dir: t.TempDir(), Passphrase: func(context.Context) (string, error) { return "pass", nil }}), ""}
	if _, err := s.Get(t.Context(), "sso/corp"); !errors.Is(err, identitycenter.ErrNotFound) {
		t.Error(err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err := s.Keep(gone, "sso/corp", []byte("item")); err != nil {
		t.Errorf("not kept for who has left: %v", err)
	}
	if data, err := s.Get(t.Context(), "sso/corp"); err != nil || string(data) != "item" {
		t.Errorf("%q, %v", data, err)
	}
	if err := s.Remove(t.Context(), "sso/corp"); err != nil {
		t.Error(err)
	}
	if err := s.Remove(t.Context(), "sso/corp"); !errors.Is(err, identitycenter.ErrNotFound) {
		t.Error(err)
	}
}
