package wire

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/place"
	"aws-accounts/internal/private"
	"aws-accounts/process"
)

// Start returns what init works with. It opens nothing: there may be no accounts file yet, and the keychain is what init
// has to choose.
func (d *Dependencies) Start(f *Flags) (*Start, error) {
	reader, err := d.Reader()
	if err != nil {
		return nil, err
	}
	program, err := d.Program()
	if err != nil {
		return nil, err
	}
	log, err := d.Log()
	if err != nil {
		return nil, err
	}
	asker := newAsker(f)
	return &Start{
		Accounts: reader,
		Program:  program,
		Asker:    asker,
		Locks:    known(place.Locks()),
		Chosen:   os.Getenv("AWS_ACCOUNTS_KEYCHAIN"),
		Own:      cache.OpenKeychain(cache.KeychainConfig{}).Backend(),
		Resolver: func(choice accounts.Keychain) *process.Resolver {
			sessions := sessionsIn(f, reader, log, choice.Backend, func(ctx context.Context) (string, error) { return firstPassphrase(ctx, f, choice.PassphraseCommand) })
			return &process.Resolver{Accounts: reader, Sessions: sessions, Log: log,
				MFA: &process.MFA{Asker: asker, Dir: known(place.Locks()), Now: time.Now}, SSO: &process.SSO{Asker: asker, Unattended: f.NoInput || inCI()}}
		},
	}, nil
}

// firstPassphrase is passphrase where no accounts file chooses yet. A new keychain's is typed twice: nothing could open it
// again after a slip.
func firstPassphrase(ctx context.Context, f *Flags, command string) (string, error) {
	if p := os.Getenv(private.Passphrase); p != "" {
		return p, nil
	}
	if command != "" {
		return commandPassphrase(ctx, f, command)
	}
	const how = "set AWS_ACCOUNTS_KEYCHAIN_PASSPHRASE, or use --passphrase-command"
	p, err := newAsker(f).Secret(ctx, "Passphrase of the keychain")
	if err != nil {
		return "", hint.New(err, how)
	}
	if items, _ := os.ReadDir(filepath.Clean(known(place.FileKeychain()))); len(items) > 0 {
		return p, nil
	}
	again, err := newAsker(f).Secret(ctx, "The same again, as it is new")
	if err == nil && again != p {
		err = errors.New("the two passphrases differ")
	}
	return p, hint.New(err, how)
}
