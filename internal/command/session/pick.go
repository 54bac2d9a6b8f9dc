package session

import (
	"context"
	"errors"
	"fmt"

	"aws-accounts/accounts"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/hint"
	"aws-accounts/process"
)

// account finds the account of that name. Without a name the person chooses one at the terminal.
func account(r *process.Resolver, name string) (*accounts.File, *accounts.Account, error) {
	file, err := r.Accounts.File()
	if err != nil {
		return nil, nil, err
	}
	if name != "" {
		a, err := file.Find(name)
		return file, a, err
	}
	a, err := pick(r.MFA.Asker, file)
	return file, a, err
}

// exitInterrupted is that of a program which Ctrl-C has ended.
const exitInterrupted = 130

func pick(asker *ask.Asker, file *accounts.File) (*accounts.Account, error) {
	if len(file.Accounts) == 0 {
		return nil, hint.New(fmt.Errorf("there is no account in %s to choose", file.Path), "`aws-accounts add` adds one")
	}
	choices := make([]ask.Choice, len(file.Accounts))
	for i := range file.Accounts {
		a := &file.Accounts[i]
		choices[i] = ask.Choice{Name: a.Name, ID: a.AccountID, Description: a.Description}
	}
	i, err := asker.Pick(context.Background(), "Account", choices)
	switch {
	case errors.Is(err, ask.ErrNobody):
		return nil, hint.Usage(fmt.Errorf("which account? NAME is missing, and there is %w", err), "`aws-accounts list` shows the names")
	case errors.Is(err, ask.ErrCancelled): // which the person knows
		return nil, &hint.ExitStatus{Status: exitInterrupted}
	case err != nil:
		return nil, err
	}
	return &file.Accounts[i], nil
}
