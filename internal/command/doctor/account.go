package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/internal/finding"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/identitycenter"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// checkAccount gets just what `process` would get, and throws it away.
func (d *checkup) checkAccount() *finding.Area {
	a := &finding.Area{Title: "Account " + d.Only.Name}
	d.bases() // of which one may be its source; the network and the keychain are known by then
	ctx, cancel := patient()
	defer cancel()
	d.checkSession(ctx, a)
	check := "role"
	if d.Only.SSO != nil {
		check = "sso"
	} else if !d.reached {
		a.Add(finding.Note, check, "", "", "not tried, as AWS can't be reached")
		return a
	}
	credentials, err := d.resolver.Obtain(ctx, d.Only)
	code, needsCode := errors.AsType[process.NeedsCode](err)
	_, signedOut := errors.AsType[*identitycenter.NeedsSignIn](err)
	switch {
	case needsCode:
		a.Add(finding.Note, check, "", fmt.Sprintf("`aws-accounts assume %s` asks for it and tries", d.Only.Name),
			"not tried, as it needs an MFA code of %s", process.Device(code.Device))
	case signedOut:
		d.fail(a, finding.Warn, check, err)
	case err != nil:
		d.fail(a, finding.Fail, check, d.explain(ctx, err))
	case d.Only.SSO != nil:
		a.OK(check, "", "Identity Center %s gives the permission set %s in account %s",
			d.Only.SSO.Session, d.Only.SSO.RoleName, d.Only.AccountID)
	case d.Only.IsBase():
		a.OK(check, "", "its credentials can be had")
	default:
		with := "your base credentials"
		if source := d.Only.SourceAccount(); source.Name != "" {
			with = source.Name
		}
		// What AWS gives where a credential_process is the source shows only now.
		lifetime := credentials.Expires.Sub(d.resolver.Sessions.Now()).Round(time.Minute)
		a.OK(check, "", "AWS lets %s assume %s for %s", with, d.Only.RoleARN, accounts.Duration(lifetime))
	}
	return a
}

// checkSession says what callers are handed now.
func (d *checkup) checkSession(ctx context.Context, a *finding.Area) {
	s, err := d.resolver.Sessions.Load(ctx, d.Only.Name)
	now := d.resolver.Sessions.Now()
	switch {
	case errors.Is(err, cache.ErrNotFound):
		a.OK("session", "", "no session in the keychain: the next call gets one")
	case err != nil:
		a.Add(finding.Warn, "session", "", fmt.Sprintf("`aws-accounts clear %s`", d.Only.Name), "the session in the keychain can't be used: %s", err)
	case !process.HandedOut(d.reader)(s):
		a.OK("session", "", "the accounts file has changed since the last session: the next call gets a new one")
	case !s.Valid(now):
		a.OK("session", "", "the last session has expired: the next call gets a new one")
	default:
		a.OK("session", "", "a session is in the keychain, %s", tui.Left(s.Expiration.Sub(now)))
	}
}

// fail is a finding about the account itself, whose name stands above it.
func (d *checkup) fail(a *finding.Area, status finding.Status, check string, err error) {
	a.Add(status, check, "", hint.Of(err), "%s", strings.TrimPrefix(err.Error(), d.Only.Name+": "))
}

// explain finds, where AWS denies the role without saying so, which of the two policies lacks something: the caller's, or the
// role's. The policy simulator may know, if the caller has a right to it.
func (d *checkup) explain(ctx context.Context, err error) error {
	if refusal, ok := errors.AsType[*process.Refusal](err); !ok || !refusal.Unexplained {
		return err
	}
	client, _, broken := d.resolver.Client(ctx, d.Only)
	if broken != nil { // it is the role of a source that was denied
		return err
	}
	caller, trusted := "the caller", "the caller"
	if who, err := client.Whoami(ctx); err == nil {
		caller, trusted = who.ARN, fmt.Sprintf("account %s or the caller", who.AccountID)
	}
	trusts := fmt.Sprintf("that its trust policy names %s%s", trusted, process.Conditions(d.Only))
	simulated, unknown := d.simulate(ctx, client, caller)
	switch {
	case unknown != nil:
		return hint.New(err, "check that the role exists, %s, and that the caller may assume it", trusts)
	case simulated == types.PolicyEvaluationDecisionTypeAllowed:
		return hint.New(err, "the caller may assume it, so it is the role: see that it exists, and %s", trusts)
	case simulated == types.PolicyEvaluationDecisionTypeExplicitDeny:
		return hint.New(err, "a policy denies it: look for \"Deny\" in the policies of %s", caller)
	}
	return hint.New(err, `allow %s to assume the role: {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "%s"}`, caller, d.Only.RoleARN)
}

// policySource is whose policies count: a session's are those of its role.
func policySource(caller string) string {
	a, err := arn.Parse(caller)
	if err != nil || a.Service != "sts" {
		return caller
	}
	parts := strings.Split(a.Resource, "/")
	if len(parts) < 2 || parts[0] != "assumed-role" {
		return caller
	}
	a.Service, a.Resource = "iam", "role/"+parts[1] // its path isn't known
	return a.String()
}

func (d *checkup) simulate(ctx context.Context, client *process.Client, caller string) (types.PolicyEvaluationDecisionType, error) {
	out, err := iam.NewFromConfig(client.Config).SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: aws.String(policySource(caller)),
		ActionNames:     []string{"sts:AssumeRole"},
		ResourceArns:    []string{d.Only.RoleARN},
	})
	if err != nil {
		return "", err
	}
	if len(out.EvaluationResults) == 0 {
		return "", errors.New("no result")
	}
	return out.EvaluationResults[0].EvalDecision, nil
}
