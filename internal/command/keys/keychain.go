package keys

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/cache/item"
	"aws-accounts/internal/accesskey"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/lock"
	"aws-accounts/internal/passphrase"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// Keychain is `aws-accounts keychain`.
type Keychain struct {
	Move Move `cmd:"" help:"Carry everything to another keychain, and use that one."`
}

// Move is `aws-accounts keychain move --to NAME`.
//
// All is copied and read back; then the accounts file names the new keychain; then the old one is emptied. Killed anywhere,
// every item is in one of the two, and a second run goes on from there.
type Move struct {
	To                string `required:"" help:"The keychain to use from now on: secret-service, kwallet, keyctl, pass, file, keychain or wincred." placeholder:"NAME"`
	From              string `help:"Where everything is now (default: the keychain that is in use)." placeholder:"NAME"`
	PassphraseCommand string `help:"With --to=file: a command that prints its passphrase." placeholder:"COMMAND"`
}

// Run moves all that the keychain holds.
func (c *Move) Run(r *process.Resolver, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), accesskey.Timeout)
	defer cancel()
	moved, err := aloneMoving(ctx, r.Sessions.Dir)
	if err != nil {
		return err
	}
	defer moved()
	file, err := r.Accounts.File()
	if err != nil {
		return err
	}
	used := keychainInUse(file)
	if err := c.check(used.Backend); err != nil {
		return err
	}
	choice := accounts.Keychain{Backend: c.To, PassphraseCommand: c.PassphraseCommand}
	inUse := used.Backend == c.To
	if inUse && c.PassphraseCommand == "" {
		choice = used
	}
	in := func(k accounts.Keychain) *cache.Keychain {
		return r.Sessions.Keychain.In(k.Backend, passphrase.Of(r.MFA.Asker, func() string { return k.PassphraseCommand }, passphrase.Chosen))
	}
	from, to := in(c.source(used)), in(choice)
	source := r.In(from)
	release, err := c.lockKeys(ctx, source)
	if err != nil {
		return err
	}
	defer release()

	if err := to.Probe(ctx); err != nil { // also when there is nothing to move
		return c.notMoved(err)
	}
	copied, err := cache.Copy(ctx, from, to, inUse)
	if err != nil {
		return c.notMoved(err)
	}
	changed, err := r.Accounts.Change(ctx, func(old []byte) ([]byte, error) {
		if now, err := accounts.Parse(file.Path, old); err != nil || keychainInUse(now) != used {
			return nil, cmp.Or(err, hint.ChangedMeanwhile(file.Path, "keychain move --to="+c.To))
		}
		return accounts.SetKeychain(file.Path, old, choice)
	})
	if err != nil {
		return fmt.Errorf("nothing was deleted: %w", err)
	}
	if changed {
		fmt.Fprintf(stdout, "%s: the keychain is %s now\n", tui.Tilde(file.Path), c.To)
	}
	if err := copied.RemoveFrom(ctx, from, to); err != nil {
		return hint.New(fmt.Errorf("everything is in %s, but not all of it could be deleted from %s: %w", c.To, c.From, err),
			"`aws-accounts keychain move --from=%s --to=%s` tries that again", c.From, c.To)
	}
	keys, sessions, signIns := copied.Count()
	fmt.Fprintf(stdout, "moved from %s to %s: %s, %s, %s\n", c.From, c.To, tui.Count(keys, "access key"), tui.Count(sessions, "session"), tui.Count(signIns, "sign-in"))
	return nil
}

// aloneMoving lets one process move at a time: two that move in opposite directions could each delete what the other has just
// found in its place.
func aloneMoving(ctx context.Context, locks string) (release func(), err error) {
	waiting, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	release, err = lock.Acquire(waiting, locks, "_keychain-move")
	if waiting.Err() != nil {
		return nil, hint.New(errors.New("another `aws-accounts keychain move` is at work"), "wait for it to end, then try again")
	}
	return release, hint.New(err, "set XDG_STATE_HOME to a folder that can be written")
}

// check finds what can't be meant. It fills in From.
func (c *Move) check(used string) error {
	if c.From == "" {
		c.From = used
	}
	for _, name := range []string{c.From, c.To} {
		if !slices.Contains(accounts.Backends(), name) {
			return hint.Usage(fmt.Errorf("there is no keychain %q", name), "choose one of %s", strings.Join(accounts.Backends(), ", "))
		}
	}
	switch chosen := os.Getenv("AWS_ACCOUNTS_KEYCHAIN"); {
	case chosen != "" && chosen != c.To:
		return hint.New(fmt.Errorf("AWS_ACCOUNTS_KEYCHAIN=%s is set, and overrides the accounts file: nothing would look into %s", chosen, c.To),
			"take it out of your shell's files and of the environment (`unset AWS_ACCOUNTS_KEYCHAIN`), then `aws-accounts keychain move --from=%s --to=%s`", chosen, c.To)
	case c.From == c.To:
		return hint.Usage(fmt.Errorf("the keychain is %s already", c.To), "--from names another one, to carry what is left there")
	case c.PassphraseCommand != "" && c.To != "file":
		return hint.Usage(errors.New("--passphrase-command is for the keychain file"), "use --to=file")
	}
	return nil
}

func keychainInUse(file *accounts.File) accounts.Keychain {
	if file.Keychain == nil {
		return accounts.Keychain{Backend: item.PlatformKeychain(runtime.GOOS)}
	}
	return *file.Keychain
}

// source is the keychain to move from: with its passphrase_command, if it is the one that the accounts file names.
func (c *Move) source(used accounts.Keychain) accounts.Keychain {
	if used.Backend == c.From {
		return used
	}
	return accounts.Keychain{Backend: c.From}
}

// Lock keeps `keys` away from every access key that moves: one that is stored in the meantime may be its only copy. Of
// the rest, RemoveFrom notices what has been renewed.
func (c *Move) lockKeys(ctx context.Context, source *process.Resolver) (release func(), err error) {
	names, err := source.Sessions.Keychain.KeysAccounts(ctx)
	if errors.Is(err, cache.ErrUnavailable) {
		return nil, hint.New(fmt.Errorf("nothing was moved: %w", err), "to begin anew without what is in %s: `aws-accounts init --keychain=%s`", c.From, c.To)
	}
	if err != nil {
		return nil, c.notMoved(err)
	}
	if len(names) > 0 && c.To == "keyctl" {
		return nil, hint.New(fmt.Errorf("the keychain keyctl forgets everything at logout: it is no place for the access key of %s", names[0]),
			"choose another keychain, or `aws-accounts keys remove %s`", names[0])
	}
	release = func() {}
	for _, name := range names {
		one, err := accesskey.Lock(ctx, source, name)
		if err != nil {
			release()
			return nil, err
		}
		others := release
		release = func() { one(); others() }
	}
	return release, nil
}

func (c *Move) notMoved(err error) error {
	if errors.Is(err, cache.ErrOtherKey) {
		return hint.New(fmt.Errorf("%s has an access key of its own, which is not overwritten: %w", c.To, err),
			"look at both with `AWS_ACCOUNTS_KEYCHAIN=%s aws-accounts keys list`; `aws-accounts keys remove NAME` forgets one", c.To)
	}
	next := hint.Of(err)
	if next == "" || errors.Is(err, cache.ErrUnavailable) {
		next = "everything is in " + c.From + " as before; `aws-accounts doctor` looks at the keychain"
	}
	return hint.New(fmt.Errorf("nothing was moved: %w", err), "%s", next)
}
