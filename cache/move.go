package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"aws-accounts/cache/item"
)

// Copied is what Copy has brought from one keychain into another, by key.
type Copied map[string][]byte

// ErrOtherKey means that the keychain to copy into has another access key for the same account.
var ErrOtherKey = errors.New("there is another access key")

// Copy puts every item of from into to and reads it back there; nothing is removed. What to has already is replaced, unless
// inUse says that it is the newer; an access key never is. A damaged session or sign-in isn't worth an error: it is left out.
func Copy(ctx context.Context, from, to *Keychain, inUse bool) (Copied, error) {
	keys, err := from.keys(ctx)
	if err != nil {
		return nil, err
	}
	copied := Copied{}
	for _, key := range keys {
		if strings.HasPrefix(key, probePrefix) { // of a Probe that was killed
			continue
		}
		data, err := from.Get(ctx, key)
		switch {
		case errors.Is(err, ErrNotFound), errors.Is(err, ErrCorrupt) && !isKeys(key):
			continue
		case err != nil:
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		if err := copyItem(ctx, to, key, data, inUse); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		copied[key] = data
	}
	return copied, nil
}

func copyItem(ctx context.Context, to *Keychain, key string, data []byte, inUse bool) error {
	there, err := to.Get(ctx, key)
	switch {
	case err == nil && bytes.Equal(there, data):
		return nil
	case err == nil && isKeys(key):
		return ErrOtherKey
	case err == nil && inUse:
		return nil
	case err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrCorrupt):
		return err
	}
	if err := to.Set(ctx, key, data); err != nil {
		return err
	}
	there, err = to.Get(ctx, key)
	if err == nil && !bytes.Equal(there, data) {
		err = fmt.Errorf("%w: it holds something else than was stored", ErrCorrupt)
	}
	return err
}

// Adopt takes over the items of another owner, whose accounts file has become this one's by being moved.
func (k *Keychain) Adopt(ctx context.Context, owner string) (Copied, error) {
	theirs := k.ownedBy(owner)
	copied, err := Copy(ctx, theirs, k, false)
	if err == nil {
		err = copied.RemoveFrom(ctx, theirs, k)
	}
	return copied, err
}

// RemoveFrom empties the keychain that everything was copied from. What somebody has stored or renewed there since is copied
// before, and counts as well.
func (c Copied) RemoveFrom(ctx context.Context, from, to *Keychain) error {
	keys, err := from.keys(ctx)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := c.remove(ctx, key, from, to); err != nil && !errors.Is(err, ErrNotFound) {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

func (c Copied) remove(ctx context.Context, key string, from, to *Keychain) error {
	now, err := from.Get(ctx, key)
	switch {
	case errors.Is(err, ErrCorrupt) && !isKeys(key), strings.HasPrefix(key, probePrefix):
	case err != nil:
		return err
	case !bytes.Equal(now, c[key]):
		if err := copyItem(ctx, to, key, now, false); err != nil {
			return err
		}
		c[key] = now
	}
	return from.Remove(ctx, key)
}

// Count returns how many access keys, sessions and sign-ins there are.
func (c Copied) Count() (keys, sessions, signIns int) {
	for key := range c {
		switch {
		case isKeys(key):
			keys++
		case strings.HasPrefix(key, item.SessionPrefix):
			sessions++
		default:
			signIns++
		}
	}
	return keys, sessions, signIns
}

func isKeys(key string) bool { return strings.HasPrefix(key, keysPrefix) }
