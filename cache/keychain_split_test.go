package cache

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/99designs/keyring"
)

// windowsRing is the Windows store as far as it matters: small items, names without case, and writers that die.
type windowsRing struct {
	items map[string]keyring.Item
	dies  int // after so many changes; 0 is never
	onGet func(key string)
}

var errDied = errors.New("the process died")

func (r *windowsRing) change() error {
	switch r.dies {
	case 0:
	case 1:
		return errDied
	default:
		r.dies--
	}
	return nil
}

func (r *windowsRing) Set(i keyring.Item) error {
	if len(i.Data) > 2560 {
		return errors.New("the stub received bad data")
	}
	if err := r.change(); err != nil {
		return err
	}
	if r.items == nil {
		r.items = map[string]keyring.Item{}
	}
	i.Data = slices.Clone(i.Data)
	r.items[strings.ToLower(i.Key)] = i
	return nil
}

func (r *windowsRing) Get(key string) (keyring.Item, error) {
	if r.onGet != nil {
		r.onGet(key)
	}
	i, ok := r.items[strings.ToLower(key)]
	if !ok {
		return keyring.Item{}, keyring.ErrKeyNotFound
	}
	i.Key = key
	return i, nil
}

func (r *windowsRing) Remove(key string) error {
	if _, ok := r.items[strings.ToLower(key)]; !ok {
		return keyring.ErrKeyNotFound
	}
	if err := r.change(); err != nil {
		return err
	}
	delete(r.items, strings.ToLower(key))
	return nil
}

func (r *windowsRing) Keys() (keys []string, err error) {
	for _, i := range r.items {
		keys = append(keys, i.Key)
	}
	return keys, nil
}

func (r *windowsRing) GetMetadata(string) (keyring.Metadata, error) {
	return keyring.Metadata{}, keyring.ErrMetadataNotSupported
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func TestSplitSizes(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 1998, 1999, 2000, 2001, 2559, 3999, 4000, 4001, 20_000, maxParts * 2000} {
		store := &windowsRing{}
		ring := splitRing{store, 2000}
		data := randomBytes(size)
		for range 2 { // the second time over the first
			if err := ring.Set(keyring.Item{Key: "a", Data: data}); err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
			if item, err := ring.Get("a"); err != nil || !bytes.Equal(item.Data, data) || item.Key != "a" {
				t.Errorf("%d bytes came back as %d: %v", size, len(item.Data), err)
			}
		}
		if want := max(1, 1+(size+1999)/2000); size >= 2000 && len(store.items) != want || size < 2000 && len(store.items) != 1 {
			t.Errorf("%d bytes: %d items in the store", size, len(store.items))
		}
		if keys, err := ring.Keys(); err != nil || !slices.Equal(keys, []string{"a"}) {
			t.Errorf("keys %q, %v", keys, err)
		}
		if err := ring.Remove("a"); err != nil || len(store.items) > 0 {
			t.Errorf("%d items left, %v", len(store.items), err)
		}
		if err := ring.Remove("a"); !errors.Is(err, keyring.ErrKeyNotFound) {
			t.Errorf("removing what is not there: %v", err)
		}
	}
	if err := (splitRing{&windowsRing{}, 2000}).Set(keyring.Item{Key: "a", Data: make([]byte, maxParts*2000+1)}); !errors.Is(err, errTooLarge) {
		t.Errorf("error %v", err)
	}
}

func TestSplitWriterDies(t *testing.T) {
	t.Parallel()
	sizes := []int{10, 5000, 9000}
	for _, before := range sizes {
		for _, after := range sizes {
			for dies := 1; dies < 16; dies++ {
				store := &windowsRing{}
				ring := splitRing{store, 2000}
				old, next := randomBytes(before), randomBytes(after)
				if err := errors.Join(ring.Set(keyring.Item{Key: "a", Data: old}), ring.Set(keyring.Item{Key: "ab", Data: next})); err != nil {
					t.Fatal(err)
				}
				store.dies = dies
				err := ring.Set(keyring.Item{Key: "a", Data: next})
				store.dies = 0
				item, getErr := ring.Get("a")
				if getErr != nil || !bytes.Equal(item.Data, old) && !bytes.Equal(item.Data, next) || err == nil && !bytes.Equal(item.Data, next) {
					t.Fatalf("%d over %d bytes, dead after %d: %d bytes, %v", after, before, dies, len(item.Data), getErr)
				}
				if err := ring.Remove("a"); err != nil {
					t.Fatal(err)
				}
				for key := range store.items {
					if !strings.HasPrefix(key, "ab") {
						t.Fatalf("%s was left", key)
					}
				}
				if item, err := ring.Get("ab"); err != nil || !bytes.Equal(item.Data, next) {
					t.Fatalf("its neighbour: %v", err)
				}
			}
		}
	}
}

// TestSplitReadWhileWritten replaces the item between any two reads of a reader.
func TestSplitReadWhileWritten(t *testing.T) {
	t.Parallel()
	for at := 1; at < 6; at++ {
		store := &windowsRing{}
		ring := splitRing{store, 2000}
		old, next := randomBytes(7000), randomBytes(5000)
		if err := ring.Set(keyring.Item{Key: "a", Data: old}); err != nil {
			t.Fatal(err)
		}
		n := 0
		store.onGet = func(string) {
			if n++; n == at {
				store.onGet = nil
				if err := ring.Set(keyring.Item{Key: "a", Data: next}); err != nil {
					t.Error(err)
				}
			}
		}
		if item, err := ring.Get("a"); err != nil || !bytes.Equal(item.Data, old) && !bytes.Equal(item.Data, next) {
			t.Errorf("replaced before read %d: %d bytes, %v", at, len(item.Data), err)
		}
	}
}

func TestSplitDamage(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(*windowsRing){
		"a part is missing": func(r *windowsRing) {
			for k := range r.items {
				if strings.HasSuffix(k, ":1") {
					delete(r.items, k)
				}
			}
		},
		"a part is another": func(r *windowsRing) {
			for k, i := range r.items {
				if strings.HasSuffix(k, ":1") {
					i.Data = []byte("SECRET")
					r.items[k] = i
				}
			}
		},
		"foreign":         func(r *windowsRing) { r.items["a"] = keyring.Item{Key: "a", Data: []byte("SECRET")} },
		"empty":           func(r *windowsRing) { r.items["a"] = keyring.Item{Key: "a"} },
		"no manifest":     func(r *windowsRing) { r.items["a"] = keyring.Item{Key: "a", Data: []byte("mSECRET")} },
		"absurd manifest": func(r *windowsRing) { r.items["a"] = keyring.Item{Key: "a", Data: []byte(`m{"parts":1000000000}`)} },
		"negative":        func(r *windowsRing) { r.items["a"] = keyring.Item{Key: "a", Data: []byte(`m{"parts":-1}`)} },
	} {
		store := &windowsRing{}
		ring := splitRing{store, 2000}
		if err := ring.Set(keyring.Item{Key: "a", Data: randomBytes(5000)}); err != nil {
			t.Fatal(err)
		}
		damage(store)
		if _, err := ring.Get("a"); !errors.Is(err, ErrCorrupt) && !errors.Is(err, keyring.ErrKeyNotFound) || strings.Contains(fmt.Sprint(err), "SECRET") {
			t.Errorf("%s: error %v", name, err)
		}
		if err := ring.Set(keyring.Item{Key: "a", Data: []byte("new")}); err != nil {
			t.Errorf("%s: writing anew: %v", name, err)
		}
		if item, err := ring.Get("a"); string(item.Data) != "new" {
			t.Errorf("%s: %v", name, err)
		}
		if err := ring.Remove("a"); err != nil || len(store.items) > 0 {
			t.Errorf("%s: %d items left, %v", name, len(store.items), err)
		}
	}
}

func FuzzParseSplit(f *testing.F) {
	f.Add([]byte("wdata"))
	f.Add([]byte(`m{"generation":"x","parts":2,"sha256":""}`))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, whole, err := parseSplit(data)
		if err == nil && m == nil && !bytes.Equal(append([]byte{wholeMark}, whole...), data) {
			t.Error("not the whole item")
		}
		if m != nil && (m.Parts < 1 || m.Parts > maxParts) {
			t.Errorf("%d parts", m.Parts)
		}
	})
}
