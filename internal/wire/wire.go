// Package wire makes the program's dependencies, each when the first command asks for it: most commands need few of them.
package wire

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"aws-accounts/accounts"
	"aws-accounts/accounts/version"
	"aws-accounts/cache"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/place"
	"aws-accounts/internal/private"
	"aws-accounts/internal/stanza"
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

// Dependencies has a provider for each dependency. A provider makes it once.
type Dependencies struct {
	Reader   func() (*accounts.Reader, error)
	Log      func() (*process.AccessLog, error)
	Sessions func() (*cache.Sessions, error)
	Resolver func() (*process.Resolver, error)
	States   func() (States, error)
	Program  func() (*stanza.Program, error)
	Asker    func() (*ask.Asker, error)
	Locks    func() (accounts.Locks, error)
	Forget   func() (stanza.Forget, error)
	Spelling func() (Spelling, error)
}

// New returns the dependencies as f asks for them. f is read when they are made.
func New(f *Flags) *Dependencies {
	place.Passwd = func() (string, error) {
		u, err := user.Current()
		if err != nil {
			return "", err
		}
		return u.HomeDir, nil
	}
	d := &Dependencies{}
	d.Reader = sync.OnceValues(func() (*accounts.Reader, error) { return newReader(f) })
	d.Log = sync.OnceValues(func() (*process.AccessLog, error) {
		return &process.AccessLog{Path: known(place.AccessLog()), Caller: process.Caller, Now: time.Now}, nil
	})
	d.Sessions = sync.OnceValues(func() (*cache.Sessions, error) {
		r, err := d.Reader()
		if err != nil {
			return nil, err
		}
		log, err := d.Log()
		if err != nil {
			return nil, err
		}
		return newSessions(f, r, log)
	})
	d.Resolver = sync.OnceValues(func() (*process.Resolver, error) {
		s, err := d.Sessions()
		if err != nil {
			return nil, err
		}
		r, err := d.Reader()
		if err != nil {
			return nil, err
		}
		log, err := d.Log()
		asker := newAsker(f)
		mfa := &process.MFA{Asker: asker, Dir: known(place.Locks()), Now: time.Now}
		sso := &process.SSO{Asker: asker, Unattended: f.NoInput || inCI()}
		return &process.Resolver{Accounts: r, Sessions: s, Log: log, MFA: mfa, SSO: sso}, err
	})
	d.States = func() (States, error) {
		s, err := d.Sessions()
		if err != nil {
			return nil, err
		}
		r, err := d.Reader()
		return func(names []string) (map[string]time.Time, error) {
			return s.States(context.Background(), names, process.HandedOut(r))
		}, err
	}
	d.Program = func() (*stanza.Program, error) { return newProgram(f) }
	d.Asker = func() (*ask.Asker, error) { return newAsker(f), nil }
	d.Locks = func() (accounts.Locks, error) { return accounts.Locks(known(place.Locks())), nil }
	d.Spelling = func() (Spelling, error) {
		r, err := d.Reader()
		return func(name string) (string, error) {
			file, broken := r.File()
			if broken != nil {
				return name, nil
			}
			a, err := file.Find(name)
			if err != nil {
				return name, err
			}
			return a.Name, nil
		}, err
	}
	d.Forget = func() (stanza.Forget, error) {
		s, err := d.Sessions()
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, names []string) error {
			_, err := s.Forget(ctx, names)
			return err
		}, nil
	}
	return d
}

func newReader(f *Flags) (*accounts.Reader, error) {
	path, err := place.AccountsFile(f.AccountsFile)
	if err != nil {
		return nil, err
	}
	return accounts.NewReader(path, known(place.LocksOf(path))), nil
}

func newSessions(f *Flags, reader *accounts.Reader, log *process.AccessLog) (*cache.Sessions, error) {
	backend := os.Getenv("AWS_ACCOUNTS_KEYCHAIN")
	if backend == "" {
		var err error
		if backend, err = reader.Backend(); err != nil {
			return nil, err
		}
	}
	slog.Debug("files", "accounts", reader.Path, "keychain", backend, "locks", known(place.Locks()))
	s := sessionsIn(f, reader, log, backend, func(ctx context.Context) (string, error) { return passphrase(ctx, f, reader) })
	follow(f, reader, s)
	return s, nil
}

// follow has the keychain's items go with an accounts file that was moved or renamed: to us they belong to it.
func follow(f *Flags, reader *accounts.Reader, s *cache.Sessions) {
	old := reader.MovedFrom(known(place.Locks()))
	if old == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), followTime)
	defer cancel()
	moved, err := s.Keychain.Adopt(ctx, place.Owner(old))
	if err != nil {
		s.Report("", fmt.Errorf("taking over what is in the keychain for %s, which is %s now: %w", old, reader.Path, err))
		return
	}
	version.Moved(old)
	keys, sessions, signIns := moved.Count()
	what := fmt.Sprintf("%s was moved to %s: its %d access keys, %d sessions and %d sign-ins in the keychain belong to that now", old, reader.Path, keys, sessions, signIns)
	s.Report("", errors.New(what))
	if f.Person {
		fmt.Fprintf(os.Stderr, "note: %s\n", what)
	}
}

const followTime = 10 * time.Second

// sessionsIn are the accounts file's own sessions in a keychain.
func sessionsIn(f *Flags, reader *accounts.Reader, log *process.AccessLog, backend string, passphrase func(context.Context) (string, error)) *cache.Sessions {
	own := known(place.LocksOf(reader.Path))
	return &cache.Sessions{
		Keychain: cache.OpenKeychain(cache.KeychainConfig{
			Backend:    backend,
			Owner:      place.Owner(reader.Path),
			Dir:        known(place.FileKeychain()),
			Notes:      own,
			Passphrase: passphrase,
			Unlock:     f.Person && !f.NoInput,
		}),
		Variant: protocol.Variant(),
		Dir:     own,
		Now:     time.Now,
		Report:  log.Trouble,
	}
}

// inCI reports whether a pipeline started us, as all of them say: nobody looks at its desktop or terminal.
func inCI() bool {
	ci, err := strconv.ParseBool(os.Getenv("CI"))
	return ci || err != nil && os.Getenv("CI") != ""
}

// known returns the path of one of our own files, "" if there is no place for them: all of them can be done without.
func known(path string, err error) string {
	if err != nil {
		slog.Debug("no place for locks and log", "error", err)
		return ""
	}
	return path
}

// passphrase is the file keychain's: from the environment, from the command that the accounts file names, or asked for.
func passphrase(ctx context.Context, f *Flags, reader *accounts.Reader) (string, error) {
	if p := os.Getenv(private.Passphrase); p != "" {
		return p, nil
	}
	if file, err := reader.File(); err == nil && file.Keychain != nil && file.Keychain.PassphraseCommand != "" {
		return commandPassphrase(ctx, f, file.Keychain.PassphraseCommand)
	}
	p, err := newAsker(f).Secret(ctx, "Passphrase of the keychain")
	return p, hint.New(err, "set AWS_ACCOUNTS_KEYCHAIN_PASSPHRASE, or \"passphrase_command\" in the accounts file")
}

func commandPassphrase(ctx context.Context, f *Flags, command string) (string, error) {
	p, err := newAsker(f).Command(ctx, command)
	if err != nil {
		err = fmt.Errorf("the passphrase_command failed: %w", err)
	}
	return p, err
}

func newAsker(f *Flags) *ask.Asker {
	return &ask.Asker{Never: f.NoInput, Locks: known(place.Locks())}
}

// newProgram finds how a stanza should start us: by the path that the user started us by, as that of a package manager's
// link outlives an upgrade, unless that is not this program.
func newProgram(f *Flags) (*stanza.Program, error) {
	running, err := os.Executable()
	if err != nil {
		return nil, err
	}
	path := running
	if called, err := exec.LookPath(f.Called); err == nil {
		if called, err = filepath.Abs(called); err == nil && sameFile(called, running) {
			path = called
		}
	}
	program := &stanza.Program{Path: sayable(path), Args: []string{"process"}}
	if f.AccountsFile != "" {
		file, err := filepath.Abs(place.Expand(f.AccountsFile))
		if err != nil {
			return nil, err
		}
		program.Args = append(program.Args, "--accounts-file="+sayable(file))
	}
	return program, nil
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}
