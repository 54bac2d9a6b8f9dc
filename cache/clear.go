package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"aws-accounts/cache/item"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/tui"
)

// Clear is `aws-accounts clear [NAME…]`: forgets sessions.
type Clear struct {
	Names   []string `arg:"" optional:"" name:"name" help:"The accounts whose sessions to forget."`
	Expired bool     `help:"Forget the sessions that have expired."`
	All     bool     `help:"Forget every session, also of accounts that are no longer in the accounts file."`
}

// Help is what --help says besides the flags.
func (*Clear) Help() string {
	return `The next call gets a new session. At AWS the old one lives on until it ends.

  aws-accounts clear dev
  aws-accounts clear --expired
  aws-accounts clear --all`
}

// Spelling is an account's name as the accounts file has it. The error is for what is no account's name, which may have been
// a slip of the pen; it is nil where that can't be told.
type Spelling func(name string) (string, error)

// Run removes the items and says which. An account without a session is as good as cleared; what is neither an account's
// name nor a session's fails in the end.
func (c *Clear) Run(s *Sessions, spelling Spelling, stdout io.Writer) error {
	ctx := context.Background()
	names := c.Names
	switch {
	case len(names) == 0 && !c.All && !c.Expired:
		return hint.Usage(errors.New("which sessions?"), "name accounts, or use --expired or --all")
	case len(names) > 0 && (c.All || c.Expired):
		return hint.Usage(errors.New("either names, or --expired or --all"), "for example `aws-accounts clear --expired`")
	}
	items := s.itemsRefreshedHere(names)
	if len(names) == 0 {
		var err error
		if items, err = s.items(ctx); err != nil {
			return err
		}
		names = slices.Sorted(maps.Keys(items))
	}
	cleared := 0
	var unknown []error
	for _, name := range names {
		forgotten := false
		for _, key := range items[strings.ToLower(name)] {
			if c.Expired && s.useful(ctx, name, key) {
				continue
			}
			err := s.Keychain.Remove(ctx, key)
			if err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			forgotten = forgotten || err == nil
		}
		if c.Expired && !forgotten {
			continue
		}
		name, mistaken := spelling(name)
		switch {
		case forgotten:
			cleared++
			fmt.Fprintf(stdout, "%s: forgotten\n", tui.Harmless(name))
		case mistaken != nil:
			unknown = append(unknown, mistaken)
		default:
			fmt.Fprintf(stdout, "%s: no session\n", tui.Harmless(name))
		}
	}
	if len(c.Names) == 0 && cleared == 0 {
		fmt.Fprintln(stdout, "nothing to forget")
	}
	return errors.Join(unknown...)
}

// useful reports whether the item is a session that AWS still accepts. What can't be read is of no use.
func (s *Sessions) useful(ctx context.Context, name, key string) bool {
	data, err := s.Keychain.Get(ctx, key)
	if err != nil {
		return !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNotFound)
	}
	session, err := item.ParseSession(name, data)
	return err == nil && session.Valid(s.Now())
}

// items are the keys of all sessions, also those that other endpoints issued, by the lower-case name of their account.
func (s *Sessions) items(ctx context.Context) (map[string][]string, error) {
	keys, err := s.Keychain.keys(ctx)
	items := map[string][]string{}
	for _, key := range keys {
		if name, ok := strings.CutPrefix(key, item.SessionPrefix); ok {
			name, _, _ = strings.Cut(name, "/")
			items[name] = append(items[name], key)
		}
	}
	return items, err
}

// Forget removes the sessions of the accounts, of which some may have none, and returns whose it has removed.
func (s *Sessions) Forget(ctx context.Context, names []string) (forgotten []string, err error) {
	items := s.itemsRefreshedHere(names)
	if len(names) > manyNames { // then listing the keychain is quicker than asking it for each
		if items, err = s.items(ctx); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		found := false
		for _, key := range items[strings.ToLower(name)] {
			err := s.Keychain.Remove(ctx, key)
			if err != nil && !errors.Is(err, ErrNotFound) {
				return forgotten, err
			}
			found = found || err == nil
		}
		if found {
			forgotten = append(forgotten, name)
		}
	}
	return forgotten, nil
}

const manyNames = 50

// itemsRefreshedHere is items for some accounts without a listing of the keychain, for which the file keychain needs its
// passphrase: whatever was refreshed on this machine has left a lock file.
func (s *Sessions) itemsRefreshedHere(names []string) map[string][]string {
	items := map[string][]string{}
	locks, _ := os.ReadDir(s.Dir)
	for _, name := range names {
		name = strings.ToLower(name)
		items[name] = []string{item.SessionKey(name, "")}
		if s.Variant != "" {
			items[name] = append(items[name], item.SessionKey(name, s.Variant))
		}
		for _, l := range locks {
			variant, ok := strings.CutPrefix(l.Name(), name+"=")
			variant, isLock := strings.CutSuffix(variant, ".lock")
			if ok && isLock && variant != s.Variant {
				items[name] = append(items[name], item.SessionKey(name, variant))
			}
		}
	}
	return items
}
