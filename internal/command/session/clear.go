package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// Clear is `aws-accounts clear [NAME…]`: forgets sessions.
type Clear struct {
	Names   []string `arg:"" optional:"" name:"name" help:"The accounts whose sessions to forget."`
	Expired bool     `help:"Forget the sessions that have expired."`
	All     bool     `help:"Forget every session, also of accounts that are no longer in the accounts file, and lock the keychain file."`
}

// Run removes the items and says which. An account without a session is as good as cleared; what is neither an account's
// name nor a session's fails in the end.
func (c *Clear) Run(r *process.Resolver, stdout io.Writer) error {
	s := r.Sessions
	ctx := context.Background()
	names := c.Names
	switch {
	case len(names) == 0 && !c.All && !c.Expired:
		return hint.Usage(errors.New("which sessions?"), "name accounts, or use --expired or --all")
	case len(names) > 0 && (c.All || c.Expired):
		return hint.Usage(errors.New("either names, or --expired or --all"), "for example `aws-accounts clear --expired`")
	}
	items := s.ItemsRefreshedHere(names)
	if len(names) == 0 {
		var err error
		if items, err = s.Items(ctx); err != nil {
			return err
		}
		names = slices.Sorted(maps.Keys(items))
	}
	if c.All {
		defer s.Keychain.Lock()
	}
	cleared := 0
	var unknown []error
	for _, name := range names {
		forgotten := false
		for _, key := range items[strings.ToLower(name)] {
			if c.Expired && s.Useful(ctx, name, key) {
				continue
			}
			err := s.Keychain.Remove(ctx, key)
			if err != nil && !errors.Is(err, cache.ErrNotFound) {
				return err
			}
			forgotten = forgotten || err == nil
		}
		if c.Expired && !forgotten {
			continue
		}
		name, mistaken := spelled(r.Accounts, name)
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

// spelled is an account's name as the accounts file has it. The error is for what is no account's name, which may have been a
// slip of the pen; it is nil where that can't be told.
func spelled(r *accounts.Reader, name string) (string, error) {
	file, broken := r.File()
	if broken != nil {
		return name, nil
	}
	a, err := file.Find(name)
	if err != nil {
		return name, err
	}
	return a.Name, nil
}
