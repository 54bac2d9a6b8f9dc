// Package passphrase opens the file keychain: by the passphrase in the environment, by the command that the user chose, or by
// asking.
//
// Invariant: the passphrase is in no argument, message or file.
package passphrase

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"

	"aws-accounts/cache"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/private"
	"aws-accounts/internal/tui"
)

const tries = 3

// Of opens the keychain whose passphrase the command prints; "" is no command. how says what to do where nobody can be asked.
func Of(asker *ask.Asker, command func() string, how string) func(context.Context, cache.Safe) error {
	return func(ctx context.Context, safe cache.Safe) error {
		if p := os.Getenv(private.Passphrase); p != "" {
			_, err := safe.Open(p, false)
			return err
		}
		if command := command(); command != "" {
			p, err := asker.Command(ctx, command)
			if err != nil {
				return fmt.Errorf("the passphrase_command failed: %w", err)
			}
			_, err = safe.Open(p, true)
			return err
		}
		err := asked(ctx, asker, safe)
		if hint.Of(err) == "" {
			err = hint.New(err, "%s", how)
		}
		return err
	}
}

// asked has the person type it, a new one twice: nothing could open the keychain after a slip.
func asked(ctx context.Context, asker *ask.Asker, safe cache.Safe) error {
	made := ""
	if safe.New {
		asker.Tell(ctx, "the new keychain needs a passphrase. Nothing else opens it: don't lose it\n")
		if yes, err := asker.Confirm(ctx, "Make one for you, to be kept in a password manager?", true); err == nil && yes {
			made = rand.Text()
			if err := asker.Tell(ctx, "the passphrase is "+made+"\n"); err != nil {
				return err // nobody knows it
			}
		} else if err != nil && !errors.Is(err, ask.ErrNobody) {
			return err
		}
	}
	for try := 1; ; try++ {
		p, err := made, error(nil)
		if made == "" {
			p, err = typed(ctx, asker, safe.New)
		}
		var stays time.Duration
		if err == nil {
			stays, err = safe.Open(p, true)
		}
		switch {
		case err == nil && stays > 0:
			asker.Tell(ctx, fmt.Sprintf("the keychain stays open to your programs for %d hours\n", int(stays.Hours())))
		case err == nil:
			asker.Tell(ctx, "nothing can keep the keychain open here: each command asks for the passphrase, unless \"passphrase_command\" prints it\n")
		case errors.Is(err, cache.ErrDenied) && try < tries:
			asker.Tell(ctx, tui.Harmless(err.Error()+": "+hint.Of(err))+"\n")
			continue
		}
		return err
	}
}

func typed(ctx context.Context, asker *ask.Asker, isNew bool) (string, error) {
	p, err := asker.Secret(ctx, "Passphrase of the keychain")
	if err != nil || !isNew {
		return p, err
	}
	again, err := asker.Secret(ctx, "The same passphrase again, since the keychain is new")
	if err == nil && again != p {
		err = hint.New(fmt.Errorf("%w: the two passphrases differ", cache.ErrDenied), "type the same one twice")
	}
	return p, err
}

// What to do where nobody can be asked.
const (
	InUse  = "set AWS_ACCOUNTS_KEYCHAIN_PASSPHRASE, or \"passphrase_command\" in the accounts file"
	Chosen = "set AWS_ACCOUNTS_KEYCHAIN_PASSPHRASE, or use --passphrase-command"
)
