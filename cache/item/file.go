package item

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"time"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/place"
)

// The file keychain is a folder. Each item is a file of its own, encrypted by AES-256-GCM under the store key, which is random.
// The store key lies in KeyFile beside the items, encrypted under what is derived from the passphrase.
//
// A passphrase that a person has chosen goes through scrypt, which is to be slow (see package cache), and a warm call has no time
// for it: once opened, the kernel keeps the store key for KeptFor. Where no kernel does, a passphrase that a machine has made
// needs nothing slow, as nobody guesses it: a warm call derives from that by itself.
const (
	KeyFile = "store-key.json"
	KeptFor = 8 * time.Hour

	maxFile = 32 << 20 // bytes: far above anything we store and far below what would hurt to read
)

// FileName returns the name of the file that holds the item of key. Case or ':' in a name are trouble on some systems, and of
// this one neither a listing nor a backup tells account names.
func FileName(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// FromFile returns the data of the item of key in the file keychain's folder, if that is open, or the passphrase opens it at once.
func FromFile(dir, key, passphrase string) ([]byte, error) {
	if err := CheckFolder(dir); err != nil {
		return nil, err
	}
	wrapped, err := ReadWrappedKey(dir)
	if err != nil {
		return nil, err
	}
	var store *StoreKey
	if passphrase != "" && wrapped.Scrypt == 0 {
		store, err = wrapped.Unwrap(wrapped.FromRandom(passphrase))
	} else {
		store, err = Kept(wrapped.ID)
	}
	if err != nil {
		return nil, err
	}
	i, err := store.ReadItem(dir, FileName(key))
	return i.Data, err
}

// CheckFolder refuses a folder that somebody else could put items into; ErrNotFound if there is none.
func CheckFolder(dir string) error {
	if dir == "" {
		return fmt.Errorf("%w: no folder is given for it", ErrUnavailable)
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ErrNotFound
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case !info.IsDir():
		return fmt.Errorf("%w: %s is not a folder", ErrUnavailable, dir)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0:
		return hint.New(fmt.Errorf("%w: %s can be written by other users", ErrUnavailable, dir), "chmod 700 %s", dir)
	}
	return nil
}

// CheckFile makes sure that reading the file neither blocks nor fills the memory.
func CheckFile(dir, name string) error {
	info, err := os.Lstat(place.Join(dir, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ErrNotFound
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Size() > maxFile:
		return fmt.Errorf("%w: %s is not a file of ours", ErrCorrupt, place.Join(dir, name))
	}
	return nil
}

func readFile(dir, name string) ([]byte, error) {
	if err := CheckFile(dir, name); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(place.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	return data, err
}

// WrappedKey is the store key as it lies on the disk.
type WrappedKey struct {
	ID     string `json:"id"`               // of the store; nothing secret
	Scrypt int    `json:"scrypt,omitempty"` // the binary logarithm of scrypt's N; 0 where the passphrase is random
	Salt   []byte `json:"salt"`
	Key    []byte `json:"key"`
}

// ReadWrappedKey reads it from the folder: ErrNotFound if nothing has been stored there yet.
func ReadWrappedKey(dir string) (*WrappedKey, error) {
	data, err := readFile(dir, KeyFile)
	if err != nil {
		return nil, err
	}
	var w WrappedKey
	if json.Unmarshal(data, &w) != nil || w.ID == "" || w.Scrypt < 0 || w.Scrypt > 20 {
		return nil, fmt.Errorf("%w: %s", ErrCorrupt, KeyFile)
	}
	return &w, nil
}

// FromRandom derives the key that the store key is wrapped in from a passphrase that is random.
func (w *WrappedKey) FromRandom(passphrase string) *StoreKey {
	derived, err := hkdf.Key(sha256.New, []byte(passphrase), w.Salt, "aws-accounts file keychain", keySize)
	if err != nil {
		panic(err) // only a longer key is one too long
	}
	return (*StoreKey)(derived)
}

// Wrap encrypts the store key.
func (w *WrappedKey) Wrap(by, store *StoreKey) { w.Key = by.seal(w.ID, store[:]) }

// Unwrap decrypts the store key: ErrCorrupt by another key than that which Wrap was given.
func (w *WrappedKey) Unwrap(by *StoreKey) (*StoreKey, error) {
	key, err := by.open(w.ID, w.Key)
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("%w: %s", ErrCorrupt, KeyFile)
	}
	return (*StoreKey)(key), nil
}

const keySize = 32

// StoreKey encrypts all items of a file keychain.
type StoreKey [keySize]byte

// NewStoreKey returns a random one.
func NewStoreKey() *StoreKey {
	var k StoreKey
	rand.Read(k[:])
	return &k
}

func (k *StoreKey) aead() cipher.AEAD {
	block, err := aes.NewCipher(k[:])
	if err == nil {
		var aead cipher.AEAD
		if aead, err = cipher.NewGCMWithRandomNonce(block); err == nil {
			return aead
		}
	}
	panic(err) // only a key of another size isn't one
}

// seal encrypts what is to be found under the name alone.
func (k *StoreKey) seal(name string, plain []byte) []byte {
	return k.aead().Seal(nil, nil, plain, []byte(name))
}

func (k *StoreKey) open(name string, sealed []byte) ([]byte, error) {
	return k.aead().Open(nil, nil, sealed, []byte(name))
}

// SealItem returns what the file of the item is to hold.
func (k *StoreKey) SealItem(i Item) ([]byte, error) {
	plain, err := json.Marshal(i)
	if err != nil {
		return nil, err
	}
	return k.seal(FileName(i.Key), plain), nil
}

// ReadItem reads and decrypts an item's file. ErrCorrupt is also what another store's key gives, and a file that was copied over
// another one.
func (k *StoreKey) ReadItem(dir, name string) (Item, error) {
	sealed, err := readFile(dir, name)
	if err != nil {
		return Item{}, err
	}
	plain, err := k.open(name, sealed)
	if err != nil {
		return Item{}, fmt.Errorf("%w: %s", ErrCorrupt, name)
	}
	return Parse(plain)
}
