package cache

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"math/bits"
	"strings"
	"unicode"

	"aws-accounts/internal/hint"
)

// isRandom recognises what a machine has made: 128 bits or more that nobody can guess, and so need no slow derivation. It is
// rand.Text, or what `openssl rand -hex 16` and `-base64 16` print. Nobody types such a thing from a head.
func isRandom(passphrase string) bool {
	only := func(letters string) bool { return strings.Trim(passphrase, letters) == "" }
	switch n := len(passphrase); {
	case only("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"):
		return n >= len(rand.Text())
	case only("0123456789abcdef"):
		return n >= 32
	}
	random, err := base64.StdEncoding.DecodeString(passphrase)
	return err == nil && len(random) >= 16 && strings.HasSuffix(passphrase, "=")
}

// tooWeak refuses a passphrase that a program guesses in time, at a dozen tries a second and core. Characters that go on as those
// before them, as in aaaa, 1234 and passwordpassword, don't count.
func tooWeak(passphrase string) error {
	const long, mixed = 16, 12 // characters
	counting, kinds, last, step := 0, 0, rune(0), rune(0)
	seen := map[[2]rune]bool{}
	for _, r := range passphrase {
		pair := [2]rune{last, r}
		if !seen[pair] && (r-last != step || step < -1 || step > 1) {
			counting++
		}
		seen[pair] = true
		last, step = r, r-last
		switch {
		case unicode.IsLower(r):
			kinds |= 1
		case unicode.IsUpper(r):
			kinds |= 2
		case unicode.IsDigit(r):
			kinds |= 4
		default:
			kinds |= 8
		}
	}
	if counting >= long || counting >= mixed && bits.OnesCount(uint(kinds)) >= 3 {
		return nil
	}
	return hint.New(fmt.Errorf("%w: the passphrase is too easy to guess, and whoever has a copy of the files can try for as long as he likes", ErrDenied),
		"take %d characters or more, as four words have, or %d with capitals, digits and signs; or one that is made for you: `openssl rand -hex 16`", long, mixed)
}
