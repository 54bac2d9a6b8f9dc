// Package role is `aws-accounts role`: it makes, shows and deletes the IAM roles of many accounts at once.
//
// Invariant: it changes only roles that it has created, unless you say otherwise, and only after showing what it will do.
package role

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"aws-accounts/accounts"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/pattern"
	"aws-accounts/internal/role"
	"aws-accounts/internal/route"
)

// Command is `aws-accounts role …`: the IAM roles that accounts are entered through.
type Command struct {
	Create Create `cmd:"" help:"Make the role in each account, or bring it up to date."`
	Show   Show   `cmd:"" help:"Show an account's role as it is in AWS, and what differs."`
	Delete Delete `cmd:"" help:"Delete roles that role create has made."`
	Policy Policy `cmd:"" help:"Show the policies; a CloudFormation template; a Terraform module."`
}

// Targets are the accounts whose roles a command is about.
type Targets struct {
	Names []string `arg:"" optional:"" name:"name" help:"The accounts, or patterns like 'prod-*'."`
	All   bool     `help:"Every account with a role_arn."`
}

// roles are the accounts named that have a role, one for each role. To name one that has none is an error.
func (c *Targets) roles(file *accounts.File) ([]*accounts.Account, error) {
	var chosen []*accounts.Account
	switch {
	case c.All == (len(c.Names) > 0):
		return nil, hint.Usage(errors.New("which accounts?"), "name them (`dev prod`, `'prod-*'`), or all: `--all`")
	case c.All:
		chosen = slices.Collect(file.All())
	default:
		var err error
		if chosen, err = file.Select(c.Names); err != nil {
			return nil, err
		}
	}
	var roles []*accounts.Account
	seen := map[string]bool{}
	for _, a := range chosen {
		switch {
		case seen[a.RoleARN]:
		case a.RoleARN != "":
			seen[a.RoleARN] = true
			roles = append(roles, a)
		case c.names(a):
			return nil, noRole(a)
		}
	}
	if len(roles) == 0 {
		return nil, hint.New(fmt.Errorf("no account with a role_arn in %s", file.Path), "`aws-accounts add dev --role-arn=ARN` adds one")
	}
	return roles, nil
}

// names reports whether a itself is named, and not only meant by a pattern or --all.
func (c *Targets) names(a *accounts.Account) bool {
	return slices.ContainsFunc(c.Names, func(n string) bool { return strings.EqualFold(n, a.Name) })
}

func noRole(a *accounts.Account) error {
	if a.SSO != nil {
		return hint.New(fmt.Errorf("%s is entered through Identity Center, which makes its roles itself", a.Name), "name an account with a role_arn")
	}
	return hint.New(fmt.Errorf("%s has no role_arn: credentials begin there", a.Name), "name an account with a role_arn")
}

// Bootstrap is how an account is entered before it has its role.
type Bootstrap struct {
	BootstrapRole string `help:"The role to do it with in each account, by its name (default: ${default})." default:"OrganizationAccountAccessRole" placeholder:"NAME"`
}

// Shape is what the accounts file doesn't say of a role.
type Shape struct {
	Trust      []string `help:"Who may assume the role: an account, or the ARN of a user or role (default: the account it is assumed from, whose own IAM policies then decide)." placeholder:"PRINCIPAL" sep:"none"`
	RequireMFA *bool    `name:"require-mfa" negatable:"" help:"Demand MFA (default: if the account begins with an mfa_serial)."`
	Policy     []string `help:"A managed policy, by AWS's name for it or its ARN, in which ACCOUNT stands for each account (default: ReadOnlyAccess for a role without any)." placeholder:"POLICY" sep:"none"`
}

// describe fills in what t's role should be. It returns what is wrong with the command; what is wrong with the account is
// the target's own error.
func (w *roleWork) describe(ctx context.Context, shape *Shape, t *roleTarget) error {
	want, err := w.want(ctx, shape, t.Account)
	if hint.IsUsage(err) {
		return err
	}
	if t.want = want; t.err == nil {
		t.err = err
	}
	return nil
}

// want is a's role as it should be, for all accounts of the file that are entered through it: dev and dev-long, say.
func (w *roleWork) want(ctx context.Context, shape *Shape, a *accounts.Account) (role.Want, error) {
	var all role.Want
	for i, entry := range w.sharing[a.RoleARN] {
		trusted, err := w.trusted(ctx, entry)
		if err != nil {
			return all, err
		}
		want, err := shape.want(entry, trusted)
		if err != nil {
			return all, err
		}
		if i == 0 {
			all = want
		} else if !all.Add(want) {
			return all, hint.New(fmt.Errorf("%s and %s have the same role, but differ in external ID or MFA", w.sharing[a.RoleARN][0].Name, entry.Name),
				"make them agree in %s, or give one a role of its own", w.file.Path)
		}
	}
	return all, nil
}

// want is the role as it should be for a alone. trusted is the account that it's assumed from.
func (c *Shape) want(a *accounts.Account, trusted string) (role.Want, error) {
	w := role.Want{ARN: a.RoleARN, MaxSession: max(time.Hour, a.EffectiveDuration())}
	w.Trust = role.Trust{ExternalID: a.ExternalID, MFA: withMFA(a)}
	if c.RequireMFA != nil {
		if *c.RequireMFA && !w.Trust.MFA {
			return w, hint.New(fmt.Errorf("%s: the role can't demand MFA: it is assumed without", a.Name),
				"set \"mfa_serial\" of %s in %s, or leave --require-mfa out",
				cmp.Or(a.Chain()[0].Name, "the base account"), a.File().Path)
		}
		w.Trust.MFA = *c.RequireMFA
	}
	for _, link := range a.Chain() {
		// What one session of the chain has set, the next ones have as well.
		w.Trust.SourceIdentity = w.Trust.SourceIdentity || link.SourceIdentity != ""
		w.Trust.Tags = w.Trust.Tags || len(link.TransitiveTagKeys) > 0
	}
	w.Trust.Tags = w.Trust.Tags || len(a.SessionTags) > 0

	who := c.Trust
	if len(who) == 0 {
		who = []string{trusted}
	}
	for _, text := range who {
		p, err := role.Principal(text, route.PartitionOf(a))
		if err != nil {
			return w, hint.Usage(fmt.Errorf("%s: %w", a.Name, err), "`--trust=123456789012`, or `--trust=arn:aws:iam::123456789012:role/Name`")
		}
		w.Trust.Principals = append(w.Trust.Principals, p)
	}
	for _, text := range c.Policy {
		p, err := role.Policy(text, a.RoleARN)
		if err != nil {
			return w, hint.Usage(fmt.Errorf("%s: %w", a.Name, err), "`--policy=ReadOnlyAccess`, or of each account's own `--policy=arn:%s:iam::ACCOUNT:policy/Name`", route.PartitionOf(a))
		}
		if !slices.Contains(w.Policies, p) {
			w.Policies = append(w.Policies, p)
		}
	}
	return w, nil
}

// withMFA reports whether AWS sees MFA when a's role is assumed. A role's session never has it.
func withMFA(a *accounts.Account) bool {
	return a.CodeOwner() != nil || !a.IsChained() && a.SourceAccount().MFASerial != ""
}

// trusted is the AWS account that a's role is assumed from, which AWS is asked for where the file doesn't say.
func (w *roleWork) trusted(ctx context.Context, a *accounts.Account) (string, error) {
	source := a.SourceAccount()
	if source.AccountID != "" {
		return source.AccountID, nil
	}
	base, err := w.base(ctx, a)
	if err != nil {
		return "", err
	}
	return base.accountID(ctx)
}

func (c *Bootstrap) is(a *accounts.Account) bool {
	return strings.EqualFold(role.Name(a.RoleARN), c.BootstrapRole[strings.LastIndexByte(c.BootstrapRole, '/')+1:])
}

var bootstrapName = pattern.New(`^/?([\w+=,.@-]+/)*[\w+=,.@-]{1,64}$`)

func (c *Bootstrap) arnOf(a *accounts.Account) (string, error) {
	if !bootstrapName.MatchString(c.BootstrapRole) {
		return "", hint.Usage(fmt.Errorf("%q is no role's name", c.BootstrapRole), "`--bootstrap-role=OrganizationAccountAccessRole`: the same in each account")
	}
	return fmt.Sprintf("arn:%s:iam::%s:role/%s", route.PartitionOf(a), a.AccountID, strings.TrimPrefix(c.BootstrapRole, "/")), nil
}
