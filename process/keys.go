package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/lock"
	"aws-accounts/internal/pattern"
	"aws-accounts/internal/route"
)

// Keys is `aws-accounts keys`: long-term access keys in the keychain. Their secrets are never in an argument, a message or
// a file, and what is stored was accepted by AWS before.
type Keys struct {
	Add    KeysAdd    `cmd:"" firstuse:"" help:"Put an access key into the keychain."`
	Import KeysImport `cmd:"" firstuse:"" help:"Put a profile's access key from ~/.aws/credentials into the keychain."`
	List   KeysList   `cmd:"" help:"Show which access keys are in the keychain."`
	Rotate KeysRotate `cmd:"" help:"Make a new access key at AWS, use it, and delete the old one."`
	Remove KeysRemove `cmd:"" help:"Forget an account's access key."`
}

// KeysAdd is `aws-accounts keys add NAME`.
type KeysAdd struct {
	Name            string `arg:"" help:"The account, by its name in the accounts file."`
	FromEnvironment bool   `help:"Take AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, instead of asking."`
	Replace         bool   `help:"Put it in place of the key that is there."`
}

// Help is what --help says besides the flags.
func (*KeysAdd) Help() string {
	return `Examples:
  aws-accounts keys add main
  aws-accounts keys add main --replace
  aws-vault exec main --no-session -- aws-accounts keys add main \
    --from-environment

The secret is asked for at the terminal, and never part of a command line, which
other users of the machine can see. AWS is asked whose key it is.`
}

// How long a command about keys may take, the time included in which a person looks for the secret.
const keysTimeout = 10 * time.Minute

// Run asks for the key, or takes it from the environment: never from the command line, which other users can see.
func (c *KeysAdd) Run(r *Resolver, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), keysTimeout)
	defer cancel()
	file, a, release, err := r.holdKeys(ctx, c.Name)
	if err != nil {
		return err
	}
	defer release()
	if err := r.mayStore(ctx, a, "", c.Replace); err != nil { // before anybody types anything
		return err
	}
	id, secret, err := c.read(ctx, r.MFA.Asker, a)
	if err == nil {
		err = r.mayStore(ctx, a, id, c.Replace)
	}
	if err != nil {
		return err
	}
	stored, err := r.store(ctx, a, "", aws.Credentials{AccessKeyID: id, SecretAccessKey: secret})
	if err != nil {
		return err
	}
	return r.begin(ctx, stdout, file, a, stored)
}

func (c *KeysAdd) read(ctx context.Context, asker *ask.Asker, a *accounts.Account) (id, secret string, err error) {
	if c.FromEnvironment {
		id, secret = os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY")
		switch {
		case os.Getenv("AWS_SESSION_TOKEN") != "":
			return "", "", errTemporary("the environment's credentials")
		case id == "" || secret == "":
			return "", "", hint.New(errors.New("no access key in the environment"), "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or leave --from-environment out to be asked")
		}
		return id, secret, checkKey(id, secret)
	}
	if id, err = asker.Line(ctx, "Access key ID of "+a.Name); err == nil {
		if err = checkKey(id, ""); err != nil {
			return "", "", err
		}
		secret, err = asker.Secret(ctx, "Secret access key of "+id)
	}
	if err != nil {
		return "", "", hint.New(fmt.Errorf("%s: no access key: %w", a.Name, err),
			"run `aws-accounts keys add %s` in a terminal, or with --from-environment", a.Name)
	}
	return id, secret, checkKey(id, secret)
}

var (
	keyID     = pattern.New(`^[A-Z0-9]{16,128}$`)
	secretKey = pattern.New(`^[A-Za-z0-9/+=]{30,128}$`) // 40 as long as anybody remembers, though AWS doesn't promise it
)

// checkKey finds what was pasted in the wrong place, before AWS is asked. The secret may be "": not known yet.
func checkKey(id, secret string) error {
	again := "copy both from where the key was made: an ID like AKIAIOSFODNN7EXAMPLE, and a secret of 40 characters"
	switch {
	case strings.HasPrefix(id, "ASIA"):
		return errTemporary("an access key that begins with ASIA")
	case strings.HasPrefix(id, "AIDA") || strings.HasPrefix(id, "AROA"):
		return hint.New(errors.New("this is the ID of a user or role, not of an access key"), "%s", again)
	case !keyID.MatchString(id): // it may be the secret: not repeated
		return hint.New(errors.New("this is no access key ID: capital letters and digits, at least 16"), "%s", again)
	case secret != "" && !secretKey.MatchString(secret):
		return hint.New(fmt.Errorf("this is no secret access key: it has %d characters, or some that no secret has", len(secret)), "%s", again)
	}
	return nil
}

func errTemporary(what string) error {
	return hint.New(fmt.Errorf("%s: these are temporary credentials, which end by themselves", what),
		"only long-term keys belong in the keychain; `aws-accounts` gets and keeps temporary ones itself")
}

// keysAccount finds a base account that can begin with keys. In a file without accounts it is a new one: storing its keys
// is what puts it there.
func keysAccount(file *accounts.File, name string) (*accounts.Account, error) {
	if len(file.Accounts) == 0 {
		return file.Entry(accounts.Account{Name: name}), nil
	}
	a, err := file.Find(name)
	if err != nil {
		return nil, err
	}
	switch way := a.Way(); {
	case a.RoleARN != "":
		base := a.Chain()[0]
		return nil, hint.New(fmt.Errorf("%s is a role, which needs no access key of its own", a.Name),
			"name the account that it begins with: `aws-accounts keys add %s`", cmp.Or(base.Name, "NAME"))
	case !a.IsBase():
		return nil, hint.New(fmt.Errorf("%s begins with Identity Center, which needs no access key", a.Name), "take \"sso\" out of it in %s first", file.Path)
	case way.Instance || way.WebIdentityTokenFile != "":
		return nil, hint.New(fmt.Errorf("%s begins with temporary credentials of its machine, which needs no access key", a.Name),
			"write \"credentials\": {\"keychain\": true} instead into %s first", file.Path)
	}
	return a, nil
}

// holdKeys finds the account called name, and lets nobody else change its keys until release is called.
func (r *Resolver) holdKeys(ctx context.Context, name string) (file *accounts.File, a *accounts.Account, release func(), err error) {
	if file, err = r.Accounts.File(); err != nil {
		return nil, nil, nil, err
	}
	if a, err = keysAccount(file, name); err != nil {
		return nil, nil, nil, err
	}
	release, err = r.lockKeys(ctx, a.Name)
	return file, a, release, err
}

// lockKeys lets one process at a time change the keys of the account called name. Without a lock it does nothing: two
// rotations at once could each delete the other's key.
func (r *Resolver) lockKeys(ctx context.Context, name string) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	release, err = lock.Acquire(ctx, r.Sessions.Dir, "_keys-"+strings.ToLower(name))
	if err == nil {
		return release, nil
	}
	if ctx.Err() != nil {
		return nil, hint.New(fmt.Errorf("%s: another `aws-accounts keys` is at work on it", name), "wait for it to end, then try again")
	}
	return nil, hint.New(fmt.Errorf("locking the keys of %s: %w", name, err), "set XDG_STATE_HOME to a folder that can be written")
}

// mayStore refuses to put a key where another is, or where it would be lost. id is the new key's, "" as long as it isn't known.
func (r *Resolver) mayStore(ctx context.Context, a *accounts.Account, id string, replace bool) error {
	if backend := r.Sessions.Keychain.Backend(); backend == "keyctl" {
		return hint.New(errors.New("the keychain keyctl forgets everything at logout and reboot: it is no place for long-term keys"),
			"choose another with AWS_ACCOUNTS_KEYCHAIN, such as secret-service or file")
	}
	stored, err := r.Sessions.Keychain.LoadKeys(ctx, a.Name)
	switch {
	case errors.Is(err, cache.ErrNotFound) || errors.Is(err, cache.ErrCorrupt) && replace:
		return nil
	case err != nil:
		return explainItem(err, a)
	case stored.Rotation != nil:
		return hint.New(fmt.Errorf("%s: a rotation of %s isn't finished", a.Name, stored.Current.ID),
			"`aws-accounts keys rotate %s` finishes it; `aws-accounts keys remove %s` forgets all of it", a.Name, a.Name)
	case replace || stored.Current.ID == id: // the same again does no harm
		return nil
	}
	return hint.New(fmt.Errorf("%s: access key %s is in the keychain already", a.Name, stored.Current.ID),
		"--replace puts the new one in its place; `aws-accounts keys rotate %s` has AWS make a new one", a.Name)
}

// store asks AWS whose key it is, stores it, and uses what it reads back.
func (r *Resolver) store(ctx context.Context, a *accounts.Account, profile string, key aws.Credentials) (*cache.Keys, error) {
	who, err := r.owner(ctx, a, profile, key)
	if err != nil {
		return nil, err
	}
	keys := &cache.Keys{Account: a.Name, AccountID: who.AccountID, User: who.ARN,
		Current: cache.AccessKey{ID: key.AccessKeyID, Secret: key.SecretAccessKey, Stored: r.Sessions.Now().UTC()}}
	if err := r.Sessions.Keychain.StoreKeys(ctx, keys); err != nil {
		return nil, fmt.Errorf("%s: storing its access key: %w", a.Name, err)
	}
	stored, err := r.Sessions.Keychain.LoadKeys(ctx, a.Name)
	if err != nil {
		return nil, explainItem(err, a)
	}
	if _, err := r.owner(ctx, a, profile, stored.Credentials(stored.Current)); err != nil {
		return nil, err
	}
	// Sessions that began with another key would be handed out until they end.
	if _, err := r.Sessions.Forget(ctx, beginWith(a)); err != nil {
		return nil, fmt.Errorf("forgetting the sessions of %s: %w", a.Name, err)
	}
	return stored, nil
}

// owner asks AWS whose long-term key it is: somebody's of the account that a says.
func (r *Resolver) owner(ctx context.Context, a *accounts.Account, profile string, key aws.Credentials) (Identity, error) {
	client, err := r.keyClient(a, profile, key)
	if err != nil {
		return Identity{}, err
	}
	who, err := client.Whoami(ctx)
	if err != nil {
		return Identity{}, explainKey(err, a, key.AccessKeyID)
	}
	if a.AccountID != "" && who.AccountID != a.AccountID {
		return Identity{}, hint.New(fmt.Errorf("%s: access key %s belongs to account %s, not to %s", a.Name, key.AccessKeyID, who.AccountID, a.AccountID),
			"take a key of account %s, or correct \"account_id\" of %s in %s", a.AccountID, a.Name, a.File().Path)
	}
	return who, nil
}

// keyClient calls AWS for a with one key, as the settings of the profile say that it came from.
func (r *Resolver) keyClient(a *accounts.Account, profile string, key aws.Credentials) (*Client, error) {
	hop, err := route.HopOf(a, profile)
	if err != nil {
		return nil, err
	}
	return NewClient(hop, Static(key), false, r.Report(a.Name)), nil
}

// explainKey says what AWS has against one access key.
func explainKey(err error, a *accounts.Account, id string) error {
	return Explain(err, a, keyRefusals(id)...)
}

func keyRefusals(id string) []Row {
	return []Row{
		{Codes: "InvalidClientTokenId", Definite: true,
			Says: Say("AWS doesn't know access key " + id + ": it is deleted, inactive or mistyped"),
			Next: Say("copy it again, or make a new one in the AWS console; "+
				"then `aws-accounts keys add %s --replace`", Verdict.Word)},
		{Codes: "SignatureDoesNotMatch", When: Verdict.clockIsRight, Definite: true,
			Says: Say("the secret of access key " + id + " is wrong"),
			Next: Say("copy it again, all of it; then `aws-accounts keys add %s --replace`", Verdict.Word)},
	}
}

// begin makes the accounts file say that a begins in the keychain, and tells what has been done.
func (r *Resolver) begin(ctx context.Context, stdout io.Writer, file *accounts.File, a *accounts.Account, stored *cache.Keys) error {
	fmt.Fprintf(stdout, "%s: access key %s of %s is in the keychain (%s)\n", a.Name, stored.Current.ID, stored.User, r.Sessions.Keychain.Backend())
	changed, err := accounts.BeginInKeychain(ctx, file.Path, r.Sessions.Dir, a.Name, stored.AccountID)
	if err != nil {
		return err
	}
	if changed {
		fmt.Fprintf(stdout, "%s: %s begins in the keychain now\n", file.Path, a.Name)
	}
	return nil
}

// beginWith are the accounts whose credentials begin with base, itself first.
func beginWith(base *accounts.Account) []string {
	file := base.File()
	names := []string{base.Name}
	for i := range file.Accounts {
		if a := &file.Accounts[i]; a != base && slices.Contains(a.Chain(), base) {
			names = append(names, a.Name)
		}
	}
	return names
}

// KeysRemove is `aws-accounts keys remove NAME`.
type KeysRemove struct {
	Name string `arg:"" help:"The account; it may have left the accounts file."`
	Yes  bool   `help:"Don't ask whether to."`
}

// Help is what --help says besides the flags.
func (*KeysRemove) Help() string {
	return `Examples:
  aws-accounts keys remove main
  aws-accounts keys remove main --yes

AWS isn't asked: delete the key there, too, if nobody uses it any more.`
}

// Run forgets the item, and the sessions that began with it. AWS isn't asked: the key stays valid there.
func (c *KeysRemove) Run(r *Resolver, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), keysTimeout)
	defer cancel()
	release, err := r.lockKeys(ctx, c.Name)
	if err != nil {
		return err
	}
	defer release()
	a := &accounts.Account{Name: c.Name}
	forget := []string{c.Name}
	if file, err := r.Accounts.File(); err == nil {
		if found, err := file.Find(c.Name); err == nil {
			a, forget = found, beginWith(found)
		}
	}
	keys, err := r.Sessions.Keychain.LoadKeys(ctx, a.Name)
	switch {
	case errors.Is(err, cache.ErrNotFound):
		return hint.New(fmt.Errorf("%s: no access key in the keychain", a.Name), "`aws-accounts keys list` shows which there are")
	case errors.Is(err, cache.ErrCorrupt):
		keys = nil
	case err != nil:
		return explainItem(err, a)
	}
	if !c.Yes {
		question := fmt.Sprintf("Forget the access key of %s%s, maybe the only copy?", a.Name, idsOf(keys))
		ok, err := r.MFA.Asker.Confirm(ctx, question, false)
		if err == nil && !ok {
			err = errors.New("nothing was forgotten")
		}
		if err != nil {
			return hint.New(fmt.Errorf("%s: %w", a.Name, err), "--yes forgets without asking")
		}
	}
	if err := r.Sessions.Keychain.RemoveKeys(ctx, a.Name); err != nil {
		return fmt.Errorf("%s: forgetting its access key: %w", a.Name, err)
	}
	if _, err := r.Sessions.Forget(ctx, forget); err != nil {
		return fmt.Errorf("forgetting the sessions of %s: %w", a.Name, err)
	}
	fmt.Fprintf(stdout, "%s: access key%s forgotten; AWS still accepts it, until it is deleted there: %s\n", a.Name, idsOf(keys), securityCredentials)
	if a.Way().Keychain {
		fmt.Fprintf(stdout, "next: `aws-accounts keys add %s`, or say in the accounts file where else %s begins\n", a.Name, a.Name)
	}
	return nil
}

// securityCredentials is where a user deletes access keys; a command line would need credentials that IAM takes, which
// sessions without MFA aren't.
const securityCredentials = "https://console.aws.amazon.com/iam/home#/security_credentials"

// idsOf names the keys of an item, "" of one that can't be read.
func idsOf(keys *cache.Keys) string {
	if keys == nil {
		return ""
	}
	ids := " " + keys.Current.ID
	if r := keys.Rotation; r != nil && r.Next != nil {
		ids += " and " + r.Next.ID
	} else if r != nil && r.Old != nil {
		ids += " and " + r.Old.ID
	}
	return ids
}
