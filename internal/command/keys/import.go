package keys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/internal/accesskey"
	"aws-accounts/internal/awsfiles"
	"aws-accounts/internal/dotaws"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// Import is `aws-accounts keys import [PROFILE]`.
type Import struct {
	Profile string `arg:"" optional:"" default:"default" help:"The profile of ~/.aws/credentials (default: default)."`
	Account string `help:"The account that begins with the key (default: the one that begins with the profile)." placeholder:"NAME"`
	Replace bool   `help:"Put it in place of the key that is there."`
	Remove  bool   `help:"Take the key out of ~/.aws/credentials, once the stored copy has proved to work."`
}

// Run stores the profile's key. With Remove it takes the key's lines out of the file last of all: until then an
// interruption leaves two copies, never none.
func (c *Import) Run(r *process.Resolver, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), accesskey.Timeout)
	defer cancel()
	file, err := r.Accounts.File()
	if err != nil {
		return err
	}
	in := accesskey.InFile{Profile: c.Profile}
	key, err := in.Read()
	if err != nil {
		return err
	}
	a, err := c.account(ctx, r, file, key)
	if err != nil {
		return err
	}
	release, err := accesskey.Lock(ctx, r, a.Name)
	if err != nil {
		return err
	}
	defer release()
	if c.Remove {
		if err := in.Alone(a); err != nil {
			return err
		}
		if err := in.Check(key); err != nil {
			return err
		}
	}
	if err := accesskey.MayStore(ctx, r, a, key.AccessKeyID, c.Replace); err != nil {
		return err
	}
	stored, err := accesskey.Store(ctx, r, a, c.Profile, key)
	if err != nil {
		return err
	}
	if err := begin(ctx, r, stdout, a, c.Profile, stored); err != nil {
		return err
	}
	if !c.Remove {
		which := ""
		if c.Account != "" {
			which = " --account " + a.Name
		}
		tui.Sayf(stdout, "next: `aws-accounts keys import %s%s --remove` takes it out of %s, where anybody's program can read it", hint.Word(c.Profile), which, dotaws.Path(awsfiles.Credentials))
		return nil
	}
	return c.remove(ctx, stdout, key, a, stored)
}

// account is the one named, else the base account that begins with the profile, else the one that has the key in the keychain,
// as after an import without --remove, else the one in whose AWS account the key is.
func (c *Import) account(ctx context.Context, r *process.Resolver, file *accounts.File, key aws.Credentials) (*accounts.Account, error) {
	if c.Account != "" {
		return keysAccount(file, c.Account)
	}
	if len(file.Accounts) == 0 {
		return keysAccount(file, "main")
	}
	found := file.Where(func(a *accounts.Account) bool { return a.Way().Profile == c.Profile })
	if len(found) == 0 {
		found = file.Where(func(a *accounts.Account) bool {
			if !a.Way().Keychain {
				return false
			}
			stored, err := r.Sessions.Keychain.LoadKeys(ctx, a.Name)
			return err == nil && stored.Current.ID == key.AccessKeyID
		})
	}
	if len(found) == 0 {
		who, err := accesskey.Owner(ctx, r, &accounts.Account{Name: "profile " + c.Profile}, c.Profile, key)
		if refused, ok := errors.AsType[*process.Refusal](err); ok && refused.Definite {
			return nil, hint.New(err, "run `aws configure --profile %s` with a valid key, then try again", hint.Word(c.Profile))
		}
		if err != nil {
			return nil, err
		}
		found = file.Where(func(a *accounts.Account) bool {
			return a.IsBase() && a.AccountID == who.AccountID && (a.Way().Keychain || a.Credentials == nil)
		})
	}
	switch len(found) {
	case 0:
		return nil, hint.New(fmt.Errorf("no account in %s begins with profile %q", file.Path, c.Profile),
			"`aws-accounts add NAME --credentials-profile=%s` adds one; --account NAME has one that is there begin with the key", hint.Word(c.Profile))
	case 1:
		return found[0], nil
	}
	return nil, hint.Usage(fmt.Errorf("%d accounts in %s could begin with the key of profile %q", len(found), file.Path, c.Profile),
		"say which: --account %s or --account %s", found[0].Name, found[1].Name)
}

func (c *Import) remove(ctx context.Context, stdout io.Writer, key aws.Credentials, a *accounts.Account, stored *cache.Keys) error {
	if err := (accesskey.InFile{Profile: c.Profile}).Take(ctx, key); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: access key %s taken out of [%s]\n", dotaws.Path(awsfiles.Credentials), stored.Current.ID, c.Profile)
	if users := c.users(); len(users) > 0 {
		tui.Sayf(stdout, "warning: source_profile = %s of %s leads nowhere now: make accounts of them, or let them name %s's profile",
			c.Profile, strings.Join(users, ", "), a.Name)
	}
	tui.Sayf(stdout, "next: `aws-accounts setup` gives %s a profile; what used profile %s can use that one", a.Name, c.Profile)
	return nil
}

// users are the profiles whose credentials came from the one that had the key.
func (c *Import) users() (users []string) {
	files, err := dotaws.ReadAll()
	if err != nil {
		return nil
	}
	for _, name := range files.Names() {
		p, _ := files.Profile(name)
		if source, ok := p.Get(awsfiles.Both, "source_profile"); ok && source.Value == c.Profile {
			users = append(users, name)
		}
	}
	return users
}
