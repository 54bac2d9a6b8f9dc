// Command aws-accounts hands out credentials for AWS accounts by name. SDKs start it through credential_process; it
// answers from the OS keychain, or assumes the account's role and keeps the session there.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"aws-accounts/accounts"
	"aws-accounts/internal/command/doctor"
	"aws-accounts/internal/command/keys"
	"aws-accounts/internal/command/log"
	"aws-accounts/internal/command/role"
	"aws-accounts/internal/command/session"
	"aws-accounts/internal/command/setup"
	"aws-accounts/internal/command/signin"
	"aws-accounts/internal/command/sync"
	"aws-accounts/internal/completion"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/private"
	"aws-accounts/internal/tui"
	"aws-accounts/internal/usage"
	"aws-accounts/internal/wire"
	"aws-accounts/process"
	"aws-accounts/process/warm"
)

type grammar struct {
	wire.Flags
	ShowVersion kong.VersionFlag `name:"version" hidden:""` // beside the command, which --help shows

	Init       setup.Init          `cmd:"" help:"Begin: take over what is in ~/.aws, and move plaintext keys into the keychain."`
	List       setup.List          `cmd:"" firstuse:"named" help:"Show the accounts and how long their sessions last."`
	Whoami     session.Whoami      `cmd:"" firstuse:"" help:"Show whom the current credentials, or an account's, belong to."`
	Assume     session.Assume      `cmd:"" firstuse:"" help:"Get a session now and say how to use it."`
	Exec       session.Exec        `cmd:"" firstuse:"" help:"Run a command with an account's credentials."`
	Env        session.Env         `cmd:"" help:"Write an account's credentials as variables for a shell."`
	Console    session.Console     `cmd:"" firstuse:"" help:"Open the web console, signed in to an account."`
	Serve      session.Serve       `cmd:"" help:"Serve an account's credentials to IDEs and containers, on this machine alone."`
	Add        setup.Add           `cmd:"" firstuse:"named" help:"Add an account to the accounts file."`
	Edit       setup.Edit          `cmd:"" firstuse:"" help:"Change an account, or the accounts file in an editor."`
	Remove     setup.Remove        `cmd:"" help:"Take accounts out, with their profiles and sessions."`
	Setup      setup.Setup         `cmd:"" firstuse:"" help:"Write the accounts' profiles into ~/.aws/config."`
	Sync       sync.Command        `cmd:"" help:"Fill the accounts file from AWS Organizations or Identity Center, or fetch a team's."`
	Validate   setup.Validate      `cmd:"" help:"Check the accounts file."`
	Schema     setup.Schema        `cmd:"" help:"Show the JSON Schema of the accounts file, for editors."`
	Keys       keys.Command        `cmd:"" help:"Long-term access keys in the keychain."`
	Keychain   keys.Keychain       `cmd:"" help:"Move to another keychain."`
	SSO        signin.Command      `cmd:"" name:"sso" help:"Identity Center: sign in and out."`
	Role       role.Command        `cmd:"" help:"The IAM roles that accounts are entered through: make, show, delete."`
	Status     session.Status      `cmd:"" help:"Show the account in use and its time left, for a prompt."`
	Doctor     doctor.Command      `cmd:"" help:"Check the whole way from a profile to AWS, and say what to do."`
	Clear      session.Clear       `cmd:"" help:"Forget sessions."`
	Log        log.Command         `cmd:"" help:"Show the attempts to obtain credentials."`
	Process    process.Command     `cmd:"" help:"Write an account's credentials as JSON, for credential_process."`
	Completion completion.Command  `cmd:"" help:"Show the script that lets a shell complete commands and accounts."`
	Complete   completion.Complete `cmd:"" hidden:""`
	Version    versionCommand      `cmd:"" help:"Show the version."`
}

func main() {
	private.Process()
	out := &output{file: os.Stdout}
	status := run(os.Args[1:], out, os.Stderr)
	if status == 0 && out.err != nil {
		status = fail(os.Stderr, fmt.Errorf("writing the output: %w", out.err), "", 1)
	}
	os.Exit(status)
}

// output remembers that a write has failed, as on a full disk: half an output is no success, whoever wrote it.
type output struct {
	file *os.File
	err  error
}

// Fd is for who asks whether it is a terminal.
func (o *output) Fd() uintptr { return o.file.Fd() }

func (o *output) Write(p []byte) (int, error) {
	n, err := o.file.Write(p)
	if err != nil && o.err == nil {
		o.err = err
	}
	return n, err
}

// run is the whole program but for its exit. It returns the exit status: 0, 1 for a failure, 2 for wrong usage.
func run(args []string, stdout, stderr io.Writer) int {
	var g grammar
	g.Called = os.Args[0]
	deps := wire.New(&g.Flags)
	if name, file, ok := warm.Called(args); ok { // kong and its grammar would cost each of these calls a millisecond
		g.AccountsFile = file
		resolver, err := deps.Resolver()
		if err == nil {
			err = (&process.Command{Name: name}).Run(resolver, stdout)
		}
		return exitStatus(stderr, err, g.Given())
	}

	exit := -1
	parser := kong.Must(&g,
		kong.Name("aws-accounts"),
		kong.Description("AWS credentials by account name, for every SDK, from the OS keychain."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(status int) { exit = status }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: tui.ScreenOf(stdout).Width}),
		kong.Vars{"version": version()},
		kong.PostBuild(explain),
		kong.BindTo(stdout, (*io.Writer)(nil)),
		kong.Bind(tui.Stderr{Writer: stderr}),
		kong.BindToProvider(deps.Reader),
		kong.BindToProvider(deps.Resolver),
		kong.BindToProvider(deps.Program),
		kong.BindToProvider(deps.Asker),
		kong.BindToProvider(deps.Log),
	)
	command, err := parser.Parse(usage.Meant(args))
	if exit >= 0 { // --help has answered
		return exit
	}
	if err != nil {
		return fail(stderr, usage.Explain(err, func(prefix string) []string {
			reader, err := deps.Reader()
			if err != nil {
				return nil
			}
			return reader.Names(prefix)
		}), g.Given(), 2)
	}
	if g.Debug {
		slog.SetDefault(slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelDebug})))
	}
	switch command.Selected().Name {
	case "process":
	case "status": // a prompt waits for nobody
		g.NoInput = true
	default:
		g.Person = true
	}
	if tag := command.Selected().Tag; tag.Has("firstuse") && (g.Given() == "" || tag.Get("firstuse") == "named") {
		reader, err := deps.Reader()
		if err == nil {
			err = firstUse(reader, stderr)
		}
		if err != nil {
			return fail(stderr, err, g.Given(), 1)
		}
	}
	return exitStatus(stderr, command.Run(), g.Given())
}

// help is what --help says of a command besides its flags, a section for each: why, and examples.
//
//go:embed internal/command/help.txt
var help string

// explain gives each command its section of help.
func explain(program *kong.Kong) error {
	sections := map[string]string{}
	for section := range strings.SplitSeq("\n"+help, "\n# ") {
		name, text, _ := strings.Cut(section, "\n")
		sections[name] = strings.TrimRight(text, "\n")
	}
	for _, command := range program.Model.Leaves(false) {
		if text := sections[command.Path()]; text != "" {
			command.Detail = text
		}
	}
	return nil
}

func exitStatus(stderr io.Writer, err error, flags hint.Flags) int {
	if err == nil {
		return 0
	}
	status := 1
	if hint.IsUsage(err) {
		status = 2
	}
	if exit, ok := errors.AsType[*hint.ExitStatus](err); ok {
		if status = exit.Status; exit.Cause == nil { // the command that it ran has said what there is to say
			return status
		}
	}
	return fail(stderr, err, flags, status)
}

func fail(stderr io.Writer, err error, flags hint.Flags, status int) int {
	tui.Fail(stderr, err, flags)
	return status
}

// firstUse makes the accounts file for a person who has none yet, with the account that the current credentials belong to.
// One that --accounts-file names is made by commands tagged firstuse:"named" alone: for all others it is a slip of the pen.
func firstUse(reader *accounts.Reader, stderr io.Writer) error {
	if _, err := os.Lstat(reader.Path); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	var base *accounts.Account
	id, unknown := process.Current(ctx)
	if unknown == nil {
		base = &accounts.Account{Name: "main", AccountID: id, Description: "Main AWS Account"}
		if p := process.ProfileInUse(); p != "" && p != accounts.DefaultProfile {
			base.Credentials = &accounts.Credentials{Profile: p} // it may be in another account than the default one
		}
	}
	if err := accounts.Create(reader.Path, base); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	with := "your account " + id + " as `main`"
	if unknown != nil {
		with = "no account: " + unknown.Error()
	}
	tui.Sayf(stderr, "created %s with %s\nnext: `aws-accounts init` takes over what is in ~/.aws; `aws-accounts add` adds an account\n", reader.Path, with)
	return nil
}

type versionCommand struct{}

func (versionCommand) Run(stdout io.Writer) error {
	_, err := fmt.Fprintln(stdout, version())
	return err
}

func version() string {
	built := "(unknown)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		built = info.Main.Version
	}
	return fmt.Sprintf("aws-accounts %s %s %s/%s", built, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
