package cache

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"aws-accounts/cache/item"
)

// mapStore is a store whose owner dies after so many changes; 0 is never.
type mapStore struct {
	items map[string][]byte
	dies  *int
	spoil bool // it keeps something else than it was given
}

func (s *mapStore) change() error {
	if *s.dies == 1 {
		return errDied
	}
	if *s.dies > 1 {
		*s.dies--
	}
	return nil
}

func (s *mapStore) get(_ context.Context, key string) ([]byte, error) {
	data, ok := s.items[key]
	if !ok {
		return nil, ErrNotFound
	}
	return data, nil
}

func (s *mapStore) set(_ context.Context, key string, data []byte) error {
	if s.spoil {
		data = []byte("else")
	}
	if err := s.change(); err != nil {
		return err
	}
	s.items[key] = data
	return nil
}

func (s *mapStore) remove(_ context.Context, key string) error {
	if err := s.change(); err != nil {
		return err
	}
	delete(s.items, key)
	return nil
}

func (s *mapStore) keys(context.Context) ([]string, error) {
	return slices.Collect(maps.Keys(s.items)), nil
}

func (s *mapStore) open() *Keychain {
	k := OpenKeychain(KeychainConfig{})
	k.open = func(KeychainConfig) (store, error) { return s, nil }
	return k
}

func someItems() map[string][]byte {
	return map[string][]byte{item.Prefix + "keys/main": []byte("key"), item.Prefix + "session/dev": []byte("session"), item.Prefix + "sso/corp": []byte("token")}
}

// A Probe that was killed leaves an item, which is nobody's.
func TestMoveLeavesProbes(t *testing.T) {
	t.Parallel()
	lives := 0
	from, to := &mapStore{items: someItems(), dies: &lives}, &mapStore{items: map[string][]byte{}, dies: &lives}
	from.items[item.Prefix+probePrefix+"1"] = []byte("probe")
	copied, err := Copy(t.Context(), from.open(), to.open(), false)
	if err == nil {
		err = copied.RemoveFrom(t.Context(), from.open(), to.open())
	}
	if keys, sessions, signIns := copied.Count(); err != nil || keys != 1 || sessions != 1 || signIns != 1 || len(to.items) != 3 {
		t.Errorf("%d keys, %d sessions, %d sign-ins, %d items: %v", keys, sessions, signIns, len(to.items), err)
	}
	if len(from.items) != 0 {
		t.Errorf("left behind: %q", from.items)
	}
}

// Whoever moves may die at any step: each item is in one of the two, and the next run finishes.
func TestMoveDies(t *testing.T) {
	t.Parallel()
	for dies := range 8 {
		n := dies
		from, to := &mapStore{items: someItems(), dies: &n}, &mapStore{items: map[string][]byte{}, dies: &n}
		copied, err := Copy(t.Context(), from.open(), to.open(), false)
		switched := err == nil
		if switched {
			err = copied.RemoveFrom(t.Context(), from.open(), to.open())
		}
		if died := dies > 0 && dies <= 6; errors.Is(err, errDied) != died {
			t.Errorf("%d: %v", dies, err)
		}
		for key, data := range someItems() {
			if !bytes.Equal(from.items[key], data) && !bytes.Equal(to.items[key], data) {
				t.Errorf("%d: %s is lost", dies, key)
			}
			if switched && !bytes.Equal(to.items[key], data) {
				t.Errorf("%d: %s isn't in the one in use", dies, key)
			}
		}
		n = 0
		copied, err = Copy(t.Context(), from.open(), to.open(), switched)
		if err == nil {
			err = copied.RemoveFrom(t.Context(), from.open(), to.open())
		}
		if err != nil || len(from.items) > 0 || !maps.EqualFunc(to.items, someItems(), bytes.Equal) {
			t.Errorf("%d: the next run: %v, left %q, there %q", dies, err, from.items, to.items)
		}
	}
}

func TestMoveReadsBack(t *testing.T) {
	t.Parallel()
	from, to := &mapStore{items: someItems(), dies: new(int)}, &mapStore{items: map[string][]byte{}, dies: new(int), spoil: true}
	if _, err := Copy(t.Context(), from.open(), to.open(), false); !errors.Is(err, ErrCorrupt) {
		t.Errorf("error %v", err)
	}
}

// What the keychain to move to has already: an access key stays; of the rest, what is in use wins.
func TestMoveMeetsItems(t *testing.T) {
	t.Parallel()
	for _, inUse := range []bool{false, true} {
		from := &mapStore{items: map[string][]byte{item.Prefix + "session/dev": []byte("from")}, dies: new(int)}
		to := &mapStore{items: map[string][]byte{item.Prefix + "session/dev": []byte("to")}, dies: new(int)}
		want := map[bool]string{false: "from", true: "to"}[inUse]
		if _, err := Copy(t.Context(), from.open(), to.open(), inUse); err != nil || string(to.items[item.Prefix+"session/dev"]) != want {
			t.Errorf("in use %v: %q, %v", inUse, to.items, err)
		}
		to.items[item.Prefix+"keys/main"], from.items[item.Prefix+"keys/main"] = []byte("to"), []byte("from")
		if _, err := Copy(t.Context(), from.open(), to.open(), inUse); !errors.Is(err, ErrOtherKey) || string(to.items[item.Prefix+"keys/main"]) != "to" {
			t.Errorf("in use %v: %q, %v", inUse, to.items, err)
		}
	}
}

// What was stored or renewed between copying and deleting goes along, and stays if it can't.
func TestMoveTakesWhatCameLater(t *testing.T) {
	t.Parallel()
	for _, spoil := range []bool{false, true} {
		from, to := &mapStore{items: someItems(), dies: new(int)}, &mapStore{items: map[string][]byte{}, dies: new(int)}
		copied, err := Copy(t.Context(), from.open(), to.open(), false)
		if err != nil {
			t.Fatal(err)
		}
		later := map[string][]byte{item.Prefix + "sso/corp": []byte("renewed"), item.Prefix + "keys/other": []byte("new")}
		maps.Copy(from.items, later)
		to.spoil = spoil
		err = copied.RemoveFrom(t.Context(), from.open(), to.open())
		if (err != nil) != spoil || !spoil && len(from.items) > 0 {
			t.Errorf("spoilt %v: left %q, %v", spoil, from.items, err)
		}
		for key, data := range later {
			if !bytes.Equal(from.items[key], data) && !bytes.Equal(to.items[key], data) {
				t.Errorf("spoilt %v: %s is lost: %q, %q", spoil, key, from.items, to.items)
			}
		}
	}
}
