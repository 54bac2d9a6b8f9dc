// Package passphrase finds the passphrase of the file keychain: in the environment, by the command that the user chose, or by
// asking.
//
// Invariant: it is in no argument, message or file.
package passphrase

import (
	"context"
	"errors"
	"fmt"
	"os"

	"aws-accounts/internal/ask"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/place"
	"aws-accounts/internal/private"
)

// Of returns the passphrase of the keychain in use. command returns the accounts file's passphrase_command, "" for none.
func Of(asker *ask.Asker, command func() string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		if p, err := given(ctx, asker, command()); p != "" || err != nil {
			return p, err
		}
		p, err := asker.Secret(ctx, "Passphrase of the keychain")
		return p, hint.New(err, "set AWS_ACCOUNTS_KEYCHAIN_PASSPHRASE, or \"passphrase_command\" in the accounts file")
	}
}

// Chosen is Of for a keychain that no accounts file chooses yet. A new one's passphrase is typed twice: nothing could open it
// again after a slip.
func Chosen(asker *ask.Asker, command string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		if p, err := given(ctx, asker, command); p != "" || err != nil {
			return p, err
		}
		const how = "set AWS_ACCOUNTS_KEYCHAIN_PASSPHRASE, or use --passphrase-command"
		p, err := asker.Secret(ctx, "Passphrase of the keychain")
		if err != nil {
			return "", hint.New(err, how)
		}
		if dir, err := place.FileKeychain(); err == nil {
			if items, _ := os.ReadDir(dir); len(items) > 0 {
				return p, nil
			}
		}
		again, err := asker.Secret(ctx, "The same passphrase again, since the keychain is new")
		if err == nil && again != p {
			err = errors.New("the two passphrases differ")
		}
		return p, hint.New(err, how)
	}
}

// given is what nobody has to be asked for, "" if there is nothing.
func given(ctx context.Context, asker *ask.Asker, command string) (string, error) {
	if p := os.Getenv(private.Passphrase); p != "" || command == "" {
		return p, nil
	}
	p, err := asker.Command(ctx, command)
	if err != nil {
		err = fmt.Errorf("the passphrase_command failed: %w", err)
	}
	return p, err
}
