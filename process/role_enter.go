package process

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"aws-accounts/accounts"
	"aws-accounts/internal/hint"
)

// roleBase is where the credentials begin that enter accounts.
type roleBase struct {
	*client
	once sync.Once
	id   string
	err  error
}

// accountID is the AWS account that the credentials belong to, which must be the one that the file says.
func (b *roleBase) accountID(ctx context.Context, file *accounts.File, base *accounts.Account) (string, error) {
	b.once.Do(func() {
		var who Identity
		who, b.err = b.whoami(ctx)
		b.id, b.err = who.AccountID, explain(b.err, base)
		if b.err == nil && base.AccountID != "" && b.id != base.AccountID {
			b.err = hint.New(fmt.Errorf("%s: the credentials belong to account %s, not to %s", base.Name, b.id, base.AccountID),
				"correct account_id of %s in %s, or the credentials it begins with", base.Name, file.Path)
		}
	})
	return b.id, b.err
}

// base returns the client of the account that a's credentials begin at, for a's partition and region.
func (w *roleWork) base(ctx context.Context, a *accounts.Account) (*roleBase, error) {
	base, region := a.Chain()[0], a.EffectiveRegion()
	key := strings.Join([]string{base.Name, region, partitionOf(a)}, "\n")
	if b := w.bases[key]; b != nil {
		return b, nil
	}
	cfg, err := w.baseConfigForMany(ctx, base, region)
	if err != nil {
		return nil, explain(err, base)
	}
	c := newClient(cfg, partitionOf(a), false, w.report(a.Name))
	c.config = w.pace.of(c.config)
	c.sts = sts.NewFromConfig(c.config)
	b := &roleBase{client: c}
	w.bases[key] = b
	return b, nil
}

// baseConfigForMany is sourceConfig for so many roles that nobody wants to type a code for each: where base has a device,
// one session serves them all, even if base hands out its keys.
func (w *roleWork) baseConfigForMany(ctx context.Context, base *accounts.Account, region string) (aws.Config, error) {
	var session aws.Credentials
	var err error
	switch {
	case base.SSO == nil && base.MFASerial == "" && base.Way().WebIdentityTokenFile == "":
		return w.baseConfig(ctx, w.file, base, region)
	case base.Session == accounts.SessionNone:
		withSession := *base
		withSession.Session = accounts.SessionToken
		session, err = w.fetchBase(ctx, w.file, &withSession, false)
	default:
		session, err = w.Session(base.Name).Retrieve(ctx)
	}
	if err != nil {
		return aws.Config{}, err
	}
	return loadConfig(ctx, noProfile, region, config.WithCredentialsProvider(static(session)))
}

// enter gets credentials for the account's IAM: those of the bootstrap role, or the base's own if it is the same account.
func (w *roleWork) enter(ctx context.Context, t *roleTarget) (*iam.Client, error) {
	base, err := w.base(ctx, t.Account)
	if err != nil {
		return nil, err
	}
	if !t.credentials.HasKeys() || t.credentials.Expired() { // somebody may have thought about the plan for hours
		if t.credentials, err = w.credentialsFor(ctx, t, base); err != nil {
			return nil, err
		}
	}
	cfg := base.config.Copy()
	cfg.Credentials = static(t.credentials)
	return iam.NewFromConfig(cfg), nil
}

func (w *roleWork) credentialsFor(ctx context.Context, t *roleTarget, base *roleBase) (aws.Credentials, error) {
	source := t.entrance.SourceAccount()
	id, err := base.accountID(ctx, w.file, source)
	if err != nil {
		return aws.Credentials{}, err
	}
	if id == t.AccountID {
		credentials, err := base.credentials(ctx)
		return credentials, explain(err, source)
	}
	attempt := w.Log.Begin(w.file, t.entrance)
	credentials, err := base.assumeRole(ctx, w.file, t.entrance, "", "")
	if err = explain(err, t.entrance); isRefused(err, "AccessDenied") {
		err = hint.New(err, "check that %s has the role, that it trusts account %s, and that you have sts:AssumeRole; --bootstrap-role names another", t.AccountID, id)
	}
	attempt.End(credentials, err)
	return credentials, err
}

func isRefused(err error, code string) bool {
	r, ok := errors.AsType[*refusal](err)
	return ok && r.Code == code
}
