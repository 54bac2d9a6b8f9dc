package accounts

import (
	"fmt"
	"path"
	"strings"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/tui"
)

// Select returns the accounts that names stand for, each once and in the file's order for a pattern: an account's name, or a
// pattern of path.Match such as prod-*, in either case. What stands for none is an error.
func (f *File) Select(names []string) (chosen []*Account, err error) {
	seen := map[*Account]bool{}
	take := func(a *Account) {
		if !seen[a] {
			seen[a], chosen = true, append(chosen, a)
		}
	}
	for _, name := range names {
		if !strings.ContainsAny(name, `*?[\`) {
			a, err := f.Find(name)
			if err != nil {
				return nil, err
			}
			take(a)
			continue
		}
		found := false
		for a := range f.All() {
			match, err := path.Match(strings.ToLower(name), strings.ToLower(a.Name))
			if err != nil {
				return nil, hint.Usage(fmt.Errorf("%s is no pattern", tui.Quote(name)), "write one like 'prod-*'")
			}
			if match {
				found = true
				take(a)
			}
		}
		if !found {
			return nil, hint.New(fmt.Errorf("no account in %s is called like %s", tui.ShowPath(f.Path), tui.Quote(name)), "`aws-accounts list` shows the accounts")
		}
	}
	return chosen, nil
}
