// Package item knows how an item lies in a keychain, and reads one where that takes no more than a file or a socket: from the
// file keychain, and from the Secret Service once it is noted where the item lies. All else is package cache's.
//
// It is on the way of a warm `process`, before the rest of the program is initialised, and so knows neither the keyring
// library nor AWS's SDK. Nothing here waits for a person, writes to a keychain, or puts what an item holds into an error.
package item

import (
	"encoding/json"
	"errors"
	"strings"
)

// What can be wrong with a keychain or an item, for errors.Is.
var (
	ErrNotFound    = errors.New("no such item")
	ErrUnavailable = errors.New("not available")
	ErrCorrupt     = errors.New("not an item of ours, or a damaged one")
)

// Service is the name under which the keyring library keeps what is ours, and Prefix begins each key there: other programs
// use the same library, and so the same attributes.
const (
	Service = "aws-accounts"
	Prefix  = Service + "/"
)

// FullKey returns the key under which the keyring library keeps the item that an owner calls key. An owner is an accounts file: see
// place.Owner. Two files with the same names neither share an item nor put theirs in each other's place.
func FullKey(owner, key string) string {
	if owner != "" {
		key = owner + "/" + key
	}
	return Prefix + key
}

// The keychains that this package can read. PlatformKeychain is the one where none is chosen.
const (
	SecretService = "secret-service"
	File          = "file"
)

// PlatformKeychain returns the system's own.
func PlatformKeychain(goos string) string {
	switch goos {
	case "darwin":
		return "keychain"
	case "windows":
		return "wincred"
	}
	return SecretService
}

// Item is what a keychain holds for a key, as JSON: what the keyring library stores, and the file keychain.
type Item struct {
	Key  string
	Data []byte
}

// Parse reads an item: ErrCorrupt if that is something else.
func Parse(value []byte) (Item, error) {
	var i Item
	if json.Unmarshal(value, &i) != nil {
		return Item{}, ErrCorrupt
	}
	return i, nil
}

// ValidKey reports whether key is one or more segments of letters, digits and . _ @ + - separated by slashes, each of which
// begins with a letter or digit. It is on the way to every item.
func ValidKey(key string) bool {
	begins := true // a segment
	for _, c := range []byte(key) {
		switch {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9':
			begins = false
		case begins:
			return false
		case c == '/':
			begins = true
		case !strings.ContainsRune("._@+-", rune(c)):
			return false
		}
	}
	return !begins
}
