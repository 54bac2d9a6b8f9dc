package item

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/place"
)

// maxFile is far above anything we store and far below what would hurt to read.
const maxFile = 32 << 20

// FileName returns the name of the file that holds the item of key. The keyring library would name it after its key, and ':'
// or case are trouble on some systems; of this one neither a listing nor a backup tells account names.
func FileName(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// FromFile returns the data of the item of key in the file keychain's folder. ErrCorrupt is also what another passphrase gives.
func FromFile(dir, key, passphrase string) ([]byte, error) {
	name := FileName(key)
	if err := CheckFolder(dir); err != nil {
		return nil, err
	}
	if err := CheckFile(dir, name); err != nil {
		return nil, err
	}
	i, err := OpenFile(dir, name, passphrase)
	switch {
	case err != nil:
		return nil, err
	case i.Label != key: // a file that was copied over another
		return nil, fmt.Errorf("%w: %s belongs to another key", ErrCorrupt, name)
	}
	return i.Data, nil
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

// OpenFile reads and decrypts a file that CheckFile has passed.
func OpenFile(dir, name, passphrase string) (Item, error) {
	sealed, err := os.ReadFile(place.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return Item{}, ErrNotFound
	}
	if err != nil {
		return Item{}, err
	}
	value, err := open(string(sealed), passphrase)
	if err != nil {
		return Item{}, fmt.Errorf("%w: %s", ErrCorrupt, name)
	}
	i, err := Parse(value)
	if err != nil {
		return Item{}, fmt.Errorf("%w: %s", err, name)
	}
	return i, nil
}

// The one way in which the keyring library encrypts: a JWE in its compact form (RFC 7516), under a key that PBKDF2 makes of
// the passphrase (RFC 7518, 4.8).
const (
	keyAlgorithm     = "PBES2-HS256+A128KW"
	contentAlgorithm = "A256GCM"
	maxRounds        = 1_300_000 // of the library, too: what says more only wants to keep us busy
)

var errSealed = errors.New("does not open")

// open decrypts what the keyring library has encrypted. The library behind it would do the same by way of everything that
// JOSE knows, which has to be initialised first, and with a PBKDF2 that allocates twice a round.
func open(sealed, passphrase string) ([]byte, error) {
	parts := strings.Split(sealed, ".")
	if len(parts) != 5 {
		return nil, errSealed
	}
	var decoded [5][]byte // header, encrypted key, nonce, ciphertext, tag
	for i, part := range parts {
		var err error
		if decoded[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			return nil, errSealed
		}
	}
	var header struct {
		Algorithm  string `json:"alg"`
		Encryption string `json:"enc"`
		Rounds     int    `json:"p2c"`
		Salt       string `json:"p2s"`
	}
	if err := json.Unmarshal(decoded[0], &header); err != nil {
		return nil, errSealed
	}
	salt, err := base64.RawURLEncoding.DecodeString(header.Salt)
	if err != nil || header.Algorithm != keyAlgorithm || header.Encryption != contentAlgorithm || header.Rounds < 1 || header.Rounds > maxRounds {
		return nil, errSealed
	}
	derived, err := pbkdf2.Key(sha256.New, passphrase, append([]byte(keyAlgorithm+"\x00"), salt...), header.Rounds, 16)
	if err != nil {
		return nil, err
	}
	wrapping, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	key, err := unwrap(wrapping, decoded[1])
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, errSealed
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil || len(decoded[2]) != gcm.NonceSize() || len(decoded[4]) != gcm.Overhead() {
		return nil, errSealed
	}
	return gcm.Open(nil, decoded[2], append(decoded[3], decoded[4]...), []byte(parts[0]))
}

// unwrap takes the AES Key Wrap (RFC 3394, 2.2.2) off a key of 256 bits.
func unwrap(block cipher.Block, wrapped []byte) ([]byte, error) {
	const half = 8 // bytes of a block, and so what the key is counted in
	if len(wrapped) != 32+half {
		return nil, errSealed
	}
	var b [2 * half]byte
	copy(b[:half], wrapped)
	key := bytes.Clone(wrapped[half:])
	for n, t := len(key)/half, 6*(len(key)/half); t > 0; t-- {
		part := key[(t-1)%n*half:][:half]
		copy(b[half:], part)
		binary.BigEndian.PutUint64(b[:], binary.BigEndian.Uint64(b[:])^uint64(t))
		block.Decrypt(b[:], b[:])
		copy(part, b[half:])
	}
	if subtle.ConstantTimeCompare(b[:half], bytes.Repeat([]byte{0xA6}, half)) != 1 {
		return nil, errSealed
	}
	return key, nil
}
