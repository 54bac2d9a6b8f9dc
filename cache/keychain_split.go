package cache

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/99designs/keyring"
)

// splitRing stores items that are larger than the store takes, as the Windows one does (2,560 bytes), in numbered parts.
//
// The item itself is then a manifest. Parts are never overwritten: each Set writes parts of a new generation, then the
// manifest, and then removes the parts that the old manifest named, so that a reader finds a whole item whenever a writer
// dies. Parts that it left are removed with the item. A small item is one part, in the place of the manifest.
type splitRing struct {
	keyring.Keyring
	limit int // bytes in a single item
}

// manifest is stored as JSON behind the mark of a manifest.
type manifest struct {
	Generation string `json:"generation"`
	Parts      int    `json:"parts"`
	SHA256     string `json:"sha256"`
}

// The first byte of what is stored under the key.
const (
	wholeMark    = 'w'
	manifestMark = 'm'
)

// maxParts bounds what one item can do to a store that is meant for passwords: 128,000 bytes on Windows.
const maxParts = 64

// partKey cannot be a key of ours: it has colons.
func partKey(key, generation string, n int) string {
	return key + ":" + generation + ":" + strconv.Itoa(n)
}

func (r splitRing) Get(key string) (keyring.Item, error) {
	for attempt := 0; ; attempt++ {
		item, err := r.Keyring.Get(key)
		if err != nil {
			return keyring.Item{}, err
		}
		m, whole, err := parseSplit(item.Data)
		if err != nil {
			return keyring.Item{}, err
		}
		if m == nil {
			item.Data = whole
			return item, nil
		}
		item.Data, err = r.join(key, m)
		if err == nil {
			return item, nil
		}
		// A writer may have removed the parts between the two reads: then there is a new manifest.
		if !errors.Is(err, keyring.ErrKeyNotFound) && !errors.Is(err, ErrCorrupt) {
			return keyring.Item{}, err
		}
		if attempt == 2 {
			return keyring.Item{}, fmt.Errorf("%w: its parts do not fit together", ErrCorrupt)
		}
	}
}

func (r splitRing) join(key string, m *manifest) ([]byte, error) {
	var data []byte
	for n := range m.Parts {
		part, err := r.Keyring.Get(partKey(key, m.Generation, n))
		if err != nil {
			return nil, err
		}
		data = append(data, part.Data...)
	}
	if hexSHA256(data) != m.SHA256 {
		return nil, ErrCorrupt
	}
	return data, nil
}

func parseSplit(data []byte) (*manifest, []byte, error) {
	if len(data) > 0 && data[0] == wholeMark {
		return nil, data[1:], nil
	}
	var m manifest
	if len(data) == 0 || data[0] != manifestMark || json.Unmarshal(data[1:], &m) != nil || m.Parts < 1 || m.Parts > maxParts {
		return nil, nil, ErrCorrupt
	}
	return &m, nil, nil
}

func (r splitRing) Set(item keyring.Item) error {
	old := r.manifestOf(item.Key)
	data := item.Data
	if len(data) < r.limit {
		item.Data = append([]byte{wholeMark}, data...)
		if err := r.Keyring.Set(item); err != nil {
			return err
		}
		return r.removeParts(item.Key, old)
	}

	m := &manifest{Generation: rand.Text(), Parts: (len(data) + r.limit - 1) / r.limit, SHA256: hexSHA256(data)}
	if m.Parts > maxParts {
		return fmt.Errorf("%w: %d bytes, %d at most", errTooLarge, len(data), maxParts*r.limit)
	}
	n := 0
	for part := range slices.Chunk(data, r.limit) {
		p := item
		p.Key, p.Data = partKey(item.Key, m.Generation, n), part
		if err := r.Keyring.Set(p); err != nil {
			r.removeParts(item.Key, m)
			return err
		}
		n++
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	item.Data = append([]byte{manifestMark}, text...)
	if err := r.Keyring.Set(item); err != nil {
		r.removeParts(item.Key, m)
		return err
	}
	return r.removeParts(item.Key, old)
}

func (r splitRing) manifestOf(key string) *manifest {
	item, _ := r.Keyring.Get(key)
	m, _, _ := parseSplit(item.Data)
	return m
}

func (r splitRing) removeParts(key string, m *manifest) error {
	if m == nil {
		return nil
	}
	var errs []error
	for n := range m.Parts {
		if err := r.Keyring.Remove(partKey(key, m.Generation, n)); err != nil && !errors.Is(err, keyring.ErrKeyNotFound) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Remove removes the item and every part of it, those of writers that died too.
func (r splitRing) Remove(key string) error {
	err := r.Keyring.Remove(key)
	if err != nil && !errors.Is(err, keyring.ErrKeyNotFound) {
		return err
	}
	all, listErr := r.Keyring.Keys()
	if listErr != nil {
		return listErr
	}
	for _, k := range all {
		// The store may have kept the case of an earlier write.
		if base, _, isPart := strings.Cut(k, ":"); isPart && strings.EqualFold(base, key) {
			if e := r.Keyring.Remove(k); e != nil && !errors.Is(e, keyring.ErrKeyNotFound) {
				return e
			}
			err = nil
		}
	}
	return err
}

// Keys returns each item once, also those of which there are only parts, so that who removes all removes them.
func (r splitRing) Keys() ([]string, error) {
	all, err := r.Keyring.Keys()
	if err != nil {
		return nil, err
	}
	for i, k := range all {
		all[i], _, _ = strings.Cut(k, ":")
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func hexSHA256(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
