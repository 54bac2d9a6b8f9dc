package process

import (
	"errors"
	"fmt"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/internal/hint"
)

// ExplainItem says what to do about an item that can't be read.
func ExplainItem(err error, a *accounts.Account) error {
	switch {
	case errors.Is(err, cache.ErrNotFound):
		return hint.New(fmt.Errorf("%s: no access key in the keychain", a.Name), "`aws-accounts keys add %s` puts one there", a.Name)
	case errors.Is(err, cache.ErrCorrupt):
		return hint.New(fmt.Errorf("%s: reading its access key: %w", a.Name, err), "`aws-accounts keys add %s --replace` puts a whole one in its place", a.Name)
	}
	err = fmt.Errorf("%s: reading its access key: %w", a.Name, err)
	if errors.Is(err, cache.ErrUnavailable) {
		return hint.New(err, "see to it that this keychain answers, or put the key into another: `AWS_ACCOUNTS_KEYCHAIN=file aws-accounts keys add %s`", a.Name)
	}
	return err
}
