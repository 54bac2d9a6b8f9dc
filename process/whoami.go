package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/awscall"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/place"
	"aws-accounts/internal/route"
)

// ErrNoneInUse says that an SDK would find no credentials here.
var ErrNoneInUse = errors.New("no AWS credentials in use here")

// CurrentIdentity asks who the credentials belong to that an SDK would use here and now.
func CurrentIdentity(ctx context.Context) (Identity, aws.Credentials, error) {
	routes, err := route.Read()
	if err != nil {
		return Identity{}, aws.Credentials{}, err
	}
	origin, profile := routes.Current()
	if missing, ok := errors.AsType[route.NoProfile](origin.Why); ok && profile != accounts.DefaultProfile {
		variable := "AWS_PROFILE"
		if os.Getenv(variable) == "" {
			variable = "AWS_DEFAULT_PROFILE"
		}
		return Identity{}, aws.Credentials{}, hint.New(fmt.Errorf("%w, which %s names", missing, variable),
			"`aws-accounts setup` writes the profiles of the accounts file; `unset %s` goes back to the default", variable)
	} else if origin.Kind == route.FromNothing && (ok || origin.Why == nil) {
		return Identity{}, aws.Credentials{}, noneInUse()
	}
	hop, err := routes.Hop(nil, profile)
	if err != nil {
		return Identity{}, aws.Credentials{}, err
	}
	locks, _ := place.Locks()
	r := &Resolver{likeSDK: true, Sessions: &cache.Sessions{Now: time.Now}, MFA: &MFA{Asker: &ask.Asker{Never: true}, Dir: locks, Now: time.Now}}
	provider, err := r.origin(ctx, &route.Route{Origin: *origin, Hops: []route.Hop{*hop}}, false)
	if err != nil {
		return Identity{}, aws.Credentials{}, explainCurrent(err)
	}
	c := NewClient(hop, provider, false, func(error) {})
	credentials, err := c.Credentials(ctx)
	if err != nil {
		if requestID(err) == "" && host(err) == "" && hint.Of(err) == "" {
			err = hint.New(fmt.Errorf("%w: %s", ErrNoneInUse, Plain(err)), "name an account (`aws-accounts whoami NAME`), or set AWS_PROFILE")
		}
		return Identity{}, credentials, explainCurrent(err)
	}
	who, err := c.Whoami(ctx)
	return who, credentials, explainCurrent(err)
}

func noneInUse() error {
	return hint.New(ErrNoneInUse, "name an account (`aws-accounts whoami NAME`), or set AWS_PROFILE")
}

// explainCurrent is Explain for credentials that belong to no account of ours.
func explainCurrent(err error) error {
	if awscall.Code(err) == "" {
		return Explain(err, &accounts.Account{Name: "the credentials in use here"})
	}
	from := "AWS_ACCESS_KEY_ID"
	if profile := ProfileInUse(); profile != "" {
		from = "profile " + profile + " of ~/.aws"
	}
	r := &Refusal{message: "AWS doesn't accept the credentials in use here, which come from " + from, Code: awscall.Code(err), RequestID: requestID(err)}
	return hint.New(r, "renew or unset them, or name an account: `aws-accounts whoami NAME`")
}

// ProfileInUse is the profile whose credentials an SDK would use here and now, "" for the environment's key: half a key is none.
func ProfileInUse() string {
	if os.Getenv("AWS_ACCESS_KEY_ID") != "" && os.Getenv("AWS_SECRET_ACCESS_KEY") != "" {
		return ""
	}
	return cmp.Or(os.Getenv("AWS_PROFILE"), os.Getenv("AWS_DEFAULT_PROFILE"), accounts.DefaultProfile)
}

// Current returns the account ID that the AWS credentials in use belong to, for a first accounts file.
func Current(ctx context.Context) (accountID string, err error) {
	if profile := ProfileInUse(); profile != "" {
		routes, err := route.Read()
		if err != nil {
			return "", err
		}
		if routes.CallsUs(profile) {
			return "", errors.New("the profile in use calls aws-accounts itself")
		}
	}
	who, _, err := CurrentIdentity(ctx)
	if err == nil && who.AccountID == "" {
		err = errors.New("AWS didn't say which account this is")
	}
	return who.AccountID, err
}
