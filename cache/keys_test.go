package cache

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"aws-accounts/cache/item"
)

var testKeys = Keys{
	Account: "Main", AccountID: "123456789012", User: "arn:aws:iam::123456789012:user/alice",
	Current: AccessKey{ID: "AKIAIOSFODNN7EXAMPLE", Secret: "SECRET1", Stored: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)},
}

func TestKeysRoundTrip(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	k := OpenKeychain(KeychainConfig{Backend: "file", Dir: t.TempDir(), Passphrase: by(testPassphrase)})
	if _, err := k.LoadKeys(ctx, "main"); !errors.Is(err, ErrNotFound) {
		t.Errorf("nothing stored: %v", err)
	}
	keys := testKeys
	old := AccessKey{ID: "AKIAI44QH8DHBEXAMPLE", Secret: "SECRET2", Stored: keys.Current.Stored}
	for _, rotation := range []*Rotation{nil, {Began: keys.Current.Stored}, {Began: keys.Current.Stored, Next: &old}, {Began: keys.Current.Stored, Old: &old}} {
		keys.Rotation = rotation
		if err := k.StoreKeys(ctx, &keys); err != nil {
			t.Fatal(err)
		}
		if got, err := k.LoadKeys(ctx, "MAIN"); err != nil || !reflect.DeepEqual(got, &keys) {
			t.Errorf("%+v: %v", rotation, err)
		}
	}
	if names, err := k.KeysAccounts(ctx); err != nil || !slices.Equal(names, []string{"main"}) {
		t.Errorf("%q %v", names, err)
	}
	if err := k.RemoveKeys(ctx, "main"); err != nil {
		t.Error(err)
	}
	if err := k.RemoveKeys(ctx, "main"); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
}

// A store that says yes and keeps something else is found out at once.
func TestStoreKeysReadsBack(t *testing.T) {
	t.Parallel()
	k := OpenKeychain(KeychainConfig{Backend: "file"})
	k.open = func(KeychainConfig) (store, error) { return forgetful{}, nil }
	keys := testKeys
	if err := k.StoreKeys(context.Background(), &keys); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}

type forgetful struct{ store }

func (forgetful) set(context.Context, string, []byte) error { return nil }
func (forgetful) get(context.Context, string) ([]byte, error) {
	other := testKeys
	other.Layout, other.Current.Secret = keysLayout, "SECRET0"
	return json.Marshal(other)
}

// Half an item is never handed out, and what is wrong with it is told without a secret.
func TestParseKeys(t *testing.T) {
	t.Parallel()
	whole := testKeys
	whole.Layout = keysLayout
	for _, c := range []struct {
		name, want string
		change     func(*Keys)
	}{
		{"another version", "another version (layout 2, not 1)", func(k *Keys) { k.Layout = 2 }},
		{"another account", "of another account", func(k *Keys) { k.Account = "dev" }},
		{"no secret", "half an access key", func(k *Keys) { k.Current.Secret = "" }},
		{"no id", "half an access key", func(k *Keys) { k.Current.ID = "" }},
		{"nobody's", "half an access key", func(k *Keys) { k.User = "" }},
		{"half the next", "half an access key", func(k *Keys) { k.Rotation = &Rotation{Began: k.Current.Stored, Next: &AccessKey{ID: "SECRETLESS"}} }},
		{"half the old", "half an access key", func(k *Keys) { k.Rotation = &Rotation{Began: k.Current.Stored, Old: &AccessKey{}} }},
		{"both", "no state of a rotation", func(k *Keys) { k.Rotation = &Rotation{Began: k.Current.Stored, Next: &k.Current, Old: &k.Current} }},
		{"no beginning", "no state of a rotation", func(k *Keys) { k.Rotation = &Rotation{} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			keys := whole
			c.change(&keys)
			data, _ := json.Marshal(keys)
			_, err := parseKeys("main", data)
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "SECRET") {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	data, _ := json.Marshal(whole)
	for cut := range len(data) {
		if _, err := parseKeys("main", data[:cut]); !errors.Is(err, ErrCorrupt) || strings.Contains(err.Error(), "SECRET") {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
}

func FuzzParseKeys(f *testing.F) {
	whole := testKeys
	whole.Layout = keysLayout
	data, _ := json.Marshal(whole)
	f.Add(data)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := parseKeys("main", data)
		if err == nil && (!k.Current.whole() || !strings.EqualFold(k.Account, "main")) {
			t.Errorf("%+v", k)
		}
		if err != nil && !errors.Is(err, ErrCorrupt) {
			t.Error(err)
		}
	})
}

func TestForget(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dir := t.TempDir()
	s := &Sessions{Dir: dir, Keychain: OpenKeychain(KeychainConfig{Backend: "file", Dir: t.TempDir(), Passphrase: by(testPassphrase)})}
	for _, name := range []string{"main", "dev", "other"} {
		if err := s.Keychain.Set(ctx, item.SessionKey(name, ""), []byte("x")); err != nil {
			t.Fatal(err)
		}
		os.WriteFile(filepath.Join(dir, name+".lock"), nil, 0o600)
	}
	os.WriteFile(filepath.Join(dir, "gone.lock"), nil, 0o600)
	if _, err := s.Forget(ctx, []string{"Main", "dev", "gone", "never"}); err != nil {
		t.Error(err)
	}
	if keys, err := s.Keychain.keys(ctx); err != nil || !slices.Equal(keys, []string{item.SessionKey("other", "")}) {
		t.Errorf("%q %v", keys, err)
	}
}
