package accesskey

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/accounts"
	"aws-accounts/internal/awsfiles"
	"aws-accounts/internal/dotaws"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/place"
)

// InFile is the access key that a profile has in ~/.aws/credentials.
type InFile struct{ Profile string }

// Read returns the profile's long-term key.
func (k InFile) Read(path string) (aws.Credentials, error) {
	data, err := dotaws.ReadToChange(path)
	if err != nil {
		return aws.Credentials{}, err
	}
	id, secret, token, err := awsfiles.Keys(data, k.Profile)
	switch {
	case errors.Is(err, awsfiles.ErrNoKeys):
		return aws.Credentials{}, k.noKeys(path, data)
	case err != nil:
		return aws.Credentials{}, hint.New(fmt.Errorf("%s: profile %q: %w", path, k.Profile, err),
			"write the key there as `aws configure --profile %s` does, or type it: `aws-accounts keys add NAME`", k.Profile)
	case token != "":
		return aws.Credentials{}, TemporaryError(fmt.Sprintf("profile %q of %s", k.Profile, path))
	}
	return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}, Check(id, secret)
}

func (k InFile) noKeys(path string, credentials []byte) error {
	none := fmt.Errorf("profile %q has no access key in %s", k.Profile, path)
	config, err := dotaws.Read(place.AWSConfig)
	if err != nil {
		return none
	}
	files, err := awsfiles.Profiles(config, credentials)
	if err != nil {
		return none
	}
	if p, ok := files.Profile(k.Profile); ok {
		if found, ok := p.Get(awsfiles.Both, "aws_access_key_id"); ok && found.File == awsfiles.Config {
			return hint.New(fmt.Errorf("profile %q has its access key in the config file, line %d", k.Profile, found.Line),
				"move the lines to [%s] in %s, then try again", k.Profile, path)
		}
	}
	var with []string
	for _, name := range files.Names() {
		if _, _, _, err := awsfiles.Keys(credentials, name); err == nil {
			with = append(with, name)
		}
	}
	if len(with) > 0 {
		return hint.New(none, "these profiles have one: %s", strings.Join(with, ", "))
	}
	return hint.New(none, "`aws-accounts keys add NAME` asks for one")
}

// Alone refuses to take the key away from another account.
func (k InFile) Alone(file *accounts.File, a *accounts.Account) error {
	for other := range file.All() {
		if other != a && other.Way().Profile == k.Profile {
			return hint.New(fmt.Errorf("%s begins with profile %q as well", other.Name, k.Profile),
				"give it another beginning, or `aws-accounts keys import %s --account %s` first", k.Profile, other.Name)
		}
	}
	return nil
}

// Check tells whether take can succeed, before anything is stored.
func (k InFile) Check(path string, key aws.Credentials) error {
	data, err := dotaws.ReadToChange(path)
	if err == nil {
		_, err = k.without(path, data, key)
	}
	return err
}

// Take takes the key out of the credentials file, now that nobody needs it there.
func (k InFile) Take(ctx context.Context, path string, key aws.Credentials) (edited []byte, err error) {
	err = dotaws.ChangeCredentials(ctx, path, func(now []byte) ([]byte, error) {
		edited, err = k.without(path, now, key)
		return edited, err
	})
	if err != nil && hint.Of(err) == "" {
		err = hint.New(fmt.Errorf("the key is stored, but couldn't be taken out of %s: %w", path, err), "take the lines of [%s] out by hand", k.Profile)
	}
	return edited, err
}

// without returns the credentials file without the key, if it still holds that key.
func (k InFile) without(path string, data []byte, key aws.Credentials) ([]byte, error) {
	id, secret, _, err := awsfiles.Keys(data, k.Profile)
	if err != nil || id != key.AccessKeyID || secret != key.SecretAccessKey {
		return nil, hint.New(fmt.Errorf("%s: [%s] has changed meanwhile and stays as it is", path, k.Profile), "try again")
	}
	edited, _, err := awsfiles.RemoveKeys(data, k.Profile)
	if err != nil {
		return nil, hint.New(fmt.Errorf("%s: can't take the key out of [%s]: %w", path, k.Profile, err),
			"take its lines out by hand; `aws-accounts keys import %s` without --remove stores the key", k.Profile)
	}
	return edited, nil
}
