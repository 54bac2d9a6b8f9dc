// Package wire makes what commands work with, each when the first command asks for it. Making one touches nothing yet: no file,
// no keychain, no network.
package wire

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"aws-accounts/accounts"
	"aws-accounts/accounts/version"
	"aws-accounts/cache"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/passphrase"
	"aws-accounts/internal/place"
	"aws-accounts/internal/stanza"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
	"aws-accounts/process/protocol"
)

// Flags are those that every command has, and what main knows besides.
type Flags struct {
	AccountsFile string `help:"The accounts file (default: ~/.config/aws-accounts/accounts.json)." env:"AWS_ACCOUNTS_FILE" placeholder:"FILE"`
	NoInput      bool   `help:"Never ask anything: fail instead."`
	Debug        bool   `help:"Say on stderr what is done. Never shows a secret."`

	Person bool   `kong:"-"` // the command is one that people type, not one that programs start
	Called string `kong:"-"` // how the program was called: the path, or what PATH finds
}

// Given are the flags of the command line without which a command in a hint would be about another accounts file.
func (f *Flags) Given() hint.Flags { return hint.AccountsFile(f.AccountsFile) }

// Dependencies makes each of them once, as the flags say when it is first asked for.
type Dependencies struct {
	Reader   func() (*accounts.Reader, error)
	Resolver func() (*process.Resolver, error)
	flags    *Flags
}

// New returns what makes them for the flags.
func New(f *Flags) *Dependencies {
	place.Passwd = func() (string, error) {
		u, err := user.Current()
		if err != nil {
			return "", err
		}
		return u.HomeDir, nil
	}
	d := &Dependencies{flags: f}
	d.Reader = sync.OnceValues(d.reader)
	d.Resolver = sync.OnceValues(d.resolver)
	return d
}

func (d *Dependencies) reader() (*accounts.Reader, error) {
	path, err := place.AccountsFile(d.flags.AccountsFile)
	if err != nil {
		return nil, err
	}
	if _, err := place.State(); err != nil && d.flags.Person {
		tui.Sayf(os.Stderr, "warning: neither locks nor log nor file keychain: %s; hint: %s", err, hint.Of(err))
	}
	reader := accounts.NewReader(path, pathOrEmpty(place.LocksOf(path)))
	reader.Report = func(err error, grave bool) {
		if log, _ := d.Log(); grave {
			log.Trouble("", err)
		}
		if d.flags.Person {
			tui.Sayf(os.Stderr, "warning: %s; hint: %s", err, hint.Of(err))
		}
	}
	return reader, nil
}

// Log is the access log.
func (d *Dependencies) Log() (*process.AccessLog, error) {
	return &process.AccessLog{Path: pathOrEmpty(place.AccessLog()), Caller: process.Caller, Now: time.Now}, nil
}

// Asker reaches whoever is at the terminal or the desktop.
func (d *Dependencies) Asker() (*ask.Asker, error) {
	return &ask.Asker{Never: d.flags.NoInput, Locks: pathOrEmpty(place.Locks())}, nil
}

// Program is how a profile starts us.
func (d *Dependencies) Program() (*stanza.Program, error) {
	return stanza.ThisProgram(d.flags.Called, d.flags.AccountsFile)
}

func (d *Dependencies) resolver() (*process.Resolver, error) {
	reader, err := d.Reader()
	if err != nil {
		return nil, err
	}
	log, _ := d.Log()
	asker, _ := d.Asker()
	return &process.Resolver{
		Accounts: reader,
		Sessions: d.sessions(reader, asker, log),
		Log:      log,
		MFA:      &process.MFA{Asker: asker, Dir: pathOrEmpty(place.Locks()), Now: time.Now},
		SSO:      &process.SSO{Asker: asker, Unattended: d.flags.NoInput || inCI()},
	}, nil
}

// sessions are the accounts file's own in the keychain that it chooses.
func (d *Dependencies) sessions(reader *accounts.Reader, asker *ask.Asker, log *process.AccessLog) *cache.Sessions {
	own := pathOrEmpty(place.LocksOf(reader.Path))
	s := &cache.Sessions{Variant: protocol.Variant(), Dir: own, Now: time.Now, Report: log.Trouble}
	if d.flags.Person && tui.ScreenOf(os.Stderr).Width > 0 {
		s.Waiting = func(account string) {
			tui.Say(os.Stderr, "waiting for another process that gets the session of "+account+", and may be asking something")
		}
	}
	s.Keychain = cache.OpenKeychain(cache.KeychainConfig{
		Choose: func() (string, error) {
			backend := os.Getenv("AWS_ACCOUNTS_KEYCHAIN")
			if backend != "" && !slices.Contains(accounts.Backends(), backend) {
				return "", hint.New(fmt.Errorf("AWS_ACCOUNTS_KEYCHAIN: there is no keychain %s", tui.Quote(backend)),
					"`unset AWS_ACCOUNTS_KEYCHAIN`, or set it to one of %s", strings.Join(accounts.Backends(), ", "))
			}
			if backend == "" {
				var err error
				if backend, err = reader.Backend(); err != nil {
					return "", err
				}
			}
			slog.Debug("files", "accounts", reader.Path, "keychain", backend, "locks", own)
			d.follow(reader, s, backend)
			return backend, nil
		},
		Owner:      place.Owner(reader.Path),
		Dir:        pathOrEmpty(place.FileKeychain()),
		Notes:      own,
		Passphrase: passphrase.Of(asker, reader.PassphraseCommand, passphrase.InUse),
		Unlock:     d.flags.Person && !d.flags.NoInput,
	})
	return s
}

// follow has the keychain's items go with an accounts file that was moved or renamed: to us they belong to it. Where they can't,
// as the keychain is locked, the next call tries again.
func (d *Dependencies) follow(reader *accounts.Reader, s *cache.Sessions, backend string) {
	old := reader.MovedFrom()
	if old == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), followTime)
	defer cancel()
	asker, _ := d.Asker()
	moved, err := s.Keychain.In(backend, passphrase.Of(asker, reader.PassphraseCommand, passphrase.InUse)).Adopt(ctx, place.Owner(old))
	if errors.Is(err, cache.ErrOtherKey) { // and that stays so
		version.Moved(old)
	}
	what := fmt.Errorf("warning: %s was moved to %s, and what is in the keychain still belongs to the old place: %w", old, reader.Path, err)
	if err == nil {
		version.Moved(old)
		keys, sessions, signIns := moved.Count()
		what = fmt.Errorf("note: %s was moved to %s: its %d access keys, %d sessions and %d sign-ins in the keychain belong to that now",
			old, reader.Path, keys, sessions, signIns)
	}
	s.Report("", what)
	if d.flags.Person {
		tui.Say(os.Stderr, what.Error())
		if step := hint.Of(err); step != "" {
			tui.Say(os.Stderr, "hint: "+step)
		}
	}
}

const followTime = 10 * time.Second

// inCI reports whether a pipeline started us, as all of them say: nobody looks at its desktop or terminal.
func inCI() bool {
	ci, err := strconv.ParseBool(os.Getenv("CI"))
	return ci || err != nil && os.Getenv("CI") != ""
}

// pathOrEmpty returns the path of one of our own files, "" if there is no place for them: all of them can be done without.
func pathOrEmpty(path string, err error) string {
	if err != nil {
		slog.Debug("no place for locks and log", "error", err)
		return ""
	}
	return path
}
