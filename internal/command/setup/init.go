package setup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"aws-accounts/accounts"
	"aws-accounts/cache/item"
	"aws-accounts/internal/accesskey"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/awsfiles"
	"aws-accounts/internal/dotaws"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/passphrase"
	"aws-accounts/internal/stanza"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// Init is `aws-accounts init`: from what is in ~/.aws to profiles that need no plaintext.
//
// All is found out and shown first. Then it is written in the order keychain, accounts file, AWS config, AWS credentials,
// each file as a whole: stopped anywhere, what worked before still works, and a second run goes on from there.
type Init struct {
	Yes               bool            `short:"y" help:"Answer every question with yes."`
	TakeOver          *bool           `negatable:"" help:"Take over the profiles of roles and of Identity Center in ~/.aws/config."`
	OneCode           *bool           `negatable:"" help:"Ask for one MFA code for all roles of an account, every 12 hours."`
	ImportKeys        *bool           `negatable:"" help:"Move the access keys in ~/.aws/credentials into the keychain."`
	Keychain          string          `help:"Which keychain to use (default: the platform's own)." placeholder:"NAME" enum:"secret-service,kwallet,keyctl,pass,file,keychain,wincred,"  default:""`
	PassphraseCommand string          `help:"With --keychain=file: a command that prints its passphrase." placeholder:"COMMAND"`
	Region            accounts.Region `help:"The region of accounts that have none." placeholder:"REGION"`
	DryRun            bool            `help:"Show what would be written, and write nothing."`
}

// Help is shown by `init -h`.
func (*Init) Help() string {
	return `Examples:
  aws-accounts init                    # shows all changes, and asks first
  aws-accounts init --dry-run --yes    # only shows them
  aws-accounts init --yes --no-import-keys --keychain=keyctl

It may be run again at any time: what is done already stays as it is.`
}

// Run is the whole of it.
func (c *Init) Run(r *process.Resolver, program *stanza.Program, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), accesskey.Timeout)
	defer cancel()
	plan := &beginning{Init: c, resolver: r, program: program, out: stdout, left: map[string]string{}}
	for _, step := range []func(context.Context) error{
		plan.read, plan.who, plan.chooseKeychain, plan.discover, plan.ask, plan.askRegion, plan.checkKeys, plan.askDevice, plan.draft, plan.confirm, plan.write,
	} {
		if err := step(ctx); err != nil {
			return err
		}
		if plan.over {
			return nil
		}
	}
	return nil
}

// beginning is one run of init: what is there, what the answers are, and what follows from both.
type beginning struct {
	*Init
	resolver *process.Resolver // with the keychain that is chosen, as soon as it is
	program  *stanza.Program
	out      io.Writer
	over     bool

	have                   *accounts.File
	theirs                 *dotaws.Files
	oldAccounts, oldConfig []byte // nil where there is no file
	identity               process.Identity
	nobody                 bool              // there are no credentials in use
	keychain               accounts.Keychain // the choice; an empty backend is the platform's own
	writeKeychain          bool
	found                  *accounts.Found
	left                   map[string]string // profile → why it stays as it is, to be read behind it
	take, importKeys       bool
	newAccounts, newConfig []byte
	report                 awsfiles.Report
	imports                []accounts.FoundAccount
}

func (b *beginning) read(context.Context) (err error) {
	if b.theirs, err = dotaws.ReadAll(); err != nil {
		return err
	}
	b.oldConfig = b.theirs.Data[awsfiles.Config]
	if b.have, err = b.resolver.Accounts.File(); errors.Is(err, fs.ErrNotExist) {
		b.have = (&accounts.File{Path: b.resolver.Accounts.Path}).Indexed()
		return nil
	}
	if err == nil {
		b.oldAccounts, err = os.ReadFile(b.resolver.Accounts.Path)
	}
	return err
}

// who asks AWS whom the credentials in use belong to. Without an answer everything else is still of use.
func (b *beginning) who(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	who, _, err := process.CurrentIdentity(ctx)
	if err != nil {
		if b.nobody = errors.Is(err, process.ErrNoneInUse); b.nobody {
			b.say("There are %s.", err)
			return nil
		}
		b.say("AWS doesn't say who you are: %s", err)
		return nil
	}
	b.identity = who
	b.say("You are %s, by %s.", who.ARN, b.inUse())
	return nil
}

func (b *beginning) inUse() string {
	if p := process.ProfileInUse(); p != "" {
		return "profile " + p
	}
	return "the keys in the environment"
}

// say writes lines for a person. Diffs and tables are written as they are.
func (b *beginning) say(format string, args ...any) { tui.Sayf(b.out, format, args...) }

// chooseKeychain takes the choice that was made already, else the platform's own, and tries it. Another one is only ever
// a person's choice.
func (b *beginning) chooseKeychain(ctx context.Context) error {
	own := item.PlatformKeychain(runtime.GOOS)
	switch chosen := os.Getenv("AWS_ACCOUNTS_KEYCHAIN"); {
	case chosen != "":
		// What is put there is to be found by programs that have no such variable, too.
		b.keychain = accounts.Keychain{Backend: chosen, PassphraseCommand: b.PassphraseCommand}
		b.writeKeychain = b.have.Keychain == nil && chosen != own || b.Init.Keychain == chosen
	case b.Init.Keychain != "":
		b.keychain = accounts.Keychain{Backend: b.Init.Keychain, PassphraseCommand: b.PassphraseCommand}
		b.writeKeychain = b.keychain.Backend != own || b.have.Keychain != nil
	case b.have.Keychain != nil:
		b.keychain = *b.have.Keychain
	}
	if b.PassphraseCommand != "" && b.keychain.Backend != "file" {
		return hint.Usage(errors.New("--passphrase-command is for the keychain file"), "add --keychain=file")
	}
	err := b.probe(ctx)
	if err == nil || b.keychain.Backend != "" {
		return err
	}

	b.say("The %s doesn't work here: %s", own, err)
	const another = "choose another: --keychain=file --passphrase-command=COMMAND (a file under a passphrase), --keychain=pass, or --keychain=keyctl (sessions only, gone at logout)"
	b.say("  file     encrypted files under a passphrase, which a command may print\n  pass     the password store (gpg)\n  keyctl   the kernel's: gone at logout, so for sessions only")
	for {
		answer, err := b.resolver.MFA.Asker.Optional(ctx, "Which keychain instead: file, pass or keyctl (Enter: file)")
		if b.DryRun && errors.Is(err, ask.ErrNobody) {
			b.say("It would ask which keychain to use instead.")
			return nil
		}
		if err != nil {
			return hint.New(fmt.Errorf("no keychain: %w", err), another)
		}
		if answer = strings.ToLower(cmp.Or(answer, "file")); !slices.Contains(accounts.Backends(), answer) {
			continue
		}
		b.keychain, b.writeKeychain = accounts.Keychain{Backend: answer}, true
		if answer == "file" {
			command, err := b.resolver.MFA.Asker.Optional(ctx, "A command that prints the passphrase (Enter: I type it myself)")
			if err != nil {
				return hint.New(err, another)
			}
			b.keychain.PassphraseCommand = command
		}
		if err := b.probe(ctx); err != nil {
			b.say("That doesn't work either: %s", err)
			continue
		}
		return nil
	}
}

// probe stores something, reads it back and removes it.
func (b *beginning) probe(ctx context.Context) error {
	asker, command := b.resolver.MFA.Asker, b.keychain.PassphraseCommand
	b.resolver = b.resolver.In(b.resolver.Sessions.Keychain.In(b.keychain.Backend, passphrase.Of(asker, func() string { return command }, passphrase.Chosen)))
	k := b.resolver.Sessions.Keychain
	if b.DryRun { // writes nothing, not even there
		return k.ProbeReading(ctx)
	}
	err := k.Probe(ctx)
	if err == nil {
		b.say("Keychain %s works.", k.Backend())
	}
	return err
}

func (b *beginning) discover(ctx context.Context) error {
	b.found = accounts.Discover(b.theirs.Files, b.have, func(name string) bool {
		_, err := b.resolver.Sessions.Keychain.LoadKeys(ctx, name)
		return err == nil
	})
	for i := range b.found.Accounts {
		f := &b.found.Accounts[i]
		if f.New && f.IsBase() && f.AccountID == "" && f.From == process.ProfileInUse() && f.From != "" {
			f.AccountID = b.identity.AccountID
		}
	}
	if len(b.found.Accounts) > 0 {
		b.showFound()
	} else if len(b.found.Left) == 0 {
		b.say("There is nothing in ~/.aws to take over.")
	}
	for _, l := range b.found.Left {
		b.left[l.Profile] = ": " + l.Reason
	}
	return nil
}

func (b *beginning) showFound() {
	table := tui.Table{Header: []string{"PROFILE", "WHAT", "ACCOUNT", "FROM"}, Shrink: []int{3, 2, 1}}
	for _, f := range b.found.Accounts {
		what := "credentials of its own"
		switch {
		case f.RoleARN != "":
			what = "role " + accounts.RoleName(f.RoleARN)
		case f.SSO != nil:
			what = "Identity Center " + f.SSO.RoleName
		case f.KeyID != "":
			what = "access key in plain text"
		case f.Keyless:
			what = "no access key here"
		}
		table.Rows = append(table.Rows, []tui.Cell{{Text: cmp.Or(f.From, f.Name), Style: tui.Bold}, {Text: what}, {Text: f.AccountID}, {Text: f.Source}})
	}
	fmt.Fprintln(b.out)
	table.Write(b.out, tui.ScreenOf(b.out))
	fmt.Fprintln(b.out)
}

// ask has two questions at most, and one for each device that several roles ask for. One that a flag has answered isn't
// asked.
func (b *beginning) ask(ctx context.Context) (err error) {
	roles, keys := 0, []string{}
	for _, f := range b.found.Accounts {
		switch {
		case f.KeyID != "":
			keys = append(keys, f.From)
		case !f.IsBase() || f.Way().WebIdentityTokenFile != "":
			roles++
		}
	}
	if roles > 0 {
		b.take, err = b.question(ctx, b.TakeOver, fmt.Sprintf("Take over %s?", tui.Count(roles, "profile")), "--take-over or --no-take-over")
		if err != nil {
			return err
		}
	}
	if err = b.askOneCode(ctx); err != nil {
		return err
	}
	if len(keys) == 0 {
		return nil
	}
	if b.resolver.Sessions.Keychain.Backend() == "keyctl" {
		if b.ImportKeys != nil && *b.ImportKeys {
			return hint.New(errors.New("the keychain keyctl forgets everything at logout: it is no place for access keys"), "--no-import-keys, or another --keychain")
		}
		b.say("The access keys stay in ~/.aws/credentials: keyctl would forget them at logout.")
		return nil
	}
	b.importKeys, err = b.question(ctx, b.ImportKeys, fmt.Sprintf("Move the access %s of %s into the keychain?", tui.Plural(len(keys), "key"), strings.Join(keys, ", ")),
		"--import-keys or --no-import-keys")
	return err
}

// checkKeys leaves the keys that can't be moved: another service's, one that AWS doesn't know, one that shares its lines.
func (b *beginning) checkKeys(ctx context.Context) error {
	if !b.importKeys {
		return nil
	}
	for _, f := range b.found.Accounts {
		if f.KeyID == "" {
			continue
		}
		err := b.checkKey(ctx, accesskey.InFile{Profile: f.From}, b.have.Entry(f.Account))
		if unknown, ok := errors.AsType[unanswered](err); ok {
			return unknown.error
		}
		if err != nil {
			b.left[f.From] = ": " + err.Error()
		}
	}
	return nil
}

// unanswered is the error of a question that AWS hasn't answered either way.
type unanswered struct{ error }

func (b *beginning) checkKey(ctx context.Context, in accesskey.InFile, a *accounts.Account) error {
	key, err := in.Read()
	if err != nil {
		return err
	}
	if err := in.Alone(a); err != nil {
		return err
	}
	if err := in.Check(key); err != nil {
		return err
	}
	if err := accesskey.MayStore(ctx, b.resolver, a, key.AccessKeyID, false); err != nil {
		return err
	}
	name := "profile " + in.Profile
	who, err := accesskey.Owner(ctx, b.resolver, b.have.Entry(accounts.Account{Name: name}), in.Profile, key)
	refused, ok := errors.AsType[*process.Refusal](err)
	switch {
	case ok && refused.Definite:
		return errors.New(strings.TrimPrefix(refused.Error(), name+": "))
	case err != nil:
		return unanswered{err}
	case a.AccountID != "" && who.AccountID != a.AccountID:
		return fmt.Errorf("its access key belongs to account %s, not to %s", who.AccountID, a.AccountID)
	}
	return nil
}

// askOneCode offers to ask for one code where each role would ask for its own.
func (b *beginning) askOneCode(ctx context.Context) error {
	if !b.take {
		return nil
	}
	for _, o := range b.found.OneCodes() {
		question := fmt.Sprintf("Ask for one MFA code of %s at %s, good for 12 hours and all %d roles, "+
			"instead of one for each role and hour?", process.Device(o.Roles[0].MFASerial), o.Base.Name, len(o.Roles))
		yes, err := b.question(ctx, b.OneCode, question, "--one-code or --no-one-code")
		if err != nil {
			return err
		}
		if yes {
			o.Take()
		}
	}
	return nil
}

// askDevice offers the MFA device of a user whose key goes into the keychain, where none of his profiles names one: his roles
// may want it, and without it AWS refuses IAM calls. Enter declines, as programs that nobody watches would wait for a code.
func (b *beginning) askDevice(ctx context.Context) error {
	if !b.importKeys || b.Yes || b.DryRun || b.OneCode != nil {
		return nil
	}
	for i := range b.found.Accounts {
		f := &b.found.Accounts[i]
		if _, left := b.left[f.From]; left || f.KeyID == "" || f.MFASerial != "" || f.Session == accounts.SessionNone || b.found.AsksForCodes(f) {
			continue
		}
		device := b.device(ctx, f)
		if device == "" {
			continue
		}
		yes, err := b.resolver.MFA.Asker.Confirm(ctx, fmt.Sprintf("Your user has the MFA device %s. Ask for its code every 12 hours, for %s and all its roles?",
			process.Device(device), f.Name), false)
		if errors.Is(err, ask.ErrNobody) { // then it is a matter of `edit --mfa-serial`, as doctor says
			return nil
		}
		if err != nil {
			return hint.New(err, "--no-one-code answers it; --yes answers every question")
		}
		if yes {
			f.MFASerial = device
		}
	}
	return nil
}

// device is the only MFA device of the user whose key f begins with, "" if there is none, or several, or he may not ask.
func (b *beginning) device(ctx context.Context, f *accounts.FoundAccount) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	key, err := accesskey.InFile{Profile: f.From}.Read()
	if err != nil {
		return ""
	}
	client, err := accesskey.Client(b.resolver, b.have.Entry(f.Account), f.From, key)
	if err != nil {
		return ""
	}
	out, err := iam.NewFromConfig(client.Config).ListMFADevices(ctx, &iam.ListMFADevicesInput{})
	if err != nil || len(out.MFADevices) != 1 {
		return ""
	}
	return aws.ToString(out.MFADevices[0].SerialNumber)
}

// askRegion asks where no region is known of a profile to be, as the AWS CLI does nothing without one.
func (b *beginning) askRegion(ctx context.Context) (err error) {
	lacks := b.take && slices.ContainsFunc(b.found.Accounts, func(f accounts.FoundAccount) bool { return f.New && !f.IsBase() && f.Region == "" })
	if lacks && !b.Yes && b.Region == "" && b.have.Defaults.Region == "" {
		b.Region, err = stanza.AskRegion(ctx, b.resolver.MFA.Asker)
	}
	return err
}

func (b *beginning) question(ctx context.Context, flag *bool, question, flags string) (bool, error) {
	switch {
	case flag != nil:
		return *flag, nil
	case b.Yes:
		return true, nil
	}
	yes, err := b.resolver.MFA.Asker.Confirm(ctx, question, true)
	if b.DryRun && errors.Is(err, ask.ErrNobody) {
		b.say("It would ask: %s", question)
		return true, nil
	}
	if err != nil {
		return false, hint.New(fmt.Errorf("%s %w", question, err), "%s answers it; --yes answers every question", flags)
	}
	return yes, nil
}
