// Package keys is `aws-accounts keys` and `aws-accounts keychain`: long-term access keys in the keychain, and the move to
// another keychain.
//
// Invariant: a secret is never in an argument, a message or a file, and a stored key is replaced or deleted only after its
// successor has proved to work.
package keys

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/internal/accesskey"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/route"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// Command is `aws-accounts keys`: long-term access keys in the keychain. Their secrets are never in an argument, a message or
// a file, and what is stored was accepted by AWS before.
type Command struct {
	Add    Add    `cmd:"" firstuse:"" help:"Put an access key into the keychain."`
	Import Import `cmd:"" firstuse:"" help:"Put a profile's access key from ~/.aws/credentials into the keychain."`
	List   List   `cmd:"" help:"Show which access keys are in the keychain."`
	Rotate Rotate `cmd:"" help:"Make a new access key at AWS, use it, and delete the old one."`
	Remove Remove `cmd:"" help:"Forget an account's access key."`
}

// Add is `aws-accounts keys add NAME`.
type Add struct {
	Name            string `arg:"" help:"The account, by its name in the accounts file."`
	FromEnvironment bool   `help:"Take AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, instead of asking."`
	Replace         bool   `help:"Put it in place of the key that is there."`
}

// Run asks for the key, or takes it from the environment: never from the command line, which other users can see.
func (c *Add) Run(r *process.Resolver, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), accesskey.Timeout)
	defer cancel()
	a, release, err := holdKeys(ctx, r, c.Name)
	if err != nil {
		return err
	}
	defer release()
	if err := accesskey.MayStore(ctx, r, a, "", c.Replace); err != nil { // before anybody types anything
		return err
	}
	id, secret, err := c.read(ctx, r.MFA.Asker, a)
	if err == nil {
		err = accesskey.MayStore(ctx, r, a, id, c.Replace)
	}
	if err != nil {
		return err
	}
	stored, err := accesskey.Store(ctx, r, a, "", aws.Credentials{AccessKeyID: id, SecretAccessKey: secret})
	if err != nil {
		return err
	}
	return begin(ctx, r, stdout, a, "", stored)
}

func (c *Add) read(ctx context.Context, asker *ask.Asker, a *accounts.Account) (id, secret string, err error) {
	if c.FromEnvironment {
		id, secret = os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY")
		switch {
		case os.Getenv("AWS_SESSION_TOKEN") != "":
			return "", "", accesskey.TemporaryError("the environment's credentials")
		case id == "" || secret == "":
			return "", "", hint.New(errors.New("no access key in the environment"), "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or leave --from-environment out to be asked")
		}
		return id, secret, accesskey.Check(id, secret)
	}
	if id, err = asker.Line(ctx, "Access key ID of "+a.Name); err == nil {
		if err = accesskey.Check(id, ""); err != nil {
			return "", "", err
		}
		secret, err = asker.Secret(ctx, "Secret access key of "+id)
	}
	if err != nil {
		return "", "", hint.New(fmt.Errorf("%s: no access key: %w", a.Name, err),
			"run `aws-accounts keys add %s` in a terminal, or with --from-environment", a.Name)
	}
	return id, secret, accesskey.Check(id, secret)
}

// keysAccount finds a base account that can begin with keys. In a file without accounts it is a new one: storing its keys
// is what puts it there.
func keysAccount(file *accounts.File, name string) (*accounts.Account, error) {
	if len(file.Accounts) == 0 {
		return file.Entry(accounts.Account{Name: name}), nil
	}
	if name == "" {
		inKeychain := accounts.NamesOf(file.Where(func(a *accounts.Account) bool { return a.Way().Keychain }))
		if len(inKeychain) != 1 {
			return nil, hint.Usage(fmt.Errorf("which account? %s begin in the keychain", tui.Count(len(inKeychain), "account")),
				"name one: `aws-accounts keys list` shows them")
		}
		name = inKeychain[0]
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
func holdKeys(ctx context.Context, r *process.Resolver, name string) (a *accounts.Account, release func(), err error) {
	file, err := r.Accounts.File()
	if err == nil {
		a, err = keysAccount(file, name)
	}
	if err != nil {
		return nil, nil, err
	}
	release, err = accesskey.Lock(ctx, r, a.Name)
	return a, release, err
}

// begin makes the accounts file say that a begins in the keychain, and tells what has been done.
// profile is the one of ~/.aws that the key was in, "" for none.
func begin(ctx context.Context, r *process.Resolver, stdout io.Writer, a *accounts.Account, profile string, stored *cache.Keys) error {
	fmt.Fprintf(stdout, "%s: access key %s of %s is in the keychain (%s)\n", a.Name, stored.Current.ID, stored.User, r.Sessions.Keychain.Backend())
	region := keptRegion(a, profile, stored)
	changed, err := accounts.BeginInKeychain(ctx, a.File().Path, r.Sessions.Dir, a.Name, stored.AccountID, region)
	if err != nil {
		return err
	}
	switch path := tui.Tilde(a.File().Path); {
	case changed && a.Way().Keychain:
		fmt.Fprintf(stdout, "%s: the region of %s is %s now\n", path, a.Name, region)
	case changed:
		fmt.Fprintf(stdout, "%s: %s begins in the keychain now\n", path, a.Name)
	}
	return nil
}

// keptRegion is the region that a's entry has to name so that AWS is asked about the key where it was asked before: that of
// its profile, else the one that AWS has answered in where only some regions know the key, as in China.
func keptRegion(a *accounts.Account, profile string, stored *cache.Keys) string {
	if route.ProfileRegion(a) != "" { // which would be overridden
		return ""
	}
	if profile != "" {
		if region := route.RegionOf(profile); region != "" {
			return region
		}
	}
	user, err := arn.Parse(stored.User)
	if err != nil || user.Partition == "aws" {
		return ""
	}
	if hop, err := route.HopOf(a, profile); err == nil {
		return hop.Region()
	}
	return ""
}

// Remove is `aws-accounts keys remove NAME`.
type Remove struct {
	Name string `arg:"" help:"The account; it may have left the accounts file."`
	Yes  bool   `help:"Don't ask whether to."`
}

// Run forgets the item, and the sessions that began with it. AWS isn't asked: the key stays valid there.
func (c *Remove) Run(r *process.Resolver, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), accesskey.Timeout)
	defer cancel()
	release, err := accesskey.Lock(ctx, r, c.Name)
	if err != nil {
		return err
	}
	defer release()
	a := &accounts.Account{Name: c.Name}
	forget := []string{c.Name}
	if file, err := r.Accounts.File(); err == nil {
		if found, err := file.Find(c.Name); err == nil {
			a, forget = found, accesskey.BeginWith(found)
		}
	}
	keys, err := r.Sessions.Keychain.LoadKeys(ctx, a.Name)
	switch {
	case errors.Is(err, cache.ErrNotFound):
		return hint.New(fmt.Errorf("%s: no access key in the keychain", a.Name), "`aws-accounts keys list` shows which there are")
	case errors.Is(err, cache.ErrCorrupt):
		keys = nil
	case err != nil:
		return process.ExplainItem(err, a)
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
		tui.Sayf(stdout, "next: `aws-accounts keys add %s`, or say in the accounts file where else %s begins", a.Name, a.Name)
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
