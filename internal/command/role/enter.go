package role

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"aws-accounts/accounts"
	"aws-accounts/internal/hint"
	"aws-accounts/process"
)

// roleBase is where the credentials begin that enter accounts, in one partition and with the same settings.
type roleBase struct {
	*process.Client
	account *accounts.Account
	once    sync.Once
	id      string
	err     error
}

// accountID is the AWS account that the credentials belong to, which must be the one that the file says.
func (b *roleBase) accountID(ctx context.Context) (string, error) {
	b.once.Do(func() {
		var who process.Identity
		who, b.err = b.Whoami(ctx)
		b.id, b.err = who.AccountID, process.Explain(b.err, b.account)
		if b.err == nil && b.account.AccountID != "" && b.id != b.account.AccountID {
			b.err = hint.New(fmt.Errorf("%s: the credentials belong to account %s, not to %s", b.account.Name, b.id, b.account.AccountID),
				"correct account_id of %s in %s, or the credentials it begins with", b.account.Name, b.account.File().Path)
		}
	})
	return b.id, b.err
}

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
			return nil, process.Explain(err, base)
		}
		w.providers[base.Name] = provider
	}
	b := &roleBase{Client: process.NewClient(hop, provider, false, w.Report(a.Name)).Through(w.pace.of), account: base}
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
		return client.Config.Credentials, nil
	case base.Session == accounts.SessionNone:
		withSession := *base
		withSession.Session = accounts.SessionToken
		session, err = w.Obtain(ctx, &withSession)
	default:
		session, err = w.Session(base.Name).Retrieve(ctx)
	}
	return process.Static(session), err
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
	cfg := base.Config.Copy()
	cfg.Credentials = process.Static(t.credentials)
	return iam.NewFromConfig(cfg), nil
}

func (w *roleWork) credentialsFor(ctx context.Context, t *roleTarget, base *roleBase) (aws.Credentials, error) {
	id, err := base.accountID(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	if id == t.AccountID {
		credentials, err := base.Credentials(ctx)
		return credentials, process.Explain(err, base.account)
	}
	way, err := w.routes.To(t.entrance)
	if err != nil {
		return aws.Credentials{}, err
	}
	attempt := w.Log.Begin(t.entrance)
	credentials, err := base.AssumeRole(ctx, way.Last(), way.Origin.Kind, "")
	if err = process.Explain(err, t.entrance); isRefused(err, "AccessDenied") {
		err = hint.New(err, "check that %s has the role, that it trusts account %s, and that you have sts:AssumeRole; --bootstrap-role names another", t.AccountID, id)
	}
	attempt.End(credentials, err)
	return credentials, err
}

func isRefused(err error, code string) bool {
	r, ok := errors.AsType[*process.Refusal](err)
	return ok && r.Code == code
}
