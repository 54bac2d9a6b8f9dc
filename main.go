// Command aws-accounts hands out credentials for AWS accounts by name. SDKs start it through credential_process; it
// answers from the OS keychain, or assumes the account's role and keeps the session there.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/alecthomas/kong"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/place"
	"aws-accounts/process"
)

type grammar struct {
	AccountsFile string `help:"The accounts file (default: ~/.config/aws-accounts/accounts.json)." env:"AWS_ACCOUNTS_FILE" placeholder:"FILE"`
	NoInput      bool   `help:"Never ask anything: fail instead."`
	Debug        bool   `help:"Say on stderr what is done. Never shows a secret."`

	person bool // the command is one that people type, not one that programs start

	List     accounts.List       `cmd:"" firstuse:"" help:"Show the accounts and how long their sessions last."`
	Whoami   process.Whoami      `cmd:"" firstuse:"" help:"Show whom the current credentials, or an account's, belong to."`
	Assume   process.Assume      `cmd:"" firstuse:"" help:"Get a session now and say how to use it."`
	Exec     process.Exec        `cmd:"" firstuse:"" help:"Run a command with an account's credentials."`
	Env      process.Env         `cmd:"" help:"Write an account's credentials as variables for a shell."`
	Console  process.Console     `cmd:"" firstuse:"" help:"Open the web console, signed in to an account."`
	Serve    process.Serve       `cmd:"" help:"Serve an account's credentials to IDEs and containers, on this machine alone."`
	Setup    accounts.Setup      `cmd:"" firstuse:"" help:"Write the [profile …] stanzas into ~/.aws/config."`
	Validate accounts.Validate   `cmd:"" firstuse:"" help:"Check the accounts file."`
	Keys     process.Keys        `cmd:"" help:"Long-term access keys in the keychain."`
	SSO      process.SSOCommands `cmd:"" name:"sso" help:"Identity Center: sign in and out."`
	Clear    cache.Clear         `cmd:"" help:"Forget sessions."`
	Log      process.LogCommand  `cmd:"" help:"Show the attempts to obtain credentials."`
	Process  process.Command     `cmd:"" help:"Write an account's credentials as JSON, for credential_process."`
	Version  versionCommand      `cmd:"" help:"Show the version."`
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole program but for its exit. It returns the exit status: 0, 1 for a failure, 2 for wrong usage.
func run(args []string, stdout, stderr io.Writer) int {
	var g grammar
	exit := -1
	parser := kong.Must(&g, append(dependencies(&g),
		kong.Name("aws-accounts"),
		kong.Description("AWS credentials by account name, for every SDK, from the OS keychain."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(status int) { exit = status }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(stdout, (*io.Writer)(nil)),
	)...)
	command, err := parser.Parse(args)
	if exit >= 0 { // --help has answered
		return exit
	}
	if err != nil {
		return fail(stderr, hint.New(err, "`aws-accounts --help` shows how"), 2)
	}
	if g.Debug {
		slog.SetDefault(slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelDebug})))
	}
	g.person = command.Selected().Name != "process"
	if command.Selected().Tag.Has("firstuse") {
		if _, err := command.Call(func(r *accounts.Reader) error { return firstUse(r, stderr) }); err != nil {
			return fail(stderr, err, 1)
		}
	}
	if err := command.Run(); err != nil {
		status := 1
		if exit, ok := errors.AsType[*process.ExitStatus](err); ok {
			if status = exit.Status; exit.Cause == nil { // the command that it ran has said what there is to say
				return status
			}
		}
		return fail(stderr, err, status)
	}
	return 0
}

func fail(stderr io.Writer, err error, status int) int {
	fmt.Fprintf(stderr, "aws-accounts: %s\n", err)
	if h := hint.Of(err); h != "" {
		fmt.Fprintf(stderr, "hint: %s\n", h)
	}
	return status
}

// dependencies are made when the first command asks for them.
func dependencies(g *grammar) []kong.Option {
	reader := sync.OnceValues(func() (*accounts.Reader, error) { return newReader(g) })
	log := sync.OnceValue(newAccessLog)
	sessions := sync.OnceValues(func() (*cache.Sessions, error) {
		r, err := reader()
		if err != nil {
			return nil, err
		}
		return newSessions(g, r, log())
	})
	return []kong.Option{
		kong.BindToProvider(reader),
		kong.BindToProvider(func() (*process.AccessLog, error) { return log(), nil }),
		kong.BindToProvider(sessions),
		kong.BindToProvider(func() (*process.Resolver, error) {
			s, err := sessions()
			if err != nil {
				return nil, err
			}
			r, err := reader()
			asker := newAsker(g)
			mfa := &process.MFA{Asker: asker, Dir: inState("locks"), Now: time.Now}
			sso := &process.SSO{Asker: asker, Unattended: g.NoInput || inCI()}
			return &process.Resolver{Accounts: r, Sessions: s, Log: log(), MFA: mfa, SSO: sso}, err
		}),
		kong.BindToProvider(func() (accounts.States, error) {
			s, err := sessions()
			if err != nil {
				return nil, err
			}
			return func(names []string) (map[string]time.Time, error) { return s.States(context.Background(), names) }, nil
		}),
		kong.BindToProvider(func() (*accounts.Program, error) { return newProgram(g) }),
	}
}

func newReader(g *grammar) (*accounts.Reader, error) {
	path := g.AccountsFile
	if path == "" {
		var err error
		if path, err = place.AccountsFile(); err != nil {
			return nil, err
		}
	}
	return accounts.NewReader(path, inState("accounts-file.json")), nil
}

func newAccessLog() *process.AccessLog {
	return &process.AccessLog{Path: inState("access_log.jsonl"), Caller: process.Caller, Now: time.Now}
}

func newSessions(g *grammar, reader *accounts.Reader, log *process.AccessLog) (*cache.Sessions, error) {
	backend := os.Getenv("AWS_ACCOUNTS_KEYCHAIN")
	if backend == "" {
		var err error
		if backend, err = reader.Backend(); err != nil {
			return nil, err
		}
	}
	return &cache.Sessions{
		Keychain: cache.OpenKeychain(cache.KeychainConfig{
			Backend:    backend,
			Dir:        inState("keychain"),
			Passphrase: func(ctx context.Context) (string, error) { return passphrase(ctx, g, reader) },
			Unlock:     g.person && !g.NoInput,
		}),
		Dir:    inState("locks"),
		Now:    time.Now,
		Report: log.Trouble,
	}, nil
}

// inCI reports whether a pipeline started us, as all of them say: nobody looks at its desktop or terminal.
func inCI() bool {
	ci, err := strconv.ParseBool(os.Getenv("CI"))
	return ci || err != nil && os.Getenv("CI") != ""
}

// inState returns the path of one of our own files, "" if there is no place for them: all of them can be done without.
func inState(name string) string {
	state, err := place.State()
	if err != nil {
		slog.Debug("no place for locks and log", "error", err)
		return ""
	}
	return filepath.Join(state, name)
}

// passphrase is the file keychain's: from the environment, from the command that the accounts file names, or asked for.
func passphrase(ctx context.Context, g *grammar, reader *accounts.Reader) (string, error) {
	if p := os.Getenv("AWS_ACCOUNTS_KEYCHAIN_PASSPHRASE"); p != "" {
		return p, nil
	}
	if file, err := reader.File(); err == nil && file.Keychain != nil && file.Keychain.PassphraseCommand != "" {
		p, err := newAsker(g).Command(ctx, file.Keychain.PassphraseCommand)
		if err != nil {
			err = fmt.Errorf("the passphrase_command failed: %w", err)
		}
		return p, err
	}
	p, err := newAsker(g).Secret(ctx, "Passphrase of the keychain")
	return p, hint.New(err, "set AWS_ACCOUNTS_KEYCHAIN_PASSPHRASE, or \"passphrase_command\" in the accounts file")
}

func newAsker(g *grammar) *ask.Asker {
	return &ask.Asker{Never: g.NoInput, Locks: inState("locks")}
}

// newProgram finds how a stanza should start us: by the path that the user started us by, as that of a package manager's
// link outlives an upgrade, unless that is not this program.
func newProgram(g *grammar) (*accounts.Program, error) {
	running, err := os.Executable()
	if err != nil {
		return nil, err
	}
	path := running
	if called, err := exec.LookPath(os.Args[0]); err == nil {
		if called, err = filepath.Abs(called); err == nil && sameFile(called, running) {
			path = called
		}
	}
	program := &accounts.Program{Path: path, Args: []string{"process"}}
	if g.AccountsFile != "" {
		file, err := filepath.Abs(g.AccountsFile)
		if err != nil {
			return nil, err
		}
		program.Args = append(program.Args, "--accounts-file="+file)
	}
	return program, nil
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// firstUse makes the accounts file for a person who has none yet, with the account that the current credentials belong to.
func firstUse(reader *accounts.Reader, stderr io.Writer) error {
	if _, err := os.Lstat(reader.Path); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	var base *accounts.Account
	if id, err := process.Current(ctx); err == nil {
		base = &accounts.Account{Name: "main", AccountID: id, Description: "Main AWS Account"}
	}
	if err := accounts.Create(reader.Path, base); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	with := "no account, as AWS didn't say who you are"
	if base != nil {
		with = "your account " + base.AccountID + " as `main`"
	}
	fmt.Fprintf(stderr, "created %s with %s\nnext: add your other accounts to it, then run `aws-accounts setup`\n\n", reader.Path, with)
	return nil
}

type versionCommand struct{}

func (versionCommand) Run(stdout io.Writer) error {
	version := "(unknown)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	_, err := fmt.Fprintf(stdout, "aws-accounts %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
