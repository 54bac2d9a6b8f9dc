package cache

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/99designs/keyring"

	"aws-accounts/cache/item"
	"aws-accounts/internal/hint"
)

// macOSLibrary is the library's ring for the macOS keychain as far as it matters: whatever it may not read is "not found".
type macOSLibrary struct {
	keyring.Keyring // an array ring
	locked          bool
	changed         time.Time
	appears         *keyring.Item // once it has been looked for
}

func (r *macOSLibrary) Get(key string) (keyring.Item, error) {
	if i := r.appears; i != nil {
		r.appears = nil
		r.Keyring.Set(*i)
		return keyring.Item{}, keyring.ErrKeyNotFound
	}
	if r.locked {
		return keyring.Item{}, keyring.ErrKeyNotFound
	}
	return r.Keyring.Get(key)
}

func (r *macOSLibrary) GetMetadata(key string) (keyring.Metadata, error) {
	if _, err := r.Keyring.Get(key); err != nil {
		return keyring.Metadata{}, err
	}
	return keyring.Metadata{ModificationTime: r.changed}, nil
}

func (r *macOSLibrary) Set(i keyring.Item) error {
	if r.locked {
		return errors.New("Failed to update item in keychain: interaction is not allowed (-25308)")
	}
	return r.Keyring.Set(i)
}

func TestMacOSRing(t *testing.T) {
	t.Parallel()
	library := &macOSLibrary{Keyring: keyring.NewArrayKeyring(nil), changed: time.Now().Add(-time.Hour)}
	ring := macOSRing{library}
	keys := keyring.Item{Key: item.Prefix + "keys/main", Data: []byte("the only copy")}
	session := keyring.Item{Key: item.Prefix + "session/dev", Data: []byte("a session")}
	for _, i := range []keyring.Item{keys, session} {
		if _, err := ring.Get(i.Key); !errors.Is(err, keyring.ErrKeyNotFound) {
			t.Errorf("%s before it is there: %v", i.Key, err)
		}
		if err := ring.Set(i); err != nil {
			t.Fatal(err)
		}
	}

	library.locked = true
	for _, i := range []keyring.Item{keys, session} {
		_, err := ring.Get(i.Key)
		if !errors.Is(err, ErrDenied) || !strings.Contains(hint.Of(err), "security unlock-keychain") {
			t.Errorf("%s, locked: %v (%s)", i.Key, err, hint.Of(err))
		}
		i.Data = []byte("new")
		if err := ring.Set(i); err == nil {
			t.Errorf("%s, locked, could be written", i.Key)
		}
	}
	library.locked = false
	if got, err := ring.Get(keys.Key); err != nil || !bytes.Equal(got.Data, keys.Data) {
		t.Errorf("the access key after a write that failed: %q, %v", got.Data, err)
	}
	if _, err := ring.Get(session.Key); !errors.Is(err, keyring.ErrKeyNotFound) {
		t.Errorf("the session after a write that failed: %v; it should have been deleted before, with its access list", err)
	}

	library.appears, library.changed = &session, time.Now()
	if got, err := ring.Get(session.Key); err != nil || !bytes.Equal(got.Data, session.Data) {
		t.Errorf("made while it was looked for: %q, %v", got.Data, err)
	}
}
