package process

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"aws-accounts/accounts"
	"aws-accounts/internal/hint"
)

// roleBase is where the credentials begin that enter accounts, in one partition and with the same settings.
type roleBase struct {
	*client
	account *accounts.Account
	once    sync.Once
	id      string
	err     error
}

// accountID is the AWS account that the credentials belong to, which must be the one that the file says.
func (b *roleBase) accountID(ctx context.Context) (string, error) {
	b.once.Do(func() {
		var who Identity
		who, b.err = b.whoami(ctx)
		b.id, b.err = who.AccountID, explain(b.err, b.account)
		if b.err == nil && b.account.AccountID != "" && b.id != b.account.AccountID {
			b.err = hint.New(fmt.Errorf("%s: the credentials belong to account %s, not to %s", b.account.Name, b.id, b.account.AccountID),
				"correct account_id of %s in %s, or the credentials it begins with", b.account.Name, b.account.File().Path)
		}
	})
	return b.id, b.err
}

// base returns the client of the account that a's credentials begin at, with a's settings.
func (w *roleWork) base(ctx context.Context, a *accounts.Account) (*roleBase, error) {
	base := a.Chain()[0]
	hop, err := w.routes.Hop(a, "")
	if err != nil {
		return nil, err
	}
	key := base.Name + "\n" + hop.Key()
	if b := w.bases[key]; b != nil {
		return b, nil
	}
	provider, known := w.providers[base.Name]
	if !known {
		if provider, err = w.providerForMany(ctx, base); err != nil {
			return nil, explain(err, base)
		}
		w.providers[base.Name] = provider
	}
	b := &roleBase{client: newClient(hop, provider, false, w.report(a.Name)).through(w.pace.of), account: base}
	w.bases[key] = b
	return b, nil
}

// providerForMany is for so many roles that nobody wants to type a code for each: where base has a device, one session serves them
// all, even if base hands out its keys.
func (w *roleWork) providerForMany(ctx context.Context, base *accounts.Account) (aws.CredentialsProvider, error) {
	var session aws.Credentials
	var err error
	switch {
	case base.SSO == nil && base.MFASerial == "" && base.Way().WebIdentityTokenFile == "":
		client, _, err := w.Client(ctx, base)
		if err != nil {
			return nil, err
		}
		return client.config.Credentials, nil
	case base.Session == accounts.SessionNone:
		withSession := *base
		withSession.Session = accounts.SessionToken
		session, err = w.Obtain(ctx, &withSession)
	default:
		session, err = w.Session(base.Name).Retrieve(ctx)
	}
	return Static(session), err
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
	cfg.Credentials = Static(t.credentials)
	return iam.NewFromConfig(cfg), nil
}

func (w *roleWork) credentialsFor(ctx context.Context, t *roleTarget, base *roleBase) (aws.Credentials, error) {
	id, err := base.accountID(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	if id == t.AccountID {
		credentials, err := base.credentials(ctx)
		return credentials, explain(err, base.account)
	}
	way, err := w.routes.To(t.entrance)
	if err != nil {
		return aws.Credentials{}, err
	}
	attempt := w.Log.Begin(t.entrance)
	credentials, err := base.assumeRole(ctx, way.Last(), way.Origin.Kind, "")
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
