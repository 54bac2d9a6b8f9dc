package setup

import (
	"fmt"
	"io"

	"aws-accounts/accounts"
	"aws-accounts/internal/route"
	"aws-accounts/internal/tui"
)

// Validate is `aws-accounts validate`: checks the accounts file.
type Validate struct{}

// Run says what is wrong, all at once, or what is right but may surprise.
func (Validate) Run(r *accounts.Reader, stdout io.Writer) error {
	file, err := r.File()
	if err != nil {
		return err
	}
	var temporary func(*accounts.Account) bool
	if routes, err := route.Read(); err == nil {
		temporary = routes.Temporary
	}
	for _, n := range file.Notes(temporary) {
		fmt.Fprintf(stdout, "%s:%d:%d: note: %s\n", tui.ShowPath(file.Path), n.Line, n.Column, n.Message)
	}
	fmt.Fprintf(stdout, "%s: %s, no errors\n", tui.ShowPath(file.Path), tui.Count(len(file.Accounts), "account"))
	return nil
}
