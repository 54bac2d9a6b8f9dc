package item

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const passphrase = "CORRECTHORSEBATTERYSTAPLEZ"

// stored is a file keychain's folder with one item.
func stored(t testing.TB, i Item) (dir string, key *StoreKey) {
	t.Helper()
	dir, key = t.TempDir(), NewStoreKey()
	w := &WrappedKey{ID: "id", Salt: []byte("salt")}
	w.Wrap(w.FromRandom(passphrase), key)
	wrapped, err := json.Marshal(w)
	sealed, sealErr := key.SealItem(i)
	if err := errors.Join(err, sealErr, os.WriteFile(filepath.Join(dir, KeyFile), wrapped, 0o600),
		os.WriteFile(filepath.Join(dir, FileName(i.Key)), sealed, 0o600)); err != nil {
		t.Fatal(err)
	}
	return dir, key
}

func TestFromFile(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 15, 16, 1000, 200_000} {
		want := bytes.Repeat([]byte{0xA5}, size)
		dir, _ := stored(t, Item{Key: "name", Data: want})
		if got, err := FromFile(dir, "name", passphrase); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: %d bytes, %v", size, len(got), err)
		}
		if _, err := FromFile(dir, "name", passphrase+" "); !errors.Is(err, ErrCorrupt) {
			t.Errorf("another passphrase: %v", err)
		}
		for _, err := range []error{errorOf(FromFile(dir, "other", passphrase)), errorOf(FromFile(dir, "name", "")), errorOf(FromFile(dir+"/none", "name", passphrase))} {
			if !errors.Is(err, ErrNotFound) {
				t.Error(err)
			}
		}
		// A file that was copied over another, and one of another store.
		whole, err := os.ReadFile(filepath.Join(dir, FileName("name")))
		if err := errors.Join(err, os.WriteFile(filepath.Join(dir, FileName("other")), whole, 0o600)); err != nil {
			t.Fatal(err)
		}
		elsewhere, _ := stored(t, Item{Key: "name", Data: want})
		if err := os.WriteFile(filepath.Join(elsewhere, FileName("name")), whole, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{errorOf(FromFile(dir, "other", passphrase)), errorOf(FromFile(elsewhere, "name", passphrase))} {
			if !errors.Is(err, ErrCorrupt) {
				t.Error(err)
			}
		}
	}
}

func errorOf(_ []byte, err error) error { return err }

// Wherever a bit of the file is flipped, it opens as what it was or not at all.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	dir, key := stored(t, Item{Key: "name", Data: []byte("SECRET")})
	name := FileName("name")
	whole, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 1 << (i % 7)
		if err := os.WriteFile(filepath.Join(dir, name), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := key.ReadItem(dir, name); !errors.Is(err, ErrCorrupt) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("byte %d: %q, %v", i, got.Data, err)
		}
	}
}

func FuzzFromFile(f *testing.F) {
	dir, _ := stored(f, Item{Key: "name", Data: []byte("SECRET")})
	item, wrapped := filepath.Join(dir, FileName("name")), filepath.Join(dir, KeyFile)
	sealed, err := os.ReadFile(item)
	key, keyErr := os.ReadFile(wrapped)
	if err := errors.Join(err, keyErr); err != nil {
		f.Fatal(err)
	}
	f.Add(sealed, key)
	f.Add([]byte{}, []byte(`{"id":"x","scrypt":99}`))
	f.Fuzz(func(t *testing.T, s, k []byte) {
		if err := errors.Join(os.WriteFile(item, s, 0o600), os.WriteFile(wrapped, k, 0o600)); err != nil {
			t.Fatal(err)
		}
		got, err := FromFile(dir, "name", passphrase)
		if err == nil && string(got) != "SECRET" || err != nil && strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%q, %v", got, err)
		}
	})
}
