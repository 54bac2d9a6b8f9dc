package item

import (
	"bytes"
	"crypto/aes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/99designs/keyring"
)

// sealed is what the keyring library writes for an item.
func sealed(t testing.TB, i keyring.Item) (dir string) {
	t.Helper()
	dir = t.TempDir()
	ring, err := keyring.Open(keyring.Config{AllowedBackends: []keyring.BackendType{keyring.FileBackend}, FileDir: dir,
		FilePasswordFunc: keyring.FixedStringPrompt("correct horse")})
	if err == nil {
		err = ring.Set(i)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestOpensWhatTheLibraryWrites(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 15, 16, 1000, 200_000} {
		want := bytes.Repeat([]byte{0xA5}, size)
		dir := sealed(t, keyring.Item{Key: "name", Label: "label", Data: want})
		if got, err := OpenFile(dir, "name", "correct horse"); err != nil || got.Key != "name" || got.Label != "label" || !bytes.Equal(got.Data, want) {
			t.Errorf("%d bytes: key %q, label %q, %d bytes, %v", size, got.Key, got.Label, len(got.Data), err)
		}
		if _, err := OpenFile(dir, "name", "correct horse "); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d bytes, another passphrase: %v", size, err)
		}
	}
}

// Wherever a bit of the file is flipped, it opens as what it was or not at all.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	dir := sealed(t, keyring.Item{Key: "name", Label: "label", Data: []byte("SECRET")})
	whole, err := os.ReadFile(filepath.Join(dir, "name"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 1 << (i % 7)
		if err := os.WriteFile(filepath.Join(dir, "damaged"), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := OpenFile(dir, "damaged", "correct horse")
		if err == nil && string(got.Data) != "SECRET" || err != nil && (!errors.Is(err, ErrCorrupt) || strings.Contains(err.Error(), "SECRET")) {
			t.Errorf("byte %d: %q, %v", i, got.Data, err)
		}
	}
}

// The example of RFC 3394, 4.6; that of 4.1 has a shorter key, which A256GCM doesn't take.
func TestUnwrap(t *testing.T) {
	t.Parallel()
	decode := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	const count = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	wrapped, key := "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21", "00112233445566778899aabbccddeeff"+count[:32]
	block, err := aes.NewCipher(decode(count))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := unwrap(block, decode(wrapped)); err != nil || hex.EncodeToString(got) != key {
		t.Errorf("%x, %v", got, err)
	}
	short, err := aes.NewCipher(decode(count[:32]))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := unwrap(short, decode("1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5")); err == nil {
		t.Errorf("a key of 128 bits opens: %x", got)
	}
	wrong := decode(wrapped)
	wrong[3] ^= 1
	for _, w := range [][]byte{nil, wrong, wrong[:16], wrong[:23], append(wrong, wrong...)} {
		if got, err := unwrap(block, w); err == nil {
			t.Errorf("%x opens: %x", w, got)
		}
	}
}

func FuzzOpen(f *testing.F) {
	dir := sealed(f, keyring.Item{Key: "name", Label: "label", Data: []byte("SECRET")})
	whole, err := os.ReadFile(filepath.Join(dir, "name"))
	if err != nil {
		f.Fatal(err)
	}
	want, err := open(string(whole), "correct horse")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(whole))
	f.Add("....")
	f.Add("eyJhbGciOiJQQkVTMi1IUzI1NitBMTI4S1ciLCJlbmMiOiJBMjU2R0NNIiwicDJjIjoxLCJwMnMiOiJBQUFBIn0.AAAA.AAAA.AAAA.AAAA")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := open(s, "correct horse")
		if err == nil && !bytes.Equal(got, want) {
			t.Errorf("%q is what nobody has encrypted", got)
		}
		if err != nil && strings.Contains(err.Error(), "SECRET") {
			t.Error(err)
		}
	})
}
