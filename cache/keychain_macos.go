package cache

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/99designs/keyring"

	"aws-accounts/cache/item"
	"aws-accounts/internal/hint"
)

func openMacOS() store {
	return &ringStore{
		cfg: keyring.Config{
			AllowedBackends:          []keyring.BackendType{keyring.KeychainBackend},
			ServiceName:              item.Service,
			KeychainTrustApplication: true, // this program reads its items without asking
		},
		wrap: func(ring keyring.Keyring) keyring.Keyring { return macOSRing{ring} },
		classify: func(err error) error {
			switch text := err.Error(); {
			case strings.Contains(text, "-25308"), strings.Contains(text, "interaction is not allowed"):
				return fmt.Errorf("%w: macOS may not ask for it here, as over ssh", ErrLocked)
			case strings.Contains(text, "-25293"), strings.Contains(text, "-128"), strings.Contains(text, "canceled"):
				return fmt.Errorf("%w: %w", ErrDenied, err)
			}
			return err
		},
	}
}

// macOSRing is the library's, but for two of its ways.
type macOSRing struct{ keyring.Keyring }

// Get tells an item that isn't there from one that macOS doesn't give out, for whose every error the library says "not
// found". Attributes are given out in any case.
func (r macOSRing) Get(key string) (keyring.Item, error) {
	began := time.Now().Truncate(time.Second) // as exact as the keychain's times
	found, err := r.Keyring.Get(key)
	if !errors.Is(err, keyring.ErrKeyNotFound) {
		return found, err
	}
	attributes, err := r.GetMetadata(key)
	if err != nil {
		return keyring.Item{}, err
	}
	if !attributes.ModificationTime.Before(began) { // it has been made in between
		return r.Keyring.Get(key)
	}
	return keyring.Item{}, hint.New(fmt.Errorf("%w: macOS does not give the item out: it is locked, or this program was denied it", ErrDenied),
		"`security unlock-keychain` unlocks it; `Always Allow` in its dialog lets this program read it")
}

// Set deletes what is there, and adds, since an update keeps the access list of whoever wrote the item first: each new
// version of this program would have to ask for its own items. Not so an access key, which may be the only copy.
func (r macOSRing) Set(i keyring.Item) error {
	if !strings.Contains(i.Key, "/"+keysPrefix) {
		if err := r.Remove(i.Key); err != nil && !errors.Is(err, keyring.ErrKeyNotFound) {
			return err
		}
	}
	return r.Keyring.Set(i)
}
