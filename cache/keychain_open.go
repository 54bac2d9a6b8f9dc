package cache

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"

	"github.com/99designs/keyring"

	"aws-accounts/cache/item"
	"aws-accounts/internal/hint"
)

// openStore returns exactly the backend that is asked for, or the reason why it can't be had. It touches no store.
func openStore(cfg KeychainConfig) (store, error) {
	backend := keyring.BackendType(cfg.Backend)
	if !slices.Contains(keyring.AvailableBackends(), backend) {
		return nil, whyNot(backend, runtime.GOOS)
	}
	switch backend {
	case keyring.SecretServiceBackend:
		return openSecretService(cfg)
	case keyring.FileBackend:
		return &fileStore{dir: cfg.Dir, ask: cfg.Passphrase}, nil
	case keyring.PassBackend:
		return openPass(cfg)
	case keyring.KWalletBackend:
		return openKWallet(cfg)
	case keyring.KeyCtlBackend:
		return openKeyctl(), nil
	case keyring.WinCredBackend:
		return openWinCred(), nil
	case keyring.KeychainBackend:
		return openMacOS(), nil
	}
	return nil, whyNot(backend, runtime.GOOS)
}

// openWinCred uses the Windows Credential Manager, whose blobs end at 2,560 bytes: sessions with a long token are larger.
func openWinCred() store {
	return &ringStore{
		cfg:  keyring.Config{AllowedBackends: []keyring.BackendType{keyring.WinCredBackend}, ServiceName: item.Service},
		wrap: func(ring keyring.Keyring) keyring.Keyring { return splitRing{ring, 2_000} },
	}
}

// whyNot says why the library does not offer a backend, which it never says itself.
func whyNot(backend keyring.BackendType, goos string) error {
	var reason string
	switch backend {
	case keyring.SecretServiceBackend, keyring.KWalletBackend:
		switch {
		case goos != "linux":
			reason = "it is for Linux"
		case os.Getenv("DBUS_SESSION_BUS_ADDRESS") == "":
			reason = fmt.Sprintf("there is no session bus: DBUS_SESSION_BUS_ADDRESS is not set and /run/user/%d/bus does not exist", os.Getuid())
		case backend == keyring.KWalletBackend && os.Getenv("DISABLE_KWALLET") == "1":
			reason = "DISABLE_KWALLET=1 is set"
		default:
			reason = "the session bus at DBUS_SESSION_BUS_ADDRESS, or the keychain on it, does not answer"
		}
	case keyring.KeyCtlBackend:
		reason = "it is for Linux"
	case keyring.KeychainBackend:
		if goos != "darwin" {
			reason = "it is for macOS"
			break
		}
		return hint.New(fmt.Errorf("%w: this program was built without cgo (CGO_ENABLED=0), so without the macOS keychain", ErrUnavailable),
			"install a release for macOS, or build with CGO_ENABLED=1")
	case keyring.WinCredBackend:
		reason = "it is for Windows"
	case keyring.PassBackend:
		reason = "it is not for " + goos
	default:
		return hint.New(fmt.Errorf("%w: there is no such keychain", ErrUnavailable),
			"choose secret-service, kwallet, keyctl, pass, file, keychain or wincred")
	}
	return fmt.Errorf("%w: %s", ErrUnavailable, reason)
}

// ringStore is a backend that the library's own calls serve well enough. It opens the library's keyring for each call: that
// is cheap where it is used, and keyrings are not safe for concurrent use.
type ringStore struct {
	cfg keyring.Config
	// wrap, if not nil, puts something around the library's keyring.
	wrap func(keyring.Keyring) keyring.Keyring
	// classify, if not nil, finds the sentinel for one of the backend's own errors.
	classify func(error) error
	// ready, if not nil, has to succeed before any call.
	ready func(context.Context) error
	// limit is the size of the largest item in bytes; 0 is none.
	limit int
}

func (s *ringStore) with(ctx context.Context, call func(keyring.Keyring) error) error {
	if s.ready != nil {
		if err := s.ready(ctx); err != nil {
			return err
		}
	}
	ring, err := openRing(s.cfg)
	if err != nil {
		return err
	}
	if s.wrap != nil {
		ring = s.wrap(ring)
	}
	err = call(ring)
	if errors.Is(err, keyring.ErrKeyNotFound) {
		return ErrNotFound
	}
	if isJSONError(err) { // its text quotes what it found
		return ErrCorrupt
	}
	if err != nil && s.classify != nil {
		return s.classify(err)
	}
	return err
}

func (s *ringStore) get(ctx context.Context, key string) (data []byte, err error) {
	err = s.with(ctx, func(ring keyring.Keyring) error {
		stored, err := ring.Get(key)
		if err == nil && stored.Key != key {
			err = ErrCorrupt
		}
		data = stored.Data
		return err
	})
	return data, err
}

func (s *ringStore) set(ctx context.Context, key string, data []byte) error {
	if s.limit > 0 && len(data) > s.limit {
		return fmt.Errorf("%w: %d bytes, %d at most", errTooLarge, len(data), s.limit)
	}
	return s.with(ctx, func(ring keyring.Keyring) error {
		return ring.Set(keyring.Item{Key: key, Data: data, Label: key})
	})
}

func (s *ringStore) remove(ctx context.Context, key string) error {
	return s.with(ctx, func(ring keyring.Keyring) error { return ring.Remove(key) })
}

func (s *ringStore) keys(ctx context.Context) (keys []string, err error) {
	err = s.with(ctx, func(ring keyring.Keyring) error {
		keys, err = ring.Keys()
		return err
	})
	return keys, err
}

// openRing opens the one backend that cfg allows. The library logs why an opener failed, if at all, and returns a text of its own.
func openRing(cfg keyring.Config) (keyring.Keyring, error) {
	ring, err := keyring.Open(cfg)
	if err != nil {
		return nil, fmt.Errorf("%w: it could not be opened", ErrUnavailable)
	}
	return ring, nil
}

func isJSONError(err error) bool {
	return errors.As(err, new(*json.SyntaxError)) || errors.As(err, new(*json.UnmarshalTypeError)) || errors.As(err, new(base64.CorruptInputError))
}
