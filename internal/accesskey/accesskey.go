// Package accesskey puts long-term access keys into the keychain, and finds and removes them in ~/.aws/credentials.
//
// Invariant: a key is stored only if AWS has accepted it for that account, and it leaves the credentials file only after the
// stored copy has proved to work.
package accesskey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/internal/awsfiles"
	"aws-accounts/internal/dotaws"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/lock"
	"aws-accounts/internal/pattern"
	"aws-accounts/internal/route"
	"aws-accounts/process"
)

// Timeout is how long a command about keys may take, the time included in which a person looks for the secret.
const Timeout = 10 * time.Minute

var (
	keyID     = pattern.New(`^[A-Z0-9]{16,128}$`)
	secretKey = pattern.New(`^[A-Za-z0-9/+=]{30,128}$`) // 40 as long as anybody remembers, though AWS doesn't promise it
)

// Check finds what was pasted in the wrong place, before AWS is asked. The secret may be "": not known yet.
func Check(id, secret string) error {
	again := "copy both from where the key was made: an ID like AKIAIOSFODNN7EXAMPLE, and a secret of 40 characters"
	switch {
	case strings.HasPrefix(id, "ASIA"):
		return TemporaryError("an access key that begins with ASIA")
	case strings.HasPrefix(id, "AIDA") || strings.HasPrefix(id, "AROA"):
		return hint.New(errors.New("this is the ID of a user or role, not of an access key"), "%s", again)
	case !keyID.MatchString(id): // it may be the secret: not repeated
		return hint.New(errors.New("this is no access key ID: capital letters and digits, at least 16"), "%s", again)
	case secret != "" && !secretKey.MatchString(secret):
		return hint.New(fmt.Errorf("this is no secret access key: it has %d characters, or some that no secret has", len(secret)), "%s", again)
	}
	return nil
}

// TemporaryError refuses credentials that end by themselves. what says which they are.
func TemporaryError(what string) error {
	return hint.New(fmt.Errorf("%s: these are temporary credentials, which end by themselves", what),
		"only long-term keys belong in the keychain; `aws-accounts` gets and keeps temporary ones itself")
}

// Lock lets one process at a time change the keys of the account called name. Without a lock it does nothing: two
// rotations at once could each delete the other's key.
func Lock(ctx context.Context, r *process.Resolver, name string) (release func(), err error) {
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

// MayStore refuses to put a key where another is, or where it would be lost. id is the new key's, "" as long as it isn't known.
func MayStore(ctx context.Context, r *process.Resolver, a *accounts.Account, id string, replace bool) error {
	if backend := r.Sessions.Keychain.Backend(); backend == "keyctl" {
		return hint.New(errors.New("the keychain keyctl forgets everything at logout and reboot: it is no place for long-term keys"),
			"choose another with AWS_ACCOUNTS_KEYCHAIN, such as secret-service or file")
	}
	stored, err := r.Sessions.Keychain.LoadKeys(ctx, a.Name)
	switch {
	case errors.Is(err, cache.ErrNotFound) || errors.Is(err, cache.ErrCorrupt) && replace:
		return nil
	case err != nil:
		return process.ExplainItem(err, a)
	case stored.Rotation != nil:
		return hint.New(fmt.Errorf("%s: a rotation of %s isn't finished", a.Name, stored.Current.ID),
			"`aws-accounts keys rotate %s` finishes it; `aws-accounts keys remove %s` forgets all of it", a.Name, a.Name)
	case replace || stored.Current.ID == id: // the same again does no harm
		return nil
	}
	return hint.New(fmt.Errorf("%s: access key %s is in the keychain already", a.Name, stored.Current.ID),
		"--replace puts the new one in its place; `aws-accounts keys rotate %s` has AWS make a new one", a.Name)
}

// Store asks AWS whose key it is, stores it, and uses what it reads back.
func Store(ctx context.Context, r *process.Resolver, a *accounts.Account, profile string, key aws.Credentials) (*cache.Keys, error) {
	who, err := Owner(ctx, r, a, profile, key)
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
		return nil, process.ExplainItem(err, a)
	}
	if _, err := Owner(ctx, r, a, profile, stored.Credentials(stored.Current)); err != nil {
		return nil, err
	}
	// Sessions that began with another key would be handed out until they end.
	if _, err := r.Sessions.Forget(ctx, BeginWith(a)); err != nil {
		return nil, fmt.Errorf("forgetting the sessions of %s: %w", a.Name, err)
	}
	return stored, nil
}

// Owner asks AWS whose long-term key it is: somebody's of the account that a says.
func Owner(ctx context.Context, r *process.Resolver, a *accounts.Account, profile string, key aws.Credentials) (process.Identity, error) {
	client, err := Client(r, a, profile, key)
	if err != nil {
		return process.Identity{}, err
	}
	who, err := client.Whoami(ctx)
	if err != nil {
		return process.Identity{}, Explain(err, a, key.AccessKeyID)
	}
	if a.AccountID != "" && who.AccountID != a.AccountID {
		return process.Identity{}, hint.New(fmt.Errorf("%s: access key %s belongs to account %s, not to %s", a.Name, key.AccessKeyID, who.AccountID, a.AccountID),
			"take a key of account %s, or correct \"account_id\" of %s in %s", a.AccountID, a.Name, a.File().Path)
	}
	return who, nil
}

// Client calls AWS as the owner of a key, on behalf of a.
func Client(r *process.Resolver, a *accounts.Account, profile string, key aws.Credentials) (*process.Client, error) {
	hop, err := route.HopOf(a, profile)
	if err != nil {
		return nil, err
	}
	return process.NewClient(hop, process.Static(key), false, r.Report(a.Name)), nil
}

// Explain says what AWS has against one access key.
func Explain(err error, a *accounts.Account, id string) error {
	return process.Explain(err, a, Refusals(id)...)
}

// Refusals are the rows of refusals that are about the key called id.
func Refusals(id string) []process.Row {
	return []process.Row{
		{Codes: "InvalidClientTokenId", Definite: true,
			Says: process.Say("AWS doesn't know access key " + id + ": it is deleted, inactive or mistyped"),
			Next: process.Say("copy it again, or make a new one in the AWS console; "+
				"then `aws-accounts keys add %s --replace`", process.Verdict.Word)},
		{Codes: "SignatureDoesNotMatch", When: process.Verdict.ClockIsRight, Definite: true,
			Says: process.Say("the secret of access key " + id + " is wrong"),
			Next: process.Say("copy it again, all of it; then `aws-accounts keys add %s --replace`", process.Verdict.Word)},
	}
}

// BeginWith are the accounts whose credentials begin with base, itself first.
func BeginWith(base *accounts.Account) []string {
	others := base.File().Where(func(a *accounts.Account) bool { return a != base && slices.Contains(a.Chain(), base) })
	return append([]string{base.Name}, accounts.NamesOf(others)...)
}

// InFile is the access key that a profile has in ~/.aws/credentials.
type InFile struct{ Profile string }

// Read returns the profile's long-term key.
func (k InFile) Read() (aws.Credentials, error) {
	files, err := dotaws.ReadAll()
	if err != nil {
		return aws.Credentials{}, err
	}
	path := dotaws.Path(awsfiles.Credentials)
	p, _ := files.Profile(k.Profile)
	id, secret, token, err := p.Keys()
	switch {
	case errors.Is(err, awsfiles.ErrNoKeys):
		return aws.Credentials{}, k.noKeys(files, p)
	case err != nil:
		return aws.Credentials{}, hint.New(fmt.Errorf("%s: profile %q: %w", path, k.Profile, err),
			"write the key there as `aws configure --profile %s` does, or type it: `aws-accounts keys add NAME`", hint.Word(k.Profile))
	case token != "":
		return aws.Credentials{}, TemporaryError(fmt.Sprintf("profile %q of %s", k.Profile, path))
	}
	return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}, Check(id, secret)
}

func (k InFile) noKeys(files *dotaws.Files, p *awsfiles.Profile) error {
	path := dotaws.Path(awsfiles.Credentials)
	if found, ok := p.Get(awsfiles.Both, "aws_access_key_id"); ok && found.File == awsfiles.Config {
		return hint.New(fmt.Errorf("profile %q has its access key in the config file, line %d", k.Profile, found.Line),
			"move the lines to [%s] in %s, then try again", k.Profile, path)
	}
	var with []string
	for _, name := range files.Names() {
		p, _ := files.Profile(name)
		if _, _, _, err := p.Keys(); err == nil {
			with = append(with, name)
		}
	}
	none := fmt.Errorf("profile %q has no access key in %s", k.Profile, path)
	if len(with) > 0 {
		return hint.New(none, "these profiles have one: %s", strings.Join(with, ", "))
	}
	return hint.New(none, "`aws-accounts keys add NAME` asks for one")
}

// Alone refuses to take the key away from another account.
func (k InFile) Alone(a *accounts.Account) error {
	for other := range a.File().All() {
		if other.Name != a.Name && other.Way().Profile == k.Profile {
			return hint.New(fmt.Errorf("%s begins with profile %q as well", other.Name, k.Profile),
				"give it another beginning, or `aws-accounts keys import %s --account %s` first", k.Profile, other.Name)
		}
	}
	return nil
}

// Check tells whether take can succeed, before anything is stored.
func (k InFile) Check(key aws.Credentials) error {
	data, err := dotaws.Read(awsfiles.Credentials)
	if err == nil {
		_, err = k.without(data, key)
	}
	return err
}

// Take takes the key out of the credentials file, now that nobody needs it there.
func (k InFile) Take(ctx context.Context, key aws.Credentials) error {
	_, err := dotaws.Change(ctx, awsfiles.Credentials, func(now []byte) ([]byte, error) { return k.without(now, key) })
	if err != nil && hint.Of(err) == "" {
		err = hint.New(fmt.Errorf("the key is stored, but couldn't be taken out of the credentials file: %w", err),
			"take the lines of [%s] out by hand", k.Profile)
	}
	return err
}

// without returns the credentials file without the key, if it still holds that key.
func (k InFile) without(data []byte, key aws.Credentials) ([]byte, error) {
	files, err := awsfiles.Profiles(nil, data)
	if err != nil {
		return nil, err
	}
	p, _ := files.Profile(k.Profile)
	if id, secret, _, err := p.Keys(); err != nil || id != key.AccessKeyID || secret != key.SecretAccessKey {
		return nil, hint.New(fmt.Errorf("[%s] of the credentials file has changed meanwhile and stays as it is", k.Profile), "try again")
	}
	edited, err := awsfiles.RemoveKeys(data, k.Profile)
	if err != nil {
		return nil, hint.New(fmt.Errorf("can't take the key out of [%s] of the credentials file: %w", k.Profile, err),
			"take its lines out by hand; `aws-accounts keys import %s` without --remove stores the key", hint.Word(k.Profile))
	}
	return edited, nil
}
