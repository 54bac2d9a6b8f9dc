package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"aws-accounts/accounts"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/stanza"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// Remove is `aws-accounts remove NAME…`: takes accounts out, with their stanzas and sessions.
type Remove struct {
	Names []string `arg:"" name:"name" help:"The accounts."`
	Yes   bool     `short:"y" help:"Don't ask whether to."`
}

// Run asks, and takes them out.
func (c *Remove) Run(r *accounts.Reader, asker *ask.Asker, program *stanza.Program, resolver *process.Resolver, stdout io.Writer) error {
	ctx := context.Background()
	file, err := r.File()
	if err != nil {
		return err
	}
	gone, err := file.Select(c.Names)
	if err != nil {
		return err
	}
	for _, a := range gone {
		if a.From != "" {
			return accounts.ReadOnlyError(a)
		}
		users := file.Where(func(b *accounts.Account) bool {
			return b.SourceAccount() == a && !slices.Contains(gone, b)
		})
		if len(users) > 0 {
			return hint.New(fmt.Errorf("%s is the source of %s", a.Name, tui.QuoteAll(accounts.NamesOf(users))),
				"remove them as well, or give them another: `aws-accounts edit %s --source=NAME`", users[0].Name)
		}
	}
	names := accounts.NamesOf(gone)
	if !c.Yes {
		ok, err := asker.Confirm(ctx, fmt.Sprintf("Remove %s?", strings.Join(names, ", ")), false)
		if err == nil && !ok {
			err = errors.New("nothing was removed")
		}
		if err != nil {
			return hint.New(err, "--yes removes without asking")
		}
	}
	return stanza.TakeOut(ctx, r, names, program, resolver.Sessions, stdout)
}
