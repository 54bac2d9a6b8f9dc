package session

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"aws-accounts/accounts"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/private"
	"aws-accounts/internal/route"
	"aws-accounts/process"
)

// Exec is `aws-accounts exec NAME -- CMD…`: a command with exactly this account's credentials in its environment.
type Exec struct {
	Server    bool   `help:"Let the command fetch its credentials here, so that it can run longer than a session lasts."`
	Name      string `arg:"" optional:"" help:"The account; without it, you choose."`
	byProfile `embed:""`
	Command   []string `arg:"" optional:"" passthrough:"" name:"command" help:"The command and its arguments, after --."`
}

// Exit statuses as shells and env(1) have them.
const (
	exitNotExecutable = 126
	exitNotFound      = 127
	exitSignal        = 128 // and the signal's number
)

// Run looks for the command first: nobody should type an MFA code for a slip of the pen.
func (c *Exec) Run(ctx *kong.Context, r *process.Resolver) error {
	name, argv := c.split(ctx.Args)
	if len(argv) == 0 || argv[0] == "" {
		return hint.Usage(errors.New("which command?"), "`aws-accounts exec %s -- COMMAND`", cmp.Or(name, "NAME"))
	}
	path, err := findCommand(argv[0])
	if err != nil {
		return err
	}
	session, err := open(r, name, c.byProfile)
	if err != nil {
		return err
	}
	if c.Server {
		return c.serve(session, path, argv)
	}
	environment := childEnvironment(os.Environ(), append(session.variables(), credentialVariables(session.first)...))
	return replace(path, argv, environment)
}

// split tells the account's name from the command: what comes behind -- is all of it the command, the first word too, which
// kong takes for the name if there is no other.
func (c *Exec) split(args []string) (name string, argv []string) {
	dashes := slices.Index(args, "--")
	if dashes >= 0 && len(args)-dashes-1 == 1+len(c.Command) {
		return "", args[dashes+1:]
	}
	if c.Profile != "" && c.Name != "" { // --profile has named the account
		return "", append([]string{c.Name}, c.Command...)
	}
	if len(c.Command) > 0 && c.Command[0] == "--" { // kong leaves it to whoever passes arguments on
		return c.Name, c.Command[1:]
	}
	return c.Name, c.Command
}

// serve runs the command beside the endpoint that it fetches its credentials from.
func (c *Exec) serve(session *session, path string, argv []string) error {
	e, err := newEndpoint(session, 0, "", false)
	if err != nil {
		return err
	}
	defer e.Close()
	variables := append(session.variables(), e.variables()...)
	if session.region == "" && os.Getenv("AWS_REGION") == "" && os.Getenv("AWS_DEFAULT_REGION") == "" {
		variables = append(variables, regionVariables(route.RegionOf(accounts.DefaultProfile))...)
	}
	// The SDKs ask the endpoint last of all: a default profile with credentials of its own would win.
	variables = append(variables, variable{"AWS_CONFIG_FILE", os.DevNull}, variable{"AWS_SHARED_CREDENTIALS_FILE", os.DevNull})
	return runChild(path, argv, childEnvironment(os.Environ(), variables))
}

func findCommand(name string) (string, error) {
	path, err := lookPath(name)
	if errors.Is(err, exec.ErrDot) { // in the current directory, by way of PATH: the user's PATH is the user's choice
		path, err = filepath.Abs(path)
	}
	switch {
	case err == nil:
		return path, nil
	case errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist):
		return "", &hint.ExitStatus{Status: exitNotFound, Cause: hint.New(fmt.Errorf("%s: command not found", name),
			"check its spelling and PATH; what only your shell knows (an alias, `cd`) needs `-- sh -c '…'`")}
	}
	return "", cannotStart(name, err)
}

func cannotStart(name string, err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err
	}
	if lookup, ok := errors.AsType[*exec.Error](err); ok {
		err = lookup.Err
	}
	return &hint.ExitStatus{Status: exitNotExecutable, Cause: hint.New(fmt.Errorf("%s: can't be started: %w", name, err),
		"check that it is a program that you may execute")}
}

// runChild runs a command with our own files, passes signals on to it, and returns its exit status as an ExitStatus.
func runChild(path string, argv, environment []string) error {
	cmd := &exec.Cmd{Path: path, Args: argv, Env: environment, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, slices.DeleteFunc(slices.Clone(passedOn), signal.Ignored)...) // as by nohup: what was ignored stays so
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return cannotStart(argv[0], err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			if !reachesChildren(s) {
				cmd.Process.Signal(s) // an error means that it has just ended
			}
		case err := <-ended:
			exit, ok := errors.AsType[*exec.ExitError](err)
			switch {
			case ok:
				return &hint.ExitStatus{Status: exitStatus(exit.ProcessState)}
			case err != nil:
				return cannotStart(argv[0], err)
			}
			return nil
		}
	}
}

type variable struct{ name, value string }

// given are the variables that this program sets, in `exec` and in `env`.
var given = []string{
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CREDENTIAL_EXPIRATION", "AWS_ACCOUNT_ID",
	"AWS_ACCOUNTS_NAME",
}

// conflictingVars are the variables that would have an SDK take other credentials than ours. What only says how to talk to AWS
// (AWS_CA_BUNDLE, AWS_ENDPOINT_URL_…, AWS_RETRY_MODE, AWS_PAGER, AWS_CONFIG_FILE) stays as it is, as does the region of
// whoever runs us where the account names none.
var conflictingVars = []string{
	"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SDK_LOAD_CONFIG", "AWS_CREDENTIAL_FILE",
	"AWS_SECURITY_TOKEN", "AWS_SESSION_EXPIRATION", // older names of SESSION_TOKEN and CREDENTIAL_EXPIRATION
	"AWS_ACCESS_KEY", "AWS_SECRET_KEY", "AMAZON_ACCESS_KEY_ID", "AMAZON_SECRET_ACCESS_KEY", "AMAZON_SESSION_TOKEN", // of Java and Ruby
	"AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE",
	"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
	"AWS_BEARER_TOKEN_BEDROCK",
}

// rivalPrefixes catch those that are still to come.
var rivalPrefixes = []string{"AWS_CONTAINER_", "AWS_BEARER_TOKEN_"}

func childEnvironment(parent []string, variables []variable) []string {
	unwanted := slices.Concat(given, conflictingVars, private.Variables)
	for _, v := range variables {
		unwanted = append(unwanted, v.name)
	}
	var environment []string
	for _, entry := range parent {
		name := variableName(entry)
		if slices.Contains(unwanted, name) || slices.ContainsFunc(rivalPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
			continue
		}
		environment = append(environment, entry)
	}
	for _, v := range variables {
		environment = append(environment, v.name+"="+v.value)
	}
	return environment
}

// variableName is an entry's name. On Windows case makes no difference, and names such as "=C:" begin with the sign.
func variableName(entry string) string {
	name := entry
	if i := strings.IndexByte(entry, '='); i > 0 {
		name = entry[:i]
	}
	if runtime.GOOS == "windows" {
		name = strings.ToUpper(name)
	}
	return name
}
