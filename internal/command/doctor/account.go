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
	"aws-accounts/internal/route"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// checkAccount asks AWS for just what `process` would ask for, and throws the answer away.
func (d *checkup) checkAccount() *finding.Area {
	a := &finding.Area{Title: "Account " + d.Only.Name}
	<-d.bases // of which one may be its source; the network and the keychain are known by then
	if d.resolver == nil {
		return a
	}
	ctx, cancel := patient()
	defer cancel()
	d.checkSession(ctx, a)
	switch {
	case !d.reached && d.Only.SSO == nil:
		a.Add(finding.Note, "role", "", "", "not tried, as AWS can't be reached")
	case d.Only.SSO != nil:
		d.checkSSO(ctx, a)
	case d.Only.IsBase():
		d.checkOwnSession(ctx, a)
	default:
		d.checkRole(ctx, a)
	}
	return a
}

// checkSession says what callers are handed now.
func (d *checkup) checkSession(ctx context.Context, a *finding.Area) {
	s, err := d.resolver.Sessions.Load(ctx, d.Only.Name)
	now := d.resolver.Sessions.Now()
	way, broken := route.To(d.Only)
	switch {
	case errors.Is(err, cache.ErrNotFound):
		a.OK("session", "", "no session in the keychain: the next call gets one")
	case err != nil:
		a.Add(finding.Warn, "session", "", fmt.Sprintf("`aws-accounts clear %s`", d.Only.Name), "the session in the keychain can't be used: %s", err)
	case broken != nil || s.Fingerprint != way.Identity():
		a.OK("session", "", "the accounts file has changed since the last session: the next call gets a new one")
	case !s.Valid(now):
		a.OK("session", "", "the last session has expired: the next call gets a new one")
	default:
		a.OK("session", "", "a session is in the keychain, %s", tui.Left(s.Expiration.Sub(now)))
	}
}

func (d *checkup) checkSSO(ctx context.Context, a *finding.Area) {
	s := d.Only.SSO
	_, err := d.resolver.Obtain(ctx, d.Only)
	if err == nil {
		a.OK("sso", "", "Identity Center %s gives the permission set %s in account %s", s.Session, s.RoleName, d.Only.AccountID)
		return
	}
	status := finding.Fail
	if _, needs := errors.AsType[*identitycenter.NeedsSignIn](err); needs || strings.Contains(hint.Of(err), "aws-accounts sso login") {
		status = finding.Warn
	}
	d.fail(a, status, "sso", err)
}

func (d *checkup) checkOwnSession(ctx context.Context, a *finding.Area) {
	if d.Only.MFASerial != "" {
		d.skipped(a, d.Only)
		return
	}
	if _, err := d.resolver.Obtain(ctx, d.Only); err != nil {
		d.fail(a, finding.Fail, "role", err)
		return
	}
	a.OK("role", "", "its credentials can be had")
}

// checkRole assumes the role.
func (d *checkup) checkRole(ctx context.Context, a *finding.Area) {
	role := d.Only
	if device := d.needsCode(ctx, role, true); device != nil {
		d.skipped(a, device)
		return
	}
	source := role.SourceAccount()
	client, way, err := d.resolver.Client(ctx, role)
	if err != nil {
		d.fail(a, finding.Fail, "role", err)
		return
	}
	credentials, err := client.AssumeRole(ctx, way.Last(), way.Origin.Kind, "")
	if err != nil {
		explained := process.Explain(err, role)
		if process.NewVerdict(err, role).IsUnexplained() {
			explained = hint.New(explained, "%s", d.whoRefuses(ctx, client))
		}
		d.fail(a, finding.Fail, "role", explained)
		return
	}
	if role.AccountID != "" && credentials.AccountID != role.AccountID {
		a.Add(finding.Fail, "role", "", fmt.Sprintf("correct account_id of %s in %s", role.Name, d.File.Path),
			"the role is of account %s, not of %s", credentials.AccountID, role.AccountID)
		return
	}
	with := "your base credentials"
	if source.Name != "" {
		with = source.Name
	}
	// What AWS gives where a credential_process is the source shows only now.
	lifetime := credentials.Expires.Sub(d.resolver.Sessions.Now()).Round(time.Minute)
	a.OK("role", "", "AWS lets %s assume %s for %s", with, role.RoleARN, accounts.Duration(lifetime))
}

// fail is a finding about the account itself, whose name stands above it.
func (d *checkup) fail(a *finding.Area, status finding.Status, check string, err error) {
	a.Add(status, check, "", hint.Of(err), "%s", strings.TrimPrefix(err.Error(), d.Only.Name+": "))
}

func (d *checkup) skipped(a *finding.Area, owner *accounts.Account) {
	a.Add(finding.Note, "role", "", fmt.Sprintf("`aws-accounts assume %s` asks for it and tries", d.Only.Name),
		"not tried, as it needs an MFA code of %s", process.Device(owner.MFASerial))
}

// needsCode returns the account whose device's code getting a's session takes now, nil if it takes none. For the account
// looked at itself a session in the keychain is no way round it.
func (d *checkup) needsCode(ctx context.Context, a *accounts.Account, itself bool) *accounts.Account {
	way, err := route.To(a)
	if err != nil {
		return nil // whoever goes it says why
	}
	hop := way.Last()
	if !itself {
		s, err := d.resolver.Sessions.Load(ctx, a.Name)
		if err == nil && s.Fingerprint == way.Identity() && s.Fresh(d.resolver.Sessions.Now()) {
			return nil
		}
	}
	switch {
	case a.IsBase() && hop.KeepsKey:
		return nil
	case hop.CodeOwner != nil:
		return hop.CodeOwner
	case hop.BySession:
		return d.needsCode(ctx, a.SourceAccount(), false)
	}
	return nil
}

// whoRefuses finds which of the two policies lacks something: the caller's, or the role's. Where AWS's message doesn't
// say so, the policy simulator may, if the caller has a right to it.
func (d *checkup) whoRefuses(ctx context.Context, client *process.Client) string {
	role := d.Only
	caller, account := "the caller", ""
	if who, err := client.Whoami(ctx); err == nil {
		caller, account = who.ARN, who.AccountID
	}
	allow := fmt.Sprintf(`allow %s to assume the role: {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "%s"}`, caller, role.RoleARN)
	trust := fmt.Sprintf("the caller may assume it, so it is the role: see that it exists, and that its trust policy names %s%s", trusted(account), process.Conditions(role))
	switch simulated, err := d.simulate(ctx, client, caller); {
	case err != nil:
		return fmt.Sprintf("check that the role exists, that its trust policy names %s%s, and that the caller may assume it", trusted(account), process.Conditions(role))
	case simulated == types.PolicyEvaluationDecisionTypeAllowed:
		return trust
	case simulated == types.PolicyEvaluationDecisionTypeExplicitDeny:
		return "a policy denies it: look for \"Deny\" in the policies of " + caller
	default:
		return allow
	}
}

// trusted is what a trust policy has to name for the caller to pass.
func trusted(account string) string {
	if account == "" {
		return "the caller"
	}
	return fmt.Sprintf("account %s or the caller", account)
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
